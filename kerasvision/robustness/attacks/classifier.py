"""A classifier as attacks see it: logits of pictures in 0..1, and their slope by the pixels."""

import contextlib

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.robustness.attacks._straight import passing, steps_of

_LEAST = 1e-30  # probability: its logarithm is a logit


class Classifier:
    """One of several classes for one image. Pictures are float32 [B, h, w, 3], pixels 0..1, of the graph's size.

    model: gives `raw` and `predicted` of pixels 0..255, with gradients (an `explain.base.Explainable`). straight:
    gradients pass steps that have no derivative, as if they were not there.
    """

    has_slopes = True
    pixel_step = 0.0  # the smallest difference of a pixel that makes one to the model

    def __init__(self, arch, model, straight=False):
        check(arch)
        self.arch = arch
        self._straight = straight
        spec = arch.prepared_inputs()["image"]
        specs = [tf.TensorSpec(spec.shape, tf.float32)]
        self._model = model
        self._logits = tf.function(self._score, input_signature=specs, autograph=False)
        self._predicted = tf.function(
            lambda images: model.predicted(images * 255.0), input_signature=specs, autograph=False
        )

    def _score(self, images):
        with passing() if self._straight else contextlib.nullcontext():
            logits = self.arch.class_scores(self._model.raw(images * 255.0))
        factors = getattr(self.arch, "class_factors", ())
        return logits + np.log(factors).astype(np.float32) if factors else logits

    def logits(self, images):
        """[B, h, w, 3] -> float32 [B, K], whose largest is the answer; has gradients."""
        return self._logits(tf.convert_to_tensor(images, tf.float32))

    def decided(self, images):
        """[B, h, w, 3] -> the class that the model itself answers, int64 [B]."""
        return self._predicted(tf.convert_to_tensor(images, tf.float32))["probabilities"].numpy().argmax(1)

    def slope(self, images, score):
        """[B, h, w, 3] and a function (logits -> [B]) -> (the score [B], its slope by each pixel [B, h, w, 3])."""
        return slope_of(self.logits, images, score)

    def straightened(self):
        """The same model with gradients that pass its steps without derivative."""
        return Classifier(self.arch, self._model, straight=True)

    def steps(self):
        """Names of operators without derivative on the way from the pixels to the logits."""
        return steps_of(self._logits.get_concrete_function())


def slope_of(logits, images, score):
    """What `Classifier.slope` gives, of any function ([B, h, w, 3] -> logits [B, K])."""
    images = tf.convert_to_tensor(images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        found = score(logits(images))
    return found, tape.gradient(found, images, unconnected_gradients="zero")


class AskedClassifier:
    """The same through answers alone, of any file: logits are logarithms of its probabilities, and have no slope.

    infer: {"image": uint8 [B, h, w, 3]} -> its answer by key, numpy. Pixels are rounded before the file sees them.
    """

    has_slopes = False
    pixel_step = 1 / 255

    def __init__(self, arch, infer):
        check(arch)
        self.arch = arch
        self._infer = infer

    def _probabilities(self, images):
        pixels = np.rint(np.clip(np.asarray(images), 0, 1) * 255).astype(np.uint8)
        return np.asarray(self._infer({"image": pixels})["probabilities"])

    def logits(self, images):
        """[B, h, w, 3] -> float32 [B, K]."""
        return tf.math.log(tf.maximum(tf.cast(self._probabilities(images), tf.float32), _LEAST))

    def decided(self, images):
        """[B, h, w, 3] -> the class that the file answers, int64 [B]."""
        return self._probabilities(images).argmax(1)


def check(arch):
    """UsageError where an architecture is no classifier of one image into one of several classes."""
    if list(arch.prepared_inputs()) != ["image"]:
        seen = ", ".join(arch.prepared_inputs())
        raise UsageError(f"{arch.registered_name} takes {seen}; attacks change the pixels of one image")
    if list(arch.class_logits.values()) != ["softmax"] or "probabilities" not in arch.outputs:
        raise UsageError(
            f"{arch.registered_name} is no classifier of one label; of detectors and segmenters attacks need gradients"
        )
