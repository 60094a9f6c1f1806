"""A file of an embedder that has learned without labels is its backbone: no projector, predictor, decoder or teacher is
in it, by the operators and the variables that it has.
"""

import collections

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures, create, sources
from kerasvision.export.targets.saved_model import saved_model_ops, write_saved_model
from kerasvision.export.targets.tflite import convert
from kerasvision.inference.served import Served
from tests import store
from tests.contract import brief
from tests.contract.cases import CaseSamples

METHODS = [name for name in architectures.names() if name.startswith("self_supervised/")]
BEFORE = {"self_supervised/colorization": 1}  # products before the backbone: color is taken away
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def check_tflite(path, backbone, before=0):
    """Each convolution of the backbone, no further one, and no layer that connects all with all.

    backbone: Keras layers. before: products of each pixel's colors before it, which are convolutions in a file.
    """
    found = create("exporters/tflite").ops(path)
    count = sum(found.get(op, 0) for op in ("CONV_2D", "DEPTHWISE_CONV_2D"))
    assert count == before + sum(isinstance(layer, CONVOLUTIONS) for layer in backbone), found
    assert not {"FULLY_CONNECTED", "BATCH_MATMUL", "TRANSPOSE_CONV"} & set(found), found
    names = [t["name"] for t in tf.lite.Interpreter(str(path)).get_tensor_details()]
    assert any("backbone" in name for name in names)
    for part in ("projector", "predictor", "prototypes", "decoder", "teacher", "queue"):
        assert not [name for name in names if part in name], part


def check_saved_model(path, backbone, before=0):
    """Its variables have the shapes of the backbone's, each as often; no product of matrices is left."""
    shapes = collections.Counter(tuple(v.shape) for v in tf.saved_model.load(str(path)).weights)
    assert shapes == collections.Counter(tuple(w.shape) for layer in backbone for w in layer.weights)
    assert before or "MatMul" not in saved_model_ops(path)


def backbone_of(graph):
    return [layer for layer in graph.layers if layer.name.startswith("backbone_")]


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated.*")
def test_files_of_a_masked_autoencoder_have_neither_decoder_nor_mask(tmp_path):
    """What hides parts in training stands between the layers of the backbone: the files have it nowhere."""
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    arch = create("self_supervised/masked_autoencoder", image_size=(16, 16), backbone=backbone, patch=4, decoder=16)
    graph = arch.build()
    served, path = Served(arch, graph, ()), tmp_path / "model.tflite"
    pictures = np.random.default_rng(0).integers(0, 256, (8, 1, 16, 16, 3), dtype=np.uint8)
    path.write_bytes(convert(served, "int8", "mixed", [{"image": picture} for picture in pictures]))
    check_tflite(path, backbone_of(graph))
    write_saved_model(served, tmp_path / "saved")
    check_saved_model(tmp_path / "saved", backbone_of(graph))
    ops = create("exporters/tflite").ops(path)
    assert not {"SELECT_V2", "WHERE", "IS_NAN"} & set(ops), ops


@pytest.fixture
def of_cases():
    """The source of the contract's recipes."""
    sources.register("contract_case")(CaseSamples)
    yield
    sources._parts.pop("contract_case")


@pytest.mark.nightly  # runs of their own, those with a teacher among them
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated.*")
@pytest.mark.parametrize("name", METHODS)
def test_files_of_a_trained_run_have_what_answers_alone(name, of_cases):
    case, recipe = brief.case_of(name), brief.recipe_of(name)
    out, backbone = store.exported(recipe, case.exports, None)[2], backbone_of(recipe.model.build())
    check_saved_model(out / "saved_models" / recipe.name / "1", backbone, BEFORE.get(name, 0))
    for file in ("model.tflite", "model_int8.tflite"):
        check_tflite(out / "tflite" / "models" / recipe.name / file, backbone, BEFORE.get(name, 0))


def test_a_projector_would_be_seen(tmp_path):
    """The checks tell a file with a projector from one without."""
    graph = keras.Sequential([keras.layers.Conv2D(4, 3, name="backbone_conv"), keras.layers.Dense(8, name="projector")])
    graph(tf.zeros([1, 8, 8, 3]))
    path = tmp_path / "model.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(graph).convert())
    with pytest.raises(AssertionError):
        check_tflite(path, graph.layers[:1])
    module = tf.Module()
    module.weights = list(graph.weights)
    tf.saved_model.save(module, str(tmp_path / "plain"))
    with pytest.raises(AssertionError):
        check_saved_model(tmp_path / "plain", graph.layers[:1])
