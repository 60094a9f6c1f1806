"""Two cameras: rank-k by sorted lists, and mAP against scikit-learn's average precision."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics.reidentification import reidentification

RNG = np.random.default_rng(3)


def points(count, ids):
    centers = np.random.default_rng(0).normal(size=(30, 6))
    whose = RNG.choice(ids, count)
    rows = centers[whose] + 0.7 * RNG.normal(size=(count, 6))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), whose


def test_figures_are_scikit_learn_s_and_those_of_sorted_lists():
    (queries, asked), (gallery, held) = points(60, np.arange(20)), points(90, np.arange(4, 30))
    found = reidentification(queries, asked, gallery, held)
    precisions, places = [], []
    for vector, name in zip(queries, asked, strict=True):
        cosines, same = gallery @ vector, held == name
        if same.any():
            precisions.append(average_precision_score(same, cosines))
            places.append(1 + int((cosines > cosines[same].max()).sum()))
    assert found["mAP"] == pytest.approx(np.mean(precisions), abs=1e-12)
    for k in (1, 5, 10):
        assert found[f"rank-{k}"] == pytest.approx(np.mean(np.array(places) <= k), abs=1e-12)
    assert 0.2 < found["rank-1"] < found["rank-10"] < 1 and 0.2 < found["mAP"] < 1
    assert found["queries"] == len(places) < 60 == found["queries"] + found["without_match"]


def test_a_closed_form():
    """Of one's identity the first and the third: (1 / 1 + 2 / 3) / 2."""
    gallery = np.array([[1.0, 0], [0.8, 0.6], [0.6, 0.8], [0, 1.0]])
    found = reidentification([[1.0, 0]], [7], gallery, [7, 1, 7, 2])
    assert found["mAP"] == pytest.approx(5 / 6) and found["rank-1"] == 1
    found = reidentification([[1.0, 0]], [1], gallery, [7, 1, 7, 2])
    assert (found["mAP"], found["rank-1"], found["rank-5"]) == (0.5, 0.0, 1.0)


def test_nobody_to_find_is_no_figure_and_what_cannot_be_is_one_line():
    for gallery in (np.zeros((0, 2)), np.array([[1.0, 0]])):
        found = reidentification([[1.0, 0]], [7], gallery, [1] * len(gallery))
        assert found["mAP"] is found["rank-1"] is None and (found["queries"], found["without_match"]) == (0, 1)
    with pytest.raises(KerasVisionError, match=r"vectors of shape \(1, 2\) with 2 identities; give a row each"):
        reidentification([[1.0, 0]], [7, 8], [[1.0, 0]], [7])
    with pytest.raises(KerasVisionError, match="numbers that are not finite"):
        reidentification([[np.nan, 0]], [7], [[1.0, 0]], [7])
