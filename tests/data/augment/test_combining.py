"""Mosaic, mixup and copy-paste against what is seen in pictures whose objects have colors of their own."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import combining
from kerasvision.data.augment.base import Canvas
from kerasvision.ops import geometry as geo
from kerasvision.ops.resample import PER_OBJECT

CANVAS = Canvas((96, 128))
SEEDS = [0, 1, 2, *(pytest.param(s, marks=pytest.mark.nightly) for s in range(3, 8))]
SIZES = [(60, 88), (128, 64), (96, 128), (200, 150)]  # of members: smaller, taller, equal, larger


def seed_of(number):
    return tf.constant([5, number])


def color(member, number):
    return np.array([50 * member + 30, 80 * number + 40, 255 - 40 * member])


def member_of(number, size, objects=2, seed=0):
    """A gray-free picture with rectangles side by side; object k of member m has its own color, id and row values."""
    rng = np.random.default_rng([seed, number])
    height, width = size
    image = np.zeros((*size, 3), np.uint8)
    boxes, masks = [], []
    for k in range(objects):
        room = width // objects
        w, h = rng.integers(room // 2, room - 2), rng.integers(height // 4, height // 2)
        x, y = k * room + rng.integers(0, room - w), rng.integers(0, height - h)
        image[y : y + h, x : x + w] = color(number, k)
        masks.append(np.zeros(size, np.uint8))
        masks[-1][y : y + h, x : x + w] = 1
        boxes.append([x, y, x + w, y + h])
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    ids = np.arange(objects) + 10 * number
    sample = {
        "image": image,
        "boxes_xyxy": boxes,
        "labels": ids.astype(np.int32),
        "track_ids": ids.astype(np.int64),
        "is_crowd": ids % 2 == 1,
        "is_difficult": ids % 3 == 1,
        "is_truncated": ids % 5 == 1,
        "area_px": ids.astype(np.float32) * 7,
        "occlusion": ids.astype(np.float32) / 100,
        "instance_masks": np.array(masks, np.uint8).reshape(-1, *size),
        "keypoints_xyv": np.concatenate([boxes.reshape(-1, 2, 2), np.full((objects, 2, 1), 2)], -1).astype(np.float32),
        "quads_xy": boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2),
        "texts": ids.astype(str).astype(np.bytes_),
        "image_id": np.int64(number),
    }
    return {k: tf.constant(v) for k, v in sample.items()}


def members(count, seed=0):
    return [member_of(i, SIZES[i % 4], seed=seed) for i in range(count)]


def combine(part, samples, seed, canvas=CANVAS):
    return {k: v.numpy() for k, v in part(samples[0], list(samples[1:]), seed_of(seed), canvas).items()}


def check_rows(result):
    """Every key of an object tells of the same object."""
    ids = result["labels"]
    assert set(PER_OBJECT) <= set(result)
    assert {len(result[k]) for k in ("boxes_xyxy", *PER_OBJECT)} == {len(ids)}
    np.testing.assert_array_equal(result["track_ids"], ids)
    np.testing.assert_array_equal(result["is_crowd"], ids % 2 == 1)
    np.testing.assert_array_equal(result["is_difficult"], ids % 3 == 1)
    np.testing.assert_array_equal(result["is_truncated"], ids % 5 == 1)
    np.testing.assert_allclose(result["area_px"], ids * 7.0)
    np.testing.assert_allclose(result["occlusion"], ids / 100, rtol=1e-6)
    assert [int(text) for text in result["texts"]] == list(ids)
    np.testing.assert_allclose(result["quads_xy"][:, [0, 2]], result["keypoints_xyv"][..., :2], atol=1e-3)


def hull(pixels):
    rows, columns = np.nonzero(pixels)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("sides", [(2, 2), (3, 5), (4, 1)])
def test_what_shrinks_by_more_than_two_is_averaged(sides):
    """Stripes and dots of one pixel, whose mean is known: by numpy's own means, at a whole factor along each side."""
    high, wide = sides
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24 * high, 32 * wide, 3)).astype(np.uint8)
    sample = member_of(0, pixels.shape[:2]) | {"image": tf.constant(pixels)}
    part, canvas = augmentations["combining/mixup"](), Canvas((24, 32), keeps_aspect=False, averages=True)
    scale_xy, half = tf.constant([1 / wide, 1 / high], tf.float32), tf.constant([0.5, 0.5])
    plain, moved = (
        combining._placed(sample, scale_xy, half, tf.constant([24, 32]), part, c)
        for c in (dataclasses.replace(canvas, averages=False), canvas)
    )
    means = pixels.reshape(24, high, 32, wide, 3).mean((1, 3))
    if max(sides) > 2:
        np.testing.assert_allclose(moved["image"].numpy(), means, atol=1)
        assert np.abs(plain["image"].numpy() - means).mean() > 8  # what a look at single pixels is off by
    else:
        np.testing.assert_array_equal(moved["image"], plain["image"])  # by two and less nothing changes
    for key in ("boxes_xyxy", "instance_masks", "keypoints_xyv"):
        np.testing.assert_array_equal(moved[key], plain[key])


