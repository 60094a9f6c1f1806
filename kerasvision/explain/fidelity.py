"""Whether a heat is true: figures of one input, whatever made its heat.

- deletion and insertion: "RISE: Randomized Input Sampling for Explanation of Black-box Models" (Petsiuk, Das, Saenko
  2018, arXiv:1806.07421, section 4.1).
- pointing game: "Top-down Neural Attention by Excitation Backprop" (Zhang, Lin, Brandt, Shen, Sclaroff 2016,
  arXiv:1608.00507, section 5.1), without its tolerance of 15 pixels.
- sensitivity: "On the (In)fidelity and Sensitivity of Explanations" (Yeh et al. 2019, arXiv:1901.09392, section 4).
- cascading randomization: "Sanity Checks for Saliency Maps" (Adebayo et al. 2018, arXiv:1810.03292, section 3).
"""

import contextlib

import numpy as np

from kerasvision.explain.base import BATCH

STEPS = 32  # of a deletion or insertion
TRUSTED = 0.8  # rank correlation and overlap from which a file's heat is taken for the trained model's
_LEAST = 1e-12


def curve(model, prepared, target, heat, is_insertion=False, steps=STEPS):
    """Scores while the hottest positions, a share 0/steps, 1/steps ... 1 of all, turn black, or where nothing is left
    but they: float32 [steps + 1].
    """
    given, black = np.asarray(prepared, np.float32), model.black(prepared)
    before, after = (black, given) if is_insertion else (given, black)
    order = np.argsort(-heat.ravel(), kind="stable")
    counts = np.linspace(0, order.size, steps + 1).astype(int)

    def batches():
        for some in (counts[start : start + BATCH] for start in range(0, len(counts), BATCH)):
            inputs = np.repeat(before.reshape(1, order.size, -1), len(some), 0)
            for one, count in zip(inputs, some, strict=True):
                one[order[:count]] = after.reshape(order.size, -1)[order[:count]]
            yield inputs.reshape(-1, *given.shape)

    return model.scores(batches(), target)


def area(scores):
    """The mean height of a curve, by the trapezoidal rule: of a deletion the lower the better, of an insertion the
    higher.
    """
    return float(np.mean((scores[:-1] + scores[1:]) / 2, dtype=np.float64))


def points_inside(heat, region):
    """1.0 where the hottest position lies in a region, bool of the same shape, else 0.0; where several are equally hot,
    the share of them that does, so that a heat which is the same everywhere gets what it gets by chance.
    """
    return float(region[heat == heat.max()].mean())


def share_inside(heat, region):
    """The share of the heat above 0 that lies in a region, 0..1; of no heat at all the region's share of positions."""
    above = np.maximum(heat, 0).astype(np.float64)
    return float(above[region].sum() / above.sum()) if above.sum() else float(region.mean())


def missing(model, prepared, target, heat, start):
    """How far a heat is from adding up to what the score changes by from `start` to the input, as a share of that."""
    before, after = model.scores(np.stack([start, np.asarray(prepared, np.float32)]), target).astype(np.float64)
    return float(abs(heat.sum(dtype=np.float64) - (after - before)) / max(abs(after - before), _LEAST))


def sensitivity(model, prepared, target, explainer, radius=0.02, draws=4, seed=0):
    """The largest relative change of a heat under even noise of `radius` times the input's range, of some draws: L2
    norm of the difference over that of the heat.
    """
    random = np.random.default_rng(seed)
    given = np.asarray(prepared, np.float32)
    spread = radius * float(given.max() - given.min())
    own = explainer.explain(model, given, target)
    size = max(float(np.linalg.norm(own)), _LEAST)
    near = (given + random.uniform(-spread, spread, given.shape).astype(np.float32) for _ in range(draws))
    return max(float(np.linalg.norm(explainer.explain(model, one, target) - own)) / size for one in near)


def rank_correlation(one, other):
    """Spearman's, of two heats of one shape, -1..1; 0 where one of them is the same everywhere."""
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def hottest_shared(one, other, part=0.1):
    """The share of the hottest `part` of the positions that two heats have in common, 0..1; by chance it is `part`."""
    count = max(1, round(part * one.size))
    first, second = (set(np.argsort(-heat.ravel(), kind="stable")[:count].tolist()) for heat in (one, other))
    return len(first & second) / count


@contextlib.contextmanager
def randomized(graph, share, seed=0):
    """A graph whose last layers, `share` 0..1 of those with weights, counted from the outputs, have their weights
    shuffled, each tensor in itself; it gets its own back at the end.
    """
    held = [layer for layer in graph.layers if layer.weights]
    own = [layer.get_weights() for layer in held]
    random = np.random.default_rng(seed)
    chosen = round(share * len(held))
    try:
        for layer, weights in list(zip(held, own, strict=True))[len(held) - chosen :]:
            layer.set_weights([random.permutation(w.ravel()).reshape(w.shape) for w in weights])
        yield graph
    finally:
        for layer, weights in zip(held, own, strict=True):
            layer.set_weights(weights)
