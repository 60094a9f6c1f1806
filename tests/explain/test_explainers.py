"""Explanations against what can be computed by hand: class activation maps, and graphs that look at one place."""

import types

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image

from kerasvision.api import load
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create, explainers
from kerasvision.explain.base import Explainable, explainable
from kerasvision.tasks._class_targets import ClassTarget

SIDE, INCOMPLETE = 32, "classification/incomplete_classifier"


@pytest.fixture(scope="module")
def looks_at_a_corner():
    """A classifier whose logit 0 is the mean of the upper left 8x8 pixels, and logit 1 its negative."""
    arch = create(
        "classification/classifier", image_size=(SIDE, SIDE), num_classes=2, backbone=create("backbones/convnet")
    )
    image = keras.Input((SIDE, SIDE, 3), name="image")
    seen = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="seen")(image)
    logits = keras.layers.Dense(2, use_bias=False, name="logits")(keras.layers.Flatten()(seen))
    graph = keras.Model({"image": image}, {"logits": logits})
    corner = np.zeros((SIDE, SIDE))
    corner[:8, :8] = 1 / 64
    graph.get_layer("logits").set_weights([np.stack([corner.ravel(), -corner.ravel()], 1)])
    return Explainable(arch, graph, ("yes", "no"))


def logit(model, index):
    return ClassTarget(model.arch, index)


@pytest.fixture(scope="module")
def digit(digits_run):
    from sklearn.datasets import load_digits

    return np.repeat((load_digits().images[3] * 255 / 16).astype(np.uint8)[..., None], 3, -1)


def test_grad_cam_of_pooling_and_one_dense_layer_is_the_class_activation_map(digits_run, digit):
    """Section 3.1 of the paper: then alpha_k is the dense layer's weight over the number of positions."""
    model, graph = explainable(digits_run), digits_run.graph
    pooled = graph.get_layer("pool")
    maps = keras.Model(graph.input, pooled.input)(model.normalized(tf.constant(digit)[None]), training=False)[0].numpy()
    kernel = graph.get_layer("logits").kernel.numpy()
    for index in range(10):
        cam = np.maximum(maps @ kernel[:, index] / (maps.shape[0] * maps.shape[1]), 0)
        heat = create("explainers/grad_cam", layer=_named(graph, pooled.input)).explain(
            model, digit, ClassTarget(model.arch, index)
        )
        wanted = tf.image.resize(cam[..., None], digit.shape[:2])[..., 0]
        np.testing.assert_allclose(heat, wanted, atol=1e-5 * max(1, cam.max()))


def _named(graph, tensor):
    return next(layer.name for layer in graph.layers if layer.output is tensor)


# needs ReLUs, objects or attention, is the same for all targets, or right in the mean over masks: test_methods.py
ELSEWHERE = ("guided_backprop", "guided_grad_cam", "d_rise", "eigen_cam", "activations", "attention", "rise")


@pytest.mark.parametrize("name", [name for name in explainers if name not in ELSEWHERE])
def test_heat_is_as_large_as_the_image_and_where_the_graph_looks(name, looks_at_a_corner):
    image = np.random.default_rng(0).integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8)
    image[:8, :8] += 190
    heat = create(f"explainers/{name}").explain(looks_at_a_corner, image, logit(looks_at_a_corner, 0))
    assert heat.shape == (SIDE, SIDE) and heat.dtype == np.float32
    assert heat[:8, :8].mean() > 0 and heat[18:, 18:].max() <= 1e-6 * heat.max()


def test_occlusion_is_the_mean_fall_over_the_squares_that_hide_a_pixel(looks_at_a_corner):
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:8, :8] = 255
    explainer, gray = create("explainers/occlusion", square=0.25, stride=0.25), round(255 / 16)
    heat = explainer.explain(looks_at_a_corner, image, logit(looks_at_a_corner, 0))
    fall = 3 * (255 - gray) / 127.5  # of three channels, normalized
    np.testing.assert_allclose(heat[:8, :8], fall, rtol=1e-5)
    np.testing.assert_allclose(heat[8:], 0, atol=1e-5)
    other = explainer.explain(looks_at_a_corner, image, logit(looks_at_a_corner, 1))
    np.testing.assert_allclose(other, -heat, atol=1e-5)


class Weighted:
    """A score that is a sum of weighted pixels: hiding some takes off exactly what they give."""

    def __init__(self, weights):
        self.weights = weights

    def score(self, images, target):
        return tf.constant(np.tensordot(np.asarray(images, float), self.weights, self.weights.ndim))


@pytest.mark.parametrize(("height", "width", "square", "stride"), [(16, 16, 0.25, 0.0625), (16, 24, 0.3125, 0.0625)])
def test_occlusion_is_the_mean_over_all_squares_also_where_they_overlap(height, width, square, stride):
    """At a stride of one pixel the falls are one box filter of what each pixel gives, and the heat is another one of
    them, divided by how many squares there are: by scipy, and at a corner, which one square hides, by hand.
    """
    from scipy.signal import convolve2d

    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    weights = rng.normal(size=(height, width, 3))
    explainer = create("explainers/occlusion", square=square, stride=stride)
    heat = explainer.heat(Weighted(weights), image, None)
    given = (weights * (image - np.rint(image.mean((0, 1))))).sum(-1)
    box = np.ones([round(square * min(height, width))] * 2)
    falls = convolve2d(given, box, "valid")
    expected = convolve2d(falls, box) / convolve2d(np.ones_like(falls), box)
    np.testing.assert_allclose(heat, expected, rtol=1e-9, atol=1e-9)
    side = len(box)
    np.testing.assert_allclose(heat[0, 0], given[:side, :side].sum(), rtol=1e-9)
    np.testing.assert_allclose(heat[-1, -1], given[-side:, -side:].sum(), rtol=1e-9)


