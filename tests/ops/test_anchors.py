"""Anchors against loops that place them one by one; k-means against clusters that are known."""

import math

import numpy as np
import pytest
from sklearn.cluster import KMeans

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.ops.anchors import Anchors, anchor_points, fit_anchors, shape_iou


def placed(image_hw, strides, shapes):
    """Anchor boxes in the stated order, one at a time."""
    found = []
    for stride, level in zip(strides, shapes, strict=True):
        for i in range(math.ceil(image_hw[0] / stride)):
            for j in range(math.ceil(image_hw[1] / stride)):
                x, y = (j + 0.5) * stride, (i + 0.5) * stride
                found += [[x - w / 2, y - h / 2, x + w / 2, y + h / 2] for w, h in level]
    return np.array(found)


@pytest.mark.parametrize("image_hw", [(64, 96), (50, 70), (1, 1)])
def test_anchors_stand_on_the_centers_of_cells(image_hw):
    strides, sizes, ratios = (8, 32), ((16.0, 24.0), (64.0,)), (0.5, 1.0, 3.0)
    shapes = [[(s / math.sqrt(r), s * math.sqrt(r)) for s in level for r in ratios] for level in sizes]
    made = Anchors(strides, sizes, ratios)
    seen = made(image_hw)
    assert seen.dtype == np.float32 and made.per_cell == (6, 3)
    np.testing.assert_allclose(seen, placed(image_hw, strides, shapes), atol=1e-4)
    width, height = (seen[:6, 2:] - seen[:6, :2]).T
    np.testing.assert_allclose(width * height, [256] * 3 + [576] * 3, rtol=1e-5)
    np.testing.assert_allclose(height / width, [0.5, 1, 3] * 2, rtol=1e-5)


def test_given_shapes_stand_in_place_of_sizes_and_ratios():
    shapes = (((10.0, 20.0), (30.0, 15.0)), ((100.0, 50.0),))
    made = Anchors(strides=(16, 32), shapes_wh=shapes)
    assert made.per_cell == (2, 1)
    np.testing.assert_allclose(made((64, 64)), placed((64, 64), (16, 32), shapes), atol=1e-4)
    assert from_json(to_json(made)) == made


def test_retinanet_s_default():
    """arXiv:1708.02002, section 4: areas 32^2 to 512^2 at strides 8 to 128, three octave thirds, three ratios."""
    made = Anchors()
    assert made.per_cell == (9,) * 5
    assert [round(level[0]) for level in made.sizes] == [32, 64, 128, 256, 512]
    np.testing.assert_allclose(np.array(made.sizes[0]) / 32, [1, 2 ** (1 / 3), 2 ** (2 / 3)])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"strides": (8, 16)}, "5 levels and 2 strides"),
        ({"ratios": (1.0, -1.0)}, "above 0"),
        ({"strides": (8,), "shapes_wh": (((0.0, 4.0),),)}, "above 0"),
    ],
)
def test_wrong_fields_are_one_clear_error(fields, words):
    with pytest.raises(UsageError, match=words):
        Anchors(**fields)


def test_points_are_the_centers_of_cells():
    points, stride_px = anchor_points((8, 16), (20, 30))
    boxes = placed((20, 30), (8, 16), [[(2, 2)], [(2, 2)]])
    np.testing.assert_allclose(points, (boxes[:, :2] + boxes[:, 2:]) / 2)
    assert stride_px.tolist() == [8.0] * 12 + [16.0] * 4


CLUSTERS = np.array([[12, 30], [40, 20], [90, 100], [200, 60]], float)


def scattered(spread, count=120, seed=0):
    rng = np.random.default_rng(seed)
    return (CLUSTERS[:, None] * np.exp(rng.normal(0, spread, (4, count, 2)))).reshape(-1, 2)


def test_known_clusters_are_found():
    anchors, score = fit_anchors(scattered(0.05), 4)
    np.testing.assert_allclose(anchors, CLUSTERS[np.argsort(CLUSTERS.prod(1))], rtol=0.03)
    assert score == pytest.approx(shape_iou(scattered(0.05), anchors).max(1).mean(), rel=1e-6) and score > 0.9


def test_small_boxes_count_as_much_as_large_ones():
    """Why the distance is 1 - IoU: Euclid's serves the large boxes. arXiv:1612.08242, section 2."""
    boxes = scattered(0.5)
    euclid = KMeans(5, n_init=10, random_state=0).fit(boxes).cluster_centers_
    assert fit_anchors(boxes, 5)[1] > shape_iou(boxes, euclid).max(1).mean() + 0.02


def test_more_anchors_fit_better_and_a_seed_decides():
    boxes = scattered(0.4)
    scores = [fit_anchors(boxes, k)[1] for k in (1, 2, 4, 8)]
    assert all(a < b for a, b in zip(scores, scores[1:], strict=False))
    np.testing.assert_array_equal(fit_anchors(boxes, 3, seed=4)[0], fit_anchors(boxes, 3, seed=4)[0])


def test_one_anchor_a_size_is_perfect():
    anchors, score = fit_anchors(np.repeat(CLUSTERS, 3, 0), 4)
    assert score == pytest.approx(1.0)
    np.testing.assert_array_equal(anchors, CLUSTERS[np.argsort(CLUSTERS.prod(1))])


def test_unusable_boxes_are_left_out():
    bad = np.array([[0, 5], [-3, 4], [np.nan, 2], [np.inf, 2]])
    np.testing.assert_array_equal(fit_anchors(np.concatenate([bad, CLUSTERS]), 2)[0], fit_anchors(CLUSTERS, 2)[0])
    with pytest.raises(KerasVisionError, match="1 anchors cannot be fitted to 0"):
        fit_anchors(bad, 1)
    with pytest.raises(KerasVisionError, match="5 anchors cannot be fitted to 4"):
        fit_anchors(np.repeat(CLUSTERS, 2, 0), 5)


def test_shape_iou_is_the_overlap_of_concentric_boxes():
    assert shape_iou([[10, 20]], [[20, 10], [10, 20]]).tolist() == [[100 / 300, 1.0]]
