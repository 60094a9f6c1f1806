"""Evaluators against scikit-learn and loops over the papers' formulas."""

import numpy as np
import pytest
from sklearn import metrics as sk

from kerasvision.metrics.classification import MultiLabel, SingleLabel, expected_calibration_error

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


def tied(scores, steps=4):
    """Scores of few values, as an integer file gives them: most are equal to others."""
    return np.round(scores * steps) / np.float32(steps)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_single_label_is_scikit_learn_s(seed, ties):
    probabilities, labels = single(seed)
    probabilities = tied(probabilities) if ties else probabilities
    top = probabilities.argmax(1)
    pieces = [({"probabilities": probabilities[s]}, {"label": labels[s]}) for s in in_pieces(len(labels))]
    result = evaluated(SingleLabel(CLASSES), pieces)
    seen = sorted(set(labels))
    expected = {
        "accuracy": sk.accuracy_score(labels, top),
        "balanced_accuracy": np.mean([sk.recall_score(labels == c, top == c) for c in seen]),
        "macro_precision": np.mean([sk.precision_score(labels == c, top == c, zero_division=0) for c in seen]),
        "macro_f1": np.mean([sk.f1_score(labels == c, top == c) for c in seen]),
        "macro_average_precision": sk.average_precision_score(
            np.eye(8)[labels][:, seen], probabilities[:, seen], average="macro"
        ),
        "roc_auc": sk.roc_auc_score(np.eye(8)[labels][:, seen], probabilities[:, seen], average="macro"),
        "matthews": gorodkin(sk.confusion_matrix(labels, top, labels=range(8))),
        "top_5_accuracy": sk.top_k_accuracy_score(labels, probabilities, k=5, labels=range(8)),
        "log_loss": -np.mean([np.log(max(1e-12, float(p[y]))) for p, y in zip(probabilities, labels, strict=True)]),
        "calibration_error": guo_calibration_error(probabilities.max(1), top == labels, 15),
    }
    options = {"labels": seen, "average": None, "zero_division": 0}
    for kind, score in {"recall": sk.recall_score, "precision": sk.precision_score, "f1": sk.f1_score}.items():
        expected |= {f"{kind}/{CLASSES[c]}": v for c, v in zip(seen, score(labels, top, **options), strict=True)}
    assert result == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("ties", [False, True])
def test_roc_auc_of_several_and_of_two_classes_is_scikit_learn_s(ties):
    """Of all classes one against the rest, and of two that of the second by its probability."""
    probabilities, labels = single(5, classes=4)
    known = probabilities[:, :3].astype(np.float64)
    known = (tied(known) + 0.125) / (tied(known) + 0.125).sum(1, keepdims=True) if ties else known
    known /= known.sum(1, keepdims=True)
    result = evaluated(SingleLabel(CLASSES[:3]), [({"probabilities": known}, {"label": labels})])
    expected = sk.roc_auc_score(labels, known, multi_class="ovr", average="macro")
    assert result["roc_auc"] == pytest.approx(expected, abs=1e-9)
    second = tied(probabilities[:, 1]) if ties else probabilities[:, 1]
    pair = np.stack([1 - second, second], 1)
    result = evaluated(SingleLabel(CLASSES[:2]), [({"probabilities": pair}, {"label": labels % 2})])
    assert result["roc_auc"] == pytest.approx(sk.roc_auc_score(labels % 2, second), abs=1e-9)
    assert result["precision/b"] == pytest.approx(sk.precision_score(labels % 2, pair.argmax(1)), abs=1e-9)


def test_of_one_class_alone_what_compares_classes_is_left_out():
    probabilities, _ = single(0)
    result = evaluated(SingleLabel(CLASSES), [({"probabilities": probabilities}, {"label": np.full(300, 2)})])
    assert "roc_auc" not in result and all(np.isfinite(v) for v in result.values())
    assert {k for k in result if "/" in k} == {"recall/c", "precision/c", "f1/c"}
    said = (probabilities.argmax(1) == 2).mean()
    assert result["macro_precision"] == 1.0 and result["balanced_accuracy"] == result["accuracy"] == said


def test_a_class_that_is_never_said_has_no_precision_of_its_own():
    labels = np.array([0, 1, 1, 2])
    result = evaluated(SingleLabel(CLASSES[:3]), [({"probabilities": np.eye(3)[[0, 0, 1, 1]]}, {"label": labels})])
    assert result["precision/c"] == result["recall/c"] == result["f1/c"] == 0.0
    assert result["macro_precision"] == pytest.approx((0.5 + 0.5 + 0.0) / 3)


def gorodkin(counts):
    """Equation 8 on a confusion matrix."""
    n, right, true, said = counts.sum(), np.trace(counts), counts.sum(1), counts.sum(0)
    return (n * right - true @ said) / np.sqrt(float(n**2 - said @ said) * float(n**2 - true @ true))


def test_a_thousand_classes_are_not_listed_one_by_one():
    labels = np.arange(101)
    result = evaluated(SingleLabel([str(c) for c in labels]), [({"probabilities": np.eye(101)}, {"label": labels})])
    assert result["balanced_accuracy"] == 1.0 and not [k for k in result if "/" in k]


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
    """Part of the pairs of a class that is on and one that is not of which the second has no lower score."""
    pairs = [(scores[a], scores[b]) for a in np.flatnonzero(ground_truth) for b in np.flatnonzero(~ground_truth)]
    return np.mean([on <= off for on, off in pairs]) if pairs else 0.0