@pytest.mark.parametrize("seed", SEEDS)
def test_mosaic_labels_lie_on_the_redrawn_objects(seed):
    samples = members(4, seed)
    loose, strict = (augmentations["combining/mosaic"](min_visible=v) for v in (0.0, 0.6))
    result = combine(loose, samples, seed)
    assert result["image"].shape == (96, 128, 3) and result["image_id"] == 0
    assert result["instance_masks"].shape[1:] == (96, 128)
    check_rows(result)
    share = {}
    for row, name in enumerate(result["labels"]):
        like = np.abs(result["image"].astype(int) - color(*divmod(name, 10))).max(-1) <= 12
        box = result["boxes_xyxy"][row]
        np.testing.assert_allclose(box, hull(like), atol=1.1)
        mask = result["instance_masks"][row] > 0
        assert (mask & like).sum() >= 0.85 * max(mask.sum(), like.sum()) or min(box[2:] - box[:2]) < 4
        (x0, y0), (x1, y1) = result["keypoints_xyv"][row, :, :2]  # moved, but not cut
        share[name] = (box[2:] - box[:2]).prod() / ((x1 - x0) * (y1 - y0))
        assert share[name] <= 1 + 1e-4
    kept = combine(strict, samples, seed)
    check_rows(kept)
    assert list(kept["labels"]) == [name for name, part in share.items() if part >= 0.6]
    np.testing.assert_array_equal(kept["image"], result["image"])


def test_mosaic_draws_as_stated():
    white = member_of(0, (96, 128), objects=0)
    white["image"] = tf.fill([96, 128, 3], tf.constant(255, tf.uint8))
    others = [member_of(0, (96, 128), objects=0) for _ in range(3)]
    part = augmentations["combining/mosaic"](scale=(2.0, 2.0), center=(0.25, 0.75))  # no fill is seen
    spans = np.array([hull(combine(part, [white, *others], i)["image"][..., 0] > 125) for i in range(60)])
    assert (spans[:, :2] == 0).all()
    for column, side in ((2, 128), (3, 96)):
        assert spans[:, column].min() >= side // 4 and spans[:, column].max() <= 3 * side // 4
        assert np.ptp(spans[:, column]) > 0.35 * side
    whole = augmentations["combining/mosaic"](scale=(0.2, 0.2), fill=9)  # every picture fits into its tile
    result = combine(whole, [white, *others], 0)["image"]
    assert set(np.unique(result[:, :, 0])) >= {0, 9, 255}
    assert abs((result[..., 0] == 255).sum() - 0.04 * 96 * 128) < 60


@pytest.mark.parametrize("keeps_aspect", [True, False])
def test_members_are_fitted_as_the_architecture_fits_them(keeps_aspect):
    canvas = Canvas((96, 128), keeps_aspect)
    for size in SIZES:
        samples = [member_of(0, size), member_of(1, (96, 128), objects=0)]
        result = combine(augmentations["combining/mixup"](), samples, 0, canvas)
        _, geometry = geo.fit_images(samples[0]["image"][None], (96, 128), "letterbox" if keeps_aspect else "stretch")
        wanted = geo.move_boxes(samples[0]["boxes_xyxy"], {k: v[0] for k, v in geometry.items()})
        np.testing.assert_allclose(result["boxes_xyxy"], wanted, atol=1.01)  # geometry rounds to pixels


@pytest.mark.parametrize("seed", range(4))
def test_mixup_is_one_weighted_mean_and_all_objects(seed):
    rng = np.random.default_rng(seed)
    samples = [member_of(i, CANVAS.size_hw, seed=seed) for i in range(2)]
    pixels = rng.integers(0, 256, (2, 96, 128, 3), np.uint8)
    samples = [s | {"image": tf.constant(p)} for s, p in zip(samples, pixels, strict=True)]
    result = combine(augmentations["combining/mixup"](alpha=2.0), samples, seed)
    check_rows(result)
    a, b, mixed = (p.astype(float).ravel() for p in (*pixels, result["image"]))
    weight = ((mixed - b) * (a - b)).sum() / ((a - b) ** 2).sum()
    assert 0 < weight < 1
    assert np.abs(weight * a + (1 - weight) * b - mixed).max() <= 0.51
    for key in ("boxes_xyxy", "instance_masks"):
        np.testing.assert_array_equal(result[key], np.concatenate([s[key] for s in samples]))


