"""Twins against LiteRT: operator by operator on the file's own tensors, whole files by decisions; their gradients."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from kerasvision.api import load, look_inside
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.graphs import is_quantized
from kerasvision.core.registry import create
from kerasvision.explain.base import explainable
from kerasvision.export.twin import twin as twins_module
from kerasvision.export.twin.graph import TwinGraph
from kerasvision.export.twin.grids import on_grid, on_own_grid
from kerasvision.export.twin.reading import Held
from kerasvision.export.twin.twin import Twin
from kerasvision.robustness.attacks.classifier import Classifier
from tests import store
from tests.contract.cases import EXEMPT_FROM_QAT, TOYS, names
from tests.export import twins

NAMES = [name for name in names() if name not in TOYS]
QUANTIZE = ("float32", "float16", "dynamic", "int8")
BY_DEFAULT = (
    ("classification/classifier", "dynamic"),
    ("detection/retinanet", "float32"),
    ("semantic_segmentation/unet", "int8"),
)
CASES = [
    pytest.param(name, quantize, marks=() if (name, quantize) in BY_DEFAULT else pytest.mark.nightly)
    for name in NAMES
    for quantize in QUANTIZE
]
# raw outputs that are not in a file: the converter multiplies weights in place of what decoding multiplies, or reshapes
# after it has decoded
JOINED = {
    "classification/classifier_chain": {"logits"},
    "detection/faster_rcnn": {"deltas"},
    "regression/regressor": {"values"},
    "text_regression/regressor": {"values"},
}
TRAINED_BY = {"cosines", "projection", "prediction", "turns"}  # of which no answer is made, so that no file has them
NO_INT8 = ("volume", "unet3d", "vnet", "cnn3d")  # Conv3D has no integer form


@pytest.fixture(scope="module")
def digits():
    """(uint8 [200, 8, 8, 3], labels) of the last digits, which the run was not trained on."""
    held = load_digits()
    images = np.repeat((held.images * 255 / 16).astype(np.uint8)[..., None], 3, -1)
    return images[-200:], held.target[-200:]


def digits_file(folder, name):
    return folder / "tflite" / "models" / "digits" / name


@pytest.mark.group_by("name")
@pytest.mark.parametrize(("name", "quantize"), CASES)
def test_each_operator_is_within_a_step_of_litert_s_own_kernel(name, quantize, tmp_path):
    if quantize == "int8" and name.endswith(NO_INT8):
        pytest.skip("convolves volumes")
    check_file(name, quantize, tmp_path / "model.tflite")


def check_file(name, quantize, path, graph=None):
    """Operator by operator, raw outputs, and answers. graph: of the case; without one it is made."""
    arch, graph, rows = twins.written(name, quantize, path, graph)
    twin, interpreter = Twin(path), twins.opened(path)
    twins.answers(interpreter, rows[:1])
    found = [(node.kind, worst) for node in twin.nodes for worst in twins.apart(twin, interpreter, node)]
    assert len(found) >= 5 and not [row for row in found if not row[1] <= 1]
    inside = TwinGraph(twin, graph)
    check_raw(inside, arch, graph, rows[0], quantize)
    check_answers(inside, quantize, twins.answers(interpreter, rows), twins.answers(twins.fast(path), rows), rows)


QAT = [n for n in NAMES if n not in EXEMPT_FROM_QAT]


@pytest.mark.group_by("name")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "classification/classifier" else pytest.mark.nightly) for n in QAT]
)
def test_files_of_quantization_aware_training_too(name, tmp_path):
    check_file(name, "int8", tmp_path / "model.tflite", twins.aware(name))


def check_raw(inside, arch, graph, row, quantize):
    """The graph's raw outputs are found in the file, but for those that the converter has joined with decoding."""
    joined = {key for key, tensor in graph.output.items() if not inside.has(tensor)}
    wanted = {} if is_quantized(graph) else JOINED  # what is rounded between is not joined
    assert joined == wanted.get(arch.registered_name, set()) | (TRAINED_BY & set(graph.output))
    for key in joined:
        with pytest.raises(UsageError, match="is not in the file; the converter made one operator of it"):
            inside.values(row, graph.output[key])
    there = {key: tensor for key, tensor in graph.output.items() if key not in joined}
    raw = inside.values(row, there)
    for key, wanted in graph(arch.normalize(row), training=False).items():
        assert key in joined or raw[key].shape == wanted.shape, "another tensor of the file was taken for it"
        if key not in joined and quantize == "float32":
            np.testing.assert_allclose(raw[key], wanted, atol=1e-4 * max(1, np.abs(wanted).max()))


