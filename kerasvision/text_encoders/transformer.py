"""A small transformer over the vectors of words: "Attention Is All You Need" (Vaswani et al. 2017, arXiv:1706.03762),
section 3, with the normalization before each branch of "On Layer Normalization in the Transformer Architecture" (Xiong
et al. 2020, arXiv:2002.04745) and learned positions. What is beyond a text's end is a word of its own, which attention
may look at; the mean is taken over the text's words.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import text_encoders
from kerasvision.layers.pre_norm import attended, branch, normed, widened
from kerasvision.layers.tokens import Lookup, Positions, WeightedSum
from kerasvision.ops.text import shares
from kerasvision.text_encoders.base import TextEncoder


@text_encoders.register("transformer")
@dataclasses.dataclass(frozen=True)
class Transformer(TextEncoder):
    """size: of a word's vector, all through, a multiple of heads. depth: blocks. dropout: of the words' vectors, and of
    each branch.
    """

    size: int = 64
    depth: int = 2
    heads: int = 4
    dropout: float = 0.1

    needs_vocabulary = True

    def __post_init__(self):
        super().__post_init__()
        wrong = min(self.size, self.depth, self.heads) < 1 or self.size % max(1, self.heads)
        if wrong or not 0 <= self.dropout < 1:
            raise UsageError(
                f"transformer: size={self.size}, depth={self.depth}, heads={self.heads}, dropout={self.dropout}; "
                "allowed: 1 or more, a size that is a multiple of heads, dropout 0 to less than 1"
            )

    def specs(self, rules):
        spec = tf.TensorSpec([None, rules.words], tf.int32)
        return {"words": spec, "shares": tf.TensorSpec([None, rules.words], tf.float32)}

    def ids(self, words, rules):
        ids = rules.vocabulary_ids(words)
        return {"words": ids, "shares": shares(ids)}

    def __call__(self, inputs, rules):
        x = Lookup(rules.vocabulary_rows, self.size, name="encoder_words")(inputs["words"])
        x = Positions(name="encoder_positions")(x)
        x = keras.layers.Dropout(self.dropout, name="encoder_positions_dropout")(x) if self.dropout else x
        x = keras.layers.Reshape((rules.words, 1, self.size), name="encoder_rows")(x)
        for number in range(1, self.depth + 1):
            x = branch(x, self._attended, f"encoder_attention{number}", self.dropout)
            x = branch(x, self._widened, f"encoder_feed{number}", self.dropout)
        x = keras.layers.Reshape((rules.words, self.size), name="encoder_flat")(normed(x, "encoder_norm"))
        return WeightedSum(name="encoder_mean")([x, inputs["shares"]])

    def _attended(self, x, name):
        return attended(x, self.size, self.heads, name)

    def _widened(self, x, name):
        return widened(x, self.size, name)
