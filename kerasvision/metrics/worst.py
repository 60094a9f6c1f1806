"""A sheet of the examples with the largest errors, each under what was said of it, as PNG."""

import dataclasses

import numpy as np
from PIL import Image

from kerasvision.drawing.pictures import PAPER, as_rgb, marked, save, sheet

WORST = 20  # examples that are drawn
_TILE_PX, _COLUMNS = 320, 5
_EMPTY = Image.new("RGB", (_TILE_PX, 60), PAPER)  # of an example that is no picture, such as a text


@dataclasses.dataclass(frozen=True)
class Wrong:
    """number: of the example. title: what was said of it and what it is. caption: what else is to be known."""

    number: int
    title: str
    caption: str = ""


def draw_worst(cases, images, heading, path):
    """A PNG of `Wrong` examples; returns its path. images: as `Evaluator.draw` takes it."""
    seen = images({case.number for case in cases}) if cases else {}
    tiles = []
    for case in cases:
        picture, at = _picture(seen[case.number])
        caption = ", ".join(text for text in (f"example {case.number}{at}", case.caption) if text)
        tiles.append((picture, case.title, caption))
    if not tiles:
        tiles = [(_EMPTY, "nothing is wrong", "")]
    save(sheet(tiles, min(_COLUMNS, len(tiles)), heading), path)
    return path


def _picture(image):
    """(Pillow picture, what of a volume it is) of [H, W], [H, W, 1 or 3], [D, H, W], [D, H, W, C] or None."""
    if image is None:
        return _EMPTY, ""
    image, at = np.asarray(image), ""
    if image.ndim == 4 or (image.ndim == 3 and image.shape[-1] not in (1, 3)):
        middle = len(image) // 2
        image, at = image[middle][::-1], f", slice {middle} (0 to {len(image) - 1})"  # anterior at the top
    return marked(as_rgb(image), (), _TILE_PX), at
