"""Boundary F and Hausdorff distance against brute force: every pixel, every neighbor, every pair."""

import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

from kerasvision.metrics.surfaces import boundary_f, hausdorff_95, outline

GRIDS = [(1, 1), (1, 9), (13, 17), (40, 31), (1, 8, 8), (6, 9, 7)]


def edge_points(region, beyond):
    """[N, axes] of pixels with a neighbor across a side outside of the region; beyond: what lies off the grid."""
    found = []
    for at in np.argwhere(region):
        for axis in range(region.ndim):
            for step in (-1, 1):
                next_to = at.copy()
                next_to[axis] += step
                on_grid = (next_to >= 0).all() and (next_to < region.shape).all()
                if not (region[tuple(next_to)] if on_grid else beyond):
                    found.append(tuple(at))
    return np.array(sorted(set(found))).reshape(-1, region.ndim)


def regions(shape, seed):
    """Two bool regions with something in each: blobs, sprinkles, one that fills the grid, one that is a pixel."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(2):
        noise = rng.normal(size=shape)
        kind = rng.integers(4)
        region = [
            ndimage.gaussian_filter(noise, 2) > 0,
            noise > 1,
            np.ones(shape, bool),
            np.zeros(shape, bool),
        ][kind]
        region.flat[rng.integers(region.size)] = True
        made.append(region)
    return made


@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize("shape", GRIDS)
def test_outline(shape, beyond):
    for seed in range(5):
        region = regions(shape, seed)[0]
        assert np.array_equal(np.argwhere(outline(region, beyond)), edge_points(region, beyond))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("shape", GRIDS)
def test_hausdorff_of_all_pairs(shape, seed):
    spacing = np.random.default_rng(seed).uniform(0.3, 5, len(shape))
    ground_truth, found = regions(shape, seed)
    pairs = cdist(*(edge_points(region, False) * spacing for region in (ground_truth, found)))
    expected = max(np.percentile(pairs.min(axis), 95) for axis in (0, 1))
    assert hausdorff_95(ground_truth, found, spacing) == pytest.approx(expected, abs=1e-9)
    assert hausdorff_95(found, ground_truth, spacing) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_hausdorff_is_that_of_the_distance_transform(seed):
    rng = np.random.default_rng(seed)
    spacing = rng.uniform(0.3, 5, 3)
    both = [ndimage.gaussian_filter(rng.normal(size=(14, 30, 25)), 3) > 0.02 for _ in range(2)]
    edges = [region & ~ndimage.binary_erosion(region) for region in both]
    ways = [(edges[0], edges[1]), (edges[1], edges[0])]
    directed = [ndimage.distance_transform_edt(~there, sampling=spacing)[here] for here, there in ways]
    expected = max(np.percentile(part, 95) for part in directed)
    assert hausdorff_95(*both, spacing) == pytest.approx(expected, abs=1e-9)


def test_hausdorff_by_hand():
    ground_truth, found = np.zeros((2, 5, 9, 9), bool)
    ground_truth[1, 2, 2], found[3, 2, 6] = True, True
    assert hausdorff_95(ground_truth, ground_truth, (5, 1, 1)) == 0
    assert hausdorff_95(ground_truth, found, (1, 1, 1)) == pytest.approx(math.sqrt(4 + 16))
    assert hausdorff_95(ground_truth, found, (1.5, 1, 2)) == pytest.approx(math.sqrt(9 + 64))
    found[1, 2, 2] = True  # of the distances 0 and sqrt(20), the 95th percentile lies between
    assert hausdorff_95(ground_truth, found, (1, 1, 1)) == pytest.approx(0.95 * math.sqrt(20))


def test_a_filled_grid_has_its_surface_at_the_border():
    whole, middle = np.ones((9, 9), bool), np.zeros((9, 9), bool)
    middle[4, 4] = True
    distances = np.hypot(*(np.argwhere(np.pad(np.zeros((7, 7), bool), 1, constant_values=True)) - 4).T)
    assert hausdorff_95(whole, middle, (1, 1)) == pytest.approx(np.percentile(distances, 95))


def brute_f(ground_truth, found):
    tolerance = math.ceil(0.0075 * math.sqrt(sum(side**2 for side in ground_truth.shape)))
    ends = [edge_points(region, True) for region in (ground_truth, found)]
    if not (len(ends[0]) and len(ends[1])):
        return float(len(ends[0]) == len(ends[1]))
    near = cdist(*ends) <= tolerance + 1e-9
    recall, precision = near.any(1).mean(), near.any(0).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("shape", [*GRIDS, (6, 270), (300, 4)])  # the last two have a tolerance of 3 pixels
def test_boundary_f_of_all_pairs(shape, seed):
    ground_truth, found = regions(shape, seed)
    assert boundary_f(ground_truth, found) == pytest.approx(brute_f(ground_truth, found), abs=1e-12)
    nothing = np.zeros(shape, bool)
    assert boundary_f(ground_truth, nothing) == pytest.approx(brute_f(ground_truth, nothing), abs=1e-12)


@pytest.mark.parametrize(("side", "tolerance"), [(94, 1), (95, 2), (188, 2), (189, 3)])
def test_tolerance_is_a_part_of_the_diagonal_rounded_up(side, tolerance):
    """A line that ends before the border, moved: right up to the tolerance, wrong beyond it."""
    for shift, expected in ((tolerance, 1.0), (tolerance + 1, 0.0)):
        ground_truth, found = np.zeros((2, side, side), bool)
        ground_truth[40, 20:60], found[40 + shift, 20:60] = True, True
        assert boundary_f(ground_truth, found) == expected


def test_precision_and_recall_of_a_boundary():
    ground_truth, found = np.zeros((2, 90, 90), bool)
    ground_truth[10, 10:50], found[10, 10:20] = True, True  # all 10 of the prediction, 11 of the truth's 40
    precision, recall = 1.0, 11 / 40
    assert boundary_f(ground_truth, found) == pytest.approx(2 * precision * recall / (precision + recall))


def test_the_border_of_the_grid_is_no_boundary():
    whole, nothing, half = np.ones((20, 20), bool), np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    half[:10] = True
    assert boundary_f(whole, whole) == 1
    assert boundary_f(whole, nothing) == 1  # neither has a boundary; overlap says what is wrong
    assert boundary_f(whole, half) == boundary_f(half, whole) == 0
    longer = np.zeros((20, 20), bool)
    longer[:11] = True
    assert boundary_f(half, longer) == 1
