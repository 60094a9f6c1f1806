"""A classifier whose dropout goes on drawing when it is asked: "Dropout as a Bayesian Approximation: Representing Model
Uncertainty in Deep Learning" (Gal, Ghahramani 2016, arXiv:1506.02142, section 4).
"""

import dataclasses
import weakref

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import systems
from kerasvision.systems.repeated import Repeated

_DRAWN = weakref.WeakKeyDictionary()  # of what is served, the graph that draws


@systems.register("dropout_samples")
@dataclasses.dataclass(frozen=True)
class DropoutSamples(Repeated):
    """draws: answers to each picture, each with masks of its own. All other layers answer as they always do. Asked is a
    run: no exported file has dropout left. The same seed draws the same masks for the same picture in its turn.
    """

    draws: int = 30
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.draws < 2:
            raise UsageError(f"dropout_samples.draws={self.draws}; allowed: 2 or more")

    def asked(self, model, image, step):
        served = getattr(model.runner, "served", None)
        if served is None:
            raise UsageError(
                "dropout_samples asks a run, for a file has no dropout left; name the run, or take "
                "systems/test_time_augmentation"
            )
        if served not in _DRAWN:
            _DRAWN[served] = drawing(served.answering())
        graph, seed = _DRAWN[served]
        seed.assign([self.seed, step])
        copies = {"image": tf.constant(np.repeat(image[None], self.draws, 0))}
        prepared, geometry = served.arch.geometry(copies)
        raw = graph(served.arch.normalize(prepared), training=False)
        return served.arch.decode(raw, geometry)["probabilities"]


def drawing(graph):
    """(a copy of a Keras graph, of the same weights, whose dropout draws in inference too, the variable int32 [2] that
    its masks are drawn from). Raises UsageError of a graph without dropout.
    """
    if not any(isinstance(layer, keras.layers.Dropout) and layer.rate for layer in graph.layers):
        raise UsageError("the model has no dropout to draw; train it with model.dropout above 0")
    seed, number = tf.Variable([0, 0], trainable=False, dtype=tf.int32), iter(range(len(graph.layers)))

    def always(layer):
        if not isinstance(layer, keras.layers.Dropout):
            return type(layer).from_config(layer.get_config())
        return SeededDropout(seed, next(number), layer)

    copy = keras.models.clone_model(graph, clone_function=always)
    copy.set_weights(graph.get_weights())
    return copy, seed


class SeededDropout(keras.layers.Layer):
    """Dropout at all times, whose masks follow from a seed. seed: a variable int32 [2]; number: of the layer; plain:
    the layer that it stands for, whose rate and shape of masks it has.
    """

    def __init__(self, seed, number, plain):
        super().__init__(name=plain.name)
        self._seed, self._number, self._rate = lambda: seed, number, plain.rate  # Keras would track it as a weight
        self._sides = noise_sides(plain)

    def call(self, inputs):
        """Inputs [B, ...] of the same shape, each kept value divided by the share that is kept."""
        own = tf.random.experimental.stateless_fold_in(self._seed(), self._number)
        sides = tf.shape(inputs)
        if self._sides:
            sides = tf.stack([sides[i] if side is None else side for i, side in enumerate(self._sides)])
        scale = 1.0 / (1.0 - self._rate)
        kept = tf.random.stateless_uniform(sides, own) >= self._rate
        return inputs * tf.cast(kept, inputs.dtype) * scale


def noise_sides(layer):
    """Sides of the mask of a Keras layer of dropout, None for those of its inputs; None: all are."""
    if isinstance(layer, keras.layers.SpatialDropout2D):
        return (None, 1, 1, None) if layer.data_format == "channels_last" else (None, None, 1, 1)
    return layer.noise_shape
