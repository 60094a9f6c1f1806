"""Pictures of what a detector does, as PNG: precision over recall, and the false alarms with the largest scores."""

import dataclasses
import itertools
import pathlib

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image

from kerasvision.core.escaping import plot_text
from kerasvision.drawing.figures import save_figure
from kerasvision.drawing.pictures import PAPER, Mark, marked, save, sheet
from kerasvision.metrics.matching import accumulate

_NAMED = 12  # classes that are drawn in colors of their own
_TRUE, _FALSE = (44, 160, 44), (214, 39, 40)
_TILE_PX = 480


@dataclasses.dataclass(frozen=True)
class FalseAlarm:
    """A detection that matches no object at IoU 0.5.

    example: its number in the order of the updates. kind: `wrong class` (it lies on an object of another one, `other`),
    `twice` (its object is found already), `misplaced` (IoU 0.1 to 0.5 with an object of its class, `iou`), or
    `background`. After D. Bolya et al., TIDE: A General Toolbox for Identifying Object Detection Errors, 2020,
    arXiv:2008.08115, section 2.2. ground_truth: the example's boxes [N, 4] and labels [N].
    """

    example: int
    box_xyxy: np.ndarray
    label: int
    score: float
    kind: str
    iou: float
    other: int | None
    ground_truth: tuple


def draw_all(evaluator, folder, images, masks=False):
    """Write every picture of a `metrics.detection.Detection` into a folder; returns their paths.

    images: function of example numbers that gives a dict number -> uint8 [H, W, 3].
    """
    folder = pathlib.Path(folder)
    kinds = {"bbox": folder / "precision_recall.png"}
    if masks:
        kinds["segm"] = folder / "precision_recall_masks.png"
    for kind, path in kinds.items():
        draw_precision_recall(evaluator, path, kind)
    alarms = false_alarms(evaluator)
    draw_false_alarms(alarms, images({a.example for a in alarms}), evaluator.classes, folder / "errors.png")
    return [*kinds.values(), folder / "errors.png"]


def precision_recall(evaluator, iou=0.5, kind="bbox"):
    """(recall [101], class -> precision [101]) of the classes with objects. iou: 0.5, 0.55, ..., 0.95.

    evaluator: a `metrics.detection.Detection`. kind: "bbox", or "segm" when it has masks.
    """
    matches = evaluator.matches(kind)
    precision, _ = accumulate(matches, np.arange(len(evaluator.examples)))
    at = int(np.abs(matches.params.iouThrs - iou).argmin())
    curves = {name: precision[at, :, k, 0] for k, name in enumerate(evaluator.classes)}
    return matches.params.recThrs, {name: curve for name, curve in curves.items() if (curve > -1).all()}


def draw_precision_recall(evaluator, path, kind="bbox"):
    """A PNG with the curves at IoU 0.5 and 0.75; beyond 12 classes only the best and the worst have a name."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    for axis, iou in zip(figure.subplots(1, 2, sharey=True), (0.5, 0.75), strict=True):
        recall, curves = precision_recall(evaluator, iou, kind)
        _draw_curves(axis, recall, curves)
        axis.set_title(f"{'masks' if kind == 'segm' else 'boxes'}, IoU {iou:g}")
        axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
        axis.grid(alpha=0.3)
        if curves:
            axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    save_figure(figure, path)


def _draw_curves(axis, recall, curves):
    ranked = sorted(curves, key=lambda name: -curves[name].mean())
    shown = ranked if len(ranked) <= _NAMED else [*ranked[: _NAMED // 2], *ranked[-_NAMED // 2 :]]
    palette = colormaps["tab10" if len(curves) <= 10 else "tab20"].colors
    colors = dict(zip(sorted(curves), itertools.cycle(palette), strict=False))
    for name in ranked:
        if name in shown:
            label = plot_text(f"{name}  {curves[name].mean():.2f}")
            axis.plot(recall, curves[name], lw=1.3, color=colors[name], label=label)
        else:
            axis.plot(recall, curves[name], lw=0.5, color="0.75")
    if curves:
        mean = np.mean(list(curves.values()), axis=0)
        axis.plot(recall, mean, lw=3, color="black", label=f"mean of {len(curves)}  {mean.mean():.2f}")
    else:
        axis.text(0.5, 0.5, "no objects", ha="center")


def false_alarms(evaluator, most=24):
    """[`FalseAlarm`] of a `metrics.detection.Detection`: the `most` with the largest scores, by falling score."""
    matches = evaluator.matches()
    found = []
    for image, example in enumerate(evaluator.examples):
        for k in range(len(evaluator.classes)):
            seen = matches.table[k, 0, image]
            if seen is None:
                continue
            wrong = (seen["dtMatches"][0] == 0) & ~seen["dtIgnore"][0]  # 0: IoU 0.5
            order = np.flatnonzero(example.found_labels == k)
            order = order[np.argsort(-example.scores[order], kind="mergesort")][: len(wrong)]
            found += [(float(example.scores[i]), image, int(i)) for i in order[wrong]]
    found.sort(key=lambda row: (-row[0], row[1:]))
    return [_explained(evaluator.examples[image], image, index) for _, image, index in found[:most]]


def _explained(example, image, index):
    box, label = example.found_xyxy[index], int(example.found_labels[index])
    overlaps = _iou(box, example.boxes_xyxy)
    same = np.where(example.labels == label, overlaps, 0.0)
    others = np.where(example.labels != label, overlaps, 0.0)
    kind, iou, other = "background", float(overlaps.max(initial=0.0)), None
    if same.max(initial=0.0) >= 0.5:
        kind, iou = "twice", float(same.max())
    elif others.max(initial=0.0) >= 0.5:
        kind, iou, other = "wrong class", float(others.max()), int(example.labels[others.argmax()])
    elif same.max(initial=0.0) >= 0.1:
        kind, iou = "misplaced", float(same.max())
    ground_truth = (example.boxes_xyxy, example.labels)
    return FalseAlarm(image, box, label, float(example.scores[index]), kind, iou, other, ground_truth)


def _iou(box, boxes):
    """float64 [N] of one box with others."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / np.maximum(areas - shared, 1e-12)


def draw_false_alarms(alarms, images, classes, path, columns=4):
    """A PNG of false alarms on their images: what was said in red, what is there in green.

    alarms: of `false_alarms`. images: example number -> uint8 [H, W, 3].
    """
    tiles = []
    for alarm in alarms:
        said = Mark(alarm.box_xyxy, f"{classes[alarm.label]} {alarm.score:.2f}", _FALSE, width=2)
        there = [Mark(box, classes[label], _TRUE) for box, label in zip(*alarm.ground_truth, strict=True)]
        picture = marked(images[alarm.example], [said, *there], _TILE_PX)
        tiles.append((picture, f"{classes[alarm.label]}, {_reason(alarm, classes)}", f"example {alarm.example}"))
    if not tiles:
        tiles = [(Image.new("RGB", (_TILE_PX, 60), PAPER), "no false alarms", "")]
    save(sheet(tiles, max(1, min(columns, len(tiles)))), path)


def _reason(alarm, classes):
    if alarm.kind == "wrong class":
        return f"really {classes[alarm.other]}"
    return {"twice": "found already", "misplaced": f"misplaced: IoU {alarm.iou:.2f}"}.get(alarm.kind, "nothing there")
