"""Masks and probabilities between original and graph pixels, against the geometry that images go through."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import map_coordinates, maximum_filter, minimum_filter

from kerasvision.ops import geometry as geo
from kerasvision.ops.dense import IGNORE, fit_mask, one_hot, original_classes

GRAPH_HW = (48, 64)


def blobs(hw, rng):
    """uint8 [H, W] of three classes in large blocks."""
    coarse = rng.integers(0, 3, (3, 4)).astype(np.uint8)
    rows, columns = (np.arange(n) * len(axis) // n for n, axis in zip(hw, (coarse, coarse[0]), strict=True))
    return coarse[rows][:, columns]


def geometry_of(hw, resize, crop_fraction=1.0):
    image = np.zeros((1, *hw, 3), np.uint8)
    return geo.fit_images(tf.constant(image), GRAPH_HW, resize, crop_fraction=crop_fraction)


@pytest.mark.parametrize("resize", geo.RESIZES)
@pytest.mark.parametrize("hw", [(48, 64), (100, 90), (31, 200), (24, 32), (1, 1)])
def test_a_mask_lies_where_its_image_lies(hw, resize):
    """Each graph pixel takes the class at its center's place in the original; padding is ignored."""
    mask = blobs(hw, np.random.default_rng(0))
    _, geometry = geometry_of(hw, resize, 0.8)
    one = {k: v[0] for k, v in geometry.items()}
    seen = fit_mask(tf.constant(mask), one, GRAPH_HW).numpy()
    scale, offset = one["scale_xy"].numpy(), one["offset_xy"].numpy()
    for y, x in np.random.default_rng(1).integers(0, GRAPH_HW, (200, 2)):
        place = (np.array([x, y]) + 0.5 - offset) / scale  # in the original, from its corner
        near = np.abs(place - np.round(place)).min() < 1e-3  # between two pixels either will do
        if near:
            continue
        inside = (place > 0).all() and (place < hw[::-1]).all()
        expected = mask[int(place[1]), int(place[0])] if inside else IGNORE
        assert seen[y, x] == expected, (y, x, place)


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_there_and_back_changes_only_the_edges_of_classes(resize):
    """Nearest there and bilinear back move a border by half a graph pixel, and a corner by 0.71: 0.86 and 1.22 px of
    the original here, so a pixel whose neighbors are all of its class (whose middle is 1.5 px inside) keeps it.
    """
    hw = (70, 110)
    mask = blobs(hw, np.random.default_rng(3))
    _, geometry = geometry_of(hw, resize)
    fitted = fit_mask(tf.constant(mask), {k: v[0] for k, v in geometry.items()}, GRAPH_HW)
    found = original_classes(one_hot(fitted, 3)[None], geometry)
    assert found["mask"].dtype == tf.uint8 and found["mask"].shape == (1, *hw)
    wrong = found["mask"][0].numpy() != mask
    inside = maximum_filter(mask, 3, mode="nearest") == minimum_filter(mask, 3, mode="nearest")
    assert inside.mean() > 0.8 and not (wrong & inside).any()
    assert (found["confidence"].numpy() <= 1).all()


@pytest.mark.parametrize("resize", geo.RESIZES)
@pytest.mark.parametrize("hw", [(48, 64), (100, 90), (31, 200), (24, 32), (1, 1)])
def test_probabilities_come_back_as_scipy_moves_them(hw, resize):
    """Bilinear at the closed form's places, which are those of `x * scale + offset`; the border is repeated."""
    logits = np.random.default_rng(7).normal(size=(1, *GRAPH_HW, 3)).astype(np.float32)
    probabilities = tf.nn.softmax(3 * logits).numpy()
    _, geometry = geometry_of(hw, resize, 0.8)
    scale, offset = (geometry[k][0].numpy() for k in ("scale_xy", "offset_xy"))
    places = [(np.arange(hw[1 - a]) + 0.5) * scale[a] + offset[a] - 0.5 for a in (1, 0)]
    grid = np.meshgrid(*places, indexing="ij")
    moved = [map_coordinates(probabilities[0, ..., k], grid, order=1, mode="nearest") for k in range(3)]
    first, second = np.sort(moved, 0)[[-1, -2]]
    found = {k: v[0].numpy() for k, v in original_classes(tf.constant(probabilities), geometry).items()}
    # places are float32: 64 px to seven digits, times the steepest slope of a probability
    np.testing.assert_allclose(found["confidence"], first, atol=1e-4)
    clear = first - second > 2e-4
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found["mask"][clear], np.argmax(moved, 0)[clear])


def test_the_same_size_is_the_identity():
    rng = np.random.default_rng(0)
    probabilities = tf.nn.softmax(rng.normal(size=(2, *GRAPH_HW, 4)).astype(np.float32))
    geometry = geo.identity(tf.constant([GRAPH_HW, GRAPH_HW]))
    found = original_classes(probabilities, geometry)
    np.testing.assert_array_equal(found["mask"], np.argmax(probabilities, -1))
    np.testing.assert_allclose(found["confidence"], np.max(probabilities, -1), atol=1e-6)


def test_smaller_images_of_a_batch_are_padded_with_ignore():
    probabilities = tf.nn.softmax(np.random.default_rng(0).normal(size=(2, *GRAPH_HW, 3)).astype(np.float32))
    parts = [geometry_of(hw, "letterbox")[1] for hw in ((30, 90), (80, 40))]
    together = {k: tf.concat([p[k] for p in parts], 0) for k in parts[0]}
    found = {k: v.numpy() for k, v in original_classes(probabilities, together).items()}
    assert found["mask"].shape == (2, 80, 90)
    for number, (h, w) in enumerate(((30, 90), (80, 40))):
        alone = original_classes(probabilities[number : number + 1], parts[number])
        np.testing.assert_array_equal(found["mask"][number, :h, :w], alone["mask"][0])
        beyond = np.ones((80, 90), bool)
        beyond[:h, :w] = False
        assert (found["mask"][number][beyond] == IGNORE).all() and not found["confidence"][number][beyond].any()


def test_ignored_pixels_have_no_class():
    hot = one_hot(tf.constant([[0, 2], [IGNORE, 1]], tf.uint8), 3).numpy()
    np.testing.assert_array_equal(hot.sum(-1), [[1, 1], [0, 1]])
    np.testing.assert_array_equal(hot.argmax(-1), [[0, 2], [0, 1]])
