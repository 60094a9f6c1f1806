"""Colorization: what the network sees of a picture, and which color it is to tell of each part."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.backbones.base import Normalization
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.layers.gray import Gray
from kerasvision.ops.color import LUMA, lab
from kerasvision.tasks.self_supervised.colorization import BINS, REACH, SIDE, STEP
from tests.contract.source_cases import picture

BACKBONE = create("backbones/convnet", width=4, blocks=(1, 1))


def tiny():
    return create("self_supervised/colorization", image_size=(8, 8), backbone=BACKBONE, projector=(8,))


def test_lab_is_scikit_images():
    from skimage.color import rgb2lab

    every = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), -1).reshape(-1, 3) / 255
    found = lab(tf.constant(every, tf.float32)).numpy()
    np.testing.assert_allclose(found, rgb2lab(every[None])[0], atol=2e-2)
    assert np.abs(found[:, 1:]).max() < REACH
    bins = np.round((found[:, 1:] + REACH) / STEP)
    assert 250 < len(np.unique(bins, axis=0)) < 330, "the paper has 313 with colors in them"


def test_each_position_tells_the_bin_of_the_mean_color_under_it():
    from skimage.color import rgb2lab

    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    picture[:2, :2] = 255, 0, 0
    found = tiny().encode({"image": tf.constant(picture)})["colors"].numpy()
    mean = rgb2lab(picture)[..., 1:].reshape(4, 2, 4, 2, 2).mean((1, 3))
    middle = np.stack([found // SIDE, found % SIDE], -1) * STEP - REACH
    assert found.shape == (4, 4) and np.abs(middle - mean).max() <= STEP / 2 + 0.05
    assert tuple(middle[0, 0]) == (80, 70)  # red is at a = 80.1, b = 67.2
    gray = tiny().encode({"image": tf.fill([8, 8, 3], tf.constant(90, tf.uint8))})["colors"].numpy()
    assert (gray == BINS // 2).all()


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_gray_pixels_are_what_a_gray_picture_is_normalized_to(channels):
    normalization = Normalization((120.0, 110.0, 100.0), (60.0, 50.0, 40.0), channels)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    gray = np.repeat((pixels @ np.float32(LUMA))[..., None], 3, -1)
    layer = Gray(normalization.mean, normalization.std, channels)
    np.testing.assert_allclose(layer(normalization(pixels)), normalization(gray), atol=1e-4)
    assert Gray.from_config(layer.get_config()).get_config() == layer.get_config()


def test_nothing_of_a_color_reaches_what_is_told_of_it():
    """Two pictures of one luma, one of which is gray."""
    arch = tiny()
    graph = arch.build()
    color = np.zeros((1, 8, 8, 3), np.float32)
    color[0, :, :, 0] = np.linspace(0, 255, 8)
    gray = np.repeat((color @ np.float32(LUMA))[..., None], 3, -1)
    answers = [graph({"image": arch.normalization(tf.constant(p))}, training=False) for p in (color, gray)]
    for key in ("embedding", "colors"):
        np.testing.assert_allclose(answers[0][key], answers[1][key], atol=1e-4)
    assert np.ptp(answers[0]["colors"].numpy(), (1, 2)).max() > 1e-3


def test_training_asks_for_the_colors_of_its_own_views(tmp_path):
    for number in range(4):
        picture(number, (8, 8)).save(tmp_path / f"{number}.png")
    split = create("sources/pictures", path=str(tmp_path), validation_fraction=0.0).open().splits["train"]
    # of a backbone that nothing has asked for its positions yet
    arch = dataclasses.replace(tiny(), backbone=create("backbones/convnet", width=5, blocks=(1, 1)))
    phase = Phase(1, create("optimizers/adamw"), (create("augmentations/photometric/hue"),), ())
    inputs, targets = next(iter(training_data(split, arch, phase, batch_size=4, seed=0)))
    for pixels, colors in zip(inputs["image"].numpy(), targets["colors"].numpy(), strict=True):
        shown = np.rint(pixels * 127.5 + 127.5).astype(np.uint8)
        np.testing.assert_array_equal(arch.encode({"image": tf.constant(shown)})["colors"], colors)
