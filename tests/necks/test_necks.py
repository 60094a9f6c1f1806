"""Necks: the contract over all of them, and each against its paper's sums, written out with plain convolutions."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create, necks

CHANNELS = {3: 6, 4: 10, 5: 14}
CASES = [
    ("fpn", {"width": 8, "last": 7}),
    ("fpn", {"width": 8, "last": 6, "coarse": "pool", "normalize": False}),
    ("fpn", {"width": 8, "first": 4, "last": 5}),
    ("pan", {"width": 8, "activation": "relu"}),
    ("pan", {"width": 8, "fuse": "add", "last": 6, "activation": "relu6"}),
    ("pan", {"width": 8, "depth": 0}),
    ("bifpn", {"width": 8, "repeats": 2, "activation": "relu6"}),
    ("bifpn", {"width": 8, "repeats": 1, "fusion": "sum", "last": 6}),
]
ODD = (100, 76)  # at every level
NIGHTLY = pytest.mark.nightly
SIZES = [(64, 96), ODD]


def sides(size, k):
    for _ in range(k):
        size = [-(-s // 2) for s in size]
    return tuple(size)


def graph_of(neck, size=(64, 96)):
    """A model over the backbone's levels, its weights and statistics drawn so that nothing is neutral."""
    inputs = {f"c{k}": keras.Input((*sides(size, k), n), name=f"c{k}") for k, n in CHANNELS.items()}
    graph = keras.Model(inputs, neck(inputs))
    rng = np.random.default_rng(0)
    for layer in graph.layers:
        drawn = [rng.normal(0, 0.3, w.shape) + (w.shape == w.shape[-1:]) for w in layer.get_weights()]
        layer.set_weights([np.abs(w) + 0.1 if w.ndim == 1 else w for w in drawn])
    return graph


def features(size=(64, 96), batch=2, seed=1):
    rng = np.random.default_rng(seed)
    return {f"c{k}": rng.normal(0, 1, (batch, *sides(size, k), n)).astype(np.float32) for k, n in CHANNELS.items()}


@pytest.fixture(params=CASES, ids=lambda c: "-".join([c[0], *map(str, c[1].values())]))
def neck(request):
    name, fields = request.param
    yield create(f"necks/{name}", **fields)
    keras.backend.clear_session()


def test_every_neck_is_a_case():
    assert {name for name, _ in CASES} == set(necks)


