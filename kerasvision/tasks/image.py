"""What every architecture over one photograph shares: how its pixels reach the graph."""

import abc
import typing

import tensorflow as tf

from kerasvision.backbones.base import Backbone, Normalization
from kerasvision.ops import geometry as geo
from kerasvision.tasks.base import Architecture

Resize = typing.Literal["stretch", "letterbox", "center_crop"]
Resample = typing.Literal["bilinear", "bicubic", "nearest", "area"]


class Photograph(Architecture):
    """Abstract. Concrete ones have these fields; image_size is (h, w)."""

    image_size: tuple[int, int]
    resize: Resize
    resample: Resample
    crop_fraction: float

    @property
    @abc.abstractmethod
    def normalization(self) -> Normalization:
        """What becomes of pixels before the graph."""

    def serving_inputs(self):
        return {"image": tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")}

    def prepared_inputs(self):
        return {"image": tf.TensorSpec([None, *self.image_size, 3], tf.uint8, name="image")}

    def geometry(self, inputs):
        """`cropped` among the inputs: an augmentation has cut the window already, so it is stretched."""
        resize = "stretch" if "cropped" in inputs else self.resize
        image, geometry = geo.fit_images(inputs["image"], self.image_size, resize, self.resample, self.crop_fraction)
        return {"image": image}, geometry

    def normalize(self, prepared):
        return {"image": self.normalization(tf.cast(prepared["image"], tf.float32))}

    def no_geometry(self, prepared):
        image = prepared["image"]
        return geo.identity(tf.tile([list(self.image_size)], [tf.shape(image)[0], 1]))

    def is_prepared(self, inputs):
        return self.resize != "center_crop" and inputs["image"].shape[1:3] == self.image_size

    def preprocessing(self):
        normalization = self.normalization
        return {
            "image_size_hw": list(self.image_size),
            "resize": self.resize,
            "resample": self.resample,
            "half_pixel_centers": True,
            "antialias": False,
            "crop_fraction": self.crop_fraction,
            "rounding": "to the nearest of 0..255",
            "color": "RGB",
            "exif_orientation": "applied",
            "mean": list(normalization.mean),
            "std": list(normalization.std),
            "normalization_inside_files": True,
        }


class ImageArchitecture(Photograph):
    """Abstract. A photograph that a backbone sees first."""

    backbone: Backbone

    @property
    def normalization(self):
        return self.backbone.normalization

    def load_pretrained(self, graph):
        self.backbone.load(graph)
