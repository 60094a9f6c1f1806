"""What classifiers mistake: pairs of classes, and labels that are missed or invented, counted and told in words.

The table of ground truth against decision: Kohavi, Provost 1998, Glossary of Terms, Machine Learning 30.
"""

import numpy as np

PAIRS, LABELS = 5, 5  # that are told in words
_COMPARED = 200  # labels of which pairs are counted: those with the most errors


def confused_pairs(labels, top):
    """int [P, 3] of (class, what it was taken for, how often), most frequent first, and the lower class numbers of
    equals. labels, top: int [N], ground truth and decision.
    """
    wrong = np.flatnonzero(labels != top)
    pairs, counts = np.unique(np.stack([labels[wrong], top[wrong]], 1), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return np.concatenate([pairs, counts[:, None]], 1)[order].astype(np.int64)


def mistaken_labels(ground_truth, present):
    """(missed [K], invented [K], order [L]): how often each label was, and those with an error, most errors first.
    ground_truth, present: bool [N, K].
    """
    missed, invented = (ground_truth & ~present).sum(0), (present & ~ground_truth).sum(0)
    order = np.argsort(-(missed + invented), kind="stable")
    return missed, invented, order[(missed + invented)[order] > 0]


def pairs_in_words(labels, top, classes):
    """Lines such as "cherry is taken for banana 12 times of 40", of the most confused pairs."""
    return [
        f"{_named(classes[true])} is taken for {_named(classes[said])} {_times(count)} of {(labels == true).sum()}"
        for true, said, count in confused_pairs(labels, top)[:PAIRS]
    ]


def labels_in_words(ground_truth, present, classes):
    """Lines such as "car is missed 9 times of 40 and invented 3 times" of the labels with the most errors, and such as
    "where car is missed, truck is invented 7 times of 9" of the pairs of which that is said twice or more.
    """
    missed, invented, order = mistaken_labels(ground_truth, present)
    held, lines = ground_truth.sum(0), []
    for k in order[:LABELS]:
        parts = [f"missed {_times(missed[k])} of {held[k]}"] if missed[k] else []
        parts += [f"invented {_times(invented[k])}"] if invented[k] else []
        lines.append(f"{_named(classes[k])} is {' and '.join(parts)}")
    compared = np.sort(order[:_COMPARED])
    together = swapped(ground_truth, present, compared)
    ranked = np.argsort(-together, axis=None, kind="stable")[:PAIRS]
    for a, b in zip(*np.unravel_index(ranked, together.shape), strict=True):
        if together[a, b] > 1:
            names = _named(classes[compared[a]]), _named(classes[compared[b]])
            count, of = _times(together[a, b]), missed[compared[a]]
            lines.append(f"where {names[0]} is missed, {names[1]} is invented {count} of {of}")
    return lines


def swapped(ground_truth, present, labels):
    """int [L, L]: in how many examples the row's label was missed and the column's invented. labels: int [L]."""
    true, said = ground_truth[:, labels], present[:, labels]
    return (true & ~said).T.astype(np.int64) @ (said & ~true).astype(np.int64)


def _times(count):
    return {1: "once", 2: "twice"}.get(int(count), f"{count:,} times")


def _named(name):
    """A name as it reads among other words: in quotes where its end or its kind could be misread."""
    return name if name and all(part.isalpha() for part in name.replace("_", " ").split(" ")) else f'"{name}"'
