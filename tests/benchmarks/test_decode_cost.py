"""What reading a file's header and its EXIF orientation costs a training's input: images a second, with and without."""

import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.data.decode import decode
from tests.data.by_pillow import exif_of, segment, written

IMAGES, ROUNDS, WARMUP = 5, 200, 20
MOST = {None: 1.08, 1: 1.12, 6: 2.3}  # of a tag: the time with looking for it over that without


def plainly(image_bytes):
    """Decoding without looking: what `decode` did before there was anything to look for."""
    jpeg = tf.io.is_jpeg(image_bytes)
    image = tf.cond(
        jpeg,
        lambda: tf.io.decode_jpeg(image_bytes, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(image_bytes, channels=3, expand_animations=False),
    )
    return tf.ensure_shape(image, [None, None, 3])


def running(function, data):
    """A function that decodes IMAGES pictures and shrinks them to 224, one after the other, in one pipeline that stays:
    to start one takes much longer than a picture.
    """

    def one(encoded):
        image = function(encoded)
        return tf.reduce_sum(tf.cast(tf.image.resize(image[None], (224, 224)), tf.int32))

    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.autotune.enabled = False
    # the next batch would be made while the other is timed
    options.experimental_optimization.apply_default_optimizations = False
    pictures = tf.data.Dataset.from_tensors(data).repeat()  # no constant, which would be decoded once for all
    pictures = pictures.map(tf.autograph.experimental.do_not_convert(one)).batch(IMAGES)
    held = iter(pictures.with_options(options))
    return lambda: next(held).numpy()


@pytest.mark.benchmark
@pytest.mark.parametrize("tag", [None, 1, 6])
def test_cost_of_looking(tag):
    """Of 500 x 375 pixels at quality 90, decoded and shrunk to 224. Short rounds in turn, and of each way the tenth
    that took least, so that other work on the machine matters little.
    """
    data = pytest.importorskip("skimage.data")
    image = Image.fromarray(np.ascontiguousarray(data.chelsea())).resize((500, 375), Image.Resampling.LANCZOS)
    jpeg = written(image, "JPEG", quality=90)
    jpeg = jpeg if tag is None else jpeg[:2] + segment(0xE1, b"Exif\0\0" + exif_of(tag)) + jpeg[2:]
    ways = {"plainly": running(plainly, jpeg), "looking": running(decode, jpeg)}
    spent = {name: [] for name in ways}
    for _ in range(WARMUP + ROUNDS):
        for name, run in ways.items():
            began = time.process_time()
            run()
            spent[name].append((time.process_time() - began) / IMAGES)
    seconds = {name: np.percentile(held[WARMUP:], 10) for name, held in spent.items()}
    ratio = seconds["looking"] / seconds["plainly"]
    rates = ", ".join(f"{name} {1 / value:.0f}" for name, value in seconds.items())
    print(f"\ntag {tag}, {len(jpeg)} bytes: images/s {rates}; {100 * (ratio - 1):+.1f} % of time")
    assert ratio < MOST[tag]
