"""Groups among the vectors of an index, found without labels: which pictures show the same kind of thing.

k-means, agglomerative (average linkage) and HDBSCAN are scikit-learn's, on vectors of length 1.
"""

import collections
import dataclasses
import json
import pathlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.files import beside

METHODS = ("kmeans", "agglomerative", "hdbscan")
STABLE = 0.8  # prediction strength from which a number of clusters is believed: section 3 of the paper, "0.8 to 0.9"
MOST_CLUSTERS, DRAWS, LOOKED_AT = 20, 3, 4000  # that are tried, halvings for each, and vectors that are halved
MOST_AGGLOMERATIVE = 20_000  # it holds all pairs
LEAST_MEMBERS = 5  # of a cluster of HDBSCAN
STARTS = 4  # of k-means, of which the best is taken
SLACK = 1e-6  # of a cosine, which float32 rounds
FAR = 3.0  # interquartile ranges below the lower quartile: what Tukey's box plot calls far out


@dataclasses.dataclass(frozen=True, eq=False)
class Clusters:
    """centers: float32 [K, D], of length 1. reach: float [K], the least cosine with its center of a cluster's vectors;
    what has less is of no cluster. names: one a cluster, all different. embedder, drawn: as in `Index`, by which the
    embedder is known again.
    """

    centers: np.ndarray
    reach: np.ndarray
    names: tuple
    embedder: str = ""
    drawn: np.ndarray | None = None

    def assign(self, vectors):
        """float32 [Q, D] -> (cluster 0..K-1 or -1 of none, cosine with the nearest center), [Q]."""
        cosines = np.asarray(vectors, np.float32) @ self.centers.T
        nearest = cosines.argmax(1)
        best = np.take_along_axis(cosines, nearest[:, None], 1)[:, 0]
        return np.where(best >= self.reach[nearest] - SLACK, nearest, -1), best


def found(vectors, method="kmeans", number=0, seed=0):
    """(`Clusters` with numbers for names, the cluster of each vector, -1 of none).

    vectors: float32 [N, D] of length 1. method: one of METHODS. number: of clusters; 0 takes the largest that is stable
    (`stable_number`); HDBSCAN finds its own. Raises UsageError.
    """
    if method not in METHODS:
        raise UsageError(f"--method {method}; allowed: {', '.join(METHODS)}")
    if method == "hdbscan" and number:
        raise UsageError("--number says nothing to hdbscan, which finds its own; leave it out, or take kmeans")
    if method == "agglomerative" and len(vectors) > MOST_AGGLOMERATIVE:
        raise UsageError(
            f"agglomerative compares all pairs, of at most {MOST_AGGLOMERATIVE} pictures; seen: {len(vectors)}; "
            "take kmeans or hdbscan"
        )
    if number and not 2 <= number <= len(vectors):
        raise UsageError(f"--number {number}; allowed: 2 to {len(vectors)}, the pictures of the index")
    if method != "hdbscan":
        number = number or stable_number(vectors, method, seed)
    elif len(vectors) < LEAST_MEMBERS:
        raise KerasVisionError(f"hdbscan needs {LEAST_MEMBERS} pictures or more; the index has {len(vectors)}")
    labels = _labels(vectors, method, number, seed, STARTS)
    count = labels.max() + 1
    if not count:
        raise KerasVisionError(f"hdbscan finds no cluster among {len(vectors)} pictures; take kmeans with --number")
    centers = np.stack([_direction(vectors[labels == k]) for k in range(count)])
    reach = np.array([_reach(vectors[labels == k] @ centers[k], method) for k in range(count)])
    clusters = Clusters(centers.astype(np.float32), reach, tuple(str(k) for k in range(count)))
    own = (vectors * centers[labels]).sum(1)
    return clusters, np.where((labels >= 0) & (own >= reach[labels] - SLACK), labels, -1)


def _labels(vectors, method, number, seed, starts=1):
    import sklearn.cluster

    if method == "kmeans":
        made = sklearn.cluster.KMeans(number, n_init=starts, random_state=seed).fit_predict(vectors)
        return np.unique(made, return_inverse=True)[1]  # equal pictures leave clusters empty
    if method == "agglomerative":
        made = sklearn.cluster.AgglomerativeClustering(number, metric="cosine", linkage="average")
        return made.fit_predict(vectors)
    return sklearn.cluster.HDBSCAN(min_cluster_size=LEAST_MEMBERS, copy=True).fit_predict(vectors)


