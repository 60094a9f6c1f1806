"""Attention against numpy, and through TFLite (float and int8), ONNX and quantization-aware training."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter

from kerasvision.core.errors import KerasVisionError
from kerasvision.layers import attention
from kerasvision.layers.attention import DotProductAttention, eca_kernel
from kerasvision.train.techniques.qat import QAT

SHAPE = (5, 4, 8)
MAPS = np.random.default_rng(0).normal(size=(16, *SHAPE)).astype(np.float32)
KINDS = {
    "se": lambda x: attention.squeeze_excite(x, "at"),
    "eca": lambda x: attention.eca(x, "at"),
    "cbam": lambda x: attention.cbam(x, "at"),
    "non_local": lambda x: attention.non_local(x, "at"),
    "relative": lambda x: attention.self_attention(x, 8, "at"),
    "no_position": lambda x: attention.self_attention(x, 12, "at", heads=2, position="none"),
}


def scattered(graph):
    """Weights away from their initial zeros and ones."""
    rng = np.random.default_rng(1)
    for layer in graph.layers:
        for weight in layer.weights:
            positive = "variance" in weight.name or "gamma" in weight.name
            draw = rng.uniform(0.5, 1.5, weight.shape) if positive else rng.normal(0, 0.5, weight.shape)
            weight.assign(draw)
    return graph


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def graph_of(kind, shape=SHAPE):
    x = keras.Input(shape, name="x")
    return scattered(keras.Model({"x": x}, {"y": KINDS[kind](x)}))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def weights(graph):
    """`reduce/kernel` -> float64 array; a 1x1 kernel as a matrix."""
    held = {v.name.removeprefix("at_").removesuffix(":0"): v.numpy().astype(np.float64) for v in graph.weights}
    return {k: v[0, 0] if v.ndim == 4 and v.shape[:2] == (1, 1) else v for k, v in held.items()}


def mlp(x, w):
    hidden = np.maximum(x @ w["reduce/kernel"] + w["reduce/bias"], 0)
    return hidden @ w["expand/kernel"] + w["expand/bias"]


def numpy_se(x, w):
    return x * sigmoid(mlp(x.mean((1, 2)), w))[:, None, None]


def numpy_eca(x, w):
    kernel = w["conv/kernel"].ravel()
    half = len(kernel) // 2
    mean = np.pad(x.mean((1, 2)), ((0, 0), (half, half)))
    y = sum(kernel[i] * mean[:, i : i + x.shape[-1]] for i in range(len(kernel)))
    return x * sigmoid(y)[:, None, None]


def numpy_cbam(x, w):
    x = x * sigmoid(mlp(x.mean((1, 2)), w) + mlp(x.max((1, 2)), w))[:, None, None]
    pooled = np.pad(np.stack([x.mean(-1), x.max(-1)], -1), ((0, 0), (3, 3), (3, 3), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(pooled, (7, 7), (1, 2))  # [B, H, W, 2, 7, 7]
    kernel = np.concatenate([w["spatial_mean/kernel"], w["spatial_max/kernel"]], 2)  # the paper's one of two channels
    y = np.einsum("bhwcij,ijco->bhwo", windows, kernel) + w["spatial_mean/bias"]
    return x * sigmoid(y)


def numpy_non_local(x, w):
    theta, phi, g = (x @ w[f"{p}/kernel"] + w[f"{p}/bias"] for p in ("theta", "phi", "g"))
    b, h, width, c = theta.shape
    theta, phi, g = (t.reshape(b, h * width, c) for t in (theta, phi, g))
    y = (softmax(theta @ phi.transpose(0, 2, 1)) @ g).reshape(b, h, width, c) @ w["out/kernel"]
    y = (y - w["norm/moving_mean"]) / np.sqrt(w["norm/moving_variance"] + 1e-3)
    return x + y * w["norm/gamma"] + w["norm/beta"]


def numpy_self_attention(x, w, heads, relative):
    """Position by position, as Bello et al. write equation 3."""
    q, k, v = (x @ w[f"{p}/kernel"] for p in ("query", "key", "value"))
    b, h, width, c = q.shape
    d, out = c // heads, np.zeros(q.shape)
    cells = [(r, s) for r in range(h) for s in range(width)]
    for n in range(heads):
        part = slice(n * d, (n + 1) * d)
        for r, s in cells:
            logits = []
            for row, column in cells:
                key = k[:, row, column, part]
                if relative:
                    key = key + w["softmax/rows"][row - r + h - 1] + w["softmax/columns"][column - s + width - 1]
                logits.append((q[:, r, s, part] * key).sum(-1) / np.sqrt(d))
            shares = softmax(np.stack(logits, -1))
            out[:, r, s, part] = np.einsum("bn,bnd->bd", shares, v[..., part].reshape(b, -1, d))
    return out


NUMPY = {
    "se": numpy_se,
    "eca": numpy_eca,
    "cbam": numpy_cbam,
    "non_local": numpy_non_local,
    "relative": lambda x, w: numpy_self_attention(x, w, 4, True),
    "no_position": lambda x, w: numpy_self_attention(x, w, 2, False),
}


def test_values_are_the_papers(kind):
    graph = graph_of(kind)
    expected = NUMPY[kind](MAPS.astype(np.float64), weights(graph))
    assert np.abs(expected - (MAPS if expected.shape == MAPS.shape else 0)).max() > 0.1  # it does something
    np.testing.assert_allclose(graph({"x": MAPS})["y"], expected, rtol=2e-5, atol=2e-5)


def test_every_weight_learns(kind):
    graph = graph_of(kind)
    target = np.random.default_rng(2).normal(size=graph({"x": MAPS})["y"].shape).astype(np.float32)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(graph({"x": MAPS})["y"] * target)
    for weight, gradient in zip(graph.trainable_weights, tape.gradient(total, graph.trainable_weights), strict=True):
        if not weight.name.endswith("phi/bias:0"):  # softmax does not see a constant added to all keys
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 1e-4, weight.name


def test_a_non_local_block_starts_as_the_identity():
    x = keras.Input(SHAPE)
    np.testing.assert_array_equal(keras.Model(x, attention.non_local(x, "at"))(MAPS), MAPS)


@pytest.mark.parametrize(("channels", "kernel"), [(8, 3), (16, 3), (64, 3), (128, 5), (256, 5), (512, 5), (2048, 7)])
def test_eca_kernels(channels, kernel):
    """The authors' code: t = int(abs((log2(C) + 1) / 2)), t if odd else t + 1."""
    assert eca_kernel(channels) == kernel


