"""Weights files: both layouts, and every way a file can be wrong."""

import h5py
import numpy as np
import pytest
import tf_keras as keras

from kerasvision.backbones import weights as weights_file
from kerasvision.core.errors import KerasVisionError


@pytest.fixture
def graph():
    image = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(2, 3, name="backbone_a")(image)
    x = keras.layers.BatchNormalization(name="backbone_b")(x)
    graph = keras.Model(image, keras.layers.Conv2D(5, 1, name="head")(x))
    rng = np.random.default_rng(0)
    graph.set_weights([rng.normal(size=w.shape) for w in graph.weights])
    return graph


def test_what_is_saved_is_read(graph, tmp_path):
    weights_file.save(graph, tmp_path / "w.weights.h5")
    named = weights_file.read(tmp_path / "w.weights.h5")
    assert sorted(named) == ["backbone_a", "backbone_b", "head"]
    for name, arrays in named.items():
        for seen, expected in zip(arrays, graph.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(seen, expected)


def test_keras_own_h5_is_read(graph, tmp_path):
    graph.save_weights(tmp_path / "w.h5")
    named = weights_file.read(tmp_path / "w.h5")
    for name in ("backbone_a", "backbone_b", "head"):
        for seen, expected in zip(named[name], graph.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(seen, expected)


def test_layer_names_beyond_64_kb_are_read(tmp_path):
    """HDF5 keeps at most 64 kB in an attribute; Keras then splits the list."""
    names = [f"backbone_{'x' * 900}_{i}" for i in range(80)]
    image = x = keras.Input((1,))
    for name in names:
        x = keras.layers.Dense(1, use_bias=False, name=name)(x)
    keras.Model(image, x).save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        assert "layer_names" not in file.attrs
    assert set(names) <= set(weights_file.read(tmp_path / "w.h5"))


def test_put_leaves_other_layers_alone(graph):
    head = graph.get_layer("head").get_weights()
    named = {n: [a + 1 for a in graph.get_layer(n).get_weights()] for n in ("backbone_a", "backbone_b", "head")}
    weights_file.put(graph, named, "x")
    np.testing.assert_array_equal(graph.get_layer("head").get_weights()[0], head[0])
    np.testing.assert_array_equal(graph.get_layer("backbone_a").get_weights()[0], named["backbone_a"][0])


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(KerasVisionError, match="no such file; give None, 'imagenet' or the path"):
        weights_file.read(tmp_path / "none.h5")


def test_a_file_of_another_kind_says_so(tmp_path):
    (tmp_path / "w.h5").write_text("not HDF5")
    with pytest.raises(KerasVisionError, match="is not an HDF5 file"):
        weights_file.read(tmp_path / "w.h5")


def test_numbered_class_names_are_refused(graph, tmp_path):
    graph.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(KerasVisionError, match="has no layer 'backbone_a'; it holds .*without layer names"):
        weights_file.put(graph, weights_file.read(tmp_path / "w.weights.h5"), "w.weights.h5")
