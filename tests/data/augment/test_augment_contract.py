"""What every registered augmentation owes: the same in tf.data as eagerly, a function of its seed alone, and no more
changed than its business."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment.base import BatchAugmentation, Canvas, Combination, WindowAugmentation
from kerasvision.ops.resample import PER_OBJECT
from tests.data.augment.test_audio_augment import CASES as SOUNDS
from tests.data.augment.test_text_augment import CASES as TEXTS
from tests.data.augment.traced import plain

# where an augmentation has a probability it is one that lets different seeds differ
CASES = {
    "batch/cutmix": {},
    "batch/mixup": {"alpha": 1.0},
    "combining/copy_paste": {},
    "combining/mixup": {"alpha": 1.0},
    "combining/mosaic": {},
    "geometric/affine": {},
    "geometric/elastic": {"alpha": 20.0},
    "geometric/horizontal_flip": {},
    "geometric/random_crop": {"size_px": (16, 20)},
    "geometric/random_resized_crop": {},
    "geometric/rotation": {"degrees": 40.0},
    "geometric/shear": {},
    "geometric/translation": {},
    "geometric/vertical_flip": {},
    "geometric/zoom": {},
    "occlusion/cutout": {"length_px": 9, "holes": 2},
    "occlusion/drop_regions": {"probability": 1.0},
    "occlusion/grid_mask": {"probability": 1.0},
    "occlusion/random_erasing": {"probability": 1.0},
    "patches/foreground": {"size": (12, 16)},
    "photometric/autocontrast": {},
    "photometric/blur": {},
    "photometric/brightness": {},
    "photometric/color_jitter": {},
    "photometric/contrast": {},
    "photometric/equalize": {},
    "photometric/gamma": {},
    "photometric/gaussian_noise": {},
    "photometric/hue": {},
    "photometric/jpeg_quality": {},
    "photometric/posterize": {"bits": (1, 8)},
    "photometric/saturation": {},
    "photometric/sharpness": {},
    "photometric/solarize": {},
    "policy/augmix": {"moves": False},
    "policy/rand_augment": {},
    "policy/sometimes": {},
    "volume/affine": {},
    "volume/bias_field": {},
    "volume/elastic": {},
    "volume/flip": {},
    "volume/gamma": {"probability": 0.5},
    "volume/intensity": {},
    "volume/noise": {},
}
SEEDS = 4
CANVAS = (26, 34)
IMAGE_ONLY = (
    *("occlusion/", "photometric/"),
    *("volume/bias_field", "volume/gamma", "volume/intensity", "volume/noise"),
)


def sample_of(size=(30, 44), seed=0):
    height, width = size
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.uniform(-200, 455, (height, width, 3)), (1.5, 1.5, 0))
    corners = np.sort(rng.uniform(0, 1, (3, 2, 2)), axis=1) * [width, height]
    masks = rng.integers(0, 2, (3, height, width))
    sample = {
        "image": np.clip(image, 5, 245).astype(np.uint8),
        "label": np.int32(3),
        "labels": np.array([4, 5, 6], np.int32),
        "boxes_xyxy": corners.reshape(3, 4).astype(np.float32),
        "mask": masks.sum(0).astype(np.int32),
        "instance_masks": masks.astype(np.uint8),
        "keypoints_xyv": np.concatenate([corners, np.ones((3, 2, 1))], -1).astype(np.float32),
        "quads_xy": np.stack([corners[:, [0, 1, 1, 0], 0], corners[:, [0, 0, 1, 1], 1]], -1).astype(np.float32),
        "texts": np.array([b"4", b"5", b"6"]),
        "weather": np.array(b"drizzle"),
        "tabular": np.array([0.5, 2.0], np.float32),
        "is_crowd": np.array([False, True, False]),
        "is_difficult": np.array([False, False, True]),
        "is_truncated": np.array([True, False, False]),
        "track_ids": np.array([40, 50, 60], np.int64),
        "area_px": np.array([4.0, 5.0, 6.0], np.float32),
        "occlusion": np.array([0.4, 0.5, 0.6], np.float32),
    }
    return {k: tf.constant(v) for k, v in sample.items()}


def sample_for(part, size):
    """A flat dict of what the part takes."""
    if isinstance(part, BatchAugmentation):
        return {k: v for pair in batch_of(size) for k, v in pair.items()}
    sample, name = sample_of(size), part.registered_name
    if "/patches/" in name:  # cannot cut objects
        objects = ("boxes_xyxy", *PER_OBJECT)
        return {k: tf.cast(v, tf.uint8) if k == "mask" else v for k, v in sample.items() if k not in objects}
    if "/volume/" in name:  # the image's channels as slices
        raster = tf.cast(tf.transpose(sample["image"], [2, 0, 1])[..., None], tf.float32) / 128.0 - 1.0
        mask = tf.tile(tf.cast(sample["mask"], tf.uint8)[None], [3, 1, 1])
        kept = {k: sample[k] for k in ("label", "weather", "tabular")}
        return kept | {"volume": raster, "mask": mask, "spacing_mm": tf.constant([3.0, 1.0, 1.0])}
    return sample


def raster_of(result):
    return result["volume" if "volume" in result else "image"]


def batch_of(size=(30, 44)):
    rng = np.random.default_rng(0)
    inputs = {"image": rng.integers(0, 256, (6, *size, 3), np.uint8), "tabular": rng.uniform(0, 1, (6, 2))}
    targets = {
        "probabilities": np.eye(6, dtype=np.float32),
        "map": rng.uniform(0, 1, (6, 3, 4, 2)).astype(np.float32),
    }
    return {k: tf.constant(v) for k, v in inputs.items()}, {k: tf.constant(v) for k, v in targets.items()}


def case(name):
    return augmentations[name](**CASES[name])


def applied(part, seed, size=(30, 44)):
    """A flat dict of the result."""
    if isinstance(part, BatchAugmentation):
        inputs, targets = part(*batch_of(size), seed, {"probabilities": "probabilities", "map": "probabilities"})
        return inputs | targets
    if isinstance(part, Combination):
        partners = [sample_of(hw, 1 + i) for i, hw in enumerate([(21, 37), size, (50, 16)][: part.count])]
        return part(combinable(part, sample_of(size)), [combinable(part, p) for p in partners], seed, Canvas(CANVAS))
    return part(sample_for(part, size), seed)


def combinable(part, sample):
    """Without the classes of pixels, which only a mosaic can lay side by side."""
    return {k: v for k, v in sample.items() if k != "mask" or part.registered_name.endswith("mosaic")}


def seed_of(number):
    return tf.stack([tf.constant(17), tf.cast(number, tf.int32)])


def test_every_augmentation_has_a_case():
    assert set(augmentations.names()) == {*CASES, *TEXTS, *SOUNDS}


@pytest.mark.parametrize("name", CASES)
def test_eager_equals_tf_data(name):
    part = case(name)
    data = tf.data.Dataset.range(SEEDS).map(plain(lambda i: applied(part, seed_of(i))), tf.data.AUTOTUNE)
    results = list(data)
    assert len(results) == SEEDS
    for number, mapped in enumerate(results):
        eager = applied(part, seed_of(number))
        assert mapped.keys() == eager.keys()
        for key, value in eager.items():
            if value.dtype.is_floating:
                np.testing.assert_allclose(mapped[key], value, rtol=1e-5, atol=1e-4, err_msg=key)
            else:
                np.testing.assert_array_equal(mapped[key], value, key)
    images = [raster_of(m).numpy() for m in results]
    assert any(images[0].shape != i.shape or (images[0] != i).any() for i in images[1:]), "seeds do not matter"
    again = raster_of(applied(part, seed_of(0))).numpy()
    np.testing.assert_array_equal(again, raster_of(applied(part, seed_of(0))))
    if not isinstance(part, WindowAugmentation):  # so that what follows knows the size
        assert raster_of(data.element_spec).shape == images[0].shape


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [(30, 44), pytest.param((8, 8), marks=pytest.mark.nightly), (1, 1)])
def test_changes_no_more_than_its_business(name, size):
    part = case(name)
    before = sample_for(part, size)
    before = combinable(part, before) if isinstance(part, Combination) else before
    for seed in range(2):
        after = applied(part, seed_of(seed), size)
        if isinstance(part, WindowAugmentation):
            window = part.window(tf.constant(size), seed_of(seed)).numpy()
            assert tuple(after["image"].shape[:2]) == tuple(window[2:])
            assert after["cropped"].dtype == tf.bool
            assert after.keys() - before.keys() == {"cropped"}
        elif name == "patches/foreground":
            assert after["image"].shape == (*part.size, 3)
            assert after.keys() - before.keys() == {"cropped"}
        else:
            adds = {"present", "whole"} if name == "occlusion/drop_regions" else set()
            assert after.keys() - before.keys() == adds and not before.keys() - after.keys()
            shape = (*CANVAS, 3) if isinstance(part, Combination) else raster_of(before).shape
            assert raster_of(after).shape == shape
        for key in after.keys() & before.keys():
            assert after[key].dtype == before[key].dtype, key
        moved = {"image", "volume", "probabilities", "map"}
        if not name.startswith((*IMAGE_ONLY, "batch/")):
            moved |= {"boxes_xyxy", "mask", *PER_OBJECT}
        for key in before.keys() - moved:
            np.testing.assert_array_equal(after[key], before[key], key)
        if "boxes_xyxy" in after:
            rows = {k: after[k].shape[0] for k in ("boxes_xyxy", *PER_OBJECT)}
            assert len(set(rows.values())) == 1, rows
            check_rows(after)
            assert after["instance_masks"].shape[1:] == after["image"].shape[:2]
            assert "mask" not in after or after["mask"].shape == after["image"].shape[:2]


def check_rows(sample):
    """What the keys say of an object is of one object still, also where others have gone."""
    labels = sample["labels"].numpy()
    np.testing.assert_array_equal(sample["track_ids"], labels * 10)
    np.testing.assert_allclose(sample["area_px"], labels)
    assert [int(text) for text in sample["texts"].numpy()] == labels.tolist()
    np.testing.assert_allclose(sample["occlusion"], labels / 10, rtol=1e-6)
    for key, label in (("is_truncated", 4), ("is_crowd", 5), ("is_difficult", 6)):
        np.testing.assert_array_equal(sample[key], labels == label, key)


def test_an_object_that_is_wholly_hidden_keeps_its_labels():
    sample = sample_of() | {"boxes_xyxy": tf.constant([[10.0, 10, 14, 14]] * 3)}
    hidden = augmentations["occlusion/cutout"](length_px=400)(sample, seed_of(0))
    assert (hidden["image"].numpy() == 128).all()
    for key in sample.keys() - {"image"}:
        np.testing.assert_array_equal(hidden[key], sample[key], key)


def test_recipes_keep_them():
    parts = [part for name in CASES for part in (case(name), augmentations[name]())]
    assert [from_json(to_json(part)) for part in parts] == parts


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("geometric/rotation", {"degrees": -3.0}),
        ("geometric/zoom", {"factor": (1.2, 0.8)}),
        ("geometric/zoom", {"factor": (0.0, 1.0)}),
        ("geometric/horizontal_flip", {"probability": 1.5}),
        ("geometric/random_crop", {"size_px": (0, 4)}),
        ("geometric/random_resized_crop", {"scale": (0.5, 2.0)}),
        ("geometric/elastic", {"sigma": 0.0}),
        ("geometric/affine", {"fill": 256}),
        ("photometric/hue", {"turns": 0.7}),
        ("photometric/jpeg_quality", {"quality": (0, 100)}),
        ("photometric/brightness", {"brightness": -0.1}),
        ("occlusion/grid_mask", {"unit": (0.0, 0.0)}),
        ("occlusion/cutout", {"length_px": 0}),
        ("batch/mixup", {"alpha": 0.0}),
        ("combining/mosaic", {"center": (0.7, 0.3)}),
        ("combining/mosaic", {"scale": (0.0, 1.0)}),
        ("combining/mixup", {"alpha": 0.0}),
        ("combining/copy_paste", {"share": 1.5}),
        ("patches/foreground", {"foreground": 1.5}),
        ("patches/foreground", {"size": (0, 8)}),
        ("policy/augmix", {"severity": 11}),
        ("policy/rand_augment", {"magnitude": 31}),
        ("volume/affine", {"degrees": (10.0, 200.0, 0.0)}),
        ("volume/bias_field", {"order": 0}),
        ("volume/elastic", {"grid_mm": 0.0}),
        ("volume/flip", {"axes": (0, 3)}),
        ("volume/flip", {"axes": (1, 1)}),
        ("volume/gamma", {"gamma": (1.5, 0.7)}),
        ("volume/intensity", {"scale": -0.1}),
        ("volume/noise", {"stddev": (-1.0, 1.0)}),
        ("policy/sometimes", {"augmentation": "geometric/random_resized_crop"}),
        ("policy/sometimes", {"augmentation": "batch/mixup"}),
        ("policy/sometimes", {"augmentation": "combining/mosaic"}),
        ("policy/sometimes", {"probability": "often"}),
    ],
)
def test_wrong_fields_are_one_clear_line(name, fields):
    with pytest.raises(UsageError) as raised:
        augmentations[name](**fields)
    message = str(raised.value)
    assert "\n" not in message
    assert next(iter(fields)) in message or name == "policy/sometimes"
    assert "allowed" in message or "cannot hold" in message
