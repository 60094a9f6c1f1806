"""What an explainer is, and the trained classifier that it looks into."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError, UsageError, close_matches


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A classifier. graph: its Keras model. classes: names."""

    arch: typing.Any
    graph: typing.Any
    classes: tuple[str, ...]

    def prepared(self, image):
        """uint8 [H, W, 3] -> uint8 [h, w, 3], as the graph sees it."""
        return self.arch.geometry({"image": tf.constant(image)[None]})[0]["image"][0].numpy()

    def normalized(self, prepared):
        """[B, h, w, 3] of 0..255 -> what the graph takes."""
        return self.arch.normalize({"image": prepared})

    def logits(self, prepared):
        """[B, h, w, 3] of 0..255 -> float32 [B, K], before the softmax or sigmoid."""
        return tf.cast(self.graph(self.normalized(prepared), training=False)["logits"], tf.float32)

    def scores(self, prepared):
        """uint8 [h, w, 3] -> probabilities float32 [K], as `predict` gives them."""
        inputs = {"image": tf.constant(prepared)[None]}
        raw = {"logits": self.logits(inputs["image"])}
        return self.arch.decode(raw, self.arch.no_geometry(inputs))["probabilities"][0].numpy()

    def index_of(self, label):
        """The number of a class."""
        if label not in self.classes:
            raise UsageError(f"no class {label!r}; {close_matches(label, self.classes)}")
        return self.classes.index(label)


def classifier_of(trained):
    """The `Classifier` of a finished run of a classifier of images."""
    arch, graph = trained.arch, trained.graph
    is_classifier = "probabilities" in arch.outputs and list(arch.prepared_inputs()) == ["image"]
    if not is_classifier or graph.output["logits"].shape[1:] != (len(trained.classes),):
        raise UsageError(
            f"{arch.registered_name} cannot be explained: that is for classifiers of images with one logit a class"
        )
    return Classifier(arch, graph, tuple(trained.classes))


class Explainer(Component):
    """Abstract. Concrete ones are frozen dataclasses; their fields are their settings."""

    kind = "explainers"

    @abc.abstractmethod
    def heat(self, classifier, prepared, index):
        """How much each pixel of `prepared`, uint8 [h, w, 3], speaks for class `index`: [h, w], of any scale."""

    def explain(self, classifier, prepared, index):
        """`heat`, of which there must be some everywhere or nowhere: NaN is a graph that has lost its weights."""
        heat = np.asarray(self.heat(classifier, prepared, index), np.float32)
        if not np.isfinite(heat).all():
            raise KerasVisionError(f"{classifier.arch.registered_name} answers NaN or infinity for this image")
        return heat
