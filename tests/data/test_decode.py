"""Decoding against Pillow's pixels."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.data.decode import decode, image_hw, on_host
from tests.data import by_pillow

WINDOW = (11, 13, 50, 40)
READABLE = [
    "rgb.jpg",
    "progressive.jpg",
    "gray.jpg",
    "cmyk.jpg",
    "rotated.jpg",
    "rgb.png",
    "gray.png",
    "one_bit.png",
    "palette.png",
    "palette_clear.png",
    "rgba.png",
    "la.png",
    "deep.png",
    "color_key.png",
    "rgb.bmp",
    "gray.bmp",
    "palette.bmp",
    "rgba.bmp",
    "rgb.gif",
    "animated.gif",
    "clear.gif",
    "rgb.webp",
    "lossy.webp",
    "rgba.webp",
    "animated.webp",
]


def expected(path):
    """The documented rules, in Pillow."""
    return by_pillow.expected(path.read_bytes())


@pytest.fixture(scope="module")
def graphs():
    """`decode` as it is traced for a SavedModel: whole, and through a window."""
    text, box = tf.TensorSpec([], tf.string), tf.TensorSpec([4], tf.int32)
    whole = tf.function(decode, input_signature=[text], autograph=False)
    return whole, tf.function(decode, input_signature=[text, box], autograph=False)


@pytest.mark.parametrize("name", READABLE)
def test_pixels_equal_pillow(name, zoo, graphs):
    image_bytes, want = tf.io.read_file(str(zoo[name])), expected(zoo[name])
    y, x, height, width = WINDOW
    np.testing.assert_array_equal(graphs[0](image_bytes), want)
    cut = want[y : y + height, x : x + width]
    np.testing.assert_array_equal(graphs[1](image_bytes, tf.constant(WINDOW)), cut)
    np.testing.assert_array_equal(on_host(image_hw)(image_bytes), want.shape[:2])


@pytest.mark.parametrize("name", ["rotated.jpg", "rgba.png", "clear.gif", "animated.webp", "palette.bmp"])
def test_the_same_without_a_graph(name, zoo):
    image_bytes, want = tf.io.read_file(str(zoo[name])), expected(zoo[name])
    y, x, height, width = WINDOW
    np.testing.assert_array_equal(decode(image_bytes, tf.constant(WINDOW)), want[y : y + height, x : x + width])


def test_the_zoo_tells_the_rules_apart(zoo):
    """Dropping alpha, white ground, fast DCT and palette indices would each be seen above."""
    rgba = Image.open(zoo["rgba.png"])
    assert np.abs(np.asarray(rgba.convert("RGB")).astype(int) - expected(zoo["rgba.png"])).max() > 100
    assert (np.asarray(Image.open(zoo["clear.gif"]).convert("RGBA"))[..., 3] == 0).any()
    fast = tf.io.decode_jpeg(tf.io.read_file(str(zoo["rgb.jpg"])), channels=3)
    assert np.abs(fast.numpy().astype(int) - expected(zoo["rgb.jpg"])).max() > 1


def test_decode_in_a_saved_model(zoo, tmp_path):
    class Decoder(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def __call__(self, image_bytes):
            return tf.map_fn(decode, image_bytes, fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8))

    names = ["rgb.jpg", "rgba.png", "palette.bmp", "animated.gif", "rgba.webp"]
    tf.saved_model.save(Decoder(), str(tmp_path / "model"))
    batch = tf.stack([tf.io.read_file(str(zoo[n])) for n in names])
    images = tf.saved_model.load(str(tmp_path / "model"))(batch).numpy()
    for name, image in zip(names, images, strict=True):
        np.testing.assert_array_equal(image, expected(zoo[name]))


def test_a_server_without_the_webp_op_can_load_the_graph(graphs):
    ops = {op.type for op in graphs[0].get_concrete_function().graph.get_operations()}
    ops |= {n.op for f in graphs[0].get_concrete_function().graph.as_graph_def().library.function for n in f.node_def}
    assert "DecodeImage" in ops
    assert not ops & {"DecodeWebP", "PyFunc", "EagerPyFunc"}


def test_the_graph_is_small(graphs):
    """Every start of a `tf.data` pipeline copies and optimizes all functions that `decode` may call, which takes time
    with their number times that of their operations: 3,000 in 66 took three times as long as 1,000 in 39. 1,163 in 50
    take 243 ms of processor time as 1,091 in 42 did (245; medians of nine starts, 2 cores shared with other work).
    """
    library = graphs[0].get_concrete_function().graph.as_graph_def().library.function
    assert sum(len(function.node_def) for function in library) <= 1_170
    assert len(library) <= 50


@pytest.mark.parametrize("name", ["rgb.jpg", "rgb.png"])
def test_a_window_outside_the_image_is_an_error(name, zoo):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(tf.io.read_file(str(zoo[name])), tf.constant([90, 0, 50, 40]))


@pytest.mark.parametrize("content", [b"", b"hello, world", b"\xff\xd8\xff\xe0 cut"])
def test_what_is_no_image_is_an_error(content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(tf.constant(content))
