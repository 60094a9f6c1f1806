"""A prediction on its picture, by Pillow: boxes with names, masks, or the best classes written below."""

import colorsys
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kerasvision.edge.golden import LEAST_SCORE
from kerasvision.edge.independent import decode

COVER = 0.45  # how much a mask hides
TOP = 3  # classes that are written


def draw(encoded, values, client, path):
    """Write an encoded picture with its prediction to a .png. values: of `client.predict`."""
    pixels = decode(encoded, client.contract["preprocess"]["exif_orientation"])
    described = client.describe(values)
    if "mask" in values:
        pixels = _covered(pixels, values["mask"])
    image = Image.fromarray(pixels)
    if "objects" in described:
        _boxes(image, [row for row in described["objects"] if row["score"] >= LEAST_SCORE])
    if "quads" in described:
        _quads(image, described["quads"])
    image = _with_lines(image, _lines(described))
    path.parent.mkdir(parents=True, exist_ok=True)
    held = io.BytesIO()
    image.save(held, "PNG")
    path.write_bytes(held.getvalue())


def color_of(number):
    """A light color for a number; neighbors differ by the golden ratio of the color circle."""
    return tuple(round(255 * v) for v in colorsys.hsv_to_rgb(int(number) * 0.618034 % 1, 0.65, 1.0))


def _covered(pixels, mask):
    colors = np.array([color_of(i) for i in range(256)], np.float64)
    mixed = (1 - COVER) * pixels + COVER * colors[mask]
    shown = (mask > 0) & (mask < 255)  # 0 is most often the background
    return np.where(shown[..., None], mixed, pixels).round().astype(np.uint8)


def _boxes(image, rows):
    pen, font = ImageDraw.Draw(image), ImageFont.load_default()
    width = max(1, round(max(image.size) / 300))
    for row in rows:
        x0, y0, x1, y1 = row["box_xyxy"]
        pen.rectangle((x0, y0, max(x0, x1), max(y0, y1)), outline=color_of(row["index"]), width=width)
        text, place = f"{row['label']} {row['score']:.2f}", (x0 + width + 1, y0 + width)
        pen.rectangle(pen.textbbox(place, text, font), fill=(20, 20, 20))
        pen.text(place, text, fill=color_of(row["index"]), font=font)


def _quads(image, rows):
    pen, width = ImageDraw.Draw(image), max(1, round(max(image.size) / 300))
    for number, row in enumerate(rows):
        corners = [tuple(corner) for corner in row["quad_xy"]]
        pen.line([*corners, *corners[:2]], fill=color_of(number), width=width, joint="curve")


def _lines(described):
    for key in ("top", "labels"):
        if key in described:
            return [f"{row['label']} {row['score']:.3f}" for row in described[key][:TOP]] or ["nothing"]
    if "classes" in described:
        return [f"{label} {count} px" for label, count in described["classes"].items()]
    if "characters" in described:  # by a font that may have Latin letters alone
        return [described["text"].encode("latin-1", "backslashreplace").decode("latin-1") or "no text"]
    return [] if {"objects", "quads"} & set(described) else [", ".join(described)]


def _with_lines(image, lines):
    if not lines:
        return image
    page = Image.new("RGB", (max(image.width, 200), image.height + 14 * len(lines) + 6), (255, 255, 255))
    page.paste(image, (0, 0))
    pen = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        pen.text((4, image.height + 3 + 14 * number), line, fill=(20, 20, 20), font=ImageFont.load_default())
    return page
