"""Patches of images and volumes: what is cut, how often, and what is padded."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment.patches import foreground_voxel
from kerasvision.ops.dense import IGNORE
from tests.data.augment.traced import plain

SIZE = (20, 30, 26)
TRIES = 300


def seed_of(number):
    return tf.stack([tf.constant(5), tf.cast(number, tf.int32)])


def patch(size, foreground=0.5, fill=0):
    return augmentations["patches/foreground"](size, foreground, fill)


def volume_of(mask):
    """Each voxel's value is its own number, so a patch says where it was cut."""
    volume = np.arange(mask.size, dtype=np.float32).reshape(*mask.shape, 1)
    sample = {"volume": volume, "mask": mask.astype(np.uint8)}
    sample |= {"spacing_mm": np.float32([3, 1, 1]), "label": np.int32(2)}
    return {k: tf.constant(v) for k, v in sample.items()}


def image_of(mask):
    image = np.random.default_rng(0).integers(1, 256, (*mask.shape, 3))
    return {"image": tf.constant(image, tf.uint8), "mask": tf.constant(mask, tf.uint8), "label": tf.constant(2)}


def rare_mask():
    """Class 2 in a third of the volume, 7 in one voxel, much that is not annotated."""
    mask = np.zeros(SIZE, np.uint8)
    mask[:, 10:20] = 2
    mask[10, 4, 5] = 7
    mask[:, 24:] = IGNORE
    return mask


def corner(patch, shape):
    return np.array(np.unravel_index(int(patch["volume"].numpy()[0, 0, 0, 0]), shape))


@pytest.mark.parametrize("seed", range(4))
def test_a_patch_of_a_volume_is_what_stands_there(seed):
    sample = volume_of(rare_mask())
    moved = patch((8, 9, 10))(sample, seed_of(seed))
    d, h, w = corner(moved, SIZE)
    for key in ("volume", "mask"):
        np.testing.assert_array_equal(moved[key], sample[key][d : d + 8, h : h + 9, w : w + 10])
    assert list(moved) == list(sample)
    assert moved["label"] == 2
    np.testing.assert_array_equal(moved["spacing_mm"], [3, 1, 1])


@pytest.mark.parametrize("seed", range(4))
def test_a_patch_of_an_image_is_what_stands_there(seed):
    sample = image_of(rare_mask()[10])
    moved = patch((12, 9))(sample, seed_of(seed))
    windows = np.lib.stride_tricks.sliding_window_view(sample["image"], (12, 9, 3)).reshape(-1, 12, 9, 3)
    masks = np.lib.stride_tricks.sliding_window_view(sample["mask"], (12, 9)).reshape(-1, 12, 9)
    (at,) = np.flatnonzero((windows == moved["image"].numpy()).all((1, 2, 3)))
    np.testing.assert_array_equal(moved["mask"], masks[at])
    assert moved.keys() == sample.keys() | {"cropped"}
    assert moved["cropped"].dtype == tf.bool
    assert moved["cropped"]
    assert (moved["image"].dtype, moved["mask"].dtype) == (tf.uint8, tf.uint8)


def test_eager_equals_tf_data():
    for sample, size in ((volume_of(rare_mask()), (8, 9, 10)), (image_of(rare_mask()[10]), (12, 9))):
        part = patch(size)
        signature = {k: tf.TensorSpec([None] * v.shape.rank, v.dtype) for k, v in sample.items()}
        key = "volume" if "volume" in sample else "image"
        signature |= {key: tf.TensorSpec([None] * len(size) + [sample[key].shape[-1]], sample[key].dtype)}
        data = tf.data.Dataset.from_generator(lambda s=sample: [s] * 8, output_signature=signature)
        data = data.enumerate().map(plain(lambda i, s, part=part: part(s, seed_of(i))))
        assert data.element_spec[key].shape == (*size, sample[key].shape[-1])
        assert data.element_spec["mask"].shape == size
        results = list(data)
        for number, mapped in enumerate(results):
            eager = part(sample, seed_of(number))
            assert mapped.keys() == eager.keys()
            for name, value in eager.items():
                np.testing.assert_array_equal(mapped[name], value, name)
        assert any((results[0][key].numpy() != r[key].numpy()).any() for r in results[1:])


def patches_of(part, sample, tries=TRIES):
    return list(tf.data.Dataset.range(tries).map(plain(lambda i: part(sample, seed_of(i))), tf.data.AUTOTUNE))


def test_every_patch_of_the_foreground_shows_it_and_rare_classes_as_often():
    sample, size = volume_of(rare_mask()), (6, 7, 6)
    found = patches_of(patch(size, foreground=1.0), sample)
    middles = np.array([int(f["mask"].numpy()[3, 3, 3]) for f in found])
    inner = np.array([(c > 0).all() and (c < np.array(SIZE) - size).all() for c in (corner(f, SIZE) for f in found)])
    assert inner.sum() > 100
    assert set(middles[inner]) == {2, 7}
    assert all(((f["mask"].numpy() != 0) & (f["mask"].numpy() != IGNORE)).any() for f in found)
    rare = np.mean([(f["mask"].numpy() == 7).any() for f in found])
    assert 0.4 < rare < 0.65  # one voxel of 15600, as often as a third of the volume


