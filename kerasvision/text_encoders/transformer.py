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
from kerasvision.layers.attention import DotProductAttention
from kerasvision.layers.tokens import Lookup, Positions, WeightedSum
from kerasvision.text_encoders.base import TextEncoder, shares


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
        x = self._dropped(Positions(name="encoder_positions")(x), "encoder_positions")
        x = keras.layers.Reshape((rules.words, 1, self.size), name="encoder_rows")(x)
        for number in range(1, self.depth + 1):
            x = self._branch(x, self._attended, f"encoder_attention{number}")
            x = self._branch(x, self._widened, f"encoder_feed{number}")
        x = keras.layers.LayerNormalization(name="encoder_norm")(x)
        x = keras.layers.Reshape((rules.words, self.size), name="encoder_flat")(x)
        return WeightedSum(name="encoder_mean")([x, inputs["shares"]])

    def _branch(self, x, function, name):
        normed = keras.layers.LayerNormalization(name=f"{name}_norm")(x)
        return keras.layers.Add(name=f"{name}_add")([x, self._dropped(function(normed, name), name)])

    def _attended(self, x, name):
        asked = [  # a bias of all keys alike would change no softmax
            keras.layers.Conv2D(self.size, 1, use_bias=part != "key", name=f"{name}_{part}")(x)
            for part in ("query", "key", "value")
        ]
        x = DotProductAttention(self.heads, name=name)(asked)
        return keras.layers.Conv2D(self.size, 1, name=f"{name}_out")(x)

    def _widened(self, x, name):
        x = keras.layers.Conv2D(4 * self.size, 1, activation="relu", name=f"{name}_wide")(x)
        return keras.layers.Conv2D(self.size, 1, name=f"{name}_out")(x)

    def _dropped(self, x, name):
        return keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(x) if self.dropout else x
