"""What each of several players adds to a common result, told from the results of all sets of them.

Shapley values: "A Value for n-Person Games" (Shapley 1953, doi:10.1515/9781400881970-018): the mean, over all orders in
which players may come, of what each adds when it comes. They add up to the result of all less that of none.
"""

import itertools
import math

import numpy as np

from kerasvision.drawing.figures import axis_name, save_figure
from kerasvision.metrics.resampling import resampled_means


def sets_of(count):
    """Every set of `count` players, as tuples of their numbers: the empty one first, the whole one last."""
    return [held for size in range(count + 1) for held in itertools.combinations(range(count), size)]


def shapley(results):
    """Results of sets -> those of players, [count, ...]: exact, over all sets, by equation 13.

    results: {set: a number, or an array of one an example}, of each of `sets_of(count)`.
    """
    count = max(map(len, results))
    found = []
    for player in range(count):
        total = 0.0
        for held in results:
            if player not in held:
                weight = math.factorial(len(held)) * math.factorial(count - len(held) - 1) / math.factorial(count)
                grown = tuple(sorted((*held, player)))
                total = total + weight * (np.asarray(results[grown], float) - np.asarray(results[held], float))
        found.append(total)
    return np.stack(found)


def with_interval(values, groups=()):
    """(mean, low, high) of values of examples [N]: the 95 % interval of a bootstrap over them, or over their groups."""
    ends = np.percentile(resampled_means(values, groups), [2.5, 97.5])
    return float(np.mean(values)), *(float(end) for end in ends)


def draw_contributions(path, sets, shares, unit, none, gradients=None):
    """Write a PNG: the result of each set beside that of none, and the share of each player with its interval.

    sets: {name: (value, low, high)}. shares: the same, of players. unit: what is measured. none: the result of none.
    gradients: player -> {epoch: the norm of its gradients}, drawn below where it is known.
    """
    from matplotlib.figure import Figure

    bars = 1.2 + 0.4 * max(4, len(sets))
    figure = Figure(figsize=(10, bars + (2.5 if gradients else 0)), layout="constrained")
    if gradients:
        axes = figure.subplot_mosaic([["left", "right"], ["below", "below"]], height_ratios=[bars, 2.5])
        left, right = axes["left"], axes["right"]
        _draw_gradients(axes["below"], gradients)
    else:
        left, right = figure.subplots(1, 2)
    for axes, rows, zero, title in (
        (left, sets, none, f"{unit} from each set (red: from none)"),
        (right, shares, 0.0, "Shapley shares of what is above"),
    ):
        names = list(rows)[::-1]
        middle, low, high = (np.array([rows[name][i] for name in names]) for i in range(3))
        axes.barh(range(len(names)), middle - zero, left=zero, color="#4878a8")
        axes.errorbar(
            middle, range(len(names)), xerr=[middle - low, high - middle], fmt="none", color="black", capsize=3
        )
        axes.use_sticky_edges = False
        axes.axvline(zero, color="#a84848")
        axes.set_yticks(range(len(names)), [axis_name(name) for name in names])
        axes.set_title(title, fontsize=10)
    save_figure(figure, path)


def _draw_gradients(axes, gradients):
    for name, norms in gradients.items():
        axes.plot(list(norms), list(norms.values()), marker=".", label=axis_name(name))
    axes.set_yscale("log" if all(norm > 0 for norms in gradients.values() for norm in norms.values()) else "linear")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title("norm of the gradient of each sense's own layers, by epoch", fontsize=10)
    axes.legend(fontsize=8)
