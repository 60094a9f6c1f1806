"""Augmentations of volumes: geometry against redrawn bodies and float64 numpy, intensities by their definitions."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.ops.dense import IGNORE
from tests.data.augment.traced import plain

SIZE, SPACING = (16, 44, 36), (3.0, 1.0, 1.25)
# where a part has a probability, one that lets different seeds differ
CASES = {
    "volume/flip": {},
    "volume/affine": {"degrees": (30.0, 20.0, 10.0)},
    "volume/elastic": {"grid_mm": 20.0, "probability": 1.0},
    "volume/noise": {"probability": 1.0},
    "volume/gamma": {"probability": 1.0},
    "volume/intensity": {"probability": 1.0},
    "volume/bias_field": {"probability": 1.0},
}
GEOMETRIC = ("volume/flip", "volume/affine", "volume/elastic")
SEEDS = 3


def seed_of(number):
    return tf.stack([tf.constant(11), tf.cast(number, tf.int32)])


def millimeters(size=SIZE, spacing=SPACING):
    """float64 [D, H, W, 3] of the centers of voxels."""
    return (np.moveaxis(np.indices(size), 0, -1) - (np.array(size) - 1) / 2) * spacing


def ellipsoid(at, center, radii):
    """A body with an edge about 2 mm wide, 1 inside and -1 outside. at: [..., 3] in mm."""
    distance = np.sqrt((((at - center) / radii) ** 2).sum(-1))
    return np.tanh((1 - distance) * np.mean(radii) / 2)


def sample_of(volume=None, mask=None, size=SIZE, channels=1, spacing=SPACING):
    if volume is None:
        noise = np.random.default_rng(0).normal(size=(*size, channels))
        volume = 6 * ndimage.gaussian_filter(noise, (1, 2, 2, 0), mode="wrap")
    if mask is None:
        mask = np.random.default_rng(1).integers(0, 5, size)
    sample = {"volume": volume.astype(np.float32), "mask": mask.astype(np.uint8)}
    sample |= {"spacing_mm": np.array(spacing, np.float32), "label": np.int32(3), "case": np.array(b"liver_7")}
    return {k: tf.constant(v) for k, v in sample.items()}


def matrix_of(part, seed, sample):
    """float64 [3, 4]. A map is observed: each coordinate is a volume of its own, sampled where nothing is outside."""
    at = millimeters(sample["mask"].shape)
    seen = part(sample | {"volume": tf.constant(at, tf.float32)}, seed)
    inside = ndimage.binary_erosion(seen["mask"].numpy() != IGNORE, iterations=2)
    known = np.concatenate([at[inside], np.ones((inside.sum(), 1))], -1)
    solution, *_ = np.linalg.lstsq(known, seen["volume"].numpy()[inside].astype(float), rcond=None)
    assert np.abs(known @ solution - seen["volume"].numpy()[inside]).max() < 1e-3  # it is affine
    back = np.concatenate([solution.T, [[0, 0, 0, 1]]])
    return np.linalg.inv(back)[:3]


@pytest.mark.parametrize("name", CASES)
def test_eager_equals_tf_data_and_the_rest_stays(name):
    part, sample = augmentations[name](**CASES[name]), sample_of(channels=2)
    results = list(tf.data.Dataset.range(SEEDS).map(plain(lambda i: part(sample, seed_of(i)))))
    for number, mapped in enumerate(results):
        eager, again = part(sample, seed_of(number)), part(sample, seed_of(number))
        assert list(mapped) == list(eager) == list(sample)
        for key in sample:
            np.testing.assert_array_equal(eager[key], again[key], key)
            assert (eager[key].dtype, eager[key].shape) == (sample[key].dtype, sample[key].shape)
            if key not in ("volume", "mask"):
                np.testing.assert_array_equal(eager[key], sample[key], key)
        np.testing.assert_allclose(mapped["volume"], eager["volume"], rtol=1e-4, atol=1e-4)
        assert np.mean(mapped["mask"].numpy() != eager["mask"].numpy()) < 1e-3
        moved = (eager["mask"].numpy() != sample["mask"].numpy()).any()
        assert moved == (name in GEOMETRIC) or name == "volume/flip"
    assert any((results[0]["volume"].numpy() != r["volume"].numpy()).any() for r in results[1:])


@pytest.mark.parametrize("name", CASES)
def test_in_a_graph_that_knows_no_sizes(name):
    part, sample = augmentations[name](**CASES[name]), sample_of(size=(5, 9, 7))
    data = tf.data.Dataset.from_generator(
        lambda: [sample],
        output_signature={k: tf.TensorSpec([None] * v.shape.rank, v.dtype) for k, v in sample.items()}
        | {"spacing_mm": tf.TensorSpec([3])},
    )
    mapped = next(iter(data.map(plain(lambda s: part(s, seed_of(0))))))
    np.testing.assert_allclose(mapped["volume"], part(sample, seed_of(0))["volume"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_small_volumes_and_no_mask(name):
    part = augmentations[name](**CASES[name])
    sample = sample_of(size=(1, 1, 1))
    assert np.isfinite(part(sample, seed_of(0))["volume"].numpy()).all()
    del sample["mask"]
    assert part(sample, seed_of(0)).keys() == sample.keys()
    flat = sample_of(np.full((*SIZE, 1), 0.5))
    assert np.isfinite(part(flat, seed_of(0))["volume"].numpy()).all()


@pytest.mark.parametrize("name", CASES)
def test_probability_zero_changes_nothing(name):
    part, sample = augmentations[name](**CASES[name] | {"probability": 0.0}), sample_of()
    for seed in range(SEEDS):
        moved = part(sample, seed_of(seed))
        for key in sample:
            np.testing.assert_array_equal(moved[key], sample[key], key)
    assert from_json(to_json(part)) == part


def test_flip_mirrors_axes_and_twice_is_nothing():
    sample = sample_of()
    for axes in ((0,), (1,), (2,), (2, 0), (0, 1, 2)):
        part = augmentations["volume/flip"](axes=axes, probability=1.0)
        moved = part(sample, seed_of(0))
        for key in ("volume", "mask"):
            np.testing.assert_array_equal(moved[key], np.flip(sample[key].numpy(), axes))
            np.testing.assert_array_equal(part(moved, seed_of(1))[key], sample[key])
    part, corners = augmentations["volume/flip"](axes=(0, 2)), []
    marked = sample_of(np.arange(8.0).reshape(2, 2, 2, 1), np.zeros((2, 2, 2)))
    for seed in range(200):
        corners.append(part(marked, seed_of(seed))["volume"].numpy()[0, 0, 0, 0])
    values, counts = np.unique(corners, return_counts=True)
    np.testing.assert_array_equal(values, [0, 1, 4, 5])  # H is never mirrored, D and W each by itself
    assert counts.min() > 30


@pytest.mark.parametrize("seed", range(SEEDS))
def test_affine_moves_a_body_to_where_it_is_redrawn(seed):
    part = augmentations["volume/affine"](degrees=(40.0, 30.0, 20.0), shift_fraction=0.1, fill=-1.0)
    center, radii = np.array([2.0, -4.0, 3.0]), np.array([10.0, 12.0, 8.0])
    body = ellipsoid(millimeters(), center, radii)
    sample = sample_of(body[..., None], body > 0)
    moved, matrix = part(sample, seed_of(seed)), matrix_of(part, seed_of(seed), sample)
    source = (millimeters() - matrix[:, 3]) @ np.linalg.inv(matrix[:, :3]).T
    redrawn = ellipsoid(source, center, radii)
    room = np.abs(source) < (np.array(SIZE) / 2 - 1) * SPACING
    inside = room.all(-1)
    assert np.abs(moved["volume"].numpy()[..., 0] - redrawn)[inside].mean() < 0.02
    mask = moved["mask"].numpy()
    assert (mask[(np.abs(source) > (np.array(SIZE) / 2 + 1) * SPACING).any(-1)] == IGNORE).all()
    assert (mask[inside] == (redrawn > 0)[inside]).mean() > 0.985  # a voxel is 3 mm thick

    scale = np.cbrt(np.linalg.det(matrix[:, :3]))
    np.testing.assert_allclose(matrix[:, :3] @ matrix[:, :3].T, scale**2 * np.eye(3), atol=2e-4)  # rigid in mm, zoomed
    assert 0.8 <= scale <= 1.25
    assert (np.abs(matrix[:, 3]) <= 0.1 * np.array(SIZE) * SPACING).all()


@pytest.mark.parametrize("spacing", [(3.0, 1.0, 1.0), (1.0, 0.7, 2.5)])
def test_a_sphere_stays_a_sphere(spacing):
    size = tuple(int(48 / s) for s in spacing)
    body = ellipsoid(millimeters(size, spacing), 0.0, np.full(3, 14.0))
    sample = sample_of(body[..., None], body > 0, spacing=spacing)
    for seed in range(SEEDS):
        part = augmentations["volume/affine"]((90.0, 90.0, 90.0), (1.0, 1.0), 0.0, fill=-1.0)
        moved = part(sample, seed_of(seed))["volume"].numpy()[..., 0]
        matter = (moved + 1) / 2
        at = millimeters(size, spacing)
        spread = np.einsum("dhw,dhwi,dhwj->ij", matter, at, at) / matter.sum()
        before = np.einsum("dhw,dhwi,dhwj->ij", (body + 1) / 2, at, at) / ((body + 1) / 2).sum()
        assert np.abs(spread - before).max() < 0.06 * before[0, 0]


def test_affine_bounds_of_each_axis():
    about_d = augmentations["volume/affine"]((60.0, 0.0, 0.0), (1.0, 1.0), 0.0)
    for seed in range(SEEDS):
        matrix = about_d.matrix(tf.constant([48.0, 44, 45]), seed_of(seed)).numpy()
        np.testing.assert_allclose(matrix[0], [1, 0, 0, 0], atol=1e-6)
        assert np.abs(np.degrees(np.arctan2(matrix[2, 1], matrix[1, 1]))) <= 60
    nothing = augmentations["volume/affine"]((0.0, 0.0, 0.0), (1.0, 1.0), 0.0)
    sample = sample_of()
    np.testing.assert_array_equal(nothing(sample, seed_of(0))["volume"], sample["volume"])


@pytest.mark.parametrize("name", ["volume/affine", "volume/elastic"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_volume_and_mask_stay_aligned(name, seed):
    body = ellipsoid(millimeters(), np.array([1.0, 3.0, -2.0]), np.array([11.0, 14.0, 9.0]))
    moved = augmentations[name](**CASES[name])(sample_of(body[..., None], body > 0), seed_of(seed))
    volume, mask = moved["volume"].numpy()[..., 0], moved["mask"].numpy()
    seen = mask != IGNORE
    assert (((volume > 0) == (mask == 1)) | (np.abs(volume) < 0.6))[seen].all()
    outside = ndimage.binary_erosion(~seen, border_value=1)
    np.testing.assert_allclose(volume[outside], body.min(), atol=1e-6)


def test_elastic_displaces_smoothly_by_its_deviation():
    part = augmentations["volume/elastic"](grid_mm=16.0, stddev_mm=2.5, probability=1.0)
    size, spacing = (24, 60, 48), tf.constant([2.0, 1.0, 1.0])
    fields = np.stack([part.displacement(tf.constant(size), spacing, seed_of(s)).numpy() for s in range(40)])
    assert fields.shape == (40, *size, 3)
    np.testing.assert_allclose(fields.std((0, 1, 2, 3)), 2.5, rtol=0.08)
    np.testing.assert_allclose(fields.std((0, 4)).mean((1, 2)), 2.5, rtol=0.2)  # as strong at the border as inside
    for axis, step in enumerate((2.0, 1.0, 1.0)):
        slope = np.diff(fields, axis=1 + axis) / step
        assert slope.std() < 1.4 * 2.5 / 16  # of a B-spline: of order deviation / grid, the same along D in mm
        assert np.abs(np.diff(slope, axis=1 + axis)).max() < 0.25


def test_elastic_shows_what_lies_at_the_displaced_place():
    part = augmentations["volume/elastic"](grid_mm=24.0, stddev_mm=2.0, probability=1.0)
    at = millimeters()
    seen = part(sample_of(at), seed_of(0))
    moved = seen["volume"].numpy() - at
    inside = ndimage.binary_erosion(seen["mask"].numpy() != IGNORE, iterations=2)
    assert 1.0 < moved[inside].std() < 3.5
    smooth = ndimage.gaussian_filter(moved, (1, 2, 2, 0))
    assert np.abs(moved - smooth)[ndimage.binary_erosion(inside, iterations=4)].max() < 0.4


def test_noise_is_independent_and_its_deviation_is_drawn():
    part, sample = augmentations["volume/noise"](stddev=(0.2, 0.6), probability=1.0), sample_of(channels=2)
    added = [(part(sample, seed_of(s))["volume"] - sample["volume"]).numpy() for s in range(12)]
    strengths = np.array([a.std((0, 1, 2)) for a in added])  # [12, 2]: each channel's own
    assert (strengths > 0.19).all()
    assert (strengths < 0.61).all()
    assert strengths.std(0).min() > 0.05
    assert np.abs(strengths[:, 0] - strengths[:, 1]).max() > 0.05
    assert abs(np.corrcoef(added[0][:-1].ravel(), added[0][1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("seed", range(SEEDS))
def test_gamma_is_a_power_of_the_own_range_that_keeps_mean_and_deviation(seed):
    part, sample = augmentations["volume/gamma"]((0.4, 2.5), probability=1.0), sample_of(channels=2)
    before = sample["volume"].numpy().astype(float)
    after = part(sample, seed_of(seed))["volume"].numpy().astype(float)
    np.testing.assert_allclose(after.mean((0, 1, 2)), before.mean((0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(after.std((0, 1, 2)), before.std((0, 1, 2)), rtol=1e-4)
    powers = []
    for channel in range(2):
        unit, curved = ((v - v.min()) / np.ptp(v) for v in (before[..., channel], after[..., channel]))
        seen = (unit > 0.1) & (unit < 0.9)
        power = np.log(curved[seen]) / np.log(unit[seen])
        np.testing.assert_allclose(power, power.mean(), rtol=1e-3)
        powers.append(power.mean())
    assert 0.4 <= min(powers) <= max(powers) <= 2.5
    assert powers[0] != powers[1]


def test_intensity_scales_and_shifts():
    part, sample = augmentations["volume/intensity"](0.3, 0.2, probability=1.0), sample_of()
    before, found = sample["volume"].numpy().ravel().astype(float), []
    for seed in range(20):
        after = part(sample, seed_of(seed))["volume"].numpy().ravel()
        line, residual, *_ = np.polyfit(before, after, 1, full=True)
        assert residual[0] < 1e-6
        found.append(line)
    factors, shifts = np.array(found).T
    assert 0.7 <= factors.min() < 0.85 < 1.15 < factors.max() <= 1.3
    assert -0.2 <= shifts.min() < -0.1 < 0.1 < shifts.max() <= 0.2


def test_bias_field_is_the_exponential_of_a_polynomial():
    part = augmentations["volume/bias_field"](coefficient=0.4, order=2, probability=1.0)
    sample = sample_of(channels=2)
    volume, moved = sample["volume"].numpy(), part(sample, seed_of(0))["volume"].numpy()
    field = part.field(tf.constant(SIZE), 2, seed_of(3)).numpy().astype(float)
    d, h, w = (((2 * np.indices(SIZE)[i] + 1) / SIZE[i] - 1).ravel() for i in range(3))
    terms = np.stack([d, h, w, d * d, h * h, w * w, d * h, d * w, h * w], -1)
    for channel in range(2):
        low = volume[..., channel].min()
        ratio = (moved[..., channel] - low) / np.maximum(volume[..., channel] - low, 1e-6)
        seen = (volume[..., channel] - low > 0.5).ravel()
        for factor, held in ((field[..., channel].ravel(), slice(None)), (ratio.ravel(), seen)):
            solution, *_ = np.linalg.lstsq(terms[held], np.log(factor[held]), rcond=None)
            np.testing.assert_allclose(terms[held] @ solution, np.log(factor[held]), atol=1e-4)
            assert 0.1 < np.abs(solution).max() <= 0.4 + 1e-4
    assert (field[..., 0] != field[..., 1]).any()


@pytest.mark.parametrize("name", CASES)
def test_an_image_is_refused(name):
    with pytest.raises(UsageError, match=f"{name} takes volumes; this sample has image, label"):
        augmentations[name]()({"image": tf.zeros([4, 4, 3], tf.uint8), "label": tf.constant(1)}, seed_of(0))
