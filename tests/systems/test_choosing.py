"""What is labeled next: against brute force over all choices, greedy steps written out, and scipy."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import entropy

from kerasvision.core.errors import UsageError
from kerasvision.systems import choosing

RNG = np.random.default_rng(0)


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


@pytest.mark.parametrize("known", [0, 3])
def test_each_step_takes_the_farthest(known):
    vectors, held = RNG.normal(size=(60, 5)) * RNG.uniform(0.1, 9, (60, 1)), RNG.normal(size=(known, 5))
    places, distances = choosing.cover(vectors, 12, held if known else None)
    between = cdist(unit(vectors), unit(vectors))
    taken = [] if known else [int((unit(vectors) @ unit(vectors).mean(0)).argmax())]
    far = cdist(unit(vectors), unit(held)).min(1) if known else between[taken[0]]
    expected = [] if known else [np.nan]
    while len(taken) < 12:
        taken.append(int(far.argmax()))
        expected.append(far.max())
        far = np.minimum(far, between[taken[-1]])
    assert places.tolist() == taken and len(set(taken)) == 12
    np.testing.assert_allclose(distances, expected, atol=1e-6)
    reached = choosing.radius(vectors, places, held if known else None)
    assert reached == pytest.approx(far.max(), abs=1e-6)


def test_no_choice_brings_the_farthest_nearer_than_by_half():
    """Gonzalez's bound against all choices of three among fourteen."""
    for seed in range(5):
        vectors = np.random.default_rng(seed).normal(size=(14, 3))
        between = cdist(unit(vectors), unit(vectors))
        best = min(between[list(c)].min(0).max() for c in itertools.combinations(range(14), 3))
        reached = choosing.radius(vectors, choosing.cover(vectors, 3)[0])
        assert best - 1e-9 <= reached <= 2 * best + 1e-9


def test_groups_are_all_seen_before_one_is_seen_twice():
    centers = np.eye(6)
    vectors = (centers[:, None] + 0.05 * RNG.normal(size=(6, 30, 6))).reshape(180, 6)
    places, distances = choosing.cover(vectors, 7)
    assert sorted(places[:6] // 30) == list(range(6))
    assert distances[1:6].min() > 1.0 > 0.5 > distances[6], "the seventh is near to one that was taken"


def test_equal_pictures_are_told_by_their_distance():
    vectors = np.repeat(RNG.normal(size=(3, 4)), 2, 0)
    places, distances = choosing.cover(vectors, 6)
    assert sorted(places) == list(range(6)) and (distances[3:] < 1e-6).all() and distances[1:3].min() > 0.1


def test_margins_and_entropies_are_those_of_their_definitions():
    probabilities = RNG.dirichlet([0.5] * 4, 50)
    ordered = np.sort(probabilities, 1)
    np.testing.assert_allclose(choosing.uncertainty(probabilities), 1 - (ordered[:, -1] - ordered[:, -2]))
    found = choosing.uncertainty(probabilities, "entropy")
    np.testing.assert_allclose(found, entropy(probabilities, axis=1) / np.log(4))
    for measure in choosing.MEASURES:
        ends = choosing.uncertainty(np.array([[0, 1.0, 0], [1 / 3] * 3]), measure)
        np.testing.assert_allclose(ends, [0, 1], atol=1e-9)


def test_both_covers_those_that_are_least_sure():
    vectors, unsure = RNG.normal(size=(100, 4)), RNG.uniform(size=100)
    places, why = choosing.chosen(5, "both", vectors, unsure)
    among = np.sort(np.argsort(-unsure)[:50])
    assert places.tolist() == among[choosing.cover(vectors[among], 5)[0]].tolist()
    assert set(why) == {"distance", "uncertainty"} and (why["uncertainty"] == unsure[places]).all()
    places, why = choosing.chosen(5, "uncertain", vectors, unsure)
    assert places.tolist() == np.argsort(-unsure)[:5].tolist() and set(why) == {"uncertainty"}


@pytest.mark.parametrize("count", [0, 101])
def test_counts_that_there_are_not_are_refused(count):
    with pytest.raises(UsageError, match=f"--count {count}; allowed: 1 to 100"):
        choosing.chosen(count, "cover", RNG.normal(size=(100, 4)))
