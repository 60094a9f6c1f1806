"""Equal and nearly equal images, from their fingerprints. numpy only."""

import collections

import numpy as np

MAX_BITS = 4  # of 64 that may differ between two near duplicates
MIN_CORRELATION = 0.995  # of their gray thumbnails: dHash alone takes any two simple drawings for equal
MAX_IMAGES = 100_000  # all pairs of these are compared in some 15 seconds
MAX_PAIRS = 2_000_000  # then the search ends: the frames of one film are all alike, and their pairs fill the memory
_BLOCK = 512


def exact(digests):
    """Groups of indices with equal digests, each of two or more, in order of first appearance."""
    held = collections.defaultdict(list)
    for index, digest in enumerate(digests):
        held[digest].append(index)
    return [group for group in held.values() if len(group) > 1]


def near(hashes, thumbs, max_bits=MAX_BITS, min_correlation=MIN_CORRELATION, progress=lambda done: None):
    """Pairs [P, 2] of indices, i < j, whose hashes differ in at most max_bits and whose thumbnails correlate.

    hashes: uint64 [N]. thumbs: [N, h, w]. progress: called with the number of images compared with all later ones.
    Beyond MAX_PAIRS the search ends.
    """
    hashes, thumbs = np.asarray(hashes, np.uint64), np.asarray(thumbs, np.float32)
    flat = thumbs.reshape(len(thumbs), thumbs[0].size if len(thumbs) else 1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    found = [np.zeros([0, 2], np.int64)]
    for start in range(0, len(hashes), _BLOCK):
        stop = min(start + _BLOCK, len(hashes))
        for other in range(start, len(hashes), _BLOCK):
            bits = np.bitwise_count(hashes[start:stop, None] ^ hashes[None, other : other + _BLOCK])
            rows, columns = np.nonzero(bits <= max_bits)
            if len(rows):
                correlation = flat[start:stop] @ flat[other : other + _BLOCK].T
                alike = (correlation[rows, columns] >= min_correlation) & (rows + start < columns + other)
                found.append(np.stack([rows + start, columns + other], axis=1)[alike])
                if sum(map(len, found)) > MAX_PAIRS:
                    return np.concatenate(found)
        progress(stop)
    return np.concatenate(found)


def chains(pairs, count):
    """Groups of indices below `count` that pairs [P, 2] connect, each of two or more, in order."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = np.asarray(pairs).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return exact(connected_components(graph, directed=False)[1].tolist())
