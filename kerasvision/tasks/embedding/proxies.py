"""Embeddings learned by one vector a class, which the picture's own must come near: the classes are known in training,
and forgotten in every file.

"Deep Metric Learning" by proxies: "No Fuss Distance Metric Learning using Proxies" (Movshovitz-Attias et al. 2017,
arXiv:1703.07464); the losses are of `losses.proxies`, which names their papers.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.layers.cosines import Cosines
from kerasvision.losses import proxies as losses
from kerasvision.ops.gather import gathered
from kerasvision.tasks._classes import require_two_classes
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

    centers: vectors of each class, for classes that look in several ways or whose labels are partly wrong; the nearest
    counts (with `arcface`: "Sub-center ArcFace", Deng et al., ECCV 2020). centers_temperature: above 0 all count, the
    nearer the more, and centers_merge above 0 draws those of a class together (with `cosface`: "SoftTriple", Qian et
    al. 2019, arXiv:1909.05235, whose values are 0.1 and 0.2 at a scale of 20 and a margin of 0.01).
    """

    num_classes: int = 0
    objective: ProxyLoss = ProxyLoss()
    centers: int = 1
    centers_temperature: float = 0.0
    centers_merge: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if self.centers < 1:
            raise UsageError(f"model.centers={self.centers}; allowed: 1 vector a class, or more")
        for name in ("centers_temperature", "centers_merge"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise UsageError(f"model.{name}={value:g}; allowed: 0 or more")
            if value and self.centers == 1:
                raise UsageError(f"model.{name}={value:g} says something of several centers, and model.centers is 1")

    def build(self):
        require_two_classes(self)
        image = keras.Input((*self.image_size, 3), name="image")
        vector = self.vector(image)
        of_classes = Cosines(
            self.num_classes, self.centers, self.centers_temperature, self.centers_merge, name="cosines"
        )
        cosines = of_classes(vector)
        return keras.Model({"image": image}, {"embedding": vector, "cosines": cosines}, name=self.name)

    def encode(self, sample):
        label = sample["label"]
        return {"embedding": self.direction(label), "cosines": tf.one_hot(label, self.num_classes)}

    def loss(self, targets, raw):
        return self.objective(targets["cosines"], raw["cosines"])

    def ideal_raw(self, targets):
        return {"embedding": targets["embedding"], "cosines": 2.0 * targets["cosines"] - 1.0}
