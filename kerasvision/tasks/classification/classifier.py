"""One class for each image: softmax over logits, cross-entropy with label smoothing."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.backbones.base import Backbone
from kerasvision.core.registry import architectures, backbones
from kerasvision.losses.classification import softmax_cross_entropy
from kerasvision.metrics.classification import SingleLabel
from kerasvision.tasks.classification.task import Classification
from kerasvision.tasks.image import Resample, Resize


@architectures.register("classification/classifier")
@dataclasses.dataclass(frozen=True)
class Classifier(Classification):
    """num_classes: 0 takes the number from the data. image_size: (h, w) in pixels, what the graph sees.

    pooling: over the last level's positions. label_smoothing: 0..1 (Szegedy et al. 2016, arXiv:1512.00567).
    resize, resample, crop_fraction: how an image of any size gets to `image_size`, in training and in every export.
    """

    num_classes: int = 0
    backbone: Backbone = dataclasses.field(default_factory=lambda: backbones["convnet"]())
    image_size: tuple[int, int] = (64, 64)
    resize: Resize = "stretch"
    resample: Resample = "bilinear"
    crop_fraction: float = 1.0
    pooling: typing.Literal["average", "max", "gem", "spatial_pyramid"] = "average"
    dropout: float = 0.0
    label_smoothing: float = 0.0

    name: typing.ClassVar[str] = "classification"
    needs: typing.ClassVar[tuple[str, ...]] = ("label",)
    main_metric: typing.ClassVar[str] = "accuracy"

    def evaluator(self, classes):
        return SingleLabel(classes)

    def encode(self, sample):
        return {"logits": tf.one_hot(sample["label"], self.num_classes)}

    def loss(self, targets, raw):
        return {"cross_entropy": softmax_cross_entropy(targets["logits"], raw["logits"], self.label_smoothing)}

    def decode(self, raw, geometry):
        return {"probabilities": tf.nn.softmax(raw["logits"])}

    def perfect(self, targets):
        return {"logits": 40.0 * targets["logits"]}

    def compare(self, reference, other):
        a, b = reference["probabilities"], other["probabilities"]
        return np.abs(a - b).max(1), a.argmax(1) != b.argmax(1)

    def describe(self, prediction, classes):
        scores = prediction["probabilities"]
        order = np.argsort(-scores, kind="stable")[:5]
        return {"top": self.describe_scores(scores, classes, order)}
