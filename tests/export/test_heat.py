"""The heat that a file gives, and the signature that explains, against Grad-CAM by hand and by slopes."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image
from sklearn.datasets import load_digits

from kerasvision.api import load, look_inside
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.explain.base import Explainable, explainable
from kerasvision.export.base import from_spec
from kerasvision.export.explained import explaining
from kerasvision.export.heat import heated, kept
from kerasvision.export.twin.twin import Twin
from kerasvision.inference.served import Served
from kerasvision.ops.heat import enlarged, grad_cam
from kerasvision.tasks._class_targets import ClassTarget
from tests import store
from tests.export import twins

BACKBONE = create("backbones/convnet", width=8, blocks=(1, 1))
SPECS = ("tflite:int8:explain", "onnx:explain", "tf_serving:explain")


@pytest.fixture(scope="module")
def exports(digits_recipe):
    return store.exported(digits_recipe, SPECS, 40)


@pytest.fixture(scope="module")
def digits():
    return np.repeat((load_digits().images[-4:] * 255 / 16).astype(np.uint8)[..., None], 3, -1)


@pytest.fixture(scope="module")
def by_slopes(digits_run, digits):
    """Grad-CAM of the trained model of each digit's likeliest class, [h, w] of the graph."""
    model = explainable(digits_run)
    found = model.predicted(digits)["probabilities"].numpy().argmax(1)
    return [_grad_cam(model, one, index) for one, index in zip(digits, found, strict=True)]


def _grad_cam(model, image, index):
    return create("explainers/grad_cam").explain(model, image, ClassTarget(model.arch, int(index)))


def test_a_float_file_s_heat_is_grad_cam(exports, digits, digits_run, by_slopes):
    """And by hand the class activation map, cut at 0: a mean of channels weighted by the dense layer's kernel."""
    model = load(exports[0]["onnx:explain"].path)
    answer = model.runner.infer({"image": digits})
    assert answer["heat"].shape == (4, 4, 4) and answer["heat"].max() > 0
    graph = digits_run.graph
    maps = keras.Model(graph.input, graph.get_layer("pool").input)(explainable(digits_run).normalized(digits))
    kernel = graph.get_layer("logits").kernel.numpy()
    for heat, own, scores, wanted in zip(answer["heat"], maps.numpy(), answer["probabilities"], by_slopes, strict=True):
        by_hand = np.maximum((own * kernel[:, scores.argmax()]).sum(-1) / 16, 0)
        np.testing.assert_allclose(heat, by_hand, atol=1e-5)
        np.testing.assert_allclose(enlarged(heat[None, ..., None], (8, 8))[0, ..., 0], wanted, atol=1e-5)


def test_an_integer_file_s_heat_is_grad_cam_of_its_twin(exports, digits):
    """By slopes through the twin, from the file's own feature map, it is the same but for float32; the twin's own
    feature map is a step away, which is so much heat as a step of each channel makes.
    """
    path = exports[0]["tflite:int8:explain"].path
    twin, interpreter = Twin(path), twins.opened(path)
    inside, runner = explainable(look_inside(path)), interpreter.get_signature_runner()
    (dense,) = (node for node in twin.nodes if node.kind == "FULLY_CONNECTED")
    (mean,) = (node for node in twin.nodes if node.kind == "MEAN")
    pooled, logits = twin.tensors[mean.inputs[0]], dense.outputs[0]
    for image in digits:
        given = runner(image=image[None])
        index = int(given["probabilities"].argmax())
        own = tf.constant(pooled.real(interpreter.get_tensor(mean.inputs[0])))
        with tf.GradientTape() as tape:
            tape.watch(own)
            score = twin.values({mean.inputs[0]: own}, [logits])[logits][0, index]
        slope = tape.gradient(score, own)
        np.testing.assert_allclose(given["heat"][0], grad_cam(own, slope)[0, ..., 0], atol=1e-5)
        step = float(pooled.scale[0] * np.abs(slope.numpy()[0, 0, 0]).sum())
        spread = enlarged(given["heat"][..., None], (8, 8))[0, ..., 0].numpy()
        assert np.abs(spread - _grad_cam(inside, image, index)).max() <= step < given["heat"].max()


def test_the_certificate_describes_the_heat(exports):
    _, contract, folder = exports
    rows = {row["kind"]: row for row in contract["artifacts"]}
    for kind in SPECS[:2]:
        heat = rows[kind]["outputs"]["heat"]
        assert heat["dtype"] == "float32" and heat["shape"][1:] == [4, 4] and "likeliest class's logit" in heat["unit"]
        assert rows[kind]["path"].endswith(f"_explain.{kind.split(':')[0]}")
        row = rows[kind]["explanation"]
        assert row["method"] == "grad_cam" and row["examples"] == 8 and row["trusted"]
        assert row["rank_correlation"] >= (0.999 if kind.startswith("onnx") else 0.95)
    assert "explanation" not in rows[SPECS[2]]
    assert "heat" not in contract["outputs"] and (folder / "saved_models" / "digits" / "1").is_dir()


def test_a_heat_that_is_another_is_refused_of_float_files(exports, digits, digits_run):
    """What rounding does passes; a class's kernel for another's does not, and is not trusted either."""
    served, runner = digits_run.served(), load(exports[0]["onnx:explain"].path).runner
    samples = [{"image": one[None]} for one in digits]
    assert kept(runner, "float32", served, samples)[1] == ()

    class Turned:
        prepare = runner.prepare

        @staticmethod
        def infer(inputs):
            found = runner.infer(inputs)
            return found | {"heat": found["heat"].max() - found["heat"]}

    row, wrong = kept(Turned, "float32", served, samples)
    assert "gives another heat than the trained model" in wrong[0] and row["rank_correlation"] < -0.9
    assert not row["trusted"] and kept(Turned, None, served, samples)[1] == ()


