"""Branches of a transformer with the normalization before each of them: "On Layer Normalization in the Transformer
Architecture" (Xiong et al. 2020, arXiv:2002.04745, figure 1b). Rows of tokens are maps [B, T, 1, D], so that dense
layers are convolutions, for which quantization-aware training has rules.
"""

import tf_keras as keras

from kerasvision.layers.attention import DotProductAttention
from kerasvision.layers.norm import LayerNorm


def branch(x, function, name, dropout=0.0):
    """x + dropout(function(norm(x), name))."""
    y = function(normed(x, f"{name}_norm"), name)
    y = keras.layers.Dropout(dropout, name=f"{name}_dropout")(y) if dropout else y
    return keras.layers.Add(name=f"{name}_add")([x, y])


def normed(x, name):
    """Layer normalization."""
    return LayerNorm(name=name)(x)


def attended(x, size, heads, name):
    """Attention of all tokens to all, [B, T, 1, size]: "Attention Is All You Need" (Vaswani et al. 2017,
    arXiv:1706.03762, section 3.2.2).
    """
    asked = [  # a bias of all keys alike would change no softmax
        keras.layers.Conv2D(size, 1, use_bias=part != "key", name=f"{name}_{part}")(x)
        for part in ("query", "key", "value")
    ]
    x = DotProductAttention(heads, name=name)(asked)
    return keras.layers.Conv2D(size, 1, name=f"{name}_out")(x)


def widened(x, size, name):
    """Two dense layers, the first of 4 size (arXiv:1706.03762, section 3.3)."""
    x = keras.layers.Conv2D(4 * size, 1, activation="relu", name=f"{name}_wide")(x)
    return keras.layers.Conv2D(size, 1, name=f"{name}_out")(x)
