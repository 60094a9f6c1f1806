"""Which pictures of many to label next: those that lie far from all that is known, those a classifier is least sure of,
or both.

"Active Learning for Convolutional Neural Networks: A Core-Set Approach" (Sener, Savarese 2018, arXiv:1708.00489,
algorithm 1); "Diverse Mini-Batch Active Learning" (Zhdanov 2019, arXiv:1901.05954), whose k-means is the same cover
here; margins: "Active Hidden Markov Models for Information Extraction" (Scheffer, Decomain, Wrobel, IDA 2001).
"""

import numpy as np

from kerasvision.core.errors import UsageError

WAYS = ("cover", "uncertain", "both")
MEASURES = ("margin", "entropy")
WIDER = 10  # of `both`: how many times as many of the least sure ones are covered
BLOCK = 1000  # vectors at a time


def cover(vectors, count, known=None):
    """(int [count], float [count]): pictures by greedy k-center, each the one farthest from all that were taken before,
    and how far it is.

    vectors: [N, D], made of length 1 here, so that distances are 0 to 2. known: [M, D], of pictures that are labeled
    already; without any the first is the one nearest to the mean, at a distance of NaN. The farthest of what is left is
    then at most twice as far as any choice of as many could bring it (Gonzalez 1985,
    doi:10.1016/0304-3975(85)90224-5). Of equal distances the first counts.
    """
    vectors = _unit(vectors)
    chosen, distances = [], []
    if known is None or not len(known):
        first = int((vectors @ vectors.mean(0)).argmax())
        chosen, distances, far = [first], [np.nan], _apart(vectors, vectors[first : first + 1])
        far[first] = -1.0
    else:
        far = np.full(len(vectors), np.inf)
        known = _unit(known)
        for start in range(0, len(known), BLOCK):
            far = np.minimum(far, _apart(vectors, known[start : start + BLOCK]))
    while len(chosen) < count:
        place = int(far.argmax())
        chosen.append(place)
        distances.append(float(far[place]))
        far = np.minimum(far, _apart(vectors, vectors[place : place + 1]))
        far[chosen] = -1.0
    return np.array(chosen[:count], np.int64), np.array(distances[:count])


def uncertainty(probabilities, measure="margin"):
    """float [N], 0 (sure) to 1: by `margin` 1 less the difference of the two largest, by `entropy` the entropy over
    that of equal shares. probabilities: [N, K], of two classes or more.
    """
    held = np.asarray(probabilities, np.float64)
    if measure == "margin":
        largest = np.sort(held, 1)[:, -2:]
        return 1.0 - (largest[:, 1] - largest[:, 0])
    logs = np.log(np.where(held > 0, held, 1.0))
    return -(held * logs).sum(1) / np.log(held.shape[1])


def least_sure(unsure, count):
    """int [count]: the most uncertain first, equal ones in their order."""
    return np.argsort(-np.asarray(unsure), kind="stable")[:count]


def chosen(count, by, vectors=None, unsure=None, known=None):
    """(int [count], {name of a column: float [count]}): which pictures, and why each. by: of `WAYS`. vectors, known: as
    of `cover`; unsure: as `uncertainty` gives it. `both`: cover among the `WIDER` times as many that are least sure.
    Raises UsageError of a count that there is not.
    """
    size = len(unsure if vectors is None else vectors)
    if not 1 <= count <= size:
        raise UsageError(f"--count {count}; allowed: 1 to {size}, the pictures that can be chosen")
    if by == "uncertain":
        places = least_sure(unsure, count)
        return places, {"uncertainty": unsure[places]}
    if by == "cover":
        places, distances = cover(vectors, count, known)
        return places, {"distance": distances}
    among = np.sort(least_sure(unsure, min(size, WIDER * count)))
    places, distances = cover(vectors[among], count, known)
    return among[places], {"distance": distances, "uncertainty": unsure[among[places]]}


def radius(vectors, places, known=None):
    """How far the farthest picture is from the nearest that is chosen or known, 0 to 2."""
    vectors = _unit(vectors)
    centers = vectors[places] if known is None or not len(known) else np.concatenate([vectors[places], _unit(known)])
    far = np.full(len(vectors), np.inf)
    for start in range(0, len(centers), BLOCK):
        far = np.minimum(far, _apart(vectors, centers[start : start + BLOCK]))
    return float(far.max())


def _apart(vectors, centers):
    """float [N]: the distance to the nearest of some centers, all of length 1."""
    return np.sqrt(np.maximum(2.0 - 2.0 * (vectors @ centers.T).max(1), 0.0))


def _unit(vectors):
    held = np.asarray(vectors, np.float64)
    return held / np.maximum(np.linalg.norm(held, axis=1, keepdims=True), 1e-12)
