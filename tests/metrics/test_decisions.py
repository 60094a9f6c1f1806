"""Thresholds and factors that are chosen on a split, against every one that there is."""

import numpy as np
import pytest
from sklearn import metrics as sk

from kerasvision.metrics.decisions import best_factors, best_thresholds
from tests.metrics.test_classification_metrics import several


def f1_at(ground_truth, scores, cut):
    on = scores >= np.float32(cut)
    return 2 * (on & ground_truth).sum() / max(1, on.sum() + ground_truth.sum())


def best_f1(ground_truth, scores):
    """Over every threshold there is: one at each score, and one above all."""
    return max(f1_at(ground_truth, scores, cut) for cut in [*np.unique(scores), np.float32(2.0)])


SCALES = {
    "usual": lambda p: p,
    "tiny": lambda p: p * np.float32(1e-7),  # a rare class of an untrained head
    "saturated": lambda p: np.float32(1) - p * np.float32(1e-6),
    "coarse": lambda p: np.round(p * 8) / np.float32(8),  # many equal scores, as from an integer file
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("seed", range(3))
def test_best_thresholds_are_the_best(seed, scale):
    """In float32, as the graph compares, with >=, as the graph does."""
    probabilities, ground_truth = several(seed)
    scores = SCALES[scale](probabilities).astype(np.float32)
    thresholds = best_thresholds(scores, ground_truth)
    assert len(thresholds) == 6 and all(isinstance(t, float) for t in thresholds)
    for k in range(6):
        if ground_truth[:, k].any():
            assert f1_at(ground_truth[:, k], scores[:, k], thresholds[k]) == best_f1(
                ground_truth[:, k], scores[:, k]
            ), k


def test_a_class_that_never_occurs_keeps_one_half():
    probabilities, ground_truth = several(0)
    assert best_thresholds(probabilities, ground_truth)[5] == 0.5


def test_a_threshold_leaves_room_to_both_sides():
    """Between the lowest score that is on and the highest that is off, so that rounding in an export flips neither."""
    scores = np.array([[0.1], [0.2], [0.6], [0.9]], np.float32)
    assert best_thresholds(scores, np.array([[0], [0], [1], [1]]) > 0) == (pytest.approx(0.4),)


def skewed(seed, count=400, classes=4):
    """Probabilities that neglect rare classes, and labels of very unequal counts."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, count, p=[0.7, 0.2, 0.07, 0.03])
    logits = rng.normal(0, 1.2, (count, classes)) + np.log([0.7, 0.2, 0.07, 0.03])
    logits[np.arange(count), labels] += 1.5
    return (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32), labels


def right_weight(probabilities, labels, weights, factors):
    return weights[labels][(probabilities * np.asarray(factors)).argmax(1) == labels].sum()


@pytest.mark.parametrize("seed", range(4))
def test_best_factors_are_better_than_none_and_than_their_neighbors(seed):
    probabilities, labels = skewed(seed)
    weights = 1 / np.bincount(labels)
    factors = best_factors(probabilities, labels, weights)
    assert max(factors) == 1.0 and min(factors) > 0
    best = right_weight(probabilities, labels, weights, factors)
    assert best > right_weight(probabilities, labels, weights, np.ones(4)) + 0.1
    for k in range(4):  # a grid over every single factor
        for step in np.linspace(-4, 4, 81):
            moved = np.array(factors)
            moved[k] *= np.exp(step)
            assert right_weight(probabilities, labels, weights, moved) <= best + 1e-9


def test_best_factors_of_two_classes_are_the_best_threshold():
    """With two classes one coordinate is all there is, so the optimum is that over every cut."""
    probabilities, labels = skewed(7)
    two = labels < 2
    probabilities = probabilities[two][:, :2] / probabilities[two][:, :2].sum(1, keepdims=True)
    labels = labels[two]
    factors = best_factors(probabilities, labels, 1 / np.bincount(labels))
    answered = (probabilities * factors).argmax(1)
    cuts = [*np.unique(probabilities[:, 1]), 2.0]
    best = max(sk.balanced_accuracy_score(labels, probabilities[:, 1] >= cut) for cut in cuts)
    assert sk.balanced_accuracy_score(labels, answered) == pytest.approx(best)


def test_factors_stay_where_nothing_is_better():
    labels = np.array([0, 1, 2, 1, 0, 2])
    assert best_factors(np.eye(3)[labels] * 0.7 + 0.1, labels, np.ones(3)) == (1.0, 1.0, 1.0)
