"""Steps along the slope of an attack's loss, each time back into the ball."""

import tensorflow as tf

from kerasvision.ops.balls import ascended


def climbed(model, images, start, goal, attack, size, decay=None):
    """Pictures after `attack.steps` steps of a size, float32 [B, h, w, 3] in 0..1 and in the ball around `images`.

    attack: has radius, norm and steps. decay: of momentum; None: there is none.
    """
    images, moved = tf.convert_to_tensor(images), tf.convert_to_tensor(start)
    sum_of_slopes = tf.zeros_like(images)
    for _ in range(attack.steps):
        _, slope = model.slope(moved, goal.loss)
        if decay is not None:
            axes = tuple(range(1, slope.shape.rank))
            l1 = tf.reduce_sum(tf.abs(slope), axes, keepdims=True)
            slope = sum_of_slopes = decay * sum_of_slopes + slope / tf.maximum(l1, 1e-12)
        moved = ascended(images, moved, slope, size, attack.radius, attack.norm)
    return moved
