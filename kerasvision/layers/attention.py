"""Attention over feature maps, [B, H, W, C] -> [B, H, W, C]: functions from tensor to tensor, of flat Keras layers.

squeeze_excite, eca, cbam: a factor in 0..1 for each channel (CBAM: then for each position), learned from the map.
non_local, self_attention: each position looks at all others, so their cost grows with (H W)^2: for coarse maps.

Where they stand in a backbone that says nothing else: a gate in every block, on the branch before it is added (in
a network without shortcuts on what a block gives: arXiv:1709.01507, section 3.3); what looks at all positions once,
behind the last block of the coarsest level, as a residual that starts as the identity.

What is no convolution, pooling or multiplication is a small layer here (`ChannelPool`, `DotProductAttention`) which
quantization-aware training watches at its output alone (`quantize_output_only`).
"""

import math
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.layers.norm import batch_norm

Attention = typing.Literal["none", "se", "eca", "cbam", "non_local", "self_attention"]
GATES = ("se", "eca", "cbam")  # of a residual branch, before the addition
HEADS = 4  # Bottleneck Transformers (arXiv:2101.11605), section 3
LEAST_HIDDEN = 8  # channels of a gate's bottleneck, where C / ratio would be fewer


def gate(x, kind, name):
    """The attention of a residual branch by its name; any that is not in GATES changes nothing."""
    return {"se": squeeze_excite, "eca": eca, "cbam": cbam}[kind](x, name) if kind in GATES else x


def look_around(x, kind, name):
    """What a backbone's coarsest level becomes by the name of its attention; only `non_local` and `self_attention`
    change it. Self-attention gets the shortcut and the normalization of the non-local block, whose scale starts at 0.
    """
    if kind == "self_attention":
        y = batch_norm(f"{name}_norm", gamma="zeros")(self_attention(x, x.shape[-1], name))
        return keras.layers.Add(name=f"{name}_add")([x, y])
    return non_local(x, name) if kind == "non_local" else x


def squeeze_excite(x, name, ratio=16):
    """x * sigmoid(W2 relu(W1 mean(x))): "Squeeze-and-Excitation Networks" (Hu, Shen, Albanie, Sun, Wu 2018,
    arXiv:1709.01507, equations 2-4). ratio: r, between the channels and the bottleneck's.
    """
    y = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    y = keras.layers.Conv2D(_hidden(x, ratio), 1, activation="relu", name=f"{name}_reduce")(y)
    y = keras.layers.Conv2D(x.shape[-1], 1, name=f"{name}_expand")(y)
    y = keras.layers.Activation("sigmoid", name=f"{name}_excite")(y)
    return keras.layers.Multiply(name=f"{name}_scale")([x, y])


def eca(x, name):
    """x * sigmoid(conv_k(mean(x))), a convolution along the channels, k of `eca_kernel`.

    "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks" (Wang, Wu, Zhu, Li, Zuo, Hu 2020,
    arXiv:1910.03151, equation 9). Channels stand as rows of a one pixel wide map: a Conv2D has int8 kernels and a rule
    in quantization-aware training, a Conv1D has none.
    """
    channels = x.shape[-1]
    y = keras.layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
    y = keras.layers.Reshape((channels, 1, 1), name=f"{name}_rows")(y)
    kernel = (eca_kernel(channels), 1)
    y = keras.layers.Conv2D(1, kernel, padding="same", use_bias=False, name=f"{name}_conv")(y)
    y = keras.layers.Reshape((1, 1, channels), name=f"{name}_channels")(y)
    y = keras.layers.Activation("sigmoid", name=f"{name}_excite")(y)
    return keras.layers.Multiply(name=f"{name}_scale")([x, y])


def eca_kernel(channels, gamma=2, b=1):
    """|log2(C) / gamma + b / gamma|_odd, the nearest odd number: arXiv:1910.03151, equation 12, as the authors' code
    rounds it: down, then up to the next odd one.
    """
    k = int(abs((math.log2(channels) + b) / gamma))
    return k if k % 2 else k + 1


