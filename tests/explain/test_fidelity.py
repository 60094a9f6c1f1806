"""Figures of heats against sums that are known, and heats placed on pictures against plain resizing."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.explain import fidelity
from kerasvision.explain.base import Explainable, explainable
from kerasvision.explain.judging import compared, judged, summarized
from kerasvision.explain.placing import in_original
from kerasvision.ops import geometry as geo
from kerasvision.tasks._class_targets import ClassTarget

SIDE = 6


def linear(kernel):
    """An `Explainable` whose logits are a kernel [SIDE * SIDE * 3, 2] times pixels -1..1, and none for gray."""
    arch = create(
        "classification/classifier", image_size=(SIDE, SIDE), num_classes=2, backbone=create("backbones/convnet")
    )
    image = keras.Input((SIDE, SIDE, 3), name="image")
    dense = keras.layers.Dense(2, use_bias=False, name="logits")
    model = Explainable(
        arch, keras.Model({"image": image}, {"logits": dense(keras.layers.Flatten()(image))}), ("a", "b")
    )
    dense.set_weights([np.asarray(kernel, np.float32)])
    return model


@pytest.fixture(scope="module")
def model():
    return linear(np.random.default_rng(0).normal(size=(SIDE * SIDE * 3, 2)) / 9)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def test_deletion_and_insertion_of_a_linear_score_are_sums_of_what_is_left(model, pixels):
    target = ClassTarget(model.arch, 0)
    kernel = model.graph.get_layer("logits").get_weights()[0][:, 0].reshape(SIDE, SIDE, 3)
    given = (kernel * pixels).sum(-1) / 127.5  # by position, above what a black picture has
    black, falling = -kernel.sum(), -np.sort(-given.ravel())
    counts = np.linspace(0, SIDE * SIDE, 8 + 1).astype(int)
    kept = np.array([falling[count:].sum() for count in counts])
    deletion = fidelity.curve(model, pixels, target, given, steps=8)
    np.testing.assert_allclose(deletion, black + kept, rtol=1e-4, atol=1e-4)
    insertion = fidelity.curve(model, pixels, target, given, is_insertion=True, steps=8)
    np.testing.assert_allclose(insertion, black + given.sum() - kept, rtol=1e-4, atol=1e-4)
    assert np.isclose(fidelity.area(np.array([1.0, 0.5, 0.0])), 0.5)
    assert np.isclose(fidelity.area(deletion), np.trapezoid(deletion, dx=1 / 8))


def test_heat_inside_a_region():
    heat, region = np.array([[4.0, 1.0], [-3.0, 3.0]]), np.array([[False, True], [True, True]])
    assert fidelity.points_inside(heat, region) == 0 and fidelity.points_inside(heat, ~region) == 1
    assert fidelity.points_inside(np.zeros_like(heat), region) == pytest.approx(region.mean())  # all are equally hot
    assert fidelity.share_inside(heat, region) == 0.5
    assert fidelity.share_inside(-np.ones((2, 2)), region) == 0.75


def test_what_is_missing_to_the_change_of_the_score(model, pixels):
    target = ClassTarget(model.arch, 1)
    heat = create("explainers/integrated_gradients").explain(model, pixels, target)
    start = np.zeros(pixels.shape, np.float32)
    assert fidelity.missing(model, pixels, target, heat, start) < 1e-4
    assert np.isclose(fidelity.missing(model, pixels, target, heat * 0.75, start), 0.25, atol=1e-4)


def test_likeness_of_two_heats():
    one = np.arange(100.0).reshape(10, 10)
    assert np.isclose(fidelity.rank_correlation(one, one**3), 1) and np.isclose(
        fidelity.rank_correlation(one, -one), -1
    )
    assert fidelity.rank_correlation(one, np.ones((10, 10))) == 0
    other = one.copy()
    other.flat[[0, 1, 2, 99, 98, 97]] = [99, 98, 97, 0, 1, 2]
    assert fidelity.hottest_shared(one, one) == 1 and fidelity.hottest_shared(one, -one) == 0
    assert fidelity.hottest_shared(one, other) == 0.7
    assert np.isclose(fidelity.rank_correlation(one, other), 1 - 6 * 2 * (99**2 + 97**2 + 95**2) / (100 * (100**2 - 1)))


class Sum:
    """Heat that is the sum of a position's channels."""

    def explain(self, model, prepared, target):
        return np.asarray(prepared, np.float32).sum(-1)


