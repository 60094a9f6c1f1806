"""One and two replicas normalize alike."""

import os
import subprocess
import sys

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.layers.norm import batch_norm, count_all_replicas

TWO_REPLICAS = """
import numpy as np, tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from kerasvision.layers.norm import batch_norm
x = np.random.default_rng(0).normal(2.0, 3.0, (4, 3, 3, 2)).astype(np.float32)
x[2:] += 5.0  # the halves differ, so replicas that normalize alone show
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = batch_norm("norm")
    layer.build((None, 3, 3, 2))
halves = strategy.experimental_distribute_values_from_function(
    lambda c: tf.constant(x[2 * c.replica_id_in_sync_group :][:2])
)
run = tf.function(lambda h: strategy.run(lambda v: layer(v, training=True), args=(h,)))
seen = np.concatenate([v.numpy() for v in strategy.experimental_local_results(run(halves))])
expected = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-3)
np.testing.assert_allclose(seen, expected, atol=1e-5)
moving = layer.moving_mean.numpy()
np.testing.assert_allclose(moving, 0.1 * x.mean((0, 1, 2)), rtol=1e-5)
"""


def test_one_replica_keeps_the_fused_kernel():
    layer = batch_norm("norm", momentum=0.8)
    layer.build((None, 4, 4, 3))
    assert layer.fused and not layer.synchronized
    assert (layer.momentum, layer.epsilon) == (0.8, 1e-3)
    assert layer(tf.zeros((1, 4, 4, 3))).shape == (1, 4, 4, 3)


def test_two_replicas_normalize_over_the_whole_batch():
    done = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_moving_variance_is_corrected_once_in_every_phase():
    """Each phase compiles the same graph again; the variance is that of a sample by numpy, and not corrected twice."""
    image = keras.Input((3, 3, 2))
    graph = keras.Model(image, batch_norm("norm", momentum=0.0)(image))
    x = np.random.default_rng(0).normal(2.0, 3.0, (2, 3, 3, 2)).astype(np.float32)
    for _ in range(3):
        count_all_replicas(graph)
        graph(x, training=True)
        np.testing.assert_allclose(graph.get_layer("norm").moving_variance, x.var((0, 1, 2), ddof=1), rtol=1e-5)