def cbam(x, name, ratio=16, kernel=7):
    """Channels, then positions: "CBAM: Convolutional Block Attention Module" (Woo, Park, Lee, Kweon 2018,
    arXiv:1807.06521). Equation 2: x' = x * sigmoid(mlp(mean(x)) + mlp(max(x))), one mlp for both. Equation 3:
    x' * sigmoid(conv_7x7([mean of channels, max of channels])).
    """
    reduce = keras.layers.Conv2D(_hidden(x, ratio), 1, activation="relu", name=f"{name}_reduce")
    expand = keras.layers.Conv2D(x.shape[-1], 1, name=f"{name}_expand")
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    peak = keras.layers.GlobalMaxPooling2D(keepdims=True, name=f"{name}_max")(x)
    y = keras.layers.Add(name=f"{name}_sum")([expand(reduce(mean)), expand(reduce(peak))])
    y = keras.layers.Activation("sigmoid", name=f"{name}_channel_gate")(y)
    x = keras.layers.Multiply(name=f"{name}_channel_scale")([x, y])
    # a convolution each, added, in place of one over both: a concatenation has one int8 range, which the converter
    # also imposes on x through the maximum, and clips x (3 % of a test's values were off by 5 % of the range)
    parts = []
    for part in ("mean", "max"):
        y = ChannelPool(part, name=f"{name}_channel_{part}")(x)
        bias = part == "mean"
        parts.append(keras.layers.Conv2D(1, kernel, padding="same", use_bias=bias, name=f"{name}_spatial_{part}")(y))
    y = keras.layers.Add(name=f"{name}_spatial_sum")(parts)
    y = keras.layers.Activation("sigmoid", name=f"{name}_spatial_gate")(y)
    return keras.layers.Multiply(name=f"{name}_scale")([x, y])