def check_answers(inside, quantize, plain, fast, rows):
    """The file's answer to each of a case's examples, by LiteRT's plain and by its fast kernels. Float files within
    1e-5. Of rounded ones the decisions: 99.5 % are equal, or, as weights are random and classes close, at most twice as
    many differ as between both kernels of LiteRT.
    """
    mine = [{k: v.numpy() for k, v in inside.predicted(row).items()} for row in rows]
    for key in ("probabilities", "scores"):  # of boxes, equal scores come in any order
        if key in plain[0] and quantize == "float32":
            np.testing.assert_allclose([m[key] for m in mine], [p[key] for p in plain], atol=1e-5)
        elif key == "probabilities" and key in plain[0]:
            decided = [np.concatenate([a[key].argmax(-1).ravel() for a in held]) for held in (mine, plain, fast)]
            apart, kernels_apart = ((decided[1] != other).mean() for other in (decided[0], decided[2]))
            assert apart <= max(0.005, 2 * kernels_apart)


@pytest.mark.parametrize(
    "name", ["model.tflite", "model_float16.tflite", "model_int8.tflite", "model_int8_uint8.tflite"]
)
def test_whole_files_decide_alike(name, digits_exports, digits):
    path = digits_file(digits_exports[2], name)
    theirs = load(path)({"image": digits[0]})["probabilities"]
    mine = explainable(look_inside(path)).predicted(digits[0])["probabilities"].numpy()
    assert (mine.argmax(1) == theirs.argmax(1)).mean() >= 0.995
    if name == "model.tflite":
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_raw_outputs_are_found_in_the_file(digits_exports, digits):
    """Their softmax is the file's answer; one picture and many are answered alike."""
    path = digits_file(digits_exports[2], "model_int8.tflite")
    model = explainable(look_inside(path))
    logits = model.raw(digits[0][:9])["logits"]
    np.testing.assert_allclose(tf.nn.softmax(logits), model.predicted(digits[0][:9])["probabilities"], atol=1e-6)
    np.testing.assert_allclose(model.raw(digits[0][4:5])["logits"][0], logits[4], atol=1e-6)


