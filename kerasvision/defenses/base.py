"""The contract of every defense: pixels to pixels, by operators that every runtime has."""

import abc
import typing

import tensorflow as tf

from kerasvision.core.component import Component


class Defense(Component):
    """Abstract. Final subclasses are frozen dataclasses. `backbones/defended` puts them in front of another backbone.

    rounds: it rounds what it takes, which every runtime does alike where no value is close to a half: of whole pixels,
    and of what defenses make that `keeps_apart`. moves: it puts what is in a picture elsewhere, so that nothing behind
    it can say where something is.

    None of them is a proof, and each has been broken by attacks that were made for it (Athalye et al. 2018,
    arXiv:1802.00420; He et al. 2017, arXiv:1706.04701): what it is worth says `kerasvision attack`, which sees through.
    """

    kind = "defenses"
    rounds: typing.ClassVar[bool] = True
    keeps_apart: typing.ClassVar[bool] = False
    moves: typing.ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(self, pixels):
        """float32 [B, h, w, C], pixels 0..255, h and w static -> the same. Pure TensorFlow of TFLite's and ONNX's
        builtin operators, without weights, each picture by itself.
        """


def let_through(pixels, squeezed):
    """What was made of pixels, with the gradient of the pixels: "Estimating or Propagating Gradients Through Stochastic
    Neurons for Conditional Computation" (Bengio et al. 2013, arXiv:1308.3432, section 4), by which an attack sees
    through (backward pass differentiable approximation, arXiv:1802.00420, section 4.1).
    """
    return pixels + tf.stop_gradient(squeezed - pixels)
