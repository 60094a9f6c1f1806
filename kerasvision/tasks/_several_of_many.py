"""Any number of classes for each example, whatever goes in: targets, evaluation, thresholds, JSON."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.classes import ClassesShowing
from kerasvision.edge import describing
from kerasvision.losses.classification import sigmoid_cross_entropy
from kerasvision.metrics.classification import MultiLabel
from kerasvision.metrics.decisions import best_thresholds
from kerasvision.tasks._classes import Classes
from kerasvision.tasks.base import Output


class SeveralOfMany(Classes):
    """Abstract. Raw is `{"logits": [B, K]}`, a sigmoid a class. Concrete ones have these fields.

    thresholds: one a class, in 0..1; empty means 0.5 for every class until training has tuned them (largest F1 on the
    validation split). They are part of the graph that is exported: `present` int32 [B, K] is 1 where a class is on.
    top_k: 0 decides by thresholds; else so many classes are on in each image, the likeliest, whatever their
    probabilities, and of equal ones the first. There are no thresholds then.
    """

    thresholds: tuple[float, ...]
    top_k: int

    label_keys: typing.ClassVar[tuple[str, ...]] = ("labels",)
    main_metric: typing.ClassVar[str] = "mean_average_precision"
    showing: typing.ClassVar[Showing] = ClassesShowing("labels")
    class_logits: typing.ClassVar[dict[str, str]] = {"logits": "sigmoid"}

    def __post_init__(self):
        super().__post_init__()
        if self.thresholds and self.num_classes and len(self.thresholds) != self.num_classes:
            raise KerasVisionError(
                f"model.thresholds has {len(self.thresholds)} values for {self.num_classes} classes; give one a class, "
                "or none to have them tuned"
            )
        if self.top_k < 0 or (self.num_classes and self.top_k > self.num_classes):
            most = self.num_classes or "the number of classes"
            raise UsageError(f"model.top_k={self.top_k}; allowed: 0, to decide by thresholds, to {most}")
        if self.top_k and self.thresholds:
            raise UsageError(f"model.top_k={self.top_k} decides without thresholds; leave the one or the other out")

    @property
    def tunes(self):
        """Whether `tune` looks at the validation split."""
        return not self.top_k

    @property
    def outputs(self):
        shape = (self.num_classes,)
        return {
            "probabilities": Output("float32", "probability", shape),
            "present": Output("int32", "1 where the class is on", shape),
        }

    def evaluator(self, classes):
        return MultiLabel(classes)

    def ground_truth(self, sample):
        return {"present": self.multi_hot(sample)}

    def multi_hot(self, sample):
        """float32 [K]: 1 where a class is on."""
        return tf.minimum(tf.reduce_sum(tf.one_hot(sample["labels"], self.num_classes), 0), 1.0)

    def encode(self, sample):
        return {"logits": self.multi_hot(sample)}

    def loss(self, targets, raw):
        return {"cross_entropy": sigmoid_cross_entropy(targets["logits"], raw["logits"], self.label_smoothing)}

    def decode(self, raw, geometry):
        probabilities = self.probabilities(raw)
        return {"probabilities": probabilities, "present": self.present(probabilities)}

    def present(self, probabilities):
        """float32 [B, K] -> int32 [B, K]: 1 where a class is on."""
        if self.top_k:
            likeliest = tf.math.top_k(probabilities, self.top_k).indices
            return tf.cast(tf.reduce_sum(tf.one_hot(likeliest, self.num_classes), -2), tf.int32)
        return tf.cast(probabilities >= tf.constant(self.thresholds or (0.5,) * self.num_classes), tf.int32)

    def deciding(self):
        """`restore` in contract.json of a file that gives `probabilities` alone: what makes `present` of them. None:
        more than probabilities decides.
        """
        how = {"top_k": self.top_k} if self.top_k else {"thresholds": self.thresholds or (0.5,) * self.num_classes}
        return {"rule": "labels", "probabilities": "probabilities"} | how

    def probabilities(self, raw):
        """raw -> float32 [B, K]."""
        return tf.sigmoid(raw["logits"])

    def ideal_raw(self, targets):
        return {"logits": 40.0 * targets["logits"] - 20.0}

    def compare(self, reference, other):
        """error: the largest difference of a probability, or, of a label that only one of both has as present, of its
        probability from the threshold: by so much it must have moved. With `top_k` that is half the way between the
        last label that is on and the first that is not.
        """
        changed = reference["present"] != other["present"]
        cuts = np.float32(self.thresholds or (0.5,) * self.num_classes)
        if 0 < self.top_k < self.num_classes:
            falling = -np.sort(-reference["probabilities"], axis=1)
            cuts = falling[:, self.top_k - 1 : self.top_k + 1].mean(1, keepdims=True)
        error = np.abs(reference["probabilities"] - other["probabilities"])
        error = np.maximum(error, np.where(changed, np.abs(reference["probabilities"] - cuts), 0.0))
        return error.max(1), changed.any(1)

    def tune(self, predictions, ground_truths):
        if not self.tunes:
            return self
        thresholds = best_thresholds(predictions["probabilities"], ground_truths["present"] > 0)
        return dataclasses.replace(self, thresholds=thresholds)

    def describe(self, prediction, classes):
        return describing.several(prediction, classes)
