"""Policies choose as stated, and what they apply is the part itself."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws, photometric
from tests.data.augment.traced import plain


def sample_of(seed=0, size=(18, 26)):
    image = np.random.default_rng(seed).integers(20, 230, (*size, 3), np.uint8)
    return {"image": tf.constant(image), "boxes_xyxy": tf.constant([[2.0, 3, 20, 15]]), "labels": tf.constant([5])}


def mapped(part, sample, count):
    seeds = tf.stack([tf.fill([count], 6), tf.range(count)], axis=1)
    return tf.data.Dataset.from_tensor_slices(seeds).map(plain(lambda seed: part(sample, seed))).as_numpy_iterator()


def called(part, sample, count):
    """The same eagerly: a policy of 14 parts takes as long to trace as a hundred calls of it."""
    for number in range(count):
        yield {k: v.numpy() for k, v in part(sample, tf.constant([6, number])).items()}


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_sometimes_applies_its_part_as_often_as_stated(probability):
    sample, inner = sample_of(), augmentations["geometric/rotation"](40.0)
    part = augmentations["policy/sometimes"](inner, probability)
    changed = 0
    for number, moved in enumerate(mapped(part, sample, 300)):
        if (moved["image"] != sample["image"].numpy()).any():
            changed += 1
            if changed < 5:
                wanted = inner(sample, draws.split(tf.constant([6, number]), 2)[1])
                for key, value in wanted.items():
                    np.testing.assert_allclose(moved[key], value, atol=1e-4, err_msg=key)
    assert abs(changed / 300 - probability) <= 4 * np.sqrt(probability * (1 - probability) / 300)


def test_sometimes_of_a_part_that_drops_objects():
    sample = sample_of() | {"boxes_xyxy": tf.constant([[0.0, 0, 2, 2]])}
    part = augmentations["policy/sometimes"](augmentations["geometric/zoom"]((3.0, 3.0)), 0.5)
    assert {len(moved["labels"]) for moved in mapped(part, sample, 20)} == {0, 1}


def test_rand_augment_draws_every_part_equally_often():
    """One layer of full magnitude: each result is that of one part under the layer's seed, or the sample itself."""
    sample, part = sample_of(), augmentations["policy/rand_augment"](layers=1, magnitude=30)
    counts = np.zeros(14, int)
    parts = part.parts()
    assert len(parts) == 13
    count = 250
    seeds = tf.stack([tf.fill([count], 6), tf.range(count)], axis=1)

    def every(seed):
        own = draws.split(seed, 2)[1]
        return tf.stack([sample["image"], *(p(sample, own)["image"] for p in parts)])

    data = tf.data.Dataset.from_tensor_slices(seeds).map(plain(lambda seed: (part(sample, seed)["image"], every(seed))))
    for moved, wanted in data.as_numpy_iterator():
        agreeing = (wanted == moved).all((1, 2, 3))
        assert agreeing.any()
        counts += agreeing & (agreeing.sum() == 1)
    assert counts.sum() > 0.9 * count
    assert stats.chisquare(counts).pvalue > 1e-3


def test_rand_augment_of_no_magnitude_moves_nothing():
    sample, part = sample_of(), augmentations["policy/rand_augment"](layers=2, magnitude=0)
    same = 0
    for moved in called(part, sample, 40):
        np.testing.assert_allclose(moved["boxes_xyxy"], sample["boxes_xyxy"], atol=1e-4)
        same += np.abs(moved["image"].astype(int) - sample["image"]).max() <= 1
    assert 20 <= same < 40  # autocontrast and equalize have no magnitude: (12 / 14)^2 = 0.73 of all draws avoid both


def test_rand_augment_magnitude_and_layers():
    sample = sample_of(size=(9, 12))

    def mean_change(**fields):
        results = called(augmentations["policy/rand_augment"](**fields), sample, 24)
        return np.mean([np.abs(m["image"].astype(float) - sample["image"]).mean() for m in results])

    small, large = mean_change(layers=1, magnitude=4), mean_change(layers=1, magnitude=30)
    assert small < large < mean_change(layers=2, magnitude=30)


def test_rand_augment_moves_labels_with_the_image():
    image = np.zeros((40, 60, 3), np.uint8)
    image[12:28, 20:44] = 250
    sample = {"image": tf.constant(image), "boxes_xyxy": tf.constant([[20.0, 12, 44, 28]]), "labels": tf.constant([1])}
    moves = 0
    for moved in called(augmentations["policy/rand_augment"](layers=2, magnitude=15), sample, 40):
        gray = moved["image"].astype(float).mean(-1)
        bright = gray > gray[12:28, 20:44].max() / 2
        box = moved["boxes_xyxy"][0]
        if gray.max() < 60 or bright.mean() > 0.5:
            continue  # solarized: the object is as dark as what is around it
        rows, columns = np.nonzero(bright)
        np.testing.assert_allclose(box, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1.5)
        moves += np.abs(box - [20, 12, 44, 28]).max() > 2
    assert moves > 4


@pytest.mark.parametrize("name", ["geometric/random_resized_crop", "patches/foreground"])
def test_sometimes_refuses_what_cuts_a_window(name):
    with pytest.raises(UsageError, match=f"{name}: a window is cut from every image or from none"):
        augmentations["policy/sometimes"](augmentations[name]())


def test_augmix_mixes_by_drawn_shares(monkeypatch):
    """Of a black picture and negatives alone: a chain of one or three is white, of two black; the picture's own share
    is even in 0..1 (Beta(1, 1)), so a third stays black and the others are evenly bright.
    """
    part = augmentations["policy/augmix"](width=1)
    monkeypatch.setattr(type(part), "parts", lambda self: (photometric.Solarize((0, 0)),))
    sample = {"image": tf.zeros((2, 2, 3), tf.uint8), "label": tf.constant(3)}
    moved = list(mapped(part, sample, 300))
    assert all(m["label"] == 3 and len(np.unique(m["image"])) == 1 for m in moved)
    shades = np.array([m["image"][0, 0, 0] for m in moved])
    black = shades == 0  # also of what is rounded to black, one in 510
    assert abs(black.mean() - 1 / 3) < 4 * np.sqrt(2 / 9 / 300)
    assert stats.kstest((shades[~black] + 0.5) / 256, "uniform").pvalue > 1e-3


def test_augmix_parts_that_move():
    part = augmentations["policy/augmix"]
    assert len(part().parts()) == 9 and len(part(moves=False).parts()) == 4
    corruptions = {"brightness", "contrast", "gaussian_noise", "blur", "jpeg_quality", "saturation"}
    assert not corruptions & {p.registered_name.split("/")[-1] for p in part().parts()}
