"""Geometric augmentations, as black boxes: the map is read off moved keypoints, then everything must agree with it."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from tests.data.augment.traced import plain

HEIGHT, WIDTH = 60, 88
MARKS = np.array([[10.5, 9.0], [70.0, 20.0], [30.0, 50.0], [44.0, 30.0]])

MAPS = {
    "geometric/horizontal_flip": {"probability": 1.0},
    "geometric/vertical_flip": {"probability": 1.0},
    "geometric/rotation": {"degrees": 50.0},
    "geometric/zoom": {"factor": (0.6, 1.8)},
    "geometric/translation": {"x_fraction": 0.3, "y_fraction": 0.2},
    "geometric/shear": {"x_degrees": 20.0, "y_degrees": 8.0},
    "geometric/affine": {"degrees": 30.0, "factor": (0.7, 1.4), "x_fraction": 0.2, "y_fraction": 0.05},
    "geometric/random_crop": {"size_px": (32, 40)},
    "geometric/random_resized_crop": {},
}


def seed_of(number):
    return tf.constant([3, number])


def smooth_image(height=HEIGHT, width=WIDTH, seed=0):
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3))
    blurred = ndimage.gaussian_filter(noise, (3, 3, 0), mode="wrap")
    return np.round((blurred - blurred.min()) / np.ptp(blurred) * 255).astype(np.uint8)


def keypoints_of(points):
    return tf.constant(np.concatenate([points, np.full((len(points), 1), 2)], -1)[None], tf.float32)


def map_of(part, seed, size=(HEIGHT, WIDTH)):
    """float64 [3, 3], from where four keypoints went."""
    moved = part({"image": tf.zeros([*size, 3], tf.uint8), "keypoints_xyv": keypoints_of(MARKS)}, seed)
    moved = moved["keypoints_xyv"].numpy()[0, :, :2].astype(float)
    known = np.concatenate([MARKS, np.ones((4, 1))], -1)
    solution, residual, *_ = np.linalg.lstsq(known, moved, rcond=None)
    assert residual.max() < 1e-6  # the fourth point agrees: it is affine
    return np.concatenate([solution.T, [[0, 0, 1]]])


def reference(raster, matrix, out_hw, order):
    inverse = np.linalg.inv(matrix)
    columns, rows = np.meshgrid(np.arange(out_hw[1]) + 0.5, np.arange(out_hw[0]) + 0.5)
    source = (inverse @ np.stack([columns.ravel(), rows.ravel(), np.ones(columns.size)]))[1::-1] - 0.5
    source = np.round(source, 4)  # keypoints are float32, so a map of whole pixels is known to 1e-6 only
    return ndimage.map_coordinates(raster.astype(float), source, order=order, mode="grid-constant").reshape(out_hw)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MAPS)
def test_everything_moves_as_one_map(name, seed):
    part, seed = augmentations[name](**MAPS[name]), seed_of(seed)
    matrix = map_of(part, seed)
    image = smooth_image()
    mask = np.random.default_rng(0).integers(0, 5, (15, 22)).repeat(4, 0).repeat(4, 1)
    start = np.random.default_rng(1).uniform(0, [WIDTH - 30, HEIGHT - 30], (9, 2))
    corners = np.stack([start, start + np.random.default_rng(2).uniform(2, 30, (9, 2))], axis=1)
    sample = {"image": image, "mask": mask, "instance_masks": mask[None].repeat(9, 0) == 2}
    sample |= {"boxes_xyxy": corners.reshape(9, 4).astype(np.float32), "labels": np.arange(9)}
    moved = {k: v.numpy() for k, v in part({k: tf.constant(v) for k, v in sample.items()}, seed).items()}
    size = moved["image"].shape[:2]
    for channel in range(3):
        assert np.abs(moved["image"][..., channel] - reference(image[..., channel], matrix, size, 1)).max() < 0.6
    assert np.mean(moved["mask"] != reference(mask, matrix, size, 0)) < 3e-3
    assert np.mean(moved["instance_masks"] != (reference(mask == 2, matrix, size, 0) > 0)) < 3e-3

    outline = corners[:, [0, 1, 1, 0], 0], corners[:, [0, 0, 1, 1], 1]
    outline = np.stack(outline, -1) @ matrix[:2, :2].T + matrix[:2, 2]
    hull = np.concatenate([outline.min(1), outline.max(1)], -1)
    clipped = np.clip(hull, 0, [*size[::-1], *size[::-1]])
    sides, full = clipped[:, 2:] - clipped[:, :2], hull[:, 2:] - hull[:, :2]
    kept = (sides.prod(1) >= 0.1 * full.prod(1)) & (sides >= 0.5).all(1)
    np.testing.assert_array_equal(moved["labels"], np.flatnonzero(kept))
    np.testing.assert_allclose(moved["boxes_xyxy"], clipped[kept], atol=2e-3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [*MAPS, "geometric/elastic"])
def test_labels_lie_on_the_redrawn_objects(name, seed):
    part = augmentations[name](**MAPS.get(name, {"alpha": 30.0}))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[22:41, 30:58] = 255
    box = tf.constant([[30.0, 22, 58, 41]])
    masks = tf.constant(image[None, ..., 0] // 255)
    moved = part({"image": tf.constant(image), "boxes_xyxy": box, "instance_masks": masks}, seed_of(seed))
    bright = moved["image"].numpy()[..., 0] > 127
    if not len(moved["boxes_xyxy"]):  # dropped: less than a tenth is left
        assert bright.sum() < 0.12 * 19 * 28 * np.linalg.det(map_of(part, seed_of(seed))[:2, :2])
    else:
        rows, columns = np.nonzero(bright)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(moved["boxes_xyxy"][0], seen, atol=1.1)
        mask = moved["instance_masks"][0].numpy() > 0
        assert (mask & bright).sum() / (mask | bright).sum() > 0.93

    center = np.array([[44.0, 31.0]])
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    dot = 255 * np.exp(-((columns - center[0, 0]) ** 2 + (rows - center[0, 1]) ** 2) / 8)
    dot = np.round(dot)[..., None].repeat(3, -1).astype(np.uint8)
    moved = part({"image": tf.constant(dot), "keypoints_xyv": keypoints_of(center)}, seed_of(seed))
    x, y, visible = moved["keypoints_xyv"].numpy()[0, 0]
    seen = moved["image"].numpy()[..., 0].astype(float)
    if visible and min(x, y, seen.shape[1] - x, seen.shape[0] - y) > 6:
        row, column = ndimage.center_of_mass(seen**2)
        np.testing.assert_allclose([x, y], [column + 0.5, row + 0.5], atol=0.6 if name == "geometric/elastic" else 0.1)


def about_center(linear):
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    center = np.array([WIDTH, HEIGHT]) / 2
    matrix[:2, 2] = center - linear @ center
    return matrix


@pytest.mark.parametrize("seed", range(6))
def test_maps_are_what_they_are_called(seed):
    def drawn(name):
        return map_of(augmentations[f"geometric/{name}"](**MAPS[f"geometric/{name}"]), seed_of(seed))

    np.testing.assert_allclose(drawn("horizontal_flip"), [[-1, 0, WIDTH], [0, 1, 0], [0, 0, 1]], atol=1e-5)
    np.testing.assert_allclose(drawn("vertical_flip"), [[1, 0, 0], [0, -1, HEIGHT], [0, 0, 1]], atol=1e-5)
    turn = drawn("rotation")
    angle = np.arctan2(turn[0, 1], turn[0, 0])
    assert abs(np.degrees(angle)) <= 50
    c, s = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(turn, about_center(np.array([[c, s], [-s, c]])), atol=1e-4)
    zoom = drawn("zoom")
    assert 0.6 <= zoom[0, 0] <= 1.8
    np.testing.assert_allclose(zoom, about_center(np.eye(2) * zoom[0, 0]), atol=1e-4)
    move = drawn("translation")
    np.testing.assert_allclose(move[:2, :2], np.eye(2), atol=1e-5)
    np.testing.assert_allclose(move[:2, 2], np.round(move[:2, 2]), atol=1e-4)
    assert (np.abs(move[:2, 2]) <= np.round([0.3 * WIDTH, 0.2 * HEIGHT]) + 1e-4).all()
    slant = drawn("shear")
    a, b = slant[0, 1], slant[1, 0]
    assert abs(a) <= np.tan(np.radians(20)) and abs(b) <= np.tan(np.radians(8))
    np.testing.assert_allclose(slant, about_center(np.array([[1, a], [b, 1]])), atol=1e-4)


def test_affine_alone_is_each_of_its_parts():
    still = {"degrees": 0.0, "factor": (1.0, 1.0), "x_fraction": 0.0, "y_fraction": 0.0} | dict.fromkeys(
        ("x_degrees", "y_degrees"), 0.0
    )
    part = augmentations["geometric/affine"]
    np.testing.assert_allclose(map_of(part(**still), seed_of(0)), np.eye(3), atol=1e-5)
    turn = map_of(part(**still | {"degrees": 40.0}), seed_of(1))
    angle = np.arctan2(turn[0, 1], turn[0, 0])
    c, s = np.cos(angle), np.sin(angle)
    assert 0.01 < abs(angle) < np.radians(40)
    np.testing.assert_allclose(turn, about_center(np.array([[c, s], [-s, c]])), atol=1e-4)
    zoom = map_of(part(**still | {"factor": (1.3, 1.3)}), seed_of(1))
    np.testing.assert_allclose(zoom, about_center(np.eye(2) * 1.3), atol=1e-4)
    move = map_of(part(**still | {"x_fraction": 0.5, "y_fraction": 0.1}), seed_of(1))
    np.testing.assert_allclose(move[:2, :2], np.eye(2), atol=1e-5)
    assert 0 < abs(move[0, 2]) <= 0.5 * WIDTH and 0 < abs(move[1, 2]) <= 0.1 * HEIGHT
    slant = map_of(part(**still | {"x_degrees": 20.0}), seed_of(1))
    assert slant[0, 1] != 0
    np.testing.assert_allclose(slant, about_center(np.array([[1, slant[0, 1]], [0, 1]])), atol=1e-4)


@pytest.mark.parametrize("size", [(17, 30), (8, 8), (1, 1)])
@pytest.mark.parametrize("name", ["geometric/horizontal_flip", "geometric/vertical_flip"])
def test_flip_twice_is_identity(name, size):
    rng = np.random.default_rng(0)
    height, width = size
    sample = {
        "image": rng.integers(0, 256, (*size, 3), np.uint8),
        "mask": rng.integers(0, 9, size),
        "instance_masks": rng.integers(0, 2, (2, *size)),
        "boxes_xyxy": np.array([[0, 0, width, height], [0, 0, width / 2, height / 4]], np.float32),
        "keypoints_xyv": rng.uniform(0, 1, (2, 3, 3)).astype(np.float32),
    }
    sample = {k: tf.constant(v) for k, v in sample.items()}
    part = augmentations[name](probability=1.0, keypoint_pairs=((0, 2),))
    once = part(sample, seed_of(1))
    axis = 1 if name == "geometric/horizontal_flip" else 0
    np.testing.assert_array_equal(once["image"], np.flip(sample["image"], axis))
    np.testing.assert_array_equal(once["instance_masks"], np.flip(sample["instance_masks"], axis + 1))
    for key, value in part(once, seed_of(2)).items():
        np.testing.assert_allclose(value, sample[key], atol=1e-5, err_msg=key)


def test_flip_swaps_keypoint_pairs():
    points = keypoints_of(np.array([[1.0, 2], [7, 2], [4, 5]]))  # left eye, right eye, nose
    sample = {"image": tf.zeros([10, 8, 3], tf.uint8), "keypoints_xyv": points}
    part = augmentations["geometric/horizontal_flip"](probability=1.0, keypoint_pairs=((0, 1),))
    moved = part(sample, seed_of(0))["keypoints_xyv"].numpy()[0, :, :2]
    np.testing.assert_array_equal(moved, [[1, 2], [7, 2], [4, 5]])
    part = augmentations["geometric/horizontal_flip"](probability=0.0, keypoint_pairs=((0, 1),))
    np.testing.assert_array_equal(part(sample, seed_of(0))["keypoints_xyv"], points)
    with pytest.raises(UsageError, match="keypoint 3; the data has 3"):
        augmentations["geometric/horizontal_flip"](keypoint_pairs=((0, 3),))(sample, seed_of(0))


def test_flip_probability():
    image = tf.constant([[[0] * 3, [9] * 3]], tf.uint8)
    part = augmentations["geometric/horizontal_flip"](probability=0.3)
    data = tf.data.Dataset.range(2000).map(plain(lambda i: part({"image": image}, tf.stack([0, tf.cast(i, tf.int32)]))))
    share = np.mean([s["image"][0, 0, 0] == 9 for s in data.as_numpy_iterator()])
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 2000)


def windows_of(part, size, count=1500):
    data = tf.data.Dataset.range(count).map(
        plain(lambda i: part.window(tf.constant(size), tf.stack([1, tf.cast(i, tf.int32)])))
    )
    return np.stack(list(data.as_numpy_iterator())).astype(float)


@pytest.mark.parametrize("size", [(375, 500), (500, 375), (64, 64), (8, 8), (1, 1)])
def test_random_resized_crop_stays_inside_and_in_bounds(size):
    y, x, h, w = windows_of(augmentations["geometric/random_resized_crop"](), size, 600).T
    assert (y >= 0).all() and (x >= 0).all() and (h >= 1).all() and (w >= 1).all()
    assert (y + h <= size[0]).all() and (x + w <= size[1]).all()
    if min(size) > 100:
        part = h * w / (size[0] * size[1])
        assert part.min() >= 0.078 and part.max() <= 1
        assert (w / h).min() >= 0.74 and (w / h).max() <= 1.35


def test_random_resized_crop_draws_as_its_paper():
    """On a square, with windows that always fit: area and log aspect are uniform, and so is the place."""
    from scipy import stats

    part = augmentations["geometric/random_resized_crop"](scale=(0.1, 0.5), ratio=(0.5, 2.0))
    y, x, h, w = windows_of(part, (1000, 1000)).T
    for drawn, low, high in (
        (h * w / 1e6, 0.1, 0.5),
        (np.log(w / h), np.log(0.5), np.log(2)),
        (y / (1000 - h), 0, 1),
        (x / (1000 - w), 0, 1),
    ):
        assert stats.kstest(drawn, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_random_resized_crop_falls_back_to_the_center():
    part = augmentations["geometric/random_resized_crop"](scale=(1.0, 1.0), ratio=(1.0, 1.0))
    np.testing.assert_array_equal(windows_of(part, (50, 200), 3), [[0, 75, 50, 50]] * 3)
    part = augmentations["geometric/random_resized_crop"](scale=(1.0, 1.0), ratio=(4.0, 5.0))
    np.testing.assert_array_equal(windows_of(part, (100, 200), 3), [[25, 0, 50, 200]] * 3)


def test_random_crop_places_are_uniform():
    y, x, h, w = windows_of(augmentations["geometric/random_crop"](size_px=(5, 6)), (7, 9)).T
    assert set(h) == {5} and set(w) == {6}
    for place, count in ((y, 3), (x, 4)):
        shares = np.bincount(place.astype(int)) / len(place)
        assert len(shares) == count
        np.testing.assert_allclose(shares, 1 / count, atol=0.06)


def test_random_crop_of_a_small_image_keeps_the_aspect():
    windows = windows_of(augmentations["geometric/random_crop"](size_px=(100, 200)), (60, 60), 5)
    np.testing.assert_array_equal(windows[:, 2:], [[30, 60]] * 5)


@pytest.mark.parametrize(("alpha", "sigma"), [(34.0, 4.0), (60.0, 8.0)])
def test_elastic_displacement_as_scipy(alpha, sigma):
    part, radius = augmentations["geometric/elastic"](alpha=alpha, sigma=sigma), int(np.ceil(3 * sigma))
    displacement = part.displacement(tf.constant([50, 70]), seed_of(4)).numpy()
    noise = tf.random.stateless_uniform([50 + 2 * radius, 70 + 2 * radius, 2], seed_of(4), -1, 1).numpy().astype(float)
    wanted = alpha * ndimage.gaussian_filter(noise, (sigma, sigma, 0), radius=(radius, radius, 0))
    np.testing.assert_allclose(displacement, wanted[radius:-radius, radius:-radius], atol=1e-4)


def test_elastic_strength_is_as_stated():
    part = augmentations["geometric/elastic"](alpha=30.0, sigma=3.0)
    spread = np.std(part.displacement(tf.constant([300, 300]), seed_of(0)))
    assert abs(spread / (0.163 * 30 / 3) - 1) < 0.1


def test_fill_shows_beyond_the_border():
    sample = {"image": tf.zeros([20, 20, 3], tf.uint8), "mask": tf.ones([20, 20], tf.int32)}
    for name, fields in {
        "geometric/zoom": {"factor": (0.5, 0.5)},
        "geometric/affine": {"factor": (0.5, 0.5)},
        "geometric/rotation": {"degrees": 180.0},
        "geometric/translation": {"x_fraction": 1.0},
        "geometric/shear": {"x_degrees": 60.0},
        "geometric/elastic": {"alpha": 200.0},
    }.items():
        moved = augmentations[name](**fields, fill=90, mask_fill=255)(sample, seed_of(5))
        assert moved["image"].numpy().max() == 90, name
        assert set(np.unique(moved["mask"])) == {1, 255}, name
