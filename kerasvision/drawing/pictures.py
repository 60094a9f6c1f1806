"""Boxes, masks and names on pictures, legible on any background, and sheets of such pictures. numpy and Pillow."""

import colorsys
import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from kerasvision.core.files import beside
from kerasvision.drawing.letters import font, say_missing

PAPER, INK = (255, 255, 255), (20, 20, 20)
_QUIET_INK, _FRAME = (90, 90, 90), (205, 205, 205)
_SMALL_PX = 100  # smaller pictures are enlarged without smoothing: their pixels are what there is to see
_COVER = 0.4  # how much a mask hides of the picture
_CASING = (*INK, 150)  # around the lines of a box, so that a light one is seen on a light background
_NARROWEST_PX = 320  # a cell of a sheet has room for a title, however narrow its picture is
_TITLE_LINES = 4


@dataclasses.dataclass(frozen=True)
class Mark:
    """An object on a picture: a box, a name beside it and perhaps a mask.

    box_xyxy: [4] pixels of the image; None: neither box nor name. text: "" for a box without a name. mask: bool or
    uint8 [H, W] of the image, or None. width: of the lines, as a factor of the usual one. corners_xy: [P, 2] of a
    polygon that is drawn in place of the box around it.
    """

    box_xyxy: np.ndarray | None
    text: str
    color: tuple[int, int, int]
    mask: np.ndarray | None = None
    width: float = 1.0
    corners_xy: np.ndarray | None = None


def color_of(number):
    """A light color for a number; neighbors differ by the golden ratio of the color circle."""
    return tuple(round(255 * v) for v in colorsys.hsv_to_rgb(int(number) * 0.618034 % 1, 0.65, 1.0))


def text_px(side):
    """Size of letters in a picture whose longer side is `side` pixels."""
    return round(9 + side / 100)


def line_px(side):
    """Width of a box's lines in a picture whose longer side is `side` pixels."""
    return max(2, round(side / 320))


def cover(pixels, where, color, share=0.5):
    """Cover a part of float [H, W, 3], in place. where: bool [H, W]; share: how much the color hides of the picture."""
    pixels[where] = (1 - share) * pixels[where] + share * np.array(color, np.float32)


def warmed(image, heat, share=0.6):
    """uint8 [H, W, 3] in gray under its heat, float [H, W], from red to yellow where there is most; share: how much of
    the picture that hides.
    """
    part = np.clip(heat / max(float(heat.max()), 1e-12), 0, 1)[..., None].astype(np.float32)
    color = np.concatenate([np.full_like(part, 255), 255 * part, np.zeros_like(part)], -1)
    gray = image.mean(-1, keepdims=True, dtype=np.float32)
    return np.rint((1 - share * part) * gray + share * part * color).astype(np.uint8)


