"""What an architecture takes, and how it comes to the graph: the same in training, serving and every file."""

import abc
import functools
import typing

import tensorflow as tf

from kerasvision.core.component import Component
from kerasvision.tasks.functions import Resource
from kerasvision.tasks.inputs import Input

PREPROCESS = 1  # version of what `preprocessing` gives
CROPPED = "cropped"  # key of a sample, and of what `geometry` gets: a window of the image has been cut already


class Preprocessing(Component):
    """Abstract. The part of an `Architecture` that prepares inputs."""

    @abc.abstractmethod
    def serving_inputs(self) -> dict[str, Input]:
        """What a user sends, batched: `{"image": Input(TensorSpec([None, None, None, 3], tf.uint8), "image")}`."""

    def served_sets(self) -> dict[str, tuple[str, ...]]:
        """name -> keys of serving inputs that a user may send without the others, which `completed` adds."""
        return {}

    def completed(self, sent, keys):
        """All serving inputs, by key. sent: those of one of `served_sets`, batched, a picture under another key where
        it is encoded. keys: of the set.
        """
        return sent  # without sets all are sent

    def resources(self) -> dict[str, Resource]:
        """name -> what the model looks things up in, which travels with it as an asset; `table` gives it to
        `geometry`.
        """
        return {}

    def table(self, name):
        """The `tf.lookup` table of a resource, word -> int64 number; one object for the life of the process, so that
        functions that use it can be traced and saved.
        """
        return live_table(name, self.resources()[name])

    # serving key -> name of the function (`functions`) that gives the vector of this input alone, where each has one
    embeds: typing.ClassVar[dict[str, str]] = {}

    def alone(self, key):
        """What reads and prepares one of several inputs by itself, an architecture that takes no other; this one where
        it takes no other.
        """
        return self

    def serving_specs(self):
        """key -> `tf.TensorSpec` of what a user sends, batched."""
        return {k: held.spec for k, held in self.serving_inputs().items()}

    def input_kinds(self):
        """key -> name of its kind, of what a user sends."""
        return {k: held.kind for k, held in self.serving_inputs().items()}

    def inputs_of(self, sample):
        """A decoded sample -> what a user would send of it, key by key, without batch axis. Where an architecture takes
        several images, each is a sample of its own within the sample: `{"exemplar": {"image": ...}, ...}`.
        """
        return {k: sample[k]["image"] if isinstance(sample[k], dict) else sample[k] for k in self.serving_inputs()}

    @abc.abstractmethod
    def prepared_inputs(self) -> dict[str, tf.TensorSpec]:
        """What `geometry` returns, batched: `{"image": TensorSpec([None, h, w, 3], tf.uint8)}`."""

    def receive(self, sample):
        """A sample as its source gives it -> as augmentations get it, where they need more than the raw data."""
        return sample

    @abc.abstractmethod
    def geometry(self, inputs):
        """Serving inputs, batched -> (prepared inputs, geometry). Pure TensorFlow, the same in training and serving."""

    @abc.abstractmethod
    def normalize(self, prepared):
        """Prepared inputs, batched -> the graph's inputs. Pure TensorFlow, pointwise."""

    def preprocess(self, inputs):
        """Serving inputs, batched -> (the graph's inputs, geometry)."""
        prepared, geometry = self.geometry(inputs)
        return self.normalize(prepared), geometry

    @property
    def keeps_input_size(self):
        """Whether what `geometry` returns is as large as its input, rather than of the graph's own size."""
        return False

    def at_graph_size(self, prepared):
        """Of prepared inputs that vary, a part of the graph's own size. numpy or tensors, batched -> tensors."""
        return prepared

    def no_geometry(self, prepared):
        """The geometry that says prepared inputs are already where they should be; `{}` where there is none."""
        return {}

    def is_prepared(self, inputs):
        """Whether serving inputs (numpy, batched) are what `geometry` would return, so that it can be left out."""
        return False

    def prepare_sample(self, sample):
        """One sample -> (prepared inputs, geometry, the sample with its labels in graph pixels)."""
        held = self.inputs_of(sample)
        held |= {CROPPED: sample[CROPPED]} if CROPPED in sample else {}
        prepared, geometry = self.geometry({k: v[None] for k, v in held.items()})
        prepared = {k: v[0] for k, v in prepared.items()}
        geometry = {k: v[0] for k, v in geometry.items()}
        return prepared, geometry, self.move_labels(sample, prepared, geometry)

    def move_labels(self, sample, prepared, geometry):
        """The sample with boxes, masks and keypoints in graph pixels. Families without such labels keep it as it is."""
        return sample | prepared

    def preprocessing(self):
        """`preprocess` of contract.json: what a client owes that does not use `geometry`, in enumerations and numbers
        alone (`export/contract.schema.json`). An architecture that does not say it is of kind "other".
        """
        return {"version": PREPROCESS, "kind": "other"}

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


@functools.cache
def live_table(name, resource):
    """The table of a `Resource`: made outside of any graph, where functions can share it."""
    with tf.init_scope():
        words = tf.constant(list(resource.words), tf.string)
        numbers = tf.range(len(resource.words), dtype=tf.int64)
        held = tf.lookup.KeyValueTensorInitializer(words, numbers)
        return tf.lookup.StaticHashTable(held, resource.unknown, name=name)
