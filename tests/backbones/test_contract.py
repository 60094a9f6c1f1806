"""Every registered backbone: flat, levels at their strides, gradients, weights by name, stages, preprocessing."""

import hashlib
import importlib
import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones import weights as weights_file
from kerasvision.core.registry import backbones, create

H, W = 64, 96
ATTENTION = ("se", "eca", "cbam", "non_local", "self_attention")
TINY = {  # a registered backbone without a line here fails
    "convnet": [{"width": 8}, *({"width": 8, "blocks": (1, 1, 1, 1, 1), "attention": a} for a in ATTENTION)],
    "efficientnet_lite": [{}],
    "resnet": [{}, {"version": 2}, {"attention": "se"}, {"version": 2, "attention": "self_attention"}],
    "mobilenet": [{"alpha": 0.35}, {"version": "v3_small"}, {"version": "v3_large", "minimalistic": True}],
    "efficientnet": [{}, {"variant": "v2_b0"}, {"variant": "v2_b0", "attention": "cbam"}],
    "densenet": [{}, {"attention": "eca"}],
    "inception": [{}, {"attention": "se"}],
    "convnext": [{}, {"version": 2, "size": "atto"}],
    "csp_darknet": [{}],
    "mix_transformer": [{}],
    "unet_encoder": [{"width": 4}],
    "defended": [{"inner": create("backbones/convnet", width=8, blocks=(0, 1))}],
}
CASES = [(name, fields) for name, every in TINY.items() for fields in every]


def of_day(case):
    """Of convnet two kinds of attention; every kind is in another backbone by day (test_attention.py)."""
    return case[0] == "convnet" and case[1].get("attention") in ("se", "self_attention")


# hundreds of layers, or 28 million weights: seconds for each graph; small versions by day in test_attention.py
LARGE = ("convnext", "densenet", "efficientnet", "inception")
GRADED = [  # the large ones, and the second and further versions of the rest, are nightly
    pytest.param(c, marks=pytest.mark.nightly if c[0] in LARGE or not (c[1] == TINY[c[0]][0] or of_day(c)) else ())
    for c in CASES
]
# by day one that is built by hand and one taken flat: names, which a weights file
# is read by, are those of KEPT for each; further files of each are read in test_applications.py and test_weights.py
LOADED = [
    pytest.param(
        c, marks=() if c in (("convnet", {"width": 8}), ("mobilenet", {"alpha": 0.35})) else pytest.mark.nightly
    )
    for c in CASES
]
# keras.applications modules whose preprocess_input computes something (those of the others pass pixels on, because
# the graph preprocesses; test_applications.py compares with those graphs)
PREPROCESSING = [
    ("resnet", {}, "resnet"),
    ("resnet", {"version": 2}, "resnet_v2"),
    ("mobilenet", {}, "mobilenet_v2"),
    ("densenet", {}, "densenet"),
    ("inception", {}, "inception_v3"),
]
# weights, and the start of the SHA-256 of their names and shapes, as runs and weights files of 2026-11 have them
KEPT = {
    "convnet": (45, "d52328476af6"),
    "efficientnet_lite": (245, "974a6ab3330d"),
    "resnet": (318, "4e196e99fbd9"),
    "mobilenet": (260, "51a3e03ecdc4"),
    "efficientnet": (309, "8a2fb354094f"),
    "densenet": (604, "94214f1180bf"),
    "inception": (376, "e1166deec612"),
    "convnext": (180, "c28575b9f1a1"),
    "csp_darknet": (175, "b6ef55abddcc"),
    "mix_transformer": (192, "9013a9309d6c"),
    "unet_encoder": (50, "033b9576e2aa"),
}
FORBIDDEN = ("Lambda", "TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceProperty", "InstanceMethod")


def graph_of(backbone, size=(H, W)):
    image = keras.Input((*size, 3), name="image")
    return keras.Model(image, backbone(image))


def scatter(graph, seed=0):
    """Weights away from their initial zeros and ones, at scales that keep activations near one."""
    rng = np.random.default_rng(seed)
    for layer in graph.layers:
        for weight in layer.weights:
            shape = weight.shape
            if "variance" in weight.name or "gamma" in weight.name:
                weight.assign(rng.uniform(0.5, 1.5, shape))
            elif len(shape) > 1:
                fan = np.prod(shape[:2]) if isinstance(layer, keras.layers.DepthwiseConv2D) else np.prod(shape[:-1])
                weight.assign(rng.normal(size=shape) * math.sqrt(1.5 / fan))
            else:
                weight.assign(rng.normal(size=shape) * 0.1)


def named(case):
    return "-".join([case[0], *map(str, case[1].values())])


@pytest.fixture(scope="module", params=GRADED, ids=named)
def case(request):
    name, fields = request.param
    backbone = backbones[name](**fields)
    graph = graph_of(backbone)
    scatter(graph)
    yield name, fields, backbone, graph
    keras.backend.clear_session()


