"""Layers over volumes against Keras' own."""

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.layers.volume import MaxPool3D


@pytest.mark.parametrize("strides", [(2, 2, 2), (1, 2, 2), (2, 1, 3), (4, 2, 1)])
def test_pooling_is_keras_own(strides):
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 6, 3)).astype(np.float32)
    expected = keras.layers.MaxPooling3D(strides)(x)
    np.testing.assert_array_equal(MaxPool3D(strides)(x), expected)


def test_pooling_saves_its_strides():
    layer = MaxPool3D((1, 2, 2), name="pool")
    assert MaxPool3D.from_config(layer.get_config()).strides == (1, 2, 2)
