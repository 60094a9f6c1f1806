"""The contract of embeddings can fail: one fault after the other is planted, and each is refused."""

import contextlib

import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.ops.internals import called_with
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.contract.toys import Volume

CASE = CASES["toys/volume"]


class Embeds(Volume):
    def embedding(self, graph):
        return called_with(graph.output["logits"])[0]


class EmbedsAMap(Volume):
    def embedding(self, graph):
        return graph.get_layer("second").output


class EmbedsAlike(Volume):
    def embedding(self, graph):
        return keras.layers.Rescaling(0.0)(graph.get_layer("flat").output)


class EmbedsAtRandom(Volume):
    def embedding(self, graph):
        return keras.layers.Dropout(0.5)(graph.get_layer("flat").output, training=True)


class EmbedsTheBatch(Volume):
    def embedding(self, graph):
        return LessTheMean()(graph.get_layer("flat").output)


class LessTheMean(keras.layers.Layer):
    def call(self, x):
        return x - tf.reduce_mean(x, 0)


class EmbedsAnotherPlace(Volume):
    """A vector on the way, which the logits are made of after something has been added."""

    def build(self):
        made = super().build()
        flat = made.get_layer("flat").output
        moved = keras.layers.Rescaling(1.0, 0.5, name="moved")(flat)
        return keras.Model(made.input, {"logits": keras.layers.Dense(2, name="moved_logits")(moved)})

    def embedding(self, graph):
        return keras.layers.Rescaling(1.0, 0.5)(graph.get_layer("flat").output)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (EmbedsAMap, r"it is \(8, 2, 4, 4, 8\)"),
        (EmbedsAlike, "the same for all examples"),
        (EmbedsAtRandom, "another one each time"),
        (EmbedsTheBatch, "depends on the others"),
        (EmbedsAnotherPlace, "cannot be reached"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_embedding_with_a_fault_is_refused(fault, words):
    for arch, refused in ((Embeds(num_classes=2), False), (fault(num_classes=2), True)):
        expected = pytest.raises((AssertionError, ValueError), match=words) if refused else contextlib.nullcontext()
        with expected:
            contracts.check_embedding(arch, contracts.built(arch), CASE, "logits")