def test_sensitivity_is_the_largest_change_of_the_drawn_ones():
    given = np.zeros((2, 2, 1), np.float32)
    given[0, 0] = 10.0
    found = fidelity.sensitivity(None, given, None, Sum(), radius=0.1, draws=3, seed=5)
    random = np.random.default_rng(5)
    noises = [random.uniform(-1, 1, (2, 2, 1)) for _ in range(3)]
    assert np.isclose(found, max(np.linalg.norm(noise) for noise in noises) / 10, rtol=1e-5)


def test_layers_become_random_from_the_outputs_and_get_their_weights_back(digits_run):
    graph = digits_run.graph
    own = graph.get_weights()
    layers = [layer for layer in graph.layers if layer.weights]

    def changed():
        before = iter(own)
        return [bool(sum(not np.array_equal(w, next(before)) for w in layer.get_weights())) for layer in layers]

    with fidelity.randomized(graph, 0.0):
        assert not any(changed())
    with fidelity.randomized(graph, 1.5 / len(layers)):
        found = changed()
        assert not any(found[:-2]) and found[-1]
        assert np.array_equal(np.sort(layers[-1].get_weights()[0].ravel()), np.sort(own[-2].ravel()))
    with pytest.raises(ZeroDivisionError), fidelity.randomized(graph, 1.0):
        assert changed()[0] and changed()[-1]
        raise ZeroDivisionError
    assert not any(changed())


def test_methods_are_judged_beside_a_random_heat(model):
    inputs = [{"image": np.random.default_rng(n).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)} for n in range(4)]
    methods = {name: create(f"explainers/{name}") for name in ("integrated_gradients", "saliency", "grad_cam")}
    found = judged(model, methods, inputs)
    assert list(found) == ["random", *methods] and "has no feature map" in found["grad_cam"]["why"]
    best, floor = found["integrated_gradients"], found["random"]
    assert best["deletion"]["high"] < floor["deletion"]["low"] and best["insertion"]["low"] > floor["insertion"]["high"]
    assert best["missing"]["mean"] < 1e-3 and "missing" not in found["saliency"] and "sensitivity" not in floor
    # the slope of a linear model is the same everywhere, and random weights are others
    assert found["saliency"]["sensitivity"]["mean"] < 1e-6 < best["sensitivity"]["mean"]
    assert abs(found["saliency"]["random_all"]["mean"]) < 0.6 and found["saliency"]["random_all"]["examples"] == 4


def test_intervals_of_figures():
    found = summarized([{"a": 1.0}, {"a": 1.0, "b": 0.0}, {"b": 1.0}])
    assert found["a"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "examples": 2}
    assert found["b"]["mean"] == 0.5 and found["b"]["low"] == 0.0 and found["b"]["high"] == 1.0


def test_a_file_s_heat_is_trusted_from_the_thresholds_on(model):
    inputs = [{"image": np.random.default_rng(9).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)}]
    methods = {"saliency": create("explainers/saliency"), "grad_cam": create("explainers/grad_cam")}
    same = compared(model, model, methods, inputs)
    figures = ("rank_correlation", "hottest_shared", "deletion_change")
    assert [same["saliency"][name]["mean"] for name in figures] == pytest.approx([1, 1, 0]) and same["saliency"][
        "trusted"
    ]
    assert "why" in same["grad_cam"]
    kernel = model.graph.get_layer("logits").get_weights()[0]
    other = compared(model, linear(kernel[::-1]), {"saliency": methods["saliency"]}, inputs)["saliency"]
    assert not other["trusted"] and other["rank_correlation"]["mean"] < 0.8
    with pytest.raises(KerasVisionError, match="nothing is found in any of these inputs"):
        compared(model, model, methods, [])


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center_crop"])
def test_heat_is_placed_where_the_pixels_came_from(resize):
    """A bright spot of the original, seen by the graph, is brightest where it was; what was cut off is 0."""
    image = np.zeros((1, 40, 60, 3), np.uint8)
    image[0, 12:16, 33:37] = 255
    fitted, geometry = geo.fit_images(image, (20, 20), resize)
    heat = np.where(fitted[0, ..., 0] > geo.PAD_VALUE, fitted[0, ..., 0], 0)
    placed = in_original(heat, geometry)
    assert placed.shape == (40, 60)
    row, column = np.unravel_index(placed.argmax(), placed.shape)
    assert abs(row - 13.5) <= 3.5 and abs(column - 34.5) <= 3.5
    assert not placed[:5].any() and not placed[30:].any() and not placed[:, :20].any()
    seen = in_original(np.ones((20, 20)), geometry)
    assert seen[:, 10:50].min() == 1 and seen[:, [0, -1]].max() == (0 if resize == "center_crop" else 1)


