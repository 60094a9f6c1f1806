"""Detection losses against torchvision's stored answers, and against the papers' sums in float64 numpy."""

import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.losses import detection as losses

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "goldens" / "detection_ops.npz")


def value_and_gradient(function, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = function(x)
    return values.numpy(), tape.gradient(values, x).numpy()


def grid(shape, seed=0, scale=4.0):
    rng = np.random.default_rng(seed)
    return rng, rng.normal(0, scale, shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.float64(x)))


def cross_entropy(y, p):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


FOCAL = [("hard", 0.25, 2.0), ("hard", -1, 2.0), ("hard", 0.5, 1.5), ("hard", 0.25, 0.5), ("hard", 0.75, 0.0)]
FOCAL += [("soft", 0.25, 2.0), ("soft", 0.25, 0.5)]


@pytest.mark.parametrize(("kind", "alpha", "gamma"), FOCAL)
def test_focal_is_torchvision_s(kind, alpha, gamma):
    targets, name = GOLDEN[f"focal/{kind}"], f"focal/{kind}_{alpha}_{gamma}"
    weight = alpha if alpha >= 0 else None
    seen, gradient = value_and_gradient(lambda x: losses.focal(targets, x, weight, gamma), GOLDEN["focal/logits"])
    np.testing.assert_allclose(seen, GOLDEN[name].sum(-1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, GOLDEN[f"{name}_gradient"], rtol=1e-4, atol=1e-6)


def test_focal_is_equation_5():
    rng, logits = grid((40, 7))
    y, p = rng.integers(0, 2, (40, 7)), sigmoid(logits)
    p_t, alpha_t = np.where(y == 1, p, 1 - p), np.where(y == 1, 0.3, 0.7)
    expected = (-alpha_t * (1 - p_t) ** 3 * np.log(p_t)).sum(-1)
    np.testing.assert_allclose(losses.focal(np.float32(y), logits, 0.3, 3.0), expected, rtol=1e-4)


@pytest.mark.parametrize("exponent", [2.0, 0.5])
def test_certain_scores_stay_finite(exponent):
    logits = np.float32([[200.0, -200.0, 0.0], [-200.0, 200.0, 0.0]])
    targets = np.float32([[1, 0, 0.5], [1, 0, 0.5]])
    seen, gradient = value_and_gradient(lambda x: losses.focal(targets, x, gamma=exponent), logits)
    assert np.isfinite(seen).all() and np.isfinite(gradient).all()
    assert seen[0] < 1 and seen[1] > 40


@pytest.mark.parametrize("beta", [0.0, 1.0 / 9.0, 1.0])
def test_smooth_l1_is_torch_s(beta):
    seen = losses.smooth_l1(GOLDEN["smooth_l1/true"], GOLDEN["smooth_l1/predicted"], beta)
    np.testing.assert_allclose(seen, GOLDEN[f"smooth_l1/{beta:.3f}"].sum(-1), rtol=1e-5)


def test_smooth_l1_has_a_bounded_gradient():
    true = np.zeros((5, 1), np.float32)
    _, gradient = value_and_gradient(
        lambda x: losses.smooth_l1(true, x, 0.5), np.float32([[-9], [-0.25], [0], [0.5], [3]])
    )
    np.testing.assert_allclose(gradient[:, 0], [-1, -0.5, 0, 1, 1])


@pytest.mark.parametrize("kind", ["giou", "diou", "ciou"])
def test_overlap_is_torchvision_s(kind):
    true, predicted = GOLDEN["overlap_loss/true"], GOLDEN["overlap_loss/predicted"]
    seen, gradient = value_and_gradient(lambda x: losses.overlap(true, x, kind), predicted)
    np.testing.assert_allclose(seen, GOLDEN[f"overlap_loss/{kind}"], atol=1e-5)
    np.testing.assert_allclose(gradient, GOLDEN[f"overlap_loss/{kind}_gradient"], rtol=1e-3, atol=2e-6)


def test_overlap_with_iou():
    seen = losses.overlap(np.float32([[0, 0, 10, 10]]), np.float32([[[5, 0, 15, 10]], [[0, 0, 10, 10]]]), "iou")
    np.testing.assert_allclose(seen, [[1 - 50 / 150], [0.0]], atol=1e-6)


def distributed(y, logits):
    """arXiv:2006.04388, equation 6, for one side."""
    z = np.float64(logits) - np.max(logits)
    s = np.exp(z) / np.exp(z).sum()
    left = min(math.floor(y), len(s) - 2)
    right = left + 1
    return -((right - y) * math.log(s[left]) + (y - left) * math.log(s[right]))


def test_distribution_focal_is_equation_6():
    rng, logits = grid((60, 4, 17), 3)
    y = rng.uniform(0, 16, (60, 4)).astype(np.float32)
    y[:3] = [[0, 16, 5, 15.999], [1, 2, 3, 4], [0.001, 15, 8.5, 7]]
    expected = [np.mean([distributed(a, b) for a, b in zip(*row, strict=True)]) for row in zip(y, logits, strict=True)]
    np.testing.assert_allclose(losses.distribution_focal(y, logits), expected, rtol=1e-4)


def test_distances_beyond_the_bins_are_kept_in_them():
    _, logits = grid((2, 4, 9), 4)
    outside, inside = np.float32([[-3, 8.5, 1e6, 8]] * 2), np.float32([[0, 8, 8, 8]] * 2)
    np.testing.assert_array_equal(losses.distribution_focal(outside, logits), losses.distribution_focal(inside, logits))


def test_distribution_focal_is_least_at_the_truth():
    """Equation 6's solution: S_left = y_right - y, S_right = y - y_left, whose mean is y."""
    shares = np.full((1, 4, 9), 1e-9)
    shares[..., 3], shares[..., 4] = 0.7, 0.3
    target = np.full((1, 4), 3.3, np.float32)
    _, gradient = value_and_gradient(lambda x: losses.distribution_focal(target, x), np.log(shares).astype(np.float32))
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


def test_every_loss_is_one_value_an_anchor():
    rng, logits = grid((2, 5, 3))
    boxes = np.sort(rng.uniform(0, 50, (2, 5, 2, 2)), 2).reshape(2, 5, 4).astype(np.float32)
    assert losses.focal(np.zeros_like(logits), logits).shape == (2, 5)
    assert losses.smooth_l1(boxes, boxes + 1).shape == losses.overlap(boxes, boxes + 1).shape == (2, 5)
    assert losses.distribution_focal(boxes / 8, np.zeros((2, 5, 4, 9), np.float32)).shape == (2, 5)
