"""What the tracks of a multi-object tracker look like: a bank of embeddings for each, weighted by how well it was seen.

Embeddings are compared by the cosine, as in DeepSORT (Wojke et al. 2017, arXiv:1703.07402) and BoT-SORT (Aharon et al.
2022, arXiv:2206.14651); each track has those of its last `LOOKS` good looks (DeepSORT's gallery), and their weighted
mean stands for it, or a running mean does, as in BoT-SORT.
"""

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError

LOOKS = 16  # of a track that are remembered


def none(size=0):
    """No tracks. looks: [N, LOOKS, D] unit vectors, the newest last; worth: [N, LOOKS], 0 where there is no look."""
    return {"looks": np.zeros((0, LOOKS, size)), "worth": np.zeros((0, LOOKS))}


def read(inputs, counts, observed, score):
    """{"look": [M, D] unit vectors, "quality": [M]} of the detections of a frame that count.

    inputs: of a step, with "embeddings" [N, D] for all its boxes, a row of NaN where nobody has looked. counts: bool
    [N]; observed: [M, 4] center, width, height; score: [M]. The quality is the score times the share of a box that no
    other one covers (of one other, the one that covers most), 0 where nobody has looked. Raises UsageError where there
    are no embeddings, KerasVisionError where one is not finite.
    """
    if inputs.get("embeddings") is None:
        raise UsageError("appearance above 0 needs what each box looks like; name an embedding run (--appearance RUN)")
    every = np.asarray(inputs["embeddings"], np.float64)
    if every.ndim != 2 or len(every) != len(counts):
        raise KerasVisionError(f"embeddings of shape {every.shape} for {len(counts)} boxes; give a row each")
    looked = ~np.isnan(every).all(1)
    if not np.isfinite(every[looked]).all():
        raise KerasVisionError("an embedding has a number that is not finite")
    lengths = np.linalg.norm(every, axis=1)
    seen = looked & (lengths > 0)
    unit = np.where(seen[:, None], every / np.where(seen, lengths, 1.0)[:, None], 0.0)[counts]
    return {"look": unit, "quality": np.where(seen[counts], score * (1.0 - _covered(observed)), 0.0)}


def _covered(boxes):
    """[M]: the largest share of each box that another one covers. boxes: center, width, height."""
    if len(boxes) < 2:
        return np.zeros(len(boxes))
    low, high = boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    sides = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    shared = np.prod(np.maximum(sides, 0.0), axis=-1)
    np.fill_diagonal(shared, 0.0)
    return shared.max(1) / np.prod(boxes[:, 2:], axis=1)


def begun(found, least):
    """The banks of new tracks. found: rows of `read`. least: quality from which a look counts."""
    count, size = found["look"].shape
    return added({"looks": np.zeros((count, LOOKS, size)), "worth": np.zeros((count, LOOKS))}, found, least)


def added(tracks, found, least, momentum=0.0):
    """The banks of tracks that were all seen now, each with its look where that is good enough. momentum: above 0, the
    newest row is the one that counts, a running mean that keeps so much of itself (BoT-SORT, equation 11).
    """
    good = (found["quality"] >= least) & (found["quality"] > 0)
    looks, worth = tracks["looks"].copy(), tracks["worth"].copy()
    if momentum:
        kept = np.where(worth[good, -1:] > 0, momentum, 0.0)
        mixed = kept * looks[good, -1] + (1 - kept) * found["look"][good]
        lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
        looks[good, -1] = np.where(lengths > 0, mixed / np.where(lengths > 0, lengths, 1.0), found["look"][good])
        worth[good, -1] = 1.0
        return {"looks": looks, "worth": worth}
    looks[good], worth[good] = np.roll(looks[good], -1, 1), np.roll(worth[good], -1, 1)
    looks[good, -1], worth[good, -1] = found["look"][good], found["quality"][good]
    return {"looks": looks, "worth": worth}


def likeness(tracks, found, least):
    """([N, M] cosines of what tracks and detections look like, 0 where that is not known; bool [N, M] where it is)."""
    mean = standing(tracks)
    known = mean.any(1)[:, None] & ((found["quality"] >= least) & (found["quality"] > 0))[None]
    return np.where(known, mean @ found["look"].T, 0.0), known


def standing(tracks):
    """[N, D], what stands for each track: a unit vector, or zeros where it has no good look."""
    mean = (tracks["looks"] * tracks["worth"][..., None]).sum(1)
    lengths = np.linalg.norm(mean, axis=1)
    return mean / np.where(lengths > 0, lengths, 1.0)[:, None]


def fitted(tracks, size):
    """The banks for embeddings of so many numbers. Raises KerasVisionError where they have another number; of tracks
    that came before anything was looked at they have none.
    """
    count, _, before = tracks["looks"].shape
    if not count or not before:
        return {"looks": np.zeros((count, LOOKS, size)), "worth": tracks["worth"]}
    if before != size:
        raise KerasVisionError(f"an embedding of {size} numbers after ones of {before}; take the same model all along")
    return {key: tracks[key] for key in none()}
