"""From original to graph pixels: pictures are drawn in the one and found in the other; masks against scipy."""

import functools

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from kerasvision.ops import dense
from kerasvision.ops import geometry as geo

GRAPH_HW = (48, 64)
# wide, tall, square; far larger than the graph, a little larger, as large, smaller; sides that nothing divides
SIZES = [(150, 250), (251, 153), (129, 129), (53, 70), (48, 64), (20, 30), (31, 17), (60, 500), (400, 30)]
ONE = [(1, 1), (1, 50), (200, 1), (2, 3)]
WAYS = [
    *((method, False) for method in ("bilinear", "bicubic", "nearest", "area")),
    *((method, True) for method in ("bilinear", "bicubic")),
]
BACK = geo.PAD_VALUE  # drawn on the gray of padding, so that only what is drawn stands out
CROP = 0.8


@functools.cache
def compiled(resize, method, antialias):
    """As a SavedModel has it: for pictures of any size."""
    crop = CROP if resize == "center_crop" else 1.0
    return tf.function(
        lambda images: geo.fit_images(images, GRAPH_HW, resize, method, crop, antialias),
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)],
        autograph=False,
    )


def fitted(image, resize, method="bilinear", antialias=False):
    """[H, W, 3] -> (uint8 [h, w, 3], geometry of one image), numpy."""
    pixels, geometry = compiled(resize, method, antialias)(image[None])
    assert pixels.dtype == tf.uint8 and pixels.shape == (1, *GRAPH_HW, 3)
    return pixels[0].numpy(), {k: v[0].numpy() for k, v in geometry.items()}


def covered(side, low, high):
    """Of each pixel of a side, the part between low and high."""
    index = np.arange(side)
    return np.clip(np.minimum(high, index + 1) - np.maximum(low, index), 0, 1)


def drawn(hw, box_xyxy):
    """A white rectangle on gray; a border amid a pixel covers a part of it."""
    x1, y1, x2, y2 = box_xyxy
    part = covered(hw[0], y1, y2)[:, None] * covered(hw[1], x1, x2)
    return np.repeat(np.round(BACK + (255 - BACK) * part)[..., None], 3, -1).astype(np.uint8)


def center(image, axis):
    """Center of mass of what stands out, in pixels from the border; the middle of a pixel is a half."""
    weight = (image[..., 0].astype(float) - BACK).sum(1 - axis)
    return float((weight * (np.arange(len(weight)) + 0.5)).sum() / weight.sum())


def seen_range(hw, resize):
    """[(low, high)] along y and x: the part of the original that the graph sees, in the words of `fit_images`."""
    if resize != "center_crop":
        return [(0.0, float(n)) for n in hw]
    step = CROP * min(n / g for n, g in zip(hw, GRAPH_HW, strict=True))
    return [(n / 2 - step * g / 2, n / 2 + step * g / 2) for n, g in zip(hw, GRAPH_HW, strict=True)]


@pytest.mark.parametrize(("method", "antialias"), WAYS)
@pytest.mark.parametrize("resize", geo.RESIZES)
@pytest.mark.parametrize("hw", SIZES)
def test_a_drawn_cross_lies_where_geometry_says(hw, resize, method, antialias):
    """Its bars, one a picture, are two graph pixels and two of the original thick: nearest cannot pass them by."""
    (y0, y1), (x0, x1) = ranges = seen_range(hw, resize)
    tried = 0
    for axis, (low, high) in enumerate(ranges):
        scale = fitted(np.zeros((*hw, 3), np.uint8), resize)[1]["scale_xy"][1 - axis]
        thick = 2 / scale + 2
        if high - low < 2 * thick:
            continue
        for part in (0.0, 0.37, 0.5, 1.0):  # at both borders too
            start = low + 1 + part * (high - low - thick - 2)
            box = (x0, start, x1, start + thick) if axis == 0 else (start, y0, start + thick, y1)
            found, geometry = fitted(drawn(hw, box), resize, method, antialias)
            expected = (start + thick / 2) * geometry["scale_xy"][1 - axis] + geometry["offset_xy"][1 - axis]
            assert abs(center(found, axis) - expected) <= 0.5, (axis, part, center(found, axis), expected)
            tried += 1
    assert tried >= 4


