"""Every backbone through TFLite, ONNX and quantization-aware training: minutes, so slow."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import backbones
from kerasvision.train.techniques.qat import QAT
from tests.backbones.test_contract import CASES, graph_of, scatter

pytestmark = pytest.mark.slow
# gates of attention make these untrained networks chaotic: a change of 2e-7 of the pixels is one of 2 % in c5 of a
# ResNet with SE, whatever runs it; tests/export/test_attention_exports.py sees them where activations are of size 1
STEADY = [case for case in CASES if "attention" not in case[1]]
SIZE = (64, 96)
PIXELS = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module", params=STEADY, ids=lambda c: "-".join([c[0], *map(str, c[1].values())]))
def case(request):
    name, fields = request.param
    backbone = backbones[name](**fields)
    graph = graph_of(backbone, SIZE)
    scatter(graph)
    x = np.asarray(backbone.normalization(tf.constant(PIXELS)))[:1]
    yield backbone, graph, x, {k: np.asarray(v) for k, v in graph(x, training=False).items()}
    keras.backend.clear_session()


def signature(graph):
    return tf.function(lambda image: graph(image), input_signature=[tf.TensorSpec([1, *SIZE, 3], name="image")])


def assert_equal(seen, expected):
    """Float32 through up to 200 layers, in another order of summation."""
    assert sorted(seen) == sorted(expected)
    for level, value in expected.items():
        assert np.abs(seen[level] - value).max() <= 1e-4 * np.abs(value).max(), level


def test_tflite_float_agrees_and_needs_builtins_only(case):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    _, graph, x, expected = case
    module = tf.Module()
    module.variables_held = list(graph.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([signature(graph).get_concrete_function()], module)
    interpreter = litert.Interpreter(model_content=converter.convert())
    assert not [op for op in interpreter._get_ops_details() if op["op_name"].startswith(("Flex", "CUSTOM"))]
    assert_equal(interpreter.get_signature_runner()(image=x), expected)


def test_onnx_agrees(case):
    tf2onnx, runtime = pytest.importorskip("tf2onnx"), pytest.importorskip("onnxruntime")
    _, graph, x, expected = case
    model, _ = tf2onnx.convert.from_function(
        signature(graph), input_signature=[tf.TensorSpec([1, *SIZE, 3], name="image")], opset=17
    )
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert_equal(dict(zip(names, session.run(names, {"image": x}), strict=True)), expected)


def test_quantization_aware_training_applies_where_the_backbone_says_so(case):
    backbone, graph, x, _ = case
    if not backbone.quantizable:
        with pytest.raises(Exception, match="qat: "):
            QAT().graph(backbone, graph)
        return
    quantized = QAT().graph(backbone, graph)
    seen = quantized(x, training=True)
    assert sorted(seen) == sorted(graph.output_shape)
    assert all(np.isfinite(np.asarray(v)).all() for v in seen.values())
    assert backbone.stages(quantized)
