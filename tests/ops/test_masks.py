"""Masks in the frame of their box: cut, seen from another box, pasted; against scipy and by going there and back."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from kerasvision.ops.masks import cut_masks, paste_masks, reframe_masks

HW = (60, 80)


def disk(center, radius):
    y, x = np.mgrid[: HW[0], : HW[1]] + 0.5
    return (np.hypot(x - center[0], y - center[1]) <= radius).astype(np.uint8)


def in_frame(image, box, side):
    """Bilinear samples of an image at the centers of a box's cells, float64: scipy."""
    x1, y1, x2, y2 = np.asarray(box, float)
    steps = (np.arange(side) + 0.5) / side
    at = np.meshgrid(y1 + (y2 - y1) * steps - 0.5, x1 + (x2 - x1) * steps - 0.5, indexing="ij")
    return map_coordinates(np.asarray(image, float), at, order=1, mode="nearest")


@pytest.mark.parametrize("side", [1, 5, 28])
def test_cut_masks_are_the_samples_at_the_centers_of_cells(side):
    rng = np.random.default_rng(side)
    masks = (rng.uniform(size=(6, *HW)) < 0.5).astype(np.uint8)
    origin = rng.uniform(0, 30, (6, 2))
    origin[:2] = 0  # at the border the outer half pixel is the pixel
    boxes = np.concatenate([origin, origin + rng.uniform(2, 28, (6, 2))], 1).astype(np.float32)
    cut = cut_masks(masks, boxes, side).numpy()
    for mask, box, seen in zip(masks, boxes, cut, strict=True):
        np.testing.assert_allclose(seen, in_frame(mask, box, side), atol=2e-4)


def test_no_masks_give_no_masks():
    assert cut_masks(np.zeros((0, *HW), np.uint8), np.zeros((0, 4), np.float32), 7).shape == (0, 7, 7)
    assert paste_masks(np.zeros((0, 7, 7)), np.zeros((0, 4)), HW).shape == (0, *HW)


def test_a_one_pixel_picture_can_be_cut():
    cut = cut_masks(np.ones((1, 1, 1), np.uint8), np.array([[0, 0, 1, 1]], np.float32), 4).numpy()
    np.testing.assert_array_equal(cut, np.ones((1, 4, 4)))


def test_the_same_frame_gives_the_same_mask():
    rng = np.random.default_rng(0)
    masks = rng.uniform(size=(2, 3, 12, 12)).astype(np.float32)
    boxes = np.array([[[3, 4, 20, 30], [0, 0, 9, 5], [10, 10, 50, 40]]] * 2, np.float32)
    index = np.array([[2, 0, 1, 0], [0, 1, 2, 2]], np.int32)
    regions = np.take_along_axis(boxes, index[..., None], 1)
    seen = reframe_masks(masks, boxes, index, regions, 12).numpy()
    np.testing.assert_allclose(seen, np.take_along_axis(masks, index[..., None, None], 1), atol=1e-4)


def test_another_frame_sees_the_bilinear_mask_and_nothing_outside():
    """Against scipy on the mask with a border of zeros."""
    rng = np.random.default_rng(1)
    size, side = 10, 14
    masks = rng.uniform(size=(1, 2, size, size)).astype(np.float32)
    boxes = np.array([[[10, 20, 40, 50], [5, 5, 15, 25]]], np.float32)
    regions = np.array([[[0, 0, 60, 60], [20, 10, 35, 45], [6, 2, 30, 20], [200, 200, 210, 220]]], np.float32)
    index = np.array([[0, 0, 1, 1]], np.int32)
    seen = reframe_masks(masks, boxes, index, regions, side).numpy()[0]
    steps = (np.arange(side) + 0.5) / side
    for k, region in enumerate(regions[0]):
        box = boxes[0, index[0, k]]
        axes = []
        for axis in (1, 0):
            place = region[axis] + (region[axis + 2] - region[axis]) * steps
            axes.append((place - box[axis]) / (box[axis + 2] - box[axis]) * size - 0.5)
        expected = map_coordinates(
            masks[0, index[0, k]], np.meshgrid(*axes, indexing="ij"), order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(seen[k], expected, atol=1e-5)
    assert not seen[3].any()


@pytest.mark.parametrize("radius", [4, 9, 20])
def test_cut_and_pasted_a_disk_is_a_disk(radius):
    mask = disk((38.3, 29.1), radius)
    rows, columns = np.nonzero(mask)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    pasted = paste_masks(cut_masks(mask[None], box, 28).numpy(), box, HW)[0]
    overlap = (pasted & (mask > 0)).sum() / (pasted | (mask > 0)).sum()
    assert overlap > 0.97


def test_a_full_mask_fills_the_pixels_whose_centers_are_in_the_box():
    boxes = np.array([[10.4, 5.6, 20.6, 8.4], [-5, -5, 3.2, 2], [70, 50, 90, 70], [30, 30, 30.3, 30.3], [90, 0, 95, 5]])
    pasted = paste_masks(np.ones((5, 28, 28)), boxes, HW)
    y, x = np.mgrid[: HW[0], : HW[1]] + 0.5
    for mask, (x1, y1, x2, y2) in zip(pasted, boxes, strict=True):
        np.testing.assert_array_equal(mask, (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2))