def _direction(vectors):
    mean = vectors.astype(np.float64).mean(0)
    return mean / max(np.linalg.norm(mean), 1e-12)


def _reach(cosines, method):
    if method == "hdbscan":  # which has left out what is far already
        return float(cosines.min())
    low, high = np.quantile(cosines, [0.25, 0.75])
    return float(low - FAR * (high - low))


def stable_number(vectors, method="kmeans", seed=0):
    """The largest number of clusters, 2 to MOST_CLUSTERS, whose prediction strength is at least STABLE.

    Of two halves of the vectors each is clustered; of the pairs that one half puts together, the share that the other
    half's centers put together too, in the worst cluster, is the strength, the mean of DRAWS halvings: "Cluster
    Validation by Prediction Strength" (Tibshirani and Walther, Journal of Computational and Graphical Statistics
    14(3), 2005, equation 2.1). Raises KerasVisionError where none is stable.
    """
    rng, strengths = np.random.default_rng(seed), {}
    for number in range(2, min(MOST_CLUSTERS, len(vectors) // 4) + 1):
        strengths[number] = np.mean([_strength(vectors, method, number, rng) for _ in range(DRAWS)])
    stable = [number for number, strength in strengths.items() if strength >= STABLE]
    if not stable:
        best = max(strengths, key=strengths.get, default=0)
        seen = (
            f"the best, {best}, has a strength of {strengths[best]:.2f} of {STABLE:g}" if best else "too few pictures"
        )
        raise KerasVisionError(f"no number of clusters from 2 to {MOST_CLUSTERS} is stable: {seen}; choose by --number")
    return stable[-1]


def _strength(vectors, method, number, rng):
    order = rng.permutation(len(vectors))[:LOOKED_AT]
    halves = vectors[order[::2]], vectors[order[1::2]]
    ours, theirs = (_labels(half, method, number, int(rng.integers(2**31))) for half in halves)
    if min(labels.max() for labels in (ours, theirs)) + 1 < number:
        return 0.0  # fewer different pictures than clusters
    centers = np.stack([_direction(halves[1][theirs == k]) for k in range(number)])
    moved = (halves[0] @ centers.T).argmax(1)
    return min(together(moved[ours == k]) for k in range(number))


def together(labels):
    """Of all pairs among labels [N], the share that is equal, 0..1; 0 without any: one alone shows nothing."""
    counts = np.bincount(labels)
    pairs = len(labels) * (len(labels) - 1)
    return float((counts * (counts - 1)).sum() / pairs) if pairs else 0.0


def named(clusters, labels, items):
    """The clusters under the most frequent label of their items, with a number where two would have the same.

    labels: cluster of each item, -1 of none. items: dicts with `label`, as an `Index` holds them.
    """
    names, seen = [], collections.Counter()
    for k in range(len(clusters.names)):
        held = collections.Counter(items[n].get("label", "") for n in np.flatnonzero(labels == k))
        own = name = next((label for label, _ in held.most_common() if label), "") or "cluster"
        while name in names:
            seen[own] += 1
            name = f"{own} {1 + seen[own]}"
        names.append(name)
    return dataclasses.replace(clusters, names=tuple(names))


def save(clusters, path):
    """Write them as JSON; `load` reads them."""
    rows = {"centers": clusters.centers, "reach": clusters.reach, "drawn": clusters.drawn}
    held = {key: np.asarray(value, np.float64).tolist() for key, value in rows.items()}
    text = json.dumps(held | {"names": clusters.names, "embedder": clusters.embedder})
    with beside(path) as place:
        place.write_text(text, encoding="utf-8")


def load(path):
    """`Clusters` from the file that `save` wrote."""
    try:
        held = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        arrays = {k: np.asarray(held[k], np.float32) for k in ("centers", "reach", "drawn")}
        return Clusters(names=tuple(held["names"]), embedder=held["embedder"], **arrays)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KerasVisionError(f"{path} holds no clusters; write it with kerasvision index clusters --out") from error
