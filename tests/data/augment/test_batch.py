"""Mixup and cutmix: the targets must hold what can be measured in the mixed images."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment.batch import beta

COUNT, SIZE = 12, (21, 34)
MIXES = dict.fromkeys(("probabilities", "vector", "x", "label"), "probabilities")


def seed_of(number):
    return tf.constant([2, number])


def batch():
    """Example i is of class i; its image is noise, its second target a vector."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (COUNT, *SIZE, 3), np.uint8)
    targets = {"probabilities": np.eye(COUNT, dtype=np.float32), "vector": rng.uniform(0, 1, (COUNT, 2, 3))}
    return images, {k: tf.constant(v, tf.float32) for k, v in targets.items()}


@pytest.mark.parametrize("seed", range(4))
def test_mixup_mixes_images_as_its_targets_say(seed):
    images, targets = batch()
    inputs, mixed = augmentations["batch/mixup"](alpha=1.0)(
        {"image": tf.constant(images)}, targets, seed_of(seed), MIXES
    )
    weights = mixed["probabilities"].numpy().astype(float)  # row i: the share of each original in image i
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    assert ((weights > 0).sum(1) <= 2).all()
    assert (np.diag(weights) > 0).all()
    wanted = np.einsum("ij,jhwc->ihwc", weights, images.astype(float))
    assert np.abs(inputs["image"].numpy() - wanted).max() <= 0.51
    np.testing.assert_allclose(mixed["vector"], np.einsum("ij,jkl->ikl", weights, targets["vector"]), atol=1e-5)
    partners = np.argmax(weights - np.diag(np.diag(weights)), axis=1)
    mixes = (weights > 0).sum(1) == 2
    assert mixes.sum() > COUNT / 2 and len(set(partners[mixes])) == mixes.sum()  # a permutation: nobody twice
    assert len(set(np.diag(weights).round(5))) > COUNT / 2  # a weight for each example


@pytest.mark.parametrize("seed", range(4))
def test_cutmix_targets_are_measured_areas(seed):
    images, targets = batch()
    inputs, mixed = augmentations["batch/cutmix"]()({"image": tf.constant(images)}, targets, seed_of(seed), MIXES)
    weights = mixed["probabilities"].numpy().astype(float)
    for index, image in enumerate(inputs["image"].numpy()):
        same = (image[None] == images).all(-1)  # [originals, H, W]: noise, so a pixel tells where it is from
        areas = same.mean((1, 2))
        np.testing.assert_allclose(weights[index], areas, atol=0.005)
        pasted = ~same[index]
        if pasted.any():
            rows, columns = np.nonzero(pasted)
            assert pasted.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)  # one rectangle, from one partner
            assert np.count_nonzero(weights[index]) == 2
    np.testing.assert_allclose(mixed["vector"], np.einsum("ij,jkl->ikl", weights, targets["vector"]), atol=1e-5)


def test_cutmix_rectangles_have_the_images_aspect_and_the_drawn_area():
    """Equation 2: sides sqrt(1 - lambda) of the image's; unclipped ones show it, with lambda uniform for alpha 1."""
    images = np.zeros((400, 100, 200, 3), np.uint8) + np.arange(400, dtype=np.int64)[:, None, None, None].astype(
        np.uint8
    )
    targets = {"probabilities": tf.eye(400)}
    inputs, _ = augmentations["batch/cutmix"](alpha=1.0)({"image": tf.constant(images)}, targets, seed_of(0), MIXES)
    pasted = (inputs["image"].numpy() != images).any(-1)
    rows, columns = pasted.any(2), pasted.any(1)
    whole = ~(rows[:, 0] | rows[:, -1] | columns[:, 0] | columns[:, -1]) & rows.any(1)
    heights, widths = rows.sum(1)[whole], columns.sum(1)[whole]
    assert whole.sum() > 20
    assert np.abs(widths - 2 * heights).max() <= 1
    covered = pasted.mean((1, 2))
    assert 0.2 < covered.mean() < 0.4  # a half, less what is clipped


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0, 5.0])
def test_beta_as_scipy(alpha):
    drawn = beta(seed_of(0), alpha, 4000).numpy().astype(float)
    drawn = np.clip(drawn, 1e-7, 1 - 1e-7)  # float32 ends there
    shape = stats.beta(alpha, alpha)
    statistic = stats.kstest(drawn, lambda x: np.where(x >= 1 - 1e-7, 1, shape.cdf(x))).statistic
    assert statistic < 0.03 if alpha > 0.1 else statistic < 0.2  # for 0.1 a tenth lies within 1e-7 of an end
    assert abs(drawn.mean() - 0.5) < 0.03
    assert abs(drawn.var() / shape.var() - 1) < 0.1


def test_tiny_alpha_is_finite():
    drawn = beta(seed_of(1), 0.001, 1000).numpy()
    assert np.isfinite(drawn).all() and set(drawn.round(3)) >= {0.0, 1.0}


@pytest.mark.parametrize("name", ["batch/mixup", "batch/cutmix"])
def test_integer_targets_are_refused(name):
    images, _ = batch()
    with pytest.raises(KerasVisionError, match="target 'label' of type int32"):
        augmentations[name]()({"image": tf.constant(images)}, {"label": tf.range(COUNT)}, seed_of(0), MIXES)


@pytest.mark.parametrize("name", ["batch/mixup", "batch/cutmix"])
def test_images_with_missing_pixels_are_refused(name):
    images, _ = batch()
    inputs = {"image": tf.constant(images), "present": tf.ones(images.shape[:3], tf.uint8)}
    with pytest.raises(UsageError, match=f"augmentations/{name} cannot mix images with missing pixels"):
        augmentations[name]()(inputs, {"x": tf.ones([COUNT, 3])}, seed_of(0), MIXES)


@pytest.mark.parametrize("name", ["batch/mixup", "batch/cutmix"])
def test_batch_of_one_is_itself(name):
    images, _ = batch()
    inputs, targets = augmentations[name]()(
        {"image": tf.constant(images[:1])}, {"x": tf.ones([1, 3])}, seed_of(0), MIXES
    )
    np.testing.assert_array_equal(inputs["image"], images[:1])
    np.testing.assert_array_equal(targets["x"], np.ones([1, 3]))
