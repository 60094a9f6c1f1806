"""Retrieval against brute force over sorted lists, and verification against scikit-learn's ROC curve."""

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve

from kerasvision.core.errors import KerasVisionError
from kerasvision.inference.folds import FOLDS, fold_metrics
from kerasvision.metrics import retrieval
from kerasvision.metrics.retrieval import Retrieval

RNG = np.random.default_rng(8)


def points(count, classes=6, lone=0):
    """Embeddings in float32 with labels; the last `lone` of classes of their own."""
    centers = np.random.default_rng(0).normal(size=(classes, 5))
    labels = RNG.integers(0, classes, count)
    rows = centers[labels] + 1.2 * RNG.normal(size=(count, 5))
    labels[count - lone :] = classes + np.arange(lone)
    return np.float32(rows / np.linalg.norm(rows, axis=1, keepdims=True)), labels


def seen(queries, gallery=None, size=17):
    evaluator = Retrieval("train" if gallery else "")
    for part, take in ((gallery, evaluator.see_gallery), (queries, evaluator.update)):
        for start in range(0, len(part[1]) if part else 0, size):
            take({"embedding": part[0][start : start + size]}, {"label": part[1][start : start + size]})
    return evaluator


def brute(queries, gallery=None):
    """Figures by one sorted list a query. gallery: None where each query is searched in all others."""
    held, classes = gallery or queries
    rows, scores, same = [], [], []
    for i, (vector, label) in enumerate(zip(*queries, strict=True)):
        order = [j for j in sorted(range(len(held)), key=lambda j: -(held[j] @ vector)) if gallery or j != i]
        hits = [int(classes[j] == label) for j in order]
        scores += [float(held[j] @ vector) for j in order]
        same += hits
        total = sum(hits)
        if total:
            average = sum(np.mean(hits[: k + 1]) for k in range(total) if hits[k]) / total
            rows.append([max(hits[:1]), max(hits[:5]), max(hits[:10]), sum(hits[:total]) / total, average])
    names = ("recall@1", "recall@5", "recall@10", "r_precision", "map@r")
    figures = dict(zip(names, np.mean(rows, 0), strict=True))
    return figures | {"without_match": 1 - len(rows) / len(queries[1])}, same, scores


@pytest.mark.parametrize("block", [7, 1000])
@pytest.mark.parametrize("own", [True, False], ids=["left out", "gallery"])
def test_every_figure_is_that_of_brute_force(own, block, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK", block)
    queries, gallery = points(60, lone=3), None if own else points(80)
    expected, same, scores = brute(queries, gallery)
    found = seen(queries, gallery).result()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name
    assert 0.2 < found["recall@1"] < 1 and 0 < found["map@r"] < found["r_precision"] < 1
    assert found["without_match"] == pytest.approx(3 / 60)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(same, scores), abs=2e-6)
    accepted, kept, _ = roc_curve(same, scores)
    curve = interp1d(accepted, 1 - kept)
    assert found["eer"] == pytest.approx(brentq(lambda x: x - curve(x), 0, 1), abs=1e-4)


def test_figures_of_some_queries_search_the_whole_gallery():
    queries, gallery = points(60), points(80)
    evaluator, some = seen(queries, gallery), np.arange(3, 60, 2)
    expected, same, scores = brute((queries[0][some], queries[1][some]), gallery)
    found = evaluator.result(some)
    assert found["map@r"] == pytest.approx(expected["map@r"], abs=1e-9)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(same, scores), abs=2e-6)
    right = evaluator.decisions() == queries[1]
    assert right.mean() == pytest.approx(evaluator.result()["recall@1"])
    fold = np.arange(60) % FOLDS
    assert fold_metrics(evaluator, "recall@1", 60) == pytest.approx([right[fold != k].mean() for k in range(FOLDS)])


def test_verification_has_closed_forms():
    """Cosines 1, 0.6 and 0 of pairs: by hand."""
    same, different = np.array([0, 1, 3]), np.array([2, 2, 0])
    assert retrieval.roc_auc(same, different) == pytest.approx((3 * 4 + 1 * (2 + 1)) / 16)
    assert retrieval.equal_error_rate(same, different) == pytest.approx(1 / 6)  # 2 s refused of 4, 2 (1 - s) accepted
    assert retrieval.roc_auc(same, np.zeros(3)) is None and retrieval.equal_error_rate(np.zeros(3), different) is None
    apart, together = (np.array([5, 0]), np.array([0, 5])), (np.array([5, 0]), np.array([5, 0]))
    assert (retrieval.roc_auc(*apart[::-1]), retrieval.equal_error_rate(*apart[::-1])) == (1.0, 0.0)
    assert (retrieval.roc_auc(*together), retrieval.equal_error_rate(*together)) == (0.5, 0.5)


def test_small_galleries_have_the_figures_that_they_can():
    four = (np.eye(4, 5, dtype=np.float32), np.array([0, 0, 1, 1]))
    assert {"recall@1", "map@r", "eer"} <= set(seen(four).result())
    assert not {"recall@5", "recall@10"} & set(seen(four).result())
    lone = seen((four[0], np.arange(4)))
    assert lone.result() == {"without_match": 1.0}, "nothing has a match, so nothing else is defined"
    assert list(seen((four[0][:1], four[1][:1])).decisions()) == [-1]


def test_what_cannot_be_searched_is_one_line():
    with pytest.raises(KerasVisionError, match="numbers that are not finite"):
        seen((np.full((2, 3), np.nan), np.arange(2)))
    with pytest.raises(KerasVisionError, match="no query"):
        Retrieval().result()
