"""Dense contrast: which position is matched with which, and the loss as the paper writes it, in numpy."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.tasks.base import AVERAGED
from kerasvision.tasks.self_supervised.dense import matches

PICTURES, PARTS, SIZE = 3, 4, 5


def tiny(**fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    return create("self_supervised/dense", **{"image_size": (8, 8), "backbone": backbone, "projector": (8, 5)} | fields)


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def drawn(seed):
    """Raw of two views of each picture, one after the other; positions of the second are those of the first, turned."""
    rng = np.random.default_rng(seed)
    shape = 2 * PICTURES, PARTS, SIZE
    raw = {"features": rng.normal(size=shape), "positions": rng.normal(size=shape)}
    raw |= {"projection": rng.normal(size=(2 * PICTURES, SIZE))}
    return {k: tf.constant(v, tf.float32) for k, v in raw.items()}


def test_a_shifted_picture_is_matched_with_where_it_has_gone():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 6, 9))
    order = np.stack([rng.permutation(6) for _ in range(2)])
    moved = np.take_along_axis(features, order[..., None], 1) * rng.uniform(0.5, 2.0, (2, 6, 1))
    np.testing.assert_array_equal(matches(tf.constant(moved), tf.constant(features)), order)


def test_the_loss_is_the_papers():
    """Equations 1 to 3, position by position; the answers of a teacher that is not the network."""
    raw, teacher = drawn(0), drawn(1)
    loss = tiny(temperature=0.3).loss({AVERAGED + k: v for k, v in teacher.items()}, raw)
    ours, theirs = ({k: unit(v.numpy().astype(float)) for k, v in held.items()} for held in (raw, teacher))
    for row in range(2 * PICTURES):
        other = row ^ 1
        keys = [other, *(r for r in range(other % 2, 2 * PICTURES, 2) if r != other)]
        cosines = ours["projection"][row] @ theirs["projection"][keys].T / 0.3
        whole = np.log(np.exp(cosines).sum()) - cosines[0]
        parts = []
        for s in range(PARTS):
            match = (ours["features"][row, s] @ theirs["features"][other].T).argmax()
            near = ours["positions"][row, s] @ theirs["positions"][other, match] / 0.3
            far = unit(theirs["positions"][keys[1:]].mean(1)) @ ours["positions"][row, s] / 0.3
            parts.append(np.log(np.exp(near) + np.exp(far).sum()) - near)
        assert float(loss["pictures"][row]) == pytest.approx(0.5 * whole, abs=1e-5)
        assert float(loss["positions"][row]) == pytest.approx(0.5 * np.mean(parts), abs=1e-5)


def test_no_gradient_goes_into_answers():
    raw, teacher = drawn(0), drawn(1)
    with tf.GradientTape() as tape:
        tape.watch((raw, teacher))
        loss = tiny().loss({AVERAGED + k: v for k, v in teacher.items()}, raw)
        total = tf.add_n([tf.reduce_mean(v) for v in loss.values()])
    own, of_answers = tape.gradient(total, (raw, teacher))
    assert all(v is None for v in of_answers.values()) and own["features"] is None
    assert all(np.abs(own[k]).max() > 0 for k in ("projection", "positions"))


@pytest.mark.parametrize(("side", "grid", "parts"), [(8, 4, 16), (8, 3, 4), (14, 4, 16), (8, 1, 1), (4, 7, 4)])
def test_parts_cover_levels_of_any_size(side, grid, parts):
    arch = tiny(image_size=(side, side), grid=grid)
    assert arch.build().output["positions"].shape[1:] == (parts, 5) and arch.part_count == parts


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"positions": 1.5}, "model.positions=1.5; allowed: 0 to 1"),
        ({"grid": 0}, "model.grid=0; allowed: 1 or more"),
        ({"temperature": 0.0}, "model.temperature=0; allowed: above 0"),
    ],
)
def test_what_compares_nothing_is_refused(fields, said):
    with pytest.raises(UsageError, match=said):
        tiny(**fields)


def test_a_queue_that_nothing_looks_at_is_refused():
    parts = [create(f"techniques/{name}") for name in ("momentum_teacher", "queue")]
    augment = (create("augmentations/photometric/brightness"),)
    tiny().check_phase(Phase(1, create("optimizers/adamw"), augment, (parts[0],)), 4)
    with pytest.raises(UsageError, match="takes its negatives from the batch"):
        tiny().check_phase(Phase(1, create("optimizers/adamw"), augment, tuple(parts)), 4)
