"""Explainers by pixels and features against closed forms: linear scores, one layer of ReLUs, maps of one direction."""

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.api import look_inside
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.explain.base import Explainable, explainable
from kerasvision.explain.maximize import Maximize
from kerasvision.layers.attention import DotProductAttention
from kerasvision.tasks._class_targets import ClassTarget
from tests.explain.test_families import FEW, FOR_ALL

SIDE = 6


def classifier(layers, outputs=2):
    """An `Explainable` of SIDE x SIDE pixels whose logits are a dense layer of flattened `layers(image)`."""
    arch = create(
        "classification/classifier",
        image_size=(SIDE, SIDE),
        num_classes=outputs,
        backbone=create("backbones/convnet"),
    )
    image = keras.Input((SIDE, SIDE, 3), name="image")
    logits = keras.layers.Dense(outputs, use_bias=False, name="logits")(keras.layers.Flatten()(layers(image)))
    return Explainable(arch, keras.Model({"image": image}, {"logits": logits}), tuple("ab"[:outputs]))


def set_weights(model, name, *weights):
    model.graph.get_layer(name).set_weights([np.asarray(w, np.float32) for w in weights])


def first(model):
    return ClassTarget(model.arch, 0)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def linear():
    """(a classifier without hidden layers, the weights [h, w, 3] of its first logit by pixels -1..1)."""
    model = classifier(lambda image: image)
    kernel = np.random.default_rng(0).normal(size=(SIDE * SIDE * 3, 2)).astype(np.float32)
    set_weights(model, "logits", kernel)
    return model, kernel[:, 0].reshape(SIDE, SIDE, 3)


@pytest.mark.parametrize("name", ["saliency", "smooth_grad"])
def test_saliency_of_a_linear_model_is_its_weight(name, linear, pixels):
    model, weights = linear
    heat = create(f"explainers/{name}").explain(model, pixels, first(model))
    np.testing.assert_allclose(heat, np.abs(weights).max(-1) / 127.5, rtol=1e-5)


def test_smooth_grad_is_the_slope_of_the_mean_over_noise():
    """Of relu(x - t) with t far within the noise the mean slope is the share of noise above t: by the normal curve."""
    from scipy.stats import norm

    model = classifier(keras.layers.Dense(1, "relu", name="one"))
    set_weights(model, "one", [[1.0], [0.0], [0.0]], [-0.2])
    set_weights(model, "logits", np.ones((SIDE * SIDE, 2)))
    given = np.zeros((SIDE, SIDE, 3), np.uint8)
    given[..., 0] = 150  # the threshold is at 1.2 * 127.5 = 153
    given[0, 0, 1] = 255  # so that the noise is a tenth of 255
    heat = create("explainers/smooth_grad", noise=0.1, samples=400).explain(model, given, first(model))
    expected = norm.cdf((150 - 153) / 25.5) / 127.5
    assert abs(heat.mean() - expected) < 4 * 0.5 / np.sqrt(400 * SIDE * SIDE) / 127.5
    with pytest.raises(UsageError, match="smooth_grad.noise"):
        create("explainers/smooth_grad", noise=0.0)


@pytest.mark.parametrize("baseline", ["black", "mean"])
def test_integrated_gradients_of_a_linear_model_are_weight_times_difference(baseline, linear, pixels):
    model, weights = linear
    heat = create("explainers/integrated_gradients", baseline=baseline, steps=3).explain(model, pixels, first(model))
    start = 0 if baseline == "black" else pixels.mean((0, 1))
    np.testing.assert_allclose(heat, (weights * (pixels - start)).sum(-1) / 127.5, rtol=1e-4, atol=1e-5)


def test_integrated_gradients_double_their_steps_until_they_are_complete(digits_run):
    model = explainable(digits_run)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    for index in range(2):
        target = ClassTarget(model.arch, index)
        before, after = model.scores(np.stack([np.zeros_like(image), image]), target)
        few, enough = (
            create("explainers/integrated_gradients", steps=2, most=most).explain(model, image, target).sum()
            for most in (2, 512)
        )
        assert abs(enough - (after - before)) <= 0.01 * abs(after - before)
        assert abs(few - (after - before)) > abs(enough - (after - before))
    with pytest.raises(UsageError, match="1 <= steps <= most"):
        create("explainers/integrated_gradients", steps=0)


