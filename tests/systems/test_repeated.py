"""Several answers to one picture: their spread by closed forms, dropout's moments, and mirrored and shifted copies."""

import types

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.systems.base import Session
from kerasvision.systems.dropout_samples import drawing
from kerasvision.systems.repeated import spread

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (8, 8, 3)).astype(np.uint8)


def test_the_spread_by_hand():
    assert spread(np.array([[0.3, 0.7]] * 4)) == 0
    assert spread(np.array([[1.0, 0.0], [0.0, 1.0]])) == pytest.approx(np.log(2))  # each is sure, and they disagree
    mean, own = 0.7, [0.5, 0.9]
    expected = -(mean * np.log(mean) + 0.3 * np.log(0.3)) + np.mean(
        [p * np.log(p) + (1 - p) * np.log(1 - p) for p in own]
    )
    assert spread(np.array([[p, 1 - p] for p in own])) == pytest.approx(expected)


@pytest.mark.parametrize("layer", (keras.layers.Dropout(0.25), keras.layers.SpatialDropout2D(0.25)))
def test_dropout_keeps_its_share_and_its_mean(layer):
    x = keras.Input((8, 8, 64))
    plain = keras.Model(x, layer(x))
    graph, seed = drawing(plain)
    ones = np.ones((40, 8, 8, 64), np.float32)
    found = graph(ones, training=False).numpy()
    assert set(np.unique(found)) == {0.0, np.float32(1 / 0.75)}
    masks = found[:, 0, 0] if isinstance(layer, keras.layers.SpatialDropout2D) else found
    assert abs((masks > 0).mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / masks.size)
    spatial = (found == found[:, :1, :1]).all()
    assert spatial == isinstance(layer, keras.layers.SpatialDropout2D)
    assert (graph(ones).numpy() == found).all() and (found[0] != found[1]).any()
    seed.assign([0, 1])
    assert (graph(ones).numpy() != found).any()
    np.testing.assert_array_equal(plain(ones, training=False), ones)  # the user's own graph is as it was


def test_other_layers_answer_as_they_always_do():
    """Batch normalization has its moving moments; two layers of dropout draw apart."""
    x = keras.Input((64,))
    y = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(x))
    graph = keras.Model(x, [y, keras.layers.Dropout(0.5)(x)])
    moving = graph.layers[1]
    moving.moving_mean.assign(tf.fill([64], 3.0))
    first, second = (part.numpy() for part in drawing(graph)[0](np.full((2, 64), 5.0, np.float32)))
    assert np.unique(first[first != 0].round(4)).tolist() == [pytest.approx(4.0, abs=0.01)]
    assert ((first != 0) != (second != 0)).any()


def test_the_mean_of_many_draws_is_the_one_over_all_masks():
    """A dense layer of two inputs, one of which may be dropped: four masks, equally likely."""
    arch = create("classification/classifier", num_classes=2, image_size=(1, 1), antialias=False)
    x = keras.Input((1, 1, 3), name="image")
    pair = keras.layers.Flatten()(x)[:, :2]
    logits = keras.layers.Dense(2, use_bias=False, name="logits")(keras.layers.Dropout(0.5)(pair))
    graph = keras.Model({"image": x}, {"logits": logits})
    graph.get_layer("logits").set_weights([np.array([[0.5, -0.5], [0.25, 1.0]], np.float32)])
    served = types.SimpleNamespace(arch=arch, answering=lambda: graph)

    class Model:
        pass

    model, holder = Model(), type("Served", (), {})()
    vars(holder).update(vars(served))
    model.runner, model.arch = types.SimpleNamespace(served=holder), arch
    pixel = np.uint8([[[200, 50, 0]]])
    prepared, _ = arch.geometry({"image": tf.constant(pixel[None])})
    values = arch.normalize(prepared)["image"].numpy().ravel()[:2].astype(np.float64)
    answers = []
    for mask in ([0, 0], [0, 2], [2, 0], [2, 2]):
        z = (values * mask) @ np.array([[0.5, -0.5], [0.25, 1.0]])
        answers.append(np.exp(z) / np.exp(z).sum())
    found = Session(create("systems/dropout_samples", draws=4000), {"classifier": model}).step({"image": pixel})
    np.testing.assert_allclose(found["probabilities"], np.mean(answers, 0), atol=4 * 0.5 / np.sqrt(4000))
    assert found["spread"] == pytest.approx(spread(np.array(answers)), abs=0.02)
    again = Session(create("systems/dropout_samples", draws=4000), {"classifier": model}).step({"image": pixel})
    assert all((again[k] == found[k]).all() for k in found)