# of odd sides by day: each neck's sums below
@pytest.mark.parametrize("size", [(64, 96), pytest.param(ODD, marks=NIGHTLY)])
def test_levels_widths_and_names_and_every_weight_learns(neck, size):
    graph = graph_of(neck, size)
    assert list(graph.output) == [f"p{k}" for k in range(neck.first, neck.last + 1)]
    for k in range(neck.first, neck.last + 1):
        assert graph.output[f"p{k}"].shape == (None, *sides(size, k), 8)
    own = [layer for layer in graph.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert all(layer.name.startswith("neck_") for layer in own)
    assert not [layer for layer in own if isinstance(layer, (keras.Model, keras.layers.Lambda)) or "TFOp" in str(layer)]
    assert from_json(to_json(neck)) == neck
    x, rng = features(size), np.random.default_rng(2)
    with tf.GradientTape() as tape:
        levels = graph(x, training=True)
        loss = tf.add_n([tf.reduce_sum(v * rng.normal(0, 1, v.shape)) for v in levels.values()])
    for variable, gradient in zip(
        graph.trainable_variables, tape.gradient(loss, graph.trainable_variables), strict=True
    ):
        assert gradient is not None and np.abs(gradient).max() > 0, variable.name


def weights(graph):
    return {layer.name: layer.get_weights() for layer in graph.layers}


def plain(held, x, name, stride=1, activation=None):
    """Convolution, then normalization by the moving statistics or a bias, then the activation."""
    kernel, *bias = held[f"{name}_conv"]
    x = tf.nn.conv2d(x, kernel, stride, "SAME").numpy()
    if bias:
        x = x + bias[0]
    else:
        gamma, beta, mean, variance = held[f"{name}_bn"]
        x = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    return activation(x) if activation else x


def doubled(x, like):
    return x.repeat(2, 1).repeat(2, 2)[:, : like.shape[1], : like.shape[2]]


def relu(x):
    return np.maximum(x, 0)


def relu6(x):
    return np.clip(x, 0, 6)


def assert_levels(graph, x, expected):
    seen = graph(x, training=False)
    assert sorted(seen) == sorted(f"p{k}" for k in expected)
    for k, value in expected.items():
        np.testing.assert_allclose(seen[f"p{k}"], value, rtol=1e-4, atol=1e-4 * np.abs(value).max())


@pytest.mark.parametrize(
    ("size", "normalize"),
    [((64, 96), False), (ODD, True), *(pytest.param(*c, marks=NIGHTLY) for c in (((64, 96), True), (ODD, False)))],
)
def test_fpn_is_the_papers(size, normalize):
    graph, x = graph_of(create("necks/fpn", width=8, normalize=normalize), size), features(size)
    held = weights(graph)
    m = {k: plain(held, x[f"c{k}"], f"neck_lateral{k}") for k in (3, 4, 5)}
    m[4] = m[4] + doubled(m[5], m[4])
    m[3] = m[3] + doubled(m[4], m[3])
    p = {k: plain(held, m[k], f"neck_p{k}") for k in m}
    p[6] = plain(held, p[5], "neck_p6", 2)
    p[7] = plain(held, relu(p[6]), "neck_p7", 2)
    assert_levels(graph, x, p)


def test_fpn_s_pooled_level_is_every_second_feature():
    graph, x = graph_of(create("necks/fpn", width=8, last=6, coarse="pool")), features()
    levels = graph(x)
    np.testing.assert_array_equal(levels["p6"], levels["p5"][:, ::2, ::2])


@pytest.mark.parametrize("size", SIZES)
def test_pan_with_sums_is_the_paper(size):
    graph, x = graph_of(create("necks/pan", width=8, fuse="add", activation="relu"), size), features(size)
    held = weights(graph)
    m = {k: plain(held, x[f"c{k}"], f"neck_lateral{k}", 1, relu) for k in (3, 4, 5)}
    down = {5: m[5]}
    for k in (4, 3):
        down[k] = plain(held, m[k] + doubled(down[k + 1], m[k]), f"neck_down{k}", 1, relu)
    n = {3: down[3]}
    for k in (4, 5):
        n[k] = plain(held, down[k] + plain(held, n[k - 1], f"neck_up{k}_stride", 2, relu), f"neck_up{k}", 1, relu)
    assert_levels(graph, x, n)


def test_pan_with_concatenation_mixes_half_of_the_channels():
    graph, x = graph_of(create("necks/pan", width=8, depth=2, activation="relu"), ODD), features(ODD)
    held = weights(graph)

    def node(a, b, name):
        both = np.concatenate([a, b], -1)
        inner, around = (plain(held, both, f"{name}_{part}", 1, relu) for part in ("inner", "around"))
        for i in range(2):
            inner = plain(held, inner, f"{name}_block{i}_1", 1, relu)
            inner = plain(held, inner, f"{name}_block{i}_2", 1, relu)
        assert inner.shape[-1] == around.shape[-1] == 4
        return plain(held, np.concatenate([inner, around], -1), f"{name}_out", 1, relu)

    m = {k: plain(held, x[f"c{k}"], f"neck_lateral{k}", 1, relu) for k in (3, 4, 5)}
    down = {5: m[5]}
    for k in (4, 3):
        down[k] = node(m[k], doubled(down[k + 1], m[k]), f"neck_down{k}")
    n = {3: down[3]}
    for k in (4, 5):
        n[k] = node(down[k], plain(held, n[k - 1], f"neck_up{k}_stride", 2, relu), f"neck_up{k}")
    assert_levels(graph, x, n)


@pytest.mark.parametrize(
    ("size", "fusion"),
    [
        (ODD, "weighted"),
        ((64, 96), "sum"),
        *(pytest.param(*c, marks=NIGHTLY) for c in (((64, 96), "weighted"), (ODD, "sum"))),
    ],
)
def test_bifpn_is_the_paper(size, fusion):
    neck = create("necks/bifpn", width=8, repeats=1, fusion=fusion, activation="relu6")
    graph, x = graph_of(neck, size), features(size)
    if fusion == "weighted":
        graph.get_layer("neck_cell0_up4_fuse").set_weights([np.array([2.0, -1.0, 0.5])])  # a negative one counts as 0
    held = weights(graph)

    def halved(x):
        return tf.nn.max_pool2d(x, 3, 2, "SAME").numpy()

    def node(inputs, name):
        w = np.maximum(held[f"{name}_fuse"][0], 0) if fusion == "weighted" else np.ones(len(inputs), np.float32)
        total = sum(a * b for a, b in zip(w, inputs, strict=True))
        total = total / (1e-4 + w.sum()) if fusion == "weighted" else total
        deep = tf.nn.depthwise_conv2d(relu6(total), held[f"{name}_depthwise"][0], [1] * 4, "SAME")
        return plain(held, deep, name)

    p = {k: plain(held, x[f"c{k}"], f"neck_lateral{k}") for k in (3, 4, 5)}
    p[6] = halved(p[5])
    p[7] = halved(p[6])
    td = {7: p[7]}
    for k in (6, 5, 4, 3):
        td[k] = node([p[k], doubled(td[k + 1], p[k])], f"neck_cell0_down{k}")
    out = {3: td[3]}
    for k in (4, 5, 6):
        out[k] = node([p[k], td[k], halved(out[k - 1])], f"neck_cell0_up{k}")
    out[7] = node([p[7], halved(out[6])], "neck_cell0_up7")
    assert_levels(graph, x, out)


def test_levels_that_the_backbone_lacks_are_one_clear_error():
    inputs = {"c4": keras.Input((8, 8, 4)), "c5": keras.Input((4, 4, 4))}
    with pytest.raises(KerasVisionError, match="necks/fpn: the backbone gives c4, c5, and first=3 needs c3"):
        create("necks/fpn")(inputs)
    with pytest.raises(KerasVisionError, match="first=6 needs c6"):
        create("necks/fpn", first=6)(inputs)
    with pytest.raises(UsageError, match="first=5, last=3"):
        create("necks/pan", first=5, last=3)
    assert list(create("necks/fpn", first=4, last=5)(inputs)) == ["p4", "p5"]


def test_a_backbone_s_classification_head_is_no_level():
    levels = {"c3": keras.Input((8, 8, 4)), "c4": keras.Input((4, 4, 4)), "head": keras.Input((4, 4, 12))}
    assert set(create("necks/fpn", width=8, last=4).inputs(levels)) == {3, 4}
