"""Pictures of how predicted numbers lie beside the true ones, as PNG, and the examples with the largest errors."""

import pathlib

import numpy as np
from matplotlib.figure import Figure

from kerasvision.drawing.figures import axis_name, save_figure, shortened
from kerasvision.metrics.worst import WORST, Wrong, draw_worst

_MOST_NUMBERS, _MOST_POINTS, _MOST_BARS = 4, 5000, 400
_NAMED = 3  # numbers of an example that are told


def draw_numbers(held, figures, names, folder, images):
    """Write `scatter.png` and `worst.png` into a folder; returns their paths.

    held: `values` and `targets` [N, M], perhaps `low` and `high` [N, M], the ends of the predicted interval. figures:
    those of all examples together. names: of the M numbers. images: as `Evaluator.draw` takes it.
    """
    paths = [pathlib.Path(folder, name) for name in ("scatter.png", "worst.png")]
    draw_scatter(held, figures, names, paths[0])
    error = held["values"] - held["targets"]
    spread = held["targets"].std(0)
    apart = np.abs(error) / np.where(spread > 0, spread, 1.0)
    cases = []
    for n in np.argsort(-apart.max(1), kind="stable")[:WORST]:
        worst = np.argsort(-apart[n], kind="stable")[:_NAMED]
        said = [f"{held['values'][n, k]:.4g}, really {held['targets'][n, k]:.4g}" for k in worst]
        title = [f"{shortened(names[k])}: {text}" for k, text in zip(worst, said, strict=True)]
        cases.append(Wrong(int(n), "\n".join(title), f"off by {apart[n].max():.2g} standard deviations"))
    heading = (
        f"The {len(cases)} largest errors among {len(error):,} examples, in standard deviations of the ground truth: "
        "predicted, and what it really is"
    )
    draw_worst(cases, images, heading, paths[1])
    return paths


def draw_scatter(held, figures, names, path):
    """A PNG: over the ground truth the prediction and, below it, their difference; of more than four numbers those with
    the least r2. Of more than 5000 examples as many, evenly. held, figures, names: as of `draw_numbers`.
    """
    shown = sorted(range(len(names)), key=lambda k: (_figure("r2", k, figures, names), k))[:_MOST_NUMBERS]
    rows = np.unique(np.linspace(0, len(held["values"]) - 1, _MOST_POINTS).round().astype(int))
    figure = Figure(figsize=(4.6 * len(shown) + 0.6, 7.2), layout="constrained")
    axes = figure.subplots(2, len(shown), squeeze=False, sharex="col", height_ratios=(2, 1))
    for (upper, lower), k in zip(axes.T, sorted(shown), strict=True):
        _draw_one({key: part[rows, k] for key, part in held.items()}, upper, lower)
        told = ", ".join(f"{name} {_figure(name, k, figures, names):.3g}" for name in ("r2", "mae", "rmse"))
        upper.set_title(f"{axis_name(names[k])}\n{told}", fontsize=10)
    axes[0, 0].set_ylabel("predicted")
    axes[1, 0].set_ylabel("predicted - ground truth")
    title = f"{len(held['values']):,} examples"
    if len(rows) < len(held["values"]):
        title += f", {len(rows):,} of them drawn"
    if len(shown) < len(names):
        title += f"; the {len(shown)} of {len(names)} numbers with the least r2"
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def _figure(name, k, figures, names):
    return figures[f"{name}/{names[k]}" if len(names) > 1 else name]


def _draw_one(held, upper, lower):
    """held: `values` and `targets` [N] of one number, and perhaps the ends of its interval."""
    true, said = held["targets"], held["values"]
    dots = {"s": 14 if len(true) <= 1000 else 5, "alpha": 0.6 if len(true) <= 1000 else 0.3, "lw": 0, "zorder": 3}
    ends = np.array([min(true.min(), said.min()), max(true.max(), said.max())])
    upper.plot(ends, ends, color="black", lw=1, label="right")
    if "low" in held and len(true) <= _MOST_BARS:
        upper.vlines(true, held["low"], held["high"], color="0.8", lw=1, label="predicted interval")
    upper.scatter(true, said, color="#1f77b4", label="an example", **dots)
    upper.legend(fontsize=8, framealpha=0.85, edgecolor="none")
    lower.axhline(0, color="black", lw=1)
    lower.scatter(true, said - true, color="#1f77b4", **dots)
    lower.set_xlabel("ground truth")
    for axis in (upper, lower):
        axis.grid(alpha=0.3)
