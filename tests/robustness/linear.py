"""A classifier whose logits are linear in the pixels: what is nearest, and what is best, is known of it."""

import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.explain.base import Explainable
from kerasvision.robustness.attacks.classifier import Classifier

SIDE = 6
SHAPE = (SIDE, SIDE, 3)
RADIUS = {"linf": 8 / 255, "l2": 0.5, "l1": 0.1}


def linear(kernel, bias=None):
    """A `Classifier`. kernel: [pixels, classes], of what the graph takes. bias: [classes]."""
    arch = create(
        "classification/classifier",
        image_size=(SIDE, SIDE),
        num_classes=kernel.shape[1],
        backbone=create("backbones/convnet"),
    )
    image = keras.Input(SHAPE, name="image")
    dense = keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, name="logits")
    graph = keras.Model({"image": image}, {"logits": dense(keras.layers.Flatten()(image))})
    dense.set_weights([kernel] if bias is None else [kernel, bias])
    return Classifier(arch, Explainable(arch, graph, tuple("abcdefgh"[: kernel.shape[1]])))


def step_of(model):
    """What an input of the graph moves by when a pixel of 0..1 moves by 1."""
    std = model.arch.normalization.std
    return 255 / (std[0] if std else 1)
