"""Random masks of an input, smooth and of low resolution, and the score-weighted mean of them."""

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.explain.base import BATCH
from kerasvision.ops.heat import enlarged


def check(explainer):
    """UsageError where `masks`, `grid` or `kept` of an explainer cannot be."""
    name = type(explainer).registered_name.split("/")[-1]
    if explainer.masks < 2 or explainer.grid < 1:
        raise UsageError(
            f"{name}.masks, {name}.grid: got {explainer.masks} and {explainer.grid}; allowed: 2 and 1, or more"
        )
    if not 0 < explainer.kept < 1:
        raise UsageError(f"{name}.kept={explainer.kept:g}; allowed: above 0, below 1")


def drawn(size, explainer):
    """Batches of masks float32 [B, *size, 1], 0 hidden and 1 kept: cells of `grid` an axis, each kept with probability
    `kept`, enlarged to one cell more than the input has, and cut out at a random place.

    "RISE: Randomized Input Sampling for Explanation of Black-box Models" (Petsiuk, Das, Saenko 2018, arXiv:1806.07421,
    section 3.2).
    """
    random = np.random.default_rng(explainer.seed)
    cells = [min(explainer.grid, side) for side in size]
    sides = [-(-side // n) for side, n in zip(size, cells, strict=True)]
    larger = [(n + 1) * side for n, side in zip(cells, sides, strict=True)]
    for start in range(0, explainer.masks, BATCH):
        count = min(BATCH, explainer.masks - start)
        kept = random.uniform(size=(count, *(n + 1 for n in cells), 1)) < explainer.kept
        masks = enlarged(kept.astype(np.float32), larger).numpy()
        places = random.integers(0, sides, (count, len(size)))
        yield np.stack(
            [
                mask[tuple(slice(a, a + n) for a, n in zip(place, size, strict=True))]
                for mask, place in zip(masks, places, strict=True)
            ]
        )


def weighted_mean(model, prepared, score, explainer):
    """sum_i (s_i - mean s) mask_i / (N kept), [*size], of scores s_i of an input that is black where mask i is 0.

    score: (inputs [B, *size, C]) -> [B]. Without the mean, as in the paper, every position has the same more in
    expectation, and of few masks far more noise: a score's offset times how often the position was kept by chance.
    """
    black, given = model.black(prepared), np.asarray(prepared, np.float32)
    scores, sums, kept = [], 0.0, 0.0
    for masks in drawn(prepared.shape[:-1], explainer):
        found = np.asarray(score(black + masks * (given - black)), np.float64)
        scores.append(found)
        sums = sums + np.tensordot(found, masks[..., 0], 1)
        kept = kept + masks[..., 0].sum(0, dtype=np.float64)
    return (sums - np.concatenate(scores).mean() * kept) / (explainer.masks * explainer.kept)
