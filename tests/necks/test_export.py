"""Necks through TFLite, calibrated int8 and quantization-aware training: integer throughout, and the same answer."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import create
from tests.necks.test_necks import features, graph_of

pytestmark = pytest.mark.slow
CASES = [
    ("fpn", {"width": 8}),
    ("pan", {"width": 8}),
    ("bifpn", {"width": 8, "repeats": 1, "activation": "relu6"}),
    ("bifpn", {"width": 8, "repeats": 1, "activation": "relu6", "fusion": "sum"}),
]
FLOAT_STEPS = {"QUANTIZE", "DEQUANTIZE"}


@pytest.fixture(params=CASES, ids=lambda c: "-".join([c[0], *map(str, c[1].values())]))
def neck(request):
    name, fields = request.param
    yield create(f"necks/{name}", **fields)
    keras.backend.clear_session()


def converted(graph, calibrate, quantize):
    """(types of the tensors that operators write, by operator, run) in TFLite with plain kernels."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    module = tf.Module()
    module.held = list(graph.variables)
    specs = {k: tf.TensorSpec([1, *v.shape[1:]], name=k) for k, v in features(batch=1).items()}
    traced = tf.function(lambda x: graph(x, training=False), input_signature=[specs], autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()], module)
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if calibrate:
        converter.representative_dataset = lambda: (
            ("serving_default", features(batch=1, seed=seed)) for seed in range(1, 9)
        )
    resolver = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = litert.Interpreter(model_content=converter.convert(), experimental_op_resolver_type=resolver)
    dtypes = {t["index"]: t["dtype"] for t in interpreter.get_tensor_details()}
    written = [(op["op_name"], dtypes[i]) for op in interpreter._get_ops_details() for i in op["outputs"]]
    return written, interpreter.get_signature_runner()


def off(seen, expected, over=np.max):
    """The largest (or mean) difference of a level, as a part of its range; a step of int8 is 1 / 255 of it."""
    return max(over(np.abs(seen[k] - v)) / np.ptp(v) for k, v in expected.items())


def test_float_agrees_and_int8_is_integer_throughout(neck):
    graph, x = graph_of(neck), features(batch=1)
    expected = {k: v.numpy() for k, v in graph(x, training=False).items()}
    written, run = converted(graph, calibrate=False, quantize=False)
    assert off(run(**x), expected) < 1e-5
    written, run = converted(graph, calibrate=True, quantize=True)
    assert not [op for op, dtype in written if dtype == np.float32 and op not in FLOAT_STEPS]
    assert off(run(**x), expected, np.mean) < 0.015


def test_quantization_aware_training_applies(neck):
    from kerasvision.train.techniques.qat import QAT

    if getattr(neck, "fusion", "") == "weighted":
        pytest.skip("the weighted sums need a quantizer of their output alone")
    bare = graph_of(neck)
    heads = {k: keras.layers.Conv2D(4, 1, name=f"head_{k}")(v) for k, v in bare.output.items()}
    quantized, x = QAT().graph(neck, keras.Model(bare.input, heads)), features(batch=1)
    for _ in range(3):
        quantized(x, training=True)
    expected = {k: v.numpy() for k, v in quantized(x, training=False).items()}
    written, run = converted(quantized, calibrate=False, quantize=True)
    heavy = {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "CONCATENATION"}
    assert not [op for op, dtype in written if dtype == np.float32 and op in heavy]
    # ranges start at -6 to 6 and hardly move in three passes, so a step is 1 / 50 of a level's own range
    assert off(run(**x), expected, np.mean) < 0.03
