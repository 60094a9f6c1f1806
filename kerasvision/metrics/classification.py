"""Evaluators for single-label and multi-label classification, on scikit-learn."""

import numpy as np
from sklearn import metrics as sk

from kerasvision.metrics.base import Evaluator, chosen

LISTED = 20  # classes


def expected_calibration_error(confidences, correct, bins=15):
    """Guo et al. 2017, arXiv:1706.04599, equation 3: the mean gap between confidence and accuracy over equal bins."""
    which = np.digitize(confidences, np.arange(1, bins) / bins, right=True)  # bin m is ((m - 1) / M, m / M]
    gaps = [
        (which == b).mean() * abs(confidences[which == b].mean() - correct[which == b].mean()) for b in np.unique(which)
    ]
    return float(np.sum(gaps))


class SingleLabel(Evaluator):
    """Top-1 and top-5 accuracy; balanced accuracy, macro F1, macro average precision (area under the precision-recall
    curve) and Matthews' correlation, which rare classes move; log loss and calibration of class probabilities. With at
    most `LISTED` classes also the recall of each.
    """

    def __init__(self, classes):
        self._classes = classes
        self._probabilities, self._labels = [], []

    def update(self, prediction, truth):
        self._probabilities.append(prediction["probabilities"])
        self._labels.append(truth["label"])

    def result(self, examples=None):
        probabilities = chosen(self._probabilities, examples).astype(np.float64)
        labels = chosen(self._labels, examples)
        top = probabilities.argmax(1)
        every = np.arange(len(self._classes))
        seen = np.unique(labels)
        out = {
            "accuracy": float((top == labels).mean()),
            "balanced_accuracy": float(np.mean([(top[labels == c] == c).mean() for c in seen])),
            "macro_f1": float(sk.f1_score(labels, top, labels=seen, average="macro", zero_division=0)),
            "macro_average_precision": float(
                np.mean([sk.average_precision_score(labels == c, probabilities[:, c]) for c in seen])
            ),
            "matthews_correlation": float(sk.matthews_corrcoef(labels, top)),
            "log_loss": float(-np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1)).mean()),
            "calibration_error": expected_calibration_error(probabilities.max(1), top == labels),
        }
        if len(every) > 5:
            order = np.argpartition(-probabilities, 5, axis=1)[:, :5]
            out["top_5_accuracy"] = float((order == labels[:, None]).any(1).mean())
        if len(every) <= LISTED:
            out |= {f"recall/{self._classes[c]}": float((top[labels == c] == c).mean()) for c in seen}
        return out


class MultiLabel(Evaluator):
    """Mean average precision; F1 over decisions, classes and examples; subset accuracy and Hamming loss; of the order
    of the classes: ranking loss, coverage (how many of the first are needed to have all) and average precision.
    """

    def __init__(self, classes):
        self._classes = classes
        self._probabilities, self._present, self._truth = [], [], []

    def update(self, prediction, truth):
        self._probabilities.append(prediction["probabilities"])
        self._present.append(prediction["present"])
        self._truth.append(truth["present"])

    def result(self, examples=None):
        probabilities = chosen(self._probabilities, examples)
        present, truth = chosen(self._present, examples) > 0, chosen(self._truth, examples) > 0
        known = [k for k in range(truth.shape[1]) if truth[:, k].any()]
        precisions = [sk.average_precision_score(truth[:, k], probabilities[:, k]) for k in known]
        return {
            "mean_average_precision": float(np.mean(precisions)) if known else 0.0,
            "micro_f1": float(sk.f1_score(truth, present, average="micro", zero_division=0)),
            "macro_f1": float(sk.f1_score(truth, present, average="macro", zero_division=0)),
            "example_f1": float(sk.f1_score(truth, present, average="samples", zero_division=1)),
            "subset_accuracy": float((present == truth).all(1).mean()),
            "hamming_loss": float((present != truth).mean()),
            "ranking_loss": float(sk.label_ranking_loss(truth, probabilities)),
            "coverage_error": float(sk.coverage_error(truth, probabilities)),
            "ranking_average_precision": float(sk.label_ranking_average_precision_score(truth, probabilities)),
        }


def best_thresholds(probabilities, truth):
    """Per class, the threshold with the largest F1 (Lipton et al. 2014, arXiv:1402.1892). Both [N, K] -> tuple of K.

    It lies midway to the next lower score, so that rounding in an export flips neither, and is exact in float32.
    """
    thresholds = []
    for k in range(truth.shape[1]):
        if not truth[:, k].any():
            thresholds.append(0.5)
            continue
        precision, recall, cuts = sk.precision_recall_curve(truth[:, k], probabilities[:, k])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        best = int(np.argmax(f1[:-1]))
        below = cuts[best - 1] if best else 0.0
        midway = np.float32((float(cuts[best]) + float(below)) / 2)
        exact = midway if midway > below else np.float32(cuts[best])  # neighbors in float32 have nothing between them
        thresholds.append(float(str(exact)))  # the shortest number that is this float32
    return tuple(thresholds)
