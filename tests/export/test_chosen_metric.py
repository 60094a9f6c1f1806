"""The figure that a recipe names is what the certificate judges a file by: its change, its interval, its budget."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Budget
from kerasvision.data.pipeline import picked, raw_examples, with_validation
from kerasvision.export import certificate
from tests.export.conftest import Planted

pytestmark = pytest.mark.usefixtures("floats_alone")
RARE, FEW = 8, 4  # a class of so few examples


@pytest.fixture(scope="module")
def long_tail(digits_run):
    """(splits, labels): of the test split the classes 0 to 4, and four of the class 8 that the model knows."""
    splits = with_validation(digits_run.recipe.data.open(), digits_run.recipe.validation_fraction)
    labels, known = [], []
    served = digits_run.served()
    for inputs, ground_truth, _ in raw_examples(splits["test"], digits_run.arch):
        labels.append(ground_truth["label"])
        known.append(served.serve(inputs)["probabilities"].numpy().argmax(1) == ground_truth["label"])
    labels, known = np.concatenate(labels), np.concatenate(known)
    kept = labels < 5
    kept[np.flatnonzero((labels == RARE) & known)[:FEW]] = True
    assert (labels[kept] == RARE).sum() == FEW
    return splits | {"test": picked(splits["test"], kept)}, labels[kept]


def without_the_rare(inputs, prediction):
    """Who is taken for the rare class is taken for the next one instead."""
    scores = prediction["probabilities"].copy()
    taken = scores.argmax(1) == RARE
    scores[taken] = np.roll(scores[taken], 1, axis=1)
    return prediction | {"probabilities": scores}


def exported(run, long_tail, out, monkeypatch, metric):
    monkeypatch.setattr(certificate, "with_validation", lambda *_: long_tail[0])
    recipe = dataclasses.replace(run.recipe, metric=metric, budget=Budget(accuracy_drop=0.05))
    file = Planted(run.served(), without_the_rare, bound=False)
    return certificate.export(run.kept(recipe=recipe), [file], out, verbose=False)


def predicted(run, split):
    rows = [run.served().serve(i)["probabilities"].numpy().argmax(1) for i, _, _ in raw_examples(split, run.arch)]
    return np.concatenate(rows)


def test_by_accuracy_a_file_that_has_lost_a_rare_class_keeps_the_budget(digits_run, long_tail, tmp_path, monkeypatch):
    """Four of 180 examples are 0.02 of accuracy. One of six classes is 0.17 of balanced accuracy, scikit-learn's."""
    splits, labels = long_tail
    top = predicted(digits_run, splits["test"])
    worse = np.where(top == RARE, RARE + 1, top)
    ((artifact,), contract) = exported(digits_run, long_tail, tmp_path, monkeypatch, "")
    agreement = artifact.agreement
    assert agreement["metric"] == "accuracy" and artifact.verdict == "pass"
    assert agreement["metric_change"] == pytest.approx((worse == labels).mean() - (top == labels).mean())
    fallen = balanced_accuracy_score(labels, worse) - balanced_accuracy_score(labels, top)
    found = artifact.metrics["balanced_accuracy"] - contract["metrics"]["test/balanced_accuracy"]
    assert found == pytest.approx(fallen) and fallen < -0.15
    with pytest.raises(KerasVisionError, match=rf"balanced_accuracy falls by {-fallen:.4f} .*accuracy_drop is 0\.05"):
        exported(digits_run, long_tail, tmp_path / "balanced", monkeypatch, "balanced_accuracy")


def test_a_class_may_decide(digits_run, long_tail, tmp_path, monkeypatch):
    """The recall of a class that has not changed keeps its budget."""
    splits, labels = long_tail
    top = predicted(digits_run, splits["test"])
    ((artifact,), contract) = exported(digits_run, long_tail, tmp_path, monkeypatch, "recall/3")
    assert artifact.agreement["metric"] == "recall/3" and artifact.agreement["direction"] == "max"
    assert artifact.metrics["recall/3"] == pytest.approx(recall_score(labels, top, average=None, labels=[3])[0])
    assert json.loads(json.dumps(contract["recipe"]))["metric"] == "recall/3"
    with pytest.raises(KerasVisionError, match=r"recall/8 falls by 1\.0000"):
        exported(digits_run, long_tail, tmp_path / "rare", monkeypatch, "recall/8")
    with pytest.raises(KerasVisionError, match="recall/9 of the trained model is None, which can be compared with"):
        exported(digits_run, long_tail, tmp_path / "absent", monkeypatch, "recall/9")
