"""Boxes and masks that go along where a corruption moves pixels."""

import numpy as np

from kerasvision.core.errors import UsageError

_OF_IMAGES = ("label", "present", "targets", "characters")  # true of an image wherever its pixels are
_MASKS = ("mask",)
_OBJECTS = (
    "boxes_xyxy",
    "labels",
    "instance_masks",
    "is_crowd",
    "is_difficult",
    "area_px",
    "occlusion",
    "illumination",
)
_NOT_ANNOTATED = 255  # counts nowhere


def check_moves(arch, keys):
    """UsageError where some of the ground truth of an architecture, by its keys, cannot go along."""
    if unknown := sorted(set(keys) - {*_OF_IMAGES, *_MASKS, *_OBJECTS}):
        raise UsageError(
            f"{arch.registered_name}: {', '.join(unknown)} cannot go along with pixels that move; ask for other "
            "corruptions"
        )


def moved(ground_truth, places):
    """The ground truth of one example after its pixels have moved, as `metrics` take it.

    ground_truth: key -> array, with `mask` [H, W] or `boxes_xyxy` [N, 4] and what else there is of its objects. places:
    as `Corruption.corrupt` gives them. A mask shows what its pixels show, and what was not in the image is not
    annotated; a box is that around all pixels which show some of it, to a pixel, or around its object's mask;
    objects out of sight are left out.
    """
    found = dict(ground_truth)
    if "mask" in ground_truth:
        found["mask"] = _shown(ground_truth["mask"], places, _NOT_ANNOTATED)
    if "boxes_xyxy" not in ground_truth:
        return found
    count, masks = len(ground_truth["boxes_xyxy"]), ground_truth.get("instance_masks")
    regions = [
        _region(ground_truth["boxes_xyxy"][i], None if masks is None else masks[i], places) for i in range(count)
    ]
    kept = np.array([region.any() for region in regions], bool)
    found |= {k: v[kept] for k, v in ground_truth.items() if k in _OBJECTS and len(np.shape(v)) and len(v) == count}
    boxes = [_around(region) for region, is_kept in zip(regions, kept, strict=True) if is_kept]
    found["boxes_xyxy"] = np.array(boxes, ground_truth["boxes_xyxy"].dtype).reshape(-1, 4)
    if masks is not None:
        shown = [region for region, is_kept in zip(regions, kept, strict=True) if is_kept]
        found["instance_masks"] = np.array(shown, masks.dtype).reshape(-1, *places.shape[:2])
    found.pop("area_px", None)  # that of the mask or the box counts
    return found


def _shown(mask, places, beyond):
    """A mask at the nearest of its pixels; `beyond` where there is none."""
    y, x = np.rint(places).astype(int).transpose(2, 0, 1)
    inside = (y >= 0) & (y < mask.shape[0]) & (x >= 0) & (x < mask.shape[1])
    found = np.full(places.shape[:2], beyond, mask.dtype)
    found[inside] = mask[y[inside], x[inside]]
    return found


def _region(box, mask, places):
    """Which pixels show an object, bool [H', W']."""
    if mask is not None and mask.any():
        return _shown(mask > 0, places, False)
    left, top, right, bottom = box
    y, x = (places + 0.5).transpose(2, 0, 1)
    return (y >= top) & (y < bottom) & (x >= left) & (x < right)


def _around(region):
    """The box around a region, in pixels (x_min, y_min, x_max, y_max)."""
    rows, columns = (np.flatnonzero(region.any(axis)) for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
