"""Evaluators for single-label and multi-label classification, on scikit-learn."""

import functools

import numpy as np
from sklearn import metrics as sk

from kerasvision.metrics import confusions
from kerasvision.metrics.base import Evaluator, chosen

AT = (1, 3, 5)  # of the likeliest classes, how many are looked at


def expected_calibration_error(confidences, correct, bins=15):
    """The mean gap between confidence and accuracy over bins of equal width, 0..1: Guo et al. 2017, arXiv:1706.04599,
    equation 3. confidences: [N] in 0..1, of the predicted classes; correct: bool [N].
    """
    which = np.digitize(confidences, np.arange(1, bins) / bins, right=True)  # bin m is ((m - 1) / M, m / M]
    gaps = [
        (which == b).mean() * abs(confidences[which == b].mean() - correct[which == b].mean()) for b in np.unique(which)
    ]
    return float(np.sum(gaps))


def roc_auc(is_positive, scores):
    """The area under the ROC curve, the chance that a positive example scores higher than a negative one, ties counting
    half (Hanley, McNeil 1982, doi:10.1148/radiology.143.1.7063747). is_positive: bool [N]; scores: [N] -> float, None
    where all examples are of one kind.
    """
    return None if is_positive.all() or not is_positive.any() else float(sk.roc_auc_score(is_positive, scores))


MOST_LISTED = 100  # classes; with more, the figures of single ones would bury the others


class SingleLabel(Evaluator):
    """Final. Of one class an example: `accuracy`, `top_5_accuracy` (of more than five classes; of equal scores the
    later classes come first, as in scikit-learn), `log_loss` in nats, `calibration_error`
    (`expected_calibration_error`), and figures that count rare classes like frequent ones.

    balanced_accuracy (the mean recall), macro_precision, macro_f1, macro_average_precision (the area under precision
    over recall, one class against the others) and roc_auc (the function, one class against the others; of two classes
    that of the second) are means over the classes that occur; a class that is never said has a precision of 0. roc_auc
    is left out where a single class occurs. matthews: Matthews's correlation of decision and ground truth for several
    classes (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006, equation 8), 0 where one of the two is constant.
    recall/CLASS, precision/CLASS and f1/CLASS, for at most 100 classes: of those that occur.

    Where predictions have sets: coverage, the share of examples whose class is in its set, coverage/CLASS, set_size,
    the mean number of classes in a set, and empty_sets, the share of sets without a class.

    classes: names. has_sets: whether predictions have sets. by_class: whether their promise is for each class.
    prediction: `probabilities` [B, K], `in_set` int [B, K]; ground_truth: `label` int [B].
    """

    draws = True

    def __init__(self, classes, has_sets=False, by_class=False):
        self._classes, self._has_sets, self._by_class = classes, has_sets, by_class
        self._probabilities, self._labels, self._in_set = [], [], []

    @property
    def directions(self):
        means = ("balanced_accuracy", "macro_precision", "macro_f1", "macro_average_precision", "roc_auc", "matthews")
        more = ("accuracy", "top_5_accuracy", *means, "recall", "precision", "f1")
        held = dict.fromkeys(more, "max") | {"log_loss": "min", "calibration_error": "min"}
        return held | (dict.fromkeys(("coverage", "set_size", "empty_sets"), "none") if self._has_sets else {})

    def update(self, prediction, ground_truth):
        self._probabilities.append(prediction["probabilities"])
        self._labels.append(ground_truth["label"])
        if self._has_sets:
            self._in_set.append(prediction["in_set"])

    def figures(self, examples=None):
        given, labels = chosen(self._probabilities, examples), chosen(self._labels, examples)
        top, seen = given.argmax(1), np.unique(labels)
        exact = functools.cache(lambda: given.astype(np.float64))

        def mean(score):
            return float(score(labels, top, labels=seen, average="macro", zero_division=0))

        def average_precision():
            return np.mean([sk.average_precision_score(labels == c, exact()[:, c]) for c in seen])

        def area():
            compared = (seen if len(self._classes) > 2 else (1,)) if len(seen) > 1 else ()
            areas = [roc_auc(labels == c, exact()[:, c]) for c in compared]
            return float(np.mean(areas)) if areas else None

        def log_loss():
            return -np.log(np.clip(exact()[np.arange(len(labels)), labels], 1e-12, 1)).mean()

        out = {
            "accuracy": lambda: float((top == labels).mean()),
            "balanced_accuracy": lambda: mean(sk.recall_score),
            "macro_precision": lambda: mean(sk.precision_score),
            "macro_f1": lambda: mean(sk.f1_score),
            "macro_average_precision": lambda: float(average_precision()),
            "roc_auc": area,
            "matthews": lambda: float(sk.matthews_corrcoef(labels, top)),
            "log_loss": lambda: float(log_loss()),
            "calibration_error": lambda: expected_calibration_error(exact().max(1), top == labels),
        }
        if len(self._classes) > 5:
            every = range(len(self._classes))
            out["top_5_accuracy"] = lambda: float(sk.top_k_accuracy_score(labels, exact(), k=5, labels=every))
        if len(self._classes) <= MOST_LISTED:
            names = [self._classes[c] for c in seen]
            out |= _of_single_classes(lambda: (labels == seen[:, None], top == seen[:, None]), names)
        return out | (self._set_figures(chosen(self._in_set, examples), labels) if self._has_sets else {})

    def _set_figures(self, in_set, labels):
        holds, sizes = in_set[np.arange(len(labels)), labels] > 0, in_set.sum(1)
        out = {
            "coverage": lambda: float(holds.mean()),
            "set_size": lambda: float(sizes.mean()),
            "empty_sets": lambda: float((sizes == 0).mean()),
        }
        if len(self._classes) <= MOST_LISTED:
            for c in np.unique(labels):
                out[f"coverage/{self._classes[c]}"] = lambda c=c: float(holds[labels == c].mean())
        return out

    def promised_shares(self):
        if not self._has_sets:
            return {}
        labels, in_set = chosen(self._labels, None), chosen(self._in_set, None)
        holds = (in_set[np.arange(len(labels)), labels] > 0).astype(np.float64)
        if not self._by_class:
            return {"": holds}
        return {name: np.where(labels == c, holds, np.nan) for c, name in enumerate(self._classes)}

    def in_words(self):
        """The most confused pairs of classes."""
        labels, top = chosen(self._labels, None), chosen(self._probabilities, None).argmax(1)
        return confusions.pairs_in_words(labels, top, self._classes)

    def draw(self, folder, images):
        """`confusion.png`, how often each class was taken for which, and `worst.png`, the errors to whose class the
        least probability was given.
        """
        from kerasvision.metrics import class_pictures  # which imports matplotlib

        probabilities, labels = chosen(self._probabilities, None), chosen(self._labels, None)
        return class_pictures.draw_single(probabilities, labels, self._classes, folder, images)