@pytest.mark.parametrize("foreground", [0.0, 0.3, 1.0])
def test_the_share_of_patches_of_the_foreground(foreground):
    mask = np.zeros(SIZE, np.uint8)
    mask[10, 15, 13] = 1
    found = patches_of(patch((5, 5, 5), foreground), volume_of(mask))
    centered = np.mean([f["mask"].numpy()[2, 2, 2] == 1 for f in found])
    assert abs(centered - foreground) < 0.08


def test_other_places_are_uniform_and_reach_every_border():
    sample = volume_of(np.zeros(SIZE))
    for foreground in (0.0, 1.0):  # without any foreground it is the same
        corners = np.array([corner(f, SIZE) for f in patches_of(patch((18, 25, 26), foreground), sample)])
        for axis, places in enumerate((3, 6, 1)):
            counts = np.bincount(corners[:, axis], minlength=places)
            assert len(counts) == places
            assert counts.min() > 0.6 * TRIES / places


def test_a_voxel_is_uniform_within_its_class():
    mask = np.zeros((4, 3, 5), np.uint8)
    mask[0, 0, 1] = mask[2, 1, 1] = mask[2, 2, 4] = mask[3, 2, 4] = 3
    mask[1] = IGNORE
    draw = tf.function(lambda i: foreground_voxel(tf.constant(mask), seed_of(i)), autograph=False)
    drawn = [draw(tf.constant(i)) for i in range(400)]
    assert all(bool(found) for _, found in drawn)
    places, counts = np.unique([v.numpy() for v, _ in drawn], axis=0, return_counts=True)
    np.testing.assert_array_equal(places, np.argwhere(mask == 3))
    assert counts.min() > 70
    for nothing in (np.zeros((2, 3), np.uint8), np.full((2, 3), IGNORE, np.uint8)):
        assert not foreground_voxel(tf.constant(nothing), seed_of(0))[1]


def test_a_foreground_at_the_border_stays_inside():
    mask = np.zeros(SIZE, np.uint8)
    mask[0, 29, 0] = 1
    for found in patches_of(patch((8, 9, 10), 1.0), volume_of(mask), 5):
        np.testing.assert_array_equal(corner(found, SIZE), [0, 21, 0])


@pytest.mark.parametrize("foreground", [0.0, 1.0])
def test_what_is_too_small_is_padded_around(foreground):
    mask = np.ones((4, 9, 6), np.uint8)
    sample = volume_of(mask)
    sample["volume"] -= 3.0
    moved = patch((9, 5, 8), foreground)(sample, seed_of(1))
    assert moved["volume"].shape == (9, 5, 8, 1)
    wanted = np.full((9, 5, 8), IGNORE)
    wanted[2:6, :, 1:7] = 1
    np.testing.assert_array_equal(moved["mask"], wanted)
    assert (moved["volume"].numpy()[wanted == IGNORE] == -3.0).all()

    image = image_of(mask[0])
    moved = patch((9, 12), foreground, fill=130)(image, seed_of(1))
    wanted = np.full((9, 12, 3), 130)
    wanted[:, 3:9] = image["image"]
    np.testing.assert_array_equal(moved["image"], wanted)
    np.testing.assert_array_equal(moved["mask"].numpy() == IGNORE, (wanted == 130).all(-1))


def test_what_it_cannot_cut_is_one_clear_line():
    volume, image = volume_of(rare_mask()), image_of(rare_mask()[10])
    boxes = image | {"boxes_xyxy": tf.zeros([0, 4])}
    unmasked = {k: v for k, v in image.items() if k != "mask"}
    for sample, size, message in (
        (image, (8, 8, 8), "size=(8, 8, 8); allowed for an image: (h, w)"),
        (volume, (8, 8), "size=(8, 8); allowed for a volume: (d, h, w)"),
        (boxes, (8, 8), "cannot cut boxes_xyxy"),
        (unmasked, (8, 8), "needs a mask"),
    ):
        part, data = patch(size), tf.data.Dataset.from_tensors(sample)
        with pytest.raises(UsageError) as raised:
            part(sample, seed_of(0))
        assert message in str(raised.value)
        with pytest.raises(UsageError):
            data.map(plain(lambda s, part=part: part(s, seed_of(0))))
    for size in ((8,), (8, 8, 8, 8), (0, 8), ()):
        with pytest.raises(UsageError, match="allowed"):
            patch(size)
    assert from_json(to_json(patch((8, 9)))) == patch((8, 9))
