"""Images and volumes as the graph sees them beside the heat that explains an answer."""

import dataclasses
import pathlib

import numpy as np

from kerasvision.core.escaping import plot_text
from kerasvision.core.files import write_figure

MOST = 12  # rows of one picture
OUTLINE = "#00e5ff"  # of what a target stands for: on gray and on every heat


@dataclasses.dataclass(frozen=True)
class Explained:
    """name: of the input. method: of the explainer. prepared: uint8 [h, w, 3], or a volume float32 [d, h, w, C]. rows:
    [(words, heat float32 [h, w] or [d, h, w], region: bool of the same shape, or None)]. Of a volume the plane with
    most heat is drawn, of those that the region is in if there is one; anterior at the top.
    """

    name: str
    method: str
    prepared: np.ndarray
    rows: list


def draw(explained, path):
    """A row an input: the input, then for each target the input in gray, its heat on it and its region's outline."""
    from matplotlib.figure import Figure

    columns = 1 + max(len(e.rows) for e in explained)
    figure = Figure(figsize=(2.9 * columns, 3.4 * len(explained)), layout="constrained")
    axes = figure.subplots(len(explained), columns, squeeze=False)
    for line, one in zip(axes, explained, strict=True):
        for axis in line:
            axis.set_axis_off()
        _draw_input(line[0], one)
        for axis, (text, heat, region) in zip(line[1:], one.rows, strict=False):
            _draw_heat(axis, one.prepared, text, heat, region)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, path)


def _draw_input(axis, one):
    at = plane_of(*one.rows[0][1:])
    axis.imshow(_shown(one.prepared, at), cmap="gray")
    axis.set_title(f"{plot_text(one.name)}\n{plot_text(one.method + _where(at))}", fontsize=9)


def _draw_heat(axis, prepared, text, heat, region):
    at = plane_of(heat, region)
    shown = _shown(prepared, at)
    axis.imshow(shown.mean(-1) if shown.ndim == 3 else shown, cmap="gray", vmin=0, vmax=255)
    # one scale for all planes of a volume
    most = max(float(heat.max()), 1e-12)
    axis.imshow(np.maximum(_cut(heat, at), 0), cmap="inferno", vmin=0, vmax=most, alpha=0.55)
    if region is not None and _cut(region, at).any():
        outlined = np.pad(_cut(region, at), 1).astype(float)  # a region that reaches the border has an outline there
        y, x = (np.arange(-1, side - 1) for side in outlined.shape)
        axis.contour(x, y, outlined, [0.5], colors=[OUTLINE], linewidths=1.2)
    axis.set_title(plot_text(text + _where(at)), fontsize=9)


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


def _shown(prepared, at):
    """uint8 [h, w, 3], or the plane of a volume's first channel in 0..255, [h, w]."""
    if at is None:
        return prepared
    first = prepared[..., 0]
    low, high = float(first.min()), float(first.max())
    return _cut((first - low) * (255.0 / max(high - low, 1e-12)), at)
