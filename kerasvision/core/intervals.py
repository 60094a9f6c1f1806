"""A figure and the ends of its interval belong together: of SPLIT/NAME and of SPLIT/NAME/CLASS the ends are
SPLIT/NAME_low, SPLIT/NAME_high and SPLIT/NAME_low/CLASS, SPLIT/NAME_high/CLASS.
"""


def folded(metrics):
    """key -> (value, (low, high), or None where it has no interval), in the order of the figures; ends are not keys of
    their own where their figure is there. metrics: key -> value.
    """
    ends = {key: _ends_of(key) for key in metrics}
    ends = {key: pair for key, pair in ends.items() if all(end in metrics for end in pair)}
    inside = {end for pair in ends.values() for end in pair}
    return {
        key: (value, tuple(metrics[end] for end in ends[key]) if key in ends else None)
        for key, value in metrics.items()
        if key not in inside
    }


def spelled(value, ends):
    """A figure with its interval for a table: `0.8712` or `0.8712 (0.8401 to 0.9023)`."""
    return f"{value:.4f}" + (f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else "")


def _ends_of(key):
    split, slash, rest = key.partition("/")
    name, *of = rest.split("/", 1)
    return tuple("/".join([f"{split}{slash}{name}_{end}", *of]) for end in ("low", "high"))
