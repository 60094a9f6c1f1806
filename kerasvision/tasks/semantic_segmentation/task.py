"""The contract of semantic segmentation: a class for each pixel of the original image."""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import backbones
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.segments import SegmentsShowing
from kerasvision.edge import describing
from kerasvision.metrics.segmentation import Segmentation as SegmentationEvaluator
from kerasvision.ops import dense
from kerasvision.ops import geometry as geo
from kerasvision.tasks._dense import Dense, DenseLoss
from kerasvision.tasks.base import Output
from kerasvision.tasks.image import ImageArchitecture, Resample
from kerasvision.tasks.pixel_sets import PixelSets


@dataclasses.dataclass(frozen=True)
class SemanticSegmentation(Dense, ImageArchitecture):
    """Abstract. Raw is `{"logits": [B, h, w, K]}`. Predictions: `mask` uint8 [B, H, W], the class of each pixel of the
    original image, and `confidence` float32 [B, H, W], its probability. Files of the graph's own size (TFLite, ONNX)
    give `probabilities` [B, h, w, K], from which `to_original_pixels` makes both.

    num_classes: the background included; 0 takes the number from the data. objective: the terms of the loss. resize:
    how an image is fitted to image_size; with "windows" it keeps its size, and answers for windows of image_size that
    overlap are blended (`ops.windows`). overlap: of neighboring windows, 0 to less than 1. flips: axes of the mask (0
    rows, 1 columns) along which answers for mirrored images are averaged in. pixel_sets: what each pixel may be, so
    that a promised share of an image is not missed.
    """

    num_classes: int = 0
    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["efficientnet_lite"]())
    image_size: tuple[int, int] = (256, 256)
    resize: typing.Literal["stretch", "letterbox", "center_crop", "windows"] = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    antialias: bool = since(True, before=False)
    objective: DenseLoss = DenseLoss()
    overlap: float = 0.5
    flips: tuple[int, ...] = ()
    pixel_sets: PixelSets = PixelSets()

    name: typing.ClassVar[str] = "semantic_segmentation"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("mask",)
    main_metric: typing.ClassVar[str] = "miou"
    gives_places: typing.ClassVar[bool] = True
    showing: typing.ClassVar[Showing] = SegmentsShowing()
    after_training: typing.ClassVar[tuple[str, ...]] = (
        "resize",
        "resample",
        "crop_fraction",
        "antialias",
        "overlap",
        "flips",
    )

    @property
    def outputs(self):
        return {
            "mask": Output("uint8", "class index, 255 beyond the image", (None, None)),
            "confidence": Output("float32", "probability", (None, None)),
        } | self.set_outputs((None, None))

    def evaluator(self, classes):
        return SegmentationEvaluator(classes, boundaries=True, coverage=self.coverage(classes))

    @property
    def size(self):
        return self.image_size

    @property
    def in_windows(self):
        return self.resize == "windows"

    @property
    def enlarging(self):
        return "none" if self.in_windows else "bilinear"

    def image_input(self):
        """The graph's input, once the number of classes is known."""
        self.check_classes()
        return keras.Input((*self.image_size, 3), name="image")

    def whole(self, image, x):
        """The model whose logits are those of x [B, h', w', C], enlarged to the size of the image."""
        x = keras.layers.Conv2D(self.num_classes, 1, name="classes")(x)
        factors = [side // inner for side, inner in zip(self.image_size, x.shape[1:3], strict=True)]
        if [f * inner for f, inner in zip(factors, x.shape[1:3], strict=True)] != list(self.image_size):
            raise KerasVisionError(
                f"{self.registered_name}: image_size={self.image_size} is no multiple of its strides; give multiples "
                "of 32"
            )
        if max(factors) > 1:
            x = keras.layers.UpSampling2D(factors, interpolation="bilinear", name="enlarge")(x)
        logits = keras.layers.Activation("linear", name="logits")(x)
        return keras.Model({"image": image}, {"logits": logits}, name=self.name)

    def geometry(self, inputs):
        if not self.in_windows or "cropped" in inputs:
            return super().geometry(inputs)
        image, geometry = geo.pad_images(inputs["image"], self.image_size)
        return {"image": image}, geometry

    def example(self, sample):
        if self.in_windows:  # at the image's own scale, whatever has cut it
            window = {"image": dense.centered(sample["image"], self.image_size, geo.PAD_VALUE)}
            sample = sample | window | {"mask": dense.centered(sample["mask"], self.image_size, dense.IGNORE)}
        return super().example(sample)

    def move_labels(self, sample, prepared, geometry):
        size_hw = tf.shape(prepared["image"])[:2]
        mask = dense.fit_mask(sample["mask"], geometry, size_hw)
        return sample | prepared | {"mask": tf.ensure_shape(mask, prepared["image"].shape[:2])}

    def finish(self, probabilities, geometry, margin=False):
        if not self.in_windows:
            return dense.original_classes(probabilities, geometry, self.found(margin))
        hw = geometry["image_hw"][0]
        return self.found(margin)(probabilities[:, : hw[0], : hw[1]])

    def describe(self, prediction, classes):
        return describing.segments(prediction, classes, self.promise())
