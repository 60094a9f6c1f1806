"""The nearest of many vectors, exactly, in numpy."""

import numpy as np

NEIGHBORS, TEMPERATURE = 20, 0.07
BLOCK = 1000  # queries at a time


def largest(cosines, count):
    """float32 [B, N] -> int [B, count]: where the largest of each row stand, the largest first, equal ones in their
    order. count: 0 to N.

    One integer a number holds both, for the bits of floats of one sign sort as the floats do: partitioning rows of
    100,000 takes a tenth of what sorting them does.
    """
    bits = (cosines + np.float32(0)).view(np.int32).astype(np.int64)  # no zero of another sign
    bits = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    size = cosines.shape[1]
    keys = (bits << 32) + (size - np.arange(size))
    if not count:
        return np.zeros((len(keys), 0), np.int64)
    held = np.partition(keys, size - count)[:, size - count :]
    return size - (-np.sort(-held, 1) & 0xFFFFFFFF)


def neighbors_vote(queries, gallery, labels, itself=False, count=NEIGHBORS, temperature=TEMPERATURE):
    """int [B]: the class whose neighbors among the `count` nearest have the largest sum of exp(cosine / temperature).

    "Unsupervised Feature Learning via Non-Parametric Instance Discrimination" (Wu, Xiong, Yu, Lin 2018,
    arXiv:1805.01978, section 3.4). queries [B, D], gallery [N, D]: of length 1. labels: int [N],
    0 or more. itself: whether each query stands in the gallery at its own place, which then has no vote.
    """
    count = min(count, len(gallery) - itself)
    found = []
    for start in range(0, len(queries), BLOCK):
        cosines = queries[start : start + BLOCK] @ gallery.T
        if itself:
            cosines[np.arange(len(cosines)), start + np.arange(len(cosines))] = -2.0
        near = largest(np.ascontiguousarray(cosines, np.float32), count)
        weights = np.exp((np.take_along_axis(cosines, near, 1) - 1.0) / temperature)
        votes = np.zeros((len(cosines), int(labels.max()) + 1))
        np.add.at(votes, (np.arange(len(cosines))[:, None], labels[near]), weights)
        found.append(votes.argmax(1))
    return np.concatenate(found)