@pytest.mark.parametrize("six", [False, True])
def test_guided_backprop_by_hand_and_the_model_is_left_as_it_was(six, pixels):
    """Of v relu(W x): W^T of the entries of v that are above 0 where W x is above 0, and with ReLU6 below 6."""
    model = classifier(lambda image: keras.layers.ReLU(6.0 if six else None)(keras.layers.Dense(4, name="four")(image)))
    random = np.random.default_rng(0)
    kernel, v = random.normal(size=(3, 4)) * 6, random.normal(size=(SIDE, SIDE, 4))
    set_weights(model, "four", kernel, np.zeros(4))
    set_weights(model, "logits", np.stack([v.ravel(), -v.ravel()], 1))
    hidden = (pixels / 127.5 - 1) @ kernel
    passes = (hidden > 0) & (hidden < (6 if six else np.inf))
    assert (hidden > 6).any() and (passes & (v < 0)).any()
    before = model.slope(pixels[None], first(model)), model.score(pixels[None], first(model))
    heat = create("explainers/guided_backprop").explain(model, pixels, first(model))
    np.testing.assert_allclose(heat, ((v * (passes & (v > 0))) @ kernel.T).max(-1) / 127.5, rtol=1e-4, atol=1e-6)
    after = model.slope(pixels[None], first(model)), model.score(pixels[None], first(model))
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    np.testing.assert_allclose(after[0][0], ((v * passes) @ kernel.T) / 127.5, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def mapped(pixels):
    """(a classifier of one feature map of the input's size, that map [h, w, 4], the slope of logit 0 by it)."""
    model = classifier(keras.layers.Dense(4, "relu", name="map"))
    random = np.random.default_rng(2)
    kernel, slope = random.normal(size=(3, 4)), random.normal(size=(SIDE, SIDE, 4))
    set_weights(model, "map", kernel, np.full(4, 0.1))
    set_weights(model, "logits", np.stack([slope.ravel(), -slope.ravel()], 1))
    return model, np.maximum((pixels / 127.5 - 1) @ kernel + 0.1, 0), slope


def test_grad_cam_and_its_like_by_hand(mapped, pixels):
    model, own, slope = mapped
    cam = np.maximum(own @ slope.mean((0, 1)), 0)
    np.testing.assert_allclose(create("explainers/grad_cam").explain(model, pixels, first(model)), cam, atol=1e-5)
    alpha = slope**2 / (2 * slope**2 + own.sum((0, 1)) * slope**3)  # equation 19
    alpha /= alpha.sum((0, 1))
    plus = np.maximum(own @ (alpha * np.maximum(slope, 0)).sum((0, 1)), 0)
    heat = create("explainers/grad_cam_plus_plus").explain(model, pixels, first(model))
    np.testing.assert_allclose(heat, plus, rtol=1e-3, atol=1e-5 * np.abs(plus).max())
    guided = create("explainers/guided_grad_cam").explain(model, pixels, first(model))
    kernel = model.graph.get_layer("map").get_weights()[0]
    fine = (np.maximum(slope, 0) * (own > 0)) @ kernel.T / 127.5
    np.testing.assert_allclose(guided, (cam[..., None] * fine).max(-1), rtol=1e-3, atol=1e-6)


def test_score_cam_by_hand(mapped, pixels):
    model, own, slope = mapped
    kernel = model.graph.get_layer("map").get_weights()[0]
    low, high = own.min((0, 1)), own.max((0, 1))
    masks = (own - low) / (high - low)
    seen = [np.maximum((pixels * masks[..., k, None] / 127.5 - 1) @ kernel + 0.1, 0) for k in range(4)]
    scores = np.array([(features * slope).sum() for features in seen])
    for most in (0, 2):
        chosen = np.argsort(-own.var((0, 1)))[: most or None]
        weights = np.exp(scores[chosen] - scores[chosen].max())
        wanted = np.maximum(own[..., chosen] @ (weights / weights.sum()), 0)
        heat = create("explainers/score_cam", most=most).explain(model, pixels, first(model))
        np.testing.assert_allclose(heat, wanted, rtol=1e-3, atol=1e-5)


def test_eigen_cam_of_a_map_of_one_direction_is_how_far_it_reaches(pixels):
    """Of the map s(x) k, k of both signs, the only direction is k / |k|: the heat is s(x) |k|, its sum above 0."""
    model = classifier(keras.layers.Dense(3, use_bias=False, name="map"))
    along = np.array([1.0, -2.0, 2.0])
    set_weights(model, "map", np.outer([1.0, 0.5, 0.0], along))
    heat = create("explainers/eigen_cam").explain(model, pixels, first(model))
    wanted = (pixels / 127.5 - 1) @ np.array([1.0, 0.5, 0.0]) * 3
    np.testing.assert_allclose(heat, wanted * np.sign(wanted.sum()), rtol=1e-4, atol=1e-5)


def with_attention(layer):
    return classifier(lambda image: layer(keras.layers.Dense(4, use_bias=False, name="map")(image)))


def test_attention_is_the_mean_weight_that_a_position_gets(pixels):
    """softmax(q k^T / sqrt(2)) of two heads, by numpy, where queries, keys and values are one map."""
    attend = DotProductAttention(heads=2, name="attend")
    model = with_attention(lambda x: attend([x, x, x]))
    kernel = np.random.default_rng(0).normal(size=(3, 4))
    set_weights(model, "map", kernel)
    rows = ((pixels / 127.5 - 1) @ kernel).reshape(-1, 2, 2)
    logits = np.einsum("ihd,jhd->hij", rows, rows) / np.sqrt(2)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    heat = create("explainers/attention").explain(model, pixels, first(model))
    np.testing.assert_allclose(heat, weights.mean((0, 1)).reshape(SIDE, SIDE), rtol=1e-3)
    assert heat.sum() == pytest.approx(1, rel=1e-4)
    with pytest.raises(UsageError, match="no layer 'attent' of attention; did you mean attend"):
        create("explainers/attention", layer="attent").explain(model, pixels, first(model))


def test_attention_of_keras_layer_is_read_too(pixels):
    """All keys alike: every position gets the same."""
    attend = keras.layers.MultiHeadAttention(1, 2, name="attend")
    flat = keras.layers.Reshape((SIDE * SIDE, 4))
    model = with_attention(lambda x: attend(flat(x), flat(x)))
    set_weights(model, "map", np.zeros((3, 4)))
    heat = create("explainers/attention").explain(model, pixels, first(model))
    np.testing.assert_allclose(heat, np.full((SIDE, SIDE), 1 / SIDE**2), rtol=1e-4)


def test_a_channel_s_picture_is_at_the_ends_that_its_weights_name():
    """Of a weighted sum of the channels of each pixel, whose slope is the same everywhere, whatever is shifted."""
    model = classifier(keras.layers.Conv2D(2, 1, use_bias=False, name="map"))
    set_weights(model, "map", np.array([[1.0, -1.0], [-2.0, 1.0], [0.5, 2.0]]).reshape(1, 1, 3, 2))
    maximize = Maximize(steps=60, rate=8.0)
    for channel, color in ((0, (255, 0, 255)), (1, (0, 255, 255))):
        assert (maximize.wanted(model, channel) == color).all()
    with pytest.raises(UsageError, match="no channel 2; the layer has 0 to 1"):
        maximize.wanted(model, 2)
    with pytest.raises(UsageError, match="no layer 'mab' that gives a feature map; did you mean map"):
        Maximize(layer="mab").wanted(model, 0)
    with pytest.raises(UsageError, match="maximize.steps, rate, shift"):
        Maximize(steps=0)


def test_what_a_model_has_not_is_one_line(linear, pixels):
    model = linear[0]
    for name in ("grad_cam", "grad_cam_plus_plus", "score_cam", "eigen_cam", "activations"):
        with pytest.raises(UsageError, match=f"{name}: classification/classifier has no feature map"):
            create(f"explainers/{name}").explain(model, pixels, first(model))
    with pytest.raises(UsageError, match="d_rise explains objects of a detector"):
        create("explainers/d_rise").explain(model, pixels, first(model))
    with pytest.raises(UsageError, match="has no layer of attention here"):
        create("explainers/attention").explain(model, pixels, first(model))
    with pytest.raises(UsageError, match="has no ReLU here"):
        create("explainers/guided_backprop").explain(model, pixels, first(model))


@pytest.fixture(scope="module")
def three(digits_run, digits_served, digits_tflite):
    """`Explainable`s of a run, of its SavedModel and of its .tflite."""
    return [explainable(look_inside(what)) for what in (digits_run.folder, digits_served / "digits", digits_tflite)]


@pytest.mark.parametrize("name", FOR_ALL)
def test_a_saved_model_and_a_tflite_are_explained_as_their_run(name, three):
    image = np.random.default_rng(3).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    explainer = create(f"explainers/{name}", **FEW.get(name, {}))
    run, saved, file = (explainer.explain(model, image, ClassTarget(model.arch, 3)) for model in three)
    assert run.shape == (8, 8) and run.max() > 0
    np.testing.assert_allclose(saved, run, rtol=1e-5, atol=1e-6 * np.abs(run).max())
    np.testing.assert_allclose(file, run, rtol=1e-2, atol=1e-3 * np.abs(run).max())
