"""Sets of classes: MAPIE's, by hand, and coverage of drawn scores on both sides of the threshold."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.drawing.showing.classes import ClassesShowing
from kerasvision.edge.describing import describe
from kerasvision.metrics.classification import SingleLabel
from kerasvision.ops import conformal
from kerasvision.tasks.class_sets import ClassSets


def drawn(n, seed):
    """(probabilities float32 [n, 4], labels that are drawn by them)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, 4)).round(3)
    p = np.exp(logits)
    p /= p.sum(1, keepdims=True)
    return np.float32(p), np.array([rng.choice(4, p=row) for row in p])


# MAPIE 1.6.0, SplitConformalClassifier(prefit=True) on drawn(40, 0), asked about drawn(12, 1); aps with
# include_last_label=True and random_state=0
MAPIE = {
    ("lac", 0.6): "0100 1000 0001 0001 1000 0011 0011 0010 0100 0011 0010 0110",
    ("lac", 0.8): "1110 1101 1101 0101 1101 0011 0011 0010 0100 0011 0110 1110",
    ("lac", 0.9): "1110 1101 1111 1111 1111 1011 0011 0010 0111 1011 1111 1111",
    ("aps", 0.6): "1100 1101 1101 0101 1101 0011 0011 0010 0100 0011 0110 1110",
    ("aps", 0.8): "1110 1101 1111 0111 1101 0011 0011 0010 0101 1011 0111 1110",
    ("aps", 0.9): "1110 1101 1111 1111 1111 1011 0011 0110 0111 1011 1111 1111",
}


def as_words(sets):
    return " ".join("".join(map(str, row)) for row in sets.numpy())


@pytest.mark.parametrize("coverage", (0.6, 0.8, 0.9))
def test_lac_is_mapies_to_the_example(coverage):
    held = ClassSets(coverage).fitted(*drawn(40, 0))
    assert as_words(held.members(tf.constant(drawn(12, 1)[0]))) == MAPIE["lac", coverage]


@pytest.mark.parametrize("coverage", (0.6, 0.8, 0.9))
def test_aps_is_mapies_with_its_threshold_and_never_larger(coverage):
    probabilities, labels = drawn(40, 0)
    sets, rows = ClassSets(coverage, method="aps"), np.arange(40)
    # MAPIE fits to the sum with a drawn part of the class itself; ours is without it, as if 1 had been drawn
    part = 1 - np.random.RandomState(0).uniform(size=40)
    own = sets.scores(tf.constant(probabilities)).numpy()[rows, labels] + part * probabilities[rows, labels]
    theirs = ClassSets(coverage, "aps", thresholds=(conformal.threshold(own, coverage),), examples=40)
    new = tf.constant(drawn(12, 1)[0])
    assert as_words(theirs.members(new)) == MAPIE["aps", coverage]
    ours = sets.fitted(probabilities, labels).members(new).numpy()
    assert (ours <= theirs.members(new).numpy()).all() and ours.sum(1).min() == 1


def test_scores_by_hand():
    p = tf.constant([[0.125, 0.5, 0.25, 0.125], [0.25, 0.25, 0.25, 0.25]])
    np.testing.assert_allclose(ClassSets(method="lac").scores(p)[0], [0.875, 0.5, 0.75, 0.875])
    aps = ClassSets(method="aps").scores(p)
    np.testing.assert_allclose(aps, [[0.75, 0.0, 0.5, 0.875], [0.0, 0.25, 0.5, 0.75]])  # of equal ones the first
    raps = ClassSets(method="raps", penalty=0.5, free=2).scores(p)
    np.testing.assert_allclose(raps, aps + np.float32([[0.5, 0, 0, 1.0], [0, 0, 0.5, 1.0]]))


