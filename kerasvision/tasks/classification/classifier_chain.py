"""Classifier chains: each label is told what the ones before it are, so that what goes together is found together.

"Classifier chains for multi-label classification" (Read, Pfahringer, Holmes, Frank 2011, Machine Learning 85, doi
10.1007/s10994-011-5256-5), sections 3 and 4 (the ensemble). Differs from the paper: a link is told the probabilities
that the links before it predict, in training as well ("Rectifying classifier chains for multi-label classification",
Senge, del Coz, Hüllermeier 2013, arXiv:1906.02915, nested stacking), for a graph that is told the truth in training
and a guess on a phone would be two graphs; all links are learned at once.
"""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures
from kerasvision.losses.classification import sigmoid_cross_entropy
from kerasvision.ops.graphs import made_of
from kerasvision.ops.internals import called_with, made_by
from kerasvision.tasks.classification._several import SeveralOfManyImages


@architectures.register("classification/classifier_chain")
@dataclasses.dataclass(frozen=True)
class ClassifierChain(SeveralOfManyImages):
    """Raw is `{"logits": [B, chains, K]}`. chains: how many, each with an order of its own; the first has the order of
    the classes, the others are shuffled by `order_seed`. Their probabilities are averaged.
    """

    chains: int = 1
    order_seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.chains < 1:
            raise UsageError(f"ClassifierChain: chains={self.chains}; allowed: 1 or more")

    def orders(self):
        """[chains][K]: the classes of each chain, first to last."""
        rng = np.random.default_rng(self.order_seed)
        return [range(self.num_classes), *(rng.permutation(self.num_classes) for _ in range(self.chains - 1))]

    def head(self, x):
        vector = self.pooled(x)
        chains = [self._chain(vector, order, f"chain{number}") for number, order in enumerate(self.orders())]
        joined = chains[0] if len(chains) == 1 else keras.layers.Concatenate(name="chains")(chains)
        return keras.layers.Reshape((self.chains, self.num_classes), name="logits")(joined)

    def embedding(self, graph):
        """What the first link of each chain looks at, and it alone."""
        first = next(t for t in made_of(graph) if made_by(t).name.endswith("chain0_0"))
        (vector,) = called_with(first)
        return vector

    def _chain(self, vector, order, name):
        """Logits [B, K] in the order of the classes."""
        logits, known = {}, [vector]
        for place, label in enumerate(order):
            seen = known[0] if place == 0 else keras.layers.Concatenate(name=f"{name}_{place}_seen")(known)
            logits[int(label)] = keras.layers.Dense(1, name=f"{name}_{place}")(seen)
            if place < self.num_classes - 1:
                said = keras.layers.Activation("sigmoid", name=f"{name}_{place}_said")
                known.append(said(logits[int(label)]))
        return keras.layers.Concatenate(name=f"{name}_joined")([logits[k] for k in range(self.num_classes)])

    def encode(self, sample):
        return {"logits": tf.tile(self.multi_hot(sample)[None], [self.chains, 1])}

    def loss(self, targets, raw):
        each = sigmoid_cross_entropy(targets["logits"], raw["logits"], self.label_smoothing)  # [B, chains]
        return {"cross_entropy": tf.reduce_mean(each, -1)}

    def probabilities(self, raw):
        return tf.reduce_mean(tf.sigmoid(raw["logits"]), 1)

    def class_scores(self, raw):
        """Of the mean of the chains' probabilities, without rounding where all are sure."""
        on, off = (tf.reduce_logsumexp(tf.math.log_sigmoid(z), 1) for z in (raw["logits"], -raw["logits"]))
        return on - off
