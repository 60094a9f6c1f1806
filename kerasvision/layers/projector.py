"""Small perceptrons behind a vector, that only training needs: projectors and predictors of views."""

import tf_keras as keras

from kerasvision.layers.norm import batch_norm


def perceptron(x, widths, name, last_norm=False, activation="relu"):
    """[B, D] -> [B, widths[-1]]: dense layers, all but the last with batch normalization and an activation.

    last_norm: whether the last has a batch normalization too, without scale and shift. No layer has a bias: where a
    normalization or a comparison of views follows, it would change nothing.
    """
    for number, width in enumerate(widths):
        last = number == len(widths) - 1
        x = keras.layers.Dense(width, use_bias=False, name=f"{name}_{number}")(x)
        if not last or last_norm:
            x = batch_norm(f"{name}_{number}_bn", epsilon=1e-5, affine=not last)(x)
        if not last:
            x = keras.layers.Activation(activation, name=f"{name}_{number}_{activation}")(x)
    return x
