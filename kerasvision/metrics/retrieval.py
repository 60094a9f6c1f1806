"""The evaluator of embeddings: whether what is near a query in a gallery is of its class.

Recall, R-precision and MAP@R as of "A Metric Learning Reality Check" (Musgrave, Belongie, Lim 2020, arXiv:2003.08505,
section 3.2); clusters by mutual information that is adjusted for chance ("Information Theoretic Measures for
Clusterings Comparison", Vinh, Epps, Bailey 2010, JMLR 11, 2837-2854); verification by the area under the ROC curve and
the equal error rate (Fawcett 2006, "An introduction to ROC analysis", doi:10.1016/j.patrec.2005.10.010).
"""

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics import clustering
from kerasvision.metrics.base import Evaluator, chosen
from kerasvision.ops.nearest import largest

NEAREST = (1, 5, 10)  # of which recall tells
BLOCK = 1000  # queries at a time
_MOST = 2**23  # cosines at a time: 64 MB of keys
_BINS = 2**20  # of -1..1, that cosines are counted in: they are told apart by two millionths


class Retrieval(Evaluator):
    """Final. Of queries with one of their class or more in the gallery:

    `recall@1`, `recall@5`, `recall@10`: the share with one among the 1, 5, 10 nearest (at 1 this is the precision at 1
    too). With R of a query's class in the gallery, `r_precision`: the share of its class among the R nearest, and
    `map@r`: the sum over the i <= R of the precision at i where number i is of its class, by R. Equal cosines stand in
    the order of the gallery. Of all pairs of a query and one of the gallery, are they of one class: `roc_auc`, and
    `eer`, where as large a share of unequal pairs is accepted as of equal pairs is refused; cosines are rounded to two
    millionths for them. `ami` and `nmi`: what clusters of the queries, as many as they have classes, say of these, by
    k-means (`metrics.clustering`). `without_match`: the share of queries that none of the others count, as nothing in
    the gallery is of their class.

    gallery: name of the split that is searched. Where there is none, or it is the one that is judged, the queries are
    the gallery, each searched in all others. prediction: `embedding` [B, D], of length 1; ground_truth: `label` [B].
    """

    def __init__(self, gallery=""):
        self.gallery = gallery
        self._gallery, self._queries = [], []
        self._found = self._clusters = None

    @property
    def directions(self):
        most = (*(f"recall@{k}" for k in NEAREST), "r_precision", "map@r", "roc_auc", "ami", "nmi")
        return dict.fromkeys(most, "max") | {"eer": "min", "without_match": "none"}

    def see_gallery(self, prediction, ground_truth):
        self._gallery.append(_checked(prediction, ground_truth))
        self._found = None

    def update(self, prediction, ground_truth):
        self._queries.append(_checked(prediction, ground_truth))
        self._found = self._clusters = None

    def decisions(self):
        """int [N]: the class of each query's nearest."""
        return self._search()["nearest"]

    def figures(self, examples=None):
        """Those of some queries cost a lookup, but for `roc_auc` and `eer`, which look at all their pairs again. The
        clusters are always those of all queries.
        """
        found = {name: chosen([values], examples) for name, values in self._search().items()}
        matched, counts = found["matches"] > 0, []

        def mean(name):
            return lambda: float(found[name][matched].mean()) if matched.any() else None

        def pairs():
            if not counts:
                counts.append(self._pairs(examples))
            return counts[0]

        size = self._sizes()
        out = {f"recall@{k}": mean(f"recall@{k}") for k in NEAREST if k <= size}
        out |= {name: mean(name) for name in ("r_precision", "map@r")}
        out |= {"roc_auc": lambda: roc_auc(*pairs()), "eer": lambda: equal_error_rate(*pairs())}
        out |= {name: self._alike(getattr(clustering, name), examples) for name in ("ami", "nmi")}
        return out | {"without_match": lambda: 1.0 - float(matched.mean()) if len(matched) else None}

    def _alike(self, measure, examples):
        """A function that computes a figure of the clusters of some queries."""

        def figure():
            labels = np.concatenate([part for _, part in self._queries])
            if self._clusters is None:
                self._clusters = (clustering.clusters(np.concatenate([v for v, _ in self._queries]), labels),)
            (found,) = self._clusters
            picked = slice(None) if examples is None else np.asarray(examples)
            return None if found is None else measure(labels[picked], found[picked])

        return figure

    def _sizes(self):
        """How many of the gallery each query is searched in."""
        held = self._gallery or self._queries
        return sum(len(labels) for _, labels in held) - (not self._gallery)

    def _blocks(self, examples=None):
        """Yields (numbers of queries [b], their labels [b], cosines [b, N], labels of the gallery [N]); where the query
        is of the gallery itself, its own cosine is -2, below all others.
        """
        asked, wanted = (np.concatenate(part) for part in zip(*self._queries, strict=True))
        held, labels = (np.concatenate(part) for part in zip(*(self._gallery or self._queries), strict=True))
        numbers = np.arange(len(asked)) if examples is None else np.asarray(examples)
        rows = max(1, min(BLOCK, _MOST // len(held)))
        for start in range(0, len(numbers), rows):
            part = numbers[start : start + rows]
            cosines = np.clip(asked[part] @ held.T, -1.0, 1.0)
            if not self._gallery:
                cosines[np.arange(len(part)), part] = -2.0
            yield part, wanted[part], cosines, labels

    def _search(self):
        """name -> [N], one value a query: each figure, `matches` (R) and `nearest`, the class of the nearest."""
        if self._found is None:
            if not self._queries:
                raise KerasVisionError("there is no query to judge embeddings by")
            rows = [_searched(*block[1:], itself=not self._gallery) for block in self._blocks()]
            self._found = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        return self._found

    def _pairs(self, examples):
        """int64 [bins] each: how many pairs of one class, and of two, have a cosine in each bin."""
        counts = np.zeros((2, _BINS), np.int64)
        for _, wanted, cosines, labels in self._blocks(examples):
            bins = np.rint((cosines + 1.0) * ((_BINS - 1) / 2)).astype(np.int64)
            same, real = wanted[:, None] == labels, cosines >= -1.0
            counts[0] += np.bincount(bins[same & real], minlength=_BINS)
            counts[1] += np.bincount(bins[~same & real], minlength=_BINS)
        return counts


def _checked(prediction, ground_truth):
    embedding = np.asarray(prediction["embedding"], np.float32)
    if not np.isfinite(embedding).all():
        raise KerasVisionError("an embedding has numbers that are not finite; nothing can be near to it")
    return embedding, np.asarray(ground_truth["label"])


def _searched(wanted, cosines, labels, itself):
    """Name -> [b], of a block of queries. itself: whether each stands in the gallery too."""
    matches = (wanted[:, None] == labels).sum(1) - itself
    size = len(labels) - itself
    first = largest(cosines, min(size, max(*NEAREST, int(matches.max(initial=0)))))
    hits = labels[first] == wanted[:, None]
    places = np.arange(1, first.shape[1] + 1)
    within = hits & (places <= matches[:, None])
    precision = hits.cumsum(1) / places
    share = 1.0 / np.maximum(matches, 1)
    found = {f"recall@{k}": hits[:, :k].any(1) for k in NEAREST}
    found |= {"r_precision": within.sum(1) * share, "map@r": (precision * within).sum(1) * share}
    return found | {"matches": matches, "nearest": labels[first[:, 0]] if size else np.full(len(wanted), -1)}


def roc_auc(same, different):
    """The chance that a pair of one class has a larger cosine than a pair of two, a tie being half; None without either
    kind. same, different: counts of pairs by rising cosine, [bins].
    """
    if not same.sum() or not different.sum():
        return None
    below = different.cumsum() - different / 2
    return float((same / same.sum()) @ (below / different.sum()))


def equal_error_rate(same, different):
    """The rate at which as many unequal pairs are accepted as equal ones are refused, with straight lines between the
    cosines that there are; None without either kind. Counts as of `roc_auc`.
    """
    if not same.sum() or not different.sum():
        return None
    refused = np.concatenate([[0], same.cumsum()]) / same.sum()
    accepted = 1.0 - np.concatenate([[0], different.cumsum()]) / different.sum()
    apart = accepted - refused  # falls from 1 to -1
    after = int(np.argmax(apart <= 0))
    share = apart[after - 1] / (apart[after - 1] - apart[after])
    return float(refused[after - 1] + share * (refused[after] - refused[after - 1]))
