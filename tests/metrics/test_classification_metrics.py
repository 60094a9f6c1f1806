"""Evaluators against scikit-learn and loops over the papers' formulas."""

import numpy as np
import pytest
from sklearn import metrics as sk

from kerasvision.metrics.classification import (
    MultiLabel,
    SingleLabel,
    best_factors,
    best_thresholds,
    expected_calibration_error,
)

CLASSES = tuple("abcdefgh")


def single(seed, count=300, classes=8):
    """Probabilities that know a little of the labels, and the labels; the last class never occurs."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes - 1, size=count)
    logits = rng.normal(0, 1.5, (count, classes))
    logits[np.arange(count), labels] += 1.0
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probabilities.astype(np.float32), labels


def evaluated(evaluator, pieces):
    for prediction, ground_truth in pieces:
        evaluator.update(prediction, ground_truth)
    return evaluator.result()


def in_pieces(count, sizes=(1, 7, 64)):
    edges = [0]
    while edges[-1] < count:
        edges.append(min(count, edges[-1] + sizes[len(edges) % len(sizes)]))
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]


def guo_calibration_error(confidences, correct, bins):
    """Equation 3 over the bins of section 2: ((m - 1) / M, m / M]."""
    error, n = 0.0, len(confidences)
    for m in range(1, bins + 1):
        inside = [i for i in range(n) if (m - 1) / bins < confidences[i] <= m / bins]
        if inside:
            accuracy = sum(correct[i] for i in inside) / len(inside)
            confidence = sum(float(confidences[i]) for i in inside) / len(inside)
            error += len(inside) / n * abs(accuracy - confidence)
    return error


@pytest.mark.parametrize("seed", range(3))
def test_single_label_is_scikit_learn_s(seed):
    probabilities, labels = single(seed)
    top = probabilities.argmax(1)
    pieces = [({"probabilities": probabilities[s]}, {"label": labels[s]}) for s in in_pieces(len(labels))]
    result = evaluated(SingleLabel(CLASSES), pieces)
    seen = sorted(set(labels))
    expected = {
        "accuracy": sk.accuracy_score(labels, top),
        "balanced_accuracy": np.mean([sk.recall_score(labels == c, top == c) for c in seen]),
        "macro_f1": np.mean([sk.f1_score(labels == c, top == c) for c in seen]),
        "macro_average_precision": sk.average_precision_score(
            np.eye(8)[labels][:, seen], probabilities[:, seen], average="macro"
        ),
        "matthews": gorodkin(sk.confusion_matrix(labels, top, labels=range(8))),
        "top_5_accuracy": sk.top_k_accuracy_score(labels, probabilities, k=5, labels=range(8)),
        "log_loss": -np.mean([np.log(float(p[y])) for p, y in zip(probabilities, labels, strict=True)]),
        "calibration_error": guo_calibration_error(probabilities.max(1), top == labels, 15),
    }
    recalls = sk.recall_score(labels, top, labels=seen, average=None)
    expected |= {f"recall/{CLASSES[c]}": r for c, r in zip(seen, recalls, strict=True)}
    assert result == pytest.approx(expected, abs=1e-6)


def gorodkin(counts):
    """Equation 8 on a confusion matrix."""
    n, right, true, said = counts.sum(), np.trace(counts), counts.sum(1), counts.sum(0)
    return (n * right - true @ said) / np.sqrt(float(n**2 - said @ said) * float(n**2 - true @ true))


def test_a_thousand_classes_are_not_listed_one_by_one():
    labels = np.arange(101)
    result = evaluated(SingleLabel([str(c) for c in labels]), [({"probabilities": np.eye(101)}, {"label": labels})])
    assert result["balanced_accuracy"] == 1.0 and not [k for k in result if k.startswith("recall/")]


def test_top_five_needs_more_than_five_classes():
    probabilities, labels = single(0, classes=5)
    result = evaluated(SingleLabel(CLASSES[:5]), [({"probabilities": probabilities}, {"label": labels})])
    assert "top_5_accuracy" not in result


def test_all_right_and_all_wrong():
    labels = np.array([0, 1, 2, 1])
    right = evaluated(SingleLabel(CLASSES[:3]), [({"probabilities": np.eye(3)[labels]}, {"label": labels})])
    assert right["accuracy"] == right["balanced_accuracy"] == right["macro_f1"] == 1.0
    assert right["matthews"] == right["macro_average_precision"] == right["recall/b"] == 1.0
    assert right["calibration_error"] == right["log_loss"] == 0.0
    wrong = evaluated(SingleLabel(CLASSES[:3]), [({"probabilities": np.eye(3)[(labels + 1) % 3]}, {"label": labels})])
    assert wrong["accuracy"] == wrong["macro_f1"] == 0.0 and wrong["calibration_error"] == 1.0


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_counts_edges_as_the_paper_does(bins):
    """Confidences exactly on the edges of bins belong to the bin below; 0 and 1 belong to a bin too."""
    rng = np.random.default_rng(bins)
    confidences = np.concatenate([np.arange(1, bins + 1) / bins, rng.uniform(0.01, 1, 50)])
    correct = rng.uniform(size=len(confidences)) < confidences
    expected = guo_calibration_error(confidences, correct, bins)
    assert expected_calibration_error(confidences, correct, bins) == pytest.approx(expected, abs=1e-12)


def test_calibration_error_of_a_known_case():
    """Four answers at 0.8, three of them right: |0.75 - 0.8|."""
    error = expected_calibration_error(np.full(4, 0.8), np.array([True, True, True, False]))
    assert error == pytest.approx(0.05)


def several(seed, count=400, classes=6):
    """Scores and truth of several labels; class 4 is rare, the last one never occurs."""
    rng = np.random.default_rng(seed)
    ground_truth = rng.uniform(size=(count, classes)) < np.array([0.5, 0.3, 0.2, 0.1, 0.01, 0.0])
    logits = rng.normal(-1, 1.5, (count, classes)) + 1.5 * ground_truth
    return (1 / (1 + np.exp(-logits))).astype(np.float32), ground_truth


def average_precision(ground_truth, scores):
    """sum over the ranks of true examples of precision at that rank / number of true examples (no equal scores)."""
    ranked = ground_truth[np.argsort(-scores)]
    return np.mean([ranked[: i + 1].mean() for i in np.flatnonzero(ranked)])


def wrong_pairs(ground_truth, scores):
    """Part of the pairs of a class that is on and one that is not of which the second has the higher score."""
    pairs = [(scores[a], scores[b]) for a in np.flatnonzero(ground_truth) for b in np.flatnonzero(~ground_truth)]
    return np.mean([on < off for on, off in pairs]) if pairs else 0.0


def needed(ground_truth, scores):
    """How many of the highest scores hold every class that is on."""
    return max(((scores >= scores[k]).sum() for k in np.flatnonzero(ground_truth)), default=0)


@pytest.mark.parametrize("seed", range(3))
def test_multi_label_is_the_definition(seed):
    probabilities, ground_truth = several(seed)
    present = probabilities >= 0.4
    pieces = [
        (
            {"probabilities": probabilities[s], "present": present[s].astype(np.int32)},
            {"present": ground_truth[s].astype(float)},
        )
        for s in in_pieces(len(ground_truth))
    ]
    result = evaluated(MultiLabel(CLASSES[:6]), pieces)
    known = [k for k in range(6) if ground_truth[:, k].any()]
    f1 = [sk.f1_score(ground_truth[:, k], present[:, k], zero_division=0) for k in range(6)]
    both, rows = (ground_truth & present).sum(), list(zip(ground_truth, present, strict=True))
    expected = {
        "mean_average_precision": np.mean([average_precision(ground_truth[:, k], probabilities[:, k]) for k in known]),
        "micro_f1": 2 * both / (ground_truth.sum() + present.sum()),
        "macro_f1": np.mean(f1),
        "subset_accuracy": np.mean([np.array_equal(a, b) for a, b in zip(ground_truth, present, strict=True)]),
        "hamming_loss": sk.hamming_loss(ground_truth, present),
        "example_f1": np.mean([2 * (t & p).sum() / (t.sum() + p.sum()) if (t | p).any() else 1.0 for t, p in rows]),
        "ranking_loss": np.mean([wrong_pairs(t, s) for t, s in zip(ground_truth, probabilities, strict=True)]),
        "coverage_error": np.mean([needed(t, s) for t, s in zip(ground_truth, probabilities, strict=True)]),
        "ranking_average_precision": np.mean(
            [average_precision(t, s) if t.any() else 1.0 for t, s in zip(ground_truth, probabilities, strict=True)]
        ),
    }
    assert result == pytest.approx(expected, abs=1e-6)


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
