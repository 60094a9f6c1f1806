"""Which training images integer files take their ranges from: every n-th, or those that cover the rest.

Covering is the k-center problem: a chosen image for each, as near as can be. Its greedy answer, the image that is
furthest from all chosen ones, and again, is at most twice as far as the best (T. F. Gonzalez, "Clustering to minimize
the maximum intercluster distance", Theoretical Computer Science 38, 1985); as a choice of images: Sener and Savarese
2018, arXiv:1708.00489.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.data.pipeline import evaluation_data

EXAMPLES = 100
WAYS = ("every", "cover")
MOST_LOOKED_AT = 2000  # images that a cover is chosen among, spread over the split
GRID = 8  # cells a side of the means that stand for an image where the model has no embedding


def calibration_inputs(train, served, way="every", count=EXAMPLES):
    """Prepared inputs of training images, dicts of numpy arrays [1, ...]. train: the split. served: the trained model's
    `Served`. way: "every" (n-th image) or "cover" (k-center on embeddings). Raises UsageError of another.
    """
    if way not in WAYS:
        raise UsageError(f"calibration {way!r}; allowed: {', '.join(WAYS)}")
    if way == "every":
        return tuple(spread(train, served.arch, count))
    vectors = np.stack([vector_of(served, prepared) for prepared in spread(train, served.arch, MOST_LOOKED_AT)])
    chosen = set(covering(vectors, count).tolist())
    every = enumerate(spread(train, served.arch, MOST_LOOKED_AT))
    return tuple(prepared for number, prepared in every if number in chosen)


def spread(train, arch, count):
    """Prepared inputs of at most `count` images, at even distances in the split."""
    step = max(1, train.size // count)
    spread = dataclasses.replace(train, records=train.records.shard(step, 0).take(count))
    for prepared, _, _ in evaluation_data(spread, arch, batch_size=1):
        yield {k: np.asarray(v) for k, v in arch.at_graph_size(prepared).items()}


def vector_of(served, prepared):
    """What stands for an example, float64 [D]: the embedding of a classifier of pictures, of length 1; of all others
    the means over the cells of a grid of each input. prepared: inputs [1, ...].
    """
    if served.features is not None:
        held = served.features({k: tf.constant(v) for k, v in prepared.items()})["features"].numpy()[0]
        return held.astype(np.float64) / max(float(np.linalg.norm(held)), 1e-12)
    numbers = [np.asarray(value[0], np.float64) for value in prepared.values() if value.dtype != object]
    return np.concatenate([_cells(value).ravel() if value.ndim > 1 else value.ravel() for value in numbers])


def _cells(values):
    """[*sides, C] -> the mean of each of at most GRID cells along every side."""
    for axis in range(values.ndim - 1):
        parts = np.array_split(values, min(GRID, values.shape[axis]), axis)
        values = np.stack([part.mean(axis) for part in parts], axis)
    return values


def covering(vectors, count):
    """Indices int [count] of vectors [N, D] that cover the others, in the order that they are chosen: first the one
    that is nearest to the mean, then always the one that is furthest from all chosen ones. Fewer where there are no
    more vectors, or no more that differ.
    """
    vectors = np.asarray(vectors, np.float64)
    first = int(np.argmin(((vectors - vectors.mean(0)) ** 2).sum(1)))
    chosen, away = [first], ((vectors - vectors[first]) ** 2).sum(1)
    while len(chosen) < min(count, len(vectors)):
        furthest = int(np.argmax(away))
        if away[furthest] <= 0:
            break
        chosen.append(furthest)
        away = np.minimum(away, ((vectors - vectors[furthest]) ** 2).sum(1))
    return np.array(chosen)
