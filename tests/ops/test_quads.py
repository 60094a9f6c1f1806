"""Quadrilaterals: distances and offsets against shapely, the reverse of shrinking, and how they move with a picture."""

import numpy as np
import pytest
import shapely
import tensorflow as tf

from kerasvision.core.registry import augmentations, create
from kerasvision.ops import quads as ops
from tests.ops.test_polygons import quad

SQUARE = np.float32([[2, 2], [10, 2], [10, 8], [2, 8]])
GEOMETRIC = [name for name in augmentations.names() if name.startswith("geometric/")]


def test_area_and_perimeter_are_shapely_s():
    rng = np.random.default_rng(1)
    held = np.stack([quad(rng) for _ in range(50)])
    polygons = [shapely.Polygon(q) for q in held]
    np.testing.assert_allclose(ops.area(tf.constant(held)), [p.area for p in polygons], rtol=1e-9)
    np.testing.assert_allclose(ops.area(tf.constant(held[:, ::-1])), [-p.area for p in polygons], rtol=1e-9)
    np.testing.assert_allclose(ops.perimeter(tf.constant(held)), [p.length for p in polygons], rtol=1e-9)
    wanted = [p.area * (1 - 0.4**2) / p.length for p in polygons]
    np.testing.assert_allclose(ops.shrinking(tf.constant(held), 0.4), wanted, rtol=1e-9)


def test_distances_are_shapely_s_inside_and_of_mitered_offsets_outside():
    rng = np.random.default_rng(2)
    for number in range(30):
        corners = quad(rng)[:: (1, -1)[number % 2]]
        points = rng.uniform(corners.min(0) - 2, corners.max(0) + 2, (300, 2))
        found = ops.distances(tf.constant(corners[None]), tf.constant(points)).numpy()[0]
        polygon = shapely.Polygon(corners)
        inside = shapely.contains_xy(polygon, points)
        np.testing.assert_array_equal(found > 0, inside)
        away = shapely.distance(polygon.exterior, shapely.points(points))
        np.testing.assert_allclose(found[inside], away[inside], atol=1e-9)
        for offset in (-0.7, 0.5):
            moved = polygon.buffer(offset, join_style="mitre", mitre_limit=1e6)
            near = np.abs(found + offset) < 1e-9
            np.testing.assert_array_equal((found > -offset)[~near], shapely.contains_xy(moved, points)[~near])


@pytest.mark.parametrize(
    ("corners", "wanted"),
    [
        (SQUARE, True),
        (SQUARE[::-1], True),
        (SQUARE[[0, 2, 1, 3]], False),  # crosses itself
        ([[2, 2], [10, 2], [4, 4], [2, 8]], False),  # a dent
        ([[2, 2], [6, 2], [10, 2], [2, 8]], False),  # a triangle
        ([[2, 2], [6, 2.01], [10, 2], [2, 8]], False),  # a little dent
        ([[2, 2], [6, 1.99], [10, 2], [2, 8]], True),
        (SQUARE * 0, False),
    ],
)
def test_what_is_convex(corners, wanted):
    assert bool(ops.is_convex(tf.constant(corners, tf.float32))) is wanted


@pytest.mark.parametrize("ratio", [0.3, 0.4, 0.7])
def test_enlarging_reverses_shrinking(ratio):
    rng = np.random.default_rng(3)
    sides = np.exp(rng.uniform(0, 6, (200, 2)))
    boxes = np.stack([sides * 0, sides * [1, 0], sides, sides * [0, 1]], 1)
    moved = ops.shrinking(tf.constant(boxes), ratio).numpy()
    left = sides - 2 * moved[:, None]
    assert (left > 0).all()
    np.testing.assert_allclose(ops.enlarging(tf.constant(left), ratio), moved, rtol=1e-6)
    assert ops.enlarging(tf.constant([5.0, 0.0]), ratio) == 0.0


@pytest.mark.parametrize("degrees", [-89, -30, 0, 30, 89])
def test_rectangles_begin_at_the_upper_left_of_what_they_are_along(degrees):
    angle = np.radians(degrees)
    along = tf.constant([[np.cos(angle), np.sin(angle)]], tf.float32)
    found = ops.from_rectangle(tf.constant([[20.0, 30.0]]), along, tf.constant([[8.0, 2.0]]))[0]
    assert float(ops.area(found)) == pytest.approx(16.0, rel=1e-5)  # clockwise as seen
    turned = (found.numpy() - [20, 30]) @ [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    np.testing.assert_allclose(turned, [[-4, -1], [4, -1], [4, 1], [-4, 1]], atol=1e-5)


@pytest.mark.parametrize(("shift", "wanted"), [(0, 1.0), (-6, 0.5), (-10, 0.0), (-2, 1.0), (10, 1.0), (14, 0.5)])
def test_the_part_inside(shift, wanted):
    share = ops.inside_share(tf.constant((SQUARE + [shift, 0])[None], tf.float32), tf.constant([20.0, 20.0]))
    assert float(share[0]) == wanted


@pytest.mark.parametrize("name", GEOMETRIC)
def test_they_move_as_keypoints_do(name):
    """Through every geometric augmentation; whoever leaves the picture goes with its text."""
    part = create(f"augmentations/{name}")
    corners = np.float32([[[30, 20], [60, 30], [57, 40], [27, 30]], [[5, 60], [40, 60], [40, 75], [5, 75]]])
    for seed in range(6):
        keypoints = np.concatenate([corners, np.ones((2, 4, 1), np.float32)], -1)
        sample = {"image": tf.zeros([90, 100, 3], tf.uint8), "quads_xy": corners}
        moved = part(sample | {"texts": tf.constant(["one", "two"])}, tf.constant([seed, 1]))
        by_points = part({"image": sample["image"], "keypoints_xyv": keypoints}, tf.constant([seed, 1]))
        there = [["one", "two"].index(t.decode()) for t in moved["texts"].numpy()]
        np.testing.assert_allclose(moved["quads_xy"], by_points["keypoints_xyv"].numpy()[there, :, :2], atol=1e-3)
        size = tf.cast(tf.shape(moved["image"])[1::-1], tf.float32)
        share = ops.inside_share(tf.constant(by_points["keypoints_xyv"].numpy()[..., :2]), size).numpy()
        assert there == np.flatnonzero(share >= 0.1).tolist() or name.endswith("flip")
