"""One class for each example, whatever goes in: softmax over logits, cross-entropy with label smoothing."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.classes import ClassesShowing
from kerasvision.edge import describing
from kerasvision.losses.classification import softmax_cross_entropy
from kerasvision.metrics.classification import SingleLabel
from kerasvision.metrics.decisions import best_factors
from kerasvision.tasks._classes import Classes
from kerasvision.tasks.base import Output
from kerasvision.tasks.class_sets import ClassSets

TuneFor = typing.Literal["nothing", "accuracy", "balanced_accuracy"]
Scaling = typing.Literal["nothing", "temperature", "vector"]


class OneOfSeveral(Classes):
    """Abstract. Raw is `{"logits": [B, K]}`. Concrete ones have these fields.

    tune_for: a metric of the validation split for which training, when it has ended, chooses class_factors.
    class_factors: one a class, above 0; probabilities are multiplied by them and by what makes their sum 1 again, so
    that the answer moves towards classes with large factors. Empty: 1 for every class. They are part of the graph that
    is exported. Figures of the validation split are flattered by them: they were chosen on it.
    """

    tune_for: TuneFor
    class_factors: tuple[float, ...]
    scaling: Scaling
    class_sets: ClassSets

    label_keys: typing.ClassVar[tuple[str, ...]] = ("label",)
    main_metric: typing.ClassVar[str] = "accuracy"
    showing: typing.ClassVar[Showing] = ClassesShowing("top", most=3)
    class_logits: typing.ClassVar[dict[str, str]] = {"logits": "softmax"}
    calibrates: typing.ClassVar[tuple[str, ...]] = ("scaling", "class_sets")

    def __post_init__(self):
        super().__post_init__()
        if not all(0 < f < float("inf") for f in self.class_factors):
            raise UsageError(f"model.class_factors={self.class_factors}; allowed: numbers above 0, one a class, or ()")
        if self.class_factors and self.num_classes and len(self.class_factors) != self.num_classes:
            raise UsageError(
                f"model.class_factors has {len(self.class_factors)} values for {self.num_classes} classes; give one a "
                "class, or () and tune_for to have them chosen"
            )

    @property
    def tunes(self):
        """Whether `tune` looks at the validation split."""
        return self.tune_for != "nothing" or self.class_sets.coverage > 0

    @property
    def outputs(self):
        given = {"probabilities": Output("float32", "probability", (self.num_classes,))}
        if self.class_sets.is_fitted:
            given["in_set"] = Output("int32", "1 where the class is in the set", (self.num_classes,))
        return given

    def evaluator(self, classes):
        return SingleLabel(classes, self.class_sets.is_fitted, self.class_sets.by_class)

    def encode(self, sample):
        return {"logits": tf.one_hot(sample["label"], self.num_classes)}

    def loss(self, targets, raw):
        return {"cross_entropy": softmax_cross_entropy(targets["logits"], raw["logits"], self.label_smoothing)}

    def decode(self, raw, geometry):
        logits = raw["logits"]
        if self.class_factors:
            logits = logits + tf.constant(np.log(self.class_factors), logits.dtype)
        probabilities = tf.nn.softmax(logits)
        sets = {"in_set": self.class_sets.members(probabilities)} if self.class_sets.is_fitted else {}
        return {"probabilities": probabilities} | sets

    def ideal_raw(self, targets):
        return {"logits": 40.0 * targets["logits"]}

    def tune(self, predictions, ground_truths):
        probabilities, labels = predictions["probabilities"], ground_truths["label"]
        if self.tune_for == "nothing":
            return self.with_promise(predictions, ground_truths)
        own = slice(None, None, 2) if self.class_sets.coverage else slice(None)  # the others are for the sets
        counts = np.bincount(labels[own], minlength=self.num_classes)
        weights = 1 / np.maximum(counts, 1) if self.tune_for == "balanced_accuracy" else np.ones(self.num_classes)
        held = np.asarray(self.class_factors or np.ones(self.num_classes))
        factors = held * best_factors(probabilities[own], labels[own], weights)
        tuned = dataclasses.replace(self, class_factors=tuple(float(f"{f:.6g}") for f in factors / factors.max()))
        moved = probabilities * (np.asarray(tuned.class_factors) / held)
        moved = np.float32(moved / moved.sum(1, keepdims=True))
        return tuned.with_promise(predictions | {"probabilities": moved}, ground_truths)

    @property
    def _shares(self):
        """Whether every other held-out example has chosen something else than the sets."""
        return self.scaling != "nothing" or self.tune_for != "nothing" or self.settles

    def check_promise(self, examples):
        self.class_sets.check(examples // 2 if self._shares else examples, self.num_classes)

    def with_promise(self, predictions, ground_truths):
        if not self.class_sets.coverage:
            return self
        step = slice(1, None, 2) if self._shares else slice(None)  # the others have chosen scaling and factors
        held = self.class_sets.fitted(predictions["probabilities"][step], ground_truths["label"][step])
        return dataclasses.replace(self, class_sets=held)

    def promise(self):
        return self.class_sets.promise()

    def promised(self, prediction):
        return {"in_set": self.class_sets.members(tf.constant(prediction["probabilities"])).numpy()}

    def kept(self, predictions, ground_truths):
        return self.class_sets.covered(predictions["probabilities"], ground_truths["label"])

    def compare(self, reference, other):
        a, b = reference["probabilities"], other["probabilities"]
        return np.abs(a - b).max(1), a.argmax(1) != b.argmax(1)

    def describe(self, prediction, classes):
        return describing.best(prediction, classes, self.promise())
