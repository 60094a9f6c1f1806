"""The drift profile: what inputs and predictions look like while a model is evaluated, so that a server can tell when
those of its requests look otherwise.

Kept in the contract as shares of bins; compared by the population stability index, sum (p - q) ln(p / q), which is the
symmetric Kullback-Leibler divergence of two histograms (Siddiqi 2006, Credit Risk Scorecards, chapter 8).
"""

import numpy as np

from kerasvision.data.kinds.base import kind_named

ANSWER = ("confidence", "class")
EMBEDDING = "embedding"
DIRECTIONS = 16  # along which features are looked at
BINS = 10
_FLOOR = 0.5  # of an example, in an empty bin


def of_input(key, kind, value):
    """Name -> number, of one example of an input (numpy, without batch axis). The name has the key before it where the
    key is not its kind's own name, so that two pictures are told apart.
    """
    before = "" if key == kind else f"{key}/"
    return {before + name: number for name, number in kind_named(kind).statistics(value).items()}


def of_answer(outputs):
    """Name -> numbers [B], of a classifier's prediction, name -> array [B, ...]: the largest probability and the index
    of its class; {} of other predictions.
    """
    scores = outputs.get("probabilities")
    if scores is None or np.ndim(scores) != 2:
        return {}
    return {"confidence": scores.max(1), "class": scores.argmax(1)}


def of_features(features):
    """`embedding/<direction>` -> numbers [B], of features [B, D] along random directions that are always the same: what
    a shift does to a cloud of points, it does to its shadows (as in the sliced distances of Rabin et al. 2011,
    doi:10.1007/978-3-642-24785-9_37; directions of 1 and -1 as of Achlioptas 2003, doi:10.1016/S0022-0000(03)00025-4).
    """
    features = np.asarray(features, np.float64)
    # numpy promises that a generator's bits never change (NEP 19), and a contract relies on them
    bits = np.random.PCG64(0).random_raw(features.shape[1] * DIRECTIONS) >> np.uint64(63)
    along = features @ (2.0 * bits.reshape(-1, DIRECTIONS) - 1.0)
    return {f"{EMBEDDING}/{k}": along[:, k] for k in range(DIRECTIONS)}


def statistic_of(name):
    """The statistic that a kept histogram belongs to, by the histogram's name: `embedding` has several."""
    return EMBEDDING if name.startswith(f"{EMBEDDING}/") else name


class Profile:
    """Collects statistics of the evaluated examples, then gives their histograms. kinds: key of a serving input -> name
    of its kind.
    """

    def __init__(self, kinds):
        self._kinds = kinds
        self._seen = {}

    def see(self, inputs, outputs, features=None):
        """Take in a batch: serving inputs, the prediction, both name -> numpy array [B, ...], and features [B, D] or
        None.
        """
        for key, kind in self._kinds.items():
            for one in inputs.get(key, ()):
                for name, value in of_input(key, kind, one).items():
                    self._seen.setdefault(name, []).append(value)
        numbers = of_answer(outputs) | (of_features(features) if features is not None else {})
        for name, values in numbers.items():
            self._seen.setdefault(name, []).extend(float(v) for v in values)

    def result(self):
        """{name of a histogram: {"edges", "shares", "examples"}}, of what was seen: JSON values for the contract."""
        return {name: _binned(name, np.array(values)) for name, values in self._seen.items() if len(values) > 1}


def _binned(name, values):
    unique = np.unique(values)
    if name == "class":
        edges = np.arange(values.max()) + 0.5
    elif len(unique) <= BINS:  # a bin a value, and one for what lies below or above all: pictures of one size have one
        edges = np.concatenate([[unique[0] - 0.5], (unique[1:] + unique[:-1]) / 2, [unique[-1] + 0.5]])
    else:  # bins of equal share; where many values are equal, fewer
        edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS))
    return {"edges": [float(e) for e in edges], "shares": shares(values, edges), "examples": len(values)}


def shares(values, edges):
    """The shares of values in the bins between edges, one more than there are edges, together 1; none is 0."""
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    counts = np.maximum(counts, _FLOOR)
    return [float(v) for v in counts / counts.sum()]


def stability_index(kept, values):
    """(PSI of values against a kept histogram, what it would be by chance alone with so many examples).

    By chance it has about the mean (bins - 1) (1 / n + 1 / N), as n N / (n + N) PSI is nearly chi-squared.
    """
    p, q = np.array(shares(np.asarray(values), kept["edges"])), np.array(kept["shares"])
    chance = (len(q) - 1) * (1 / len(values) + 1 / kept["examples"])
    return float(((p - q) * np.log(p / q)).sum()), float(chance)
