"""From a map to quadrilaterals, against scipy's components and rectangles by numpy's eigenvectors in float64."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from scipy.optimize import brentq

from kerasvision.core.registry import create
from kerasvision.ops import labeling

EIGHT = np.ones((3, 3))
SIZE = (80, 96)
SLOTS = 48


def detector(**fields):
    held = {"image_size": (160, 192), "max_quads": SLOTS, "neck": create("necks/fpn", first=2, last=4)}
    return create("text_detection/db", **held | fields)


def bars(rng):
    """Turned bars of all sizes, which may touch, on a map."""
    mask = np.zeros(SIZE, bool)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    for _ in range(rng.integers(1, 9)):
        center, angle = rng.uniform(0, SIZE[::-1]), rng.uniform(0, np.pi)
        half = rng.uniform(0.6, [30, 6])
        u = np.cos(angle) * (x - center[0]) + np.sin(angle) * (y - center[1])
        v = np.cos(angle) * (y - center[1]) - np.sin(angle) * (x - center[0])
        mask |= (abs(u) <= half[0]) & (abs(v) <= half[1])
    return mask


def maps(count):
    """Bars, clouds and noise, in turn."""
    for number in range(count):
        rng = np.random.default_rng([3, number])
        cloud = ndimage.gaussian_filter(rng.normal(size=SIZE), 3)
        yield (bars(rng), cloud > np.quantile(cloud, 0.8), rng.random(SIZE) < rng.uniform(0.05, 0.3))[number % 3]


def serpentine(height, width):
    """One line that goes to and fro from top to bottom."""
    mask = np.zeros((height, width), bool)
    mask[::2] = True
    for row in range(1, height - 1, 2):
        mask[row, -1 if row % 4 == 1 else 0] = True
    return mask


def rectangle(cells, ratio, stride):
    """(quad [4, 2], whether it has one direction) of cells [n, 2] (x, y), by eigenvectors and a root finder."""
    center = cells.mean(0)
    away = cells - center
    values, vectors = np.linalg.eigh(away.T @ away / len(cells))
    b, a = np.sqrt(12 * values + 1)
    k = (1 - ratio**2) / 2
    moved = brentq(lambda d: d - k * (a + 2 * d) * (b + 2 * d) / (a + b + 4 * d), 0, 10 * (a + b), xtol=1e-13)
    along = vectors[:, 1] * (1 if vectors[0, 1] >= 0 else -1)
    across = np.array([-along[1], along[0]])
    u, v = along * (a / 2 + moved), across * (b / 2 + moved)
    quad = stride * (center + np.array([-u - v, u - v, u + v, v - u]))
    return quad, values[1] - values[0] > 1e-2 * values[1]


def expected(mask, probability, arch):
    """[(size, quad, has one direction, score)] of components that count, the largest first."""
    numbered, count = ndimage.label(mask, EIGHT)
    rows = []
    for k in range(1, count + 1):
        y, x = np.nonzero(numbered == k)
        cells = np.stack([x, y], 1) + 0.5
        rows.append((len(cells), *rectangle(cells, arch.shrink, arch.stride), probability[numbered == k].mean()))
    order = np.argsort([-row[0] for row in rows], kind="stable")[:SLOTS]
    return [rows[i] for i in order if rows[i][0] >= arch.least_cells and rows[i][3] >= arch.score_threshold]


def nearest(quads, wanted):
    """The largest distance of corners from those of the nearest quad; a half turn more or less is the same."""
    return min(min(np.abs(q - wanted).max(), np.abs(np.roll(q, 2, 0) - wanted).max()) for q in quads)


def test_quads_of_two_hundred_maps_are_those_of_scipy_and_eigenvectors():
    arch = detector(score_threshold=0.5)
    find, checked = tf.function(arch.found), 0
    for mask in maps(200):
        inside = np.random.default_rng(mask.sum()).uniform(0.31, 0.99, SIZE)
        probability = np.where(mask, inside, 0.1).astype(np.float32)
        found = {k: v.numpy()[0] for k, v in find(tf.constant(probability[None])).items()}
        rows = expected(mask, probability.astype(float), arch)
        last = rows[-1][0] if rows else 0
        # of components as small as the last one some may have been left out, and which is nobody's promise
        rows = [row for row in rows if row[0] > last or ndimage.label(mask, EIGHT)[1] <= SLOTS]
        assert found["count"] >= len(rows)
        quads = found["quads_xy"][: found["count"]].astype(float)
        for _, quad, is_long, score in rows:
            assert np.abs(found["scores"] - score).min() < 1e-5
            if is_long:
                assert nearest(quads, quad) < 1e-3
                checked += 1
    assert checked > 1000


@pytest.mark.parametrize("mask", [serpentine(41, 40), serpentine(80, 96).T[:, ::-1]])
def test_a_serpentine_is_one_component(mask):
    labels = labeling.label(tf.constant(mask[None])).numpy()[0]
    assert len(np.unique(labels)) == 2
    assert labels.max() == np.flatnonzero(mask).max() + 1
    assert not labels[~mask].any()


def test_components_are_those_of_scipy():
    for mask in maps(24):
        labels = labeling.label(tf.constant(mask[None])).numpy()[0]
        numbered, count = ndimage.label(mask, EIGHT)
        pairs = {*zip(labels.ravel().tolist(), numbered.ravel().tolist(), strict=True)}
        assert len(pairs) == count + 1 and (0.0, 0) in pairs
        numbers, sizes = (v.numpy()[0] for v in labeling.largest(tf.constant(labels[None]), SLOTS))
        wanted = np.sort(np.bincount(numbered.ravel())[1:])[::-1][:SLOTS]
        np.testing.assert_array_equal(sizes[: len(wanted)], wanted)
        assert not sizes[len(wanted) :].any() and not numbers[len(wanted) :].any()
        assert all((labels == n).sum() == s for n, s in zip(numbers, sizes, strict=True) if n)


def test_maps_of_a_batch_do_not_touch():
    masks = np.stack(list(maps(6)))
    together = labeling.label(tf.constant(masks)).numpy()
    for mask, labels in zip(masks, together, strict=True):
        np.testing.assert_array_equal(labeling.label(tf.constant(mask[None])).numpy()[0], labels)


def test_as_many_components_as_a_map_can_have():
    """A cell in every second row and column, and fewer slots."""
    mask = np.zeros((5, 7), bool)
    mask[::2, ::2] = True
    numbers, sizes = labeling.largest(labeling.label(tf.constant(mask[None])), 20)
    assert int((sizes > 0).numpy().sum()) == 12
    numbers, sizes = labeling.largest(labeling.label(tf.constant(mask[None])), 3)
    assert numbers.numpy()[0].tolist() == [35, 33, 31] and sizes.numpy()[0].tolist() == [1, 1, 1]


def test_an_empty_map_has_nothing():
    found = detector().found(tf.zeros([2, *SIZE]))
    assert not any(np.any(v) for v in found.values())


@pytest.mark.parametrize("sides", [(1, 1), (7, 7), (20, 3)])
def test_upright_rectangles_are_exact(sides):
    width, height = sides
    mask = np.zeros((1, 1, *SIZE), np.float32)
    mask[..., 10 : 10 + height, 30 : 30 + width] = 1
    centers, along, found = (v.numpy()[0, 0] for v in labeling.rectangles(tf.constant(mask)))
    np.testing.assert_allclose(centers, [30 + width / 2, 10 + height / 2], atol=1e-5)
    np.testing.assert_allclose(found, [width, height], atol=1e-5)
    np.testing.assert_allclose(along, [1, 0], atol=1e-6)


@pytest.mark.parametrize(("length", "is_upright"), [(101, True), (102, False)])
def test_what_is_as_long_as_wide_stands_upright(length, is_upright):
    """A square of 101 cells a side has one direction as soon as one side is a cell longer."""
    mask = np.zeros((1, 1, 104, 104), np.float32)
    mask[..., 1 : 1 + length, 1:102] = 1
    along = labeling.rectangles(tf.constant(mask))[1].numpy()[0, 0]
    np.testing.assert_allclose(np.abs(along), [1, 0] if is_upright else [0, 1], atol=1e-4)
