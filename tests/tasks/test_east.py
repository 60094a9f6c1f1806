"""EAST: what cells learn of the rectangle around their text, and how what they say becomes quads."""

import numpy as np
import pytest
import shapely
import tensorflow as tf

from kerasvision.core.registry import create
from kerasvision.losses import rectangles
from kerasvision.ops import quads as quad_ops
from tests.ops.test_polygons import quad
from tests.tasks.test_text_detection import QUADS, SIZE, found_of, turned


def detector(**fields):
    neck = create("necks/fpn", width=8, first=2, last=3)
    backbone = create("backbones/convnet", width=4, blocks=(1, 1, 1), stem_stride=2)
    held = {"backbone": backbone, "neck": neck, "width": 8, "image_size": SIZE, "max_quads": 8, "stride": 2}
    return create("text_detection/east", **held | fields)


def corners_of(polygon):
    return np.array(polygon.exterior.coords)[:4]


def test_smallest_rectangles_are_those_of_shapely():
    rng = np.random.default_rng(1)
    drawn = np.float32([9 * quad(rng) + [20, 10] for _ in range(30)])
    centers, angles, sizes = (v.numpy() for v in quad_ops.smallest_rectangles(tf.constant(drawn)))
    assert (np.abs(angles) <= np.pi / 4 + 1e-6).all()
    for corners, center, angle, size in zip(drawn, centers, angles, sizes, strict=True):
        wanted = shapely.Polygon(corners).minimum_rotated_rectangle
        found = shapely.Polygon(turned(center, size, np.degrees(angle)))
        assert found.area == pytest.approx(wanted.area, rel=1e-4)
        assert found.buffer(1e-3).contains(shapely.Polygon(corners))


def test_losses_are_those_of_drawn_rectangles():
    """Two of one turn around a point, by shapely; the mean over cells that count."""
    rng = np.random.default_rng(0)
    true, told = rng.uniform(1, 9, (2, 1, 1, 3, 4)).astype(np.float32)
    each = []
    for a, b in zip(true[0, 0], told[0, 0], strict=True):
        one, other = (shapely.box(-left, -up, right, down) for up, right, down, left in (a, b))
        each.append(-np.log(one.intersection(other).area / one.union(other).area))
    there = np.float32([[[1, 1, 0]]])
    assert rectangles.overlap(true, told, there).numpy() == pytest.approx([np.mean(each[:2])], rel=1e-5)
    angles = np.float32([[[0.1, 0.2, 9]]])
    wanted = np.mean(1 - np.cos([0.1 - 0.5, 0.2 - 0.5]))
    assert rectangles.turn(np.full_like(angles, 0.5), angles, there).numpy() == pytest.approx([wanted], rel=1e-5)
    assert rectangles.overlap(0 * true, told, 0 * there).numpy() == [0]


@pytest.mark.parametrize("degrees", [0, 17, -31, 44.5, 45, -45, 46, 90, -88])
def test_a_drawn_rectangle_is_found_to_a_hundredth_of_a_pixel(degrees):
    wanted = turned((62, 47), (60, 24), degrees)
    found = found_of(detector(), wanted[None])
    assert found["count"] == [1]
    # of one that stands upright either end may come first
    ends = (wanted, np.roll(wanted, 2, 0)) if abs(degrees) > 85 else (wanted,)
    assert min(np.abs(end - found["quads_xy"][0, 0]).max() for end in ends) < 0.01


def test_distances_are_those_from_the_sides_of_the_smallest_rectangle():
    """Of a trapezium, by the distances of points from shapely's sides."""
    arch = detector()
    corners = np.float32([[20, 20], [100, 34], [97, 58], [14, 53]])
    held = {k: v.numpy() for k, v in arch.encode({"quads_xy": tf.constant(corners[None])}).items()}
    inside = held["text"][..., 0] == 1
    box = corners_of(shapely.Polygon(corners).minimum_rotated_rectangle)
    along = np.roll(box, -1, 0) - box
    points = shapely.points(arch.cell_centers().numpy().reshape(*arch.map_hw, 2)[inside])
    upper = {}
    for start, way in zip(box, along, strict=True):
        outward = np.round(np.degrees(np.arctan2(*(start + way / 2 - box.mean(0))[::-1])) / 90) % 4
        line = shapely.LineString([start - 9 * way, start + 10 * way])
        upper[int(outward)] = shapely.distance(line, points)
    wanted = np.stack([upper[k] for k in (3, 0, 1, 2)], -1)  # up is -90 degrees where y points down
    np.testing.assert_allclose(held["sides"][inside], wanted, atol=1e-3)
    assert not held["sides"][~inside].any() and not held["angle"][~inside].any() and inside.sum() > 50


def test_cells_are_taught_by_the_quad_whose_they_are():
    arch = detector()
    held = arch.encode({"quads_xy": tf.constant(QUADS)})
    angle, centers = held["angle"].numpy()[..., 0], arch.cell_centers().numpy().reshape(*arch.map_hw, 2)
    for wanted, degrees in zip(QUADS, (4, -12, 40), strict=True):
        y, x = np.unravel_index(np.abs(centers - wanted.mean(0)).sum(-1).argmin(), arch.map_hw)
        assert np.degrees(angle[y, x]) == pytest.approx(degrees, abs=1e-3)
    empty = arch.encode({"quads_xy": tf.zeros([0, 4, 2])})
    assert not any(v.numpy().any() for v in empty.values())


