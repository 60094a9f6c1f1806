"""Masks of classes, of pictures and of volumes."""

import numpy as np
from pycocotools import mask as coco_mask

from kerasvision.drawing.pictures import Mark, as_rgb, color_of, shown_slice
from kerasvision.drawing.showing.base import Showing, View, drawn_on

BACKGROUND = "background"


class SegmentsShowing(Showing):
    """Final. Of {"classes": {label: pixels}, "segments": [{"label", "index", "mask": COCO's RLE}]} all but the
    background.
    """

    def in_words(self, described):
        return ", ".join(f"{label} {count} px" for label, count in described["classes"].items()) + possible(described)

    def title(self, described):
        return shares(described["classes"])

    def rows(self, described):
        return [{"label": label, "pixels": count} for label, count in described["classes"].items()]

    def marks(self, described):
        held = [row for row in described["segments"] if row["label"] != BACKGROUND]
        return [Mark(None, "", color_of(row["index"]), coco_mask.decode(row["mask"])) for row in held]


class VolumeSegmentsShowing(Showing):
    """Final. Of {"classes": {label: voxels}}; drawn on the slice with most of the foreground, anterior at the top."""

    def in_words(self, described):
        held = ", ".join(f"{label} {count} voxels" for label, count in described["classes"].items())
        return held + possible(described, "voxels")

    def title(self, described):
        return shares(described["classes"])

    def rows(self, described):
        return [{"label": label, "voxels": count} for label, count in described["classes"].items()]

    def view(self, read, name, prediction, described, classes):
        mask = prediction["mask"]
        at = shown_slice(mask > 0)
        flat = mask[at][::-1]
        held = [i for i in np.unique(flat) if i < len(classes) and classes[i] != BACKGROUND]
        marks = tuple(Mark(None, "", color_of(i), flat == i) for i in held)
        image = drawn_on(read) if isinstance(read, np.ndarray) else as_rgb(read.array[at][::-1])
        caption = f"{name.rsplit('/', 1)[-1]}, slice {at} (0 to {len(mask) - 1})"
        return View(image, shares(described["classes"]), caption, marks)


def possible(described, unit="px"):
    """What is promised of the places where a class may be, in words; "" where nothing is."""
    if "may_be" not in described:
        return ""
    held = described["may_be"]
    said = f"to hold {100 * held['coverage']:g} % of {held['of']}" if "coverage" in held else "what may be there"
    return f"; {said}: {', '.join(f'{label} {count} {unit}' for label, count in held['classes'].items()) or 'nothing'}"


def shares(counts):
    """`cat 12.0%, dog 3.1%`: of all pixels, the largest first, without the background."""
    every = sum(counts.values())
    held = sorted(((count / every, label) for label, count in counts.items() if label != BACKGROUND), reverse=True)
    return ", ".join(f"{label} {share:.1%}" for share, label in held) or f"{BACKGROUND} only"