@pytest.mark.parametrize("resize", geo.RESIZES)
@pytest.mark.parametrize(("method", "antialias"), WAYS)
@pytest.mark.parametrize("hw", SIZES)
def test_a_slope_tells_the_place_of_every_pixel(hw, resize, method, antialias):
    """Brightness grows evenly along an axis, so a pixel's value says where in the original it was taken from."""
    for axis in (0, 1):
        side = hw[axis]
        line = np.round(255 * (np.arange(side) + 0.5) / side).astype(np.uint8)
        image = np.zeros((*hw, 3), np.uint8) + (line[:, None, None] if axis == 0 else line[None, :, None])
        pixels, geometry = fitted(image, resize, method, antialias)
        scale, offset = geometry["scale_xy"][1 - axis], geometry["offset_xy"][1 - axis]
        place = (np.arange(GRAPH_HW[axis]) + 0.5 - offset) / scale
        low, high = ((at - offset) / scale for at in (0, GRAPH_HW[axis]))  # of a window; of a letterbox beyond it
        inner = (place > max(low, 0) + 1) & (place < min(high, side) - 1)  # at its borders a picture is flat
        across = 1 - axis
        middle = (hw[across] / 2) * geometry["scale_xy"][1 - across] + geometry["offset_xy"][1 - across]
        values = np.take(pixels[..., 0].astype(float), int(middle), across)[inner]
        # half a graph pixel, and half a gray level twice: in what was drawn and in what was found
        allowed = 0.5 / scale + side / 255 + (0.5 if method in ("nearest", "area") else 0)
        assert inner.any()
        np.testing.assert_allclose(values * side / 255, place[inner], rtol=0, atol=allowed)


@pytest.mark.parametrize("hw", [*SIZES, *ONE])
def test_a_letterbox_is_centered_and_gray(hw):
    """White pictures: the white part's borders are the picture's corners, moved; the rest is the gray of padding."""
    pixels, geometry = fitted(np.full((*hw, 3), 255, np.uint8), "letterbox")
    corners = np.array([(0, 0), hw[::-1]]) * geometry["scale_xy"] + geometry["offset_xy"]
    for axis in (0, 1):
        white = np.flatnonzero((pixels[..., 0] == 255).any(1 - axis))
        np.testing.assert_allclose(corners[:, 1 - axis], [white[0], white[-1] + 1], atol=1e-3)
        before, after = white[0], GRAPH_HW[axis] - 1 - white[-1]
        assert 0 <= after - before <= 1, "what is left over is shared evenly; an odd pixel goes behind"
    assert min(pixels.shape[i] - np.ptp(np.argwhere(pixels[..., 0] == 255)[:, i]) for i in (0, 1)) == 1, (
        "it fills a side"
    )
    assert set(np.unique(pixels)) <= {114, 255}
    least = min(g / n for g, n in zip(GRAPH_HW, hw, strict=True))
    np.testing.assert_allclose(geometry["scale_xy"] * hw[::-1], np.maximum(least * np.array(hw[::-1]), 1), atol=0.5001)


@pytest.mark.parametrize("hw", [*SIZES, *ONE])
def test_a_center_crop_is_at_the_center(hw):
    """Its window's middle is the picture's within half a pixel, its sides are the wanted part of the largest window."""
    _, geometry = fitted(np.zeros((*hw, 3), np.uint8), "center_crop")
    corners = (np.array([(0, 0), GRAPH_HW[::-1]]) - geometry["offset_xy"]) / geometry["scale_xy"]
    assert (corners[0] >= -1e-3).all() and (corners[1] <= np.array(hw[::-1]) + 1e-3).all(), "within the picture"
    np.testing.assert_allclose(corners.mean(0), np.array(hw[::-1]) / 2, atol=0.5001)
    wanted = np.array([high - low for low, high in seen_range(hw, "center_crop")])[::-1]
    np.testing.assert_allclose(corners[1] - corners[0], np.maximum(wanted, 1), atol=0.5001)


@pytest.mark.parametrize("resize", geo.RESIZES)
@pytest.mark.parametrize("hw", ONE)
def test_pictures_of_a_pixel_or_a_few_have_a_place(hw, resize):
    for method, antialias in WAYS:
        image = np.random.default_rng(0).integers(150, 256, (*hw, 3)).astype(np.uint8)
        pixels, geometry = fitted(image, resize, method, antialias)
        inside = (pixels[pixels != BACK] if resize == "letterbox" else pixels).astype(int)
        image = image.astype(int)
        # bicubic swings past its ends by an eighth of their difference at most, along each axis
        reach = 2 * np.ptp(image) / 8 + 1 if method == "bicubic" else 1
        assert inside.min() >= image.min() - reach and inside.max() <= image.max() + reach
        assert np.isfinite(geometry["scale_xy"]).all() and (geometry["scale_xy"] > 0).all()
        np.testing.assert_array_equal(geometry["image_hw"], hw)


@pytest.mark.parametrize("hw", [*SIZES, *ONE])
def test_windows_pad_behind_the_picture(hw):
    image = np.random.default_rng(0).integers(0, 256, (*hw, 3), np.uint8)
    pixels, geometry = geo.pad_images(tf.constant(image[None]), GRAPH_HW)
    expected = np.full((max(hw[0], GRAPH_HW[0]), max(hw[1], GRAPH_HW[1]), 3), geo.PAD_VALUE, np.uint8)
    expected[: hw[0], : hw[1]] = image
    np.testing.assert_array_equal(pixels[0], expected)
    assert geometry["scale_xy"].numpy().tolist() == [[1, 1]] and geometry["offset_xy"].numpy().tolist() == [[0, 0]]
    assert geometry["image_hw"].numpy().tolist() == [list(hw)]


