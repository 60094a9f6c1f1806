"""What a certificate says of an artifact with known faults: counts, the change of the metric, and its interval."""

import dataclasses
import re

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Budget
from kerasvision.data.pipeline import raw_examples
from kerasvision.export import certificate
from kerasvision.export.certificate import export
from kerasvision.export.measurement import drawn_rounding
from tests.export.conftest import Planted, on_image

pytestmark = pytest.mark.usefixtures("floats_alone")


@pytest.fixture(scope="module")
def examples(digits_run):
    """(images [N, 8, 8, 3], labels [N], whether the trained model is right [N]) of the test split."""
    rows = list(raw_examples(digits_run.recipe.data.open().splits["test"], digits_run.arch))
    images = np.concatenate([inputs["image"] for inputs, _, _ in rows])
    labels = np.concatenate([ground_truth["label"] for _, ground_truth, _ in rows])
    return images, labels, digits_run.served().serve({"image": images})["probabilities"].numpy().argmax(1) == labels


def wrong_on(images, numbers):
    """A `spoil` that takes the best class's score away from these examples."""
    spoiled = {images[n].tobytes() for n in numbers}

    def spoil(inputs, prediction):
        scores = prediction["probabilities"].copy()
        for row, image in zip(scores, inputs["image"], strict=True):
            if image.tobytes() in spoiled:
                row[row.argmax()] = 0.0
        return {"probabilities": scores}

    return spoil


def certified(trained, out, spoil, accuracy_drop=1.0, limit=None):
    """(the artifact, how it stands in the contract)."""
    trained = trained.under(Budget(accuracy_drop=accuracy_drop))
    exporter = Planted(trained.served(), spoil=spoil, bound=False)
    (artifact,), contract = export(trained, [exporter], out, limit=limit, verbose=False)
    return artifact, contract["artifacts"][0]


def test_faults_are_counted_exactly(digits_run, examples, tmp_path):
    images, labels, right = examples
    numbers = [*np.flatnonzero(right)[:9], *np.flatnonzero(~right)[:4]]
    artifact, _ = certified(digits_run, tmp_path, wrong_on(images, numbers))
    scores = digits_run.served().serve({"image": images})["probabilities"].numpy()
    spoiled = wrong_on(images, numbers)({"image": images}, {"probabilities": scores})["probabilities"]
    change = np.mean(spoiled.argmax(1) == labels) - right.mean()
    agreement = artifact.agreement
    assert agreement["examples"] == len(labels) == 359
    assert agreement["flips"] == len(numbers) and agreement["flip_rate"] == pytest.approx(13 / 359)
    assert agreement["metric"] == "accuracy" and agreement["metric_change"] == pytest.approx(change)
    assert artifact.metrics["accuracy"] == pytest.approx(np.mean(spoiled.argmax(1) == labels))
    errors = np.abs(spoiled - scores).max(1)
    assert agreement["max_error"] == pytest.approx(errors.max()) and agreement["worst"] == str(errors.argmax())
    assert agreement["max_relative_error"] == pytest.approx((errors / scores.max(1)).max())


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_the_interval_is_a_paired_bootstrap_s(digits_run, examples, tmp_path, share):
    """Delete-a-group jackknife against 4,000 resamplings of the examples, both of the paired difference.

    Twenty groups know the spread to 1 / sqrt(2 * 19) = 16 %, so a factor of 1.5 is 3 standard deviations.
    """
    images, _, right = examples
    rng = np.random.default_rng(round(100 * share))
    numbers = rng.choice(np.flatnonzero(right), round(share * len(images)), replace=False)
    artifact, _ = certified(digits_run, tmp_path, wrong_on(images, numbers))
    low, high = artifact.agreement["metric_change_interval"]
    difference = np.zeros(len(images))
    difference[numbers] = -1.0
    draws = difference[rng.integers(len(images), size=(4000, len(images)))].mean(1)
    expected_low, expected_high = np.quantile(draws, [0.025, 0.975])
    assert 1 / 1.5 < (high - low) / (expected_high - expected_low) < 1.5
    assert (low + high) / 2 == pytest.approx(difference.mean())


def test_the_interval_draws_whole_groups_of_a_split(digits_run, examples, tmp_path, monkeypatch):
    """Three pictures a person: a file that fails on whole persons is known as well as 120 persons tell, 1.96 deviations
    of their means over the root of 120, within a factor of 1.5 as above.
    """
    images, _, right = examples
    persons, plain = np.arange(len(images)) // 3, certificate.with_validation

    def with_persons(*given):
        splits = plain(*given)
        return splits | {"test": dataclasses.replace(splits["test"], groups=tuple(persons.tolist()))}

    monkeypatch.setattr(certificate, "with_validation", with_persons)
    numbers = np.flatnonzero(right & np.isin(persons, np.random.default_rng(4).choice(120, 18, replace=False)))
    agreement = certified(digits_run, tmp_path, wrong_on(images, numbers))[0].agreement
    difference = np.zeros(len(images))
    difference[numbers] = -1.0

    held = np.array([difference[persons % 20 != k].mean() for k in range(20)])
    reach = 1.96 * np.sqrt(19 / 20 * ((held - difference.mean()) ** 2).sum())
    low, high = agreement["metric_change_interval"]
    assert (high - low) / 2 == pytest.approx(reach)
    assert agreement["groups"] == len(set(persons)) == 120 and agreement["folds"] == 20
    means = np.array([difference[persons == person].mean() for person in range(120)])
    assert 1 / 1.5 < reach / (1.96 * means.std() / np.sqrt(120)) < 1.5
    assert reach > 1.2 * 1.96 * difference.std() / np.sqrt(len(images))  # what single pictures would pretend


