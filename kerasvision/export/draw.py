"""Predictions on their photographs, as a PNG."""

import collections
import math

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from kerasvision.core.errors import KerasVisionError
from kerasvision.drawing.pictures import Mark, as_rgb, color_of, marked, save, sheet, shown_slice
from kerasvision.ops.masks import segments

LEAST_SCORE = 0.3  # objects with less are left out: a detector gives up to a hundred, most of them guesses
MOST_PICTURES = 48  # of one sheet
_SHEET_PX, _ALONE_PX = 1920, (960, 1600)  # width of all pictures of a sheet; longer side of a single one


def draw_predictions(rows, path, columns=4):
    """A PNG of `picture_of`."""
    save(picture_of(rows, columns), path)


def picture_of(rows, columns=4):
    """A Pillow picture of one prediction, or a sheet of them, with titles that say what was predicted.

    rows: (image uint8 [H, W, 3], name, prediction's JSON). Of "objects" ({"label", "index", "score", "box_xyxy"
    [x0, y0, x1, y1] in pixels of the image, perhaps "mask": COCO's RLE of it}) those worth showing are drawn, of
    "segments" all but the background.
    """
    columns = min(columns, math.ceil(math.sqrt(len(rows))))
    tiles = []
    for image, name, description in rows:
        shown, left_out = worth_showing(description.get("objects", []))
        alone = min(max(*image.shape[:2], _ALONE_PX[0]), _ALONE_PX[1])
        marks = [_mark(row) for row in shown] + [_segment(row) for row in _foreground(description)]
        picture = marked(image, marks, alone if len(rows) == 1 else _SHEET_PX // columns)
        caption = name.rsplit("/", 1)[-1] + (f"; {left_out} below {LEAST_SCORE:g} left out" if left_out else "")
        tiles.append((picture, _title(description, shown), caption))
    return sheet(tiles, columns)


def drawable(read, name, prediction, description, classes):
    """A row for `draw_predictions`. read: uint8 [H, W, 3], or a volume with `array` [D, H, W, C], of which the slice
    with most of the foreground is shown, anterior at the top.
    """
    if "picture" in prediction:
        made = [prediction["picture"], *prediction.get("samples", ())]
        height = read.shape[0]  # side by side, as high as what was read
        sides = [Image.fromarray(_bytes(p)).resize((round(height * p.shape[1] / p.shape[0]), height)) for p in made]
        return np.concatenate([read, *map(np.asarray, sides)], 1), f"{name}: as it came, filled in", description
    if isinstance(read, np.ndarray):
        return read, name, description
    mask = prediction["mask"] if "mask" in prediction else np.zeros(read.array.shape[:3], np.uint8)
    at = shown_slice(mask > 0)
    if "mask" in prediction:
        description = {"segments": segments(mask[at][::-1], classes), "classes": description["classes"]}
    return as_rgb(read.array[at][::-1]), f"{name}, slice {at} (0 to {len(mask) - 1})", description


def worth_showing(objects):
    """(objects of `LEAST_SCORE` or more, or else the best one; how many are left out), by falling score."""
    ranked = sorted(objects, key=lambda row: -row["score"])
    shown = [row for row in ranked if row["score"] >= LEAST_SCORE] or ranked[:1]
    return shown, len(ranked) - len(shown)


def _mark(row):
    mask = coco_mask.decode(row["mask"]) if "mask" in row else None
    text = f"{row['label']} {row['score']:.2f}"
    return Mark(np.asarray(row["box_xyxy"], float), text, color_of(row["index"]), mask)


def _foreground(description):
    return [row for row in description.get("segments", []) if row["label"] != "background"]


def _segment(row):
    return Mark(None, "", color_of(row["index"]), coco_mask.decode(row["mask"]))


def _title(description, shown):
    if "objects" in description:
        return _objects_title(shown)
    if "segments" in description:
        pixels, every = description["classes"], sum(description["classes"].values())
        shares = ((pixels[row["label"]] / every, row["label"]) for row in _foreground(description))
        parts = sorted(shares, reverse=True)
        return ", ".join(f"{label} {share:.1%}" for share, label in parts) or "background only"
    if "picture" in description:
        return "filled in"
    if "values" in description:
        return "\n".join(f"{name}  {value:.4g}" for name, value in description["values"].items())
    rows = description.get("top", description.get("labels", []))[:3]
    return "\n".join(f"{r['label']}  {r['score']:.2f}" for r in rows) or "nothing"


def _objects_title(shown):
    """`3 objects: 2 bird, 1 coin`, the most frequent first."""
    if not shown:
        return "no objects"
    if shown[0]["score"] < LEAST_SCORE:
        return f"no object of {LEAST_SCORE:g} or more; the best: {shown[0]['label']} {shown[0]['score']:.2f}"
    counted = collections.Counter(row["label"] for row in shown).most_common()
    every = ", ".join(f"{count} {label}" for label, count in counted)
    return f"{len(shown)} object{'s' if len(shown) > 1 else ''}: {every}"


def write_picture(pixels, path):
    """A picture float32 [h, w, 3] in 0..255 as PNG."""
    _make_folder(path.parent)
    save(Image.fromarray(_bytes(pixels)), path)


def _bytes(pixels):
    return np.clip(pixels, 0, 255).round().astype(np.uint8)


def _make_folder(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KerasVisionError(f"cannot write to {folder}: {error.strerror}; choose another --out") from None


def write_mask(mask, path):
    """A mask uint8 [H, W] of class ids as PNG, with a color a class: only for looking at, pixels are the ids."""
    _make_folder(path.parent)
    picture = Image.fromarray(mask)
    picture.putpalette(sum(((0, 0, 0), *(color_of(i) for i in range(1, 255)), (255, 255, 255)), ()))
    save(picture, path)
