"""Architectures for the tests alone that take a text with a vocabulary, and several images with a state."""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.tasks.base import Function, Input, Output, Resource
from tests.contract.case import Case
from tests.contract.cases import pair_samples
from tests.contract.text_cases import LINES
from tests.contract.toys import OneOfSeveral, Siamese

WORDS = ("der", "die", "ist", "is", "better", "than")


@dataclasses.dataclass(frozen=True)
class Words(OneOfSeveral):
    """A text as it is: its words are looked up in the graph."""

    num_classes: int = 0
    length: int = 8

    name = "words"

    def serving_inputs(self):
        return {"text": Input(tf.TensorSpec([None], tf.string), "text")}

    def prepared_inputs(self):
        return {"ids": tf.TensorSpec([None, self.length], tf.int32)}

    def resources(self):
        return {"vocabulary": Resource(WORDS, unknown=len(WORDS))}

    def geometry(self, inputs):
        words = tf.strings.split(tf.strings.lower(inputs["text"]))
        ids = self.table("vocabulary").lookup(words)
        ids = ids.to_tensor(len(WORDS) + 1, shape=[None, self.length])
        return {"ids": tf.ensure_shape(tf.cast(ids, tf.int32), [None, self.length])}, {}

    def normalize(self, prepared):
        return prepared

    def build(self):
        ids = keras.Input((self.length,), dtype="int32", name="ids")
        x = keras.layers.Embedding(len(WORDS) + 2, 4, name="embedding")(ids)
        x = keras.layers.GlobalAveragePooling1D(name="pool")(x)
        return keras.Model({"ids": ids}, {"logits": keras.layers.Dense(self.num_classes, name="logits")(x)})


@dataclasses.dataclass(frozen=True)
class Follower(Siamese):
    """Remembers one image, then says of others how like it they are, and how many it has seen."""

    def functions(self, graph):
        layers = [graph.get_layer(name) for name in ("first", "second", "flat")]
        size = int(layers[-1].output.shape[1]) if not isinstance(layers[-1].output, list) else 128

        def features(image):
            for layer in layers:
                image = layer(image)
            return image

        def seen(key, inputs):
            return features(tf.cast(inputs[key], tf.float32) / 127.5 - 1.0)

        def remember(inputs):
            return {"memory": seen("image_0", inputs)}

        def follow(inputs):
            logits = graph.get_layer("logits")(tf.square(seen("image_1", inputs) - inputs["memory"]))
            return {"likeness": tf.nn.softmax(logits)[:, 1], "count": inputs["count"] + 1.0}

        specs = self.prepared_inputs()
        memory, count = tf.TensorSpec([None, size], tf.float32), tf.TensorSpec([None, 1], tf.float32)
        return {
            "remember": Function({"image_0": specs["image_0"]}, {"memory": Output("float32", "", (size,))}, remember),
            "follow": Function(
                {"image_1": specs["image_1"], "memory": memory, "count": count},
                {"likeness": Output("float32", "probability"), "count": Output("float32", "images", (1,))},
                follow,
            ),
        }


def text_samples():
    return [{"text": np.array(line.encode(), object), "label": np.int32(k)} for line, k in LINES]


TOYS = {
    "toys/words": (Words, Case(lambda: Words(num_classes=2), text_samples, ("English", "German"))),
    "toys/follower": (Follower, Case(Follower, pair_samples, ("different", "same"))),
}
