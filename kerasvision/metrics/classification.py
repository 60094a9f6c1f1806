"""Evaluators for single-label and multi-label classification, on scikit-learn."""

import functools

import numpy as np
from sklearn import metrics as sk

from kerasvision.metrics.base import Evaluator, chosen


def expected_calibration_error(confidences, correct, bins=15):
    """The mean gap between confidence and accuracy over bins of equal width, 0..1: Guo et al. 2017, arXiv:1706.04599,
    equation 3. confidences: [N] in 0..1, of the predicted classes; correct: bool [N].
    """
    which = np.digitize(confidences, np.arange(1, bins) / bins, right=True)  # bin m is ((m - 1) / M, m / M]
    gaps = [
        (which == b).mean() * abs(confidences[which == b].mean() - correct[which == b].mean()) for b in np.unique(which)
    ]
    return float(np.sum(gaps))


MOST_LISTED = 100  # classes; with more, single recalls would bury the other figures


class SingleLabel(Evaluator):
    """Final. Of one class an example: `accuracy`, `top_5_accuracy` (of more than five classes), `log_loss` in nats,
    `calibration_error` (`expected_calibration_error`), and figures that count rare classes like frequent ones.

    balanced_accuracy, macro_f1 and macro_average_precision (the area under precision over recall, one class against
    the others) are means over the classes that occur. matthews: Matthews's correlation of decision and ground truth
    for several classes (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006, equation 8), 0 where one of the two is
    constant. recall/CLASS, for at most 100 classes: of those that occur.

    classes: names. prediction: `probabilities` [B, K]; ground_truth: `label` int [B].
    """

    def __init__(self, classes):
        self._classes = classes
        self._probabilities, self._labels = [], []

    @property
    def directions(self):
        more = ("accuracy", "balanced_accuracy", "macro_f1", "macro_average_precision", "matthews", "top_5_accuracy")
        return dict.fromkeys((*more, "recall"), "max") | {"log_loss": "min", "calibration_error": "min"}

    def update(self, prediction, ground_truth):
        self._probabilities.append(prediction["probabilities"])
        self._labels.append(ground_truth["label"])

    def figures(self, examples=None):
        given, labels = chosen(self._probabilities, examples), chosen(self._labels, examples)
        top, seen = given.argmax(1), np.unique(labels)
        exact = functools.cache(lambda: given.astype(np.float64))

        def recall(c):
            return float((top[labels == c] == c).mean())

        def average_precision():
            return np.mean([sk.average_precision_score(labels == c, exact()[:, c]) for c in seen])

        def log_loss():
            return -np.log(np.clip(exact()[np.arange(len(labels)), labels], 1e-12, 1)).mean()

        def among_five():
            order = np.argpartition(-exact(), 5, axis=1)[:, :5]
            return (order == labels[:, None]).any(1).mean()

        out = {
            "accuracy": lambda: float((top == labels).mean()),
            "balanced_accuracy": lambda: float(np.mean([recall(c) for c in seen])),
            "macro_f1": lambda: float(sk.f1_score(labels, top, labels=seen, average="macro", zero_division=0)),
            "macro_average_precision": lambda: float(average_precision()),
            "matthews": lambda: float(sk.matthews_corrcoef(labels, top)),
            "log_loss": lambda: float(log_loss()),
            "calibration_error": lambda: expected_calibration_error(exact().max(1), top == labels),
        }
        if len(self._classes) > 5:
            out["top_5_accuracy"] = lambda: float(among_five())
        if len(self._classes) <= MOST_LISTED:
            out |= {f"recall/{self._classes[c]}": functools.partial(recall, c) for c in seen}
        return out


