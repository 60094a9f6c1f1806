"""The contract of every neck, and the layers that necks are made of."""

import abc
import typing

import tf_keras as keras

from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.layers.norm import batch_norm

Activation = typing.Literal["relu", "relu6", "swish"]


class Neck(Component):
    """Abstract. Final subclasses are frozen dataclasses. first, last: the pyramid levels that it gives."""

    kind = "necks"
    width: int
    first: int
    last: int

    def __post_init__(self):
        super().__post_init__()
        if self.width < 1 or not 1 <= self.first < self.last:
            raise UsageError(
                f"{type(self).__name__}: width={self.width}, first={self.first}, last={self.last}; "
                "give a width of at least 1, and 1 <= first < last"
            )

    @abc.abstractmethod
    def __call__(self, levels):
        """Apply the layers to `{"c3": ..., "c5": ...}`, Keras tensors of stride 2**k -> `{"p3": ..., ...}`, all `width`
        channels, of stride 2**k too. Only Keras layers, no nested model, no Lambda. Layer names start with `neck_`.
        """

    def inputs(self, levels):
        """The backbone's levels this neck reads, `{k: tensor}` from `first` up; those above are the neck's own."""
        strides = [int(name[1:]) for name in levels if name.startswith("c")]  # `head` is for classification
        highest = max(strides, default=0)
        wanted = range(self.first, min(self.last, highest) + 1)
        missing = [f"c{k}" for k in wanted if f"c{k}" not in levels]
        if missing or not wanted:
            raise KerasVisionError(
                f"{self.registered_name}: the backbone gives {', '.join(sorted(levels))}, and first={self.first} needs "
                f"{', '.join(missing) or f'c{self.first}'}; choose another backbone or neck.first"
            )
        return {k: levels[f"c{k}"] for k in wanted}


def convolve(x, width, kernel, stride, name, activation=None, normalize=True):
    """Convolution, batch normalization (else a bias) and activation."""
    x = keras.layers.Conv2D(
        width,
        kernel,
        stride,
        padding="same",
        use_bias=not normalize,
        kernel_initializer="he_uniform",
        name=f"{name}_conv",
    )(x)
    if normalize:
        x = batch_norm(f"{name}_bn")(x)
    return activate(x, activation, f"{name}_{activation}") if activation else x


def activate(x, activation, name):
    """One activation layer, of a kind that quantization-aware training folds into what is before it."""
    if activation == "relu6":
        return keras.layers.ReLU(6.0, name=name)(x)
    return keras.layers.Activation(activation, name=name)(x)


def enlarge(x, like, name):
    """x doubled, nearest, and cut to the height and width of `like`, which may be one less where a side was odd."""
    x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_up")(x)
    surplus = [a - b for a, b in zip(x.shape[1:3], like.shape[1:3], strict=True)]
    if any(surplus):
        x = keras.layers.Cropping2D([(0, s) for s in surplus], name=f"{name}_crop")(x)
    return x
