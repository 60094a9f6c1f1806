"""A model's errors under corruption in parts of another's."""

import numpy as np

from kerasvision.core.errors import UsageError

_SAME = ("split", "metric", "examples")


def compared(found, base):
    """{"baseline", "mce", "relative_mce", "corruptions": {name: error}} of two documents of `report.measured`, the same
    corruptions, severities, metric and examples of each.

    The corruption error is the sum of a model's errors over the severities in parts of the baseline's; `mce` its mean
    over corruptions, and `relative_mce` that of errors beyond those on clean images (Hendrycks, Dietterich 2019,
    arXiv:1903.12261, section 4.2, which states them in percent). The error is 1 - metric of a metric within 0..1 of
    which more is better, and the metric where less is. None where the baseline makes no error to be compared with.

    Raises UsageError where the documents cannot be compared.
    """
    for key in _SAME:
        if found[key] != base[key]:
            raise UsageError(
                f"{key}: {base['name']} has {base[key]}, {found['name']} has {found[key]}; measure both alike"
            )
    rows = [{n: sorted(row) for n, row in held["corruptions"].items()} for held in (found, base)]
    if rows[0] != rows[1]:
        raise UsageError(f"{base['name']} and {found['name']} have other corruptions or severities; measure both alike")
    ours, theirs = (_errors(held) for held in (found, base))
    errors = {name: _ratio(sum(ours[name]), sum(theirs[name])) for name in rows[0]}
    beyond = [_ratio(*(sum(e - held[""][0] for e in held[name]) for held in (ours, theirs))) for name in rows[0]]
    return {
        "baseline": base["name"],
        "mce": _mean(errors.values()),
        "relative_mce": _mean(beyond),
        "corruptions": errors,
    }


def relative(found):
    """The metric's mean under corruption in parts of that of clean images: rPC where it is AP (Michaelis et al. 2019,
    arXiv:1907.07484, equation 3); None where that is 0.
    """
    return _ratio(found["mean"], found["clean"])


def _errors(found):
    """Name -> errors of its severities; of "" that of clean images."""
    direction, rows = found.get("direction", "max"), {n: list(r.values()) for n, r in found["corruptions"].items()}
    rows[""] = [found["clean"]]
    values = [value for row in rows.values() for value in row]
    if direction == "min":
        return rows
    if direction != "max" or min(values) < 0 or max(values) > 1:
        raise UsageError(f"{found['metric']} has no error: it is not within 0 to 1, or neither more nor less is better")
    return {name: [1 - value for value in row] for name, row in rows.items()}


def _ratio(ours, theirs):
    return float(ours / theirs) if theirs > 0 else None


def _mean(values):
    held = list(values)
    return None if None in held or not held else float(np.mean(held))
