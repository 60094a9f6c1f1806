"""Small views: how large a part they show, and that nobody asks for what is said of them."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.data.sources.base import Split
from kerasvision.tasks.base import AVERAGED
from kerasvision.train.techniques.collapse import _large

SIDE, PICTURES, AREA = 64, 6, (0.1, 0.3)


def dino(**fields):
    backbone = create("backbones/convnet", width=4, blocks=(1,))
    given = {"image_size": (SIDE, SIDE), "backbone": backbone, "prototypes": 8, "small_area": AREA}
    return create("self_supervised/dino", **given | fields)


@pytest.fixture(scope="module")
def views():
    """float [PICTURES, 5, SIDE, SIDE, 3], 0..255, of a picture whose red grows to the right and whose green grows down,
    by 3 a pixel."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    image = np.uint8(np.stack([3 * columns, 3 * rows, 0 * rows], -1))
    split = Split(tf.data.Dataset.range(PICTURES), lambda number: {"image": tf.constant(image)}, PICTURES)
    arch, phase = dino(small_views=3), Phase(1, create("optimizers/adamw"), (), ())
    inputs, _ = next(iter(training_data(split, arch, phase, batch_size=PICTURES, seed=0)))
    plain = next(iter(training_data(split, dino(), phase, batch_size=1, seed=0)))[0]["image"].numpy()
    scale = (plain.max() - plain.min()) / (3 * (SIDE - 1))  # of normalized numbers to a step of one
    low = plain[0, 0, 0]
    return (inputs["image"].numpy() - low).reshape(PICTURES, 5, SIDE, SIDE, 3) / scale, image


def test_two_views_are_whole_and_the_others_are_parts_of_the_given_area(views):
    found, image = views
    for number in (0, 1):
        np.testing.assert_allclose(found[:, number], np.broadcast_to(image, found[:, number].shape), atol=1e-2)
    middle = slice(SIDE // 4, 3 * SIDE // 4)  # away from what interpolation holds fast at the borders
    slopes = [np.diff(found[:, 2:, middle, middle, k], axis=axis).mean((2, 3)) / 3 for k, axis in ((0, 3), (1, 2))]
    np.testing.assert_allclose(*slopes, atol=0.03)  # each pixel is rounded
    areas = slopes[0] * slopes[1]
    assert AREA[0] - 0.02 < areas.min() < 0.17 and 0.23 < areas.max() < AREA[1] + 0.02
    starts = found[:, 2:, 0, 0, :2].reshape(-1, 2)
    assert starts.min() >= -1e-2 and len(np.unique(starts.round(), axis=0)) > PICTURES, "each drawn by itself"
    assert found[..., :2].max() <= 3 * (SIDE - 1) + 1e-2


def test_the_center_is_that_of_large_views():
    arch, rows = dino(small_views=1), np.float32(np.random.default_rng(0).normal(size=(2, 3, 8)))
    center = create("techniques/centering", momentum=0.0).observer(arch, arch.build())
    found = center({}, {AVERAGED + "projection": tf.reshape(rows, [6, 8]), "label": 0})
    np.testing.assert_allclose(found[AVERAGED + "projection"], rows.reshape(6, 8))
    np.testing.assert_allclose(center.center, rows[:, :2].mean((0, 1)), rtol=1e-5, atol=1e-7)
    assert _large(rows.reshape(6, 8), arch).tolist() == rows[:, :2].reshape(4, 8).tolist()


def test_without_small_views_nothing_is_cut():
    arch = dino()
    assert arch.views == 2 and dino(small_views=6).views == 8
    rows = np.float32(np.random.default_rng(0).normal(size=(4, 8)))
    assert _large(rows, arch) is rows


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"small_views": -1}, "small_views=-1; allowed: 0 or more"),
        ({"small_area": (0.0, 0.4)}, "small_area=.*; allowed: two parts, above 0 to 1"),
        ({"small_area": (0.5, 0.4)}, "the smaller first"),
    ],
)
def test_parts_that_show_nothing_are_refused(fields, said):
    with pytest.raises(UsageError, match=said):
        dino(**fields)
