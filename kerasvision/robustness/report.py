"""How well a model does on corrupted images: the metric its recipe decides by under each corruption and severity."""

import numpy as np

from kerasvision.core.direction import direction_of, goodness, to_json
from kerasvision.core.errors import UsageError
from kerasvision.inference.folds import interval_of
from kerasvision.robustness.asking import Asked
from kerasvision.robustness.corruptions.base import SEVERITIES, chosen, listed
from kerasvision.robustness.moving import check_moves
from kerasvision.robustness.rolling import flip_rates


def measured(
    model,
    split="test",
    corruptions=(),
    severities=SEVERITIES,
    examples=None,
    progress=lambda *_: None,
    kept=None,
    frames=False,
):
    """The document that `recorded.read` reads: {name, split, metric, direction, examples, clean, corruptions: {name:
    {severity: value}}, mean, interval, extra, weakest, promised, left_out}.

    model: what `kerasvision.load` gives. corruptions: as of `corruptions.base.chosen`. severities: of 1 to 5. examples:
    at most so many, spread evenly over the split. progress: called with (task, done, total). kept: a `kept.Kept` that
    remembers what is measured, or None. The noise of an image is the same at every call.

    mean: of the metric over corruptions, each the mean of its severities: mPC where that is AP (Michaelis et al. 2019,
    arXiv:1907.07484). interval: {"clean", "mean"}, 95 %, by a jackknife. extra: of each of `asking.EXTRA` that the
    model has, {"clean", "mean"}. weakest: {"figure", "class", "clean", "mean"} of the class that is worst under
    corruption, or None. promised: of a promise for each class or number, name -> {"clean", "mean"}, the share that
    holds. left_out: name of a corruption that cannot be asked of this model -> why. flips: with `frames`, as of
    `rolling.flip_rates`.

    Raises UsageError of an unknown corruption, of a model that takes no image or has no data, and where the split has
    no example of the class that the metric is of.
    """
    held, asked = listed(), Asked(model, split, examples)
    names, left_out = _possible(chosen(corruptions), corruptions, asked)
    pairs = [(name, s) for name in names for s in severities if s in held[name].severities]
    _require(pairs, names, left_out)
    clean = asked.cell()
    cells = _cells(asked, pairs, clean, kept, progress)
    rows = {name: {str(s): cells[f"{name}/{s}"] for n, s in pairs if n == name} for name in names}
    head = {"name": model.recipe.name, "split": split, "metric": asked.metric, "direction": to_json(asked.direction)}
    found = head | {"examples": asked.size} | summary(clean, {name: row for name, row in rows.items() if row})
    stated = model.arch.evaluator(model.classes).directions
    weakest = _weakest(clean, rows, direction_of(stated, clean["figure"]) if clean["figure"] else None)
    flips = {"flips": flip_rates(asked, progress)} if frames else {}
    return found | {"weakest": weakest, "promised": _promised(clean, rows), "left_out": left_out} | flips


def _cells(asked, pairs, clean, kept, progress):
    """NAME/SEVERITY -> cell of all pairs; those that are kept are not asked again."""
    held, cells = listed(), kept.cells(clean) if kept else {}
    for done, (name, severity) in enumerate(pairs):
        progress("corruptions", done, len(pairs))
        if f"{name}/{severity}" not in cells:
            cells[f"{name}/{severity}"] = asked.cell(held[name], severity)
            if kept:
                kept.write(clean, cells)
    progress("corruptions", len(pairs), len(pairs))
    return cells


def _require(pairs, names, left_out):
    """Refuse to measure nothing."""
    if not pairs:
        why = "; ".join(dict.fromkeys(left_out.values())) or f"{', '.join(names)} have other severities"
        raise UsageError(f"no corruption is left to be asked for: {why}")


def _possible(names, words, asked):
    """(names that can be asked of a model, {name: why not}); UsageError where one is asked for by its own name."""
    left_out, held = {}, listed()
    for name in names:
        try:
            if held[name].moves:
                check_moves(asked.model.arch, asked.keys)
        except UsageError as error:
            if name in words:
                raise
            left_out[name] = str(error)
    return [name for name in names if name not in left_out], left_out


def summary(clean, rows):
    """{"clean", "corruptions", "mean", "interval", "extra"} of cells as of `Asked.cell`: the one of clean images, and
    {name: {severity: cell}}.
    """

    def mean(value):
        return float(np.mean([np.mean([value(cell) for cell in row.values()]) for row in rows.values()]))

    found = {
        "clean": clean["value"],
        "corruptions": {name: {s: cell["value"] for s, cell in row.items()} for name, row in rows.items()},
        "mean": None,
        "interval": {"clean": interval_of(clean["value"], clean["folds"]), "mean": None},
        "extra": {},
    }
    if not rows:
        return found
    every = [cell for row in rows.values() for cell in row.values()]
    whole = [k for k in range(len(clean["folds"])) if all(cell["folds"][k] is not None for cell in every)]
    found["mean"] = mean(lambda cell: cell["value"])
    found["interval"]["mean"] = interval_of(found["mean"], [mean(lambda cell, k=k: cell["folds"][k]) for k in whole])
    for key, value in clean["extra"].items():
        found["extra"][key] = {"clean": value, "mean": mean(lambda cell, key=key: cell["extra"][key])}
    return found


def _promised(clean, rows):
    """{name: {"clean", "mean"}} of the shares of a promise for each class; of those that all cells have."""
    every = [cell.get("promised", {}) for row in rows.values() for cell in row.values()]
    names = [name for name in clean.get("promised", {}) if all(name in held for held in every)]
    return {n: {"clean": clean["promised"][n], "mean": float(np.mean([held[n] for held in every]))} for n in names}


def _weakest(clean, rows, direction):
    """The class that is worst under corruption, by the mean over all that it has a figure in."""
    every = [cell["classes"] for row in rows.values() for cell in row.values()]
    means = {name: [held[name] for held in every if name in held] for name in clean["classes"]}
    means = {name: float(np.mean(values)) for name, values in means.items() if values}
    if not means:
        return None
    name = min(means, key=lambda key: goodness(means[key], direction))
    return {"figure": clean["figure"], "class": name, "clean": clean["classes"][name], "mean": means[name]}
