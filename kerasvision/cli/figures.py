"""Which figures a terminal shows: all but those of single classes, of which a table holds the worst few."""

import sys

from kerasvision.core.direction import direction_of, goodness
from kerasvision.core.escaping import line_of
from kerasvision.core.intervals import folded, spelled

MOST = 20  # rows of single classes


def print_figures(metrics, directions):
    """Print metrics on stdout, a line each, and on stderr what was left out. metrics, directions: as of `shown`."""
    figures, line = shown(metrics, directions, "what --json prints")
    figures = {line_of(name): spelled(*held) for name, held in folded(figures).items()}
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value}")
    if line:
        print(line, file=sys.stderr)


def shown(metrics, directions, rest):
    """({name: value}, line) of what to print; the line names what was left out and where it is, "" if nothing was.

    metrics: SPLIT/NAME or SPLIT/NAME/CLASS -> value. directions: as an evaluator states them. rest: where all figures
    are. Of more than `MOST` figures of single classes each kind (SPLIT/NAME) shows its worst, as many as all others;
    where nothing says which are worse, its first. With more kinds than rows the last ones, of the test split, remain.
    The ends of an interval are no rows of their own (`core.intervals`), and stay or go with their figure.
    """
    kinds, held = {}, folded(metrics)
    for key in held:
        parts = key.split("/", 2)
        if len(parts) == 3:
            kinds.setdefault("/".join(parts[:2]), []).append(key)
    count = sum(map(len, kinds.values()))
    if count <= MOST:
        return dict(metrics), ""
    kept, left = set(), {}
    for place, (kind, keys) in enumerate(reversed(kinds.items())):
        room = (MOST - len(kept)) // max(1, min(MOST, len(kinds)) - place)
        direction = direction_of(directions, kind.split("/", 1)[1])
        stated = direction not in (None, "none")
        worst = sorted(keys, key=lambda k: goodness(metrics[k], direction)) if stated else keys
        kept |= set(worst[:room])
        if len(keys) > room:
            left[f"{kind}/*"] = len(keys) - len(worst[:room])
    named = ", ".join(f"{number:,} of {kind}" for kind, number in reversed(left.items()))
    single = {key for keys in kinds.values() for key in keys}
    line = f"of single classes the worst {len(kept)} are shown; {count - len(kept):,} more are in {rest}: {named}"
    gone = single - kept
    return {k: v for k, v in metrics.items() if k not in gone and _figure_of(k) not in gone}, line


def _figure_of(key):
    """The figure that a key would be an end of the interval of: of SPLIT/NAME_low/CLASS it is SPLIT/NAME/CLASS."""
    split, _, rest = key.partition("/")
    name, *of = rest.split("/", 1)
    return "/".join([split, name.removesuffix("_low").removesuffix("_high"), *of])