def raw_of(arch, cells):
    """{(row, column): (probability, distances in pixels, degrees)} -> raw of a map; no text elsewhere."""
    text, sides, angle = (np.zeros((1, *arch.map_hw, n), np.float32) for n in (1, 4, 1))
    text -= 9
    for (y, x), (probability, distances, degrees) in cells.items():
        text[0, y, x] = np.log(probability / (1 - probability))
        sides[0, y, x] = np.log(np.float32(distances) / arch.stride)
        angle[0, y, x] = np.arctanh(np.radians(degrees) / (np.pi / 2))
    return {"text": tf.constant(text), "sides": tf.constant(sides), "angle": tf.constant(angle)}


def predicted(arch, raw):
    geometry = arch.no_geometry({"image": tf.zeros([1, *SIZE, 3], tf.uint8)})
    return {k: v.numpy() for k, v in arch.judged(raw, geometry).items()}


def test_corners_are_the_mean_by_scores():
    """Of three cells side by side, whose centers are 2 pixels apart: two say 10 more to the left, or lower."""
    arch = detector(least_cells=3)
    rows = {(20, 30): (0.9, (5, 30, 5, 20), 0), (20, 31): (0.6, (5, 28, 5, 32), 0), (20, 32): (0.6, (5, 26, 15, 24), 0)}
    found = predicted(arch, raw_of(arch, rows))
    x, y, shares = 61.0, 41.0, np.array([0.9, 0.6, 0.6]) / 2.1
    left = shares @ [x - 20, x + 2 - 32, x + 4 - 24]
    low = shares @ [y + 5, y + 5, y + 15]
    wanted = [[left, y - 5], [x + 30, y - 5], [x + 30, low], [left, low]]
    np.testing.assert_allclose(found["quads_xy"][0, 0], wanted, atol=1e-3)
    assert found["scores"][0, 0] == pytest.approx(0.7, abs=1e-5) and found["count"] == [1]


def test_cells_that_turn_to_either_side_of_45_degrees_do_not_cancel():
    """One rectangle, told by cells as turned by 44 degrees and by -46, with its sides in other places."""
    arch = detector()
    cells = {}
    for number, (y, x) in enumerate(((20, 30), (20, 31), (20, 32), (21, 30), (21, 31))):
        point, angle = np.array([2 * x + 1.0, 2 * y + 1.0]) - [62, 42], np.radians(44)
        along = point @ [np.cos(angle), np.sin(angle)]
        down = point @ [-np.sin(angle), np.cos(angle)]
        up, right, low, left = 8 + down, 25 - along, 8 - down, 25 + along
        told = ((up, right, low, left), 44) if number % 2 else ((left, up, right, low), -46)
        cells[y, x] = (0.8, *told)
    found = predicted(arch, raw_of(arch, cells))
    np.testing.assert_allclose(found["quads_xy"][0, 0], turned((62, 42), (50, 16), 44), atol=1e-3)


def test_corners_that_moved_are_the_error():
    arch = detector()
    rows = {(20, x): (0.9, (8, 30, 8, 30), 0) for x in (30, 31, 32)}
    one = predicted(arch, raw_of(arch, rows))
    other = one | {"quads_xy": one["quads_xy"] + np.float32(3)}
    error, flip = arch.compare(one, other)
    assert error[0] == pytest.approx(3 / 126, rel=1e-3) and not flip[0]  # centers of cells span 126 pixels
    other["quads_xy"] = one["quads_xy"] + np.float32(30)
    error, flip = arch.compare(one, other)
    assert flip[0] and error[0] > 0.29


@pytest.mark.parametrize(("away", "error"), [(0.04, 0.0), (0.06, 0.06 / 40.06), (0.4, 0.4 / 40.4)])
def test_plain_predictions_differ_by_how_far_corners_are_apart(away, error):
    """Of one quad 40 wide, moved to the right; what is nearer than 0.05 px is one."""
    quad = np.float32([[0, 0], [40, 0], [40, 10], [0, 10]])
    held = [
        {"quads_xy": (quad + [x, 0])[None, None], "scores": np.float32([[0.9]]), "count": np.array([1])}
        for x in (0.0, away)
    ]
    errors, flips = detector().compare(*held)
    assert errors[0] == pytest.approx(error, rel=1e-3, abs=1e-9) and not flips[0]


def test_cells_without_text_leave_the_loss_finite():
    """Sides that nothing holds, at cells that do not count."""
    there = tf.constant([[[1.0, 0.0]]])
    sides = tf.constant([[[[1.0, 2, 3, 4], [0, 0, 0, 0]]]])
    with tf.GradientTape() as tape:
        tape.watch(sides)
        found = rectangles.overlap(tf.ones([1, 1, 2, 4]), sides, there)
    assert np.isfinite(found) and np.isfinite(tape.gradient(found, sides)).all()
