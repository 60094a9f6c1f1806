"""Attention in every backbone: where it stands, that it learns and leaves the levels' shapes, and int8 files of it."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter
from tf_keras.src.applications import densenet, efficientnet

from kerasvision.backbones import convnext, csp_darknet, efficientnet_lite, mix_transformer
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import GATES, DotProductAttention
from tests.backbones.test_contract import ATTENTION, TINY, graph_of, scatter

SIZE = (64, 64)  # the coarsest level has 2 x 2 positions
NIGHTLY = pytest.mark.nightly
# small versions in place of the published ones: what the numbers of blocks are, the code does not care
FIELDS = {
    "convnet": {"width": 4, "blocks": (1, 2)},
    "mobilenet": {"alpha": 0.35},
    "unet_encoder": {"width": 4, "depth": 2},
}
BLOCKS = {  # how many gates there are: one a block
    "convnet": 3,
    "convnext": 4,
    "csp_darknet": 4,
    "densenet": 4,
    "efficientnet": 7,
    "efficientnet_lite": 7,
    "inception": 11,  # modules: mixed0 to mixed10
    "mix_transformer": 4,
    "mobilenet": 17,
    "resnet": 16,
    "unet_encoder": 3,
}
PAPERS_PLACES = {  # (how many, the level) where it is not once behind the coarsest
    ("convnet", "self_attention"): (2, "c1"),
    ("resnet", "self_attention"): (3, "c5"),
    ("resnet", "non_local"): (1, "c4"),
}
BY_DAY = {  # test_contract.py has two of convnet by day, test_options.py has resnet
    ("csp_darknet", "self_attention"),
    ("efficientnet", "eca"),
    ("mix_transformer", "self_attention"),
    ("mobilenet", "se"),
}
CASES = [
    pytest.param(name, kind, marks=() if (name, kind) in BY_DAY else NIGHTLY) for name in TINY for kind in ATTENTION
]


@pytest.fixture
def small(monkeypatch):
    """Backbones with a block a stage, and few channels."""
    one = ((1, 1, 1, 1), (8, 16, 24, 32))
    monkeypatch.setitem(convnext._VARIANTS, "tiny", one)
    monkeypatch.setitem(csp_darknet._VARIANTS, "tiny", one[::-1])
    monkeypatch.setitem(mix_transformer._DEPTHS, "b0", one[0])
    stages = tuple((1, *stage[1:]) for stage in efficientnet_lite._STAGES)
    monkeypatch.setattr(efficientnet_lite, "_STAGES", stages)

    def dense(self, weights, input_shape):
        return densenet.DenseNet([1, 1, 1, 1], include_top=False, weights=weights, input_shape=input_shape)

    def efficient(self, weights, input_shape):
        return efficientnet.EfficientNet(0.1, 0.1, 32, include_top=False, weights=weights, input_shape=input_shape)

    monkeypatch.setattr(backbones["densenet"], "published", dense)
    monkeypatch.setattr(backbones["efficientnet"], "published", efficient)


def weights_of(graph):
    return sorted((w.name, tuple(w.shape)) for w in graph.weights)


def is_added(name):
    """MiT's own layers are `block0_attention`; ours are parts of one: `block0_gate_attention_reduce`."""
    return "_attention_" in name


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_attention_is_added_learns_and_leaves_every_shape(name, kind, small):
    fields = FIELDS.get(name, {})
    plain = graph_of(backbones[name](**fields), SIZE)
    graph = graph_of(backbones[name](**fields, attention=kind), SIZE)
    assert graph.output_shape == plain.output_shape
    added = [w for w in graph.trainable_weights if is_added(w.name)]
    if (name, kind) not in {("resnet", "self_attention"), ("convnet", "self_attention")}:  # in place of convolutions
        assert [w for w in weights_of(graph) if not is_added(w[0])] == weights_of(plain)
    assert not [w for w in plain.weights if is_added(w.name)]
    scales = [layer.name for layer in graph.layers if layer.name.endswith("_attention_scale")]
    looks = [layer for layer in graph.layers if isinstance(layer, DotProductAttention)]
    if kind in GATES:
        assert (len(scales), len(looks)) == (BLOCKS[name], 0)
    else:
        assert not scales and len(looks) == PAPERS_PLACES.get((name, kind), (1,))[0]
        coarsest = [level for level in graph.output_shape if level != "head"][-1]
        level = PAPERS_PLACES.get((name, kind), (1, coarsest))[1]
        assert looks[0].output_shape[1:3] == graph.output_shape[level][1:3]
    scatter(graph)
    x = tf.constant(np.random.default_rng(1).normal(size=(1, *SIZE, 3)), tf.float32)
    with tf.GradientTape() as tape:
        total = tf.add_n([tf.reduce_sum(tf.square(level)) for level in graph(x, training=False).values()])
    for weight, gradient in zip(added, tape.gradient(total, added), strict=True):
        seen = np.abs(tf.convert_to_tensor(gradient))
        assert np.isfinite(seen).all(), weight.name
        if not weight.name.endswith("phi/bias:0"):  # softmax does not see a constant added to all keys
            assert seen.max() > 0, weight.name
    keras.backend.clear_session()


# int8 files of every kind by itself: tests/layers/test_attention.py
@pytest.mark.parametrize("kind", [pytest.param(k, marks=() if k == "self_attention" else NIGHTLY) for k in ATTENTION])
def test_a_backbone_with_attention_is_an_int8_file_of_builtin_operators(kind):
    """Height and width that differ and are odd on the coarsest level; all shapes are static."""
    size = (20, 12)
    graph = graph_of(backbones["unet_encoder"](width=4, depth=2, attention=kind), size)
    scatter(graph)
    images = np.random.default_rng(2).normal(size=(16, *size, 3)).astype(np.float32)
    function = tf.function(lambda image: graph(image), input_signature=[tf.TensorSpec([1, *size, 3], name="image")])
    module = tf.Module()
    module.held = list(graph.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    interpreter = Interpreter(model_content=converter.convert())
    assert not [o for o in interpreter._get_ops_details() if o["op_name"].startswith(("Flex", "CUSTOM"))]
    details = interpreter.get_tensor_details()
    assert all((np.asarray(t["shape_signature"]) >= 0).all() for t in details)
    assert sum(t["dtype"] == np.int8 for t in details) > len(details) / 2
    run, expected = interpreter.get_signature_runner(), graph(images, training=False)
    seen = [run(image=image[None]) for image in images]
    for level in expected:
        apart = np.abs(np.concatenate([s[level] for s in seen]) - expected[level])
        assert apart.mean() < 0.02 * np.abs(expected[level]).max(), level
