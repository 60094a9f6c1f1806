"""Explanations and figures against tf-keras-vis 0.8.7 and Xplique 2.0.2, where they are installed."""

import os

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.explain import fidelity
from kerasvision.explain.base import Explainable
from kerasvision.tasks._class_targets import ClassTarget

pytestmark = pytest.mark.slow
SIDE, INDEX, CLASSES = 12, 1, 3


@pytest.fixture(scope="module")
def pair():
    """(an `Explainable`, the Keras model of pixels 0..255 with the same layers, a picture)."""
    assert os.environ.get("TF_USE_LEGACY_KERAS") == "1"  # both peers say `tf.keras`
    layers = [
        keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="first"),
        keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="second"),
        keras.layers.Flatten(),
        keras.layers.Dense(CLASSES, name="logits"),
    ]

    def through(x):
        for layer in layers:
            x = layer(x)
        return x

    image, seen = keras.Input((SIDE, SIDE, 3), name="pixels"), keras.Input((SIDE, SIDE, 3), name="image")
    plain = keras.Model(image, through(keras.layers.Rescaling(1 / 127.5, -1.0)(image)))
    graph = keras.Model({"image": seen}, {"logits": through(seen)})
    random = np.random.default_rng(0)
    graph.set_weights([random.normal(size=w.shape).astype(np.float32) * 0.2 for w in graph.get_weights()])
    arch = create(
        "classification/classifier",
        image_size=(SIDE, SIDE),
        num_classes=CLASSES,
        backbone=create("backbones/convnet"),
    )
    picture = random.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    return Explainable(arch, graph, tuple("abc")), plain, picture


def ours(pair, name, **fields):
    model, _, picture = pair
    return create(f"explainers/{name}", **fields).explain(model, picture, ClassTarget(model.arch, INDEX))


def test_saliency_and_cams_are_those_of_tf_keras_vis(pair):
    pytest.importorskip("tf_keras_vis", reason="needs tf-keras-vis 0.8.7")
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    _, plain, picture = pair
    given, score = picture[None].astype(np.float32), CategoricalScore([INDEX])
    slopes = Saliency(plain)(score, given, normalize_map=False)[0]
    np.testing.assert_allclose(ours(pair, "saliency"), slopes, rtol=1e-4, atol=1e-7)
    # they look for a convolution of the other Keras
    settings = {"penultimate_layer": "second", "seek_penultimate_conv_layer": False, "normalize_cam": False}
    cam = Gradcam(plain)(score, given, **settings)[0]
    np.testing.assert_allclose(ours(pair, "grad_cam"), cam, rtol=1e-4, atol=1e-6)
    plus = GradcamPlusPlus(plain)(score, given, **settings)[0]
    heat = ours(pair, "grad_cam_plus_plus")  # exp(score) is a factor of theirs
    np.testing.assert_allclose(heat / heat.max(), plus / plus.max(), rtol=1e-3, atol=1e-4)


def test_slopes_and_fidelity_are_those_of_xplique(pair):
    pytest.importorskip("xplique", reason="needs Xplique 2.0.2, installed without its pins")
    from xplique.attributions import GuidedBackprop, IntegratedGradients, Saliency
    from xplique.metrics import Deletion, Insertion

    model, plain, picture = pair
    given, target = picture[None].astype(np.float32), np.eye(CLASSES, dtype=np.float32)[[INDEX]]
    slopes = Saliency(plain, reducer="max").explain(given, target)[0, ..., 0]
    np.testing.assert_allclose(ours(pair, "saliency"), slopes, rtol=1e-4, atol=1e-7)
    guided = GuidedBackprop(plain, reducer="max").explain(given, target)[0, ..., 0]
    np.testing.assert_allclose(ours(pair, "guided_backprop"), guided, rtol=1e-4, atol=1e-7)
    added = IntegratedGradients(plain, reducer="sum", steps=33).explain(given, target)[0, ..., 0]
    heat = ours(pair, "integrated_gradients", steps=32, most=32)
    np.testing.assert_allclose(heat, added, rtol=1e-3, atol=1e-4 * np.abs(heat).max())
    for metric, is_insertion in ((Deletion, False), (Insertion, True)):
        wanted = metric(plain, given, target, steps=fidelity.STEPS).evaluate(heat[None])
        curve = fidelity.curve(model, picture, ClassTarget(model.arch, INDEX), heat, is_insertion)
        assert abs(fidelity.area(curve) - wanted) <= 1e-3
