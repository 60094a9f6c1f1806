"""Occlusions: what is hidden is read off an image of one color, and must have the paper's shape and distribution."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from kerasvision.core.registry import augmentations
from tests.data.augment.traced import plain


def hidden_of(part, size=(40, 60), count=1, value=201):
    """bool [count, H, W] for as many seeds, from an image that is `value` everywhere."""
    image = tf.fill([*size, 3], tf.constant(value, tf.uint8))
    seeds = tf.stack([tf.fill([count], 4), tf.range(count)], axis=1)
    data = tf.data.Dataset.from_tensor_slices(seeds).map(plain(lambda seed: part({"image": image}, seed)["image"]))
    return np.stack([(image != value).any(-1) for image in data.as_numpy_iterator()])


def spans(hidden):
    """y0, y1, x0, x1 of each mask; the mask must be a full rectangle."""
    found = []
    for mask in hidden:
        rows, columns = np.nonzero(mask)
        y0, y1, x0, x1 = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        assert mask.sum() == (y1 - y0) * (x1 - x0)
        found.append((y0, y1, x0, x1))
    return np.array(found, float).T


def test_random_erasing_draws_as_stated():
    part = augmentations["occlusion/random_erasing"](1.0, (0.02, 0.2), (0.5, 2.0), "black")
    hidden = hidden_of(part, (200, 200), 600)
    y0, y1, x0, x1 = spans(hidden)  # always fits: the longest side is sqrt(0.2 * 2) of the image's
    height, width = y1 - y0, x1 - x0
    for drawn, low, high in (
        (height * width / 40000, 0.02, 0.2),
        (np.log(height / width), np.log(0.5), np.log(2)),
        (y0 / (200 - height), 0, 1),
        (x0 / (200 - width), 0, 1),
    ):
        assert stats.kstest(drawn, stats.uniform(low, high - low).cdf).pvalue > 1e-3


@pytest.mark.parametrize("size", [(40, 60), (8, 8), (9, 3)])
def test_random_erasing_fits_and_keeps_the_rest(size):
    part = augmentations["occlusion/random_erasing"](probability=1.0)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    erased = 0
    for number in range(12):
        seed = tf.constant([1, number])
        y, x, h, w = part.rectangle(tf.constant(size), tf.random.experimental.stateless_split(seed, 3)[1]).numpy()
        changed = part({"image": tf.constant(image)}, seed)["image"].numpy()
        outside = np.ones(size, bool)
        outside[y : y + h, x : x + w] = False
        np.testing.assert_array_equal(changed[outside], image[outside])
        assert y + h <= size[0] and x + w <= size[1]
        erased += (changed != image).any()
    assert erased >= 8


def test_random_erasing_fills():
    image = np.full((60, 60, 3), 7, np.uint8)
    for fill, wanted in {"black": {(0, 0, 0)}, "white": {(255,) * 3}, "mean": {(124, 116, 104)}}.items():
        part = augmentations["occlusion/random_erasing"](probability=1.0, fill=fill)
        changed = part({"image": tf.constant(image)}, tf.constant([0, 1]))["image"].numpy().reshape(-1, 3)
        assert {tuple(p) for p in changed.tolist()} == wanted | {(7, 7, 7)}
    part = augmentations["occlusion/random_erasing"](1.0, (0.4, 0.4), (1.0, 1.0))
    changed = part({"image": tf.zeros([200, 200, 3], tf.uint8)}, tf.constant([0, 1]))["image"].numpy()
    y0, y1, x0, x1 = spans(changed.any(-1)[None]).astype(int).ravel()
    values = np.bincount(changed[y0:y1, x0:x1].ravel(), minlength=256)
    assert stats.chisquare(values).pvalue > 1e-3


@pytest.mark.parametrize("name", ["random_erasing", "grid_mask"])
def test_probability(name):
    part = augmentations[f"occlusion/{name}"](probability=0.3)
    share = hidden_of(part, (24, 24), 1000).any((1, 2)).mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 1000)


def test_cutout_squares_reach_beyond_the_border():
    part = augmentations["occlusion/cutout"](length_px=10, fill=3)
    hidden = hidden_of(part, (30, 44), 1500)
    y0, y1, x0, x1 = spans(hidden)
    whole = (y0 > 0) & (y1 < 30) & (x0 > 0) & (x1 < 44)
    assert set(y1[whole] - y0[whole]) == set(x1[whole] - x0[whole]) == {10}
    assert (y1 - y0).min() == 5 and (x1 - x0).min() == 5  # a center on the border hides half of a square
    # center rows 0..29 equally likely: rows start - 5 .. start + 4 about each
    rows = np.where(y0 > 0, y0 + 5, y1 - 5)
    assert stats.chisquare(np.bincount(rows.astype(int), minlength=30)).pvalue > 1e-3
    columns = np.where(x0 > 0, x0 + 5, x1 - 5)
    assert stats.chisquare(np.bincount(columns.astype(int), minlength=44)).pvalue > 1e-3
    assert part({"image": tf.zeros([8, 8, 3], tf.uint8)}, tf.constant([0, 0]))["image"].numpy().max() == 3


def test_cutout_of_several_holes():
    one = hidden_of(augmentations["occlusion/cutout"](length_px=8), (64, 64), 60).sum((1, 2))
    three = hidden_of(augmentations["occlusion/cutout"](length_px=8, holes=3), (64, 64), 60).sum((1, 2))
    assert one.max() == 64 and 128 < three.mean() <= three.max() <= 192


@pytest.mark.parametrize("ratio", [0.4, 0.6])
def test_grid_mask_is_a_grid(ratio):
    part = augmentations["occlusion/grid_mask"](1.0, (0.2, 0.3), ratio)
    periods = set()
    for mask in hidden_of(part, (120, 200), 12):
        rows, columns = mask.any(1), mask.any(0)
        np.testing.assert_array_equal(mask, rows[:, None] & columns[None])  # squares, on lines
        for line in (rows, columns):
            edges = np.flatnonzero(np.diff(line.astype(int)))
            starts, stops = edges[~line[edges]] + 1, edges[line[edges]] + 1
            (period,) = set(np.diff(starts)) | set(np.diff(stops))
            periods.add(period)
            assert 24 <= period <= 36
            assert {b - a for a in starts for b in stops if 0 < b - a < period} == {round((1 - ratio) * period)}
    assert len(periods) > 3


def test_grid_mask_keeps_the_stated_part():
    part = augmentations["occlusion/grid_mask"](probability=1.0, unit=(0.05, 0.2), ratio=0.6)
    kept = 1 - hidden_of(part, (400, 400), 40).mean()
    assert abs(kept - (1 - 0.4**2)) < 0.01  # section 3.2: k = 1 - (1 - r)^2


def test_grid_mask_offsets_are_uniform():
    part = augmentations["occlusion/grid_mask"](probability=1.0, unit=(1.0, 1.0), ratio=0.5)
    hidden = hidden_of(part, (20, 20), 800)
    assert stats.chisquare(hidden.any(2).sum(0)).pvalue > 1e-3
    np.testing.assert_allclose(hidden.mean(0), 0.25, atol=0.08)
