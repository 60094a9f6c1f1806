"""The drift profile: what inputs and predictions look like while a model is evaluated, so that a server can tell when
those of its requests look otherwise.

Kept in the contract as shares of bins; compared by the population stability index, sum (p - q) ln(p / q), which is the
symmetric Kullback-Leibler divergence of two histograms (Siddiqi 2006, Credit Risk Scorecards, chapter 8).
"""

import typing

import numpy as np

from kerasvision.data.kinds.base import kind_named

EMBEDDING = "embedding"
DIRECTIONS = 16  # along which features are looked at
BINS = 10
_FLOOR = 0.5  # of an example, in an empty bin
SURE = 0.5  # score from which a detection counts as an object
NOTHING = -1.0  # class and score of a picture in which nothing was found
OUTSIDE = 255  # of a mask: beyond the image
MOST_PLACES, MOST_VALUES = 2**16, 16  # of a mask that are looked at; of the numbers of a regressor


class Spread(typing.NamedTuple):
    """What an example has several numbers of: `numbers` [M], and `weights` [M] that are 1 in all, so that an example
    with many boxes counts as much as one with few: its boxes go together, and are no M independent examples.
    """

    numbers: np.ndarray
    weights: np.ndarray


def of_input(key, kind, value):
    """Name -> number, of one example of an input (numpy, without batch axis). The name has the key before it where the
    key is not its kind's own name, so that two pictures are told apart.
    """
    before = "" if key == kind else f"{key}/"
    return {before + name: number for name, number in kind_named(kind).statistics(value).items()}


def of_answer(outputs):
    """Name -> what each example has of it, [B] numbers or `Spread`s, by the keys of a prediction, name -> array
    [B, ...]; {} of a prediction of other keys.

    Classifiers (`probabilities` [B, K]): `confidence`, the largest one, and its `class`. Detectors (`scores`, `labels`
    [B, M]): `objects`, the number of detections with a score from `SURE` on, and `score` and `class`, spread over the
    detections in proportion to their scores. Segmenters (`mask`, `confidence` [B, H, W] or [B, D, H, W]): `class`,
    spread over the pixels, and `confidence`, its mean. Regressors (`values` [B, N]): `value/<n>`, the first
    `MOST_VALUES`.
    """
    if np.ndim(outputs.get("probabilities")) == 2:
        scores = outputs["probabilities"]
        return {"confidence": scores.max(1), "class": scores.argmax(1)}
    if {"scores", "labels"} <= set(outputs):
        return _columns(map(_of_boxes, outputs["scores"], outputs["labels"]))
    if {"mask", "confidence"} <= set(outputs):
        return _columns(map(_of_mask, outputs["mask"], outputs["confidence"]))
    if np.ndim(outputs.get("values")) == 2:
        return {f"value/{n}": column for n, column in enumerate(outputs["values"].T[:MOST_VALUES])}
    return {}


def _columns(rows):
    rows = list(rows)
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}


def _of_boxes(scores, labels):
    scores, labels = (np.asarray(part, np.float64)[np.asarray(labels) >= 0] for part in (scores, labels))
    objects = float((scores >= SURE).sum())
    if not scores.sum() > 0:
        nothing = Spread(np.array([NOTHING]), np.ones(1))
        return {"objects": objects, "score": nothing, "class": nothing}
    weights = scores / scores.sum()
    return {"objects": objects, "score": Spread(scores, weights), "class": Spread(labels, weights)}


def _of_mask(mask, confidence):
    step = max(1, int(np.ceil((mask.size / MOST_PLACES) ** (1 / mask.ndim))))
    places = (slice(None, None, step),) * mask.ndim
    mask, confidence = mask[places].ravel(), confidence[places].ravel()
    inside = mask != OUTSIDE
    if not inside.any():
        return {"class": Spread(np.array([NOTHING]), np.ones(1)), "confidence": 0.0}
    numbers, counts = np.unique(mask[inside], return_counts=True)
    return {
        "class": Spread(numbers.astype(np.float64), counts / counts.sum()),
        "confidence": float(confidence[inside].mean(dtype=np.float64)),
    }


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
            self._seen.setdefault(name, []).extend(v if isinstance(v, Spread) else float(v) for v in values)

    def result(self):
        """{name of a histogram: {"edges", "shares", "examples"}}, of what was seen: JSON values for the contract."""
        return {name: _binned(name, values) for name, values in self._seen.items() if len(values) > 1}


def _flat(values):
    """(numbers [M], weights [M]) of examples, each a number of weight 1 or a `Spread`."""
    if len(values) and isinstance(values[0], Spread):
        return np.concatenate([v.numbers for v in values]), np.concatenate([v.weights for v in values])
    return np.asarray(values), np.ones(len(values))


def _quantiles(numbers, weights, shares_below):
    if (weights == weights[0]).all():
        return np.quantile(numbers, shares_below)
    order = np.argsort(numbers, kind="stable")
    upto = np.cumsum(weights[order])
    return numbers[order][np.searchsorted(upto, np.asarray(shares_below) * upto[-1])]


def _binned(name, values):
    numbers, weights = _flat(values)
    unique = np.unique(numbers)
    if name == "class":
        edges = np.arange(min(0.0, unique[0]), unique[-1]) + 0.5
    elif len(unique) <= BINS:  # a bin a value, and one for what lies below or above all: pictures of one size have one
        edges = np.concatenate([[unique[0] - 0.5], (unique[1:] + unique[:-1]) / 2, [unique[-1] + 0.5]])
    else:  # bins of equal share; where many values are equal, fewer
        edges = np.unique(_quantiles(numbers, weights, np.arange(1, BINS) / BINS))
    return {"edges": [float(e) for e in edges], "shares": shares(values, edges), "examples": len(values)}


def shares(values, edges):
    """The shares of examples, numbers or `Spread`s, in the bins between edges, one more than there are edges, together
    1; none is 0.
    """
    numbers, weights = _flat(values)
    counts = np.bincount(np.searchsorted(edges, numbers, side="right"), weights, minlength=len(edges) + 1)
    counts = np.maximum(counts, _FLOOR)
    return [float(v) for v in counts / counts.sum()]


def stability_index(kept, values):
    """(PSI of examples against a kept histogram, what it would be by chance alone with so many of them).

    By chance it has about the mean (bins - 1) (1 / n + 1 / N), as n N / (n + N) PSI is nearly chi-squared with bins - 1
    degrees of freedom (Yurdakul and Naranjo 2020, Statistical properties of the population stability index, Journal of
    Risk Model Validation 14(3)). Of `Spread`s it is at most that: the shares of one example lie between those of a
    single draw, so that their covariance is no larger than the multinomial one, diag(p) - p p'.
    """
    p, q = np.array(shares(values, kept["edges"])), np.array(kept["shares"])
    chance = (len(q) - 1) * (1 / len(values) + 1 / kept["examples"])
    return float(((p - q) * np.log(p / q)).sum()), float(chance)
