"""How sure a figure is: what it is without each fold of its examples, a delete-a-group jackknife (Kott 2001, "The
Delete-a-Group Jackknife", J. Official Statistics 17(4), equation 2).
"""

import math

import numpy as np

FOLDS = 20


def fold_metrics(evaluator, metric, size):
    """[The metric of all examples but those of a fold], fold by fold; None where that leaves nothing to evaluate.

    evaluator: a `metrics.base.Evaluator` that has seen `size` examples. metric: name of one of its figures. Where the
    evaluator's examples have groups, whole groups are left out, in as many folds as there are groups and at most
    `FOLDS`.
    """
    unit = evaluator.units(size)
    count = unit.max(initial=0) + 1
    folds = min(FOLDS, count) if count < size else FOLDS
    return [metric_of(evaluator, metric, np.flatnonzero(unit % FOLDS != k)) for k in range(folds)]


def metric_of(evaluator, metric, examples):
    """The metric of some examples alone, by their numbers; None where they have none."""
    try:
        value = evaluator.result(examples, only=(metric,)).get(metric) if len(examples) else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None


def interval_of(value, folds):
    """[low, high], the 95 % interval of a figure by its `fold_metrics`; None where less than two folds have any."""
    held = np.array([fold for fold in folds if fold is not None])
    if len(held) < 2:
        return None
    spread = 1.96 * float(np.sqrt((len(held) - 1) / len(held) * ((held - value) ** 2).sum()))
    return [float(value - spread), float(value + spread)]