def test_predict_draws_the_heat(exports, digits, by_slopes, tmp_path, capsys):
    """In the photograph's own pixels, red where it is hot and gray where it is not."""
    path = exports[0]["onnx:explain"].path
    Image.fromarray(digits[0]).resize((24, 16), Image.Resampling.NEAREST).save(tmp_path / "digit.png")
    prediction = load(path).predict(tmp_path / "digit.png")
    wanted = tf.image.resize(by_slopes[0][..., None], (16, 24))[..., 0]
    assert (
        prediction["heat"].shape == (16, 24)
        and np.corrcoef(prediction["heat"].ravel(), wanted.numpy().ravel())[0, 1] > 0.99
    )
    drawn = prediction.view().image.astype(int)
    hot, cold = prediction["heat"].argmax(), prediction["heat"].argmin()
    red = (drawn[..., 0] - drawn[..., 2]).ravel()
    assert red[hot] >= 0.6 * 255 - 1 and red[hot] > red[cold] + 50
    words = ["predict", str(path), str(tmp_path / "digit.png"), "--json"]
    assert main([*words, "--draw", str(tmp_path / "drawn.png")]) == 0
    assert (
        "heat" not in json.loads(capsys.readouterr().out)["prediction"]
        and Image.open(tmp_path / "drawn.png").size[0] > 24
    )


def test_the_signature_explains_as_the_explainers_do(exports, digits, digits_run):
    signature = tf.saved_model.load(str(exports[0]["tf_serving:explain"].path)).signatures["explain"]
    labels = tf.constant([-1, 3, 5, -1])
    found = {key: value.numpy() for key, value in signature(image=digits, label=labels).items()}
    model, best = explainable(digits_run), load(exports[0]["onnx:explain"].path)({"image": digits})["probabilities"]
    np.testing.assert_array_equal(found["label"], [best[0].argmax(), 3, 5, best[3].argmax()])
    integrated = create("explainers/integrated_gradients", steps=32, most=32)
    for number, image in enumerate(digits):
        target = ClassTarget(model.arch, int(found["label"][number]))
        assert found["score"][number] == pytest.approx(float(model.score(image[None], target)[0]), abs=1e-4)
        for key, explainer in (("grad_cam", create("explainers/grad_cam")), ("integrated_gradients", integrated)):
            wanted = explainer.explain(model, image, target)
            np.testing.assert_allclose(found[key][number], wanted, atol=1e-4 * np.abs(wanted).max() + 1e-6)
    assert found["missing"].shape == (4,) and found["missing"].max() < 0.1
    with pytest.raises(tf.errors.InvalidArgumentError, match="a class, 0 to 9, or -1"):
        signature(image=digits[:1], label=tf.constant([10]))


def test_a_file_without_slopes_is_explained_by_scores_alone(exports, digits, digits_run, tmp_path, capsys):
    path = exports[0]["onnx:explain"].path
    asked, own = explainable(look_inside(path, slopes=False)), explainable(digits_run)
    prepared, geometry, _ = asked.prepared({"image": digits[0]})
    target = asked.targets(prepared, geometry)[0].likely()
    for method, apart in (("occlusion", 1e-4), ("rise", 1e-3)):  # half masked pixels are rounded for a file
        explainer = create(f"explainers/{method}")
        heats = [explainer.explain(model, prepared, target) for model in (asked, own)]
        np.testing.assert_allclose(*heats, atol=apart)
    for method, says in (("grad_cam", "does not show its inner tensors"), ("saliency", "has no slope by the input")):
        with pytest.raises(UsageError, match=f"{says}.*scores alone: .*occlusion, rise"):
            create(f"explainers/{method}").explain(asked, prepared, target)
    with pytest.raises(UsageError, match="has no gradients.*--attack square, hop_skip_jump"):
        look_inside(path)
    Image.fromarray(digits[0]).save(tmp_path / "digit.png")
    words = ["explain", str(path), str(tmp_path / "digit.png"), "--out", str(tmp_path / "heat.png")]
    assert main([*words, "--method", "occlusion"]) == 0 and (tmp_path / "heat.png").exists()
    assert main(words) == 2 and "ask by scores alone" in capsys.readouterr().err


def _served(**fields):
    arch = create(
        "classification/classifier",
        image_size=(8, 8),
        num_classes=3,
        backbone=BACKBONE,
        **fields,
    )
    graph = arch.build()
    return Served(arch, graph, ("a", "b", "c")), Explainable(arch, graph, ("a", "b", "c"))


def test_the_maximum_has_the_same_closed_form(digits):
    served, model = _served(pooling="max", dropout=0.5)
    answer = heated(served, None)({"image": tf.constant(digits)})
    spread = enlarged(answer["heat"][..., None], (8, 8))[..., 0].numpy()
    for image, heat, index in zip(digits, spread, answer["probabilities"].numpy().argmax(1), strict=True):
        np.testing.assert_allclose(heat, _grad_cam(model, image, index), atol=1e-5)


def test_what_has_no_heat_is_one_line():
    with pytest.raises(UsageError, match="explain: classification/classifier has no heat without slopes.*saved_model:"):
        heated(_served(pooling="gem")[0])
    arch = create("regression/regressor", image_size=(8, 8), num_outputs=1, backbone=BACKBONE)
    with pytest.raises(UsageError, match="is no classifier of one image"):
        explaining(Served(arch, arch.build(), ("a",)))
    for spec in ("onnx:explain:int8", "tflite:int8:uint8:explain:more", "saved_model:explain:more"):
        with pytest.raises(Exception, match=re.escape(spec.split(":", 1)[1])):
            from_spec(spec)
    assert [from_spec(spec).spec for spec in SPECS] == list(SPECS)
