"""Equal and nearly equal images, from their fingerprints. numpy only."""

import collections

import numpy as np

MAX_BITS = 4  # of 64 that may differ between two near duplicates
MIN_CORRELATION = 0.995  # of their gray thumbnails: dHash alone takes any two simple drawings for equal
MAX_IMAGES = 1_000_000
MAX_PAIRS = 2_000_000  # then the search ends: the frames of one film are all alike, and their pairs fill the memory
_AT_ONCE = 2**18  # candidates
_ROWS = 2**12  # hashes whose candidates are counted together


def exact(digests):
    """Groups of indices with equal digests, each of two or more, in order of first appearance."""
    held = collections.defaultdict(list)
    for index, digest in enumerate(digests):
        held[digest].append(index)
    return [group for group in held.values() if len(group) > 1]


def near(hashes, thumbs, max_bits=MAX_BITS, min_correlation=MIN_CORRELATION, progress=lambda done: None):
    """Pairs [P, 2] of indices, i < j, whose hashes differ in at most max_bits and whose thumbnails correlate.

    hashes: uint64 [N]. thumbs: [N, h, w]. progress: called with how many of N are done. Beyond MAX_PAIRS the search
    ends.
    """
    return alike((hashes, thumbs), (hashes, thumbs), max_bits, min_correlation, progress)


def alike(ours, others, max_bits=MAX_BITS, min_correlation=MIN_CORRELATION, progress=lambda done: None):
    """As `near`, of one thing's hash with another's: pairs [P, 2] of i of `ours` and j of `others`, i < j, both (hashes
    uint64 [N], thumbs [N, h, w]) of the same N things.

    Not all are compared: of max_bits + 1 parts of two hashes that differ in max_bits at most, one is equal, so only
    those with an equal part are, and none is missed ("Detecting Near-Duplicates for Web Crawling", Manku, Jain, Das
    Sarma, WWW 2007, section 3).
    """
    first, second = (np.asarray(hashes, np.uint64) for hashes, _ in (ours, others))
    flat, moved = (np.asarray(thumbs) for _, thumbs in (ours, others))
    parts = np.array_split(np.arange(64, dtype=np.uint64), max_bits + 1)
    masks = [np.bitwise_or.reduce(np.uint64(1) << part) for part in parts]
    found, count, steps = [np.zeros([0, 2], np.int64)], 0, len(first) * len(masks)
    for number, mask in enumerate(masks):
        for done, rows, columns in with_equal(first & mask, second & mask):
            apart = first[rows] ^ second[columns]
            new = (rows < columns) & (np.bitwise_count(apart) <= max_bits)
            for earlier in masks[:number]:  # it was seen there
                new &= (apart & earlier) != 0
            rows, columns = rows[new], columns[new]
            held = correlation(flat[rows], moved[columns]) >= min_correlation
            found.append(np.stack([rows[held], columns[held]], axis=1))
            count += int(held.sum())
            progress(len(first) * (number * len(first) + done) // steps)
            if count > MAX_PAIRS:
                return np.concatenate(found)
    return np.concatenate(found)


def correlation(thumbs, others):
    """float32 [N], -1..1, of two [N, h, w], one by one."""
    return (_standardized(thumbs) * _standardized(others)).sum(1)


def _standardized(thumbs):
    """float32 [N, h * w] of mean 0 and length 1."""
    flat = thumbs.reshape(len(thumbs), int(np.prod(thumbs.shape[1:]))).astype(np.float32)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def with_equal(keys, others):
    """Yields (how many of `keys` are done, places in `keys`, places in `others`) of all equal pairs, in blocks of about
    _AT_ONCE.
    """
    order = np.argsort(others, kind="stable")
    kept = others[order]
    for start in range(0, len(keys), _ROWS):
        block = keys[start : start + _ROWS]
        for done, rows, places in spans(np.searchsorted(kept, block, "left"), np.searchsorted(kept, block, "right")):
            yield start + done, start + rows, order[places]


def spans(low, high):
    """Yields (how many of N rows are done, rows, places) of all places low..high of each row, int [N], in blocks of
    about _AT_ONCE.
    """
    ends = np.cumsum(high - low)
    rows = 0
    while rows < len(low):  # as many rows as fit, but one at the least
        before = ends[rows - 1] if rows else 0
        stop = max(rows + 1, int(np.searchsorted(ends, before + _AT_ONCE, "right")))
        size = (high - low)[rows:stop]
        shift = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        yield stop, np.repeat(np.arange(rows, stop), size), np.repeat(low[rows:stop], size) + shift
        rows = stop


def chains(pairs, count):
    """Groups of indices below `count` that pairs [P, 2] connect, each of two or more, in order."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = np.asarray(pairs).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return exact(connected_components(graph, directed=False)[1].tolist())
