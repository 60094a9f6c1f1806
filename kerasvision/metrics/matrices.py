"""Matrices of what was taken for what, as PNG, for people: of many classes those that are confused most.

The table of ground truth against decision: Kohavi, Provost 1998, Glossary of Terms, Machine Learning 30.
"""

import dataclasses

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from kerasvision.drawing.figures import axis_name, save_figure
from kerasvision.metrics.confusions import confused_pairs, mistaken_labels, swapped

MOST_SHOWN = 24  # classes; of more, those that are most often confused
_RIGHT, _WRONG, _NEITHER = colormaps["Blues"], colormaps["Reds"], 0.93
_DARK = 0.6  # of a color map: letters on what is darker are white
_LETTER_INCHES = 0.085


@dataclasses.dataclass(frozen=True)
class _Matrix:
    """counts: int [S, S]. totals: [S], what a row's cells are shares of. rows, columns: names. right: of so many first
    rows the cell on the diagonal is what it should be; those of other rows are gray. ends: {what it is: texts beside
    rows or over columns}.
    """

    counts: np.ndarray
    totals: np.ndarray
    rows: list
    columns: list
    right: int = 0
    ends: dict = dataclasses.field(default_factory=dict)


def draw_confusion(labels, top, classes, path):
    """A PNG of how often each class (rows) was taken for which (columns), with recall and precision. Of more than 24
    classes the most confused ones; all others are one row and one column. labels, top: int [N].
    """
    shown = most_confused(labels, top, len(classes))
    place = np.full(len(classes), len(shown))
    place[shown] = np.arange(len(shown))
    size = len(shown) + (len(shown) < len(classes))
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (place[labels], place[top]), 1)
    held, said, names = counts.sum(1), counts.sum(0), [axis_name(classes[k]) for k in shown]
    wrong = int((labels != top).sum())
    title = f"{len(labels):,} examples: {len(labels) - wrong:,} right, {wrong:,} wrong"
    ends = {
        of: [f"{100 * counts[i, i] / all_[i]:.0f} %" if all_[i] else "-" for i in range(len(shown))]
        for of, all_ in (("recall", held), ("precision", said))
    }
    if size > len(shown):
        title += f"\nthe {len(shown)} most confused of {len(classes):,} classes"
        names.append(f"{len(classes) - len(shown):,} others")
    rows = [f"{name} ({count:,})" for name, count in zip(names, held, strict=True)]
    words = (
        title,
        "ground truth (number of examples)",
        "predicted",
        "blue: right, red: wrong; the darker, the larger the share of the row",
    )
    _draw(_Matrix(counts, held, rows, names, len(shown), ends), words, path)


def most_confused(labels, top, classes):
    """Numbers of the classes that are shown, in order: all of at most 24; else those of the most confused pairs, filled
    up with the most frequent. labels, top: int [N]; classes: how many.
    """
    if classes <= MOST_SHOWN:
        return np.arange(classes)
    frequent = np.argsort(-np.bincount(labels, minlength=classes), kind="stable")
    pairs = confused_pairs(labels, top)[:, :2].ravel()
    return np.sort(list(dict.fromkeys([*pairs.tolist(), *frequent.tolist()]))[:MOST_SHOWN])


