"""What a Siamese box adaptive network learns from: positions, distances, the hardest others; by closed forms."""

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.tracking_cases import tiny

NEAR = [20, 20, 52, 52]  # of side 32, so that a pixel of its window is one of the frame


@pytest.fixture(scope="module")
def arch():
    return tiny("siamban")


def targets(arch, box, present=1):
    held = {"search_box": tf.constant(NEAR, tf.float32), "box_xyxy": tf.constant(box, tf.float32), "present": present}
    return {key: value.numpy() for key, value in arch.encode(held).items()}


def test_positions_are_of_it_beside_it_or_neither_by_two_ellipses(arch):
    """Stride 4, 11 x 11 positions; an object of 48 x 32 about (44, 36): 8 pixels, two positions, to the right."""
    found = targets(arch, [20, 20, 68, 52])["response"]
    y, x = np.mgrid[-5:6, -5:6] * 4.0
    inner = ((x - 8) / 12) ** 2 + (y / 8) ** 2 < 1
    outer = ((x - 8) / 24) ** 2 + (y / 16) ** 2 < 1
    np.testing.assert_array_equal(found, np.where(inner, 1.0, np.where(outer, 0.5, 0.0)))
    assert 0 < inner.sum() < outer.sum() < found.size


def test_of_a_small_object_the_nearest_position_is(arch):
    found = targets(arch, [35.0, 35.0, 39.0, 39.0])["response"]  # of 4 pixels about (37, 37)
    assert found[5, 5] == 1.0
    between = targets(arch, [36.0, 36.0, 40.0, 40.0])["response"]  # about (38, 38), amid four positions
    assert (between == 1.0).sum() == 4


def test_what_is_not_there_or_elsewhere_has_no_position(arch):
    for held in (targets(arch, NEAR, 0), targets(arch, [400, 20, 432, 52])):
        assert not held["response"].any()
        assert held["presence"] == [0.0]
    assert targets(arch, NEAR)["presence"] == [1.0]


def test_distances_are_those_to_the_sides_and_lead_back_to_the_box(arch):
    box = np.float32([26, 24, 62, 44])
    held = targets(arch, box)
    np.testing.assert_allclose(16 * np.exp(held["boxes"][5, 5]), [10, 12, 26, 8], rtol=1e-5)  # from (36, 36)
    raw = {key: tf.constant(value[None]) for key, value in arch.ideal_raw(held).items()}
    for centered in (0.0, 0.3):
        found, _ = arch.best(raw, tf.constant([NEAR], tf.float32), centered)
        np.testing.assert_allclose(found[0], box, atol=1e-3)


def losses(arch, held, response, boxes):
    raw = {"response": response, "boxes": boxes, "presence": np.float32([0.0])}
    batch = ({k: tf.constant(v, tf.float32)[None] for k, v in one.items()} for one in (held, raw))
    return {key: float(value[0]) for key, value in arch.loss(*batch).items()}


def test_of_positions_beside_it_the_likeliest_48_count(arch):
    """-log(1 - p) of the largest 48 on average, half of the loss; what is neither has no part."""
    held = targets(arch, NEAR)
    rng = np.random.default_rng(2)
    response = np.float32(rng.normal(size=held["response"].shape))
    found = losses(arch, held, response, held["boxes"])
    beside = np.log1p(np.exp(response[held["response"] == 0.0]))
    of_it = np.log1p(np.exp(-response[held["response"] == 1.0]))
    assert found["response"] == pytest.approx((of_it.mean() + np.sort(beside)[-48:].mean()) / 2, rel=1e-5)
    assert found["presence"] == pytest.approx(np.log(2), rel=1e-5)
    neither = np.where(held["response"] == 0.5, 30.0, response)
    assert losses(arch, held, neither, held["boxes"])["response"] == pytest.approx(found["response"], rel=1e-6)


def test_the_loss_of_a_box_is_one_less_its_overlap(arch):
    """Twice as far to the left, of a square: two thirds of the union are shared."""
    held = targets(arch, NEAR)
    assert losses(arch, held, held["response"], held["boxes"])["boxes"] == pytest.approx(0.0, abs=1e-6)
    wide = held["boxes"].copy()
    wide[5, 5, 0] += np.log(2)
    only = held | {"response": np.where(np.arange(121).reshape(11, 11) == 60, 1.0, 0.0)}
    assert losses(arch, only, held["response"], wide)["boxes"] == pytest.approx(1 / 3, abs=1e-5)
