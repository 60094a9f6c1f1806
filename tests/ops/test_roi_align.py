"""RoIAlign against torchvision's stored answers and gradients, and through TFLite and ONNX."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.ops.roi_align import level_of, pyramid_roi_align

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "goldens" / "detection_ops.npz")
CONFIGURATIONS = [(3, (7, 7), 2), (3, (3, 5), 1), (2, (2, 2), 3), (4, (4, 3), 2)]
LEVELS = {f"p{k}": GOLDEN[f"pyramid/p{k}"] for k in range(2, 6)}


@pytest.mark.parametrize(("level", "size", "samples"), CONFIGURATIONS)
def test_values_and_gradients_are_torchvision_s(level, size, samples):
    features = tf.constant(GOLDEN["roi_align/features"])
    with tf.GradientTape() as tape:
        tape.watch(features)
        seen = pyramid_roi_align({f"p{level}": features}, tf.constant(GOLDEN["roi_align/boxes"]), size, samples)
        loss = tf.reduce_sum(tf.square(seen))
    name = f"roi_align/{2**level}_{size[0]}_{size[1]}_{samples}"
    np.testing.assert_allclose(seen, GOLDEN[name], atol=5e-6)
    np.testing.assert_allclose(tape.gradient(loss, features), GOLDEN[f"{name}_gradient"], atol=5e-5)
    assert not seen[0, 0].numpy().any()  # a box outside of the image


def test_levels_are_torchvision_s():
    seen = level_of(GOLDEN["pyramid/boxes"], 2, 5)
    np.testing.assert_array_equal(seen, GOLDEN["pyramid/level"])
    assert seen[0, :2].numpy().tolist() == [3, 4]  # 112 and 224 px exactly
    assert len(set(seen.numpy().ravel().tolist())) == 4
    assert level_of(np.zeros((1, 4), np.float32), 2, 5).numpy().tolist() == [2]


def test_pyramid_reads_each_box_s_own_level():
    seen = pyramid_roi_align(LEVELS, GOLDEN["pyramid/boxes"], (2, 2))
    np.testing.assert_allclose(seen, GOLDEN["pyramid/out"], atol=5e-6)


def test_a_plane_is_sampled_exactly():
    """Features that are their own position in pixels: a bin's mean is its center, inside of the map."""
    y, x = np.meshgrid(np.arange(20) * 8 + 4.0, np.arange(30) * 8 + 4.0, indexing="ij")
    features = np.stack([x, y], -1)[None].astype(np.float32)
    boxes = np.float32([[[10, 12, 52, 96], [4, 4, 236, 156]]])
    seen = pyramid_roi_align({"p3": features}, boxes, (6, 7)).numpy()
    for box, bins in zip(boxes[0], seen[0], strict=True):
        columns, rows = (box[i] + (np.arange(n) + 0.5) * (box[i + 2] - box[i]) / n for i, n in ((0, 7), (1, 6)))
        np.testing.assert_allclose(bins[..., 0], np.tile(columns, (6, 1)), atol=1e-3)
        np.testing.assert_allclose(bins[..., 1], np.tile(rows[:, None], (1, 7)), atol=1e-3)


def test_no_gradient_reaches_the_boxes():
    boxes = tf.constant(GOLDEN["pyramid/boxes"])
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        seen = pyramid_roi_align(LEVELS, boxes)
    assert tape.gradient(seen, boxes) is None


def pyramid_function(batch):
    specs = [tf.TensorSpec([batch, *LEVELS[f"p{k}"].shape[1:]], name=f"level{k}") for k in range(2, 6)]
    specs.append(tf.TensorSpec([batch, 9, 4], name="boxes"))

    def answer(*inputs):
        levels = {f"p{k}": x for k, x in zip(range(2, 6), inputs[:4], strict=True)}
        return {"pooled": pyramid_roi_align(levels, inputs[4], (2, 2))}

    return tf.function(answer, input_signature=specs, autograph=False), specs


def test_it_converts_to_builtin_operators():
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    module = tf.Module()
    module.answer, _ = pyramid_function(1)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.answer.get_concrete_function()], module)
    interpreter = litert.Interpreter(model_content=converter.convert())
    assert not [op for op in interpreter._get_ops_details() if op["op_name"].startswith(("Flex", "CUSTOM"))]
    for i in range(2):
        feeds = {f"level{k}": LEVELS[f"p{k}"][i : i + 1] for k in range(2, 6)}
        seen = interpreter.get_signature_runner()(**feeds, boxes=GOLDEN["pyramid/boxes"][i : i + 1])
        np.testing.assert_allclose(seen["pooled"], GOLDEN["pyramid/out"][i : i + 1], atol=5e-6)


@pytest.mark.slow
def test_onnx_agrees():
    tf2onnx, runtime = pytest.importorskip("tf2onnx"), pytest.importorskip("onnxruntime")
    function, specs = pyramid_function(None)
    model, _ = tf2onnx.convert.from_function(function, input_signature=specs, opset=17)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {f"level{k}": LEVELS[f"p{k}"] for k in range(2, 6)} | {"boxes": GOLDEN["pyramid/boxes"]}
    np.testing.assert_allclose(session.run(None, feeds)[0], GOLDEN["pyramid/out"], atol=5e-6)
