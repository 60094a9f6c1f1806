"""The contract of filling in: an image some of whose pixels are missing becomes a whole one."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Normalization
from kerasvision.core.component import since
from kerasvision.core.errors import UsageError
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.filled import FilledShowing
from kerasvision.layers.missing import Composite
from kerasvision.metrics.restoration import Restoration
from kerasvision.ops.filling import Filling
from kerasvision.tasks.base import Output
from kerasvision.tasks.image import Resample, Resize
from kerasvision.tasks.incomplete import IncompleteImageModel

FLIP = 25.5  # of 0..255: a pixel value that is so far off is another picture


@dataclasses.dataclass(frozen=True)
class Generation(IncompleteImageModel):
    """Abstract. Raw has `picture` [B, h, w, 3], in units of 255: the input where it is present, else what was made.
    The prediction is `picture` float32 [B, h, w, 3] in 0..255, of the graph's own size.

    image_size: (h, w), multiples of 2**depth. width: channels of the first level, twice as many a level down. depth:
    levels below the image. filling: what the graph sees in place of missing pixels.
    """

    image_size: tuple[int, int] = (64, 64)
    width: int = 32
    depth: int = 3
    filling: Filling = "zero"
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)

    name: typing.ClassVar[str] = "generation"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("whole",)
    main_metric: typing.ClassVar[str] = "r2"
    showing: typing.ClassVar[Showing] = FilledShowing()

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 1 or any(side % 2**self.depth for side in self.image_size):
            raise UsageError(
                f"{self.registered_name}: image_size={self.image_size}, depth={self.depth}; allowed: sides that are "
                f"multiples of 2**depth ({2**self.depth}), depth of 1 or more"
            )

    @property
    def normalization(self):
        return Normalization((0.0,), (255.0,))

    @property
    def outputs(self):
        return {"picture": Output("float32", "pixel value, 0 to 255", (*self.image_size, 3))}

    def evaluator(self, classes):
        return Restoration()

    def image_inputs(self):
        """Keras inputs `image` [B, h, w, 3] and `present` [B, h, w, 1]."""
        return {
            "image": keras.Input((*self.image_size, 3), name="image"),
            "present": keras.Input((*self.image_size, 1), name="present"),
        }

    @abc.abstractmethod
    def filler(self):
        """A graph of `image` and `present` alone that gives `picture`, its layers named as in `build`."""

    def composite(self, inputs, made):
        """`picture`: the input where it is present, else what was made."""
        return Composite(name="picture")([inputs["image"], made, inputs["present"]])

    def ground_truth(self, sample):
        """`whole` uint8 and `present`, both of the graph's size: that of the prediction."""
        prepared, _, moved = self.prepare_sample(sample)
        return {"whole": moved["whole"], "present": prepared["present"]}

    def move_labels(self, sample, prepared, geometry):
        inputs = {"image": sample["whole"][None], "present": tf.ones_like(sample["present"])[None]}
        inputs |= {k: sample[k] for k in ("cropped",) if k in sample}
        whole = super().geometry(inputs)[0]["image"][0]
        return sample | prepared | {"whole": whole}

    def encode(self, sample):
        return {"picture": tf.cast(sample["whole"], tf.float32) / 255.0}

    def decode(self, raw, geometry):
        return {"picture": 255.0 * tf.clip_by_value(raw["picture"], 0.0, 1.0)}

    def ideal_raw(self, targets):
        return targets

    def compare(self, reference, other):
        """Error in units of 255; another picture is one with a value a tenth of the range off."""
        error = np.abs(reference["picture"] - other["picture"]).max((1, 2, 3))
        return error / 255, error > FLIP

    def magnitude(self, prediction):
        return prediction["picture"].max((1, 2, 3)) / 255

    def describe(self, prediction, classes):
        return {"picture": {"size_hw": list(self.image_size), "mean": round(float(prediction["picture"].mean()), 3)}}
