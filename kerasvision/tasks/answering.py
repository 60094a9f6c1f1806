"""What an architecture answers: raw outputs become a prediction, in the pixels of the original input."""

import abc
import dataclasses
import typing

from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.drawing.showing.base import JsonShowing, Showing
from kerasvision.tasks.functions import Function


@dataclasses.dataclass(frozen=True)
class Output:
    """One key of a prediction: numpy dtype name, unit ("probability", "pixel", "class index"), shape without batch."""

    dtype: str
    unit: str
    shape: tuple = ()


class Answering(Component):
    """Abstract. The part of an `Architecture` that answers."""

    # raw key -> what makes probabilities of it along the last axis, "softmax" or "sigmoid", where it is that simple
    class_logits: typing.ClassVar[dict[str, str]] = {}
    # how predictions are shown to people: in words, in a table, on their pictures
    showing: typing.ClassVar[Showing] = JsonShowing()

    def answering(self, graph):
        """The part of a trained graph that `decode` looks at, a Keras model: what only training needs is in no file."""
        return graph

    @abc.abstractmethod
    def decode(self, raw, geometry):
        """raw, batched -> prediction in the pixels of the original input, static shapes. Pure TensorFlow."""

    @abc.abstractmethod
    def ideal_raw(self, targets):
        """The oracle: raw, batched, that a perfect graph would return, so that `decode` gives the truth back."""

    def embedding(self, graph):
        """What stands for an example: a Keras tensor [B, D] of a graph that `build` made, whatever techniques have made
        of it since. An architecture without one raises one line.
        """
        raise KerasVisionError(f"{self.registered_name} has no embedding: no vector in its graph stands for an example")

    def targets(self):
        """What can be explained or attacked of an answer: a `tasks.targets.Targets`. Without any it raises one line."""
        raise UsageError(f"{self.registered_name} says nothing that can be explained: its family has no targets")

    def outdated(self, classes):
        """What keeps a model of these classes, which an earlier version trained, from answering rightly with this one,
        as one line behind its name; "": nothing does. Runs and files of which it says something are not opened.
        """
        return ""

    def ground_truth(self, sample):
        """What the evaluator compares a prediction with: arrays of one augmentation-free sample, in original pixels."""
        return {k: sample[k] for k in self.label_keys}

    def judged(self, raw, geometry):
        """As `decode`, with what the prediction was decided from where a decision hides how far two predictions are
        apart: further keys, which `compare` looks at in its reference.
        """
        return self.decode(raw, geometry)

    def predict(self, run_graph, prepared, geometry, decode=None):
        """Prepared inputs -> prediction. run_graph: (inputs of the graph's own size, raw -> prediction) -> prediction.
        decode: (raw, geometry) -> prediction, `decode` unless given; what is blended of windows is decoded in its own
        way.
        """
        return run_graph(prepared, lambda raw: (decode or self.decode)(raw, geometry))

    def predict_through(self, infer, prepared, geometry):
        """The same through a file that takes inputs of the graph's own size: infer, numpy in and out.

        geometry: None where inputs came prepared.
        """
        prediction = infer(prepared)
        return prediction if geometry is None else self.to_original_pixels(prediction, geometry)

    def to_original_pixels(self, prediction, geometry):
        """A prediction in graph pixels (from a file that takes prepared inputs) -> original pixels. numpy, batched."""
        return prediction

    def asking(self):
        """This architecture as it answers when a promise is to be fitted: with all that `evidence` looks at."""
        return self

    def evidence(self, prediction, ground_truth):
        """(what of a batch of predictions of `asking`, what of its ground truth) a promise is fitted to: dicts of numpy
        arrays [B, ...] that stack.
        """
        return prediction, ground_truth

    def check_promise(self, examples):
        """Before training: raises where so many held-out examples cannot support what is to be promised of answers."""

    def with_promise(self, predictions, ground_truths):
        """This architecture with what it promises fitted to the `evidence` of answers that the promise is to hold for:
        of the trained model, or of one file, whose scores are its own. numpy, stacked, of the validation split.
        """
        return self

    def unpromised(self):
        """This architecture once fields of `after_training` are set: without what was fitted to answers that they
        change.
        """
        return self

    def promise(self):
        """What is promised of every answer, JSON with its `kind` and its `coverage`; {}: nothing is."""
        return {}

    def promised(self, prediction):
        """{key: numpy} of those outputs that a promise alone decides, by the others of a prediction, batched."""
        return {}

    def kept(self, predictions, ground_truths):
        """The share of examples that the promise holds for. Arguments as of `with_promise`."""
        raise KerasVisionError(f"{self.registered_name} promises nothing")

    def functions(self, graph) -> dict[str, Function]:
        """name -> what the trained graph can do beside predicting, in the order in which it is called. graph: the Keras
        model. Every exporter writes each as a signature of its own, or says that it does not.
        """
        return {}

    def file_outputs(self) -> dict[str, Output]:
        """What a file of the graph's size gives, by key: `outputs`, where `to_original_pixels` changes nothing."""
        return self.outputs

    def restoring(self):
        """`restore` of such a file in contract.json: what a client does with its answer, as `to_original_pixels` and
        `predict_through` do it, in enumerations and numbers. Rule "none": nothing; "other": it is not described.
        """
        changed = any(
            getattr(type(self), name) is not getattr(Answering, name)
            for name in ("to_original_pixels", "predict_through")
        )
        return {"rule": "other" if changed else "none"}

    def pasting(self):
        """`paste` of every file in contract.json: how an answer that is smaller than the image is laid on it."""
        return {}
