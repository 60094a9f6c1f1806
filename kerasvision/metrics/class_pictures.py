"""Pictures of what a classifier mistakes, as PNG: confusion matrices, bars of labels, the worst examples."""

import pathlib

import numpy as np
from matplotlib.figure import Figure

from kerasvision.drawing.figures import axis_name, save_figure, shortened
from kerasvision.metrics.confusions import mistaken_labels
from kerasvision.metrics.matrices import draw_confusion, draw_swapped
from kerasvision.metrics.worst import WORST, Wrong, draw_worst

_MOST_BARS = 32  # labels
_NAMED = 3  # labels of an example that are told, of each kind
_BARS = (("found", "#2ca02c"), ("missed", "#ffbf66"), ("invented", "#d62728"))


def draw_single(probabilities, labels, classes, folder, images):
    """Write `confusion.png` and `worst.png` of one class an example into a folder; returns their paths.

    probabilities: [N, K]; labels: int [N]. images: as `Evaluator.draw` takes it.
    """
    paths, top = [pathlib.Path(folder, name) for name in ("confusion.png", "worst.png")], probabilities.argmax(1)
    draw_confusion(labels, top, classes, paths[0])
    wrong = np.flatnonzero(labels != top)
    given, said = probabilities[wrong, labels[wrong]], probabilities[wrong, top[wrong]]
    cases = []
    for i in np.lexsort((wrong, -said, given))[:WORST]:
        n = int(wrong[i])
        names = shortened(classes[top[n]]), shortened(classes[labels[n]])
        title = f"predicted {names[0]} ({said[i]:.2f})\nreally {names[1]} ({given[i]:.2f})"
        cases.append(Wrong(n, title))
    draw_worst(
        cases, images, _heading(cases, len(wrong), len(labels), "least probability of the right class"), paths[1]
    )
    return paths


def draw_several(probabilities, ground_truth, present, classes, folder, images):
    """Write `labels.png`, `confusion.png` and `worst.png` of several labels an example into a folder; returns their
    paths.

    probabilities: [N, K]; ground_truth, present: bool [N, K]. images: as `Evaluator.draw` takes it.
    """
    paths = [pathlib.Path(folder, name) for name in ("labels.png", "confusion.png", "worst.png")]
    draw_labels(ground_truth, present, classes, paths[0])
    draw_swapped(ground_truth, present, classes, paths[1])
    wrong = ground_truth != present
    count, apart = wrong.sum(1), np.where(wrong, np.abs(ground_truth - probabilities), 0.0).sum(1)
    cases = []
    for n in np.lexsort((-apart, -count))[: min(WORST, int((count > 0).sum()))]:
        told = _told(probabilities[n], ground_truth[n], present[n], classes)
        title = "\n".join(f"{kind}: {told[kind]}" for kind in ("missed", "invented") if told[kind])
        cases.append(Wrong(int(n), title, f"found: {told['found'] or 'nothing'}"))
    heading = _heading(cases, int((count > 0).sum()), len(count), "most wrong labels")
    draw_worst(cases, images, heading, paths[2])
    return paths


def _told(probabilities, ground_truth, present, classes):
    """{what happened to labels of an example: the most striking of them in words}, of [K]."""
    kinds = {"missed": ground_truth & ~present, "invented": present & ~ground_truth, "found": ground_truth & present}
    told = {}
    for kind, held in kinds.items():
        which = np.flatnonzero(held)
        which = which[np.argsort(probabilities[which] if kind == "missed" else -probabilities[which], kind="stable")]
        named = [f"{shortened(classes[k])} ({probabilities[k]:.2f})" for k in which[:_NAMED]]
        told[kind] = ", ".join([*named, f"{len(which) - _NAMED} more"] if len(which) > _NAMED else named)
    return told


def _heading(cases, wrong, count, first):
    shown = f"The {len(cases)} worst of {wrong:,}" if len(cases) < wrong else f"All {wrong:,}"
    return (
        f"{shown} wrong among {count:,} examples: those with the {first} first; numbers are probabilities"
        if wrong
        else f"{count:,} examples"
    )


def draw_labels(ground_truth, present, classes, path):
    """A PNG with a bar for each label: in how many examples it was found, missed and invented, with precision and
    recall, most errors first; of more than 32 labels those with the most. ground_truth, present: bool [N, K].
    """
    missed, invented, _ = mistaken_labels(ground_truth, present)
    shown = np.argsort(-(missed + invented), kind="stable")[:_MOST_BARS]
    found, held = (ground_truth & present).sum(0)[shown], ground_truth.sum(0)[shown]
    parts, said = (found, missed[shown], invented[shown]), present.sum(0)[shown]
    names = [axis_name(classes[k]) for k in shown]
    figure = Figure(figsize=(8 + 0.085 * max(map(len, names)), 1.9 + 0.3 * len(shown)), layout="constrained")
    axis, start = figure.subplots(), np.zeros(len(shown), np.int64)
    for (name, color), count in zip(_BARS, parts, strict=True):
        axis.barh(np.arange(len(shown)), count, left=start, color=color, label=name, height=0.75)
        start = start + count
    most = max(1, start.max())
    for row, (right, there, claimed) in enumerate(zip(found, held, said, strict=True)):
        text = f"{_percent(right, claimed)} / {_percent(right, there)}"
        axis.text(start[row] + 0.01 * most, row, text, va="center", fontsize=8, color="0.35")
    axis.set_yticks(range(len(shown)), [f"{name} ({count:,})" for name, count in zip(names, held, strict=True)])
    axis.set(
        xlim=(0, 1.18 * most), ylim=(len(shown) - 0.4, -0.6), xlabel="examples; beside each bar precision / recall"
    )
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_ylabel("label (how many examples have it)")
    axis.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
    right = int((ground_truth == present).all(1).sum())
    title = f"{len(present):,} examples, {right:,} with all labels right"
    title += f": {missed.sum():,} missed, {invented.sum():,} invented"
    if len(shown) < len(classes):
        title += f"\nthe {len(shown)} of {len(classes):,} labels with the most errors"
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def _percent(part, whole):
    return f"{100 * part / whole:.0f} %" if whole else "-"
