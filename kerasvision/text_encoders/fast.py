"""The mean of the vectors of hashed words, pairs of words and n-grams of characters: "Bag of Tricks for Efficient Text
Classification" (Joulin et al. 2016, arXiv:1607.01759), section 2, with the n-grams of "Enriching Word Vectors with
Subword Information" (Bojanowski et al. 2016, arXiv:1607.04606), section 3.2. It needs no vocabulary.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import text_encoders
from kerasvision.layers.tokens import Lookup, WeightedSum
from kerasvision.ops import text
from kerasvision.ops.text import shares
from kerasvision.text_encoders.base import TextEncoder


@text_encoders.register("fast")
@dataclasses.dataclass(frozen=True)
class Fast(TextEncoder):
    """size: of a vector. buckets: rows of the one table for all. pairs: of words, too. ngrams: sizes of n-grams in
    characters, 2 or more; a word's border counts as one. dropout: of the mean.
    """

    size: int = 32
    buckets: int = 16384
    pairs: bool = True
    ngrams: tuple[int, ...] = ()
    dropout: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if min(self.size, self.buckets) < 1 or any(n < 2 for n in self.ngrams) or not 0 <= self.dropout < 1:
            raise UsageError(
                f"fast: size={self.size}, buckets={self.buckets}, ngrams={self.ngrams}, dropout={self.dropout}; "
                "allowed: size and buckets from 1, n-grams from 2, dropout 0 to less than 1"
            )

    def specs(self, rules):
        count = text.feature_count(rules.length, rules.words, self.pairs, self.ngrams)
        return {
            "features": tf.TensorSpec([None, count], tf.int32),
            "shares": tf.TensorSpec([None, count], tf.float32),
        }

    def ids(self, words, rules):
        ids = text.features(words, self.buckets, self.pairs, self.ngrams)
        return {"features": ids, "shares": shares(ids)}

    def __call__(self, inputs, rules):
        rows = Lookup(self.buckets + 1, self.size, name="encoder_features")(inputs["features"])
        x = WeightedSum(name="encoder_mean")([rows, inputs["shares"]])
        return keras.layers.Dropout(self.dropout, name="encoder_dropout")(x) if self.dropout else x
