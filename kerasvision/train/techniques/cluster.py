"""Weight clustering: each kernel has few distinct values, which go on learning together.

Han, Mao & Dally 2016, "Deep Compression", arXiv:1510.00149, section 3. There the gradients of a cluster are summed
(equation 3); here each step of the optimizer is projected: a cluster takes the mean of its members after the step. That
is the same direction for plain descent, with a rate that does not grow with the cluster.
"""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques._kernels import MOST_VALUES, KeepValues
from kerasvision.train.techniques.base import Technique

ROUNDS = 100  # of Lloyd's algorithm, which mostly ends sooner
SAMPLE = 20_000  # weights among which first centers are drawn


@techniques.register("cluster")
@dataclasses.dataclass(frozen=True)
class Cluster(Technique):
    """number: most distinct values of a kernel. Clusters are made before a phase's first step, of trained weights.

    init: first centers by `kmeans++` (Arthur & Vassilvitskii 2007), or `linear`, evenly from the least to the largest
    weight, which the paper found best because it minds the rare large weights. skip: `first` are the kernels that see
    the input, `last` those that make the outputs. Zeros that `prune` left stay zeros and are one of the values. Files
    keep their size until they are compressed. Another phase keeps the values if it has `cluster` again, or `qat` with
    preserve="clusters".
    """

    rivals: typing.ClassVar[str] = "alike"

    number: int = 16
    init: typing.Literal["kmeans++", "linear"] = "kmeans++"
    skip: tuple[typing.Literal["first", "last"], ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if not 2 <= self.number <= MOST_VALUES:
            raise UsageError(f"cluster.number: got {self.number}; allowed: 2 to {MOST_VALUES} values, as in 16")

    def callbacks(self):
        return (_Cluster(self),)

    def values(self, weights):
        """float32 [N] -> the same, each weight replaced by its center; at most `number` distinct ones."""
        if len(np.unique(weights)) <= self.number:
            return weights
        zero = weights == 0
        rest = weights[~zero].astype(np.float64)
        out = np.zeros_like(weights)
        out[~zero] = nearest(rest, self._centers(rest, self.number - bool(zero.any())))
        return out

    def _centers(self, weights, count):
        order = np.sort(weights)
        sums = np.concatenate([[0.0], np.cumsum(order)])
        start = np.linspace(order[0], order[-1], count) if self.init == "linear" else _spread(order, count)
        return lloyd(order, sums, np.sort(start))


class _Cluster(KeepValues):
    def __init__(self, how):
        super().__init__(how.skip)
        self._how = how

    def begin(self, held):
        for kernel in held.values():
            array = kernel.numpy()
            kernel.assign(self._how.values(array.ravel()).reshape(array.shape))
        super().begin(held)


def _spread(order, count):
    """`count` of these sorted values [N], each drawn with the square of its distance from those drawn before."""
    rng = np.random.default_rng(0)
    some = order if len(order) <= SAMPLE else order[np.linspace(0, len(order) - 1, SAMPLE).round().astype(int)]
    chosen = [rng.choice(some)]
    for _ in range(count - 1):
        distance = np.min([(some - c) ** 2 for c in chosen], axis=0)
        if not distance.any():
            break
        chosen.append(rng.choice(some, p=distance / distance.sum()))
    return np.array(chosen)


def lloyd(order, sums, centers):
    """k-means of sorted numbers [N] with their running sums [N + 1], from sorted centers: a cluster is an interval, so
    a round costs as much as finding its ends.
    """
    for _ in range(ROUNDS):
        edges = np.concatenate([[0], np.searchsorted(order, (centers[1:] + centers[:-1]) / 2), [len(order)]])
        counts = np.diff(edges)
        moved = np.where(counts, np.diff(sums[edges]) / np.maximum(counts, 1), centers)  # an empty one stays
        if np.array_equal(moved, centers):
            break
        centers = moved
    return centers


def nearest(weights, centers):
    """The nearest of sorted centers for each weight."""
    return centers[np.searchsorted((centers[1:] + centers[:-1]) / 2, weights)]
