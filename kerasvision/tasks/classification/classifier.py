"""One class for each image: softmax over logits, cross-entropy with label smoothing."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.registry import architectures
from kerasvision.losses.classification import softmax_cross_entropy
from kerasvision.metrics.classification import SingleLabel
from kerasvision.tasks.classification.task import Classification


@architectures.register("classification/classifier")
@dataclasses.dataclass(frozen=True)
class Classifier(Classification):
    """The fields are `Classification`'s. Loss: cross-entropy between softmax(logits) and the label."""

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
