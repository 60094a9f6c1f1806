"""A PNG of prepared images beside the heat maps that explain their predictions."""

import dataclasses
import pathlib

import numpy as np

from kerasvision.core.escaping import plot_text
from kerasvision.core.files import write_figure

MOST = 12  # rows of one picture


@dataclasses.dataclass(frozen=True)
class Explained:
    """The heat maps of one image. title: names the image and the method. prepared: uint8 [h, w, 3]. rows: [(text of
    class and score, heat float32 [h, w])], one a class.
    """

    title: str
    prepared: np.ndarray
    rows: list


def draw(explained, path):
    """Write a PNG to `path`, and its folder. explained: [`Explained`], a row each: the image, then for each class the
    image in gray with its heat above 0 on it.
    """
    from matplotlib.figure import Figure

    columns = 1 + max(len(e.rows) for e in explained)
    figure = Figure(figsize=(2.9 * columns, 3.2 * len(explained)), layout="constrained")
    axes = figure.subplots(len(explained), columns, squeeze=False)
    for line, one in zip(axes, explained, strict=True):
        for axis in line:
            axis.set_axis_off()
        line[0].imshow(one.prepared)
        line[0].set_title(plot_text(one.title), fontsize=9)
        gray = one.prepared.mean(-1)
        for axis, (text, heat) in zip(line[1:], one.rows, strict=False):
            axis.imshow(gray, cmap="gray", vmin=0, vmax=255)
            heat = np.maximum(heat, 0)
            axis.imshow(heat, cmap="inferno", vmin=0, vmax=max(float(heat.max()), 1e-12), alpha=0.55)
            axis.set_title(plot_text(text), fontsize=9)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, path)