@pytest.mark.parametrize("resize", geo.RESIZES)
@pytest.mark.parametrize("hw", [*SIZES, *ONE])
def test_boxes_move_with_the_picture_and_come_back(hw, resize):
    """A drawn box is found around its moved corners, and `restore_boxes` gives its own again."""
    low, high = (np.array(v)[::-1] for v in zip(*seen_range(hw, resize), strict=True))
    box = np.concatenate([low + 0.2 * (high - low), low + 0.85 * (high - low)]).astype(np.float32)
    pixels, geometry = fitted(drawn(hw, box), resize)
    one = {k: tf.constant(v) for k, v in geometry.items()}
    boxes = geo.move_boxes(tf.constant(box[None]), one).numpy()
    corners = box.reshape(2, 2) * geometry["scale_xy"] + geometry["offset_xy"]
    np.testing.assert_allclose(boxes.reshape(2, 2), corners, rtol=1e-6, atol=1e-4)
    back = geo.restore_boxes(tf.constant(boxes[None]), {k: v[None] for k, v in one.items()}).numpy()[0]
    np.testing.assert_allclose(back, box[None], atol=1e-5 * max(hw) + 1e-4)
    if min(hw) < 3:  # of one pixel there is no border to find
        return
    part = (pixels[..., 0].astype(float) - BACK) / (255 - BACK)
    for axis in (0, 1):
        found = np.flatnonzero(part.max(1 - axis) >= 0.5)
        # the threshold lies within half a graph pixel, or half an original one, of the border that was drawn
        allowed = 0.5 + 0.5 * max(1, geometry["scale_xy"][1 - axis])
        np.testing.assert_allclose([found[0], found[-1] + 1], corners[:, 1 - axis], atol=allowed)


def blobs(hw, rng):
    """uint8 [H, W] of three classes with smooth borders."""
    noise = scipy.ndimage.gaussian_filter(rng.normal(size=hw), max(1.0, min(hw) / 8), mode="nearest")
    return np.digitize(noise, np.quantile(noise, (0.35, 0.7))).astype(np.uint8)


@pytest.mark.parametrize("resize", geo.RESIZES)
@pytest.mark.parametrize("hw", [*SIZES, *ONE])
def test_masks_move_as_scipy_moves_them(hw, resize):
    """Nearest at the closed form's places; where a place lies between two pixels either will do."""
    mask = blobs(hw, np.random.default_rng(4))
    _, geometry = fitted(np.zeros((*hw, 3), np.uint8), resize)
    found = dense.fit_mask(tf.constant(mask), {k: tf.constant(v) for k, v in geometry.items()}, GRAPH_HW).numpy()
    xy = [(np.arange(GRAPH_HW[1 - a]) + 0.5 - geometry["offset_xy"][a]) / geometry["scale_xy"][a] for a in (0, 1)]
    near = [np.abs(v - np.round(v)) < 1e-3 for v in xy]
    places = np.meshgrid(xy[1] - 0.5, xy[0] - 0.5, indexing="ij")
    expected = scipy.ndimage.map_coordinates(mask, places, order=0, mode="nearest")
    outside = [(v < 0) | (v > n) for v, n in zip(xy, hw[::-1], strict=True)]
    expected[outside[1][:, None] | outside[0][None]] = dense.IGNORE
    clear = ~(near[1][:, None] | near[0][None])
    assert clear.any() or min(hw) < 3 or hw == GRAPH_HW
    np.testing.assert_array_equal(found[clear], expected[clear])


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("hw", [s for s in SIZES if max(s) < 5 * min(s)])
def test_masks_come_back_within_a_pixel(hw, resize):
    """A pixel of the coarser of both pictures: whatever is farther than that from another class has kept its own."""
    mask = blobs(hw, np.random.default_rng(5))
    _, geometry = fitted(np.zeros((*hw, 3), np.uint8), resize)
    one = {k: tf.constant(v) for k, v in geometry.items()}
    hot = dense.one_hot(dense.fit_mask(tf.constant(mask), one, GRAPH_HW), 3)
    found = dense.original_classes(hot[None], {k: v[None] for k, v in one.items()})["mask"][0].numpy()
    assert found.shape == hw
    sides = [2 * int(np.ceil(max(1.0, 1 / s))) + 1 for s in geometry["scale_xy"][::-1]]
    alone = scipy.ndimage.maximum_filter(mask, sides, mode="nearest") == scipy.ndimage.minimum_filter(
        mask, sides, mode="nearest"
    )
    assert alone.mean() > 0.1
    np.testing.assert_array_equal(found[alone], mask[alone])
