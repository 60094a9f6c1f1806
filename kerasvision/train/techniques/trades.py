"""TRADES: the loss of the pictures themselves, and how far answers about moved ones are from those.

"Theoretically Principled Trade-off between Robustness and Accuracy" (Zhang et al. 2019, arXiv:1901.08573, equation 5
and algorithm 1).
"""

import dataclasses

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.losses.divergence import own_divergence
from kerasvision.train.techniques._adversaries import Adversarial, Ball

_NEAR = 1e-3  # deviation of the start, as in algorithm 1: at the picture itself the divergence has no slope


@techniques.register("trades")
@dataclasses.dataclass(frozen=True)
class Trades(Adversarial):
    """Loss: the task's own of pictures, and beta * KL(answers about them || answers about moved ones), the latter
    raised by the ascent; of a detector the answers are its classes. beta: 1 / lambda of the paper.

    Pictures and moved ones go through the graph as one batch, twice as large. The other fields are those of
    `Adversarial`.
    """

    radius: float = 8 / 255
    norm: Ball = "linf"
    steps: int = 10
    step_size: float = 0.0
    beta: float = 6.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.beta < float("inf"):
            raise UsageError(f"trades.beta={self.beta:g}; allowed: above 0 (1 to 10 are usual)")

    def fit_statistics(self, arch, split):
        if not arch.class_logits:
            raise UsageError(
                f"trades compares logits of classes, and {arch.registered_name} is not known to have any; use "
                "adversarial_training"
            )
        return self

    def begin(self, shape, seed):
        return _NEAR * tf.random.stateless_normal(shape, seed)

    def score(self, arch, targets, clean):
        first = {key: tf.stop_gradient(value) for key, value in clean().items()}
        return lambda raw: _divergence(arch, first, raw)

    def given(self, inputs, moved, targets):
        both = {key: tf.concat([value, moved[key]], 0) for key, value in inputs.items()}
        return both, {key: tf.concat([value, value], 0) for key, value in targets.items()}

    def objective(self, loss, arch):
        def traded(targets, raw):
            first, second = ({key: half(value) for key, value in raw.items()} for half in (_first, _second))
            terms = loss({key: _first(value) for key, value in targets.items()}, first)
            terms |= {"trades": self.beta * _divergence(arch, first, second)}
            # a value a row of the batch, as others that weigh examples expect; the mean is the same
            return {name: tf.concat([term, term], 0) for name, term in terms.items()}

        return traded


def _divergence(arch, first, second):
    return tf.add_n([own_divergence(first[key], second[key], form) for key, form in arch.class_logits.items()])


def _first(values):
    return values[: tf.shape(values)[0] // 2]


def _second(values):
    return values[tf.shape(values)[0] // 2 :]
