"""The contract of embeddings can fail: one fault after the other is planted, and each is refused. And embeddings are
found in graphs that techniques have rebuilt.
"""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.ops.internals import called_with
from kerasvision.train.techniques.qat import QAT
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


@pytest.mark.parametrize(
    "name",
    [
        "classification/classifier_chain",
        "semantic_segmentation/unet",
        *(pytest.param(n, marks=pytest.mark.nightly) for n in ("classification/label_attention", "detection/yolo")),
        *(pytest.param(n, marks=pytest.mark.nightly) for n in ("classification/classifier", "regression/regressor")),
    ],
)
def test_an_embedding_is_found_after_quantization_aware_training(name):
    """Which wraps layers and gives them other names; its ranges begin wide, so numbers stay near."""
    arch, case = CASES[name].make(), CASES[name]
    graph = contracts.built(arch)
    aware = QAT().graph(arch, graph)
    inputs = arch.normalize(contracts.batch_of(arch, case)[0])
    plain, quantized = (keras.Model(g.input, arch.embedding(g))(inputs, training=True).numpy() for g in (graph, aware))
    assert plain.shape == quantized.shape
    assert np.corrcoef(plain.ravel(), quantized.ravel())[0, 1] > 0.9
