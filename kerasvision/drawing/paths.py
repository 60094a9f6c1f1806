"""Lines, zones and ways on a picture, and parts of it that nobody shall recognize. numpy and Pillow."""

import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw

from kerasvision.drawing.letters import font
from kerasvision.drawing.pictures import fitted, ink_on, line_px, text_px

BLOCKS = 6  # that are left of a blurred box on each side
_COVER = 40  # of 255, how much a zone hides


@dataclasses.dataclass(frozen=True)
class Stroke:
    """points: [N, 2] pixels of the picture. text: beside the first one, "" for none. is_closed: a zone, filled.
    has_arrow: at its middle, to the right of somebody who goes along it.
    """

    points: np.ndarray
    color: tuple[int, int, int]
    text: str = ""
    is_closed: bool = False
    has_arrow: bool = False


def blurred(pixels, boxes):
    """A copy of uint8 [H, W, 3] in which of each box at most `BLOCKS` x `BLOCKS` colors are left, their means.

    boxes: [N, 4] x0, y0, x1, y1; pixels that one touches belong to it.
    """
    held = pixels.copy()
    height, width = pixels.shape[:2]
    for x0, y0, x1, y1 in np.asarray(boxes, np.float64).reshape(-1, 4):
        low_x, low_y = max(0, math.floor(x0)), max(0, math.floor(y0))
        high_x, high_y = min(width, math.ceil(x1)), min(height, math.ceil(y1))
        if low_x >= high_x or low_y >= high_y:
            continue
        part = Image.fromarray(pixels[low_y:high_y, low_x:high_x])
        few = part.resize((min(BLOCKS, part.width), min(BLOCKS, part.height)), Image.Resampling.BOX)
        held[low_y:high_y, low_x:high_x] = np.asarray(few.resize(part.size, Image.Resampling.BILINEAR))
    return held


def with_strokes(pixels, strokes):
    """A copy of uint8 [H, W, 3] with `Stroke`s, the last on top."""
    if not strokes:
        return pixels
    picture = Image.fromarray(pixels)
    draw, side = ImageDraw.Draw(picture, "RGBA"), max(picture.size)
    line, letters = line_px(side), font(text_px(side))
    for stroke in strokes:
        points = [tuple(point) for point in np.asarray(stroke.points, np.float64).tolist()]
        if stroke.is_closed:
            draw.polygon(points, fill=(*stroke.color, _COVER))
            points.append(points[0])
        if len(points) > 1:
            draw.line(points, stroke.color, line, "curve")
        if stroke.has_arrow:
            draw.line(_arrow(np.array(points), 6 * line), stroke.color, line)
    for stroke in strokes:
        _tag(draw, stroke, letters, picture.size)
    return np.asarray(picture)


def _arrow(points, length):
    """From the middle of a line to its right, with a head."""
    way = points[1] - points[0]
    right = np.array([-way[1], way[0]]) / np.hypot(*way)
    middle = points.mean(0)
    tip = middle + length * right
    along = np.array([right[1], -right[0]])
    barbs = [tip - length / 3 * (right + sign * along) for sign in (1, -1)]
    return [tuple(p) for p in (middle, tip, barbs[0], tip, barbs[1])]


def _tag(draw, stroke, letters, size):
    text = fitted(stroke.text, letters, size[0] - 6)
    if not text:
        return
    wide, high = math.ceil(letters.getlength(text)) + 6, sum(letters.getmetrics()) + 2
    x, y = (round(v) for v in np.clip(stroke.points[0], 0, np.maximum(np.array(size) - [wide, high], 0)))
    draw.rectangle((x, y, x + wide - 1, y + high - 1), fill=stroke.color)
    draw.text((x + 3, y + 1), text, ink_on(stroke.color), letters)
