"""Layers for missing pixels against the papers' formulas in numpy and torch-free loops."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.layers.inline import inlined
from kerasvision.layers.latent import Latent, MostLikely
from kerasvision.layers.missing import Composite, KnownMean, MaskToken, partial_conv, partial_unet


def partial_reference(parts, kernel, k):
    """arXiv:1804.07723, equations 1 and 2, window by window, without bias; windows end at the border."""
    x = np.concatenate([part for part, _ in parts], -1)
    mask = np.concatenate([np.broadcast_to(m, part.shape) for part, m in parts], -1)
    h, w, _ = x.shape
    out, seen = np.zeros((h, w, kernel.shape[-1])), np.zeros((h, w, 1))
    r = k // 2
    for i in range(h):
        for j in range(w):
            rows, columns = slice(max(0, i - r), i + r + 1), slice(max(0, j - r), j + r + 1)
            part = kernel[max(0, r - i) : k - max(0, i + r + 1 - h), max(0, r - j) : k - max(0, j + r + 1 - w)]
            m = mask[rows, columns]
            if m.sum():
                out[i, j] = np.einsum("ijc,ijcd->d", x[rows, columns] * m, part) * m.size / m.sum()
                seen[i, j] = 1
    return out, seen


@pytest.mark.parametrize("channels", [(3,), (3, 2)])
@pytest.mark.parametrize("k", [3, 5])
def test_partial_convolution_is_the_papers(channels, k):
    rng = np.random.default_rng(0)
    parts = []
    for count in channels:
        mask = np.float32(rng.random((9, 11, 1)) < 0.15)
        mask[:4, :5] = 0
        parts.append((np.float32(rng.normal(size=(9, 11, count))), mask))
    inputs = [(keras.Input(x.shape), keras.Input(m.shape)) for x, m in parts]
    model = keras.Model(inputs, partial_conv(inputs, 4, k, 1, "p"))
    y, seen = model([(x[None], m[None]) for x, m in parts])
    expected, reached = partial_reference(parts, model.get_layer("p_conv").kernel.numpy(), k)
    np.testing.assert_allclose(y[0], expected, atol=1e-5)
    np.testing.assert_array_equal(seen[0], reached)


def test_a_whole_image_is_convolved_as_usual_within_its_border():
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    inputs = keras.Input((8, 8, 3)), keras.Input((8, 8, 1))
    model = keras.Model(inputs, partial_conv([inputs], 2, 3, 1, "p")[0])
    y = model([x, np.ones((1, 8, 8, 1), np.float32)])
    usual = tf.nn.conv2d(x, model.get_layer("p_conv").kernel, 1, "SAME")
    np.testing.assert_allclose(y[:, 1:-1, 1:-1], usual[:, 1:-1, 1:-1], atol=1e-6)


def test_a_u_net_of_partial_convolutions_closes_a_whole_quarter():
    """Its far corner too: what nothing known reaches is 0, whatever the weights."""
    image, present = keras.Input((28, 28, 3)), keras.Input((28, 28, 1))
    model = keras.Model([image, present], partial_unet(image, present, 4, 2))
    known = np.ones((1, 28, 28, 1), np.float32)
    known[:, 14:, 14:] = 0
    made = model([np.ones((1, 28, 28, 3), np.float32), known]).numpy()
    assert (np.abs(made[:, 14:, 14:]).max(-1) > 0).all()


def test_token_and_composite_keep_what_is_known():
    x = np.float32(np.arange(12).reshape(1, 2, 2, 3))
    present = np.float32([[[[1], [0]], [[0], [1]]]])
    token = MaskToken()
    token([x, present])
    token.token.assign([7, 8, 9])
    np.testing.assert_array_equal(token([x, present])[0], [[x[0, 0, 0], [7, 8, 9]], [[7, 8, 9], x[0, 1, 1]]])
    np.testing.assert_array_equal(Composite()([x, -x, present])[0, :, :, 0], [[0, -3], [-6, 9]])


def test_attention_ignores_what_is_missing():
    rng = np.random.default_rng(0)
    x, scores = np.float32(rng.normal(size=(2, 3, 3, 4))), np.float32(rng.normal(size=(2, 3, 3, 1)))
    present = np.float32(rng.random((2, 3, 3, 1)) < 0.5)
    mean = KnownMean()([x, scores, present]).numpy()
    for b in range(2):
        known = present[b, ..., 0] > 0
        weights = np.exp(scores[b][known])
        np.testing.assert_allclose(mean[b], (weights * x[b][known]).sum(0) / weights.sum(), rtol=1e-4, atol=1e-5)
    other = np.where(present > 0, x, np.float32(1e3))
    np.testing.assert_allclose(KnownMean()([other, scores, present]), mean, rtol=1e-4, atol=1e-4)
    assert np.isfinite(KnownMean()([x, scores, np.zeros_like(present)])).all()


def test_a_code_is_drawn_from_the_posterior_where_it_is_known_else_from_the_prior():
    rng = np.random.default_rng(0)
    prior, posterior = (np.float32(rng.normal(size=(2, 2, 3))) for _ in range(2))
    noise, known = np.float32(rng.normal(size=(2, 3))), np.float32([[1], [0]])
    z = Latent()([prior, posterior, known, noise])
    for row, of in ((0, posterior), (1, prior)):
        np.testing.assert_allclose(z[row], of[row, 0] + noise[row] * np.exp(0.5 * of[row, 1]), rtol=1e-5)
    np.testing.assert_array_equal(MostLikely()(prior), prior[:, 0])


def test_an_inlined_graph_is_flat_and_shares_what_it_shared():
    image = keras.Input((4, 4, 3), name="image")
    twice = keras.layers.Conv2D(3, 1, name="twice")
    inner = keras.Model({"image": image}, {"y": twice(twice(image))})
    x = keras.Input((4, 4, 3), name="x")
    outer = keras.Model(x, inlined(inner, {"image": keras.layers.ReLU(name="before")(x)}, "in_"))
    assert [layer.name for layer in outer.layers] == ["x", "before", "in_twice"]
    outer.get_layer("in_twice").set_weights(twice.get_weights())
    pixels = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(outer(pixels)["y"], inner({"image": np.maximum(pixels, 0)})["y"], rtol=1e-6)
