"""The figure that a recipe names decides which epoch and phase are kept; what cannot decide is refused beforehand.

A long tail of 90, 6 and 4 examples, for which every epoch's predictions are planted; the figures of them are
scikit-learn's.
"""

import functools
import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from kerasvision.cli.main import main
from kerasvision.core.direction import Target
from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.core.source_code import recipe_source
from kerasvision.core.study import Study
from kerasvision.data.pipeline import picked, thinned, with_validation
from kerasvision.experiments.study import trained_runs
from kerasvision.metrics.classification import SingleLabel
from kerasvision.train import callbacks
from kerasvision.train.callbacks import read_history
from kerasvision.train.deciding import deciding
from kerasvision.train.session import Session
from tests.contract.cases import CASES, CaseSamples
from tests.train import tiny
from tests.undrawn import train

LABELS = np.repeat([0, 1, 2], [90, 6, 4])
# of each class, how many are right after an epoch: ever fewer of the many, ever more of the few, and then fewer again
RIGHT = {"first": (90, 0, 0), "second": (78, 5, 3), "third": (70, 4, 3), "later": (80, 6, 4)}


def predicted(right):
    """The classes that are predicted where so many of each class are right; the others are taken for the next one."""
    rows = zip((90, 6, 4), right, strict=True)
    return np.concatenate([np.where(np.arange(n) < r, k, (k + 1) % 3) for k, (n, r) in enumerate(rows)])


def known(epoch):
    top = predicted(RIGHT[epoch])
    return {"accuracy": accuracy_score(LABELS, top), "balanced_accuracy": balanced_accuracy_score(LABELS, top)}


def planted(monkeypatch, epochs):
    """Each evaluation of a training gives what the evaluator says of the next epoch's predictions."""
    left = list(epochs)

    def evaluate(served, examples):
        evaluator = SingleLabel(served.classes)
        evaluator.update({"probabilities": np.eye(10)[predicted(RIGHT[left.pop(0)])]}, {"label": LABELS})
        return evaluator.result()

    monkeypatch.setattr(callbacks, "evaluate_served", evaluate)


@pytest.mark.parametrize(
    ("metric", "epochs", "best", "kept"),
    [
        ("", ("first", "second", "third", "later"), 1, 1),
        ("balanced_accuracy", ("first", "second", "third", "third", "later"), 2, 2),
    ],
)
def test_a_long_tail_ends_at_another_epoch_and_phase(metric, epochs, best, kept, tmp_path, monkeypatch):
    """By accuracy the first epoch, where only the many are known; it stops after two that are worse, and the second
    phase does not help. By balanced accuracy the second epoch, and the second phase helps.
    """
    planted(monkeypatch, epochs)
    recipe = tiny.recipe(epochs=5, patience=2, then=(Phase(1, tiny.sgd(1e-6)),), metric=metric)
    run = train(recipe, tmp_path / "run")
    name, other = metric or "accuracy", "accuracy" if metric else "balanced_accuracy"
    held = [json.loads((run.folder / f"phase-{n}" / "best.json").read_text()) for n in (1, 2)]
    assert held[0] == {f"validation/{name}": pytest.approx(known(epochs[best - 1])[name]), "epoch": best}
    rows = read_history(run.folder / "history.csv")
    assert [r["phase"] for r in rows] == ["1"] * (len(epochs) - 1) + ["2"]
    ahead = [max(known(e)[name] for e in epochs[: n + 1]) for n in range(len(epochs) - 1)] + [known("later")[name]]
    assert [float(r[f"chosen_by/{name}"]) for r in rows] == pytest.approx(ahead)
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert metrics["phases/kept"] == kept == run.metrics["phases/kept"]
    assert metrics[f"chosen_by/{name}"] == pytest.approx(max(known(e)[name] for e in epochs))
    assert f"chosen_by/{other}" not in {*metrics, *rows[0]}
    assert run.chosen_by == (name, "max")


def test_which_epochs_are_best_is_known_beforehand():
    """Both orders, by hand: 90, 86, 77, 90 of 100; (1 + 0 + 0) / 3, (78 / 90 + 5 / 6 + 3 / 4) / 3 and so on."""
    assert [round(100 * known(e)["accuracy"]) for e in RIGHT] == [90, 86, 77, 90]
    assert known("second")["balanced_accuracy"] == pytest.approx((78 / 90 + 5 / 6 + 3 / 4) / 3)
    assert max(RIGHT, key=lambda e: known(e)["accuracy"]) == "first"
    assert max(list(RIGHT)[:3], key=lambda e: known(e)["balanced_accuracy"]) == "second"