def test_stretched_heat_is_resized_heat_and_a_part_stands_in_the_middle():
    heat = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    _, geometry = geo.fit_images(np.zeros((1, 20, 14, 3), np.uint8), (5, 7))
    wanted = tf.image.resize(heat[..., None], (20, 14))[..., 0]
    np.testing.assert_allclose(in_original(heat, geometry), wanted, atol=1e-6)
    placed = in_original(heat, geo.identity(np.array([[9, 11]])), is_part=True)
    np.testing.assert_array_equal(placed[2:7, 2:9], heat)
    assert placed.sum() == pytest.approx(heat.sum())


@pytest.fixture(scope="module")
def digit(tmp_path_factory):
    from sklearn.datasets import load_digits

    path = tmp_path_factory.mktemp("digit") / "digit.png"
    pixels = np.repeat((load_digits().images[3] * 255 / 16).astype(np.uint8)[..., None], 3, -1)
    Image.fromarray(pixels).resize((24, 16), Image.Resampling.NEAREST).save(path)
    return path


def test_the_command_writes_a_sheet_of_methods_with_arrays_and_json(digits_run, digit, tmp_path, capsys):
    words = ["explain", str(digits_run.folder), str(digit), "--out", str(tmp_path / "sheet.png"), "--json"]
    words += ["--npz", str(tmp_path / "heats.npz"), "--compare", "grad_cam", "saliency", "d_rise", "--label", "3", "5"]
    assert main(words) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)["inputs"][0]
    assert "d_rise is left out: d_rise explains objects" in captured.err and found["input"] == str(digit)
    with np.load(tmp_path / "heats.npz") as arrays:
        assert list(arrays["methods"]) == ["grad_cam", "saliency"] * 2 == [heat["method"] for heat in found["heats"]]
        heats = [arrays[f"heat_{number}"] for number in range(4)]
    assert {heat.shape for heat in heats} == {(16, 24)}
    x, y = found["heats"][1]["hottest"]
    assert heats[1][y, x] == heats[1].max() == pytest.approx(found["heats"][1]["most"])
    with Image.open(tmp_path / "sheet.png") as picture:  # two rows, three columns
        assert 1.1 < picture.width / picture.height < 1.5
    model = explainable(digits_run)
    image = np.asarray(Image.open(digit))
    assert found["heats"][0]["score"] == pytest.approx(
        float(model.score(model.prepared({"image": image})[0][None], ClassTarget(model.arch, 3))[0]), rel=1e-5
    )


def test_the_command_draws_what_channels_want(digits_run, tmp_path, capsys):
    words = ["explain", str(digits_run.folder), "--out", str(tmp_path / "wanted.png"), "--set", "steps=2", "--wants"]
    assert main([*words, "0", "3", "1"]) == 0
    with Image.open(tmp_path / "wanted.png") as picture:
        assert 2.5 < picture.width / picture.height < 3
    assert main([*words, "999"]) == 2
    assert "maximize: no channel 999; the layer has 0 to" in capsys.readouterr().err


def test_the_command_judges_methods_and_what_is_left_in_a_file(digits_run, digits_tflite, capsys):
    words = ["explain", str(digits_run.folder), "--examples", "2", "--compare", "saliency", "grad_cam"]
    assert main([*words, "--judge", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (
        found["split"] == "test"
        and found["examples"] == 2
        and list(found["methods"]) == ["random", "saliency", "grad_cam"]
    )
    assert main([*words, "--against", str(digits_tflite)]) == 0
    said = capsys.readouterr().out
    assert "rank correlation" in said and "1.000" in said and "not to be trusted" not in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "layer=conv9"], "grad_cam: no layer 'conv9'"),
        (["--set", "masks=5"], "has no field 'masks'"),
        (["--set", "layer"], "write KEY=VALUE"),
        (["--compare", "--set", "layer=a"], "--set is of one --method"),
        (["--compare", "grad_camp"], "did you mean grad_cam"),
        (["--method", "rise", "--set", "kept=0"], "allowed: above 0, below 1"),
        (["--like", "digit.png"], "--like says nothing to this model; allowed: --label"),
        (["--npz", "heat.txt"], "write the name of a .npz file"),
        (["--judge"], "leave the inputs out"),
        (["--object", "0"], "--box says nothing to this model"),
        (["--examples", "0"], "--examples 0: allowed: 1 or more"),
    ],
)
def test_bad_words_are_one_line(arguments, says, digits_run, digit, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(digit.parent)
    words = ["explain", str(digits_run.folder), "digit.png", "--out", str(tmp_path / "a.png"), *arguments]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
