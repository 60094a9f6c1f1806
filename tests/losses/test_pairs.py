"""Losses of pairs against their formulas, written in numpy with loops, and gradients against finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.losses import pairs as losses

LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 3])  # class 3 has one picture
SCALE, RELAXATION, SPHERE = 16.0, 0.4, 6
MARGIN, TEMPERATURE, ALPHA, BETA, BASE, EPSILON = 0.5, 0.1, 2.0, 50.0, 0.5, 0.1


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cosines_of(labels, seed=5):
    """Of classes that overlap: some triplets keep their margin, most do not."""
    rng = np.random.default_rng(seed)
    rows = unit(rng.normal(size=(labels.max() + 1, 6))[labels] + 1.5 * rng.normal(size=(len(labels), 6)))
    return rows @ rows.T


def parts(labels, i):
    same = [j for j in range(len(labels)) if labels[j] == labels[i] and j != i]
    return same, [j for j in range(len(labels)) if labels[j] != labels[i]]


def batch_hard(c, labels):
    out = []
    for i in range(len(labels)):
        same, other = parts(labels, i)
        far = max((2 - 2 * c[i, j] for j in same), default=0)
        near = min((2 - 2 * c[i, j] for j in other), default=0)
        out.append(max(0, far - near + MARGIN) if same and other else 0)
    return np.array(out)


def semi_hard(c, labels):
    out = []
    for i in range(len(labels)):
        same, other = parts(labels, i)
        rows = []
        for p in same if other else ():
            apart = [2 - 2 * c[i, j] for j in other]
            farther = [d for d in apart if d > 2 - 2 * c[i, p]]
            rows.append(max(0, 2 - 2 * c[i, p] - (min(farther) if farther else max(apart)) + MARGIN))
        out.append(np.mean(rows) if rows else 0)
    return np.array(out)


def contrastive(c, labels):
    out = []
    for i in range(len(labels)):
        same, _ = parts(labels, i)
        total = sum(np.exp(c[i, j] / TEMPERATURE) for j in range(len(labels)) if j != i)
        out.append(np.mean([-np.log(np.exp(c[i, p] / TEMPERATURE) / total) for p in same]) if same else 0)
    return np.array(out)


def rarity(cosine):
    """1 / q(d) of two points at a distance d on a sphere of `SPHERE` dimensions."""
    d = max(0.5, np.sqrt(max(0.0, 2 - 2 * cosine)))
    return 1 / (d ** (SPHERE - 2) * (1 - d**2 / 4) ** ((SPHERE - 3) / 2)) if d < 1.4 else 0.0


def distance_weighted(c, labels, mined=None):
    """mined: cosines that the weights of negatives are made of, held fast while those of the formula move."""
    mined, out = c if mined is None else mined, []
    for i in range(len(labels)):
        same, other = parts(labels, i)
        weights = np.array([rarity(mined[i, j]) for j in other])
        if not same or not weights.any():
            out.append(0)
            continue
        each = [[max(0, 2 * c[i, j] - 2 * c[i, p] + MARGIN) for j in other] for p in same]
        out.append(np.mean(each @ weights) / weights.sum())
    return np.array(out)


def multi_similarity(c, labels, mined=None):
    """mined: cosines that the miner looks at, held fast while those of the formula move."""
    mined, out = c if mined is None else mined, []
    for i in range(len(labels)):
        same, other = parts(labels, i)
        near = [j for j in other if same and mined[i, j] > min(mined[i, p] for p in same) - EPSILON]
        far = [p for p in same if other and mined[i, p] < max(mined[i, j] for j in other) + EPSILON]
        pulled = np.log(1 + sum(np.exp(-ALPHA * (c[i, p] - BASE)) for p in far)) / ALPHA
        out.append(pulled + np.log(1 + sum(np.exp(BETA * (c[i, j] - BASE)) for j in near)) / BETA)
    return np.array(out)


def circle(c, labels, mined=None):
    """mined: cosines that the weights of pairs are made of, held fast while those of the formula move."""
    mined, out = c if mined is None else mined, []
    for i in range(len(labels)):
        same, other = parts(labels, i)
        near = sum(np.exp(SCALE * max(0, mined[i, j] + RELAXATION) * (c[i, j] - RELAXATION)) for j in other)
        far = [-SCALE * max(0, 1 + RELAXATION - mined[i, p]) * (c[i, p] - 1 + RELAXATION) for p in same]
        out.append(np.log(1 + near * np.exp(far).sum()) if same and other else 0)
    return np.array(out)


OURS = {
    "circle": lambda *of: losses.circle(*of, SCALE, RELAXATION),
    "distance_weighted": lambda *of: losses.distance_weighted_triplet(*of, MARGIN, SPHERE),
    "batch_hard": lambda *of: losses.batch_hard_triplet(*of, MARGIN),
    "semi_hard": lambda *of: losses.semi_hard_triplet(*of, MARGIN),
    "contrastive": lambda *of: losses.supervised_contrastive(*of, TEMPERATURE),
    "multi_similarity": lambda *of: losses.multi_similarity(*of, ALPHA, BETA, BASE, EPSILON),
}
FORMULAS = {
    "circle": circle,
    "distance_weighted": distance_weighted,
    "batch_hard": batch_hard,
    "semi_hard": semi_hard,
    "contrastive": contrastive,
    "multi_similarity": multi_similarity,
}


def ours(name, c, labels):
    """(losses [B], gradient of their sum by the cosines [B, N])."""
    given = tf.constant(c, tf.float32)
    pairs = losses.pairs_of(*(tf.constant(labels, tf.int32),) * 2, tf.range(len(labels)))
    with tf.GradientTape() as tape:
        tape.watch(given)
        found = OURS[name](given, *pairs)
    return found.numpy(), tape.gradient(found, given).numpy()


@pytest.mark.parametrize("name", OURS)
def test_values_and_gradients_are_those_of_the_formula(name):
    for labels in (LABELS, LABELS[::-1], np.arange(12) % 4):
        c = cosines_of(labels)
        formula = FORMULAS[name]
        if name in ("multi_similarity", "circle", "distance_weighted"):
            formula = lambda m, k, c=c: FORMULAS[name](m, k, c)  # noqa: E731
        found, gradient = ours(name, c, labels)
        np.testing.assert_allclose(found, formula(c, labels), rtol=1e-5, atol=1e-5)
        assert (found > 0).sum() >= 4, "nothing to look at"
        step, expected = 1e-6, np.zeros_like(c)
        for place in np.ndindex(c.shape):
            moved = np.zeros_like(c)
            moved[place] = step
            expected[place] = (formula(c + moved, labels) - formula(c - moved, labels)).sum() / (2 * step)
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("labels", [np.arange(5), np.zeros(5, int), np.array([0])], ids=["apart", "one", "single"])
def test_a_batch_without_pairs_of_a_kind_has_finite_losses(name, labels):
    """No positive, no negative, and one picture alone; embeddings that have all fallen together besides."""
    for c in (cosines_of(labels), np.ones((len(labels),) * 2)):
        found, gradient = ours(name, c, labels)
        assert np.isfinite(found).all() and np.isfinite(gradient).all()
        np.testing.assert_allclose(found, FORMULAS[name](c, labels), rtol=1e-5, atol=1e-6)


def test_an_anchor_is_no_pair_with_itself_wherever_it_stands():
    """Two anchors of a second replica among four."""
    labels = np.array([3, 5, 3, 5])
    positive, negative = losses.pairs_of(tf.constant(labels[2:]), tf.constant(labels), tf.constant([2, 3]))
    np.testing.assert_array_equal(positive, [[True, False, False, False], [False, True, False, False]])
    np.testing.assert_array_equal(negative, [[False, True, False, True], [True, False, True, False]])


def test_negatives_are_weighted_by_how_rare_their_distance_is_among_points_of_a_sphere():
    """Of many random points the weights make all distances alike: a histogram of weighted distances is flat. Negatives
    on both sides of the two bounds: nearer ones weigh as those at 0.5, and those from 1.4 on not at all.
    """
    rng = np.random.default_rng(0)
    points = unit(rng.normal(size=(200_000, SPHERE)))
    cosines = points[:, 0]
    distances, weights = np.sqrt(2 - 2 * cosines), np.array([rarity(c) for c in cosines])
    held, _ = np.histogram(distances, np.linspace(0.6, 1.35, 6), weights=weights)
    assert held.max() / held.min() < 1.2, "and 100 of these points are in the least bin"
    near, far = 1 - 0.3**2 / 2, 1 - 0.5**2 / 2
    rows = tf.constant([[1.0, 0.0, near, far], [1.0, 0.0, far, 1 - 1.401**2 / 2], [1.0, 0.0, far, 1 - 1.399**2 / 2]])
    positive, negative = (np.tile(m, (3, 1)) for m in ([[False, True, False, False]], [[False, False, True, True]]))
    margin = 2.0  # all are within it: the loss is the weighted mean of 2 - d- + margin
    found = losses.distance_weighted_triplet(rows, positive, negative, margin, SPHERE).numpy()
    assert found[0] == pytest.approx(4 - (0.3**2 + 0.5**2) / 2, rel=1e-5)
    assert found[1] == pytest.approx(4 - 0.5**2, rel=1e-5)
    share = rarity(1 - 1.399**2 / 2) / (rarity(far) + rarity(1 - 1.399**2 / 2))
    assert found[2] == pytest.approx(4 - 0.5**2 * (1 - share) - 1.399**2 * share, rel=1e-4) != found[1]


def test_a_triplet_beyond_its_margin_is_0():
    """A positive at a squared distance of 1, and a negative farther by a little less or more than the margin."""
    positive, negative = (np.eye(1, 3, k, dtype=bool) for k in (1, 2))
    for cosine, expected in ((0.5 - MARGIN / 2 + 0.01, 0.02), (0.5 - MARGIN / 2 - 0.01, 0.0)):
        given = tf.constant([[1.0, 0.5, cosine]])
        for loss in (losses.batch_hard_triplet, losses.semi_hard_triplet):
            np.testing.assert_allclose(loss(given, positive, negative, MARGIN), [expected], atol=1e-6)
