"""A plain convolutional network over volumes: "3D Convolutional Neural Networks for Human Action Recognition" (Ji, Xu,
Yang, Yu 2013, doi:10.1109/TPAMI.2012.59), with 3x3x3 kernels all through as in C3D (Tran et al. 2015, arXiv:1412.0767,
section 3.1).
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.layers.volume import MaxPool3D, convolve
from kerasvision.ops import dense, volumes
from kerasvision.tasks._one_of_several import OneOfSeveral, Scaling, TuneFor
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.tasks.volume import VolumeArchitecture


@architectures.register("volume_classification/cnn3d")
@dataclasses.dataclass(frozen=True)
class CNN3D(OneOfSeveral, VolumeArchitecture):
    """Predictions: `probabilities` float32 [B, K].

    A volume is resampled to volume_size, whatever its shape; with spacing_mm it is resampled to that, and its center
    cut or padded to volume_size. width: channels of the first stage; twice as many after each pooling by `strides`, at
    most max_width. dropout: before the last layer. Other fields: `tasks.volume.VolumeArchitecture` and `OneOfSeveral`.
    """

    num_classes: int = 0
    volume_size: tuple[int, int, int] = (32, 64, 64)
    channels: int = 1
    spacing_mm: tuple[float, ...] = ()
    window: tuple[float, ...] = ()
    width: int = 16
    max_width: int = 256
    strides: tuple[tuple[int, int, int], ...] = ((2, 2, 2), (2, 2, 2), (2, 2, 2))
    dropout: float = 0.0
    label_smoothing: float = 0.0
    tune_for: TuneFor = "nothing"
    class_factors: tuple[float, ...] = ()
    scaling: Scaling = "nothing"
    class_sets: ClassSets = ClassSets()

    name: typing.ClassVar[str] = "volume_classification"

    def build(self):
        self.require_classes()
        self.check_strides()
        volume = keras.Input((*self.volume_size, self.channels), name="volume")
        x = volume
        for level in range(len(self.strides) + 1):
            if level:
                x = MaxPool3D(self.strides[level - 1], name=f"pool{level}")(x)
            for number in (1, 2):
                x = convolve(x, self.wide(level), 3, f"stage{level}_{number}")
        # TFLite has no mean over five axes: the voxels stand in one row
        x = keras.layers.Reshape((-1, x.shape[-1]), name="row")(x)
        x = keras.layers.GlobalAveragePooling1D(name="average")(x)
        if self.dropout:
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        logits = keras.layers.Dense(self.num_classes, name="logits")(x)
        return keras.Model({"volume": volume}, {"logits": logits}, name=self.name)

    def geometry(self, inputs):
        return {"volume": self._fit(self.standardized(inputs["volume"], inputs["spacing_mm"]))}, {}

    def receive(self, sample):
        """The volume standardized, before it is augmented: as `geometry` does it when serving."""
        volume = self.standardized(sample["volume"][None], sample["spacing_mm"][None])[0]
        spacing = tf.constant(self.spacing_mm) if self.spacing_mm else sample["spacing_mm"]
        return sample | {"volume": volume, "spacing_mm": spacing}

    def example(self, sample):
        return {"volume": self._fit(sample["volume"][None])[0]}, self.encode(sample)

    def preprocessing(self):
        if not self.spacing_mm:
            return super().preprocessing() | {"resize": "stretch"}
        padding = {"value": "minimum", "placement": "center"}
        return super().preprocessing() | {"resize": "center_crop_or_pad", "padding": padding}

    def _fit(self, volume):
        """[B, D, H, W, C] -> [B, *volume_size, C]."""
        if not self.spacing_mm:
            return tf.ensure_shape(volumes.resize(volume, self.volume_size), [None, *self.volume_size, self.channels])
        return tf.map_fn(lambda one: dense.centered(one, self.volume_size, tf.reduce_min(one)), volume)
