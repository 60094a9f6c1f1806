"""The verdict on an exported file: how its metric changed, with an interval, what refuses it, and what is unclear."""

import math

import numpy as np

from kerasvision.core.direction import distance, to_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.inference.folds import metric_of


def units_of(evaluator, metric, size):
    """How many examples, or groups of them, a figure is of. evaluator: has seen `size` examples. metric: NAME: of all;
    NAME/CLASS: of those of which one alone has that figure, which are the class's.
    """
    unit = evaluator.units(size)
    if "/" in metric:
        unit = unit[[metric_of(evaluator, metric, np.array([i])) is not None for i in range(size)]]
    return len(np.unique(unit))


def coverage_of(evaluator, size):
    """{what a promise is for: {"coverage": the share of it that holds, the mean over examples; "examples": of how many
    examples, or groups of them, that is}}, as of `Evaluator.promised_shares`. evaluator: has seen `size` examples.
    """
    unit, found = evaluator.units(size), {}
    for name, shares in evaluator.promised_shares().items():
        counts = ~np.isnan(shares)
        share = float(shares[counts].mean()) if counts.any() else None
        found[name] = {"coverage": share, "examples": len(np.unique(unit[counts]))}
    return found


def change_of(metric, direction, ours, theirs, our_folds, their_folds, flips, units):
    """The figures of a metric's change: of an exported file (`ours`) from the trained model (`theirs`), paired.

    direction: the metric's, `core.direction.Direction`; of one with a target its distance is compared.

    The 95 % interval is a delete-a-group jackknife's (Kott 2001, "The Delete-a-Group Jackknife", J. Official Statistics
    17(4), equation 2). Where no decision changed it cannot be narrower than 3 / units on either side, the number of
    examples, or of groups of them: of so many without an event, up to that share may have one at 95 % (Hanley and
    Lippman-Hand 1983, "If nothing goes wrong, is everything all right?", JAMA 249(13)). `folds_left_out`: folds without
    any figure.
    """
    ours, theirs = (distance(value, direction) for value in (ours, theirs))
    change = ours - theirs
    pairs = [(a, b) for a, b in zip(our_folds, their_folds, strict=True) if a is not None and b is not None]
    changes = np.array([distance(a, direction) - distance(b, direction) for a, b in pairs])
    spread = 0.0
    if len(changes):
        spread = 1.96 * float(np.sqrt((len(changes) - 1) / len(changes) * ((changes - change) ** 2).sum()))
    if not flips:
        spread = max(spread, min(1.0, 3 / units))
    interval = [float(change - spread), float(change + spread)]
    left_out = len(our_folds) - len(pairs)
    return {
        "metric": metric,
        "direction": to_json(direction),
        "metric_change": float(change),
        "metric_change_interval": interval,
        "folds": len(our_folds),
        "folds_left_out": left_out,
    }


def examples_needed(agreement, accuracy_drop):
    """How many examples would tell whether a file keeps the budget, 0 where these do.

    Of a file whose answers stay within a bound of its arithmetic (`tolerance`), with every changed decision explained
    by it, that bound is the evidence. Else the interval of the metric's change is: it lies above minus the budget
    (kept), below it (broken), or on both sides. Its width falls with the square root of the number of examples, and
    where no decision changed with the number itself.
    """
    low, high, gain = gained(agreement)
    if agreement["tolerance"] is not None or low > -accuracy_drop or high < -accuracy_drop:
        return 0
    distance = abs(gain + accuracy_drop)
    if not distance:
        return math.inf
    times = (gain - low) / distance
    return math.ceil(agreement["examples"] * (times if not agreement["flips"] else times**2)) + 1


def gained(agreement):
    """(low end of the interval, high end, change) of the metric, above 0 where the file is better."""
    low, high = agreement["metric_change_interval"]
    change = agreement["metric_change"]
    return (low, high, change) if agreement["direction"] == "max" else (-high, -low, -change)


def notes_of(agreement, budget, delegate):
    """Lines that are no failures, but that a reader of the certificate must know. budget: the recipe's."""
    notes = [] if delegate == "xnnpack" else ["runs without XNNPACK"]
    if needed := agreement["examples_needed"]:
        about = f"about {needed} would" if math.isfinite(needed) else "no number of them would: it lies on the budget"
        notes.append(
            f"{agreement['examples']} examples are too few to tell whether it keeps the budget of "
            f"{budget.accuracy_drop:g}; {about}"
        )
    if agreement.get("groups") == 1:
        notes.append("all examples are of one group; the interval says nothing of examples of others")
    if left_out := agreement["folds_left_out"]:
        notes.append(
            f"{left_out} of {agreement['folds']} folds have no {agreement['metric']}; the interval is made of the "
            "others"
        )
    return tuple(notes)


def failures_of(exporter, agreement, size, latency, ops, budget):
    """Lines that refuse the file, for what breaks the budget: the metric, the size in bytes, the latency in ms,
    operators.
    """
    failures, (_, high, gain) = [], gained(agreement)
    if high < -budget.accuracy_drop:
        falls = {"max": "falls", "min": "rises"}.get(str(agreement["direction"]), "moves away from its target")
        failures.append(
            f"{agreement['metric']} {falls} by {-gain:.4f} (worst on {agreement['worst']}); "
            f"budget.accuracy_drop is {budget.accuracy_drop:g}"
        )
    if budget.size_bytes is not None and size > budget.size_bytes:
        failures.append(f"has {size} bytes; budget.size_bytes is {budget.size_bytes}")
    if budget.latency_ms is not None and latency > budget.latency_ms:
        failures.append(f"needs {latency:.2f} ms; budget.latency_ms is {budget.latency_ms:g}")
    flex = [op for op in ops if op.startswith("Flex")]
    if ".tflite" in exporter.suffixes and flex:
        failures.append(f"needs Select-TF operators, which phones lack: {', '.join(flex)}")
    return tuple(failures)


def require_finite(metrics, metric, whose):
    """Raises KerasVisionError where the metric that decides is missing or not finite: no comparison with it could fail.
    whose: names the model in the message.
    """
    value = metrics.get(metric)
    if value is None or not math.isfinite(value):
        raise KerasVisionError(
            f"nothing was exported: {metric} of {whose} is {value}, which can be compared with nothing"
        )


def not_finite(prediction):
    """[(output, the first example of which it is not finite)] of a batch, numpy [B, ...]: every number of a file
    is looked at, whatever its architecture compares.
    """
    found = []
    for key, value in prediction.items():
        finite = np.isfinite(value).reshape(len(value), -1).all(1) if value.dtype.kind == "f" else np.True_
        found += [] if finite.all() else [(key, int(finite.argmin()))]
    return found
