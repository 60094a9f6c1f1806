"""Quadrilaterals around lines of text."""

import numpy as np

from kerasvision.drawing.pictures import Mark, color_of
from kerasvision.drawing.showing.base import Showing


class QuadsShowing(Showing):
    """Final. Of {"quads": [{"score", "quad_xy": four corners [x, y] in pixels of the image}]}, and "polygon_xy", any
    number of corners, which is drawn in its place.
    """

    def in_words(self, described):
        count = len(described["quads"])
        return f"{count} line{'' if count == 1 else 's'} of text" if count else "no text"

    def rows(self, described):
        return [
            {"score": row["score"]}
            | {f"{axis}{i}": v for i, xy in enumerate(row["quad_xy"]) for axis, v in zip("xy", xy, strict=True)}
            | {key: row[key] for key in ("polygon_xy",) if key in row}
            for row in described["quads"]
        ]

    def marks(self, described):
        return [_mark(number, row) for number, row in enumerate(described["quads"])]


def _mark(number, row):
    corners = np.asarray(row.get("polygon_xy", row["quad_xy"]), float)
    around = np.concatenate([corners.min(0), corners.max(0)])
    return Mark(around, f"{row['score']:.2f}", color_of(number), corners_xy=corners)