class MultiLabel(Evaluator):
    """Final. Of several classes an example, as scikit-learn has them: `mean_average_precision` and `roc_auc` (the
    function) over the classes that occur; `micro_f1`, `macro_f1` and `example_f1` (F1 over all decisions, over classes
    and over examples), `macro_precision`, `macro_recall`; `subset_accuracy` (all classes of an example right);
    `hamming_loss` (share of wrong decisions); of the order of the classes by probability `ranking_average_precision`,
    `ranking_loss` and `coverage_error` (how many of the first are needed to have all that the example has).

    precision_at_K, recall_at_K, for K of 1, 3 and 5 where there are more classes: of the decision for the K likeliest
    classes of each example, the share of them that it has, and the share that they are of what it has, over the
    examples that have any (Järvelin, Kekäläinen 2002, doi:10.1145/582415.582418); of equal ones the first come first.

    precision/CLASS, recall/CLASS, f1/CLASS and roc_auc/CLASS, for at most 100 classes. What the split lacks counts
    nowhere: macro figures are means over the classes that occur, and those of single classes are of these. roc_auc
    leaves out those, too, that every example has. A class that is never said has a precision of 0, and where no
    class occurs, macro figures and mean_average_precision are 0.

    classes: names. prediction: `probabilities` [B, K] and `present` [B, K], the decisions 0 or 1; ground_truth:
    `present` [B, K].
    """

    draws = True

    def __init__(self, classes):
        self._classes = classes
        self._probabilities, self._present, self._ground_truth = [], [], []

    @property
    def directions(self):
        means = ("mean_average_precision", "roc_auc", "macro_precision", "macro_recall", "macro_f1", "micro_f1")
        ranked = ("ranking_average_precision", *(f"{name}_at_{k}" for k in AT for name in ("precision", "recall")))
        more = (*means, *ranked, "example_f1", "subset_accuracy", "precision", "recall", "f1")
        return dict.fromkeys(more, "max") | dict.fromkeys(("hamming_loss", "ranking_loss", "coverage_error"), "min")

    def update(self, prediction, ground_truth):
        self._probabilities.append(prediction["probabilities"])
        self._present.append(prediction["present"])
        self._ground_truth.append(ground_truth["present"])

    def figures(self, examples=None):
        probabilities = chosen(self._probabilities, examples)
        present, ground_truth = chosen(self._present, examples) > 0, chosen(self._ground_truth, examples) > 0
        known = np.flatnonzero(ground_truth.any(0))

        def average_precision():
            precisions = [sk.average_precision_score(ground_truth[:, k], probabilities[:, k]) for k in known]
            return float(np.mean(precisions)) if len(known) else 0.0

        def score(measure, average, empty=0, labels=None):
            return float(measure(ground_truth, present, labels=labels, average=average, zero_division=empty))

        def macro(measure):
            return score(measure, "macro", labels=known) if len(known) else 0.0

        def ranked(measure):
            return float(measure(ground_truth, probabilities))

        out = {
            "mean_average_precision": average_precision,
            "micro_f1": lambda: score(sk.f1_score, "micro"),
            "macro_f1": lambda: macro(sk.f1_score),
            "macro_precision": lambda: macro(sk.precision_score),
            "macro_recall": lambda: macro(sk.recall_score),
            "example_f1": lambda: score(sk.f1_score, "samples", empty=1),
            "subset_accuracy": lambda: float((present == ground_truth).all(1).mean()),
            "hamming_loss": lambda: float((present != ground_truth).mean()),
            "ranking_loss": lambda: ranked(sk.label_ranking_loss),
            "coverage_error": lambda: ranked(sk.coverage_error),
            "ranking_average_precision": lambda: ranked(sk.label_ranking_average_precision_score),
        }
        out |= _areas(ground_truth, probabilities, self._classes) | _at(ground_truth, probabilities)
        if len(self._classes) <= MOST_LISTED:
            names = [self._classes[k] for k in known]
            out |= _of_single_classes(lambda: (ground_truth.T[known], present.T[known]), names)
        return out

    def in_words(self):
        """The labels that are most often missed or invented, and which are said where another is missed."""
        return confusions.labels_in_words(*self._decisions(), self._classes)

    def draw(self, folder, images):
        """`labels.png`, how often each was found, missed and invented; `confusion.png`, which were invented where
        another was missed; and `worst.png`, the examples with the most wrong labels.
        """
        from kerasvision.metrics import class_pictures  # which imports matplotlib

        probabilities = chosen(self._probabilities, None)
        return class_pictures.draw_several(probabilities, *self._decisions(), self._classes, folder, images)

    def _decisions(self):
        return tuple(chosen(held, None) > 0 for held in (self._ground_truth, self._present))