def slope(model, image, index):
    image = tf.constant(image[None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(image)
        score = model.raw(image)["logits"][0, index]
    return tape.gradient(score, image)[0].numpy()


def test_gradients_are_those_of_the_trained_model_and_of_finite_differences(digits_run, digits_exports, digits):
    """By finite differences in float64 on a path so short that no ReLU turns on it: along the slope itself."""
    model = explainable(look_inside(digits_file(digits_exports[2], "model.tflite")))
    saved = explainable(look_inside(digits_exports[0]["saved_model"].path))
    own = explainable(digits_run)
    for image, label in zip(digits[0][:3], digits[1][:3], strict=True):
        mine, trained = slope(model, image, label), slope(own, image, label)
        np.testing.assert_allclose(mine, trained, atol=1e-5 * np.abs(trained).max())
        np.testing.assert_allclose(slope(saved, image, label), trained, atol=1e-6 * np.abs(trained).max())
        way = mine / np.linalg.norm(mine)
        ends = [image + sign * 0.02 * way for sign in (-1, 1)]
        low, high = (float(model.raw(tf.constant(end[None], tf.float32))["logits"][0, label]) for end in ends)
        assert (high - low) / 0.04 == pytest.approx(np.linalg.norm(mine), rel=0.02)


@pytest.mark.parametrize("name", ["model_int8.tflite", "model_int8_uint8.tflite"])
def test_along_the_slopes_of_a_rounded_file_its_own_scores_fall(name, digits_exports, digits):
    """LiteRT's probability of the label falls on nearly all pictures that the sign of the twin's slope has moved by 8
    of 255, and on about half of those moved as far at random.
    """
    path = digits_file(digits_exports[2], name)
    images, labels = digits[0][:40], digits[1][:40]
    inside, model = look_inside(path), load(path)
    moved = create("attacks/fgsm").attack(Classifier(inside.arch, explainable(inside)), images, labels).images
    noise = 8 * np.random.default_rng(0).choice([-1, 1], images.shape)
    fallen = []
    for other in (moved, np.clip(images + noise, 0, 255).astype(np.uint8)):
        before, after = (model({"image": i})["probabilities"][np.arange(40), labels] for i in (images, other))
        fallen.append((after <= before).mean())
    assert fallen[0] >= 0.9 and fallen[0] > fallen[1]


def test_inner_tensors_have_gradients_too(digits_exports, digits):
    """Of a logit by what the last dense layer takes: its row of weights; whatever stands before has no part in it."""
    twin = Twin(digits_file(digits_exports[2], "model.tflite"))
    (dense,) = (node for node in twin.nodes if node.kind == "FULLY_CONNECTED")
    features = tf.constant(np.random.default_rng(0).normal(size=twin.tensors[dense.inputs[0]].shape), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(features)
        score = twin.values({dense.inputs[0]: features}, dense.outputs)[dense.outputs[0]][0, 3]
    np.testing.assert_allclose(tape.gradient(score, features)[0], dense.takes[1].constant[3], rtol=1e-6)


def test_rounding_lets_gradients_through_and_the_ends_of_a_grid_do_not():
    held = Held("x", "int8", (5,), np.float32([0.5]), np.int64([-128]), 0, None)  # 0 to 127.5
    x = tf.constant([-0.26, -0.2, 0.3, 127.6, 127.8])  # a half step is 0.25
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = on_grid(x, held)
    np.testing.assert_allclose(y, [0.0, 0.0, 0.5, 127.5, 127.5])
    np.testing.assert_array_equal(tape.gradient(y, x), [0, 1, 1, 1, 0])


def test_a_float_input_of_an_integer_kernel_is_rounded_row_by_row():
    x = tf.constant([[0.0, 1.0, 255.0, 100.4], [-127.0, 0.6, 127.0, 3.0]])
    np.testing.assert_allclose(on_own_grid(x, symmetric=False)[0], [0, 1, 255, 100], atol=1e-4)
    np.testing.assert_allclose(on_own_grid(x, symmetric=True)[1], [-127, 1, 127, 3], atol=1e-4)


def test_operators_that_only_some_backbones_have(tmp_path):
    """One file of all of them, in float32, against LiteRT."""
    rng = np.random.default_rng(0)
    kernel = tf.constant(rng.normal(size=(3, 4, 5)), tf.float32)

    def everything(x):
        y = tf.matmul(x, kernel) + tf.nn.gelu(x[..., :1]) + tf.nn.gelu(x[..., 1:2], approximate=True)
        y = tf.concat([y, y * tf.nn.relu6(y + 3) / 6, tf.nn.leaky_relu(y, 0.3)], -1)
        y = tf.math.rsqrt(tf.abs(y) + 1) + tf.math.squared_difference(y, 0.5) + tf.square(y) - tf.math.log(y * y + 1)
        y = tf.tile(tf.pad(y, [[0, 0], [1, 0], [0, 2]]), [1, 2, 1])
        first, second = tf.split(tf.transpose(y, [0, 2, 1]), 2, 2)
        return {"y": tf.where(first > second, first, tf.pow(tf.abs(second) + 1, 1.5)), "z": tf.argmax(y, -1)}

    module = tf.Module()
    module.run = tf.function(everything, input_signature=[tf.TensorSpec((3, 2, 4), name="x")])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.run.get_concrete_function()], module)
    path = tmp_path / "model.tflite"
    path.write_bytes(converter.convert())
    twin, interpreter = Twin(path), twins.opened(path)
    x = rng.normal(size=(3, 2, 4)).astype(np.float32)
    theirs = interpreter.get_signature_runner()(x=x)
    assert len({node.kind for node in twin.nodes}) > 12
    mine = twin({"x": x})
    np.testing.assert_allclose(mine["y"], theirs["y"], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(mine["z"], theirs["z"])


def test_what_is_no_twin_is_one_line(digits_exports, digits, tmp_path, monkeypatch):
    path = digits_file(digits_exports[2], "model.tflite")
    monkeypatch.delitem(twins_module.OPERATORS, "SOFTMAX")
    model = explainable(look_inside(path))
    assert model.raw(digits[0][:1])["logits"].shape == (1, 10), "an operator that nobody asks for does not matter"
    with pytest.raises(UsageError, match="its operator SOFTMAX has no twin.*: occlusion, square"):
        model.predicted(digits[0][:1])
    with pytest.raises(UsageError, match="has no gradients; name its run.*--attack square, hop_skip_jump"):
        look_inside(digits_exports[0]["onnx"].path)
    (tmp_path / "model.tflite").write_bytes(b"no such file")
    with pytest.raises(KerasVisionError, match=r"cannot be read as a \.tflite"):
        Twin(tmp_path / "model.tflite")
    with pytest.raises(KerasVisionError, match="has no signature serving_none; it has: serving_default"):
        Twin(path, "serving_none")


def test_a_file_is_explained_as_its_run_is(digits_run, digits_exports, digits):
    """Grad-CAM and occlusion of the float file are those of the trained model; of the int8 file they go with them."""
    own, image = explainable(digits_run), digits[0][0]
    for name, apart in (("model.tflite", 1e-4), ("model_int8.tflite", 0.3)):
        model = explainable(look_inside(digits_file(digits_exports[2], name)))
        prepared, geometry, _ = model.prepared({"image": image})
        (target,) = model.targets(prepared, geometry, label=("3",))
        for method in ("grad_cam", "occlusion"):
            explainer = create(f"explainers/{method}")
            theirs = explainer.explain(own, prepared, target)
            mine = explainer.explain(model, prepared, target)
            np.testing.assert_allclose(mine, theirs, atol=apart * np.abs(theirs).max() + 1e-6)


@pytest.mark.nightly  # an export of its own
def test_a_dynamic_file_decides_as_its_twin(digits_recipe, digits):
    folder = store.exported(digits_recipe, ("tflite:dynamic",), 40)[2]
    path = digits_file(folder, "model_dynamic.tflite")
    theirs = load(path)({"image": digits[0]})["probabilities"]
    mine = explainable(look_inside(path)).predicted(digits[0])["probabilities"].numpy()
    assert (mine.argmax(1) == theirs.argmax(1)).mean() >= 0.995
