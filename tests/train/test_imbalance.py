"""Remedies for imbalance: what each does to the loss and to the data, and that each trains."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.data.sampling import class_counts, labels_of
from kerasvision.losses.classification import expected_cost, softmax_focal
from kerasvision.losses.detection import focal
from kerasvision.train.fit import train
from tests.train import tiny

TARGETS = {"logits": tf.one_hot([0, 1, 2, 0], 3)}
RAW = {"logits": tf.constant(np.random.default_rng(0).normal(0, 2, (4, 3)), tf.float32)}
COSTS = ((0.0, 1.0, 2.0), (5.0, 0.0, 1.0), (9.0, 3.0, 0.0))
REMEDIES = {
    "class_weights": {},
    "oversample": {},
    "undersample": {"ratio": 2.0},
    "logit_adjustment": {},
    "focal": {},
    "cost_matrix": {"costs": tuple(tuple(float(i != j) for j in range(10)) for i in range(10))},
}


def plain(targets, raw):
    return tiny.classifier(num_classes=3).loss(targets, raw)


@pytest.fixture(scope="module")
def imbalanced():
    """(an architecture, the training split of a long tail of digits, its counts)."""
    split = create("sources/long_tail", of=create("sources/digits"), ratio=10.0).open().splits["train"]
    return tiny.classifier(num_classes=10), split, np.bincount(labels_of(split))


def test_class_weights_are_the_papers_and_one_on_average(imbalanced):
    arch, split, counts = imbalanced
    inverse = np.array(create("techniques/class_weights").look_at(arch, split).weights)
    np.testing.assert_allclose(inverse * counts, np.full(10, counts.sum() / 10))
    beta = 0.99
    effective = create("techniques/class_weights", scheme="effective_number", beta=beta).look_at(arch, split).weights
    numbers = np.array([sum(beta**i for i in range(n)) for n in counts])  # Cui et al., equation 2
    np.testing.assert_allclose(np.array(effective) * numbers, np.full(10, effective[0] * numbers[0]))
    assert (np.array(effective) * counts).sum() == pytest.approx(counts.sum())


def test_objectives():
    weighted = create("techniques/class_weights", weights=(1.0, 2.0, 4.0)).objective(plain)(TARGETS, RAW)
    np.testing.assert_allclose(weighted["cross_entropy"], plain(TARGETS, RAW)["cross_entropy"] * [1, 2, 4, 1])
    shares = (0.7, 0.2, 0.1)
    adjusted = create("techniques/logit_adjustment", tau=1.5, priors=shares).objective(plain)(TARGETS, RAW)
    z = RAW["logits"].numpy() + 1.5 * np.log(shares)  # Menon et al., equation 10
    expected = np.log(np.exp(z).sum(1)) - z[np.arange(4), [0, 1, 2, 0]]
    np.testing.assert_allclose(adjusted["cross_entropy"], expected, rtol=1e-5)
    t, logits = TARGETS["logits"], RAW["logits"]
    (seen,) = create("techniques/focal", gamma=1.5).objective(plain)(TARGETS, RAW).values()
    np.testing.assert_array_equal(seen, softmax_focal(t, logits, 1.5))
    (seen,) = create("techniques/focal", form="sigmoid").objective(plain)(TARGETS, RAW).values()
    np.testing.assert_allclose(seen, focal(t, logits, None, 2.0) / 3)
    both = create("techniques/cost_matrix", costs=COSTS, weight=0.5).objective(plain)(TARGETS, RAW)
    np.testing.assert_allclose(both["expected_cost"], 0.5 * expected_cost(t, logits, COSTS))
    assert set(both) == {"cross_entropy", "expected_cost"}
    alone = create("techniques/cost_matrix", costs=COSTS, alone=True).objective(plain)(TARGETS, RAW)
    assert set(alone) == {"expected_cost"}


def test_samplers_give_exact_counts(imbalanced):
    arch, split, counts = imbalanced

    def after(name, **fields):
        changed = create(f"techniques/{name}", **fields).records(split, arch)
        found = class_counts(labels_of(changed), 10)
        assert changed.size == found.sum()
        return found

    np.testing.assert_array_equal(after("oversample"), np.full(10, counts.max()))
    np.testing.assert_array_equal(after("oversample", ratio=0.5), np.maximum(counts, np.rint(counts.max() / 2)))
    np.testing.assert_array_equal(after("undersample"), np.full(10, counts.min()))
    np.testing.assert_array_equal(after("undersample", ratio=3.0), np.minimum(counts, 3 * counts.min()))


@pytest.mark.parametrize("name", REMEDIES)
def test_each_trains_and_is_resumed(name, tmp_path):
    data = create("sources/long_tail", of=tiny.recipe().data, ratio=3.0)
    recipe = tiny.recipe(data=data, techniques=(create(f"techniques/{name}", **REMEDIES[name]),))
    trained = train(recipe, tmp_path / "run")
    assert np.isfinite(trained.metrics["test/balanced_accuracy"])
    assert train(recipe, tmp_path / "run", resume=True).metrics == trained.metrics


def test_the_focal_loss_takes_the_form_of_its_task():
    several = create("classification/multi_label", num_classes=3)
    assert create("techniques/focal").look_at(several, None).form == "sigmoid"
    assert create("techniques/focal").look_at(tiny.classifier(num_classes=3), None).form == "softmax"


@pytest.mark.parametrize("name", [n for n in REMEDIES if n != "focal"])
def test_another_task_is_refused(name):
    technique, other = (
        create(f"techniques/{name}", **REMEDIES[name]),
        create("classification/multi_label", num_classes=3),
    )
    with pytest.raises(UsageError, match="use it with classification/classifier"):
        technique.look_at(other, None)
        technique.records(None, other)


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("class_weights", {"beta": 1.0}, "class_weights.beta=1; allowed: 0 to less than 1"),
        ("class_weights", {"weights": (1.0, 0.0)}, "allowed: numbers above 0, one a class"),
        ("oversample", {"ratio": 1.5}, "oversample.ratio=1.5; allowed: above 0 to 1"),
        ("undersample", {"ratio": 0.5}, "undersample.ratio=0.5; allowed: 1 or more"),
        ("logit_adjustment", {"tau": 0.0}, "logit_adjustment.tau=0; allowed: above 0"),
        ("focal", {"gamma": -1.0}, "focal.gamma=-1; allowed: 0 or more"),
        ("cost_matrix", {"costs": ((0.0, 1.0),)}, "allowed: K rows of K numbers"),
        ("cost_matrix", {"costs": ((1.0, 1.0), (1.0, 0.0))}, "0 for the right answer"),
    ],
)
def test_fields_are_checked(name, fields, says):
    with pytest.raises(UsageError, match=says):
        create(f"techniques/{name}", **fields)


def test_numbers_of_another_count_of_classes_are_refused(imbalanced):
    arch, split, _ = imbalanced
    for technique in (
        create("techniques/class_weights", weights=(1.0, 2.0)),
        create("techniques/logit_adjustment", priors=(0.5, 0.5)),
        create("techniques/cost_matrix", costs=COSTS),
    ):
        with pytest.raises(UsageError, match=r"\b10\b"):
            technique.look_at(arch, split)
    smoothed = dataclasses.replace(arch, label_smoothing=0.1)
    with pytest.raises(UsageError, match="set model.label_smoothing=0"):
        create("techniques/focal").look_at(smoothed, split)
