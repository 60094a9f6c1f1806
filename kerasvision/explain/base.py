"""The contract of every explainer, and the trained classifier that it is given."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError, UsageError, close_matches


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained classifier of images, opened for explainers. arch: its `Architecture`. graph: its Keras model, with the
    output `logits` [B, K]. classes: the K names. h, w below are the graph's own image size.
    """

    arch: typing.Any
    graph: typing.Any
    classes: tuple[str, ...]

    def prepared(self, image):
        """Pixels of any size uint8 [H, W, 3] -> the prepared input uint8 [h, w, 3]."""
        return self.arch.geometry({"image": tf.constant(image)[None]})[0]["image"][0].numpy()

    def normalized(self, prepared):
        """Prepared pixels [B, h, w, 3] of 0..255 -> the tensor or dict of tensors that the graph takes."""
        return self.arch.normalize({"image": prepared})

    def logits(self, prepared):
        """Prepared pixels [B, h, w, 3] of 0..255 -> logits float32 [B, K], before the softmax or sigmoid."""
        return tf.cast(self.graph(self.normalized(prepared), training=False)["logits"], tf.float32)

    def scores(self, prepared):
        """Prepared pixels uint8 [h, w, 3] -> probabilities float32 [K], as `predict` gives them."""
        inputs = {"image": tf.constant(prepared)[None]}
        raw = {"logits": self.logits(inputs["image"])}
        return self.arch.decode(raw, self.arch.no_geometry(inputs))["probabilities"][0].numpy()

    def index_of(self, label):
        """The index of a class by its name. Raises UsageError, with close names, of one that there is not."""
        if label not in self.classes:
            raise UsageError(f"no class {label!r}; {close_matches(label, self.classes)}")
        return self.classes.index(label)


def classifier_of(trained):
    """The `Classifier` of a `train.run.Trained`. Raises UsageError of a model that is no classifier of images with one
    logit a class.
    """
    arch, graph = trained.arch, trained.graph
    is_classifier = "probabilities" in arch.outputs and list(arch.prepared_inputs()) == ["image"]
    if not is_classifier or graph.output["logits"].shape[1:] != (len(trained.classes),):
        raise UsageError(
            f"{arch.registered_name} cannot be explained: that is for classifiers of images with one logit a class"
        )
    return Classifier(arch, graph, tuple(trained.classes))


class Explainer(Component):
    """Abstract. Final subclasses are frozen dataclasses, registered by name; their fields are their settings."""

    kind = "explainers"

    @abc.abstractmethod
    def heat(self, classifier, prepared, index):
        """How much each pixel of `prepared`, uint8 [h, w, 3], speaks for class `index`: float [h, w], of any scale."""

    def explain(self, classifier, prepared, index):
        """`heat` as float32 [h, w]. Raises KerasVisionError where it is not finite, as of a model that has diverged."""
        heat = np.asarray(self.heat(classifier, prepared, index), np.float32)
        if not np.isfinite(heat).all():
            raise KerasVisionError(f"{classifier.arch.registered_name} answers NaN or infinity for this image")
        return heat