@pytest.mark.parametrize("shape", [(8, 12, 16)])
def test_occlusion_of_a_volume_hides_blocks_in_proportion_to_each_axis(shape):
    """By hand at both ends: a corner is hidden by one block alone, a quarter of each axis."""
    rng = np.random.default_rng(0)
    volume, weights = rng.normal(size=(*shape, 1)).astype(np.float32), rng.normal(size=(*shape, 1))
    heat = create("explainers/occlusion", stride=0.25).heat(Weighted(weights), volume, None)
    given = (weights * (volume - volume.mean()))[..., 0]
    assert heat.shape == shape
    np.testing.assert_allclose(heat[0, 0, 0], given[:2, :3, :4].sum(), rtol=1e-5)
    np.testing.assert_allclose(heat[-1, -1, -1], given[-2:, -3:, -4:].sum(), rtol=1e-5)


def test_probabilities_are_those_of_predict(digits_run, digit):
    wanted = load(digits_run.folder)({"image": digit[None]})["probabilities"][0]
    model = explainable(digits_run)
    found = [float(model.score(digit[None], ClassTarget(model.arch, k, of="probability"))[0]) for k in range(10)]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_command_draws_a_row_an_image(digits_run, digit, tmp_path, capsys):
    Image.fromarray(digit).save(tmp_path / "digit.png")
    out = tmp_path / "new" / "seen.png"
    words = ["explain", str(digits_run.folder), str(tmp_path / "digit.png"), "--out", str(out)]
    assert main(words) == 0
    assert "digit.png: 3 " in capsys.readouterr().out
    with Image.open(out) as picture:
        assert picture.width > 2.5 * picture.height
    assert main([*words, "--method", "occlusion", "--label", "5"]) == 0
    assert ": 5 0." in capsys.readouterr().out


def test_the_command_says_of_a_file_what_it_says_of_its_run(digits_run, digits_tflite, digit, tmp_path, capsys):
    Image.fromarray(digit).save(tmp_path / "digit.png")
    said = []
    for model in (digits_run.folder, digits_tflite):
        assert main(["explain", str(model), str(tmp_path / "digit.png"), "--out", str(tmp_path / "seen.png")]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and "digit.png: 3 " in said[0]


def test_without_inputs_the_command_says_what_can_be_explained(digits_run, capsys):
    assert main(["explain", str(digits_run.folder)]) == 0
    said = capsys.readouterr().out
    assert "classification/classifier" in said and "--label" in said and "names: 0, 1, 2" in said
    assert "--box" not in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--label", "eleven"], "no class 'eleven'"),
        (["--box", "0"], "--box says nothing to this model; allowed: --label"),
        (["--region", "3"], "--region says nothing to this model; allowed: --label"),
        (["--method", "gradcam"], "no explainers named 'gradcam'"),
        (["--out", "a.jpg"], "write the name of a .png file"),
        (["here.png"] * 13, "at most 12"),
    ],
)
def test_bad_words_are_one_line(arguments, says, digits_run, digit, tmp_path, monkeypatch, capsys):
    Image.fromarray(digit).save(tmp_path / "here.png")
    monkeypatch.chdir(tmp_path)
    assert main(["explain", str(digits_run.folder), "here.png", *arguments]) == 2
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said


def test_what_cannot_be_explained_is_one_line(digits_run, looks_at_a_corner, tmp_path, capsys):
    assert main(["explain", str(tmp_path), "here.png"]) == 1 and "is neither a run" in capsys.readouterr().err
    assert main(["explain", str(digits_run.folder), "here.png"]) == 1 and "cannot be read" in capsys.readouterr().err
    with pytest.raises(UsageError, match="no layer 'conv9'"):
        create("explainers/grad_cam", layer="conv9").explain(
            explainable(digits_run), np.zeros((8, 8, 3), np.uint8), logit(explainable(digits_run), 0)
        )
    with pytest.raises(UsageError, match="0 < stride <= square <= 1"):
        create("explainers/occlusion", square=0.1, stride=0.2)
    for name, says in (("generation/partial_unet", "has no targets"), (INCOMPLETE, "it takes image, present")):
        with pytest.raises(UsageError, match=says):
            explainable(types.SimpleNamespace(arch=create(name), graph=None, classes=("a", "b")))


def test_the_card_holds_the_picture(digits_run, digits_tflite, digit, tmp_path, capsys):
    Image.fromarray(digit).save(tmp_path / "digit.png")
    picture, card = str(tmp_path / "seen.png"), tmp_path / "card"
    assert main(["explain", str(digits_run.folder), str(tmp_path / "digit.png"), "--out", picture]) == 0
    artifact = str(digits_tflite)
    assert main(["card", artifact, "--out", str(card), "--explanations", picture]) == 0
    assert "](explanations.png)" in (card / "card.md").read_text()
    assert (card / "explanations.png").read_bytes() == (tmp_path / "seen.png").read_bytes()
    page = (card / "card.html").read_text()
    assert 'src="data:image/png;base64,' in page and 'src="explanations.png"' not in page
    (tmp_path / "seen.png").write_text("no picture")
    assert main(["card", artifact, "--out", str(card), "--explanations", picture]) == 2
    assert "seen.png is no PNG" in capsys.readouterr().err