def test_attention_without_positions_takes_any_size_and_ignores_order():
    graph = graph_of("no_position", (None, None, 8))
    y = graph({"x": MAPS})["y"].numpy()
    np.testing.assert_allclose(graph({"x": MAPS[:, ::-1]})["y"], y[:, ::-1], rtol=1e-4, atol=1e-5)
    assert graph({"x": MAPS[:, :3]})["y"].shape == (16, 3, 4, 12)
    with pytest.raises(KerasVisionError, match="needs a fixed image_size"):
        graph_of("relative", (None, None, 8))
    with pytest.raises(KerasVisionError, match="10 channels in 4 heads; a multiple of 4"):
        attention.self_attention(keras.Input(SHAPE), 10, "at")


def test_half_precision_has_a_float32_softmax():
    layer = DotProductAttention(1, scaled=False, dtype="mixed_float16")
    x = tf.cast(tf.fill([1, 2, 2, 4], 200.0), tf.float16)  # 200 * 200 * 4 is beyond float16
    y = layer([x, x, x])
    assert y.dtype == tf.float16
    np.testing.assert_allclose(y, x)


def tflite(graph, int8=False):
    """The file's answer to each map."""
    function = tf.function(lambda x: graph({"x": x}), input_signature=[tf.TensorSpec([1, *SHAPE], name="x")])
    module = tf.Module()
    module.held = list(graph.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([m[None]] for m in MAPS)
    interpreter = Interpreter(model_content=converter.convert())
    assert not [o for o in interpreter._get_ops_details() if o["op_name"].startswith(("Flex", "CUSTOM"))]
    if int8:
        assert any(t["dtype"] == np.int8 for t in interpreter.get_tensor_details())
    return np.stack([interpreter.get_signature_runner()(x=m[None])["y"][0] for m in MAPS])


def test_tflite(kind):
    graph = graph_of(kind)
    expected = graph({"x": MAPS})["y"].numpy()
    np.testing.assert_allclose(tflite(graph), expected, rtol=1e-4, atol=1e-5)
    error = np.abs(tflite(graph, int8=True) - expected)
    assert error.mean() < 0.01 * np.abs(expected).max() and error.max() < 0.1 * np.abs(expected).max()


def test_onnx(kind):
    import onnxruntime
    import tf2onnx

    graph = graph_of(kind)
    function = tf.function(lambda x: graph({"x": x}), input_signature=[tf.TensorSpec([None, *SHAPE], name="x")])
    model, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=17)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["y"], {"x": MAPS})[0], graph({"x": MAPS})["y"], rtol=1e-4, atol=1e-5)


# by day what multiplies channels and positions, and what compares positions by their place
@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=() if k in ("cbam", "relative") else pytest.mark.nightly) for k in KINDS]
)
def test_quantization_aware_training(kind):
    """It applies, every kernel has a range of its own, and the int8 file answers as the graph with rounding in it."""
    from tests.train.tiny import classifier

    graph = graph_of(kind)
    aware = QAT().graph(classifier(num_classes=2), graph)
    for _ in range(3):
        seen = aware({"x": MAPS}, training=True)["y"]
    assert np.isfinite(seen).all()
    expected = aware({"x": MAPS}, training=False)["y"].numpy()
    np.testing.assert_allclose(tflite_aware(aware), expected, atol=0.06 * np.abs(expected).max())
    assert np.abs(expected - graph({"x": MAPS})["y"]).mean() < 0.2 * np.abs(expected).std()


def tflite_aware(graph):
    function = tf.function(
        lambda x: graph({"x": x}, training=False), input_signature=[tf.TensorSpec([1, *SHAPE], name="x")]
    )
    module = tf.Module()
    module.held = list(graph.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    interpreter = Interpreter(model_content=converter.convert())
    return np.stack([interpreter.get_signature_runner()(x=m[None])["y"][0] for m in MAPS])
