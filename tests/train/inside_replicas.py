"""Run as a script, in a process of its own: `layers.inside.InsideNorm` on one replica and on two mirrored ones, which
have other widths. Prints one JSON object: the largest differences.
"""

import json

import numpy as np
import tensorflow as tf

from kerasvision.layers.inside import InsideNorm
from kerasvision.train.strategy import make_strategy

SHAPE = (4, 3, 8, 5)  # lines, rows, frames, channels


def stepped(strategy, parts):
    """(outputs of each part side by side, moving mean and variance) of a training step."""
    with strategy.scope():
        layer = InsideNorm(momentum=0.9, epsilon=1e-3)
        layer.build([(None, *SHAPE[1:]), (None, 1, None, 1)])

    def values(context):
        x, inside = parts[context.replica_id_in_sync_group]
        return tf.constant(x), tf.constant(inside)

    held = strategy.experimental_distribute_values_from_function(values)
    found = strategy.run(tf.function(lambda pair: layer(pair, training=True)), (held,))
    outputs = [np.array(o) for o in strategy.experimental_local_results(found)]
    return outputs, layer.moving_mean.numpy(), layer.moving_variance.numpy()


def main():
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, SHAPE).astype(np.float32)
    inside = (rng.random((4, 1, 8, 1)) < 0.6).astype(np.float32)
    inside[:2, :, 6:] = 0.0  # so that the first replica's canvas may end there
    ((whole,), *moved) = stepped(make_strategy("default"), [(x, inside)])
    halves = [(x[:2, :, :6], inside[:2, :, :6]), (x[2:], inside[2:])]
    (first, second), *others = stepped(make_strategy("mirrored"), halves)
    apart = [np.abs(first - whole[:2, :, :6]).max(), np.abs(second - whole[2:]).max()]
    apart += [np.abs(a - b).max() for a, b in zip(moved, others, strict=True)]
    kept = x.transpose(0, 2, 1, 3)[inside[:, 0, :, 0] > 0].reshape(-1, SHAPE[-1])
    wanted = [0.1 * kept.mean(0), 0.9 + 0.1 * kept.var(0, ddof=1)]
    apart += [np.abs(a - b).max() for a, b in zip(moved, wanted, strict=True)]
    print(json.dumps([float(value) for value in apart]))


if __name__ == "__main__":
    main()
