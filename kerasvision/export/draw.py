"""Predictions on their pictures, as a PNG."""

import math

from matplotlib.figure import Figure


def draw_predictions(rows, path, columns=4):
    """rows: (image uint8 [H, W, 3], name, prediction's JSON). One picture, or a sheet of them. Written and renamed."""
    columns = min(columns, len(rows))
    lines = math.ceil(len(rows) / columns)
    figure = Figure(figsize=(4.2 * columns, 4.6 * lines), layout="constrained")
    for axis, (image, name, answer) in zip(figure.subplots(lines, columns, squeeze=False).flat, rows, strict=False):
        axis.imshow(image, interpolation="nearest" if max(image.shape) < 100 else "antialiased")
        axis.set_title(_title(answer), fontsize=11)
        axis.set_xlabel(name.rsplit("/", 1)[-1], fontsize=8)
        axis.set_xticks([])
        axis.set_yticks([])
    for axis in figure.axes[len(rows) :]:
        axis.set_visible(False)
    beside = path.with_name(f".{path.name}")
    figure.savefig(beside, dpi=100, format="png", bbox_inches="tight")
    beside.replace(path)


def _title(answer):
    rows = answer.get("top", answer.get("labels", []))[:3]
    return "\n".join(f"{r['label']}  {r['score']:.2f}" for r in rows) or "nothing"
