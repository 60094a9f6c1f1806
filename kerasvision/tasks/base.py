"""The contract of every architecture: inputs become a graph's, labels become targets, raw becomes a prediction.

sample -> augment -> geometry -> normalize -> graph = raw;   sample -> encode = targets;   decode(raw) = prediction.
Training, the SavedModel and every other export call the same `geometry`, `normalize` and `decode`.
"""

import abc
import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.component import Component
from kerasvision.core.direction import direction_of
from kerasvision.core.errors import KerasVisionError

PREPROCESS = 1  # version of what `preprocessing` gives


@dataclasses.dataclass(frozen=True)
class Output:
    """One key of a prediction: numpy dtype name, unit ("probability", "pixel", "class index"), shape without batch."""

    dtype: str
    unit: str
    shape: tuple = ()


# probabilities: of classes, whose weighted mean is one too; numbers: whose weighted mean belongs to an
# image between both; pixels: one row a pixel of the prepared image, which goes with that pixel and is not averaged
Mix = typing.Literal["probabilities", "numbers", "pixels"]


class Task(Component):
    """What goes in, what comes out and how it is judged. One abstract subclass a family."""

    name: typing.ClassVar[str]  # "classification"
    label_keys: typing.ClassVar[tuple[str, ...]]  # keys of a sample that hold the truth, such as ("label",)
    main_metric: typing.ClassVar[str]  # key of the evaluator's result that picks the best epoch, as it says: max or min
    tunes: typing.ClassVar[bool] = False  # whether `tune` looks at the validation split

    @property
    @abc.abstractmethod
    def outputs(self) -> dict[str, Output]:
        """Prediction key -> what it holds."""

    @abc.abstractmethod
    def evaluator(self, classes):
        """A fresh `metrics.base.Evaluator`. classes: tuple of names."""

    def main_direction(self, classes):
        """Which way the main metric is better, "max" or "min": whoever chooses by it asks here."""
        direction = direction_of(self.evaluator(classes).directions, self.main_metric)
        if direction not in ("max", "min"):
            raise KerasVisionError(
                f"{self.registered_name} is chosen by {self.main_metric!r}, whose direction is {direction!r}; its "
                'evaluator has to state "max" or "min" in `directions`'
            )
        return direction

    @abc.abstractmethod
    def compare(self, reference, other):
        """How far two batches of predictions are apart, dicts of numpy arrays with equal keys.

        Returns (error float [B], flip bool [B]): the largest absolute difference of the scores of each example, and
        whether its decision differs.
        """

    def describe(self, prediction, classes):
        """The JSON of one example's prediction (numpy, no batch axis), for `predict --json`."""
        return {k: v.tolist() for k, v in prediction.items()}


