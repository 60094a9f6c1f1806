"""What single layers in integers cost the metric: each alone in integers, and all but it; and a picture of it.

What is lost with one layer alone in integers is its own; what comes back when all but it are is what leaving it in
float would save. The two differ where layers share a damage, as on both sides of a tensor with a bad range.
"""

import dataclasses

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import write_figure
from kerasvision.data.pipeline import splits_of
from kerasvision.export.calibration import EXAMPLES, spread
from kerasvision.export.repair.workshop import Plan, Workshop, layers_of
from kerasvision.export.targets.tflite import DEFAULT
from kerasvision.export.trials import Trials

DRAWN = 20  # layers in the picture


@dataclasses.dataclass(frozen=True)
class Blame:
    """Of a Keras layer: the change of the metric, above 0 where it is better, and the mean error of scores, where it
    alone is in integers (`only_...`) and where all but it are (`without_...`).
    """

    layer: str
    only_change: float
    only_error: float
    without_change: float
    without_error: float


def blame(model, paths, rows, count, split="validation", limit=None):
    """{"metric", "split", "examples", "value": the float file's, "all_change", "all_error": with all in integers,
    "layers": [`Blame`] of the worst `count`}.

    paths: of the integer .tflite and of the float one. model: an `api.Model` of the latter, which knows its data. rows:
    `layers.layers` of them, the worst first. split, limit: the examples. What is float in both files stays so.
    Raises UsageError of a count below 1 and of a file of several functions.
    """
    if count < 1:
        raise UsageError(f"--worst {count}; allowed: 1 and above")
    splits = splits_of(model.recipe, split, "train")
    calibration = tuple(spread(splits["train"], model.arch, EXAMPLES))
    integer, content = (path.read_bytes() for path in paths)
    workshop = Workshop(content, lambda: ((DEFAULT, one) for one in calibration), layers_of(integer))
    if not workshop.has_one_function:
        raise UsageError(f"{paths[1]} has several functions; --worst is for files of one")
    worst = [name for name in dict.fromkeys(row.keras for row in rows) if name in workshop.layers][:count]
    if not worst:
        raise KerasVisionError(f"{paths[0]}: the names of its tensors tell no layer in integers")
    trials = Trials(model.arch, model.classes, splits, split, model, model.recipe.metric, limit)
    whole, found = trials.of(workshop.made(Plan())), []
    for layer in worst:
        only, without = trials.of(workshop.only(layer, Plan())), trials.of(workshop.made(Plan(floats=(layer,))))
        found.append(Blame(layer, only.change, only.error, without.change, without.error))
    about = {"metric": trials.metric, "split": split, "examples": trials.size, "value": trials.value}
    return about | {"all_change": whole.change, "all_error": whole.error, "layers": found}


def draw(rows, blamed, path):
    """Write a picture of the worst layers. rows: `layers.layers`. blamed: what `blame` gives, or None. path: a .png."""
    from matplotlib.figure import Figure

    shown = [row for row in rows if row.alone_db is not None][:DRAWN] or rows[:DRAWN]
    figure = Figure(figsize=(12, 1.5 + 0.3 * len(shown)), layout="constrained")
    axes = figure.subplots(1, 2 if blamed else 1, squeeze=False)[0]
    places = np.arange(len(shown))
    for number, key in enumerate(("alone_db", "accumulated_db")):
        values = [np.nan if getattr(row, key) is None else getattr(row, key) for row in shown]
        axes[0].barh(places + 0.4 * number, np.clip(values, -20, 80), 0.4, label=key.removesuffix("_db"))
    axes[0].set_yticks(places + 0.2, [row.keras or row.name[-40:] for row in shown])
    axes[0].set_xlabel("signal to quantization noise, dB")
    if blamed:
        places = np.arange(len(blamed["layers"]))
        for number, key in enumerate(("only_change", "without_change")):
            label = {"only_change": "it alone in integers", "without_change": "all but it"}[key]
            axes[1].barh(places + 0.4 * number, [getattr(row, key) for row in blamed["layers"]], 0.4, label=label)
        axes[1].axvline(blamed["all_change"], color="black", linestyle=":", label="all in integers")
        axes[1].set_yticks(places + 0.2, [row.layer for row in blamed["layers"]])
        axes[1].set_xlabel(f"change of {blamed['metric']}, {blamed['examples']} examples")
    for axis in axes:
        axis.invert_yaxis()
        axis.grid(axis="x", alpha=0.3)
        axis.legend(fontsize=8, frameon=False)
    write_figure(figure, path)
