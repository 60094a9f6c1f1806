"""What is mistaken for what: pairs of classes counted by scikit-learn, labels by loops, and how both are told."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from kerasvision.metrics.classification import MultiLabel, SingleLabel
from kerasvision.metrics.confusions import confused_pairs, mistaken_labels, swapped
from kerasvision.metrics.matrices import MOST_SHOWN, most_confused

FRUIT = ("banana", "cherry", "plum")


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_pairs_are_the_cells_off_the_diagonal(classes):
    rng = np.random.default_rng(classes)
    labels = rng.integers(0, classes, 400)
    top = np.where(rng.random(400) < 0.7, labels, rng.integers(0, classes, 400))
    counts = confusion_matrix(labels, top, labels=range(classes))
    np.fill_diagonal(counts, 0)
    expected = sorted((-n, a, b) for (a, b), n in np.ndenumerate(counts) if n)
    assert [(-n, a, b) for a, b, n in confused_pairs(labels, top).tolist()] == expected


def told(labels, said, classes=FRUIT):
    seen = SingleLabel(classes)
    seen.update({"probabilities": np.eye(len(classes))[said]}, {"label": np.array(labels)})
    return seen.in_words()


def test_the_most_confused_pairs_in_words():
    assert told([0] * 12 + [1] * 40, [0] * 12 + [0] * 12 + [1] * 27 + [2]) == [
        "cherry is taken for banana 12 times of 40",
        "cherry is taken for plum once of 40",
    ]
    assert told([0, 0, 2], [1, 1, 2]) == ["banana is taken for cherry twice of 2"]
    assert told([0, 1, 2], [0, 1, 2]) == []


def test_names_that_could_be_misread_are_in_quotes():
    names = ("3", "red_panda", "taken for 8", "", "Äpfel und Birnen")
    assert told([0, 1, 2, 3, 4], [1, 2, 3, 4, 0], names) == [
        '"3" is taken for red_panda once of 1',
        'red_panda is taken for "taken for 8" once of 1',
        '"taken for 8" is taken for "" once of 1',
        '"" is taken for Äpfel und Birnen once of 1',
        'Äpfel und Birnen is taken for "3" once of 1',
    ]


def test_five_pairs_are_told_at_most():
    assert len(told(np.arange(10), np.roll(np.arange(10), 1), tuple("abcdefghij"))) == 5


def several(ground_truth, present, classes=FRUIT):
    seen = MultiLabel(classes)
    truth, said = (np.array([[c in row for c in "bcp"] for row in rows], int) for rows in (ground_truth, present))
    seen.update({"probabilities": said * 0.8 + 0.1, "present": said}, {"present": truth})
    return seen.in_words()


def test_labels_in_words():
    ground_truth = ["b", "b", "b", "bc", "c", ""]
    present = ["p", "p", "", "bcp", "c", "c"]
    assert several(ground_truth, present) == [
        "banana is missed 3 times of 4",
        "plum is invented 3 times",
        "cherry is invented once",
        "where banana is missed, plum is invented twice of 3",
    ]
    assert several(["b", "c"], ["b", "c"]) == []
    assert several(["b", "b", "c"], ["b", "c", "b"])[0] == "banana is missed once of 2 and invented once"


def test_swapped_labels_are_counted_by_example():
    rng = np.random.default_rng(0)
    ground_truth, present = rng.random((2, 50, 6)) < 0.4
    missed, invented, order = mistaken_labels(ground_truth, present)
    rows = list(zip(ground_truth.tolist(), present.tolist(), strict=True))
    assert missed.tolist() == [sum(t[k] and not p[k] for t, p in rows) for k in range(6)]
    assert invented.tolist() == [sum(p[k] and not t[k] for t, p in rows) for k in range(6)]
    errors = missed + invented
    assert order.tolist() == sorted(range(6), key=lambda k: (-errors[k], k))
    picked = np.array([4, 1, 2])
    expected = [[sum(t[a] > p[a] and t[b] < p[b] for t, p in rows) for b in picked] for a in picked]
    assert swapped(ground_truth, present, picked).tolist() == expected


def test_of_many_classes_the_most_confused_are_shown():
    labels, top = np.tile(np.arange(100), 3), np.tile(np.arange(100), 3)
    top[[70, 170, 30]] = 5, 5, 90
    shown = most_confused(labels, top, 100)
    assert len(shown) == MOST_SHOWN and {70, 5, 30, 90} <= set(shown.tolist()) and sorted(shown) == shown.tolist()
    assert set(shown.tolist()) - {70, 5, 30, 90} == set(range(21)) - {5}  # filled up with the most frequent
    assert most_confused(labels % 24, top % 24, 24).tolist() == list(range(24))
    assert len(most_confused(labels % 25, top % 25, 25)) == 24
