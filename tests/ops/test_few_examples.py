"""What stands for a class, when a picture is of none, and episodes: by hand and by scikit-learn."""

import functools

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestCentroid

from kerasvision.core.errors import KerasVisionError
from kerasvision.ops import few_examples as few

RNG = np.random.default_rng(3)


def unit(rows):
    rows = np.float32(rows)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def at(*degrees):
    turned = np.radians(degrees)
    return np.float32(np.stack([np.cos(turned), np.sin(turned)], 1))


def test_the_mean_has_length_1_and_opposites_have_none():
    np.testing.assert_allclose(few.standing(at(0, 90), "means", 0), at(45), atol=1e-6)
    with pytest.raises(KerasVisionError, match="cancel out"):
        few.standing(at(0, 180), "means", 0)


def test_a_coreset_takes_the_farthest_one_after_the_other():
    held = at(0, 10, 20, 170, 90)
    assert few.standing(held, "nearest", 0) is held and few.standing(held, "nearest", 5) is held
    np.testing.assert_array_equal(few.standing(held, "nearest", 2), held[[0, 3]])
    np.testing.assert_array_equal(few.standing(held, "nearest", 3), held[[0, 3, 4]])


def test_scores_are_mean_cosines_of_the_nearest_of_each_class():
    found = few.scores_of(at(0), [at(0, 60, 90), at(60)], 2)
    np.testing.assert_allclose(found, [[(1 + 0.5) / 2, 0.5]], atol=1e-6)


@pytest.mark.parametrize(("share", "accepted"), [(0.05, 0), (0.19, 0), (0.36, 0), (0.37, 1), (0.5, 1), (0.95, 4)])
def test_the_threshold_lets_at_most_the_stated_share_of_strangers_pass(share, accepted):
    """Each of ten is a stranger to the class that is not its own; its own score, 1, has no part in it. An eleventh is
    above the largest in one of 11 cases, and with two classes to be taken for in two.
    """
    strangers, labels = np.float32(RNG.permutation(10) / 10), np.arange(10) % 2
    scores = np.ones((10, 2), np.float32)
    scores[np.arange(10), 1 - labels] = strangers
    found = few.threshold(scores, labels, share)
    assert (strangers > found).sum() == accepted


def test_the_promise_holds_for_strangers_on_average():
    """Scores drawn at random: the chance that one more of a further class is above the threshold, over 2,000 draws."""
    rng, rates = np.random.default_rng(1), []
    for _ in range(2000):
        scores, labels = rng.random((40, 4)), np.arange(40) % 4
        rates.append(1 - few.threshold(scores, labels, 0.1) ** 4)
    assert 0.08 < np.mean(rates) <= 0.102


def test_an_episode_is_what_scikit_learns_nearest_centroid_answers():
    """Of vectors in a narrow cone distances and cosines agree; with all episodes alike there is one accuracy."""
    centers = RNG.normal(size=(3, 8))
    vectors = unit(np.repeat(centers, 6, 0) + RNG.normal(scale=0.8, size=(18, 8)))
    labels, rng = np.repeat(np.arange(3), 6), np.random.default_rng(0)
    found = few.episodes(vectors, labels, 3, 2, 20)
    expected = []
    for _ in range(20):
        drawn = [rng.permutation(np.flatnonzero(labels == k)) for k in rng.choice([0, 1, 2], 3, replace=False)]
        known, asked = (np.concatenate([d[part] for d in drawn]) for part in (slice(2), slice(2, None)))
        means = unit(np.stack([vectors[d[:2]].mean(0) for d in drawn]))
        nearest = NearestCentroid().fit(means, labels[[d[0] for d in drawn]])
        assert len(known) == 6
        expected.append((nearest.predict(vectors[asked]) == labels[asked]).mean())
    np.testing.assert_allclose(found, expected)
    assert 0.4 < found.mean() < 1, "it is neither trivial nor chance"


def test_the_interval_is_that_of_a_mean():
    mean, half = few.mean_with_interval(np.array([0.0, 1.0, 1.0, 0.0]))
    assert mean == 0.5 and half == pytest.approx(1.96 * np.sqrt(1 / 3) / 2)
    assert few.mean_with_interval(np.array([0.7])) == (0.7, 0.0)