class MultiLabel(Evaluator):
    """Final. Of several classes an example, as scikit-learn has them: `mean_average_precision` over the classes that
    occur; `micro_f1`, `macro_f1` and `example_f1` (F1 over all decisions, over classes and over examples);
    `subset_accuracy` (all classes of an example right); `hamming_loss` (share of wrong decisions); of the order of the
    classes by probability `ranking_loss`, `coverage_error` (how many of the first are needed to have all that the
    example has) and `ranking_average_precision`.

    classes: names. prediction: `probabilities` [B, K] and `present` [B, K], the decisions 0 or 1; ground_truth:
    `present` [B, K].
    """

    def __init__(self, classes):
        self._classes = classes
        self._probabilities, self._present, self._ground_truth = [], [], []

    @property
    def directions(self):
        precisions = ("mean_average_precision", "ranking_average_precision")
        more = (*precisions, "micro_f1", "macro_f1", "example_f1", "subset_accuracy")
        return dict.fromkeys(more, "max") | dict.fromkeys(("hamming_loss", "ranking_loss", "coverage_error"), "min")

    def update(self, prediction, ground_truth):
        self._probabilities.append(prediction["probabilities"])
        self._present.append(prediction["present"])
        self._ground_truth.append(ground_truth["present"])

    def figures(self, examples=None):
        probabilities = chosen(self._probabilities, examples)
        present, ground_truth = chosen(self._present, examples) > 0, chosen(self._ground_truth, examples) > 0

        def average_precision():
            known = [k for k in range(ground_truth.shape[1]) if ground_truth[:, k].any()]
            precisions = [sk.average_precision_score(ground_truth[:, k], probabilities[:, k]) for k in known]
            return float(np.mean(precisions)) if known else 0.0

        def f1(average, empty):
            return float(sk.f1_score(ground_truth, present, average=average, zero_division=empty))

        def ranked(measure):
            return float(measure(ground_truth, probabilities))

        return {
            "mean_average_precision": average_precision,
            "micro_f1": lambda: f1("micro", 0),
            "macro_f1": lambda: f1("macro", 0),
            "example_f1": lambda: f1("samples", 1),
            "subset_accuracy": lambda: float((present == ground_truth).all(1).mean()),
            "hamming_loss": lambda: float((present != ground_truth).mean()),
            "ranking_loss": lambda: ranked(sk.label_ranking_loss),
            "coverage_error": lambda: ranked(sk.coverage_error),
            "ranking_average_precision": lambda: ranked(sk.label_ranking_average_precision_score),
        }


def best_thresholds(probabilities, ground_truth):
    """Per class, the threshold of the probability with the largest F1 (Lipton et al. 2014, arXiv:1402.1892).

    probabilities: [N, K]; ground_truth: 0 or 1 [N, K] -> tuple of K floats, 0.5 for a class without an example. Each
    lies midway between the lowest probability that passes it and the next lower one, so that rounding in an exported
    file changes no decision, and is a float32 exactly.
    """
    thresholds = []
    for k in range(ground_truth.shape[1]):
        if not ground_truth[:, k].any():
            thresholds.append(0.5)
            continue
        precision, recall, cuts = sk.precision_recall_curve(ground_truth[:, k], probabilities[:, k])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        best = int(np.argmax(f1[:-1]))
        below = cuts[best - 1] if best else 0.0
        midway = np.float32((float(cuts[best]) + float(below)) / 2)
        exact = midway if midway > below else np.float32(cuts[best])  # neighbors in float32 have nothing between them
        thresholds.append(float(str(exact)))  # the shortest number that is this float32
    return tuple(thresholds)


def best_factors(probabilities, labels, weights, rounds=20):
    """One factor a class, with which argmax(probabilities * factors) is right on more weight of examples.

    probabilities: [N, K]; labels: int [N]; weights: [K], of an example of each class -> tuple of K, the largest 1.
    Thresholds moved as in Provost 2000, Machine Learning from Imbalanced Data Sets 101 (AAAI workshop), for several
    classes by coordinate ascent: with all other factors fixed, an example's decision changes once, where the class
    overtakes the best of the others, so each factor's best interval is found exactly. The end is a local optimum, never
    worse than factors of 1. A factor moves only where that is better, to the middle of the interval, in logarithms.
    """
    logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-30))
    of_example = np.asarray(weights, np.float64)[labels]
    biases = np.zeros(logs.shape[1])
    for _ in range(rounds):
        before = biases.copy()
        for k in range(len(biases)):
            biases[k] = _best_bias(logs + biases, k, labels, of_example) + biases[k]
        if np.array_equal(before, biases):
            break
    return tuple(float(f"{f:.6g}") for f in np.exp(biases - biases.max()))


def _best_bias(scores, k, labels, weights):
    """What to add to column k of the scores [N, K] of an argmax; 0 where nothing is better."""
    others = np.delete(scores, k, 1)
    second = others.argmax(1)
    second += second >= k
    cuts = others.max(1) - scores[:, k]  # an example's answer is k from this bias on
    gains = weights * ((labels == k).astype(np.float64) - (second == labels))
    order = np.argsort(cuts, kind="stable")
    cuts, totals = cuts[order], np.concatenate([[0.0], np.cumsum(gains[order])])
    edges = np.concatenate([[cuts[0] - 2.0], cuts, [cuts[-1] + 2.0]])  # interval i lies between edges i and i + 1
    wide = np.diff(edges) > 1e-5  # equal scores cannot be told apart, nor can scores that an export rounds
    now = totals[np.searchsorted(cuts, 0.0, side="right")]
    best = int(np.argmax(np.where(wide, totals, -np.inf)))
    if totals[best] <= now + 1e-9:
        return 0.0
    return float((edges[best] + edges[best + 1]) / 2)
