"""`ops.resample` against scipy, float64 numpy and what can be seen in a redrawn image."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from kerasvision.ops import resample


def smooth_image(height, width, seed=0):
    """A uint8 image without jumps, so that rounding of coordinates stays below one level."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3))
    blurred = ndimage.gaussian_filter(noise, (3, 3, 0), mode="wrap")
    low, high = blurred.min(), blurred.max()
    return np.round((blurred - low) / max(high - low, 1e-9) * 255).astype(np.uint8)


def some_matrix(seed, height, width):
    rng = np.random.default_rng(seed)
    linear = np.eye(2) + rng.uniform(-0.35, 0.35, (2, 2))
    center = np.array([width, height]) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = center - linear @ center + rng.uniform(-4, 4, 2)
    return matrix


def scipy_warp(raster, matrix, out_hw, order, fill):
    """float64 reference. raster: [H, W]; matrix: xy of pixel corners, original to augmented."""
    inverse = np.linalg.inv(matrix)
    columns, rows = np.meshgrid(np.arange(out_hw[1]) + 0.5, np.arange(out_hw[0]) + 0.5)
    source = inverse @ np.stack([columns.ravel(), rows.ravel(), np.ones(columns.size)])
    coordinates = source[1::-1] - 0.5
    values = ndimage.map_coordinates(raster.astype(float), coordinates, order=order, mode="grid-constant", cval=fill)
    return values.reshape(out_hw)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [(40, 56), (8, 8)])
def test_image_as_scipy(size, seed):
    image, matrix = smooth_image(*size, seed), some_matrix(seed, *size)
    moved = resample.warp({"image": image}, tf.constant(matrix, tf.float32), fill=77)["image"].numpy()
    wanted = np.stack([scipy_warp(image[..., c], matrix, size, 1, 77) for c in range(3)], -1)
    assert moved.dtype == np.uint8
    assert np.abs(moved - wanted).max() <= 0.51
    by_affine_transform = ndimage.affine_transform(
        image[..., 0].astype(float),
        np.linalg.inv(matrix)[1::-1, 1::-1],
        (np.linalg.inv(matrix) @ [0.5, 0.5, 1])[1::-1] - 0.5,
        order=1,
        mode="grid-constant",
        cval=77,
    )
    assert np.abs(moved[..., 0] - by_affine_transform).max() <= 0.51


def test_two_rows_and_another_size():
    image, matrix = smooth_image(30, 50), some_matrix(3, 30, 50)
    moved = resample.warp({"image": image}, tf.constant(matrix[:2], tf.float32), size_hw=[21, 64])["image"].numpy()
    wanted = np.stack([scipy_warp(image[..., c], matrix, (21, 64), 1, 0) for c in range(3)], -1)
    assert moved.shape == (21, 64, 3)
    assert np.abs(moved - wanted).max() <= 0.51


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint16, np.bool_])
def test_masks_as_scipy(dtype):
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 2 if dtype is np.bool_ else 200, (5, 7)).repeat(8, 0).repeat(8, 1)
    masks = rng.integers(0, 2, (3, 5, 7)).repeat(8, 1).repeat(8, 2).astype(dtype)
    sample = {"image": smooth_image(40, 56), "mask": blocks.astype(dtype), "instance_masks": masks}
    sample = {k: tf.constant(v) for k, v in sample.items()}
    matrix = some_matrix(5, 40, 56)
    moved = resample.warp(sample, tf.constant(matrix, tf.float32), mask_fill=1)
    assert moved["mask"].dtype == moved["instance_masks"].dtype == dtype
    wanted = scipy_warp(blocks, matrix, (40, 56), 0, 1)
    assert np.mean(moved["mask"].numpy() != wanted) < 2e-3  # half way between two pixels: either
    for mask, seen in zip(masks, moved["instance_masks"].numpy(), strict=True):
        assert np.mean(seen != scipy_warp(mask, matrix, (40, 56), 0, 0)) < 2e-3