def _of_single_classes(tables, names):
    """Figures of the classes of these names, each of which occurs. tables: a function that gives ground truth and
    decisions, bool [C, N] each.
    """

    @functools.cache
    def counts():
        true, said = tables()
        right, held, found = (part.sum(1) for part in (true & said, true, said))
        return {"recall": (right, held), "precision": (right, np.maximum(found, 1)), "f1": (2 * right, held + found)}

    def figure(kind, c):
        over, under = counts()[kind]
        return float(over[c] / under[c])

    kinds = ("recall", "precision", "f1")
    return {f"{k}/{name}": functools.partial(figure, k, c) for k in kinds for c, name in enumerate(names)}


def _areas(ground_truth, probabilities, names):
    """`roc_auc` and, for few enough classes, that of each, of [N, K]."""
    defined = [k for k in range(len(names)) if 0 < ground_truth[:, k].sum() < len(ground_truth)]
    each = {k: functools.cache(lambda k=k: roc_auc(ground_truth[:, k], probabilities[:, k])) for k in defined}
    out = {"roc_auc": lambda: float(np.mean([area() for area in each.values()]))} if defined else {}
    if len(names) <= MOST_LISTED:
        out |= {f"roc_auc/{names[k]}": area for k, area in each.items()}
    return out


def _at(ground_truth, probabilities):
    """precision_at_K and recall_at_K of [N, K]."""
    held = ground_truth.sum(1)

    @functools.cache
    def right(most):
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :most]
        return np.take_along_axis(ground_truth, order, 1).sum(1)

    out = {}
    for k in (k for k in AT if k < ground_truth.shape[1]):
        out[f"precision_at_{k}"] = lambda k=k: float(right(k).mean() / k)
        if held.any():
            out[f"recall_at_{k}"] = lambda k=k: float((right(k)[held > 0] / held[held > 0]).mean())
    return out
