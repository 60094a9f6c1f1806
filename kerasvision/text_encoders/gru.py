"""A gated recurrent unit in each direction over the vectors of words: "Learning Phrase Representations using RNN
Encoder-Decoder for Statistical Machine Translation" (Cho et al. 2014, arXiv:1406.1078), section 2.3; both directions:
Schuster and Paliwal 1997, doi:10.1109/78.650093. Unrolled, for the loops of TensorFlow have no integer form.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import text_encoders
from kerasvision.layers.tokens import Lookup
from kerasvision.text_encoders.base import TextEncoder


@text_encoders.register("gru")
@dataclasses.dataclass(frozen=True)
class GRU(TextEncoder):
    """size: of a word's vector. units: of each direction's state. dropout: before what is made of the vector."""

    size: int = 64
    units: int = 64
    dropout: float = 0.3

    needs_vocabulary = True

    def __post_init__(self):
        super().__post_init__()
        if min(self.size, self.units) < 1 or not 0 <= self.dropout < 1:
            raise UsageError(
                f"gru: size={self.size}, units={self.units}, dropout={self.dropout}; allowed: 1 or more, dropout 0 to "
                "less than 1"
            )

    def specs(self, rules):
        return {"words": tf.TensorSpec([None, rules.words], tf.int32)}

    def ids(self, words, rules):
        return {"words": rules.vocabulary_ids(words)}

    def __call__(self, inputs, rules):
        x = Lookup(rules.vocabulary_rows, self.size, name="encoder_words")(inputs["words"])
        states = [
            keras.layers.GRU(self.units, unroll=True, go_backwards=backwards, name=f"encoder_{name}")(x)
            for name, backwards in (("forwards", False), ("backwards", True))
        ]
        x = keras.layers.Concatenate(name="encoder_joined")(states)
        return keras.layers.Dropout(self.dropout, name="encoder_dropout")(x) if self.dropout else x
