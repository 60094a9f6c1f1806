"""Late fusion: each sense says its own log-odds, and their weighted sum is the answer.

A logarithmic opinion pool ("Combining Probability Distributions: A Critique and an Annotated Bibliography", Genest and
Zidek 1986, doi:10.1214/ss/1177013825, section 3) whose weights need not add up to 1: senses that err alike count twice,
and weights below 1 take that back. What is missing adds nothing to the learned prior.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras
from scipy import optimize

from kerasvision.core.registry import fusions
from kerasvision.fusions.base import Fusion
from kerasvision.layers.senses import Columns, Evidence
from kerasvision.ops.internals import called_with, made_by

MOST = 10.0  # of a weight: senses that are never wrong on the validation split would have an infinite one


@fusions.register("late")
@dataclasses.dataclass(frozen=True)
class Late(Fusion):
    """Weights are 1 in training, and then those, 0 to 10, with the least loss of the validation split. Has no fields.

    All log-odds are learned together; `sense_dropout` is what makes each an answer of its own.
    """

    weighs_log_odds: typing.ClassVar[bool] = True

    def __call__(self, senses, flags, width):
        return keras.layers.Concatenate(name="fused")([sense.seen(width) for sense in senses])

    def units(self, vector, senses, count, name):
        width, held = vector.shape[-1] // len(senses), []
        for number, sense in enumerate(senses):
            own = Columns(number * width, width, name=f"{sense.name}_alone")(vector)
            held.append(keras.layers.Dense(count, name=f"{name}_{sense.name}")(own))
        return Evidence(name=name)([*held, *(sense.there for sense in senses)])

    def vector_of(self, made):
        (own,) = called_with(called_with(made)[0])
        (vector,) = called_with(own)
        return vector

    def settle(self, graph, batches, loss):
        made = graph.output["logits"]
        held = called_with(made)
        parts = keras.Model(graph.input, held)
        rows = [(parts(inputs, training=False), targets) for inputs, targets in batches]
        every = [tf.concat(values, 0) for values in zip(*(row for row, _ in rows), strict=True)]
        targets = {k: tf.concat([t[k] for _, t in rows], 0) for k in rows[0][1]}
        layer = made_by(made)
        layer = getattr(layer, "layer", layer)  # within the wrapper of quantization-aware training
        layer.factors.assign(least(every, layer.prior, lambda logits: loss(targets, {"logits": logits})))


def least(held, prior, loss):
    """float32 [M]: the weights, 0 to `MOST`, with the least mean loss, from 1 on.

    held: M tensors [N, K], and then M flags [N, 1]. prior: [K]. loss: logits [N, K] -> {name: [N]}.
    """
    count = len(held) // 2
    own = tf.stack([part * there for part, there in zip(held[:count], held[count:], strict=True)])

    def objective(weights):
        weights = tf.constant(weights, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits = prior + tf.tensordot(weights, own, 1)
            total = tf.add_n([tf.reduce_mean(value) for value in loss(logits).values()])
        return float(total), tape.gradient(total, weights).numpy().astype(np.float64)

    found = optimize.minimize(objective, np.ones(count), jac=True, method="L-BFGS-B", bounds=[(0.0, MOST)] * count)
    return np.float32(found.x)
