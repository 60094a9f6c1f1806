"""Objects: boxes with labels and scores, perhaps masks."""

import collections

import numpy as np
from pycocotools import mask as coco_mask

from kerasvision.drawing.pictures import Mark, color_of
from kerasvision.drawing.showing.base import Showing

LEAST_SCORE = 0.3  # objects with less are left out: a detector gives up to a hundred, most of them guesses


class ObjectsShowing(Showing):
    """Final. Of {"objects": [{"label", "index", "score", "box_xyxy" [x0, y0, x1, y1] in pixels of the image, perhaps
    "mask": COCO's RLE of it}]} those worth showing.
    """

    def in_words(self, described):
        shown, left_out = worth_showing(described["objects"])
        more = f" (and {left_out} below {LEAST_SCORE:g})" if left_out else ""
        held = ", ".join(f"{row['label']} {row['score']:.3f}" for row in shown) or "nothing"
        return held + more + _promised(described)

    def title(self, described):
        """`3 objects: 2 bird, 1 coin`, the most frequent first."""
        shown, _ = worth_showing(described["objects"])
        if not shown:
            return "no objects"
        if shown[0]["score"] < LEAST_SCORE:
            return f"no object of {LEAST_SCORE:g} or more; the best: {shown[0]['label']} {shown[0]['score']:.2f}"
        counted = collections.Counter(row["label"] for row in shown).most_common()
        every = ", ".join(f"{count} {label}" for label, count in counted)
        return f"{len(shown)} object{'s' if len(shown) > 1 else ''}: {every}"

    def rows(self, described):
        sides = ("x0", "y0", "x1", "y1")
        return [
            {k: row[k] for k in ("label", "index", "score")} | dict(zip(sides, row["box_xyxy"], strict=True))
            for row in described["objects"]
        ]

    def marks(self, described):
        return [_mark(row) for row in worth_showing(described["objects"])[0]]

    def note(self, described):
        left_out = worth_showing(described["objects"])[1]
        return f"; {left_out} below {LEAST_SCORE:g} left out" if left_out else ""


def _promised(described):
    """What is promised of the wider boxes, in words; "" where there are none."""
    if "outer" not in described:
        return ""
    held = described["outer"]
    said = f"to hold {100 * held['coverage']:g} % of {held['of']}" if "coverage" in held else "kept"
    return f"; {said}: {held['boxes']} wider boxes"


def worth_showing(objects):
    """(objects of `LEAST_SCORE` or more, or else the best one; how many are left out), by falling score."""
    ranked = sorted(objects, key=lambda row: -row["score"])
    shown = [row for row in ranked if row["score"] >= LEAST_SCORE] or ranked[:1]
    return shown, len(ranked) - len(shown)


def _mark(row):
    mask = coco_mask.decode(row["mask"]) if "mask" in row else None
    text = f"{row['label']} {row['score']:.2f}"
    return Mark(np.asarray(row["box_xyxy"], float), text, color_of(row["index"]), mask)
