"""What every architecture over one photograph shares: how its pixels reach the graph."""

import abc
import functools
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone, Normalization
from kerasvision.core.errors import UsageError
from kerasvision.ops import geometry as geo
from kerasvision.tasks.base import PREPROCESS, Architecture, Input
from kerasvision.tasks.preprocessing import CROPPED

Resize = typing.Literal["stretch", "letterbox", "center_crop"]
Resample = typing.Literal["bilinear", "bicubic", "nearest", "area"]

DECODING = {  # of encoded pictures, as `data.decode` does it
    "rules": "kv1",
    "color": "RGB",
    "exif_orientation": "applied",
    "transparency": "over_white",
    "sixteen_bits": "high_byte",
    "animation": "first_frame",
}
LETTERBOX = {
    "letterbox": {"gray": geo.PAD_VALUE, "placement": "center", "inner_size": "half_to_even", "offset": "floor"}
}


def rules_of(size_hw, normalization, fitting, averages):
    """`preprocess` of contract.json of pictures that become `size_hw`. fitting: `resize`, `resample`, and what a client
    owes around the picture. averages: whether pixels of what shrinks by more than two are averaged.
    """
    return {
        "version": PREPROCESS,
        "kind": "image",
        "size_hw": list(size_hw),
        "half_pixel_centers": True,
        "antialias": "area" if averages else "none",
        "rounding": "half_to_even",
        **fitting,
        **DECODING,
        "mean": list(normalization.mean),
        "std": list(normalization.std),
        "channel_order": normalization.channels.upper(),
        "normalization_inside_files": True,
    }


class ImageModel(Architecture):
    """Abstract. Concrete ones have these fields; image_size is (h, w).

    antialias: sides that shrink by more than two are averaged, in place of bilinear and bicubic interpolation
    (`ops.geometry` has the rule). Windows keep an image's size, so it does not concern them. What was saved before
    there was the field does without. Of 184 pictures of 0.5 to 15 megapixels EfficientNet-Lite0 calls 93 % what it
    calls them well shrunk (Pillow's bicubic), without it 79 %; its frozen features tell objects of 34 graph pixels in
    0.556 of cases, without it in 0.513, and objects of 134 pixels in as many. It costs 18 ms for 12 megapixels, whose
    JPEG takes 44 ms to decode, and 0.7 ms for 500 x 375 (2 cores, AVX-512;
    `pytest -m benchmark -n 0 -s tests/benchmarks/test_shrinking.py`).
    """

    image_size: tuple[int, int]
    resize: Resize
    resample: Resample
    crop_fraction: float
    antialias: bool

    @property
    @abc.abstractmethod
    def normalization(self) -> Normalization:
        """What becomes of pixels before the graph."""

    def serving_inputs(self):
        return {"image": Input(tf.TensorSpec([None, None, None, 3], tf.uint8, name="image"), "image")}

    def prepared_inputs(self):
        return {"image": tf.TensorSpec([None, *self.image_size, 3], tf.uint8, name="image")}

    def geometry(self, inputs):
        """`cropped` among the inputs: an augmentation has cut the window already, so it is stretched."""
        image, geometry = self.fitted(inputs["image"], CROPPED in inputs)
        return {"image": image}, geometry

    def fitted(self, pixels, is_cropped):
        """uint8 [B, H, W, C] -> (the same of the graph's size, geometry)."""
        resize = "stretch" if is_cropped else self.resize
        return geo.fit_images(pixels, self.image_size, resize, self.resample, self.crop_fraction, self.antialias)

    def normalize(self, prepared):
        return {"image": self.normalization(tf.cast(prepared["image"], tf.float32))}

    def no_geometry(self, prepared):
        image = prepared["image"]
        return geo.identity(tf.tile([list(self.image_size)], [tf.shape(image)[0], 1]))

    def is_prepared(self, inputs):
        return self.resize != "center_crop" and inputs["image"].shape[1:3] == self.image_size

    @property
    def _averages(self):
        """Whether `antialias` is of any effect."""
        return self.antialias and self.resample in geo.INTERPOLATED and self.resize != "windows"

    def preprocessing(self):
        fitting = {"resize": self.resize, "resample": self.resample, **self._placement()}
        return rules_of(self.image_size, self.normalization, fitting, self._averages)

    def _placement(self):
        """What a client owes around the picture, or cuts of it."""
        if self.resize == "letterbox":
            return LETTERBOX
        if self.resize == "center_crop":
            rounding = {"window_size": "half_to_even", "origin": "floor"}
            return {"crop_fraction": self.crop_fraction, "crop": {"placement": "center", **rounding}}
        return {"padding": {"gray": geo.PAD_VALUE, "placement": "end"}} if self.resize == "windows" else {}


@functools.cache
def positions_of(backbone, image_size):
    """(rows, columns) of a backbone's last level, of a picture of image_size (h, w)."""
    with tf.init_scope():  # `encode` asks within tf.data
        return tuple(list(backbone(keras.Input((*image_size, 3))).values())[-1].shape[1:3])


def require_in_place(arch):
    """UsageError where the backbone of an architecture that says where something is sees pixels elsewhere."""
    if moving := arch.backbone.moves:
        raise UsageError(
            f"{arch.registered_name} says where something is, and {moving[0]} moves the picture before it is looked "
            "at, so that places would be of the moved one; leave that defense out: it is for what has no places, such "
            "as classifiers"
        )


class ImageArchitecture(ImageModel):
    """Abstract. A photograph that a backbone sees first.

    gives_places: whether answers say where in it something is (boxes, masks), so that pixels must stay where they are.
    """

    gives_places: typing.ClassVar[bool] = False
    backbone: Backbone

    def __post_init__(self):
        super().__post_init__()
        if self.gives_places:
            require_in_place(self)

    @property
    def normalization(self):
        return self.backbone.normalization

    def load_pretrained(self, graph):
        self.backbone.load(graph)

    def last_level(self, graph):
        """The backbone's last level that the graph looks at, a Keras tensor [B, h, w, C]."""
        return self.backbone.last_level(graph)

    def embedding(self, graph):
        """The mean over positions of the backbone's last level."""
        return keras.layers.GlobalAveragePooling2D()(self.last_level(graph))
