"""A linear model over hashed TF-IDF, which a graph can hold beside its network: "Wide & Deep Learning for Recommender
Systems" (Cheng et al. 2016, arXiv:1606.07792), section 3; weights of terms after "A statistical interpretation of term
specificity and its application in retrieval" (Sparck Jones 1972, doi:10.1108/eb026526).
"""

import base64
import binascii
import dataclasses
import zlib

import numpy as np
import tensorflow as tf

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import UsageError
from kerasvision.layers.tokens import Lookup, WeightedSum
from kerasvision.ops import text

STEP = 1 / 16  # of an inverse document frequency, in nats: a byte reaches beyond 8 million texts
IDS, WEIGHTS = "wide_ids", "wide_weights"  # keys of the graph's inputs


@plain("wide")
@dataclasses.dataclass(frozen=True)
class Wide(Component):
    """buckets: of hashed words, pairs and n-grams. pairs: of words, too. ngrams: sizes of n-grams of characters, 2 or
    more. frequencies: log((1 + texts) / (1 + texts with it)) + 1 of each bucket, in steps of 1/16, a byte each, packed
    by zlib and base64; "" has training count them.
    """

    kind = "wide"

    buckets: int = 32768
    pairs: bool = True
    ngrams: tuple[int, ...] = ()
    frequencies: str = ""

    def __post_init__(self):
        super().__post_init__()
        if self.buckets < 1 or any(n < 2 for n in self.ngrams):
            raise UsageError(f"wide: buckets={self.buckets}, ngrams={self.ngrams}; allowed: from 1, and from 2")
        if self.frequencies and len(self.held()) != self.buckets:
            raise UsageError(
                f"wide.frequencies are those of {len(self.held())} buckets, not of {self.buckets}; give none"
            )

    def held(self):
        """uint8 [buckets], or [0] where the text is none that `counted` has written."""
        try:
            return np.frombuffer(zlib.decompress(base64.b64decode(self.frequencies)), np.uint8)
        except (binascii.Error, zlib.error):
            return np.zeros(0, np.uint8)

    def counted(self, batches, rules):
        """With the frequencies of texts. batches: of uint8 [B, length]. rules: `text_encoders.base.Rules`."""
        texts, count = 0, np.zeros(self.buckets + 1, np.int64)
        for batch in batches:
            ids = np.asarray(text.features(rules.words_of(batch), self.buckets, self.pairs, self.ngrams))
            texts += len(ids)
            for row in ids:
                count[np.unique(row)] += 1
        inverse = np.log((1 + texts) / (1 + count[1:])) + 1
        packed = zlib.compress(np.round(inverse / STEP).clip(0, 255).astype(np.uint8).tobytes(), 9)
        return dataclasses.replace(self, frequencies=base64.b64encode(packed).decode("ascii"))

    def specs(self, rules):
        """key -> spec of the graph's inputs. The last id is that of what every text has."""
        count = text.feature_count(rules.length, rules.words, self.pairs, self.ngrams) + 1
        return {IDS: tf.TensorSpec([None, count], tf.int32), WEIGHTS: tf.TensorSpec([None, count], tf.float32)}

    def ids(self, words):
        """`ops.text.Words` -> what `specs` says: each feature's inverse document frequency, of length 1 over a text."""
        ids = text.features(words, self.buckets, self.pairs, self.ngrams)
        inverse = tf.constant(np.concatenate([[0], self.held()]).astype(np.int32))
        weights = tf.cast(tf.gather(inverse, ids), tf.float32)
        size = tf.sqrt(tf.reduce_sum(weights * weights, 1, keepdims=True))
        one = tf.ones_like(ids[:, :1])
        weights = tf.concat([weights / tf.maximum(size, 1.0), tf.cast(one, tf.float32)], 1)
        return {IDS: tf.concat([ids, one * (self.buckets + 1)], 1), WEIGHTS: weights}

    def __call__(self, inputs, units, name):
        """Keras tensors -> [B, units]."""
        rows = Lookup(self.buckets + 2, units, embeddings_initializer="zeros", name=f"{name}_rows")(inputs[IDS])
        return WeightedSum(name=name)([rows, inputs[WEIGHTS]])