def test_copies_are_mirrored_and_shifted():
    system = create("systems/test_time_augmentation", flips=(0, 1), shift_px=2)
    copies = system.copies(IMAGE)
    assert copies.shape == (20, 8, 8, 3) and copies.dtype == np.uint8
    np.testing.assert_array_equal(copies[0], IMAGE)
    np.testing.assert_array_equal(copies[1], np.pad(IMAGE, ((0, 0), (2, 0), (0, 0)), "edge")[:, :8])
    np.testing.assert_array_equal(copies[4], np.pad(IMAGE, ((0, 2), (0, 0), (0, 0)), "edge")[2:])
    np.testing.assert_array_equal(copies[5], IMAGE[::-1])
    np.testing.assert_array_equal(copies[15], IMAGE[::-1, ::-1])
    assert len(create("systems/test_time_augmentation", shift_px=0).copies(IMAGE)) == 2


def test_the_mean_over_copies(digits_run):
    from kerasvision.api import load

    model = load(digits_run.folder)
    side = digits_run.arch.image_size[0]
    image = RNG.integers(0, 256, (side, side, 3)).astype(np.uint8)
    system = create("systems/test_time_augmentation")
    answer = Session(system, {"classifier": model}).step({"image": image})
    every = model({"image": system.copies(image)})["probabilities"]
    np.testing.assert_allclose(answer["probabilities"], every.mean(0), atol=1e-6)
    assert answer["label"] == every.mean(0).argmax() and answer["spread"] >= 0
    with pytest.raises(UsageError, match="the model has no dropout to draw; train it with model.dropout above 0"):
        Session(create("systems/dropout_samples"), {"classifier": model}).step({"image": image})
    with pytest.raises(UsageError, match="test_time_augmentation takes one picture, uint8 .* seen: uint8 .1, 8, 8, 3."):
        Session(system, {"classifier": model}).step({"image": IMAGE[None]})


def test_what_cannot_be_asked():
    file = types.SimpleNamespace(runner=object(), arch=create("classification/classifier", num_classes=2))
    with pytest.raises(UsageError, match="dropout_samples asks a run, for a file has no dropout left"):
        Session(create("systems/dropout_samples"), {"classifier": file}).step({"image": IMAGE})
    other = types.SimpleNamespace(runner=object(), arch=create("detection/retinanet"))
    with pytest.raises(UsageError, match="needs a classifier of one label a picture; detection/retinanet is none"):
        Session(create("systems/test_time_augmentation"), {"classifier": other}).step({"image": IMAGE})
    for name, fields, line in (
        ("dropout_samples", {"draws": 1}, "draws=1; allowed: 2 or more"),
        ("test_time_augmentation", {"flips": (2,)}, "allowed: 0 .rows. and 1 .columns., each once"),
        ("test_time_augmentation", {"flips": (1, 1)}, "each once"),
        ("test_time_augmentation", {"flips": (), "shift_px": 0}, "else there is one copy alone"),
        ("test_time_augmentation", {"shift_px": -1}, "allowed: 0 or more"),
    ):
        with pytest.raises(UsageError, match=line):
            create(f"systems/{name}", **fields)
