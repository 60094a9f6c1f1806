"""Stochastic weight averaging: the mean of the weights at the ends of the last epochs.

"Averaging Weights Leads to Wider Optima and Better Generalization" (Izmailov, Podoprikhin, Garipov, Vetrov, Wilson
2018, arXiv:1803.05407, algorithm 1 with a cycle of one epoch). Here batch normalization's statistics are averaged along
with the weights; the paper computes them anew with one more pass over the training data. The two agree as far as the
averaged networks' activations are alike, which they are when only the end of a training is averaged.
"""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques._averages import WeightAverage
from kerasvision.train.techniques.base import Technique


@techniques.register("swa")
@dataclasses.dataclass(frozen=True)
class SWA(Technique):
    """From epoch `first` of the phase on, the mean is what is validated, kept and exported.

    first: the first epoch whose end counts, from 1. It wants a rate that stays large, as in a phase of its own with
    schedule="constant": at a rate near 0 there is nothing to average. The best epoch is kept, which may be one before
    `first`.
    """

    first: int = 1

    def __post_init__(self):
        super().__post_init__()
        if self.first < 1:
            raise UsageError(f"swa.first={self.first}; allowed: 1 or more, an epoch of the phase")

    def first_epoch_to_keep(self, epochs):
        if self.first > epochs:
            raise UsageError(f"swa.first={self.first} in a phase of {epochs} epochs: nothing would be averaged")
        return 0

    def callbacks(self):
        return (_EveryEpoch(self.first),)


class _EveryEpoch(WeightAverage):
    def __init__(self, first):
        super().__init__()
        self._first = first

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 >= self._first:
            self.take(1.0 / (int(self.model.averages_taken.numpy()) + 1))  # the mean of n: w_n counts 1 / n
        super().on_epoch_end(epoch, logs)
