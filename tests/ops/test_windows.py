"""Windows that cover an axis, shares that add up to one, answers blended as a loop of numpy does it."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.ops import windows

OVERLAPS = (0.0, 0.25, 0.5, 0.75)


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize(("length", "size"), [(16, 16), (17, 16), (40, 16), (100, 7), (5, 1)])
def test_windows_cover_an_axis_from_end_to_end_and_overlap_enough(length, size, overlap):
    begins = windows.starts(length, size, overlap).numpy()
    assert begins[0] == 0
    assert begins[-1] == length - size
    steps = np.diff(begins)
    assert (steps > 0).all()
    assert (steps <= max(1, int(size * (1 - overlap))) + 1).all()  # even distances are rounded
    assert {x for b in begins for x in range(b, b + size)} == set(range(length))


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_shares_add_up_to_one_and_are_gaussian(overlap):
    length, size = 50, 16
    begins = windows.starts(length, size, overlap)
    shares = windows.shares(begins, size, length).numpy()
    total = np.zeros(length)
    for begin, share in zip(begins.numpy(), shares, strict=True):
        total[begin : begin + size] += share
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    bell = np.exp(-0.5 * ((np.arange(size) - 7.5) / 2.0) ** 2)
    sums = np.zeros(length)
    for begin in begins.numpy():
        sums[begin : begin + size] += bell
    np.testing.assert_allclose(shares[1], bell / sums[begins[1] : begins[1] + size], rtol=1e-5)


def test_a_single_window_counts_in_full():
    np.testing.assert_array_equal(windows.shares(windows.starts(9, 9, 0.5), 9, 9), np.ones((1, 9), np.float32))


@pytest.mark.parametrize("size", [(16, 8), (8, 4, 8)])
@pytest.mark.parametrize("overlap", OVERLAPS)
def test_answers_are_blended_as_numpy_does_it(size, overlap):
    """An answer that depends on where in the window a pixel lies, so that every weight matters."""
    rng = np.random.default_rng(0)
    sides = tuple(side + 5 + 3 * axis for axis, side in enumerate(size))
    inputs = rng.normal(size=(2, *sides, 3)).astype(np.float32)
    ramp = rng.normal(size=(1, *size, 1)).astype(np.float32)

    def answer(tile):
        return tf.concat([tile * ramp, tile[..., :1] + ramp], -1)

    spec = tf.TensorSpec([None] * len(inputs.shape[:-1]) + [3])
    traced = tf.function(
        lambda x: windows.blended(answer, x, size, overlap, 4), input_signature=[spec], autograph=False
    )
    expected = np.zeros((2, *sides, 4))
    weight = np.zeros((1, *sides, 1))
    bells = [np.exp(-0.5 * ((np.arange(s) - (s - 1) / 2) / (s / 8)) ** 2) for s in size]
    bell = bells[0]
    for other in bells[1:]:
        bell = bell[..., None] * other
    begins = [windows.starts(n, s, overlap).numpy() for n, s in zip(sides, size, strict=True)]
    for corner in itertools.product(*begins):
        cut = (slice(None), *(slice(b, b + s) for b, s in zip(corner, size, strict=True)))
        expected[cut] += answer(tf.constant(inputs[cut])).numpy() * bell[None, ..., None]
        weight[cut] += bell[None, ..., None]
    np.testing.assert_allclose(traced(inputs).numpy(), expected / weight, atol=2e-5)
    np.testing.assert_allclose(
        windows.blended(answer, tf.constant(inputs), size, overlap, 4), expected / weight, atol=2e-5
    )


@pytest.mark.parametrize(("axes", "count"), [((), 1), ((2,), 2), ((1, 2), 4)])
def test_mirrored_answers_are_averaged(axes, count):
    seen = []

    def answer(x):
        seen.append(x.numpy())
        return x * tf.range(x.shape[2], dtype=tf.float32)[None, None, :, None]

    x = np.random.default_rng(0).normal(size=(1, 3, 4, 2)).astype(np.float32)
    found = windows.mirrored(answer, axes)(tf.constant(x)).numpy()
    assert len(seen) == count
    assert len({s.tobytes() for s in seen}) == count
    columns = np.arange(4.0)
    weight = (columns + columns[::-1]) / 2 if 2 in axes else columns
    np.testing.assert_allclose(found, x * weight[None, None, :, None], rtol=1e-6)