def test_too_few_classes_or_pictures_are_one_line():
    with pytest.raises(KerasVisionError, match="1 classes have more than 2 pictures each; an episode needs 5"):
        few.episodes(at(0, 1, 2, 90, 91), np.array([0, 0, 0, 1, 1]), 5, 2, 1)


@pytest.mark.parametrize("count", [25, 40, 41, 300])
@pytest.mark.parametrize("strength", [0.01, 1.0, 30.0])
def test_ridge_is_scikit_learns_without_an_intercept(strength, count):
    """Of fewer vectors than features, as many, and more."""
    vectors, labels = unit(RNG.normal(size=(count, 40))), RNG.permutation(count) % 4
    theirs = Ridge(alpha=strength, fit_intercept=False).fit(np.float64(vectors), np.eye(4)[labels])
    np.testing.assert_allclose(few.ridge(vectors, labels, 4, strength), theirs.coef_, atol=1e-6)


@pytest.mark.parametrize("large", [0, 1, 2, 50])
@pytest.mark.parametrize("features", [6, 14, 15, 40])
def test_a_ridges_threshold_judges_a_class_by_rows_that_never_saw_it(features, large):
    """By scikit-learn, class after class; with all classes seen the scores of strangers would be lower, and so would it
    be. Of 30 pictures, of more of one class, and of fewer and more features than that, or than half of it.
    """
    labels = np.concatenate([np.arange(30) % 3, np.zeros(large, int)])
    vectors = unit(np.random.default_rng(features).normal(size=(len(labels), features)) + 1.0)
    best = []
    for k in range(3):
        own, others = labels == k, [j for j in range(3) if j != k]
        theirs = Ridge(alpha=0.5, fit_intercept=False).fit(np.float64(vectors[~own]), np.eye(3)[labels[~own]])
        best += list((vectors[own] @ theirs.coef_[others].T).max(1))
    expected = sorted(best)[::-1][few_above(len(labels), 3, 0.2)]
    assert few.ridge_threshold(vectors, labels, 3, 0.5, 0.2) == pytest.approx(expected, abs=1e-6)
    seen = vectors @ few.ridge(vectors, labels, 3, 0.5).T
    assert few.threshold(seen, labels, 0.2) < expected


@pytest.mark.parametrize("strength", [1e-6, 1.0])
@pytest.mark.parametrize("large", [0, 30])
def test_both_ways_to_a_ridge_are_one(strength, large):
    """Features that are 0 change nothing but which of the ways is gone: by vectors, or by features that are few."""
    labels = np.concatenate([np.arange(60) % 4, np.zeros(large, int)])
    few_features = unit(RNG.normal(size=(len(labels), 20)))
    many = np.pad(few_features, ((0, 0), (0, 100)))
    rows, of_many = (few.ridge(vectors, labels, 4, strength) for vectors in (few_features, many))
    np.testing.assert_allclose(rows, of_many[:, :20], atol=1e-6)
    np.testing.assert_allclose(of_many[:, 20:], 0, atol=1e-12)
    for share in np.arange(1, 10) / 10:
        held = [few.ridge_threshold(vectors, labels, 4, strength, share) for vectors in (few_features, many)]
        assert held[0] == pytest.approx(held[1], abs=1e-6), share


def test_many_vectors_ask_for_no_more_than_their_features_do(monkeypatch):
    """2,000 of 8 features: nothing that is solved or inverted is larger than 8 x 8, however large a class is."""
    sizes = []

    def counted(plain, matrix, *more):
        assert len(matrix) <= 8, matrix.shape
        sizes.append(len(matrix))
        return plain(matrix, *more)

    for name in ("solve", "inv"):
        monkeypatch.setattr(np.linalg, name, functools.partial(counted, getattr(np.linalg, name)))
    vectors, labels = unit(RNG.normal(size=(2000, 8)) + 1.0), np.minimum(np.arange(2000), 9)
    few.ridge(vectors, labels, 10, 1.0)
    few.ridge_threshold(vectors, labels, 10, 1.0, 0.1)
    assert sizes == [8, 8, *[1] * 9, 8]


def few_above(pictures, classes, share):
    """Place of the quantile: (n + 1) / (N + 1) times K / (K - 1) is at most the share."""
    return max(n for n in range(pictures) if (n + 1) / (pictures + 1) * classes / (classes - 1) <= share)
