"""Clusters that part as the labels do, and others; mutual information by its formula, and by chance."""

import numpy as np
import pytest

from kerasvision.metrics import clustering
from kerasvision.metrics.retrieval import Retrieval


def blobs(labels, spread=0.02):
    """Vectors of length 1 around a corner for each label."""
    rows = np.eye(6)[labels] + spread * np.random.default_rng(0).normal(size=(len(labels), 6))
    return np.float32(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def entropy(shares):
    shares = np.asarray(shares)[np.asarray(shares) > 0]
    return -(shares * np.log(shares)).sum()


def judged(vectors, labels):
    evaluator = Retrieval()
    for part in np.array_split(np.arange(len(labels)), 3):
        evaluator.update({"embedding": vectors[part]}, {"label": labels[part]})
    return evaluator


def test_clusters_that_part_as_classes_do_and_by_chance():
    labels = np.arange(60) % 4
    result = judged(blobs(labels), labels).result()
    assert result["ami"] == pytest.approx(1) == result["nmi"]
    random = np.random.default_rng(1).permutation(np.repeat(np.arange(4), 150))
    result = judged(blobs(np.random.default_rng(2).integers(0, 4, 600)), random).result()
    assert abs(result["ami"]) < 0.02, "by chance 0, with a deviation of about 0.003"
    assert 0 < result["nmi"] < 0.05


def test_normalized_mutual_information_by_its_formula():
    """Of three clusters of four, one has a picture of another class."""
    found, labels = np.repeat(np.arange(3), 4), np.repeat(np.arange(3), 4)
    labels[0] = 1
    joint = np.zeros((3, 3))
    np.add.at(joint, (labels, found), 1 / 12)
    ours = entropy(joint.sum(1)) + entropy(joint.sum(0)) - entropy(joint.ravel())
    assert clustering.nmi(labels, found) == pytest.approx(2 * ours / (entropy(joint.sum(1)) + entropy(joint.sum(0))))
    vectors = blobs(found)
    assert judged(vectors, labels).result()["nmi"] == pytest.approx(clustering.nmi(labels, found))
    some = np.array([1, 2, 3, 4, 5])
    assert judged(vectors, labels).result(some)["nmi"] == pytest.approx(clustering.nmi(labels[some], found[some]))


def test_what_has_no_clusters_has_no_figure(monkeypatch):
    labels = np.arange(8) % 2
    assert "ami" not in judged(blobs(labels), np.zeros(8, int)).result()
    monkeypatch.setattr(clustering, "MOST_CLASSES", 2)
    assert "ami" in judged(blobs(labels), labels).result()
    assert "ami" not in judged(blobs(labels), np.arange(8) % 3).result()
    alike = np.tile(np.float32([[1, 0]]), (8, 1))
    assert judged(alike, labels).result()["ami"] == 0.0, "one cluster says nothing"


def test_of_many_vectors_some_make_the_centers_and_all_get_a_cluster(monkeypatch):
    monkeypatch.setattr(clustering, "FITTED", 10)
    labels = np.random.default_rng(3).integers(0, 3, 65)
    found = clustering.clusters(blobs(labels), labels)
    assert len(found) == 65 and clustering.ami(labels, found) == pytest.approx(1)
