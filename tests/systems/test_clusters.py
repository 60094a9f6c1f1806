"""Groups of vectors: drawn ones found again, the number by a closed form, scikit-learn as judge."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.systems import clusters

WIDE = 16


def drawn(count, each, spread, seed=0):
    """(unit vectors [N, WIDE] around `count` orthogonal directions, the direction of each)."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count), each)
    vectors = np.eye(WIDE)[labels] + rng.normal(0, spread, (len(labels), WIDE))
    order = rng.permutation(len(labels))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)[order], labels[order]


@pytest.mark.parametrize("method", clusters.METHODS)
def test_drawn_groups_are_found_again_with_their_number(method):
    vectors, true = drawn(4, 30, 0.05)
    groups, labels = clusters.found(vectors, method)
    assert len(groups.names) == 4 and adjusted_rand_score(true[labels >= 0], labels[labels >= 0]) == 1.0
    assert (labels >= 0).mean() > 0.95
    for k in range(4):
        mean = vectors[labels == k].mean(0)
        assert mean @ groups.centers[k] / np.linalg.norm(mean) > 0.999
    assert np.linalg.norm(groups.centers, axis=1) == pytest.approx(1.0)


def test_the_number_is_the_largest_that_halves_agree_on():
    assert clusters.stable_number(drawn(3, 40, 0.05)[0]) == 3
    assert clusters.stable_number(drawn(6, 40, 0.05)[0]) == 6
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(300, WIDE))  # one heap of all directions
    with pytest.raises(KerasVisionError, match=r"no number of clusters from 2 to 20 is stable: .* choose by --number"):
        clusters.stable_number((cloud / np.linalg.norm(cloud, axis=1, keepdims=True)).astype(np.float32))


@pytest.mark.parametrize("labels", [[0, 0, 1], [2, 2, 2, 2], [0, 1, 2], [5]])
def test_pairs_that_stay_together_are_counted(labels):
    pairs = list(itertools.combinations(labels, 2))
    expected = np.mean([a == b for a, b in pairs]) if pairs else 0.0
    assert clusters.together(np.array(labels)) == pytest.approx(expected)


def test_what_is_far_from_its_center_is_of_none():
    """Cosines of 0.99 to 1 with their center, and one vector of 0.7: Tukey's fence is between them."""
    vectors, _ = drawn(2, 40, 0.03)
    stray = np.eye(WIDE)[0] + np.eye(WIDE)[9]
    vectors = np.concatenate([vectors, [stray / np.linalg.norm(stray)]]).astype(np.float32)
    groups, labels = clusters.found(vectors, number=2)
    assert labels[-1] == -1 and (labels[:-1] >= 0).mean() > 0.95
    places, cosines = groups.assign(vectors)
    np.testing.assert_array_equal(places, labels)
    np.testing.assert_allclose(cosines, (vectors @ groups.centers.T).max(1), atol=1e-6)
    just = groups.reach[0]
    beside = groups.centers[1] - (groups.centers[1] @ groups.centers[0]) * groups.centers[0]
    beside /= np.linalg.norm(beside)
    for cosine, expected in ((just + 1e-3, 0), (just - 1e-3, -1)):
        at = cosine * groups.centers[0] + np.sqrt(1 - cosine**2) * beside
        assert groups.assign(at[None])[0].tolist() == [expected]


def test_names_are_the_most_frequent_labels_and_never_equal():
    vectors, true = drawn(3, 10, 0.02)
    groups, labels = clusters.found(vectors, number=3)
    said = {0: "7", 1: "bird", 2: "bird"}
    items = [{"label": said[k]} for k in true]
    names = clusters.named(groups, labels, items).names
    assert sorted(names) == ["7", "bird", "bird 2"]
    for k, name in enumerate(names):
        assert {said[t] for t in true[labels == k]} == {name.removesuffix(" 2")}
    assert clusters.named(groups, labels, [{}] * len(items)).names == ("cluster", "cluster 2", "cluster 3")


def test_equal_pictures_leave_no_cluster_empty_and_choose_no_number():
    three = np.repeat(np.eye(WIDE, dtype=np.float32)[:3], 12, axis=0)
    groups, labels = clusters.found(three, number=8)
    assert len(groups.names) == 3 and (np.bincount(labels) == 12).all()
    assert clusters.stable_number(three) == 3
    with pytest.raises(KerasVisionError, match="hdbscan needs 5 pictures or more; the index has 4"):
        clusters.found(three[:4], "hdbscan")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "dbscan"}, "--method dbscan; allowed: kmeans, agglomerative, hdbscan"),
        ({"method": "hdbscan", "number": 3}, "--number says nothing to hdbscan"),
        ({"number": 1}, "--number 1; allowed: 2 to 20"),
        ({"number": 21}, "--number 21; allowed: 2 to 20"),
    ],
)
def test_bad_wishes_are_one_line(fields, message):
    with pytest.raises(UsageError, match=message):
        clusters.found(drawn(2, 10, 0.05)[0], **fields)
