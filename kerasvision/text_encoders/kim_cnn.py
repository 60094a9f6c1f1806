"""Convolutions of several widths over the vectors of words: "Convolutional Neural Networks for Sentence Classification"
(Kim 2014, arXiv:1408.5882), section 2, with vectors that are trained.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import text_encoders
from kerasvision.layers.tokens import Lookup
from kerasvision.text_encoders.base import TextEncoder


@text_encoders.register("kim_cnn")
@dataclasses.dataclass(frozen=True)
class KimCNN(TextEncoder):
    """size: of a word's vector. widths: of the kernels, in words. filters: of each width. dropout: before what is made
    of the vector, the paper's 0.5. word_dropout: of single numbers of words' vectors.
    """

    size: int = 64
    widths: tuple[int, ...] = (3, 4, 5)
    filters: int = 100
    dropout: float = 0.5
    word_dropout: float = 0.0

    needs_vocabulary = True

    def __post_init__(self):
        super().__post_init__()
        if not self.widths or min(self.widths) < 1 or min(self.size, self.filters) < 1:
            raise UsageError(
                f"kim_cnn: size={self.size}, widths={self.widths}, filters={self.filters}; allowed: 1 or more, and at "
                "least one width"
            )
        for name in ("dropout", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"kim_cnn: {name}={getattr(self, name)}; allowed: 0 to less than 1")

    def specs(self, rules):
        if max(self.widths) > rules.words:
            raise UsageError(f"kim_cnn: widths={self.widths} reach beyond words={rules.words}; set model.words higher")
        return {"words": tf.TensorSpec([None, rules.words], tf.int32)}

    def ids(self, words, rules):
        return {"words": rules.vocabulary_ids(words)}

    def __call__(self, inputs, rules):
        x = Lookup(rules.vocabulary_rows, self.size, name="encoder_words")(inputs["words"])
        if self.word_dropout:
            x = keras.layers.Dropout(self.word_dropout, name="encoder_word_dropout")(x)
        x = keras.layers.Reshape((rules.words, 1, self.size), name="encoder_rows")(x)
        found = []
        for width in self.widths:
            convolved = keras.layers.Conv2D(self.filters, (width, 1), name=f"encoder_conv{width}")(x)
            convolved = keras.layers.ReLU(name=f"encoder_relu{width}")(convolved)
            found.append(keras.layers.GlobalMaxPooling2D(name=f"encoder_most{width}")(convolved))
        x = found[0] if len(found) == 1 else keras.layers.Concatenate(name="encoder_joined")(found)
        return keras.layers.Dropout(self.dropout, name="encoder_dropout")(x) if self.dropout else x
