"""Anchors fitted to the boxes of a data source, as the graph sees them, and a picture of both."""

import collections
import dataclasses

import numpy as np

from kerasvision.core.component import to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import beside
from kerasvision.ops.anchors import Anchors, fit_anchors, shape_iou

GOOD_IOU = 0.5  # from which a box counts as covered by an anchor of its shape


@dataclasses.dataclass(frozen=True)
class Fitted:
    """boxes_wh: float64 [N, 2] in pixels of the graph. anchors, default: those that were fitted, and those that the
    library takes unless told otherwise, of the same strides. summary: the report as JSON.
    """

    boxes_wh: np.ndarray
    image_hw: tuple[int, int]
    anchors: Anchors
    default: Anchors
    summary: dict


def graph_sizes(source, image_hw, resize="letterbox"):
    """Widths and heights, float64 [N, 2], of the training boxes of a source in pixels of a graph of size image_hw.

    From the labels alone: no image is decoded. Crowds are left out. The magnification is that of `ops.geometry`.
    """
    if not hasattr(source, "arranged"):
        raise UsageError(f"{source.registered_name} holds no boxes; allowed: coco, voc, yolo, cut_paste")
    found = []
    for picture in source.arranged().splits["train"]:
        boxes = np.array([t.box_xyxy for t in picture.things if not t.is_crowd], np.float64).reshape(-1, 4)
        found.append((boxes[:, 2:] - boxes[:, :2]) * _magnification(picture.image_hw, image_hw, resize))
    return np.concatenate(found)


def _magnification(stored_hw, image_hw, resize):
    """float64 [2], x and y."""
    stored, wanted = np.array(stored_hw, np.float64), np.array(image_hw, np.float64)
    inner = wanted
    if resize == "letterbox":
        inner = np.clip(np.round(stored * (wanted / stored).min()), 1, wanted)
    return (inner / stored)[::-1]


def default_anchors(strides):
    """RetinaNet's: three sizes from four strides on, three ratios."""
    return Anchors(
        strides=tuple(strides), sizes=tuple(tuple(4.0 * s * 2.0 ** (i / 3.0) for i in range(3)) for s in strides)
    )


def fit(source, image_hw=(320, 320), strides=(8, 16, 32, 64, 128), count=15, resize="letterbox", seed=0):
    """Anchors by k-means on IoU (`ops.anchors.fit_anchors`), shared out to the strides by growing area.

    count: of all levels, at least one each; what does not divide evenly goes to the fine levels. The overlap is that of
    shapes at one center: on a level whose stride is large for its anchors, boxes lie between two of them. Where that is
    so, fit to fewer strides, and end the neck there.
    """
    if count < len(strides) or min(strides, default=0) < 1 or list(strides) != sorted(set(strides)):
        raise UsageError(
            f"{count} anchors for strides {' '.join(map(str, strides))}; allowed: growing strides and one anchor or "
            "more for each"
        )
    if min(image_hw) < 1:
        raise UsageError(f"image size {image_hw[0]} {image_hw[1]}; allowed: height and width, each 1 or more")
    boxes = graph_sizes(source, image_hw, resize)
    if not len(boxes):
        raise KerasVisionError(f"{source.registered_name}: no box in its training split, so no anchor can be fitted")
    shapes, _ = fit_anchors(boxes, count, seed)
    levels = np.array_split(np.round(shapes, 1), len(strides))
    anchors = Anchors(
        strides=tuple(strides), shapes_wh=tuple(tuple((float(w), float(h)) for w, h in level) for level in levels)
    )
    default = default_anchors(strides)
    return Fitted(boxes, tuple(image_hw), anchors, default, _summary(boxes, image_hw, resize, anchors, default))


def shapes_of(anchors):
    """Widths and heights of each level, a list of float64 [K, 2]."""
    found = []
    for number, stride in enumerate(anchors.strides):
        own = {k: getattr(anchors, k)[number : number + 1] for k in ("sizes", "shapes_wh")}
        cell = dataclasses.replace(anchors, strides=(stride,), **own)((stride, stride))
        found.append((cell[:, 2:] - cell[:, :2]).astype(np.float64))
    return found


