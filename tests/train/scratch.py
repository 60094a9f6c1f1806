"""A technique that somebody would try out: one file, used from a recipe by its name.

It trains on images moved by the sign of the loss's gradient (Goodfellow et al. 2015, arXiv:1412.6572, section 4), draws
batches of some images of each of some classes, and measures features by their nearest class mean.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.sampling import single_labels
from kerasvision.train.techniques.base import Technique


@techniques.register("scratch")
@dataclasses.dataclass(frozen=True)
class Scratch(Technique):
    """size: of the step, in units of the graph's inputs; 0: none. each: images of a class in a batch; 0: shuffled.
    probes: whether nearest class means are measured.
    """

    probe_directions: typing.ClassVar[dict] = {"nearest_mean": "max"}

    size: float = 0.0
    each: int = 0
    probes: bool = False

    def observer(self, arch, graph):
        if not self.size:
            return None

        def moved(inputs, targets):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                loss = tf.add_n([tf.reduce_sum(v) for v in arch.loss(targets, graph(inputs)).values()])
            gradients = tape.gradient(loss, inputs)
            return {k: x + self.size * tf.sign(gradients[k]) for k, x in inputs.items()}, targets

        return moved

    def order(self, split, batch_size, seed):
        if not self.each:
            return None
        if batch_size % self.each:
            raise UsageError(f"scratch.each={self.each} does not divide batch_size={batch_size}")
        labels = single_labels(split, "scratch")
        members = [np.flatnonzero(labels == k) for k in np.unique(labels)]

        def numbers(step):
            rng = np.random.default_rng([seed, step])
            chosen = rng.choice(len(members), batch_size // self.each, replace=False)
            return np.concatenate([rng.choice(members[k], self.each) for k in chosen])

        return numbers

    def probe(self, arch, graph):
        if not self.probes:
            return None
        features = keras.Model(graph.input, graph.get_layer("logits").input)

        def embedded(data):
            rows = [(features(arch.normalize(p), training=False).numpy(), t["label"].numpy()) for p, _, t in data]
            return (np.concatenate(part) for part in zip(*rows, strict=True))

        def measure(batches):
            train, labels = embedded(batches("train"))
            means = np.stack([train[labels == k].mean(0) for k in range(arch.num_classes)])
            held, truth = embedded(batches("validation"))
            nearest = np.linalg.norm(held[:, None] - means, axis=-1).argmin(1)
            return {"nearest_mean": float((nearest == truth).mean())}

        return measure