def non_local(x, name):
    """x + norm(W_z softmax(theta(x) phi(x)^T) g(x)), the embedded Gaussian.

    "Non-local Neural Networks" (Wang, Girshick, Gupta, He 2018, arXiv:1711.07971, equations 1, 4, 6; section 3.3: half
    the channels inside; section 4.1: batch normalization after W_z whose scale starts at 0, so that the block starts
    as the identity). The softmax has no 1 / sqrt(d), as in the paper.
    """
    inside = max(1, x.shape[-1] // 2)
    theta, phi, g = (keras.layers.Conv2D(inside, 1, name=f"{name}_{part}")(x) for part in ("theta", "phi", "g"))
    y = DotProductAttention(heads=1, scaled=False, name=f"{name}_softmax")([theta, phi, g])
    y = keras.layers.Conv2D(x.shape[-1], 1, use_bias=False, name=f"{name}_out")(y)
    y = batch_norm(f"{name}_norm", gamma="zeros")(y)
    return keras.layers.Add(name=f"{name}_add")([x, y])


def self_attention(x, width, name, heads=HEADS, position: typing.Literal["relative", "none"] = "relative"):
    """Multi-head self-attention over positions, [B, H, W, C] -> [B, H, W, width], without a shortcut.

    softmax(q k^T / sqrt(d)) v with d = width / heads: "Attention Is All You Need" (Vaswani et al. 2017,
    arXiv:1706.03762, equation 1). position "relative" adds learned embeddings of the distances in rows and columns:
    "Attention Augmented Convolutional Networks" (Bello et al. 2019, arXiv:1904.09925, equation 3). Heads are
    concatenated and not projected, as in "Bottleneck Transformers" (Srinivas et al. 2021, arXiv:2101.11605, figure 4).
    "relative" needs a map of a fixed size.
    """
    if width % heads:
        raise KerasVisionError(f"self-attention of {width} channels in {heads} heads; a multiple of {heads} is needed")
    q, k, v = (
        keras.layers.Conv2D(width, 1, use_bias=False, name=f"{name}_{part}")(x) for part in ("query", "key", "value")
    )
    return DotProductAttention(heads, relative=position == "relative", name=f"{name}_softmax")([q, k, v])


def _hidden(x, ratio):
    return max(LEAST_HIDDEN, x.shape[-1] // ratio)


@keras.utils.register_keras_serializable("kerasvision")
class ChannelPool(keras.layers.Layer):
    """Mean or maximum over the channels: [B, H, W, C] -> [B, H, W, 1]. arXiv:1807.06521, equation 3."""

    quantize_output_only = True

    def __init__(self, kind: typing.Literal["mean", "max"], name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.kind = kind

    def call(self, x):
        return (tf.reduce_mean if self.kind == "mean" else tf.reduce_max)(x, -1, keepdims=True)

    def get_config(self):
        return super().get_config() | {"kind": self.kind}


@keras.utils.register_keras_serializable("kerasvision")
class DotProductAttention(keras.layers.Layer):
    """Queries, keys and values, each [B, H, W, heads * d] -> [B, H, W, heads * d]: softmax(q k^T) v for each head.

    scaled: q is divided by sqrt(d). relative: q k^T is q (k + r_row + r_column)^T with an embedding [2H - 1, d] of the
    distances in rows and one [2W - 1, d] in columns, shared by the heads (arXiv:1904.09925, equations 3-5). The softmax
    is float32 whatever the policy.
    """

    quantize_output_only = True

    def __init__(self, heads, scaled=True, relative=False, name=None, trainable=True, dtype=None):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.heads, self.scaled, self.relative = heads, scaled, relative

    def build(self, input_shape):
        _, h, w, channels = input_shape[0]
        self.depth = channels // self.heads
        if self.relative and None in (h, w):
            raise KerasVisionError(
                "self-attention with relative positions needs a fixed image_size; use position='none'"
            )
        if self.relative:
            for name, side in (("rows", h), ("columns", w)):  # an initializer each: one would draw equal values
                normal = keras.initializers.RandomNormal(stddev=self.depth**-0.5)
                setattr(self, name, self.add_weight(name, shape=(2 * side - 1, self.depth), initializer=normal))
        super().build(input_shape)

    def call(self, inputs):
        logits, v, h, w = self._compared(inputs)
        y = tf.transpose(tf.matmul(tf.nn.softmax(logits), v), [0, 2, 1, 3])
        return tf.cast(tf.reshape(y, [-1, h, w, self.heads * self.depth]), inputs[0].dtype)

    def looks_at(self, inputs):
        """What `call` takes -> how much each position looks at each other, [B, heads, N, N] with N = H W: rows that add
        up to 1.
        """
        return tf.nn.softmax(self._compared(inputs)[0])

    def _compared(self, inputs):
        """(logits [B, heads, N, N], values by head, H, W)."""
        size = tf.shape(inputs[0])
        h, w = (inputs[0].shape[axis] or size[axis] for axis in (1, 2))
        q, k, v = (self._by_head(tf.cast(x, tf.float32), h * w) for x in inputs)
        if self.scaled:
            q = q * self.depth**-0.5
        logits = tf.matmul(q, k, transpose_b=True)  # [B, heads, N, N]  N = H W
        return (self._with_positions(logits, q, h, w) if self.relative else logits), v, h, w

    def _by_head(self, x, positions):
        """[B, H, W, heads * d] -> [B, heads, N, d]."""
        return tf.transpose(tf.reshape(x, [-1, positions, self.heads, self.depth]), [0, 2, 1, 3])

    def _with_positions(self, logits, q, h, w):
        """logits + q r_row^T + q r_column^T, in three axes: TFLite broadcasts in few."""
        q = tf.reshape(q, [-1, h, w, self.depth])  # [B heads, H, W, d]
        along_rows = tf.transpose(self._distances(tf.transpose(q, [1, 0, 2, 3]), self.rows, h), [1, 0, 2, 3])
        along_columns = tf.transpose(self._distances(tf.transpose(q, [2, 0, 1, 3]), self.columns, w), [1, 2, 0, 3])
        cells = tf.reshape(logits, [-1, h, w])  # a query each: the map of its keys
        cells += tf.reshape(along_rows, [-1, h, 1]) + tf.reshape(along_columns, [-1, 1, w])
        return tf.reshape(cells, [-1, self.heads, h * w, h * w])

    def _distances(self, q, embedding, side):
        """Queries by their own coordinate [S, a, b, d] -> products with the embedding of each distance [S, a, b, S]."""
        a, b = tf.shape(q)[1], tf.shape(q)[2]
        coordinate = tf.range(side)
        table = tf.gather(tf.cast(embedding, tf.float32), coordinate[None] - coordinate[:, None] + side - 1)
        products = tf.matmul(tf.reshape(q, [side, -1, self.depth]), table, transpose_b=True)
        return tf.reshape(products, [side, a, b, side])

    def get_config(self):
        return super().get_config() | {"heads": self.heads, "scaled": self.scaled, "relative": self.relative}
