"""The exponential moving average of the weights over all steps (Polyak, Juditsky 1992, with forgetting).

In networks since "Rethinking the Inception Architecture for Computer Vision" (Szegedy et al. 2016, arXiv:1512.00567,
section 8); what it does is measured in "Mean teachers are better role models" (Tarvainen, Valpola 2017,
arXiv:1703.01780).
"""

import dataclasses

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.train.techniques._averages import WeightAverage
from kerasvision.train.techniques.base import Technique


@techniques.register("ema")
@dataclasses.dataclass(frozen=True)
class EMA(Technique):
    """The average is what is validated, kept and exported; training goes on from the weights themselves.

    decay: part of the average that a step leaves. After t steps it is at most (1 + t) / (10 + t), so that the random
    start is soon forgotten. Batch normalization's statistics are averaged in the same way.
    """

    decay: float = 0.999

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise UsageError(f"ema.decay={self.decay:g}; allowed: 0 to less than 1 (0.99 to 0.9999 are usual)")

    def callbacks(self):
        return (_EveryStep(self.decay),)


class _EveryStep(WeightAverage):
    def __init__(self, decay):
        super().__init__()
        self._decay = decay

    def on_train_batch_end(self, batch, logs=None):
        steps = int(self.model.averages_taken.numpy()) + 1
        self.take(1.0 - min(self._decay, (1 + steps) / (10 + steps)))