def marked(image, marks, side):
    """A Pillow picture of uint8 [H, W, 3], its longer side `side` pixels, with `Mark`s; the first are on top."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    rows = [
        (_scaled_box(m.box_xyxy, size[0] / width, size[1] / height, size), m) for m in marks if m.box_xyxy is not None
    ]
    line = line_px(side)
    picture = _with_masks(_resized(Image.fromarray(image), size), marks, line)
    draw = ImageDraw.Draw(picture, "RGBA")
    for box, mark in reversed(rows):
        width = max(1, round(line * mark.width))
        if mark.corners_xy is None:
            _outline(draw, box, mark.color, width, size)
        else:
            scales = [size[0] / image.shape[1], size[1] / height]
            _around(draw, np.asarray(mark.corners_xy) * scales, mark.color, width)
    _tags(draw, rows, font(text_px(side)), size)
    return picture


def _resized(picture, size):
    enlarged, small = size[0] > picture.width or size[1] > picture.height, max(picture.size) < _SMALL_PX
    smooth = Image.Resampling.BICUBIC if enlarged else Image.Resampling.LANCZOS
    return picture.resize(size, Image.Resampling.NEAREST if enlarged and small else smooth)


def _scaled_box(box, scale_x, scale_y, size):
    """Floats in pixels of the drawn picture, inside it and at least a pixel wide and high."""
    low = np.clip(np.array([box[0] * scale_x, box[1] * scale_y]), 0, np.array(size) - 1)
    high = np.clip(np.array([box[2] * scale_x, box[3] * scale_y]), low + 1, size)
    return (*low.tolist(), *high.tolist())


def _with_masks(picture, marks, line):
    """Masks as translucent covers with an outline, the smallest on top: one that lies on another is seen."""
    masked = sorted((m for m in marks if m.mask is not None), key=lambda m: -np.count_nonzero(m.mask))
    if not masked:
        return picture
    pixels = np.asarray(picture).astype(np.float32)
    for mark in masked:
        drawn = _resized(Image.fromarray(np.where(mark.mask, 255, 0).astype(np.uint8)), picture.size)
        where = np.asarray(drawn) >= 128
        cover(pixels, where, mark.color, _COVER)
        inner = ndimage.binary_erosion(where, ndimage.generate_binary_structure(2, 2), line)
        cover(pixels, where & ~inner, mark.color, 1.0)
    return Image.fromarray(np.round(pixels).astype(np.uint8))


def _outline(draw, box, color, line, size):
    """Lines inside the box; outside of a small one, so that its object is still to be seen. A dark casing on both."""
    x0, y0, x1, y1 = (round(v) for v in box)
    if min(x1 - x0, y1 - y0) < 6 * line:
        x0, y0, x1, y1 = max(0, x0 - line), max(0, y0 - line), min(size[0], x1 + line), min(size[1], y1 + line)
    casing = max(1, line // 3)
    for grow in (0, line + casing):  # outside and inside of the line
        corners = x0 - casing + grow, y0 - casing + grow, x1 - 1 + casing - grow, y1 - 1 + casing - grow
        if corners[0] < corners[2] and corners[1] < corners[3]:
            draw.rectangle(corners, outline=_CASING, width=casing)
    draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=color, width=line)


def _around(draw, corners, color, line):
    """The sides of a polygon, with a dark casing."""
    closed = [tuple(corner) for corner in (*corners, *corners[:2])]
    draw.line(closed, _CASING, line + 2 * max(1, line // 3), "curve")
    draw.line(closed, color, line, "curve")


def _tags(draw, rows, letters, size):
    """The names, each where it hides least. rows: (box, mark); the first choose first and are on top."""
    held = []
    for box, mark in rows:
        text = fitted(mark.text, letters, size[0] - 6)
        if text:
            wanted = math.ceil(letters.getlength(text)) + 6, sum(letters.getmetrics()) + 2
            held.append((_least_hidden(wanted, box, size, [s for s, _, _ in held], [b for b, _ in rows]), text, mark))
    for (x0, y0, x1, y1), text, mark in reversed(held):
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=mark.color)
        draw.text((x0 + 3, y0 + 1), text, ink_on(mark.color), letters)


def _least_hidden(size, box, picture, taken, boxes):
    """(x0, y0, x1, y1) of a name by its box, inside the picture, where it hides least of other names and of objects.

    Over the box where nothing is hidden, else under it, in one of its corners or beside it.
    """
    (wide, high), (x0, y0, x1, y1) = size, box
    spots = [(x, y) for y in (y0 - high, y1, y0, y1 - high) for x in (x0, x1 - wide)]
    spots += [(x, y0) for x in (x1, x0 - wide)]
    found = []
    for rank, (x, y) in enumerate(spots):
        x, y = (round(min(max(0, v), max(0, limit))) for v, limit in ((x, picture[0] - wide), (y, picture[1] - high)))
        spot = (x, y, x + wide, y + high)
        cost = 4 * sum(_shared(spot, other) for other in taken) / (wide * high)
        cost += sum(_shared(spot, b) / ((b[2] - b[0]) * (b[3] - b[1])) for b in boxes)
        found.append((cost + 0.02 * rank, spot))
    return min(found)[1]


def _shared(a, b):
    """Area that two boxes have in common."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def ink_on(color):
    """The color of letters on a ground: dark or white, whichever has the better contrast (4.2 or more, by WCAG 2)."""
    return INK if luminance(color) > 0.195 else PAPER


