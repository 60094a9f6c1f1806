"""The masked autoencoder: what is hidden of which picture, what is to be told of it, and what no file has."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.layers.hidden import Hide, Visible
from kerasvision.train.learner import Learner
from kerasvision.train.techniques.warm_start import put_by_name
from tests.contract.source_cases import picture

BACKBONE = create("backbones/convnet", width=4, blocks=(1, 1))


def tiny(**fields):
    given = {"image_size": (16, 16), "backbone": BACKBONE, "patch": 4, "decoder": 8} | fields
    return create("self_supervised/masked_autoencoder", **given)


def sample(seed=0):
    image = np.random.default_rng(3).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    return {"image": tf.constant(image), "seed": tf.constant([seed, 1])}


def test_each_example_hides_as_many_patches_and_others_each_time():
    held = [tiny(hidden=0.6).encode(sample(seed))["hidden"].numpy() for seed in range(200)]
    assert {h.sum() for h in held} == {10.0} and all(set(h.ravel()) == {0.0, 1.0} for h in held)
    share = np.mean(held, 0)  # 10 of 16, within five standard deviations of 200 draws
    assert np.abs(share - 10 / 16).max() < 5 * np.sqrt(10 / 16 * 6 / 16 / 200)
    again = tiny(hidden=0.6).encode(sample(7))["hidden"].numpy()
    np.testing.assert_array_equal(again, held[7])


def test_training_hides_what_the_loss_asks_for_and_nothing_else_does(tmp_path):
    for i in range(6):
        picture(i, (16, 16)).save(tmp_path / f"{i}.png")
    split = create("sources/pictures", path=str(tmp_path), validation_fraction=0.0).open().splits["train"]
    phase, arch = Phase(1, create("optimizers/adamw"), (), ()), tiny()
    inputs, targets = next(iter(training_data(split, arch, phase, batch_size=6, seed=0)))
    gone = np.isnan(inputs["image"]).reshape(6, 4, 4, 4, 4, 3)
    hidden = targets["hidden"].numpy() > 0
    np.testing.assert_array_equal(gone, np.broadcast_to(hidden[:, :, None, :, None, None], gone.shape))
    assert len({h.tobytes() for h in hidden}) > 1, "all pictures hide the same patches"
    prepared, _ = arch.geometry({"image": tf.zeros([1, 20, 20, 3], tf.uint8)})
    assert np.isfinite(arch.normalize(prepared)["image"]).all()


def test_targets_are_patches_less_their_mean_over_their_deviation():
    told = tiny().encode(sample())["patches"].numpy()
    image = sample()["image"].numpy() / 255.0
    for i, j in np.ndindex(4, 4):
        values = image[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].ravel()
        expected = (values - values.mean()) / np.sqrt(values.var() + 1e-6)
        np.testing.assert_allclose(told[i, j], expected, atol=1e-4)
    flat = tiny().encode({"image": tf.fill([16, 16, 3], tf.constant(9, tf.uint8))})["patches"].numpy()
    assert not flat.round(3).any()
    assert tiny(target="hog").encode(sample())["patches"].shape == (4, 4, 27)


def test_the_loss_is_of_hidden_patches_alone():
    arch, rng = tiny(), np.random.default_rng(0)
    targets = {k: v[None] for k, v in arch.encode(sample()).items()}
    off, hidden = rng.normal(size=(1, 4, 4, 48)).astype(np.float32), targets["hidden"].numpy() > 0
    loss = arch.loss(targets, {"patches": targets["patches"] + off})["hidden"].numpy()
    np.testing.assert_allclose(loss, [np.square(off[hidden]).mean()], rtol=1e-4)
    off[hidden] = 0.0
    assert not arch.loss(targets, {"patches": targets["patches"] + off})["hidden"].numpy().any()


def test_what_answers_is_the_backbone_without_masks():
    arch = tiny()
    graph, image = arch.build(), {"image": sample()["image"][None]}
    answering = arch.answering(graph)
    kinds = {type(layer) for layer in answering.layers}
    assert not kinds & {Hide, Visible} and kinds < {type(layer) for layer in graph.layers}
    assert not [w.name for w in answering.weights if not w.name.startswith("backbone_")]
    found = [g(arch.normalize(image), training=False)["embedding"] for g in (graph, answering)]
    np.testing.assert_allclose(*found, atol=1e-6)


def test_hidden_patches_are_told_from_visible_ones():
    """Of stripes of any phase in one of two directions, which a few patches of 16 tell. A mean would leave a loss of 1,
    and so it does where nothing is left to tell them from: pictures of noise.
    """
    rng, arch = np.random.default_rng(0), tiny(decoder=32, hidden=0.5)
    across = np.indices((16, 16))[rng.integers(0, 2, 256)]  # [256, 16, 16], a row's or a column's number
    stripes = 127.5 + 120 * np.sin(np.pi / 4 * across + rng.uniform(0, 2 * np.pi, (256, 1, 1)))
    pictures = {"stripes": stripes, "noise": rng.uniform(0, 255, (256, 16, 16))}
    left = {}
    for name, held in pictures.items():
        images = np.repeat(held[..., None], 3, -1).astype(np.uint8)
        data = tf.data.Dataset.from_tensor_slices(images).repeat().enumerate().take(16 * 100)
        data = data.map(lambda i, image: arch.example({"image": image, "seed": tf.stack([tf.cast(i, tf.int32), 0])}))
        data = data.batch(16, drop_remainder=True).map(lambda x, y: (arch.normalize(x), y))
        keras.utils.set_random_seed(0)
        learner = Learner(arch.build(), arch.loss)
        learner.compile(optimizer=keras.optimizers.Adam(1e-2))
        left[name] = learner.fit(data, epochs=2, steps_per_epoch=50, verbose=0).history["loss"][-1]
    assert left["stripes"] < 0.5 < 0.8 < left["noise"], left


def test_a_classifier_takes_the_whole_backbone():
    fields = {"image_size": (16, 16), "backbone": BACKBONE, "num_classes": 2}
    taken, fresh = put_by_name(tiny().build(), create("classification/classifier", **fields).build())
    assert all(name.startswith("backbone_") for name in taken)
    assert not [name for name in fresh if name.startswith("backbone_")]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hidden": 0.0}, "model.hidden=0; allowed: above 0, below 1"),
        ({"hidden": 1.0}, "model.hidden=1; allowed: above 0, below 1"),
        ({"hidden": 0.03}, "of 16 patches hides 0"),
        ({"hidden": 0.97}, "of 16 patches hides 16"),
        ({"patch": 6}, "model.patch=6, image_size=.16, 16.; allowed: 2 or more, and sides that are multiples"),
        ({"patch": 1}, "allowed: 2 or more"),
        ({"decoder": 0}, "model.decoder=0; allowed: 1 or more"),
    ],
)
def test_what_hides_nothing_or_everything_is_refused(fields, said):
    with pytest.raises(UsageError, match=said):
        tiny(**fields)


def test_patches_of_which_a_level_has_no_whole_number_are_refused():
    with pytest.raises(UsageError, match="model.patch=2: backbones/convnet has a level of 4 x 4 positions"):
        tiny(patch=2, backbone=create("backbones/convnet", width=4, blocks=(1, 1, 1))).build()
