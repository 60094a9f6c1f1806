"""What the Learner costs against plain `keras.Model.fit` on the same graph and data."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import create
from kerasvision.train.learner import Learner
from tests.benchmarks.ratios import paired

pytestmark = pytest.mark.benchmark
STEPS = 60


def _data():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(512, 28, 28, 3)).astype("float32")
    labels = np.eye(10, dtype="float32")[rng.integers(0, 10, 512)]
    data = tf.data.Dataset.from_tensor_slices(({"image": images}, {"logits": labels})).cache().repeat()
    return data.batch(64, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _arch():
    backbone = create("backbones/convnet", width=16)
    return create("classification/classifier", num_classes=10, image_size=(28, 28), backbone=backbone)


def test_fit_against_plain_keras_fit():
    arch = _arch()
    learner, plain = Learner(arch.build(), arch.loss), arch.build()
    learner.compile(keras.optimizers.AdamW(1e-3))
    plain.compile(keras.optimizers.AdamW(1e-3), {"logits": keras.losses.CategoricalCrossentropy(from_logits=True)})
    data = _data()
    ratio, ours, theirs = paired(
        lambda: learner.fit(data, steps_per_epoch=STEPS, verbose=0),
        lambda: plain.fit(data, steps_per_epoch=STEPS, verbose=0),
        rounds=7,
    )
    print(f"\nLearner.fit {ours:.2f} s, keras fit {theirs:.2f} s, ratio {ratio:.3f}")
    assert ratio <= 1.05
