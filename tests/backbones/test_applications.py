"""Backbones taken flat against the published graphs they come from, on the same random weights."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones import csp_darknet, mix_transformer
from kerasvision.backbones import weights as weights_file
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import backbones

SIZE = (96, 64)
APPS = keras.applications


def scatter(graph):
    rng = np.random.default_rng(0)
    for weight in graph.weights:
        shape = weight.shape
        if "variance" in weight.name or "gamma" in weight.name:
            weight.assign(rng.uniform(0.5, 1.5, shape))
        elif len(shape) > 1:
            fan = np.prod(shape[:2]) if "depthwise" in weight.name else np.prod(shape[:-1])
            weight.assign(rng.normal(size=shape) * math.sqrt(1.5 / fan))
        elif shape and "normalization/" not in weight.name:
            weight.assign(rng.normal(size=shape) * 0.1)


def graph_of(backbone, size=SIZE):
    image = keras.Input((*size, 3), name="image")
    return keras.Model(image, backbone(image))


def apart(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    return np.abs(a - b).max() / np.abs(a).max()


# our fields, the published model, what it does to pixels before its graph (None: inside), the level it ends with
SLOW, NIGHTLY = pytest.mark.slow, pytest.mark.nightly
PUBLISHED = [
    pytest.param("resnet", {}, APPS.ResNet50, APPS.resnet.preprocess_input, "c5", marks=NIGHTLY),
    pytest.param("resnet", {"version": 2}, APPS.ResNet50V2, APPS.resnet_v2.preprocess_input, "c5", marks=SLOW),
    # a version of it by day: test_imagenet_weights_come_through_the_publishers_downloader
    pytest.param("mobilenet", {}, APPS.MobileNetV2, APPS.mobilenet_v2.preprocess_input, "head", marks=NIGHTLY),
    pytest.param("mobilenet", {"version": "v3_small"}, APPS.MobileNetV3Small, None, "head", marks=NIGHTLY),
    pytest.param("mobilenet", {"version": "v3_large"}, APPS.MobileNetV3Large, None, "head", marks=SLOW),
    pytest.param("efficientnet", {"variant": "v2_b0"}, APPS.EfficientNetV2B0, None, "head", marks=NIGHTLY),
    pytest.param("efficientnet", {"variant": "v2_s"}, APPS.EfficientNetV2S, None, "head", marks=SLOW),
    pytest.param("densenet", {}, APPS.DenseNet121, APPS.densenet.preprocess_input, "c5", marks=SLOW),
    pytest.param(
        "inception", {"padding": "valid"}, APPS.InceptionV3, APPS.inception_v3.preprocess_input, "c5", marks=NIGHTLY
    ),
    pytest.param("convnext", {}, APPS.ConvNeXtTiny, None, "head", marks=NIGHTLY),
]


@pytest.mark.parametrize(
    ("name", "fields", "build", "preprocess", "level"), PUBLISHED, ids=lambda v: getattr(v, "__name__", "")
)
def test_equals_the_published_graph_with_its_weights_file(name, fields, build, preprocess, level, tmp_path):
    size = (96, 96) if name == "inception" else SIZE
    published = build(weights=None, include_top=False, input_shape=(*size, 3))
    scatter(published)
    path = str(tmp_path / "published.h5")
    published.save_weights(path)
    backbone = backbones[name](**fields, weights=path)
    graph = backbone.load(graph_of(backbone, size))
    pixels = np.random.default_rng(1).integers(0, 256, (2, *size, 3)).astype(np.float32)
    expected = published(preprocess(pixels.copy()) if preprocess else pixels, training=False)
    seen = graph(backbone.normalization(tf.constant(pixels)), training=False)[level]
    # ConvNeXt: GELU by tanh, apart from the exact one by 5e-4 of its argument's scale
    assert apart(expected, seen) < (2e-3 if name == "convnext" else 2e-5)
    keras.backend.clear_session()


@NIGHTLY
def test_efficientnet_v1_equals_the_published_graph_and_its_documented_preprocessing(tmp_path):
    """The published graph divides by 255 and normalizes with the weights' own moments, (0, 1) in a fresh one."""
    published = APPS.EfficientNetB0(weights=None, include_top=False, input_shape=(*SIZE, 3))
    scatter(published)
    path = str(tmp_path / "published.h5")
    published.save_weights(path)
    backbone = backbones["efficientnet"](weights=path)
    graph = backbone.load(graph_of(backbone))
    pixels = np.random.default_rng(1).integers(0, 256, (2, *SIZE, 3)).astype(np.float32)
    assert apart(published(pixels, training=False), graph(pixels / 255, training=False)["head"]) < 2e-5
    expected = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(backbone.normalization(tf.constant(pixels)), expected, atol=1e-5)


def test_csp_darknet_equals_keras_cv():
    models = pytest.importorskip("keras_cv").models
    published = models.CSPDarkNetBackbone(
        stackwise_channels=[48, 96, 192, 384],
        stackwise_depth=[1, 3, 3, 1],
        include_rescaling=True,
        input_shape=(*SIZE, 3),
    )
    scatter(published)
    backbone = backbones["csp_darknet"]()
    graph = graph_of(backbone)
    weights_file.put(graph, csp_darknet.weights_of(published), "keras-cv")
    pixels = np.random.default_rng(1).integers(0, 256, (2, *SIZE, 3)).astype(np.float32)
    seen = graph(backbone.normalization(tf.constant(pixels)), training=False)
    ends = [published.get_layer(published.pyramid_level_inputs[f"P{k}"]).output for k in (2, 3, 4, 5)]
    for k, expected in zip((2, 3, 4, 5), keras.Model(published.input, ends)(pixels, training=False), strict=True):
        assert apart(expected, seen[f"c{k}"]) < 2e-5, k