@pytest.mark.parametrize("seed", range(5))
def test_boxes_and_keypoints_as_float64(seed):
    rng = np.random.default_rng(seed)
    height, width = 90, 140
    corners = rng.uniform(0, [width, height], (12, 2, 2))
    boxes = np.concatenate([corners.min(1), corners.max(1)], -1).astype(np.float32)
    keypoints = np.concatenate([rng.uniform(0, [width, height], (12, 4, 2)), np.full((12, 4, 1), 2)], -1)
    matrix = some_matrix(seed, height, width)
    sample = {
        "image": tf.zeros([height, width, 3], tf.uint8),
        "boxes_xyxy": tf.constant(boxes),
        "labels": tf.range(12),
        "keypoints_xyv": tf.constant(keypoints, tf.float32),
    }
    moved = {k: v.numpy() for k, v in resample.warp(sample, tf.constant(matrix, tf.float32)).items()}
    x0, y0, x1, y1 = boxes.T.astype(float)
    outline = np.stack([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]).transpose(2, 0, 1)  # [N, 4, 2]
    outline = outline @ matrix[:2, :2].T + matrix[:2, 2]
    hull = np.concatenate([outline.min(1), outline.max(1)], -1)
    clipped = np.clip(hull, 0, [width, height, width, height])
    sides, full = clipped[:, 2:] - clipped[:, :2], hull[:, 2:] - hull[:, :2]
    kept = (sides.prod(1) >= 0.1 * full.prod(1)) & (sides >= 0.5).all(1)
    np.testing.assert_array_equal(moved["labels"], np.flatnonzero(kept))
    np.testing.assert_allclose(moved["boxes_xyxy"], clipped[kept], atol=1e-3)
    points = keypoints[..., :2] @ matrix[:2, :2].T + matrix[:2, 2]
    inside = ((points >= 0) & (points < [width, height])).all(-1)
    np.testing.assert_allclose(moved["keypoints_xyv"][..., :2], points[kept], atol=1e-3)
    np.testing.assert_array_equal(moved["keypoints_xyv"][..., 2], np.where(inside, 2, 0)[kept])


def test_dropped_objects_take_their_rows_along():
    masks = np.zeros((3, 20, 30), np.uint8)
    masks[0, 2:6, 1:5] = masks[1, 10:18, 12:20] = masks[2, 0:20, 25:30] = 1
    sample = {
        "image": np.zeros((20, 30, 3), np.uint8),
        "boxes_xyxy": np.array([[1, 2, 5, 6], [12, 10, 20, 18], [25, 0, 30, 20]], np.float32),
        "labels": np.array([7, 8, 9], np.int32),
        "is_crowd": np.array([False, True, False]),
        "keypoints_xyv": np.full((3, 2, 3), 15, np.float32),
        "instance_masks": masks,
        "scene": np.array([1, 2, 3]),
    }
    moved = resample.crop({k: tf.constant(v) for k, v in sample.items()}, tf.constant([8, 10, 9, 16]))
    moved = {k: v.numpy() for k, v in moved.items()}
    np.testing.assert_array_equal(moved["boxes_xyxy"], [[2, 2, 10, 9]])  # the last keeps 1 of 5 columns, 9 of 20 rows
    np.testing.assert_array_equal(moved["labels"], [8])
    np.testing.assert_array_equal(moved["is_crowd"], [True])
    np.testing.assert_array_equal(moved["instance_masks"], masks[1:2, 8:17, 10:26])
    assert moved["keypoints_xyv"].shape == (1, 2, 3)
    np.testing.assert_array_equal(moved["scene"], [1, 2, 3])


def test_labels_without_boxes_are_no_objects():
    sample = {"image": tf.zeros([9, 9, 3], tf.uint8), "labels": tf.constant([3, 1])}
    np.testing.assert_array_equal(resample.crop(sample, tf.constant([0, 0, 2, 2]))["labels"], [3, 1])


def test_no_objects():
    sample = {
        "image": tf.zeros([12, 9, 3], tf.uint8),
        "boxes_xyxy": tf.zeros([0, 4]),
        "labels": tf.zeros([0], tf.int32),
        "instance_masks": tf.zeros([0, 12, 9], tf.uint8),
        "keypoints_xyv": tf.zeros([0, 5, 3]),
    }
    for moved in (
        resample.warp(sample, resample.rotation(0.3)),
        resample.warp(sample, tf.eye(3), tf.ones([12, 9, 2])),
        resample.flip(sample, 1, tf.constant(True)),
        resample.shift(sample, tf.constant([2, -3])),
        resample.crop(sample, tf.constant([0, 0, 12, 9])),
    ):
        assert {k: tuple(v.shape) for k, v in moved.items()} == {k: tuple(v.shape) for k, v in sample.items()}


def test_basic_matrices():
    quarter = resample.rotation(np.pi / 2).numpy()
    np.testing.assert_allclose(quarter @ [1, 0, 1], [0, -1, 1], atol=1e-6)  # right turns to up: counter-clockwise
    np.testing.assert_allclose(resample.shearing([0.2, -0.1]).numpy()[:2, :2], [[1, np.tan(0.2)], [np.tan(-0.1), 1]])
    np.testing.assert_array_equal(resample.scaling([2.0, 3.0]).numpy(), np.diag([2, 3, 1]))
    centered = resample.about_center(resample.rotation(0.4), tf.constant([10, 30])).numpy()
    np.testing.assert_allclose(centered @ [15, 5, 1], [15, 5, 1], atol=1e-5)
    matrix = some_matrix(2, 50, 80)
    np.testing.assert_allclose(resample.invert(tf.constant(matrix, tf.float32)), np.linalg.inv(matrix), atol=1e-4)


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_quarter_turns_are_exact(quarter_turns):
    image = np.random.default_rng(0).integers(0, 256, (17, 17, 3), np.uint8)
    matrix = resample.about_center(resample.rotation(quarter_turns * np.pi / 2), tf.constant([17, 17]))
    moved = resample.warp({"image": image}, matrix)["image"].numpy()
    assert np.abs(moved.astype(int) - np.rot90(image, quarter_turns)).max() <= 1