def watched(**fields):
    """(metric, direction) of what a training of such a recipe watches."""
    recipe = tiny.recipe(model=tiny.classifier(num_classes=10), **fields)
    splits, classes = digits()
    chosen = deciding(recipe, recipe.model, classes, splits)
    session = Session(recipe, recipe.model, classes, splits, None, None, (), *chosen)
    return session.metric, session.direction


@functools.cache
def digits():
    """(splits, classes) of digits; no 3 is in the validation split, and no 4 in that of the test."""
    opened = tiny.recipe().data.open()
    splits = {name: thinned(split, 100) for name, split in with_validation(opened, 0.1).items()}
    for name, missing in (("validation", 3), ("test", 4)):
        labels = np.array([int(sample["label"]) for sample in splits[name].records.map(splits[name].read)])
        splits[name] = picked(splits[name], labels != missing)
    return splits, opened.classes


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("balanced_acuracy", "has no such figure; did you mean balanced_accuracy"),
        ("fame", "classification/classifier has no such figure; "),
        ("recal/7", "has no such figure; did you mean recall?"),
        ("recall/seven", "no class 'seven'; allowed: 0, 1, 2,"),
        ("recall/3", "the validation split has no example of '3' to measure it on"),
        ("accuracy/7", "of this model on the validation split; did you mean f1/7, precision/7, recall/7?"),
        ("accuracy_low", "is not measured of this model on the validation split; did you mean accuracy"),
    ],
)
def test_what_cannot_decide_is_one_line(metric, said):
    with pytest.raises(UsageError) as caught:
        watched(metric=metric)
    assert str(caught.value).startswith(f"metric={metric!r}") and said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("", "max"), ("macro_f1", "max"), ("log_loss", "min"), ("recall/7", "max"), ("recall/4", "max")],
)
def test_what_can_decide_is_watched_in_its_direction(metric, direction):
    assert watched(metric=metric) == (f"validation/{metric or 'accuracy'}", direction)


def test_what_files_are_judged_on_needs_the_class_as_well():
    with pytest.raises(UsageError, match="the test split has no example of '4' to measure it on"):
        watched(metric="recall/4", exports=(create("exporters/onnx"),))
    assert watched(metric="recall/5", exports=(create("exporters/onnx"),))[1] == "max"


def test_a_figure_that_is_neither_good_nor_bad_decides_nothing():
    restorer = create("generation/partial_unet")
    with pytest.raises(
        UsageError, match="'rmse_of_zeros': neither more nor less of it is.*allowed: mae, psnr, r2, rmse$"
    ):
        restorer.chosen_by("rmse_of_zeros", ())
    assert restorer.chosen_by("psnr", ()) == ("psnr", "max")
    assert restorer.chosen_by("", ()) == (restorer.main_metric, "max")


def test_a_figure_with_a_target_decides():
    regressor = create("regression/regressor", objective="quantile", levels=(0.1, 0.5, 0.9))
    assert regressor.chosen_by("coverage", ("w",)) == ("coverage", Target(0.8))


@pytest.mark.parametrize(
    ("family", "there", "absent"),
    [
        ("semantic_segmentation/unet", "boundary_f", "hd95"),
        ("detection/retinanet", "ap50", "accuracy"),
        ("classification/multi_label", "example_f1", "accuracy"),
    ],
)
def test_of_every_family_the_labels_say_what_is_measured(family, there, absent):
    """A class that no example has is added to those of the contract's samples."""
    opened, arch = CaseSamples(family, 1, validation=True).open(), CASES[family].make()
    recipe = tiny.recipe(model=arch, metric=there)
    assert deciding(recipe, arch, opened.classes, opened.splits)[0] == there
    with pytest.raises(UsageError, match=f"metric={absent!r}"):
        deciding(tiny.recipe(model=arch, metric=absent), arch, opened.classes, opened.splits)


@pytest.mark.parametrize("verb", ["train", "tune"])
def test_the_command_line_refuses_it_before_anything_is_trained(verb, tmp_path, capsys):
    path, out = tmp_path / "recipe.py", tmp_path / "out"
    path.write_text(recipe_source(tiny.recipe()))
    words = [verb, str(path), "--out", str(out), "--set", "metric=balanced"]
    words += ["--search", "epochs=1..2", "--trials", "1"] if verb == "tune" else []
    if verb == "tune":
        pytest.importorskip("optuna")
    assert main(words) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kerasvision: ")]
    assert "metric='balanced'" in line and "did you mean balanced_accuracy" in line
    assert not out.exists() or not list(out.iterdir())


def test_a_study_is_refused_before_its_first_training(tmp_path):
    study = Study("two", (tiny.recipe(), tiny.recipe(name="other", metric="fame")))
    with pytest.raises(UsageError, match="metric='fame'"):
        trained_runs(study, tmp_path, "default", None)
    assert not list(tmp_path.iterdir())