def needed(ground_truth, scores):
    """How many of the highest scores hold every class that is on."""
    return max(((scores >= scores[k]).sum() for k in np.flatnonzero(ground_truth)), default=0)


def best(scores, k):
    """bool [N, K]: the k highest scores of each row; of equal ones the first."""
    rows = [sorted(range(len(row)), key=lambda c, row=row: (-row[c], c))[:k] for row in scores]
    return np.array([np.isin(np.arange(scores.shape[1]), row) for row in rows])


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_multi_label_is_the_definition_and_scikit_learn_s(seed, ties):
    probabilities, ground_truth = several(seed)
    probabilities = tied(probabilities) if ties else probabilities
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
    true, scores, said = (part[:, known] for part in (ground_truth, probabilities, present))
    f1 = [sk.f1_score(ground_truth[:, k], present[:, k], zero_division=0) for k in known]
    both, rows = (ground_truth & present).sum(), list(zip(ground_truth, present, strict=True))
    expected = {
        "mean_average_precision": sk.average_precision_score(true, scores, average="macro"),
        "roc_auc": sk.roc_auc_score(true, scores, average="macro"),
        "micro_f1": 2 * both / (ground_truth.sum() + present.sum()),
        "macro_f1": np.mean(f1),
        "macro_precision": sk.precision_score(true, said, average="macro", zero_division=0),
        "macro_recall": sk.recall_score(true, said, average="macro"),
        "subset_accuracy": np.mean([np.array_equal(a, b) for a, b in zip(ground_truth, present, strict=True)]),
        "hamming_loss": sk.hamming_loss(ground_truth, present),
        "example_f1": np.mean([2 * (t & p).sum() / (t.sum() + p.sum()) if (t | p).any() else 1.0 for t, p in rows]),
        "ranking_loss": np.mean([wrong_pairs(t, s) for t, s in zip(ground_truth, probabilities, strict=True)]),
        "coverage_error": np.mean([needed(t, s) for t, s in zip(ground_truth, probabilities, strict=True)]),
        "ranking_average_precision": sk.label_ranking_average_precision_score(ground_truth, probabilities),
    }
    for k in (1, 3, 5):
        decided, any_on = best(probabilities, k), ground_truth.any(1)
        expected[f"precision_at_{k}"] = sk.precision_score(ground_truth, decided, average="samples", zero_division=0)
        expected[f"recall_at_{k}"] = sk.recall_score(ground_truth[any_on], decided[any_on], average="samples")
    options = {"average": None, "zero_division": 0}
    for kind, score in {"recall": sk.recall_score, "precision": sk.precision_score, "f1": sk.f1_score}.items():
        expected |= {f"{kind}/{CLASSES[k]}": v for k, v in zip(known, score(true, said, **options), strict=True)}
    areas = sk.roc_auc_score(true, scores, average=None)
    expected |= {f"roc_auc/{CLASSES[k]}": v for k, v in zip(known, areas, strict=True)}
    assert result == pytest.approx(expected, abs=1e-9)
    if not ties:
        assert expected["mean_average_precision"] == pytest.approx(
            np.mean([average_precision(ground_truth[:, k], probabilities[:, k]) for k in known])
        )


@pytest.mark.parametrize("truth", [0, 1])
def test_labels_of_which_all_or_no_example_is_one(truth):
    """No area, no recall of the first where none has it; what is left is finite."""
    probabilities, _ = several(0)
    ground_truth = np.full(probabilities.shape, truth)
    given = {"probabilities": probabilities, "present": (probabilities > 0.5).astype(np.int32)}
    result = evaluated(MultiLabel(CLASSES[:6]), [(given, {"present": ground_truth})])
    assert all(np.isfinite(v) for v in result.values())
    assert not [k for k in result if k.startswith("roc_auc")]
    single, at = ([k for k in result if sign in k] for sign in ("/", "recall_at"))
    assert (len(single), len(at)) == ((18, 3) if truth else (0, 0))
    assert result["macro_precision"] == result["mean_average_precision"] == truth


def test_a_label_that_nobody_has_takes_nothing_from_macro_figures():
    ground_truth = np.array([[1, 0, 0], [0, 1, 0]])
    given = {"probabilities": 0.1 + 0.8 * ground_truth, "present": ground_truth}
    result = evaluated(MultiLabel(CLASSES[:3]), [(given, {"present": ground_truth})])
    assert result["macro_f1"] == result["macro_precision"] == result["macro_recall"] == result["roc_auc"] == 1.0
    assert not [k for k in result if k.endswith("/c")]


def test_precision_and_recall_of_the_likeliest_labels():
    """Of the two examples with labels, one has both of its two among the first three, the other two of its four."""
    ground_truth = np.array([[1, 1, 0, 0, 0], [1, 0, 1, 1, 1], [0, 0, 0, 0, 0]])
    probabilities = np.array([[0.9, 0.8, 0.7, 0.1, 0.2], [0.1, 0.9, 0.8, 0.2, 0.3], [0.5, 0.4, 0.3, 0.2, 0.1]])
    given = {"probabilities": probabilities, "present": ground_truth}
    result = evaluated(MultiLabel(CLASSES[:5]), [(given, {"present": ground_truth})])
    assert result["precision_at_1"] == pytest.approx(1 / 3) and result["recall_at_1"] == pytest.approx(0.25)
    assert result["precision_at_3"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert result["recall_at_3"] == pytest.approx((1 + 2 / 4) / 2)
    assert "precision_at_5" not in result
