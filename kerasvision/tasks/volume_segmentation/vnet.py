"""V-Net: "V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation" (Milletari, Navab,
Ahmadi 2016, arXiv:1606.04797, section 2): residual stages, strided convolutions in place of pooling.

Differs from the paper: batch normalization, ReLU in place of PReLU.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.layers.volume import convolve, enlarge
from kerasvision.tasks.volume_segmentation.task import VolumeSegmentation


@architectures.register("volume_segmentation/vnet")
@dataclasses.dataclass(frozen=True)
class VNet(VolumeSegmentation):
    """width: channels at full size; twice as many a level down, at most max_width. kernel: side of every convolution
    within a stage; the paper's is 5. A stage has one convolution at full size, two below and then three, as there.
    """

    max_width: int = 256
    kernel: int = 5

    def build(self):
        volume = self.volume_input()
        x = convolve(volume, self.width, self.kernel, "enter")
        skips = []
        for level in range(len(self.strides) + 1):
            if level:
                skips.append(x)
                x = convolve(x, self.wide(level), self.strides[level - 1], f"down{level}", self.strides[level - 1])
            x = self._stage(x, x, min(level + 1, 3), f"stage{level}")
        for level in reversed(range(len(skips))):
            up = enlarge(x, self.wide(level), self.strides[level], f"up{level}")
            x = keras.layers.Concatenate(name=f"up{level}_join")([skips[level], up])
            x = self._stage(x, up, min(level + 1, 3), f"up{level}_stage")
        return self.whole(volume, x)

    def _stage(self, x, shortcut, count, name):
        """`count` convolutions, with their shortcut added before the last activation."""
        width = shortcut.shape[-1]
        for number in range(1, count + 1):
            x = convolve(x, width, self.kernel, f"{name}_{number}", activation="relu" if number < count else None)
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
        return keras.layers.Activation("relu", name=f"{name}_relu")(x)
