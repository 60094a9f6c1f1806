"""Simplified pictures beside scipy's median, Pillow's JPEG and drawn pixels, in builtin operators of TFLite alone."""

import functools
import io

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from PIL import Image

from kerasvision.ops import squeezing

RNG = np.random.default_rng(1)
NOISE = RNG.integers(0, 256, (2, 21, 18, 3)).astype(np.float32)  # neither side whole blocks


def photograph(h, w):
    from skimage import data

    return data.astronaut()[100 : 100 + h, 150 : 150 + w][None].astype(np.float32)


def test_shades():
    """Two bits: 0, 85, 170 and 255, the nearest."""
    found = squeezing.reduced_depth(tf.constant([[0.0, 42.0, 43.0, 127.0, 128.0, 212.0, 213.0, 255.0]]), 2)
    np.testing.assert_allclose(found, [[0, 0, 85, 85, 170, 170, 255, 255]])
    np.testing.assert_allclose(squeezing.reduced_depth(tf.constant(NOISE), 8), NOISE, atol=1e-4)


def test_the_median_is_scipy_s():
    expected = np.stack([scipy.ndimage.median_filter(image, (3, 3, 1), mode="reflect") for image in NOISE])
    np.testing.assert_array_equal(squeezing.median(tf.constant(NOISE)), expected)


@pytest.mark.parametrize("quality", [10, 50])
@pytest.mark.parametrize("size", [(32, 40), (21, 18)])
def test_cosines_are_what_pillow_s_jpeg_leaves(quality, size):
    """But for its integer cosines: a frequency that they put on the other side of a step moves a block a little, more
    often where steps are small, at high qualities.
    """
    pixels, file = photograph(*size), io.BytesIO()
    Image.fromarray(pixels[0].astype(np.uint8)).save(file, "JPEG", quality=quality, subsampling=0)
    expected = np.asarray(Image.open(file)).astype(np.float32)
    found = squeezing.block_cosines(tf.constant(pixels), quality).numpy()[0]
    lost = np.abs(expected - pixels[0]).mean()
    assert np.abs(found - expected).mean() < 0.1 * lost


def test_a_placed_picture_keeps_its_form_and_its_place_is_of_its_pixels():
    """A white picture with a black left half: its sizes are those that its sum draws, by hand."""
    side, least = 40, 0.5
    pixels = np.full((1, side, side, 3), 255.0, np.float32)
    pixels[:, :, : side // 2] = 0
    total = int(pixels.sum())
    scale = least + (1 - least) * (total % 97) / 96
    top, left = (total % 89) / 88 * (1 - scale) * side, (total % 83) / 82 * (1 - scale) * side
    found = squeezing.placed(tf.constant(pixels), least).numpy()[0, :, :, 0]
    middle = np.arange(side) + 0.5
    rows = (middle > top + 1) & (middle < top + scale * side - 1)
    dark = (middle > left + 1) & (middle < left + scale * side / 2 - 1)
    bright = (middle > left + scale * side / 2 + 1) & (middle < left + scale * side - 1)
    assert dark.sum() > 5 and bright.sum() > 5 and rows.sum() > 10
    assert (found[rows][:, dark] == 0).all() and np.allclose(found[rows][:, bright], 255, atol=1e-3)
    outside = (middle < left) | (middle > left + scale * side)
    assert np.allclose(found[:, outside], squeezing.GRAY)
    changed = pixels.copy()
    changed[0, 0, 0] = 3
    assert np.abs(squeezing.placed(tf.constant(changed), least)[0, :, :, 0] - found).max() > 50


DEFENSES = {
    "depth": functools.partial(squeezing.reduced_depth, bits=3),
    "median": squeezing.median,
    "cosines": functools.partial(squeezing.block_cosines, quality=60),
    "placed": functools.partial(squeezing.placed, least=0.7),
}


def test_builtin_operators_do_it():
    """The converter refuses others; the file answers the same."""
    from ai_edge_litert.interpreter import Interpreter

    spec = tf.TensorSpec((1, 21, 18, 3), tf.float32)
    every = tf.function(lambda x: {name: part(x) for name, part in DEFENSES.items()}, input_signature=[spec])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([every.get_concrete_function()], every)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    runtime = Interpreter(model_content=converter.convert())
    runtime.allocate_tensors()
    runtime.set_tensor(runtime.get_input_details()[0]["index"], NOISE[:1])
    runtime.invoke()
    found = [runtime.get_tensor(detail["index"]) for detail in runtime.get_output_details()]
    expected = tf.nest.flatten(every(tf.constant(NOISE[:1])))  # in the order of the names, as the file has them
    assert len(found) == len(expected) == len(DEFENSES)
    for answer, own, name in zip(found, expected, sorted(DEFENSES), strict=True):
        np.testing.assert_allclose(answer, own, atol=1e-3, err_msg=name)
