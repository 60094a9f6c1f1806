"""Spread of vectors in closed form, and votes of neighbors against scikit-learn."""

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.neighbors import KNeighborsClassifier

from kerasvision.metrics.representation import Representation
from kerasvision.ops import spread
from kerasvision.ops.nearest import neighbors_vote

RNG = np.random.default_rng(0)


def sphere(count, size):
    vectors = RNG.normal(size=(count, size))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("size", [2, 16])
def test_vectors_all_over_the_sphere_have_every_figure_s_best(size):
    """Deviation 1, the rank and one part of the variance each; pairs of a circle by the Bessel function I0."""
    held = sphere(4000, size)
    assert spread.deviation(held) == pytest.approx(1, abs=0.03)
    assert spread.effective_rank(held) == pytest.approx(size, rel=0.01)
    assert spread.largest_share(held) == pytest.approx(1 / size, rel=0.15)
    if size == 2:
        # the mean of exp(-4 + 4 cos a) over all angles is exp(-4) I0(4)
        assert spread.uniformity(held) == pytest.approx(np.log(np.exp(-4) * np.i0(4)), abs=0.01)


def test_one_point_and_one_line():
    point = np.tile([[3.0, 4.0, 0.0]], (50, 1))
    assert spread.deviation(point) == pytest.approx(0, abs=1e-9)
    assert spread.effective_rank(point) == pytest.approx(1, abs=1e-4)
    assert (spread.largest_share(point), spread.uniformity(point)) == (1.0, pytest.approx(0, abs=1e-9))
    line = RNG.normal(size=(50, 1)) * [[1.0, 2.0, 3.0]]
    assert spread.effective_rank(line) == pytest.approx(1, abs=1e-4)
    assert spread.largest_share(line) == pytest.approx(1, abs=1e-6)


def test_rank_is_the_exponential_of_the_entropy_of_singular_values():
    """Of singular values 3, 2 and 1 by hand."""
    left, right = (np.linalg.qr(RNG.normal(size=(n, 3)))[0] for n in (20, 5))
    shares = np.array([3, 2, 1]) / 6
    wanted = np.exp(-(shares * np.log(shares)).sum())
    assert spread.effective_rank(left @ np.diag([3.0, 2, 1]) @ right.T) == pytest.approx(wanted, abs=1e-4)


def test_prototypes_that_are_named_are_counted():
    """All, one, and shares of 3/4 and 1/4, whose entropy scipy knows."""
    logits = 50.0 * np.eye(8)
    assert spread.named(logits) == pytest.approx(8)
    assert spread.named(np.repeat(logits[:1], 9, 0)) == pytest.approx(1)
    assert spread.named(logits[[0, 0, 0, 1]]) == pytest.approx(np.exp(entropy([3, 1])))
    assert spread.named(np.zeros((5, 6))) == pytest.approx(6), "each picture names all alike"


def test_views_are_aligned_as_far_as_their_angle_says():
    """Directions 60 degrees apart are 1 apart, whatever the lengths."""
    first, second = np.array([[2.0, 0], [0, 5]]), np.array([[0.5, 3**0.5 / 2], [-(3**0.5) / 2, 0.5]])
    assert spread.alignment(first, second) == pytest.approx(1.0)


def test_neighbors_vote_as_in_scikit_learn():
    queries, gallery, labels = sphere(200, 6), sphere(300, 6), RNG.integers(0, 5, 300)

    def weights(distances):
        return np.exp(-(distances**2) / 2 / 0.07)  # of vectors of length 1 the cosine is 1 - d^2 / 2

    peer = KNeighborsClassifier(20, weights=weights, algorithm="brute").fit(gallery.astype(np.float64), labels)
    found = neighbors_vote(queries, gallery, labels)
    assert (found == peer.predict(queries.astype(np.float64))).mean() > 0.99


def test_a_picture_has_no_vote_on_itself_and_a_gallery_votes_alone():
    vectors = np.repeat(np.eye(4, dtype=np.float32), 2, 0)  # pairs; the two of a pair have unequal labels
    labels = np.arange(8) % 2
    judge = Representation(labeled=True)
    judge.update({"embedding": vectors}, {"label": labels})
    assert judge.result()["knn"] == 0.0 and list(judge.decisions()) == list(1 - labels)
    judge = Representation("train", labeled=True)
    judge.see_gallery({"embedding": vectors}, {"label": np.repeat(np.arange(4), 2)})
    judge.update({"embedding": vectors[::2]}, {"label": np.arange(4)})
    assert judge.result()["knn"] == 1.0


def test_without_labels_there_is_no_vote():
    judge = Representation("train")
    judge.update({"embedding": sphere(30, 4)}, {})
    assert judge.gallery == "" and "knn" not in judge.result() and not len(judge.decisions())
    assert judge.directions["effective_rank"] == "max"
