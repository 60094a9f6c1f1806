"""DB: "Real-time Scene Text Detection with Differentiable Binarization" (Liao, Wan, Yao, Chen, Bai 2019,
arXiv:1911.08947).

Differs from the paper: the map has a cell for each `stride` pixels; layers are enlarged by nearest doubling and a
convolution in place of transposed convolutions; the approximate binary map is learned by Dice's coefficient; borders of
the threshold map are mitered; quads are made of moments, and unclipped by the exact reverse of the shrinking.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import architectures, necks
from kerasvision.losses import binarization
from kerasvision.necks.base import Neck, convolve
from kerasvision.tasks.text_detection.task import TextDetection

LOW, HIGH = 0.3, 0.7  # of the threshold map (section 3.4)
_CERTAIN = 20.0  # a logit


@architectures.register("text_detection/db")
@dataclasses.dataclass(frozen=True)
class DB(TextDetection):
    """Raw: `text` and `border` logits [B, h, w, 1]; `border`, the threshold map, is learned from and in no file.
    Targets: `text` 1, 0, or -1 of no account; `border` LOW to HIGH, -1 where there is none.

    neck: a pyramid whose levels are brought to the finest one's size and joined. width: of the convolutions after it.
    binary_weight, border_weight: alpha and beta of equation 7, of the approximate binary map and the threshold map.
    """

    neck: Neck = dataclasses.field(default_factory=lambda: necks["fpn"](width=64, first=2, last=5))
    width: int = 64
    binary_weight: float = 1.0
    border_weight: float = 10.0

    def __post_init__(self):
        super().__post_init__()
        finest, coarsest = 2**self.neck.first, 2**self.neck.last
        if finest < self.stride or any(side % coarsest for side in self.image_size):
            raise KerasVisionError(
                f"{self.registered_name}: image_size={self.image_size}, stride={self.stride} and the neck's levels "
                f"{self.neck.first} to {self.neck.last}; allowed: multiples of {coarsest}, and a stride of at most "
                f"{finest}"
            )

    def build(self):
        image = keras.Input((*self.image_size, 3), name="image")
        pyramid = self.neck(self.backbone(image))
        finest, levels = pyramid[f"p{self.neck.first}"], []
        for level, x in pyramid.items():
            x = convolve(x, max(self.width // 4, 4), 3, 1, f"join_{level}", "relu")
            for number in range(int(level[1:]) - self.neck.first):
                x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"join_{level}_up{number}")(x)
            levels.append(x)
        joined = keras.layers.Concatenate(name="joined")(levels)
        if joined.shape[1:3] != finest.shape[1:3]:
            raise KerasVisionError(f"{self.registered_name}: the levels of its pyramid do not double")
        raw = {name: self._head(joined, name) for name in ("text", "border")}
        return keras.Model({"image": image}, raw, name=self.name)

    def _head(self, x, name):
        """Logits of a map, enlarged step by step to its size."""
        x = convolve(x, self.width, 3, 1, f"{name}_0", "relu")
        for number in range(1, 1 + (2**self.neck.first // self.stride).bit_length() - 1):
            x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_{number}_up")(x)
            x = convolve(x, max(self.width // 4, 4), 3, 1, f"{name}_{number}", "relu")
        return keras.layers.Conv2D(1, 3, padding="same", name=name)(x)

    def answering(self, graph):
        return keras.Model(graph.input, {"text": graph.output["text"]}, name=self.name)

    def encode(self, sample):
        """The text map; and of cells not farther outside of a quad than it was shrunk by, HIGH on its sides, falling to
        LOW at that distance either way (section 3.4, figure 6).
        """
        distances, moved = self.distances(sample)
        near = tf.maximum(1.0 - tf.abs(distances) / tf.maximum(moved[:, None], 1e-6), 0.0)
        taught = tf.reduce_any(distances > -moved[:, None], 0)
        height = tf.reduce_max(tf.pad(near, [[0, 1], [0, 0]]), 0)  # there may be no quad
        border = tf.where(taught, LOW + (HIGH - LOW) * height, -1.0)
        return {
            "text": self.text_map(distances, moved),
            "border": tf.reshape(border, [*self.map_hw, 1]),
        }

    def loss(self, targets, raw):
        """Equation 7: of the probability map, of the approximate binary map, and of the threshold map."""
        binary = binarization.binary_map(raw["text"], raw["border"])
        return {
            "text": binarization.mined_cross_entropy(targets["text"], raw["text"]),
            "binary": self.binary_weight * binarization.binary_dice(targets["text"], binary),
            "border": self.border_weight * binarization.border_distance(targets["border"], raw["border"]),
        }

    def ideal_raw(self, targets):
        border = tf.maximum(targets["border"], LOW)
        return {
            "text": _CERTAIN * (2.0 * tf.maximum(targets["text"], 0.0) - 1.0),
            "border": tf.math.log(border) - tf.math.log1p(-border),
        }
