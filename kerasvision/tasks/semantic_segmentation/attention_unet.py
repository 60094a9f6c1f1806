"""Attention U-Net: "Attention U-Net: Learning Where to Look for the Pancreas" (Oktay et al. 2018, arXiv:1804.03999):
each skip goes through a gate that the coarser level opens.

Differs from the paper: the gate is computed at the finer level's size, so that any pair of levels fits.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.necks.base import convolve, enlarge
from kerasvision.tasks.semantic_segmentation._decoder import expand
from kerasvision.tasks.semantic_segmentation.task import SemanticSegmentation


@architectures.register("semantic_segmentation/attention_unet")
@dataclasses.dataclass(frozen=True)
class AttentionUNet(SemanticSegmentation):
    """width, max_width: as in `UNet`."""

    width: int = 32
    max_width: int = 256

    def build(self):
        image = self.image_input()
        return self.whole(image, expand(self.backbone(image), self.width, self.max_width, _gated))


def _gated(skip, signal, width, name):
    """Equations 1 and 2: alpha = sigmoid(psi(relu(W_x x + W_g g))), one for each position; the answer is alpha x."""
    inner = max(width // 2, 1)
    from_skip = convolve(skip, inner, 1, 1, f"{name}_x")
    from_signal = convolve(signal, inner, 1, 1, f"{name}_g")
    joined = keras.layers.Add(name=f"{name}_add")([from_skip, enlarge(from_signal, skip, f"{name}_g")])
    joined = keras.layers.ReLU(name=f"{name}_relu")(joined)
    alpha = keras.layers.Conv2D(1, 1, name=f"{name}_psi")(joined)
    alpha = keras.layers.Activation("sigmoid", name=f"{name}_alpha")(alpha)
    return keras.layers.Multiply(name=f"{name}_open")([skip, alpha])
