"""One class for each example, whatever goes in: softmax over logits, cross-entropy with label smoothing."""

import typing

import numpy as np
import tensorflow as tf

from kerasvision.losses.classification import softmax_cross_entropy
from kerasvision.metrics.classification import SingleLabel
from kerasvision.tasks.base import Architecture, Gives

TOP = 5  # classes that `describe` lists


class OneOfSeveral(Architecture):
    """Abstract. Raw is `{"logits": [B, K]}`. Concrete ones have these fields."""

    num_classes: int
    label_smoothing: float

    needs: typing.ClassVar[tuple[str, ...]] = ("label",)
    main_metric: typing.ClassVar[str] = "accuracy"
    class_logits: typing.ClassVar[dict[str, str]] = {"logits": "softmax"}

    @property
    def gives(self):
        return {"probabilities": Gives("float32", "probability", (self.num_classes,))}

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
        return {"top": score_rows(scores, classes, np.argsort(-scores, kind="stable")[:TOP])}


def score_rows(scores, classes, indices):
    """JSON rows of some classes, in the given order."""
    return [{"label": classes[i], "index": int(i), "score": round(float(scores[i]), 6)} for i in indices]
