"""What embedders share that compare the pictures of a batch: the terms of their loss, and the graph."""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import UsageError
from kerasvision.losses import pairs as losses
from kerasvision.ops.gather import gathered
from kerasvision.tasks._weighted_terms import require_weights, weighted
from kerasvision.tasks.embedding.task import Embedding

TERMS = ("batch_hard", "semi_hard", "contrastive", "multi_similarity", "circle", "distance_weighted")
_ABOVE_0 = ("margin", "temperature", "alpha", "beta", "scale", "relaxation")


@plain("pair_loss")
@dataclasses.dataclass(frozen=True)
class PairLoss(Component):
    """A sum of terms, each with its weight; 0 leaves it out: triplets with the hardest positive and negative, triplets
    with semi-hard negatives, InfoNCE with labels (supervised contrastive), multi-similarity with its miner, circle,
    triplets with negatives of all distances alike.

    margin: of the triplets, between squared distances, which are 0 to 4. temperature: of `contrastive`. alpha, beta,
    base, epsilon: of `multi_similarity`. scale, relaxation: of `circle`.
    """

    batch_hard: float = 0.0
    semi_hard: float = 0.0
    contrastive: float = 1.0
    multi_similarity: float = 0.0
    circle: float = 0.0
    margin: float = 0.2
    temperature: float = 0.1
    alpha: float = 2.0
    beta: float = 50.0
    base: float = 0.5
    epsilon: float = 0.1
    scale: float = 80.0
    relaxation: float = 0.4
    distance_weighted: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        require_weights(self, TERMS)
        for name in _ABOVE_0:
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"model.objective.{name}={getattr(self, name):g}; allowed: numbers above 0")

    def __call__(self, labels, embeddings):
        """int [B], vectors of any length [B, D] -> name -> [B]."""
        embeddings = tf.math.l2_normalize(embeddings, -1)
        others, places = gathered(embeddings)
        pairs = losses.pairs_of(labels, gathered(labels)[0], places)
        return self._terms(tf.matmul(embeddings, others, transpose_b=True), pairs, embeddings.shape[-1])

    def with_earlier(self, labels, embeddings, earlier):
        """The same against what `earlier` holds and the batches of all replicas, through none of which a gradient
        flows. earlier: (labels int [M], embeddings [M, D], which of them are there bool [M]).
        """
        embeddings = tf.math.l2_normalize(embeddings, -1)
        others, places = gathered(tf.stop_gradient(embeddings))
        of_batch, (of_earlier, held, there) = gathered(labels)[0], earlier
        others = tf.concat([others, tf.stop_gradient(tf.math.l2_normalize(held, -1))], 0)
        pairs = losses.pairs_of(labels, tf.concat([of_batch, of_earlier], 0), places)
        there = tf.concat([tf.ones_like(of_batch, tf.bool), there], 0)
        pairs = tuple(mask & there for mask in pairs)
        return self._terms(tf.matmul(embeddings, others, transpose_b=True), pairs, embeddings.shape[-1])

    def _terms(self, cosines, pairs, dimension):
        terms = {
            "batch_hard": lambda: losses.batch_hard_triplet(cosines, *pairs, self.margin),
            "semi_hard": lambda: losses.semi_hard_triplet(cosines, *pairs, self.margin),
            "contrastive": lambda: losses.supervised_contrastive(cosines, *pairs, self.temperature),
            "distance_weighted": lambda: losses.distance_weighted_triplet(cosines, *pairs, self.margin, dimension),
            "circle": lambda: losses.circle(cosines, *pairs, self.scale, self.relaxation),
            "multi_similarity": lambda: losses.multi_similarity(
                cosines, *pairs, self.alpha, self.beta, self.base, self.epsilon
            ),
        }
        return weighted(self, terms)


@dataclasses.dataclass(frozen=True)
class Compared(Embedding):
    """Abstract. Raw is `{"embedding": [B, dimension]}`; targets are `label` [B]. objective: the terms of the loss."""

    objective: PairLoss = PairLoss()

    compared: typing.ClassVar[str] = "embedding"

    def build(self):
        image = keras.Input((*self.image_size, 3), name="image")
        return keras.Model({"image": image}, {"embedding": self.vector(image)}, name=self.name)

    def encode(self, sample):
        return {"label": tf.cast(sample["label"], tf.int32)}

    def loss(self, targets, raw):
        return self.objective(targets["label"], raw["embedding"])

    def loss_with_earlier(self, targets, raw, earlier):
        return self.objective.with_earlier(targets["label"], raw["embedding"], earlier)

    def ideal_raw(self, targets):
        return {"embedding": self.direction(targets["label"])}
