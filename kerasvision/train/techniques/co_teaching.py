"""Co-teaching: two networks, each trained on the examples that the other finds easy (Han et al. 2018,
arXiv:1804.06872).
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.graphs import is_quantized
from kerasvision.core.registry import techniques
from kerasvision.losses.noisy_labels import co_teaching_losses
from kerasvision.train.techniques._classes import require_own_loss
from kerasvision.train.techniques._one_label import check_range, require_one_label
from kerasvision.train.techniques._replicas import of_all_replicas
from kerasvision.train.techniques.base import Technique

TWIN, KEEP = "twin/logits", "twin/keep"  # raw outputs beside the graph's own
PREFIX = "twin_"  # of the second network's layers


@techniques.register("co_teaching")
@dataclasses.dataclass(frozen=True)
class CoTeaching(Technique):
    """The two stand in one flat graph while training, at twice the cost of a step; the first one is kept.

    forget_rate: tau, the share of the batch that is left out in the end; the paper takes the share of wrong labels.
    gradual_epochs: T_k; in epoch T, counted from 0, tau * min(T / T_k, 1) of the batch is left out (the authors' code;
    the paper counts from 1). Under several replicas the choice is from the whole batch. A backbone that has learned
    before (pretrained, or in an earlier phase) begins with its weights in both networks, which then differ by
    their heads.
    """

    forget_rate: float = 0.2
    gradual_epochs: int = 10

    def __post_init__(self):
        super().__post_init__()
        check_range(self, "forget_rate", 0.0, 1.0)
        if self.forget_rate == 1.0 or self.gradual_epochs < 1:
            raise UsageError(
                f"co_teaching: forget_rate={self.forget_rate:g}, gradual_epochs={self.gradual_epochs}; allowed: a rate "
                "below 1, and one epoch or more"
            )

    def fit_statistics(self, arch, split):
        require_one_label(self, arch)
        return self

    def graph(self, arch, graph):
        if is_quantized(graph):
            raise UsageError("co_teaching cannot follow qat; put it in a phase before")
        twin = keras.models.clone_model(graph, input_tensors=list(graph.input.values()), clone_function=_fresh)
        if _has_learned(graph):
            for layer in graph.layers:
                if layer.name.startswith("backbone_") and layer.weights:
                    twin.get_layer(PREFIX + layer.name).set_weights(layer.get_weights())
        logits = twin.output["logits"]
        both = {**graph.output, TWIN: logits, KEEP: Kept(name=f"{PREFIX}keep")(logits)}
        return keras.Model(graph.input, both, name=graph.name)

    def strip(self, arch, graph):
        kept = {key: value for key, value in graph.output.items() if key not in (TWIN, KEEP)}
        return keras.Model(graph.input, kept, name=graph.name)

    def objective(self, loss, arch):
        require_own_loss("co_teaching", loss, arch)

        def taught(targets, raw):
            keep = raw[KEEP][0]
            first, second = co_teaching_losses(targets["logits"], raw["logits"], raw[TWIN], keep, of_all_replicas)
            return {"cross_entropy": first, "twin": second}

        return taught

    def callbacks(self):
        return (_Schedule(self),)

    def kept(self, epoch):
        """R(T): the share of the batch that is trained on in an epoch, counted from 0."""
        return 1.0 - self.forget_rate * min(epoch / self.gradual_epochs, 1.0)


def _has_learned(graph):
    """Whether any weight that begins at zero is another number by now."""
    begins = [v for v in graph.variables if v.name.split(":")[0].endswith(("/bias", "/beta", "/moving_mean"))]
    return any(v.numpy().any() for v in begins)


def _fresh(layer):
    return type(layer).from_config(layer.get_config() | {"name": PREFIX + layer.name})


@keras.utils.register_keras_serializable("kerasvision")
class Kept(keras.layers.Layer):
    """The share of a batch that is trained on: any [B, ...] -> [B], all the same. A weight, so that a run that goes on
    after an interruption has it, and that replicas share it.
    """

    scheduled = True  # nothing to average

    def build(self, input_shape):
        self.share = self.add_weight("share", shape=(), initializer="ones", trainable=False, dtype=tf.float32)
        super().build(input_shape)

    def call(self, x):
        return tf.fill(tf.shape(x)[:1], tf.cast(self.share, tf.float32))


class _Schedule(keras.callbacks.Callback):
    """Sets the share at the beginning of each epoch."""

    def __init__(self, technique):
        super().__init__()
        self._technique = technique

    def on_epoch_begin(self, epoch, logs=None):
        self.model.graph.get_layer(f"{PREFIX}keep").share.assign(self._technique.kept(epoch))