def mit_pair(reduction):
    models = pytest.importorskip("keras_cv").models
    side = 64  # keras-cv computes for squares only
    published = models.MiTBackbone(
        include_rescaling=True, depths=[2, 2, 2, 2], embedding_dims=[32, 64, 160, 256], input_shape=(side, side, 3)
    )
    scatter(published)
    backbone = backbones["mix_transformer"](reduction=reduction)
    graph = graph_of(backbone, (side, side))
    weights_file.put(graph, mix_transformer.weights_of(published), "keras-cv")
    pixels = np.random.default_rng(1).integers(0, 256, (2, side, side, 3)).astype(np.float32)
    return published, graph, pixels, graph(backbone.normalization(tf.constant(pixels)), training=False)


def test_mix_transformer_equals_keras_cv():
    published, _, pixels, seen = mit_pair("keras_cv")
    ends = [published.get_layer(f"output_level_{k}").output for k in range(4)]
    for k, expected in enumerate(keras.Model(published.input, ends)(pixels, training=False)):
        assert apart(expected, seen[f"c{k + 2}"]) < 5e-5, k


def test_mix_transformer_reduces_as_in_the_paper():
    """Equations 1, 2 in numpy for the first block: keys and values from the map convolved with stride 8."""
    _, graph, _, _ = mit_pair("paper")
    name = "backbone_stage0_block0"
    weights = {layer.name: layer.get_weights() for layer in graph.layers}
    tap = keras.Model(graph.input, [graph.get_layer(f"{name}_{n}").output for n in ("norm1", "map")])
    x, seen = (np.asarray(t) for t in tap(np.random.default_rng(2).normal(size=(1, 64, 64, 3)).astype(np.float32)))
    kernel, bias = weights[f"{name}_reduce_conv"]
    blocks = x.reshape(2, 8, 2, 8, 32).transpose(0, 2, 1, 3, 4)  # 16 x 16 positions in 2 x 2 blocks of 8 x 8
    short = np.tensordot(blocks, kernel, axes=3).reshape(4, 32) + bias
    gamma, beta = weights[f"{name}_reduce_norm"]
    short = (short - short.mean(-1, keepdims=True)) / np.sqrt(short.var(-1, keepdims=True) + 1e-3) * gamma + beta
    query, query_bias, key, key_bias, value, value_bias, out, out_bias = weights[f"{name}_attention"]
    q = x.reshape(256, 32) @ query[:, 0] + query_bias[0]
    k, v = short @ key[:, 0] + key_bias[0], short @ value[:, 0] + value_bias[0]
    scores = np.exp(q @ k.T / math.sqrt(32))
    expected = (scores / scores.sum(-1, keepdims=True)) @ v @ out[0] + out_bias
    assert apart(expected.reshape(seen.shape), seen) < 1e-4


def test_imagenet_weights_come_through_the_publishers_downloader(tmp_path, monkeypatch):
    published = APPS.MobileNetV3Small(weights=None, include_top=False, input_shape=(*SIZE, 3))
    scatter(published)
    path = str(tmp_path / "published.h5")
    published.save_weights(path)
    asked = []
    from tf_keras.src.utils import data_utils

    monkeypatch.setattr(data_utils, "get_file", lambda name, *_, **__: asked.append(name) or path)
    backbone = backbones["mobilenet"](version="v3_small", weights="imagenet")
    graph = backbone.load(graph_of(backbone))
    assert asked == ["weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"]
    pixels = np.random.default_rng(1).integers(0, 256, (1, *SIZE, 3)).astype(np.float32)
    seen = graph(backbone.normalization(tf.constant(pixels)), training=False)["head"]
    assert apart(published(pixels, training=False), seen) < 2e-5


@pytest.mark.parametrize("name", ["mobilenet", "convnext"])
def test_a_failed_download_is_one_clear_line(name, monkeypatch):
    from tf_keras.src.utils import data_utils

    def fail(name, origin, *_, **__):
        raise Exception(f"URL fetch failure on {origin}: None -- no route to host")

    monkeypatch.setattr(data_utils, "get_file", fail)
    with pytest.raises(KerasVisionError, match=rf"^weights='imagenet' of backbones/{name} .*URL fetch.*\.h5 file$"):
        backbones[name](weights="imagenet").published_weights("imagenet")


def test_an_image_below_the_family_minimum_is_one_clear_line():
    with pytest.raises(KerasVisionError, match=r"^backbones/resnet cannot take images of \(16, 16\) px: "):
        graph_of(backbones["resnet"](), (16, 16))


def test_weights_of_another_variant_are_refused(tmp_path):
    weights_file.save(graph_of(backbones["convnet"](width=8), (8, 8)), tmp_path / "w.h5")
    backbone = backbones["convnet"](width=16, weights=str(tmp_path / "w.h5"))
    with pytest.raises(KerasVisionError, match="'backbone_stem_conv' has shapes"):
        backbone.load(graph_of(backbone, (8, 8)))
    backbone = backbones["csp_darknet"](weights=str(tmp_path / "w.h5"))
    with pytest.raises(KerasVisionError, match="has no layer 'backbone_dark2_down_conv'|has shapes"):
        backbone.load(graph_of(backbone))


def test_convnet_has_no_imagenet_weights():
    backbone = backbones["convnet"](weights="imagenet")
    with pytest.raises(KerasVisionError, match="^backbones/convnet has no published weights"):
        backbone.load(graph_of(backbone, (8, 8)))
