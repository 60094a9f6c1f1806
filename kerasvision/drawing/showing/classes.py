"""Classes with their scores: the best few, or all that hold."""

import dataclasses

import numpy as np

from kerasvision.drawing.pictures import Mark, color_of
from kerasvision.drawing.showing.base import Showing

TOP = 3  # of the best classes, in words
MOST_NAMED = 8  # classes of a set, in words
UNKNOWN = -1  # index of what is of none


class ClassesShowing(Showing):
    """Final. key: of the rows {"label", "index", "score"} in the JSON, "top" or "labels". most: rows in words, or None:
    all.
    """

    def __init__(self, key, most=None):
        self._key, self._most = key, most

    def in_words(self, described):
        rows = [f"{r['label']} {r['score']:.3f}" for r in described[self._key]]
        squeezed = "; may have been made to deceive" if described.get("squeezed", {}).get("suspicious") else ""
        outlier = "; out of distribution" if described.get("outlier", {}).get("foreign") else ""
        unknown = "unknown; nearest are " if described.get("index") == UNKNOWN else ""
        return unknown + (", ".join(rows[: self._most]) or "nothing") + _set(described) + outlier + squeezed

    def title(self, described):
        return "\n".join(f"{r['label']}  {r['score']:.2f}" for r in described[self._key][:TOP]) or "nothing"

    def view(self, read, name, prediction, described, classes):
        view = super().view(read, name, prediction, described, classes)
        if view.image is None or "heard" not in described:
            return view
        stretches = _bands if self._key == "labels" else _stretches
        return dataclasses.replace(view, marks=tuple(stretches(described, *view.image.shape[:2])))

    def rows(self, described):
        return [dict(row) for row in described[self._key]]


def _stretches(described, height, width):
    """A `Mark` of each stretch of a sound in which the same class is heard. Neighbors overlap, and are parted in the
    middle of that.
    """
    rows, ends = described["heard"], described["windows"][-1]["to_s"]  # rounded: 0 where there is but one stretch
    middles = [(a["to_s"] + b["from_s"]) / 2 for a, b in zip(rows, rows[1:], strict=False)]
    borders = [0, *(middle * width / ends for middle in middles), width]
    for row, start, end in zip(rows, borders, borders[1:], strict=False):
        yield Mark(np.array([start, 0, end, height]), row["label"], color_of(row["index"]))


def _bands(described, height, width):
    """A `Mark` of each stretch of a sound in which a label is heard: of each label in a band of its own, as several may
    be heard at once.
    """
    rows, ends = described["heard"], described["windows"][-1]["to_s"] or 1.0  # rounded: 0 of less than half a ms
    order = sorted({row["index"] for row in rows})
    for row in rows:
        place = order.index(row["index"])
        top, bottom = (height * n / len(order) for n in (place, place + 1))
        box = np.array([row["from_s"] * width / ends, top, row["to_s"] * width / ends, bottom])
        yield Mark(box, row["label"], color_of(row["index"]))


def _set(described):
    """What a set promises, in words; "" where there is none."""
    if "set" not in described:
        return ""
    labels, promised = described["set"]["labels"], described["set"].get("coverage")
    shown = ", ".join(labels[:MOST_NAMED]) + (
        f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else ""
    )
    chance = f"the {100 * promised:g} % set" if promised else "the set"
    return f"; {chance}: {shown or 'none'}"
