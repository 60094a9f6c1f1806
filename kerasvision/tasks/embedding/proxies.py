"""Embeddings learned by one vector a class, which the picture's own must come near: the classes are known in training,
and forgotten in every file.

"Deep Metric Learning" by proxies: "No Fuss Distance Metric Learning using Proxies" (Movshovitz-Attias et al. 2017,
arXiv:1703.07464); the losses are of `losses.proxies`, which names their papers.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.cosines import Cosines
from kerasvision.losses import proxies as losses
from kerasvision.ops.gather import gathered
from kerasvision.tasks._weighted_terms import require_weights, weighted
from kerasvision.tasks.embedding.task import Embedding


@plain("proxy_loss")
@dataclasses.dataclass(frozen=True)
class ProxyLoss(Component):
    """A sum of terms of `losses.proxies`, each with its weight; 0 leaves it out.

    scale: of the cosines. cosine_margin: of `cosface`, 0 to below 2. angle_margin: of `arcface`, in radians.
    anchor_margin: of `proxy_anchor`, of cosines; it compares the pictures of all replicas.
    """

    normalized_softmax: float = 1.0
    cosface: float = 0.0
    arcface: float = 0.0
    proxy_anchor: float = 0.0
    scale: float = 16.0
    cosine_margin: float = 0.35
    angle_margin: float = 0.5
    anchor_margin: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        require_weights(self, TERMS)
        margins = (("cosine_margin", -1e-9, 2), ("angle_margin", -1e-9, 1.6), ("anchor_margin", -1e-9, 1))
        for name, low, high in (("scale", 0, float("inf")), *margins):
            value = getattr(self, name)
            if not low < value < high:
                raise UsageError(f"model.objective.{name}={value:g}; allowed: {max(low, 0)} to {high:g}")

    def __call__(self, targets, cosines):
        """one-hot [B, K], cosines [B, K] -> name -> [B]."""
        terms = {
            "normalized_softmax": lambda: losses.normalized_softmax(targets, cosines, self.scale),
            "cosface": lambda: losses.cosface(targets, cosines, self.scale, self.cosine_margin),
            "arcface": lambda: losses.arcface(targets, cosines, self.scale, self.angle_margin),
            "proxy_anchor": lambda: self._anchored(targets, cosines),
        }
        return weighted(self, terms)

    def _anchored(self, targets, cosines):
        """The loss of the whole batch, for each example of this replica."""
        every, places = gathered(cosines)
        return tf.gather(losses.proxy_anchor(gathered(targets)[0], every, self.scale, self.anchor_margin), places)


TERMS = ("normalized_softmax", "cosface", "arcface", "proxy_anchor")


@architectures.register("embedding/proxies")
@dataclasses.dataclass(frozen=True)
class Proxies(Embedding):
    """Raw is `{"embedding": [B, dimension], "cosines": [B, num_classes]}`, of which `decode` sees the embedding alone.

    num_classes: in training; 0 takes the number from the data. objective: the terms of the loss.
    """

    num_classes: int = 0
    objective: ProxyLoss = ProxyLoss()

    def build(self):
        if self.num_classes < 2:
            raise KerasVisionError(
                f"{self.registered_name} needs at least two classes and has num_classes={self.num_classes}; set "
                "model.num_classes, or let the data decide with 0"
            )
        image = keras.Input((*self.image_size, 3), name="image")
        vector = self.vector(image)
        cosines = Cosines(self.num_classes, name="cosines")(vector)
        return keras.Model({"image": image}, {"embedding": vector, "cosines": cosines}, name=self.name)

    def encode(self, sample):
        label = sample["label"]
        return {"embedding": self.direction(label), "cosines": tf.one_hot(label, self.num_classes)}

    def loss(self, targets, raw):
        return self.objective(targets["cosines"], raw["cosines"])

    def ideal_raw(self, targets):
        return {"embedding": targets["embedding"], "cosines": 2.0 * targets["cosines"] - 1.0}
