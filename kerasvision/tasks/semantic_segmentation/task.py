"""The contract of semantic segmentation: a class for each pixel of the original image."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import backbones
from kerasvision.metrics.segmentation import Segmentation as SegmentationEvaluator
from kerasvision.ops import dense
from kerasvision.ops.masks import run_lengths
from kerasvision.tasks._dense import DenseLoss
from kerasvision.tasks.base import Gives
from kerasvision.tasks.image import ImageArchitecture, Resample, Resize

FLIPPED = 1e-4  # part of the pixels from which a changed class is a changed decision, in `compare`


@dataclasses.dataclass(frozen=True)
class SemanticSegmentation(ImageArchitecture):
    """Abstract. Raw is `{"logits": [B, h, w, K]}`. Predictions: `mask` uint8 [B, H, W], the class of each pixel of the
    original image, and `confidence` float32 [B, H, W], its probability. Files of the graph's own size (TFLite, ONNX)
    give `probabilities` [B, h, w, K], from which `restore` makes both.

    num_classes: the background included; 0 takes the number from the data. objective: the terms of the loss.
    """

    num_classes: int = 0
    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["efficientnet_lite"]())
    image_size: tuple[int, int] = (256, 256)
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    objective: DenseLoss = DenseLoss()

    name: typing.ClassVar[str] = "semantic_segmentation"
    needs: typing.ClassVar[tuple[str, ...]] = ("mask",)
    main_metric: typing.ClassVar[str] = "miou"

    @property
    def gives(self):
        return {
            "mask": Gives("uint8", "class index, 255 beyond the image", (None, None)),
            "confidence": Gives("float32", "probability", (None, None)),
        }

    def evaluator(self, classes):
        return SegmentationEvaluator(classes)

    def image_input(self):
        """The graph's input, once the number of classes is known."""
        if not 2 <= self.num_classes <= dense.IGNORE:
            raise KerasVisionError(
                f"{self.registered_name} needs 2 to {dense.IGNORE} classes, the background among them, and has "
                f"num_classes={self.num_classes}; set model.num_classes, or let the data decide with 0"
            )
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

    def move_labels(self, sample, prepared, geometry):
        return sample | prepared | {"mask": dense.fit_mask(sample["mask"], geometry, self.image_size)}

    def encode(self, sample):
        return self.objective.targets(dense.one_hot(sample["mask"], self.num_classes))

    def loss(self, targets, raw):
        return self.objective(targets, raw["logits"])

    def no_geometry(self, prepared):
        return {}

    def is_prepared(self, inputs):
        return False  # probabilities always become classes in `restore`

    def decode(self, raw, geometry):
        probabilities = tf.nn.softmax(raw["logits"])
        return dense.original_classes(probabilities, geometry) if geometry else {"probabilities": probabilities}

    def restore(self, prediction, geometry):
        probabilities = tf.constant(prediction["probabilities"], tf.float32)
        found = dense.original_classes(probabilities, {k: tf.constant(v) for k, v in geometry.items()})
        return {k: v.numpy() for k, v in found.items()}

    def perfect(self, targets):
        return {"logits": 40.0 * targets["logits"] - 20.0}

    def compare(self, reference, other):
        """error: of pixels with one class, the largest difference of its probability. flip: more than 0.01 % of the
        pixels have another class.
        """
        same = reference["mask"] == other["mask"]
        apart = np.where(same, np.abs(reference["confidence"] - other["confidence"]), 0.0)
        return apart.max((1, 2)).astype(np.float64), (~same).mean((1, 2)) > FLIPPED

    def describe(self, prediction, classes):
        """`classes`: label -> pixels, of those that are there; `segments`: the pixels of each, as COCO's RLE."""
        mask = prediction["mask"]
        segments = [
            {"label": classes[i], "index": int(i), "mask": run_lengths(mask == i)}
            for i in np.unique(mask)
            if i < len(classes)
        ]
        pixels = {row["label"]: int((mask == row["index"]).sum()) for row in segments}
        return {"classes": pixels, "segments": segments}
