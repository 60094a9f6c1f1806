"""3D U-Net: "3D U-Net: Learning Dense Volumetric Segmentation from Sparse Annotation" (Çiçek, Abdulkadir, Lienkamp,
Brox, Ronneberger 2016, arXiv:1606.06650, section 2).

Differs from the paper: padded convolutions, so that every level fits its counterpart. Sparse annotation is what 255 in
a mask is for.
"""

import dataclasses

import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.layers.volume import MaxPool3D, convolve, enlarge
from kerasvision.tasks.volume_segmentation.task import VolumeSegmentation


@architectures.register("volume_segmentation/unet3d")
@dataclasses.dataclass(frozen=True)
class UNet3D(VolumeSegmentation):
    """width: channels before the first pooling, half of it in its first convolution; twice as many a level down, at
    most max_width. The paper has 64.
    """

    width: int = 32
    max_width: int = 256

    def build(self):
        volume = self.volume_input()
        x, skips = volume, []
        for level in range(len(self.strides) + 1):
            if level:
                skips.append(x)
                x = MaxPool3D(self.strides[level - 1], name=f"pool{level}")(x)
            wide = self.wide(level)
            # the first of the two has half of the channels, "to avoid bottlenecks"
            x = convolve(x, max(wide // 2, 1), 3, f"down{level}_1")
            x = convolve(x, wide, 3, f"down{level}_2")
        for level in reversed(range(len(skips))):
            x = enlarge(x, self.wide(level + 1), self.strides[level], f"up{level}")
            x = keras.layers.Concatenate(name=f"up{level}_join")([skips[level], x])
            for number in (1, 2):
                x = convolve(x, self.wide(level), 3, f"up{level}_{number}")
        return self.whole(volume, x)