@pytest.mark.parametrize("method", ("lac", "aps", "raps"))
@pytest.mark.parametrize("by_class", (False, True))
def test_what_is_promised_holds(method, by_class):
    coverage, held, counts = 0.7, [], []
    for seed in range(25):
        probabilities, labels = drawn(1200, seed)
        sets = ClassSets(coverage, method, by_class).fitted(probabilities[:400], labels[:400])
        own = sets.members(tf.constant(probabilities[400:])).numpy()[np.arange(800), labels[400:]]
        held.append([own[labels[400:] == k].mean() if by_class else own.mean() for k in range(4)])
        counts.append(sets.covered(probabilities[:400], labels[:400]))
    # of a class there are about 100 to fit on, and 200 to look at
    assert np.abs(np.mean(held, 0) - coverage).max() < (0.035 if by_class else 0.015)
    assert np.mean(counts) >= coverage  # of the examples it was fitted on, never less


def test_a_score_on_either_side_of_the_threshold():
    sets = ClassSets(0.9, thresholds=(0.25,), examples=9)
    above = np.nextafter(np.float32(0.75), np.float32(0))
    p = tf.constant([[0.75, 0.25], [above, 0.25]])
    assert sets.members(p).numpy().tolist() == [[1, 0], [0, 0]]
    assert sets.promise()["coverage"] == 0.9 and ClassSets(0.9).promise() == {}
    assert sets.promise()["between"] == list(conformal.spread(9, 0.9))


def test_rare_classes_have_their_own_threshold():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [900, 100])
    right = np.where(labels == 0, rng.uniform(0.8, 1, 1000), rng.uniform(0.3, 0.6, 1000))
    p = np.float32(np.where(labels == 0, [right, 1 - right], [1 - right, right]).T)
    together, apart = (ClassSets(0.9, by_class=b).fitted(p, labels) for b in (False, True))
    assert together.covered(p[labels == 1], labels[labels == 1]) < 0.2
    assert apart.covered(p[labels == 1], labels[labels == 1]) >= 0.9
    assert len(apart.thresholds) == 2 and "between" not in apart.promise()


def test_figures_of_sets_by_hand():
    evaluator = SingleLabel(("a", "b"), has_sets=True)
    probabilities = np.float32([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    in_set = np.int32([[1, 0], [1, 1], [0, 0], [0, 1]])
    evaluator.update({"probabilities": probabilities, "in_set": in_set}, {"label": np.array([0, 0, 1, 1])})
    found = evaluator.result()
    assert (found["coverage"], found["set_size"], found["empty_sets"]) == (0.75, 1.0, 0.25)
    assert (found["coverage/a"], found["coverage/b"]) == (1.0, 0.5)
    assert {"coverage", "set_size"} <= evaluator.directions.keys() - SingleLabel(("a", "b")).directions.keys()


def test_a_set_in_words():
    names = tuple("abcdefghij")
    values = {"probabilities": np.linspace(1, 0.1, 10), "in_set": np.ones(10, np.int32)}
    showing, promise = ClassesShowing("top", most=1), {"coverage": 0.95, "of": "examples", "method": "lac"}
    described = describe(values, names, promise)
    assert showing.in_words(described) == "a 1.000; the 95 % set: a, b, c, d, e, f, g, h and 2 more"
    values["in_set"] = np.int32([0, 1, 0, 0, 0, 0, 0, 0, 0, 1])
    assert describe(values, names, promise)["set"] == {"labels": ["b", "j"], "coverage": 0.95, "of": "examples"}
    assert "set" not in describe({"probabilities": values["probabilities"]}, names)


def test_bad_settings():
    with pytest.raises(UsageError, match="coverage=1; allowed: above 0 and below 1, as in 0.9"):
        ClassSets(1.0)
    with pytest.raises(UsageError, match="penalty=-1"):
        ClassSets(0.9, "raps", penalty=-1)
    with pytest.raises(UsageError, match="coverage=0.99 needs 99 held-out examples or more .* there are 98"):
        ClassSets(0.99).fitted(*drawn(98, 0))
    assert ClassSets(0.99).fitted(*drawn(99, 0)).is_fitted
    p, labels = drawn(200, 0)
    few = np.flatnonzero(labels == 2)[8:]
    with pytest.raises(KerasVisionError, match="needs 9 held-out examples of each class, and class 2 has 8"):
        ClassSets(0.9, by_class=True).fitted(np.delete(p, few, 0), np.delete(labels, few))