class Architecture(Task):
    """Abstract. Concrete ones are final frozen dataclasses; their fields are their hyper-parameters."""

    kind = "architectures"
    # fields that do not shape the graph, but the prediction: they may be changed after training
    after_training: typing.ClassVar[tuple[str, ...]] = ()
    # raw key -> what makes probabilities of it along the last axis, "softmax" or "sigmoid", where it is that simple
    class_logits: typing.ClassVar[dict[str, str]] = {}

    # whether training draws: a sample then has `seed` int32 [2] for `example`
    draws_noise: typing.ClassVar[bool] = False

    @property
    def mixes(self) -> dict[str, Mix]:
        """Every key of the targets -> how two examples' targets become those of one mixed example. Empty, as it is
        unless an architecture says otherwise: they cannot be mixed, and augmentations of a batch are refused.
        """
        return {}

    @abc.abstractmethod
    def serving_inputs(self) -> dict[str, tf.TensorSpec]:
        """What a user sends, batched: `{"image": TensorSpec([None, None, None, 3], tf.uint8)}`."""

    @abc.abstractmethod
    def prepared_inputs(self) -> dict[str, tf.TensorSpec]:
        """What `geometry` returns, batched: `{"image": TensorSpec([None, h, w, 3], tf.uint8)}`."""

    @abc.abstractmethod
    def geometry(self, inputs):
        """Serving inputs, batched -> (prepared inputs, geometry). Pure TensorFlow, the same in training and serving."""

    @abc.abstractmethod
    def normalize(self, prepared):
        """Prepared inputs, batched -> the graph's inputs. Pure TensorFlow, pointwise."""

    @abc.abstractmethod
    def build(self):
        """A flat functional Keras model, dict in, dict out: no activation, no decoding, the same keys in training."""

    @abc.abstractmethod
    def encode(self, sample):
        """One sample, in graph pixels -> targets, a dict shaped like raw without the batch axis. Pure TensorFlow."""

    @abc.abstractmethod
    def loss(self, targets, raw):
        """name -> loss of each example, float32 [B]."""

    @abc.abstractmethod
    def decode(self, raw, geometry):
        """raw, batched -> prediction in the pixels of the original input, static shapes. Pure TensorFlow."""

    @abc.abstractmethod
    def ideal_raw(self, targets):
        """The oracle: raw, batched, that a perfect graph would return, so that `decode` gives the truth back."""

    def for_classes(self, classes):
        """This architecture for the classes of a data source; a number that does not fit is an error."""
        held = getattr(self, "num_classes", None)
        if held is None or held == len(classes):
            return self
        if held == 0:
            return dataclasses.replace(self, num_classes=len(classes))
        raise KerasVisionError(
            f"the data has {len(classes)} classes and the model {held}; set model.num_classes={len(classes)}, or 0 to "
            "take the number from the data"
        )

    def for_data(self, split):
        """This architecture with what it takes from the training split before it is built, which may be nothing.

        split: `data.sources.base.Split`, all of whose samples have what the architecture needs.
        """
        return self

    def load_pretrained(self, graph):
        """Before training: pretrained weights into the fresh graph. Not called when a run's own weights are loaded."""

    def embedding(self, graph):
        """What stands for an example: a Keras tensor [B, D] of a graph that `build` made, whatever techniques have made
        of it since. An architecture without one raises one line.
        """
        raise KerasVisionError(f"{self.registered_name} has no embedding: no vector in its graph stands for an example")

    def targets(self):
        """What can be explained or attacked of an answer: a `tasks.targets.Targets`. Without any it raises one line."""
        raise KerasVisionError(f"{self.registered_name} says nothing that can be explained: its family has no targets")

    def ground_truth(self, sample):
        """What the evaluator compares a prediction with: arrays of one augmentation-free sample, in original pixels."""
        return {k: sample[k] for k in self.label_keys}

    @property
    def keeps_input_size(self):
        """Whether what `geometry` returns is as large as its input, rather than of the graph's own size."""
        return False

    def at_graph_size(self, prepared):
        """Of prepared inputs that vary, a part of the graph's own size. numpy or tensors, batched -> tensors."""
        return prepared

    def receive(self, sample):
        """A sample as its source gives it -> as augmentations get it, where they need more than the raw data."""
        return sample

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

    def no_geometry(self, prepared):
        """The geometry that says prepared inputs are already where they should be; `{}` where there is none."""
        return {}

    def is_prepared(self, inputs):
        """Whether serving inputs (numpy, batched) are what `geometry` would return, so that it can be left out."""
        return False

    def preprocessing(self):
        """`preprocess` of contract.json: what a client owes that does not use `geometry`, in enumerations and numbers
        alone (`export/contract.schema.json`). An architecture that does not say it is of kind "other".
        """
        return {"version": PREPROCESS, "kind": "other"}

    def file_outputs(self) -> dict[str, Output]:
        """What a file of the graph's size gives, by key: `outputs`, where `to_original_pixels` changes nothing."""
        return self.outputs

    def restoring(self):
        """`restore` of such a file in contract.json: what a client does with its answer, as `to_original_pixels` and
        `predict_through` do it, in enumerations and numbers. Rule "none": nothing; "other": it is not described.
        """
        changed = any(
            getattr(type(self), name) is not getattr(Architecture, name)
            for name in ("to_original_pixels", "predict_through")
        )
        return {"rule": "other" if changed else "none"}

    def pasting(self):
        """`paste` of every file in contract.json: how an answer that is smaller than the image is laid on it."""
        return {}

    def prepared_unlike(self, other):
        """What is done to `other`'s inputs and not to these: lines such as "resize letterbox and not stretch"."""
        theirs, ours = (
            {"prepared": {k: list(s.shape) for k, s in arch.prepared_inputs().items()}} | arch.preprocessing()
            for arch in (other, self)
        )
        apart = [key for key in ours if theirs.get(key) != ours[key]]
        # what only one of them has to say follows from another difference, if there is one
        told = [key for key in apart if key in theirs] or apart
        return [f"{key} {theirs.get(key)} and not {ours[key]}" for key in told]

    def to_original_pixels(self, prediction, geometry):
        """A prediction in graph pixels (from a file that takes prepared inputs) -> original pixels. numpy, batched."""
        return prediction

    def tune(self, predictions, ground_truths):
        """After training: this architecture with what the validation split decides (thresholds). numpy, stacked."""
        return self

    def preprocess(self, inputs):
        """Serving inputs, batched -> (the graph's inputs, geometry)."""
        prepared, geometry = self.geometry(inputs)
        return self.normalize(prepared), geometry

    def example(self, sample):
        """One augmented sample -> (prepared inputs, targets), both without batch axis."""
        prepared, _, moved = self.prepare_sample(sample)
        return prepared, self.encode(moved)

    def prepare_sample(self, sample):
        """One sample -> (prepared inputs, geometry, the sample with its labels in graph pixels)."""
        keys = [*self.serving_inputs(), *(k for k in ("cropped",) if k in sample)]
        prepared, geometry = self.geometry({k: sample[k][None] for k in keys})
        prepared = {k: v[0] for k, v in prepared.items()}
        geometry = {k: v[0] for k, v in geometry.items()}
        return prepared, geometry, self.move_labels(sample, prepared, geometry)

    def move_labels(self, sample, prepared, geometry):
        """The sample with boxes, masks and keypoints in graph pixels. Families without such labels keep it as it is."""
        return sample | prepared