@pytest.mark.parametrize("seed", SEEDS)
def test_copy_paste_as_numpy(seed):
    own, other = (member_of(i, CANVAS.size_hw, objects=3, seed=seed) for i in range(2))
    part = augmentations["combining/copy_paste"](scale=(1.0, 1.0), min_visible=0.3)
    result = combine(part, [own, other], seed)
    check_rows(result)
    chosen = [k for k in range(3) if 10 + k in result["labels"]]
    assert 1 not in chosen  # 11 is odd: a crowd
    masks = other["instance_masks"].numpy()
    pasted = np.any([masks[k] > 0 for k in chosen], axis=0) if chosen else np.zeros(CANVAS.size_hw, bool)
    wanted = np.where(pasted[..., None], other["image"], own["image"])
    np.testing.assert_array_equal(result["image"], wanted)
    rows = {name: row for row, name in enumerate(result["labels"])}
    for k, mask in enumerate(own["instance_masks"].numpy() > 0):
        left = mask & ~pasted
        assert (k in rows) == (left.sum() >= 0.3 * mask.sum())
        if k in rows:
            np.testing.assert_array_equal(result["instance_masks"][rows[k]], left)
            np.testing.assert_array_equal(result["boxes_xyxy"][rows[k]], hull(left))
    for k in chosen:
        np.testing.assert_array_equal(result["instance_masks"][rows[10 + k]], masks[k])


def test_copy_paste_chooses_with_the_share_and_boxes_follow_the_scale():
    own, other = member_of(0, (60, 88), objects=0), member_of(2, (200, 150), objects=2)
    other["is_crowd"] = tf.constant([False, False])
    pasted = [
        len(combine(augmentations["combining/copy_paste"](share=0.25), [own, other], i)["labels"]) for i in range(80)
    ]
    assert abs(np.mean(pasted) / 2 - 0.25) < 0.11
    for seed in range(6):
        result = combine(augmentations["combining/copy_paste"](share=1.0, scale=(0.4, 1.0)), [own, other], seed)
        for row, name in enumerate(result["labels"]):
            like = np.abs(result["image"].astype(int) - color(*divmod(name, 10))).max(-1) <= 12
            np.testing.assert_allclose(result["boxes_xyxy"][row], hull(like), atol=1.1)
    nothing = combine(augmentations["combining/copy_paste"](share=0.0), [member_of(0, (96, 128)), other], 0)
    for key, value in member_of(0, (96, 128)).items():
        np.testing.assert_array_equal(nothing[key], value, key)


@pytest.mark.parametrize("name", ["mosaic", "mixup", "copy_paste"])
def test_pictures_without_objects(name):
    part = augmentations[f"combining/{name}"]()
    result = combine(part, [member_of(i, SIZES[i], objects=0) for i in range(1 + part.count)], 0)
    assert result["boxes_xyxy"].shape == (0, 4) and result["instance_masks"].shape == (0, 96, 128)
    check_rows(result)


def test_masks_of_classes_are_laid_side_by_side_by_mosaic_alone():
    samples = [s | {"mask": tf.cast(s["instance_masks"][0], tf.int32) * 3} for s in members(4)]
    result = combine(augmentations["combining/mosaic"](mask_fill=255), samples, 1)
    inside = result["mask"] == 3
    firsts = [np.abs(result["image"].astype(int) - color(m, 0)).max(-1) <= 12 for m in range(4)]
    assert (np.any(firsts, 0) & inside).sum() > 0.9 * inside.sum() > 0
    assert ((result["mask"] == 255) == (result["image"] == 114).all(-1)).mean() > 0.97
    for name in ("mixup", "copy_paste"):
        with pytest.raises(KerasVisionError, match=f"combining/{name} cannot combine 'mask'"):
            combine(augmentations[f"combining/{name}"](), samples[:2], 0)


def test_samples_that_lack_what_is_combined():
    picture = {"image": tf.zeros([8, 8, 3], tf.uint8), "label": tf.constant(1)}
    with pytest.raises(KerasVisionError, match="combining/mosaic needs 'boxes_xyxy'; the data has image, label"):
        combine(augmentations["combining/mosaic"](), [picture] * 4, 0)
    boxes = {k: v for k, v in member_of(0, (96, 128)).items() if k != "instance_masks"}
    with pytest.raises(KerasVisionError, match="needs 'instance_masks'.*masks=True"):
        combine(augmentations["combining/copy_paste"](), [boxes] * 2, 0)
