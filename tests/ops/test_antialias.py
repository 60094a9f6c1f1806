"""Sides that shrink by more than two are averaged: against sums in numpy, Pillow, and what can be seen."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.ops import geometry as geo

H, W = 20, 24  # of the graph


@functools.cache
def compiled(resize, method, antialias, crop_fraction, size_hw):
    """As a SavedModel has it: for pictures of any size."""
    return tf.function(
        lambda images: geo.fit_images(images, size_hw, resize, method, crop_fraction, antialias)[0],
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)],
        autograph=False,
    )


def fitted(images, resize="stretch", method="bilinear", antialias=True, crop_fraction=1.0, size_hw=(H, W)):
    """uint8 [B, H, W, 3] -> uint8 [B, h, w, 3], numpy."""
    return compiled(resize, method, antialias, crop_fraction, size_hw)(images).numpy()


def noise(*shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3)).astype(np.uint8)


def averaged(pixels, count, axis):
    """The rule in float64: the integral over an axis, read at the ends of `count` equal parts."""
    side = pixels.shape[axis]
    whole = np.insert(np.cumsum(pixels.astype(float), axis), 0, 0.0, axis)
    ends = np.arange(count + 1) * side / count
    below = np.minimum(np.floor(ends).astype(int), side - 1)
    shape = [-1 if i == axis else 1 for i in range(pixels.ndim)]
    part = (ends - below).reshape(shape)
    integral = np.take(whole, below, axis) * (1 - part) + np.take(whole, below + 1, axis) * part
    return np.diff(integral, axis=axis) * count / side


def assert_nearest(seen, expected):
    """Rounded: half a level, and what sums of float32 may be off."""
    np.testing.assert_allclose(seen.astype(float), np.clip(expected, 0, 255), rtol=0, atol=0.501)


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@pytest.mark.parametrize("hw", [(41, 49), (47, 100), (123, 77), (400, 601), (640, 480), (1000, 49)])
def test_both_sides_are_means_of_what_lies_in_a_pixel(hw, method):
    image = noise(*hw)
    assert_nearest(fitted(image[None], method=method)[0], averaged(averaged(image, H, 0), W, 1))


@pytest.mark.parametrize("factor", [(3, 3), (5, 7), (12, 4)])
def test_whole_blocks_are_pillow_s_reduce(factor):
    image = noise(H * factor[0], W * factor[1])
    expected = np.asarray(Image.fromarray(image).reduce(factor[::-1])).astype(int)
    assert np.abs(fitted(image[None])[0].astype(int) - expected).max() <= 1  # which rounds halves up, in integers


def test_a_letterbox_and_a_crop_are_averaged_in_their_own_size():
    image = noise(300, 500)
    inner = averaged(averaged(image, 14, 0), W, 1)  # 300 * 24 / 500 = 14.4
    assert_nearest(fitted(image[None], "letterbox")[0][3:17], inner)
    window = image[50:250, 130:370]  # two thirds of 300 rows, of 360 columns
    cut = fitted(image[None], "center_crop", crop_fraction=2 / 3)[0]
    assert_nearest(cut, averaged(averaged(window, H, 0), W, 1))


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@pytest.mark.parametrize("rows", [7, 20, 33, 40])
def test_only_the_side_that_shrinks_by_more_than_two_is_averaged(rows, method):
    """The other one is interpolated as ever: here by TensorFlow, in float, of what was averaged."""
    image = noise(rows, 130)
    columns = averaged(image, W, 1)
    expected = tf.image.resize(columns[None].astype(np.float32), (H, W), method)[0].numpy()
    assert_nearest(fitted(image[None], method=method)[0], expected)
    assert_nearest(
        fitted(image.transpose(1, 0, 2)[None], method=method, size_hw=(W, H))[0], expected.transpose(1, 0, 2)
    )


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "nearest", "area"])
@pytest.mark.parametrize("resize", geo.RESIZES)
@pytest.mark.parametrize("hw", [(2 * H, 2 * W), (2 * H - 1, W), (H, 2 * W), (H, W), (5, 9), (1, 1)])
def test_a_picture_that_shrinks_by_two_or_less_answers_as_before(hw, resize, method):
    image = noise(*hw)[None]
    np.testing.assert_array_equal(*(fitted(image, resize, method, antialias) for antialias in (True, False)))


def test_the_first_side_beyond_two_is_another_picture():
    for hw in ((2 * H + 1, 2 * W), (2 * H, 2 * W + 1)):
        image = noise(*hw)[None]
        assert (fitted(image, antialias=True) != fitted(image, antialias=False)).mean() > 0.3
        for method in ("nearest", "area"):  # are what their names say
            np.testing.assert_array_equal(*(fitted(image, method=method, antialias=a) for a in (True, False)))


def test_a_fine_grid_becomes_gray():
    """Lines of one pixel, of which interpolation sees some and misses some; a mean sees black and white as gray."""
    image = np.zeros((9 * H + 4, 9 * W + 4, 3), np.uint8)
    image[::2] = 255
    gray, spoiled = (fitted(image[None], antialias=a)[0].astype(int) for a in (True, False))
    assert np.abs(gray - 127.5).max() < 255 / 9  # at most one line of nine more of one kind
    assert spoiled.min() < 30 and spoiled.max() > 225


def test_pictures_of_a_batch_do_not_mix():
    images = np.stack([noise(130, 99), noise(99, 130).transpose(1, 0, 2)])
    together = fitted(images)
    for image, seen in zip(images, together, strict=True):
        np.testing.assert_array_equal(seen, fitted(image[None])[0])


def test_no_float_copy_of_a_large_picture_is_made():
    """Bytes are averaged as they are: in the graph nothing turns them into floats before they are few."""
    graph = compiled("letterbox", "bilinear", True, 1.0, (H, W)).get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    assert any(n.op == "ResizeArea" and n.attr["T"].type == tf.uint8.as_datatype_enum for n in nodes)
    assert not [n.name for n in nodes if n.op == "Cast" and n.attr["SrcT"].type == tf.uint8.as_datatype_enum]


def test_eager_and_graph_agree():
    image = noise(90, 50)[None]
    eager, _ = geo.fit_images(tf.constant(image), (H, W), antialias=True)
    np.testing.assert_array_equal(eager, fitted(image))
