"""Signs of masked gradients, on models that have them and on one that has not, and what is left when asked rightly."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.explain.base import Explainable
from kerasvision.robustness import masking
from kerasvision.robustness.attacks.classifier import Classifier

SHAPE, RADIUS, COUNT = (8, 8, 3), 0.2, 32


class Drawn(keras.layers.Layer):
    """Noise that is drawn anew for each call, also when a model answers."""

    def call(self, inputs):
        return inputs + tf.random.normal(tf.shape(inputs), stddev=0.5)


def classifier(before=lambda x: x, scale=1.0):
    """Of two classes: bright or dark on the left half of a picture, by a few smooth units.

    before: a step in front of the network, of pixels 0..1. scale: of the logits.
    """
    arch = create(
        "classification/classifier", image_size=SHAPE[:2], num_classes=2, backbone=create("backbones/convnet")
    )
    image = keras.Input(SHAPE, name="image")
    std = arch.normalization.std[0] if arch.normalization.std else 1.0
    mean = arch.normalization.mean[0] if arch.normalization.mean else 0.0
    flat = keras.layers.Flatten()(before((image * std + mean) / 255.0))
    dense = keras.layers.Dense(2, name="logits")
    graph = keras.Model({"image": image}, {"logits": dense(flat)})
    side = np.where(np.arange(SHAPE[1]) < 4, 1.0, 0.0)
    way = np.broadcast_to(side[None, :, None], SHAPE).ravel() * scale / 96
    dense.set_weights([np.stack([-way, way], 1).astype(np.float32), np.array([0.5, -0.5], np.float32) * scale])
    return Classifier(arch, Explainable(arch, graph, ("dark", "bright")))


@pytest.fixture(scope="module")
def pictures():
    """Pictures whose left half is 0.05 to 0.15 off the middle in its mean: within the radius, and not beyond noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(COUNT) % 2
    far = rng.uniform(0.05, 0.15, COUNT) * np.where(labels, 1, -1)
    left = rng.integers(-20, 21, (COUNT, *SHAPE)) + (127.5 + 255 * far)[:, None, None, None]
    return np.clip(np.rint(left), 0, 255).astype(np.uint8), labels


def raised(found):
    return {flag.name for flag in found["flags"] if flag.raised}


def says(found, name):
    return next(flag.says for flag in found["flags"] if flag.name == name)


def test_a_plain_model_has_no_sign(pictures):
    plain = classifier()
    found = masking.judged(plain, *pictures, RADIUS, other=plain)
    assert raised(found) == set()
    assert [flag.name for flag in found["flags"]] == [
        "steps", "zeros", "draws", "noise", "one_step", "unbounded", "black_box", "transfer",
    ]  # fmt: skip
    assert found["robust"] == found["again"] == 0.0 and found["examples"] == COUNT
    assert "none" in says(found, "steps") and f"on {COUNT} of {COUNT} images" in says(found, "noise")


def test_a_model_that_keeps_its_pictures_has_no_sign_either(pictures):
    """In a ball that no border crosses nothing breaks: that is robustness, and no illusion."""
    found = masking.judged(classifier(), *pictures, 0.02)
    assert raised(found) == set() and found["robust"] == found["again"] == 1.0


def test_quantized_inputs_are_noticed_and_passed(pictures):
    """Rounding to 17 levels: no derivative, so `pgd` walks at random; the straight way through breaks all."""
    found = masking.judged(classifier(lambda x: tf.round(x * 16) / 16), *pictures, RADIUS, other=classifier())
    assert {"steps", "zeros", "noise", "unbounded", "black_box", "transfer"} <= raised(found)
    assert "Round" in says(found, "steps") and "on 1.0000 of" in says(found, "zeros")
    assert found["robust"] > 0.5 and found["again"] == 0.0


def test_integers_are_noticed_as_a_step_too(pictures):
    model = classifier(lambda x: tf.cast(tf.cast(x * 16, tf.int32), tf.float32) / 16)
    assert model.steps() == ["Cast"]


def test_rounding_beside_the_gradients_way_is_no_step():
    """As an exported file's twin has it: the gradient passes beside what is rounded."""
    assert classifier(lambda x: x + tf.stop_gradient(tf.round(x) - x)).steps() == []


def test_saturated_logits_are_noticed_and_scaled(pictures):
    """As of defensive distillation (arXiv:1511.04508): logits so far apart that float32 has no gradient of the loss."""
    found = masking.judged(classifier(scale=2e4), *pictures, RADIUS)
    assert {"zeros", "noise", "unbounded"} <= raised(found) and not {"steps", "draws"} & raised(found)
    assert found["robust"] > 0.5 and found["again"] == 0.0


def test_answers_that_change_are_noticed(pictures):
    found = masking.judged(classifier(Drawn()), *pictures, RADIUS)
    assert "draws" in raised(found) and not {"steps", "zeros"} & raised(found)


def test_a_flag_of_two_counts_is_raised_by_more_than_luck(pictures):
    """Five to none may be luck at 1 in 32, which is less than 1 in 20; four to none is 1 in 16."""
    signs = masking._Signs(classifier(), *pictures, 0.02, 0)
    for alone, expected in ((0, False), (4, False), (5, True)):
        assert signs.compared("other", np.arange(COUNT) < alone, "it").raised is expected
    signs.white[:] = np.arange(COUNT) < 5  # pgd breaks all but five: more than it misses
    assert not signs.compared("other", np.arange(COUNT) < 5, "it").raised