def _summary(boxes, image_hw, resize, anchors, default):
    best = {
        name: shape_iou(boxes, np.concatenate(shapes_of(held))).max(1)
        for name, held in (("fitted", anchors), ("default", default))
    }
    nearest = shape_iou(boxes, np.concatenate(shapes_of(anchors))).argmax(1)
    members = collections.Counter(nearest.tolist())
    number, levels = 0, []
    for stride, shapes in zip(anchors.strides, anchors.shapes_wh, strict=True):
        rows = [{"width": w, "height": h, "boxes": members[number + i]} for i, (w, h) in enumerate(shapes)]
        levels.append({"stride": stride, "anchors": rows})
        number += len(shapes)
    return {
        "image_size_hw": list(image_hw),
        "resize": resize,
        "boxes": len(boxes),
        "mean_best_iou": {name: float(iou.mean()) for name, iou in best.items()},
        "covered": {name: float((iou >= GOOD_IOU).mean()) for name, iou in best.items()},
        "count": {"fitted": sum(anchors.per_cell), "default": sum(default.per_cell)},
        "levels": levels,
        "python": paste(anchors),
        "json": {k: v for k, v in to_json(anchors).items() if k in ("@", "strides", "shapes_wh")},
    }


def paste(anchors):
    """Python text of the anchors, to be set in a recipe."""
    shapes = ", ".join(
        f"({', '.join(f'({w:g}, {h:g})' for w, h in level)}{',' if len(level) == 1 else ''})"
        for level in anchors.shapes_wh
    )
    comma = "," if len(anchors.strides) == 1 else ""
    strides = ", ".join(map(str, anchors.strides))
    return f"Anchors(strides=({strides}{comma}), shapes_wh=({shapes}{comma}))"


def draw(fitted, path):
    """Boxes and anchors as a PNG: shapes over the density of the boxes, and the fitted ones in the graph's frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_density(left, fitted)
    _draw_frame(right, fitted)
    with beside(path) as held:
        figure.savefig(held, dpi=110, format="png")


def _colors(count):
    from matplotlib import colormaps

    return [colormaps["turbo"](0.08 + 0.84 * i / max(count - 1, 1)) for i in range(count)]


def _draw_density(axis, fitted):
    boxes = fitted.boxes_wh[(fitted.boxes_wh > 0).all(1)]
    drawn = axis.hexbin(*boxes.T, xscale="log", yscale="log", gridsize=36, bins="log", mincnt=1, cmap="Greys")
    axis.figure.colorbar(drawn, ax=axis, label="boxes", shrink=0.8)
    iou, shapes = fitted.summary["mean_best_iou"], shapes_of(fitted.anchors)
    gray = {"color": "tab:gray", "linewidths": 1, "label": f"default ({iou['default']:.3f})"}
    axis.scatter(*np.concatenate(shapes_of(fitted.default)).T, marker="x", s=22, **gray)
    for stride, color, level in zip(fitted.anchors.strides, _colors(len(shapes)), shapes, strict=True):
        axis.scatter(*level.T, s=64, color=[color], edgecolors="black", label=f"fitted, stride {stride}", zorder=3)
    axis.set(xlabel="width, pixels of the graph", ylabel="height, pixels of the graph")
    axis.set_title(f"{len(boxes)} boxes and {len(np.concatenate(shapes))} anchors", fontsize=11)
    for line in (axis.xaxis, axis.yaxis):
        line.set_major_formatter("{x:g}")
    axis.legend(title=f"mean best IoU of the fitted: {iou['fitted']:.3f}", fontsize=8, loc="upper left")
    axis.grid(alpha=0.25, which="both")


def _draw_frame(axis, fitted):
    from matplotlib.patches import Rectangle

    height, width = fitted.image_hw
    shapes = shapes_of(fitted.anchors)
    axis.add_patch(Rectangle((0, 0), width, height, fill=False, color="black", linestyle=":"))
    for stride, color, level in zip(fitted.anchors.strides, _colors(len(shapes)), shapes, strict=True):
        for number, (w, h) in enumerate(level):
            corner = ((width - w) / 2, (height - h) / 2)
            label = None if number else f"stride {stride}"
            axis.add_patch(Rectangle(corner, w, h, fill=False, color=color, linewidth=1.8, label=label))
    room = 0.03 * max(width, height)
    axis.set(xlim=(-room, width + room), ylim=(height + room, -room), aspect="equal")
    axis.set_title(f"fitted anchors in the graph's {width} x {height} pixels", fontsize=11)
    axis.legend(fontsize=8, loc="upper right")