def draw_swapped(ground_truth, present, classes, path):
    """A PNG of which label was invented (columns) where which was missed (rows), and how often none was. Of more than
    24 labels those with the most errors. ground_truth, present: bool [N, K].
    """
    missed, invented, _ = mistaken_labels(ground_truth, present)
    shown = np.sort(np.argsort(-(missed + invented), kind="stable")[:MOST_SHOWN])
    no_missed, no_invented = ((a & ~b).sum(1) == 0 for a, b in ((ground_truth, present), (present, ground_truth)))
    counts = np.zeros((len(shown) + 1, len(shown) + 1), np.int64)
    counts[:-1, :-1] = swapped(ground_truth, present, shown)
    counts[:-1, -1] = (ground_truth & ~present)[no_invented][:, shown].sum(0)
    counts[-1, :-1] = (present & ~ground_truth)[no_missed][:, shown].sum(0)
    rows, columns = (
        [*(f"{axis_name(classes[k])} ({count[k]:,})" for k in shown), f"nothing {word}"]
        for word, count in (("missed", missed), ("invented", invented))
    )
    title = f"{len(present):,} examples: {missed.sum():,} labels missed, {invented.sum():,} invented"
    if len(shown) < len(classes):
        title += f"\nthe {len(shown)} of {len(classes):,} labels with the most errors"
    words = (
        title,
        "missed (how often in all)",
        "invented in the same example (how often in all)",
        "the darker, the larger the share of the row; an example with several wrong labels is in several cells",
    )
    totals = np.append(missed[shown], max(1, counts[-1].sum()))
    _draw(_Matrix(counts, totals, rows, columns), words, path)


def _colors(matrix):
    """(float [S, S, 3], how dark each is)."""
    counts, diagonal = matrix.counts, np.eye(len(matrix.counts), dtype=bool)
    is_right = diagonal & (np.arange(len(counts)) < matrix.right)
    share = (counts / np.maximum(matrix.totals[:, None], 1)).clip(0, 1)
    share = np.where(is_right, share, np.sqrt(share))  # a root lets single errors be seen
    dark = np.where(counts > 0, 0.12 + 0.75 * share, 0.0)
    colors = np.where(is_right[..., None], _RIGHT(dark)[..., :3], _WRONG(dark)[..., :3])
    colors[counts == 0] = 1.0
    neither = diagonal & ~is_right
    colors[neither] = _NEITHER
    return colors, np.where(neither, 0.0, dark)


def _draw(matrix, words, path):
    """words: (title, name of the vertical axis, of the horizontal one, what the colors mean)."""
    size = len(matrix.counts)
    cell = 0.62 if size <= 6 else 0.5 if size <= 12 else 0.4
    wide, high = (_LETTER_INCHES * max(map(len, names)) for names in (matrix.rows, matrix.columns))
    figure = Figure(figsize=(max(6.5, size * cell + 2.4 + wide), size * cell + 2.2 + high), layout="constrained")
    axis = figure.subplots()
    colors, dark = _colors(matrix)
    axis.imshow(colors, aspect="equal", interpolation="nearest")
    for (row, column), count in np.ndenumerate(matrix.counts):
        if count:
            text = f"{count}" if count < 10_000 else f"{count / 1000:.0f}k"
            ink = "white" if dark[row, column] > _DARK else "black"
            axis.text(column, row, text, ha="center", va="center", fontsize=9, color=ink)
    axis.set_xticks(range(size), matrix.columns, rotation=90)
    axis.set_yticks(range(size), matrix.rows)
    axis.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="0.85", lw=0.6)
    axis.tick_params(which="both", length=0)
    _draw_ends(axis, matrix)
    axis.set(ylabel=words[1], xlabel=words[2])
    figure.suptitle(words[0], fontsize=11)
    figure.supxlabel(words[3], fontsize=8, color="0.35")
    save_figure(figure, path)


def _draw_ends(axis, matrix):
    """Recall at the right ends of rows, precision over columns."""
    quiet = {"fontsize": 8, "color": "0.35"}
    size = len(matrix.counts)
    for of, texts in matrix.ends.items():
        beside = of == "recall"
        for number, text in enumerate(texts):
            x, y = (size - 0.35, number) if beside else (number, -0.65)
            axis.text(x, y, text, va="center" if beside else "bottom", ha="left" if beside else "center", **quiet)
        x, y = (size - 0.35, -0.65) if beside else (-0.65, -0.65)
        axis.text(x, y, of, va="bottom", ha="left" if beside else "right", **quiet)
