"""Images and volumes as the graph sees them beside the heat that explains an answer."""

import dataclasses
import pathlib

import numpy as np

from kerasvision.core.escaping import plot_text
from kerasvision.core.files import write_figure

MOST = 12  # rows of one picture
DOTS = 110  # an inch, as `write_figure` has them
SIDE, MOST_SIDE = 2.9, 8.0  # inches of a panel
CAPPED = 99  # percentile of a heat above which all has one color: else single pixels hide the rest (arXiv:1706.03825)
OUTLINE = "#00e5ff"  # of what a target stands for: on gray and on every heat


@dataclasses.dataclass(frozen=True)
class Explained:
    """name: of the input. method: what is said below it, the explainer or the target. shown: uint8 [H, W, 3], or a
    volume float32 [d, h, w, C]. rows: [(words, heat float32 [H, W] or [d, h, w], region: bool of the same shape, or
    None)]. Of a volume the plane with most heat is drawn, of those that the region is in if there is one; anterior at
    the top.
    """

    name: str
    method: str
    shown: np.ndarray
    rows: list


def draw(explained, path):
    """A row an input: the input, then for each target or method the input in gray, its heat on it with a legend, and
    its region's outline. A photograph of up to 880 pixels a side is drawn pixel for pixel.
    """
    from matplotlib.figure import Figure

    columns = 1 + max(len(e.rows) for e in explained)
    longest = max(max(e.shown.shape[:2]) if e.shown.ndim == 3 else 0 for e in explained)
    side = min(max(SIDE, longest / DOTS), MOST_SIDE)
    figure = Figure(figsize=(side * columns, (side + 0.5) * len(explained)), layout="constrained")
    axes = figure.subplots(len(explained), columns, squeeze=False)
    for line, one in zip(axes, explained, strict=True):
        for axis in line:
            axis.set_axis_off()
        _draw_input(line[0], one)
        for axis, (text, heat, region) in zip(line[1:], one.rows, strict=False):
            _add_legend(figure, axis, _draw_heat(axis, one.shown, text, heat, region))
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, path)


def draw_pictures(pictures, path):
    """Pictures side by side. pictures: [(words, uint8 [H, W, 3])]."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIDE * len(pictures), SIDE + 0.3), layout="constrained")
    for axis, (text, picture) in zip(figure.subplots(1, len(pictures), squeeze=False)[0], pictures, strict=True):
        axis.set_axis_off()
        axis.imshow(picture)
        axis.set_title(plot_text(text), fontsize=9)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, path)


def _draw_input(axis, one):
    at = plane_of(*one.rows[0][1:])
    axis.imshow(_shown(one.shown, at), cmap="gray")
    axis.set_title(f"{plot_text(one.name)}\n{plot_text(one.method + _where(at))}", fontsize=9)


def _draw_heat(axis, given, text, heat, region):
    at = plane_of(heat, region)
    shown = _shown(given, at)
    axis.imshow(shown.mean(-1) if shown.ndim == 3 else shown, cmap="gray", vmin=0, vmax=255)
    most = max(float(np.percentile(heat, CAPPED)), float(heat.max()) / 10, 1e-12)  # of all planes of a volume
    hot = axis.imshow(np.maximum(_cut(heat, at), 0), cmap="inferno", vmin=0, vmax=most, alpha=0.55)
    if region is not None and _cut(region, at).any():
        outlined = np.pad(_cut(region, at), 1).astype(float)  # a region that reaches the border has an outline there
        y, x = (np.arange(-1, side - 1) for side in outlined.shape)
        axis.contour(x, y, outlined, [0.5], colors=[OUTLINE], linewidths=1.2)
    axis.set_title(plot_text(text + _where(at)), fontsize=9)
    return hot


def _add_legend(figure, axis, hot):
    """A bar of the heat's colors, from 0 to where they end."""
    bar = figure.colorbar(hot, ax=axis, orientation="horizontal", fraction=0.04, pad=0.01, aspect=30)
    bar.set_ticks([0, hot.norm.vmax], labels=["0", f"{hot.norm.vmax:.2g} and more"])
    bar.ax.tick_params(labelsize=7, length=2)


def plane_of(heat, region=None):
    """Of a volume's heat [d, h, w] the plane with most of it, the middle one where there is none; None of an image.
    region: bool [d, h, w]; the plane is one that it is in.
    """
    if heat.ndim == 2:
        return None
    planes = np.arange(len(heat)) if region is None else np.flatnonzero(region.any((1, 2)))
    found = np.maximum(heat, 0).sum((1, 2))[planes]
    return int(planes[found.argmax() if found.any() else len(planes) // 2])


def _where(at):
    return "" if at is None else f", plane {at}"


def _cut(values, at):
    return values if at is None else values[at][::-1]


def _shown(given, at):
    """uint8 [H, W, 3], or the plane of a volume's first channel in 0..255, [h, w]."""
    if at is None:
        return given
    first = given[..., 0]
    low, high = float(first.min()), float(first.max())
    return _cut((first - low) * (255.0 / max(high - low, 1e-12)), at)
