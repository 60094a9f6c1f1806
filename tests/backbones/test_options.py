"""Attention and stochastic depth of residual backbones: where they stand, and what published weights say of them."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones import weights as weights_file
from kerasvision.core.registry import backbones
from kerasvision.layers.attention import DotProductAttention
from kerasvision.layers.drop_path import drop_path, linear_rates
from tests.backbones.test_contract import graph_of, scatter

SIDE = (32, 32)


def graph(name, **fields):
    return graph_of(backbones[name](**fields), SIDE)


def names(built, kind):
    return [layer.name for layer in built.layers if isinstance(layer, kind)]


NIGHTLY = pytest.mark.nightly


def behind_gates(built):
    """The layer behind each gate."""
    gates = [n for n in names(built, keras.layers.Multiply) if n.endswith("_attention_scale")]
    return [after.layer for gate in gates for after in built.get_layer(gate).outbound_nodes]


# of resnet by day with stochastic depth between: test_published_weights_leave_what_an_option_adds_as_it_was
@pytest.mark.parametrize(
    ("name", "fields", "blocks"),
    [("convnet", {"width": 4, "blocks": (1, 2)}, 3), pytest.param("resnet", {}, 16, marks=NIGHTLY)],
)
@pytest.mark.parametrize("kind", ["se", *(pytest.param(k, marks=NIGHTLY) for k in ("eca", "cbam"))])
def test_gates_stand_in_every_block_before_the_addition(name, fields, blocks, kind):
    behind = behind_gates(graph(name, attention=kind, **fields))
    assert len(behind) == blocks and all(isinstance(layer, keras.layers.Add) for layer in behind)


@pytest.mark.parametrize("version", [1, pytest.param(2, marks=NIGHTLY)])
def test_attention_over_positions_stands_where_the_papers_put_it(version):
    (block,) = names(graph("resnet", version=version, attention="non_local"), DotProductAttention)
    assert block == "backbone_conv4_block5_attention_softmax"  # the sixth and last block of c4 comes after it
    built = graph("resnet", version=version, attention="self_attention")
    assert names(built, DotProductAttention) == [f"backbone_conv5_block{b}_2_conv_attention_softmax" for b in (1, 2, 3)]
    assert not [n for n in names(built, keras.layers.Conv2D) if n.startswith("backbone_conv5") and n.endswith("2_conv")]
    for kind in ("non_local", "self_attention"):
        built = graph("convnet", width=4, blocks=(1, 1, 2), attention=kind)
        assert len(names(built, DotProductAttention)) == (1 if kind == "non_local" else 2)
        assert all("_c2_" in n for n in names(built, DotProductAttention))


def test_published_weights_leave_what_an_option_adds_as_it_was(tmp_path, monkeypatch):
    plain = graph("resnet")
    scatter(plain)
    named = {layer.name: layer.get_weights() for layer in plain.layers if layer.weights}
    backbone = backbones["resnet"](attention="se", drop_path=0.2, weights="imagenet")
    monkeypatch.setattr(type(backbone), "published_weights", lambda self, source: named)
    built = graph_of(backbone, SIDE)
    behind = behind_gates(built)
    assert len(behind) == 16
    for layer in behind:
        (addition,) = layer.outbound_nodes
        assert layer.name.endswith("_drop") and isinstance(addition.layer, keras.layers.Add)
    fresh = {n: built.get_layer(n).get_weights() for n in names(built, keras.layers.Conv2D) if "_attention_" in n}
    backbone.load(built)
    for name, arrays in (named | fresh).items():
        for seen, expected in zip(built.get_layer(name).get_weights(), arrays, strict=True):
            np.testing.assert_array_equal(seen, expected, err_msg=name)
    assert len(fresh) == 32
    weights_file.save(plain, tmp_path / "own.h5")  # a file of our own must hold all of it
    with pytest.raises(Exception, match="has no layer 'backbone_conv2_block1_attention_reduce'"):
        backbones["resnet"](attention="se", weights=str(tmp_path / "own.h5")).load(built)


def test_stochastic_depth_leaves_whole_branches_out_and_keeps_the_mean():
    x = keras.Input((2, 2, 3))
    keras.utils.set_random_seed(0)
    model = keras.Model(x, drop_path(x, 0.25, "drop"))
    ones = tf.ones([4000, 2, 2, 3])
    seen = model(ones, training=True).numpy().reshape(4000, -1)
    assert set(np.unique(seen)) == {np.float32(0.0), np.float32(1 / 0.75)}
    assert (seen == seen[:, :1]).all()
    assert seen.mean() == pytest.approx(1.0, abs=0.03)  # 3.3 standard errors of 0.58 / sqrt(4000)
    np.testing.assert_array_equal(model(ones, training=False), ones)
    assert drop_path(x, 0.0, "none") is x


@pytest.mark.parametrize(
    ("name", "fields", "blocks"),
    [("convnet", {"blocks": (2, 2)}, 4), pytest.param("resnet", {}, 16, marks=NIGHTLY)],
)
def test_rates_grow_linearly(name, fields, blocks):
    built = graph(name, drop_path=0.4, **fields)
    rates = [layer.rate for layer in built.layers if layer.name.endswith("_drop")]
    np.testing.assert_allclose(rates, [0.4 * n / blocks for n in range(1, blocks + 1)])
    assert linear_rates(0.4, blocks) == pytest.approx(rates)
    assert not [layer for layer in graph(name, **fields).layers if layer.name.endswith("_drop")]
