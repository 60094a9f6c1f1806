"""Losses of views against lightly's values and gradients on the same vectors, and in closed form.

tests/goldens/self_supervised.npz was written by lightly 1.6.0 (`make_self_supervised.py`).
"""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.registry import create
from kerasvision.losses import contrastive, redundancy, self_distillation
from kerasvision.tasks.base import AVERAGED, QUEUED

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "goldens" / "self_supervised.npz")
FIRST, SECOND, NEGATIVES = (GOLDEN[k] for k in ("first", "second", "negatives"))
PICTURES = len(FIRST)


def arch(name, **fields):
    return create(f"self_supervised/{name}", image_size=(8, 8), **fields)


def side_by_side(first, second):
    """Views of a picture one after the other, as in a batch."""
    return tf.reshape(tf.stack([first, second], 1), [2 * PICTURES, -1])


def total(arch, targets, raw):
    return tf.add_n([tf.reduce_mean(v) for v in arch.loss(targets, raw).values()])


def by_simclr(a, b):
    return total(arch("simclr", temperature=0.5), {}, {"projection": side_by_side(a, b)})


def by_queue(a, b):
    return tf.reduce_mean(contrastive.info_nce(a, tf.stop_gradient(b), NEGATIVES, 0.2))


def by_barlow_twins(a, b):
    return total(arch("barlow_twins"), {}, {"projection": side_by_side(a, b)})


def by_vicreg(a, b):
    return total(arch("vicreg"), {}, {"projection": side_by_side(a, b)})


def by_cosine(a, b):
    return tf.reduce_mean(self_distillation.negative_cosine(a, b))


def by_dino(a, b):
    """Answers of a teacher that turned the views around, centered as `techniques/centering` does it."""
    answers = tf.stop_gradient(0.7 * side_by_side(a, b)) - GOLDEN["center"]
    return total(arch("dino"), {AVERAGED + "projection": answers}, {"projection": side_by_side(a, b)})


def by_parts(a, b):
    """The same with two small views, whose own answers are far off, as nobody asks for them."""
    parts = GOLDEN["parts"]
    rows = tf.reshape(tf.stack([a, b, *parts], 1), [4 * PICTURES, -1])
    large = tf.stop_gradient(tf.stack([0.7 * a, 0.7 * b], 1)) - GOLDEN["center"]
    answers = tf.reshape(tf.concat([large, 100.0 * tf.ones_like(large)], 1), rows.shape)
    return total(arch("dino", small_views=2), {AVERAGED + "projection": answers}, {"projection": rows})


EVERY = {
    "nt_xent": by_simclr,
    "info_nce": by_queue,
    "barlow_twins": by_barlow_twins,
    "vicreg": by_vicreg,
    "negative_cosine": by_cosine,
    "dino": by_dino,
    "dino_parts": by_parts,
}


@pytest.mark.parametrize("name", EVERY)
def test_values_and_gradients_are_lightly_s(name):
    views = [tf.constant(FIRST), tf.constant(SECOND)]
    with tf.GradientTape() as tape:
        tape.watch(views)
        value = EVERY[name](*views)
    np.testing.assert_allclose(value, GOLDEN[f"{name}/loss"], rtol=1e-5, atol=1e-5)
    for which, gradient in zip(("first", "second"), tape.gradient(value, views), strict=True):
        key = f"{name}/{which}"
        assert (gradient is None) == (key not in GOLDEN), f"{which}: a gradient where the peer has none, or none"
        if gradient is not None:
            scale = max(1.0, np.abs(GOLDEN[key]).max())
            np.testing.assert_allclose(gradient, GOLDEN[key], rtol=0, atol=1e-5 * scale, err_msg=key)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_a_view_finds_the_other_among_all_but_itself():
    """Chen et al. 2020, equation 1, pair by pair."""
    rows = unit(np.stack([FIRST, SECOND], 1).reshape(2 * PICTURES, -1).astype(np.float64))
    exp = np.exp(rows @ rows.T / 0.5)
    wanted = [-np.log(exp[i, i ^ 1] / (exp[i].sum() - exp[i, i])) for i in range(len(rows))]
    found = arch("simclr").loss({}, {"projection": tf.constant(rows, tf.float32)})["contrastive"]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_moco_looks_in_the_queue_or_among_the_other_view_of_the_batch():
    """He et al. 2019, equation 1; Chen, Xie and He 2021, algorithm 1: query i of one view, all keys of the other."""
    queries, keys = (np.stack(v, 1).astype(np.float64) for v in ((FIRST, SECOND), (SECOND + 0.3, FIRST - 0.2)))
    q, k = unit(queries), unit(keys)
    raw = {"projection": tf.constant(queries.reshape(2 * PICTURES, -1), tf.float32)}
    targets = {AVERAGED + "projection": tf.constant(keys.reshape(2 * PICTURES, -1), tf.float32)}
    queued, among = [], []
    for picture in range(PICTURES):
        for view in (0, 1):
            near = np.exp(q[picture, view] @ k[picture, 1 - view] / 0.2)
            far = np.exp(NEGATIVES @ q[picture, view] / 0.2).sum()
            queued.append(-np.log(near / (near + far)))
            among.append(-np.log(near / np.exp(k[:, 1 - view] @ q[picture, view] / 0.2).sum()))
    moco = arch("moco", temperature=0.2)
    np.testing.assert_allclose(moco.loss(targets, raw)["contrastive"], among, rtol=1e-5, atol=1e-6)
    found = moco.loss(targets | {QUEUED: tf.constant(NEGATIVES)}, raw)["contrastive"]
    np.testing.assert_allclose(found, queued, rtol=1e-5, atol=1e-6)


def test_byol_is_the_squared_distance_of_directions():
    """Grill et al. 2020, equation 2: of each view's prediction and the teacher's projection of the other."""
    raw = {"prediction": side_by_side(FIRST, SECOND), "projection": side_by_side(SECOND, FIRST)}
    targets = {AVERAGED + "projection": side_by_side(SECOND - 0.3, FIRST + 0.3)}
    wanted = np.stack([unit(FIRST) - unit(FIRST + 0.3), unit(SECOND) - unit(SECOND - 0.3)], 1)
    found = arch("byol", predictor=4).loss(targets, raw)["distance"]
    np.testing.assert_allclose(found, (wanted**2).sum(-1).ravel(), rtol=1e-4, atol=1e-6)


def test_terms_of_dimensions_are_zero_where_they_are_kept_apart():
    """Four pictures at the corners of a square of side 4: variance 16 / 3 each, no covariance, correlations of 1."""
    square = tf.constant([[2.0, 2], [2, -2], [-2, 2], [-2, -2]])
    assert float(redundancy.variance(square)) == 0.0 and float(redundancy.covariance(square)) == 0.0
    np.testing.assert_allclose(redundancy.barlow_twins(square, square), [0, 0], atol=1e-9)
    line = tf.stack([square[:, 0], square[:, 0]], 1)
    np.testing.assert_allclose(redundancy.covariance(line), (16 / 3) ** 2, rtol=1e-6)
    np.testing.assert_allclose(redundancy.barlow_twins(line, line, 0.5), [0, 1], rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(redundancy.variance(0 * square), 1 - 0.01, rtol=1e-5)
