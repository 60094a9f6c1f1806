"""Mix Transformer (MiT): "SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers" (Xie,
Wang, Yu, Anandkumar, Alvarez, Luo 2021, arXiv:2105.15203, section 3.1).

keras-cv's `MiTBackbone` laid flat, and its weights. keras-cv computes for square images only; here any fixed size
works. keras-cv also reshapes [B, C, N] to [B, H, W, C] before it reduces a sequence, which mixes channels with
positions. Its weights belong to that graph; a network of one's own is better off with the paper's reduction.
"""

import dataclasses
import typing

import tf_keras as keras

from kerasvision.backbones._applications import fetch
from kerasvision.backbones.base import Backbone, Normalization
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import backbones
from kerasvision.layers.activation import gelu_tanh
from kerasvision.layers.attention import Attention, gate, look_around

_DEPTHS = {
    "b0": (2, 2, 2, 2),
    "b1": (2, 2, 2, 2),
    "b2": (3, 4, 6, 3),
    "b3": (3, 4, 18, 3),
    "b4": (3, 8, 27, 3),
    "b5": (3, 6, 40, 3),
}
_HEADS, _REDUCTIONS = (1, 2, 5, 8), (8, 4, 2, 1)


@backbones.register("mix_transformer")
@dataclasses.dataclass(frozen=True)
class MixTransformer(Backbone):
    """Levels c2 ... c5. Images of a fixed size.

    drop_path: largest rate of stochastic depth, reached at the last block. reduction: how attention shortens its
    keys and values, "paper" or "keras_cv"; the ImageNet weights (size "b0") need "keras_cv".
    attention: beside the self-attention that every block has; `se`, `eca` and `cbam` stand in each block before the
    addition of its feed-forward branch, `non_local` and `self_attention` behind the last block of c5. Such layers start
    fresh beside ImageNet weights.
    """

    size: typing.Literal["b0", "b1", "b2", "b3", "b4", "b5"] = "b0"
    drop_path: float = 0.0
    reduction: typing.Literal["paper", "keras_cv"] = "paper"
    attention: Attention = "none"
    weights: str | None = None

    quantizable: typing.ClassVar[bool] = False  # attention and layer normalization

    @property
    def normalization(self):
        return Normalization(mean=(0.0,), std=(255.0,))

    def __call__(self, x):
        if None in x.shape[1:3]:
            raise KerasVisionError("mix_transformer needs a fixed image_size")
        widths = (32, 64, 160, 256) if self.size == "b0" else (64, 128, 320, 512)
        depths = _DEPTHS[self.size]
        levels, done = {}, 0
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            name = f"backbone_stage{stage}"
            x = _embed(x, width, *((7, 4) if stage == 0 else (3, 2)), f"{name}_embed")
            for block in range(depth):
                drop = self.drop_path * done / (sum(depths) - 1)
                x = self._block(x, stage, drop, f"{name}_block{block}")
                done += 1
            if stage == len(depths) - 1:
                x = look_around(x, self.attention, f"{name}_look_attention")
            x = keras.layers.LayerNormalization(name=f"{name}_norm")(x)
            levels[f"c{stage + 2}"] = x
        return levels

    def _block(self, x, stage, drop, name):
        """x + attention(norm(x)), then x + mix_ffn(norm(x))."""
        y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm1")(x)
        y = _attention(y, _HEADS[stage], _REDUCTIONS[stage], self.reduction, name)
        x = _add(x, y, drop, f"{name}_1")
        y = keras.layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm2")(x)
        y = keras.layers.Dense(4 * x.shape[-1], name=f"{name}_fc1")(y)
        y = keras.layers.DepthwiseConv2D(3, padding="same", name=f"{name}_depthwise")(y)  # equation 3
        y = keras.layers.Activation(gelu_tanh, name=f"{name}_gelu")(y)
        y = keras.layers.Dense(x.shape[-1], name=f"{name}_fc2")(y)
        y = gate(y, self.attention, f"{name}_gate_attention")
        return _add(x, y, drop, f"{name}_2")

    def published_weights(self, source):
        if source != "imagenet":
            raise KerasVisionError(f"weights={str(source)!r} holds no layers of mix_transformer")
        if self.reduction != "keras_cv":
            raise KerasVisionError('the ImageNet weights of mix_transformer need reduction="keras_cv"')
        from keras_cv.models import MiTBackbone

        preset = f"mit_{self.size}_imagenet"
        return weights_of(fetch(self.registered_name, source, lambda: MiTBackbone.from_preset(preset)))


