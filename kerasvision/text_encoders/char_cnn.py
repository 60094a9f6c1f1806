"""Convolutions over the bytes of a text: "Character-level Convolutional Networks for Text Classification" (Zhang, Zhao,
LeCun 2015, arXiv:1509.01626), section 2. Differs from the paper: bytes of any script, lower-cased as words are, for
seventy characters; vectors of them are trained; batch normalization; and the last maxima are taken over the whole text,
so that two dense layers of its length are saved.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import text_encoders
from kerasvision.layers.norm import batch_norm
from kerasvision.layers.tokens import Lookup
from kerasvision.text_encoders.base import TextEncoder


@text_encoders.register("char_cnn")
@dataclasses.dataclass(frozen=True)
class CharCNN(TextEncoder):
    """size: of a byte's vector. filters: of each convolution. kernel: bytes that the first one sees, positions that
    each further one sees. levels: convolutions, each of which but the last halves the length by its stride, where the
    paper takes maxima. dropout: before what is made of the vector.
    """

    size: int = 16
    filters: int = 64
    kernel: int = 5
    levels: int = 3
    dropout: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if min(self.size, self.filters, self.kernel, self.levels) < 1 or not 0 <= self.dropout < 1:
            raise UsageError(
                f"char_cnn: size={self.size}, filters={self.filters}, kernel={self.kernel}, levels={self.levels}, "
                f"dropout={self.dropout}; allowed: 1 or more, dropout 0 to less than 1"
            )

    def specs(self, rules):
        return {"bytes": tf.TensorSpec([None, rules.length], tf.int32)}

    def ids(self, words, rules):
        return {"bytes": words.values[:, 1:]}

    def __call__(self, inputs, rules):
        x = Lookup(256, self.size, name="encoder_bytes")(inputs["bytes"])
        x = keras.layers.Reshape((rules.length, 1, self.size), name="encoder_rows")(x)
        for level in range(1, self.levels + 1):
            name, strides = f"encoder_level{level}", (1, 1) if level == self.levels else (2, 1)
            x = keras.layers.Conv2D(
                self.filters, (self.kernel, 1), strides, padding="same", use_bias=False, name=f"{name}_conv"
            )(x)
            x = keras.layers.ReLU(name=f"{name}_relu")(batch_norm(f"{name}_bn")(x))
        x = keras.layers.GlobalMaxPooling2D(name="encoder_most")(x)
        return keras.layers.Dropout(self.dropout, name="encoder_dropout")(x) if self.dropout else x