def test_no_changed_decision_of_40_excludes_only_seven_points_and_a_half(digits_run, tmp_path):
    """The rule of three: at 95 %, 1 - 0.05 ** (1 / 40) = 0.0722 of decisions may change; 3 / 40 is its usual form."""
    for accuracy_drop, verdict in ((0.074, "unclear"), (0.076, "pass")):
        artifact, row = certified(digits_run, tmp_path, None, accuracy_drop, limit=40)
        agreement = artifact.agreement
        assert agreement["flips"] == 0 and agreement["metric_change_interval"] == [-0.075, 0.075]
        assert artifact.verdict == verdict == row["verdict"]
    assert certified(digits_run, tmp_path, None, 0.005, limit=40)[1]["notes"] == [
        "40 examples are too few to tell whether it keeps the budget of 0.005; about 601 would"
    ]


def test_a_file_within_the_bound_of_its_arithmetic_needs_no_statistics(digits_run, tmp_path):
    exporter = Planted(digits_run.served())
    (artifact,), _ = export(digits_run, [exporter], tmp_path, limit=40, verbose=False)
    assert artifact.agreement["tolerance"] and artifact.verdict == "pass"


@pytest.mark.parametrize("which", ["the most steady", "the least steady"])
def test_one_example_may_be_off_by_what_its_own_rounding_explains(digits_run, examples, tmp_path, which):
    """Just below the bound of the file and of the example, whichever is larger, it passes; just above it does not."""
    split, exporter = digits_run.recipe.data.open().splits["test"], Planted(digits_run.served())
    rounding, images = drawn_rounding(digits_run.served(), [exporter], split), examples[0][:40]
    own = rounding.of({number: {"image": image[None]} for number, image in enumerate(images)}, "float32")
    number = (min if which == "the most steady" else max)(own, key=own.get)
    bound = max(own[number], rounding.tolerance("float32"))
    assert (own[number] == bound) == (which == "the least steady")

    def planted(error):
        spoil = on_image(images[number][None], lambda scores: scores + np.float32(error))
        return dataclasses.replace(exporter, spoil=spoil, folder=f"off_by_{error:.2g}")

    near, exporters = planted(0.8 * bound), [planted(1.3 * bound), planted(5 * bound)]
    (artifact,), _ = export(digits_run, [near], tmp_path, limit=40, verbose=False)
    assert artifact.agreement["max_error"] == pytest.approx(0.8 * bound, rel=0.15) and artifact.verdict == "pass"
    assert artifact.agreement["max_error"] <= artifact.agreement["tolerance"] <= bound
    with pytest.raises(KerasVisionError) as caught:
        export(digits_run, exporters, tmp_path / "refused", limit=40, verbose=False)
    assert not (tmp_path / "refused").exists()
    for exporter in exporters:
        assert f"{exporter.spec} differs from the trained model by " in str(caught.value)
    assert str(caught.value).count(f"its arithmetic explains {bound:.2g}") == 2


def test_a_lower_metric_is_refused_on_evidence(digits_run, examples, tmp_path):
    images, _, right = examples
    spoil = wrong_on(images, np.flatnonzero(right)[:60])
    with pytest.raises(KerasVisionError) as caught:
        certified(digits_run, tmp_path, spoil, accuracy_drop=0.05)
    assert "planted accuracy falls by 0.1671 (worst on " in str(caught.value)
    assert str(caught.value).endswith("budget.accuracy_drop is 0.05") and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    kept, row = certified(digits_run, tmp_path, spoil, accuracy_drop=0.23)
    assert kept.agreement["metric_change_interval"][0] > -0.23 and not row["notes"] and kept.verdict == "pass"
    unclear, _ = certified(digits_run, tmp_path, spoil, accuracy_drop=0.17)
    assert unclear.verdict == "unclear" and unclear.agreement["examples_needed"] > 359


def test_too_few_examples_to_tell_are_said_to_be_too_few(digits_run, examples, tmp_path):
    images, _, right = examples
    spoil = wrong_on(images, np.flatnonzero(right)[:1])
    _, row = certified(digits_run, tmp_path, spoil, accuracy_drop=0.005, limit=30)
    assert row["agreement"]["metric_change"] == pytest.approx(-1 / 30)
    (note,) = row["notes"]
    about = re.fullmatch(
        "30 examples are too few to tell whether it keeps the budget of 0.005; about (\\d+) would", note
    )
    # one change in 30: its interval of +-0.065 must shrink to the 0.0283 between the change and the budget
    spread = row["agreement"]["metric_change"] - row["agreement"]["metric_change_interval"][0]
    assert int(about[1]) == pytest.approx(30 * (spread / (1 / 30 - 0.005)) ** 2, abs=2)


def test_fewer_examples_than_folds_are_enough(digits_run, tmp_path):
    agreement = certified(digits_run, tmp_path, None, limit=1)[0].agreement
    assert agreement["examples"] == 1 and agreement["metric_change_interval"] == [-1.0, 1.0]
    assert agreement["folds_left_out"] == 1
