"""A picture of what a segmentation takes for what: image, ground truth and prediction side by side, as PNG."""

import dataclasses
import pathlib

import numpy as np
from PIL import Image
from scipy import ndimage

from kerasvision.drawing.pictures import PAPER, as_rgb, color_of, cover, save, sheet
from kerasvision.drawing.strips import strip
from kerasvision.ops.dense import IGNORE

_PANEL_PX = 320
_COVER = 0.45  # how much a class hides of the image
_HATCH, _HATCH_PX = (200, 200, 200), 4


@dataclasses.dataclass(frozen=True)
class Case:
    """An image, or one slice of a volume, with its masks.

    number: of the example. mean: of the Dice of all classes in it, 0..1. dice: class name -> Dice. ground_truth, found
    (predicted): class ids uint8 [H, W]. at: (index of the slice along the volume's first axis, how many there are), or
    None of an image.
    """

    number: int
    mean: float
    dice: dict
    ground_truth: np.ndarray
    found: np.ndarray
    at: tuple | None


def draw_cases(cases, images, classes, background, folder):
    """Write `worst.png`, a sheet of `Case`s, into a folder; returns its path.

    images: function of example numbers that gives a dict number -> uint8 [H, W, 3], or [D, H, W] or [D, H, W, C] of a
    volume. background: index of the class that stays without a color, or None.
    """
    seen = images({case.number for case in cases}) if cases else {}
    tiles = [_tile(case, np.asarray(seen[case.number]), classes, background) for case in cases]
    if not tiles:
        tiles = [(Image.new("RGB", (_PANEL_PX, 60), PAPER), "nothing but background", "")]
    path = pathlib.Path(folder, "worst.png")
    save(sheet(tiles, min(2, len(tiles))), path)
    return path


def _tile(case, image, classes, background):
    """(picture, title, caption) for a sheet."""
    title = f"example {case.number}: Dice {case.mean:.2f}"
    if case.at is not None:  # anterior at the top
        image, title = image[case.at[0]][::-1], f"{title}, slice {case.at[0]} (0 to {case.at[1] - 1})"
    caption = ", ".join(f"{name} {v:.2f}" for name, v in sorted(case.dice.items(), key=lambda row: row[1]))
    up = slice(None, None, None if case.at is None else -1)
    ground_truth, found = case.ground_truth[up], np.where(case.ground_truth == IGNORE, IGNORE, case.found)[up]
    rows = {"image": None, "truth": ground_truth, "prediction": found}
    panels = [(name, _panel(as_rgb(image), mask, background)) for name, mask in rows.items()]
    seen = [int(k) for k in np.union1d(ground_truth, found) if k != background]
    legend = [(_HATCH if k == IGNORE else color_of(k), "not annotated" if k == IGNORE else classes[k]) for k in seen]
    return strip(panels, legend), title, caption


def _panel(image, mask, background):
    """A Pillow picture of uint8 [H, W, 3], each class of the mask but the background a color with an outline."""
    scale = _PANEL_PX / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    smooth = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST  # enlarged, its pixels are to be seen
    picture = Image.fromarray(image).resize(size, smooth)
    if mask is None:
        return picture
    pixels = np.asarray(picture).astype(np.float32)
    ids = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    for k in np.unique(ids):
        where = ids == k
        if k == IGNORE:
            diagonal = np.add(*np.indices(ids.shape)) // _HATCH_PX % 2 == 0
            cover(pixels, where & diagonal, _HATCH, 0.8)
        elif k != background:
            cover(pixels, where, color_of(k), _COVER)
            cover(pixels, where & ~ndimage.binary_erosion(where, border_value=1), color_of(k), 1.0)
    return Image.fromarray(np.round(pixels).astype(np.uint8))
