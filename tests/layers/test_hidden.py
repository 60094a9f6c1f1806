"""What is hidden in a picture stays hidden at every level: against convolutions over visible positions alone, and in
backbones whose hidden pixels change.
"""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.layers.hidden import VisibleBatchNormalization, hidden_within, with_nothing_hidden

SIDE, PATCH = 64, 32
VISIBLE = np.float32([[[1, 0], [0, 1]], [[0, 0], [1, 0]]])[..., None]  # [B, rows, columns, 1]


def shown(side):
    """bool [2, side, side, 1]: what is visible of a map."""
    return np.kron(VISIBLE, np.ones((1, side // 2, side // 2, 1))) > 0


def pictures():
    """Two pairs of two pictures that differ in hidden pixels alone, float32 [2, SIDE, SIDE, 3]."""
    rng = np.random.default_rng(0)
    first, other = (rng.normal(size=(2, SIDE, SIDE, 3)).astype(np.float32) for _ in range(2))
    return first, np.where(shown(SIDE), first, 3.0 * other)


def levels_of(backbone):
    """(graph of the levels with masks, the same layers without)."""
    image = keras.Input((SIDE, SIDE, 3), name="image")
    levels, _ = hidden_within(image, backbone(image), PATCH, "it")
    plain = {name: with_nothing_hidden(image, tensor) for name, tensor in levels.items()}
    keras.utils.set_random_seed(0)
    graphs = keras.Model(image, levels), keras.Model(image, plain)
    for weight in graphs[0].weights:
        if weight.shape.rank == 1:  # shifts, which zeros do not survive
            weight.assign(weight + tf.random.stateless_uniform(weight.shape, (1, 2), 0.1, 0.3))
    return graphs


CASES = [
    ("convnet", {"width": 4, "dropout": 0.0}, True),
    ("unet_encoder", {"width": 4, "depth": 3}, True),
    ("resnet", {}, False),
    ("convnext", {}, False),
    ("convnext", {"version": 2, "size": "atto"}, True),
]


@pytest.mark.parametrize(
    ("name", "fields"), [pytest.param(n, f, marks=() if day else pytest.mark.nightly) for n, f, day in CASES]
)
def test_hidden_pixels_change_nothing_visible_at_any_level_and_without_masks_they_do(name, fields):
    masked, plain = levels_of(create(f"backbones/{name}", **fields))
    first, other = (np.where(shown(SIDE), p, np.nan).astype(np.float32) for p in pictures())
    for training in (False, True):
        ours, theirs = (masked(p, training=training) for p in (first, other))
        for level, features in ours.items():
            visible = np.broadcast_to(shown(features.shape[1]), features.shape)
            assert np.isfinite(features).all() and not features.numpy()[~visible].any(), f"{level}: hidden is not 0"
            assert np.abs(features - theirs[level]).max() <= 1e-6, level
            assert np.ptp(features.numpy()[visible]) > 0, f"{level}: nothing is left"
    ours, theirs = (plain(p, training=False) for p in pictures())
    for level, features in ours.items():
        visible = np.broadcast_to(shown(features.shape[1]), features.shape)
        changed = np.abs(features.numpy() - theirs[level].numpy())
        if level != "c0" or name != "unet_encoder":
            assert changed[visible].max() > 1e-4 * np.abs(features).max(), f"{level} leaks nothing anyway"


def test_a_mask_on_the_picture_alone_is_lost_within_two_levels():
    """Zeros in place of hidden pixels leak none of them, but positions fill with what is made of their neighbors, so
    that the network sees other pictures than those of which something is hidden.
    """
    masked, plain = levels_of(create("backbones/convnet", width=4))
    picture = pictures()[0]
    ours = masked(np.where(shown(SIDE), picture, np.nan).astype(np.float32), training=False)
    filled = plain(np.where(shown(SIDE), picture, 0.0).astype(np.float32), training=False)
    for level, features in filled.items():
        visible = np.broadcast_to(shown(features.shape[1]), features.shape)
        assert features.numpy()[~visible].any(), f"{level}: hidden positions are still empty"
        assert np.abs(features - ours[level])[visible].max() > 1e-3, level


def sparse_convolution(x, visible, kernel):
    """A convolution at visible positions of visible positions, one by one: [h, w, C], bool [h, w] -> [h, w, D]."""
    out, r = np.zeros((*x.shape[:2], kernel.shape[-1])), kernel.shape[0] // 2
    for i, j in np.argwhere(visible):
        for k, m in np.argwhere(visible):
            if abs(k - i) <= r and abs(m - j) <= r:
                out[i, j] += x[k, m] @ kernel[k - i + r, m - j + r]
    return out


def test_it_is_convolution_over_visible_positions_alone():
    """Submanifold sparse convolution (Graham, van der Maaten 2017, arXiv:1706.01307) of two layers, with bias."""
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", bias_initializer="ones", name="a")(image)
    x = keras.layers.Conv2D(5, 5, padding="same", name="b")(x)
    levels, patches = hidden_within(image, {"c0": x}, 4, "it")
    graph = keras.Model(image, {"c0": levels["c0"], "patches": patches})
    picture = np.random.default_rng(0).normal(size=(8, 8, 3))
    visible = np.kron([[1, 0], [1, 1]], np.ones((4, 4))) > 0
    given = np.where(visible[..., None], picture, np.nan).astype(np.float32)[None]
    a, b = (graph.get_layer(n).get_weights() for n in "ab")
    inner = np.maximum(sparse_convolution(picture, visible, a[0]) + a[1], 0)
    expected = (sparse_convolution(inner, visible, b[0]) + b[1]) * visible[..., None]
    found = graph(given)
    np.testing.assert_allclose(found["c0"][0], expected, atol=1e-5)
    np.testing.assert_array_equal(found["patches"][0, ..., 0], [[1, 0], [1, 1]])


def test_batch_statistics_are_of_visible_positions():
    layer = VisibleBatchNormalization(momentum=0.5, epsilon=1e-3)
    x = np.random.default_rng(0).normal(3.0, 2.0, (2, 4, 4, 3)).astype(np.float32)
    visible = shown(4)
    held = x[np.broadcast_to(visible[..., 0], (2, 4, 4))]  # [positions, 3]
    given = np.where(visible, x, 1e3).astype(np.float32), visible.astype(np.float32)
    made = layer([*map(tf.constant, given)], training=True).numpy()
    expected = (x - held.mean(0)) / np.sqrt(held.var(0) + 1e-3)
    np.testing.assert_allclose(made[visible[..., 0]], expected[visible[..., 0]], atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.5 * held.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.5 + 0.5 * held.var(0, ddof=1), rtol=1e-5)
    usual = keras.layers.BatchNormalization.from_config(layer.get_config())
    usual.build(x.shape)
    usual.set_weights(layer.get_weights())
    for training in (False, True):
        np.testing.assert_allclose(layer(x, training=training), usual(x, training=training), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "fields", "patch", "said"),
    [
        ("convnet", {"width": 4, "attention": "se"}, 32, "take a backbone without attention"),
        ("convnet", {"width": 4, "blocks": (1, 1, 1, 1)}, 4, "model.patch=4: it has a level of 8 x 8 positions"),
    ],
)
def test_what_cannot_be_kept_hidden_is_refused(name, fields, patch, said):
    image = keras.Input((SIDE, SIDE, 3), name="image")
    with pytest.raises(UsageError, match=said):
        hidden_within(image, create(f"backbones/{name}", **fields)(image), patch, "it")