def test_every_backbone_has_a_tiny_variant():
    ours = [n for n in backbones if backbones[n].__module__.startswith("kerasvision.")]  # other tests register theirs
    assert sorted(TINY) == ours


def test_the_graph_is_flat(case):
    _, _, _, graph = case
    for layer in graph.layers[1:]:
        assert not isinstance(layer, keras.Model), layer.name
        assert not any(isinstance(s, keras.Model) for s in layer.submodules), layer.name
        assert type(layer).__name__ not in FORBIDDEN, layer.name
        assert not isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization)), layer.name
        assert layer.name.startswith("backbone_"), layer.name


def test_weights_have_the_names_and_shapes_of_saved_runs(case):
    name, fields, _, graph = case
    if name not in KEPT or fields != TINY[name][0]:
        pytest.skip("one version of each that has saved runs")
    told = "\n".join(f"{w.name} {tuple(w.shape)}" for w in graph.weights)
    assert (len(graph.weights), hashlib.sha256(told.encode()).hexdigest()[:12]) == KEPT[name]


def test_level_k_has_stride_2_to_the_k(case):
    _, _, _, graph = case
    shapes = graph.output_shape
    numbered = {int(level[1:]): shape for level, shape in shapes.items() if level != "head"}
    assert list(numbered) == list(range(min(numbered), max(numbered) + 1)), "levels ascend without a gap"
    for k, shape in numbered.items():
        assert shape[1:3] == (math.ceil(H / 2**k), math.ceil(W / 2**k)), f"c{k}"
    if "head" in shapes:
        assert shapes["head"][1:3] == numbered[max(numbered)][1:3]
        assert list(shapes)[-1] == "head", "the last level is what a classifier pools"


def test_every_trainable_weight_gets_a_gradient(case):
    """With batch statistics frozen: a bias before a batch normalization has none otherwise."""
    _, _, _, graph = case
    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(size=(2, H, W, 3)), tf.float32)
    with tf.GradientTape() as tape:
        levels = graph(x, training=False)
        weighted = [tf.reduce_mean(v * tf.constant(rng.normal(size=v.shape), v.dtype)) for v in levels.values()]
        total = tf.add_n(weighted)
    gradients = tape.gradient(total, graph.trainable_variables)
    for weight, gradient in zip(graph.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.name
        gradient = np.asarray(tf.convert_to_tensor(gradient))
        assert np.isfinite(gradient).all(), weight.name
        if not weight.name.endswith("key/bias:0"):  # softmax does not see a constant added to all keys
            assert np.abs(gradient).max() > 0, weight.name


@pytest.mark.parametrize("case", LOADED, indirect=True, ids=named)
def test_weights_load_by_name(case, tmp_path):
    name, fields, _, graph = case
    path = tmp_path / "backbone.weights.h5"
    weights_file.save(graph, path)
    backbone = backbones[name](**fields, weights=str(path))
    second = graph_of(backbone)
    assert [layer.name for layer in second.layers[1:]] == [layer.name for layer in graph.layers[1:]]
    x = tf.constant(np.random.default_rng(2).normal(size=(1, H, W, 3)), tf.float32)
    before = second(x, training=False)
    backbone.load(second)
    first, after = graph(x, training=False), second(x, training=False)
    for level in first:
        assert np.isfinite(first[level]).all() and np.std(first[level]) > 1e-6, level
        assert np.abs(np.asarray(before[level]) - first[level]).max() > 1e-3, level
        np.testing.assert_array_equal(after[level], first[level], err_msg=level)


def test_stages_cover_every_layer_once_and_ascend(case):
    _, _, backbone, graph = case
    stages = backbone.stages(graph)
    flat = [name for stage in stages for name in stage]
    assert sorted(flat) == sorted(layer.name for layer in graph.layers[1:])
    assert len(flat) == len(set(flat))
    assert all(any(graph.get_layer(n).weights for n in stage) for stage in stages)
    order = {layer.name: i for i, layer in enumerate(graph.layers)}
    begins = [min(order[n] for n in stage) for stage in stages]
    assert begins == sorted(begins)
    levels = [name for name in graph.output_shape if name != "head"]
    assert len(stages) >= len(levels)


@pytest.mark.parametrize(("name", "fields", "module"), PREPROCESSING)
def test_normalization_is_the_published_preprocessing(name, fields, module):
    pixels = np.random.default_rng(3).integers(0, 256, (2, 5, 7, 3)).astype(np.float32)
    published = importlib.import_module(f"tf_keras.applications.{module}").preprocess_input(pixels.copy())
    ours = backbones[name](**fields).normalization(tf.constant(pixels))
    np.testing.assert_allclose(ours, published, atol=1e-5, rtol=1e-5)