def weights_of(published):
    """Layer name -> arrays of this backbone, of a `keras_cv.models.MiTBackbone`."""
    named = {}
    norms = [x for x in published.layers if isinstance(x, keras.layers.LayerNormalization)]
    for stage, depth in enumerate(published.depths):
        name = f"backbone_stage{stage}"
        embed = published.get_layer(f"patch_and_embed_{stage}")
        parts = {f"{name}_embed_conv": embed.proj, f"{name}_embed_norm": embed.norm, f"{name}_norm": norms[stage]}
        for block in range(depth):
            encoder, inner = published.get_layer(f"hierarchical_encoder_{stage}_{block}"), f"{name}_block{block}"
            parts |= {f"{inner}_norm1": encoder.norm1, f"{inner}_norm2": encoder.norm2}
            parts |= {f"{inner}_fc1": encoder.mlp.fc1, f"{inner}_fc2": encoder.mlp.fc2}
            parts[f"{inner}_depthwise"] = encoder.mlp.dwconv
            if _REDUCTIONS[stage] > 1:
                parts |= {f"{inner}_reduce_conv": encoder.attn.sr, f"{inner}_reduce_norm": encoder.attn.norm}
            named[f"{inner}_attention"] = _attention_weights(encoder.attn, _HEADS[stage])
        named |= {n: part.get_weights() for n, part in parts.items()}
    return named


def _attention_weights(attention, heads):
    """Kernels and biases of Dense layers, split by heads as `MultiHeadAttention` keeps them."""
    arrays = []
    for dense in (attention.q, attention.k, attention.v):
        kernel, bias = dense.get_weights()
        arrays += [kernel.reshape(len(kernel), heads, -1), bias.reshape(heads, -1)]
    kernel, bias = attention.proj.get_weights()
    return [*arrays, kernel.reshape(heads, -1, kernel.shape[-1]), bias]


def _embed(x, width, kernel, stride, name):
    """Overlapped patch merging."""
    x = keras.layers.Conv2D(width, kernel, stride, padding="same", name=f"{name}_conv")(x)
    return keras.layers.LayerNormalization(name=f"{name}_norm")(x)


def _attention(x, heads, ratio, reduction, name):
    """Efficient self-attention (equations 1, 2): keys and values from a map `ratio` times smaller a side."""
    h, w, width = x.shape[1:]
    sequence = keras.layers.Reshape((h * w, width), name=f"{name}_sequence")(x)
    short = sequence
    if ratio > 1:
        if reduction == "keras_cv":
            x = keras.layers.Permute((2, 1), name=f"{name}_mix")(sequence)
            x = keras.layers.Reshape((h, w, width), name=f"{name}_mix_map")(x)
        x = keras.layers.Conv2D(width, ratio, ratio, padding="same", name=f"{name}_reduce_conv")(x)
        if reduction == "keras_cv":
            x = keras.layers.Reshape((width, -1), name=f"{name}_unmix")(x)
            x = keras.layers.Permute((2, 1), name=f"{name}_unmix_map")(x)
        else:
            x = keras.layers.Reshape((-1, width), name=f"{name}_reduced")(x)
        short = keras.layers.LayerNormalization(name=f"{name}_reduce_norm")(x)
    attend = keras.layers.MultiHeadAttention(heads, width // heads, name=f"{name}_attention")
    return keras.layers.Reshape((h, w, width), name=f"{name}_map")(attend(sequence, short))


def _add(x, y, drop, name):
    if drop:
        y = keras.layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(y)
    return keras.layers.Add(name=f"{name}_add")([x, y])