@pytest.mark.parametrize("xy", [(0, 0), (3, -2), (-5, 4), (40, 1), (-40, -40)])
def test_shift_as_numpy(xy):
    image = np.random.default_rng(0).integers(0, 256, (9, 14, 3), np.uint8)
    padded = np.full((9 + 80, 14 + 80, 3), 5, np.uint8)
    padded[40:49, 40:54] = image
    wanted = padded[40 - xy[1] : 49 - xy[1], 40 - xy[0] : 54 - xy[0]]
    mask = tf.constant(image[..., 0].astype(np.int32))
    moved = resample.shift({"image": tf.constant(image), "mask": mask}, tf.constant(xy), fill=5, mask_fill=5)
    np.testing.assert_array_equal(moved["image"], wanted)
    np.testing.assert_array_equal(moved["mask"], wanted[..., 0])


def smooth_displacement(height, width, seed, strength):
    noise = np.random.default_rng(seed).uniform(-1, 1, (height, width, 2))
    return (strength * ndimage.gaussian_filter(noise, (6, 6, 0))).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_displacement_as_scipy(seed):
    image, matrix = smooth_image(48, 64, seed), some_matrix(seed, 48, 64)
    mask = (image[..., 0] > 128).astype(np.int32)
    displacement = smooth_displacement(48, 64, seed, 60)
    sample = {"image": tf.constant(image), "mask": tf.constant(mask), "instance_masks": tf.constant(mask[None])}
    moved = resample.warp(sample, tf.constant(matrix, tf.float32), displacement, fill=30, mask_fill=2)
    columns, rows = np.meshgrid(np.arange(64) + 0.5, np.arange(48) + 0.5)
    seen = np.stack([columns, rows], -1) + displacement
    inverse = np.linalg.inv(matrix)
    source = (seen @ inverse[:2, :2].T + inverse[:2, 2])[..., ::-1].transpose(2, 0, 1) - 0.5
    for channel in range(3):
        wanted = ndimage.map_coordinates(
            image[..., channel].astype(float), source, order=1, mode="grid-constant", cval=30
        )
        assert np.abs(moved["image"].numpy()[..., channel] - wanted).max() <= 0.51
    wanted = ndimage.map_coordinates(mask, source, order=0, mode="grid-constant", cval=2)
    assert np.mean(moved["mask"].numpy() != wanted) < 2e-3
    wanted = ndimage.map_coordinates(mask, source, order=0, mode="grid-constant", cval=0)
    assert np.mean(moved["instance_masks"][0].numpy() != wanted) < 2e-3


@pytest.mark.parametrize("seed", range(3))
def test_displaced_points_are_seen_where_they_land(seed):
    displacement = smooth_displacement(60, 80, seed, 90)
    points = np.random.default_rng(seed).uniform([8, 8], [72, 52], (40, 2)).astype(np.float32)
    moved = resample.displaced(tf.constant(points), tf.constant(displacement)).numpy().astype(float)
    field = [
        ndimage.map_coordinates(displacement[..., c], moved.T[::-1] - 0.5, order=1, mode="nearest") for c in (0, 1)
    ]
    assert np.abs(displacement).max() > 2
    np.testing.assert_allclose(moved + np.stack(field, -1), points, atol=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_displaced_box_holds_the_redrawn_object(seed):
    displacement = smooth_displacement(70, 90, seed, 90)
    box = np.array([[20, 15, 61, 48]], np.float32)
    image = np.zeros((70, 90, 3), np.uint8)
    image[15:48, 20:61] = 255
    moved = resample.warp({"image": image, "boxes_xyxy": box}, tf.eye(3), displacement)
    rows, columns = np.nonzero(moved["image"].numpy()[..., 0] > 127)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(moved["boxes_xyxy"][0], seen, atol=1.0)


def test_one_pixel():
    sample = {
        "image": tf.constant([[[9, 200, 77]]], tf.uint8),
        "boxes_xyxy": tf.constant([[0.0, 0, 1, 1]]),
        "mask": tf.constant([[4]]),
    }
    for moved in (
        resample.warp(sample, tf.eye(3)),
        resample.warp(sample, tf.eye(3), tf.zeros([1, 1, 2])),
        resample.flip(sample, 0, tf.constant(True)),
        resample.shift(sample, tf.constant([0, 0])),
        resample.crop(sample, tf.constant([0, 0, 1, 1])),
    ):
        for key, value in sample.items():
            np.testing.assert_array_equal(moved[key], value, key)
