"""How far two captions of one picture are apart."""

import numpy as np

from kerasvision.layers.words import END


def compared(reference, other, power=0.0):
    """(error, whether the captions differ) of one example, dicts of arrays without batch axis.

    error, of equal captions: the largest difference of two words' probabilities. Of others: by how much a probability
    of the reference must have moved for what `other` says. With one caption (no beam) that is half of what the first
    word that differs lacks beside the reference's own; with a beam half of what the whole caption lacks beside the
    reference's, by what captions are ranked by: probability ** (1 / length ** power), and 1 where the reference has not
    followed it. 1 where the reference is a plain prediction, without
    what `judged` adds.
    """
    mine, theirs = (p["words"][: p["count"]] for p in (reference, other))
    differs = len(mine) != len(theirs) or bool((mine != theirs).any())
    if not np.isfinite(other["scores"]).all() or not np.isfinite(other["caption_score"]):
        return np.nan, differs
    if not differs:
        return float(np.abs(reference["scores"] - other["scores"]).max(initial=0.0)), False
    if "probabilities" not in reference:
        return 1.0, True
    mine, theirs = (_ended(words, len(reference["scores"])) for words in (mine, theirs))
    if len(reference["captions"]) > 1:
        return _lacking_of_beam(reference, theirs, power), True
    place = int(np.argmax(mine != theirs))
    likely = reference["probabilities"][place]
    return float(likely.max() - likely[theirs[place]]) / 2, True


def _ended(words, steps):
    """int [steps]: classes of words, END beyond the last."""
    return np.concatenate([words + 1, np.full(steps - len(words), END)])


def _lacking_of_beam(reference, theirs, power):
    ranks = []
    for words, likely in zip(reference["captions"], reference["likely"], strict=True):
        end = int(np.argmax(words == END)) if (words == END).any() else len(words)
        ranks.append(float(np.exp(likely[: end + 1].sum() / min(end + 1, len(words)) ** power)))
        if np.array_equal(_ended(words[:end] - 1, len(words)), theirs):
            return (ranks[0] - ranks[-1]) / 2
    return 1.0