def luminance(color):
    """WCAG 2's relative luminance of an RGB color, 0 to 1."""
    linear = [(v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def fitted(text, letters, width):
    """The text, cut to a width in pixels; "" when there is no room for a letter. What has no letter is said."""
    say_missing(text)
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(f"{text}.") > width:
        text = text[:-1].rstrip(".")
    return f"{text}." if text else ""


def sheet(tiles, columns, heading=""):
    """A Pillow picture of tiles (picture, title, caption): a title stands over its picture, a caption under it, and a
    heading over all.
    """
    cell = max(_NARROWEST_PX, *(picture.width for picture, _, _ in tiles))
    title_font, caption_font = font(text_px(cell), bold=True), font(max(11, text_px(cell) - 3))
    gap = round(text_px(cell) * 0.8)
    titles = [_wrapped(title, title_font, cell) for _, title, _ in tiles]
    step, small = (sum(f.getmetrics()) + 2 for f in (title_font, caption_font))
    width = columns * (cell + gap) + gap
    over = _wrapped(heading, title_font, width - 2 * gap)
    rows, y = [], gap + (len(over) * step + gap if over else 0)
    for start in range(0, len(tiles), columns):
        held = list(zip(titles, tiles, strict=True))[start : start + columns]
        top = y + step * max(len(lines) for lines, _ in held) + 3
        rows.append((y, top, held))
        y = top + max(picture.height for _, (picture, _, _) in held) + small + gap + 3
    canvas = Image.new("RGB", (width, y), PAPER)
    draw = ImageDraw.Draw(canvas)
    for row, line in enumerate(over):
        draw.text((gap, gap + row * step), line, INK, title_font)
    for y, top, held in rows:
        for number, (lines, (picture, _, caption)) in enumerate(held):
            x = gap + number * (cell + gap)
            for row, line in enumerate(lines):
                draw.text((x, y + row * step), line, INK, title_font)
            draw.rectangle((x - 1, top - 1, x + picture.width, top + picture.height), outline=_FRAME)
            canvas.paste(picture, (x, top))
            draw.text((x, top + picture.height + 4), fitted(caption, caption_font, cell), _QUIET_INK, caption_font)
    return canvas


def sheet_of_rows(rows, columns, side):
    """A `sheet` of rows of tiles, of which each has `columns` at most; white where a row has fewer.

    side: of the pictures, in pixels.
    """
    empty = marked(np.full((1, side, 3), 255, np.uint8), (), side), "", ""
    return sheet([tile for row in rows for tile in [*row, *[empty] * (columns - len(row))]], columns)


def _wrapped(text, letters, width):
    """Lines of at most `width` pixels, broken at spaces."""
    lines = []
    for paragraph in text.splitlines():
        lines.append("")
        for word in paragraph.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and letters.getlength(longer) > width:
                lines.append(word)
            else:
                lines[-1] = longer
    if len(lines) > _TITLE_LINES:
        lines = [*lines[: _TITLE_LINES - 1], f"{lines[_TITLE_LINES - 1]} ..."]
    return [fitted(line, letters, width) for line in lines]


def save(picture, path):
    """A Pillow picture as PNG, written beside and renamed."""
    with beside(path) as held:
        picture.save(held, format="PNG")


def shown_slice(foreground):
    """The number of the slice that shows a volume: the one with most of a bool [D, H, W], or the middle."""
    count = foreground.sum((1, 2))
    return int(count.argmax()) if count.any() else len(count) // 2


def as_rgb(image):
    """uint8 [H, W, 3] of [H, W] or [H, W, C]: three channels of bytes are colors, of others the first is shown."""
    if image.ndim == 3 and image.shape[-1] == 3 and image.dtype == np.uint8:
        return image
    gray = image if image.ndim == 2 else image[..., 0]
    if gray.dtype != np.uint8:  # Hounsfield units and the like
        gray = np.nan_to_num(gray.astype(np.float32), posinf=0.0, neginf=0.0)
        low, high = np.percentile(gray, [1, 99])
        gray = (255 * np.clip((gray - low) / max(high - low, 1e-6), 0, 1)).astype(np.uint8)
    return np.repeat(gray[..., None], 3, -1)
