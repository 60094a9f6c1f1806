"""Missing data from the source to the export: what is drawn, what is learned, what is refused."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.missing import drawn_present
from kerasvision.data.pipeline import training_data
from kerasvision.train.run import Trained, load_run, save_run
from tests import store
from tests.train import tiny
from tests.undrawn import train

SIZE = (8, 8)


def holey(of=None, **fields):
    """Eight steps an epoch, unless `of` is other data."""
    return create("sources/incomplete", **{"of": of or tiny.recipe().data, "missing": "quadrant"} | fields)


def cvae(**fields):
    return create("generation/cvae", **{"image_size": SIZE, "width": 8, "depth": 2, "latent": 4} | fields)


def incomplete(**fields):
    backbone = create("backbones/convnet", width=8, blocks=(1, 1))
    return create("classification/incomplete_classifier", **{"image_size": SIZE, "backbone": backbone} | fields)


@pytest.fixture(scope="module")
def filled():
    """The run of a CVAE that has seen the digits twice."""
    data = holey(create("sources/digits", validation_fraction=0.05, test_fraction=0.1))
    adamw = create("optimizers/adamw", learning_rate=3e-3)
    return load_run(store.trained(tiny.recipe(model=cvae(), data=data, epochs=2, optimizer=adamw)))


def drawn(shape, side, seeds, area=(0.1, 0.4), patches=(4, 4)):
    """Masks [N, *side] of so many seeds, traced once."""

    @tf.function
    def one(number):
        return drawn_present(shape, side, [0, number], area, patches)

    return np.stack([one(tf.constant(number)) for number in range(seeds)])


@pytest.mark.parametrize("shape", ["quadrant", "rectangle", "patches"])
def test_regions_are_as_large_as_they_say_and_a_function_of_the_seed(shape):
    masks = drawn(shape, [40, 60], 200, (0.2, 0.3), (4, 6))
    for number in (0, 7):
        np.testing.assert_array_equal(masks[number], drawn_present(shape, [40, 60], [0, number], (0.2, 0.3), (4, 6)))
    parts = 1 - masks.mean((1, 2))
    if shape == "quadrant":
        assert set(parts) == {0.25}
    elif shape == "rectangle":
        assert 0.18 < min(parts) < 0.22 and 0.28 < max(parts) < 0.32
    else:
        assert abs(np.mean(parts) - 0.25) < 0.02


def test_a_large_rectangle_covers_what_it_says():
    parts = 1 - drawn("rectangle", [100, 100], 100, (0.8, 0.9)).mean((1, 2))
    assert min(parts) > 0.78 and max(parts) < 0.92


def test_a_record_always_misses_the_same_and_splits_miss_differently():
    opened = holey().open()
    first, again = (
        [opened.splits["train"].read(r)["present"].numpy() for r in opened.splits["train"].records.take(20)]
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
    other = [opened.splits["test"].read(r)["present"].numpy() for r in opened.splits["test"].records.take(20)]
    assert not np.array_equal(first, other)
    sample = opened.splits["train"].read(next(iter(opened.splits["train"].records)))
    missing = sample["present"].numpy() == 0
    assert missing.sum() == 16 and not sample["image"].numpy()[missing].any()
    np.testing.assert_array_equal(sample["image"].numpy()[~missing], sample["whole"].numpy()[~missing])


def test_transparent_pixels_of_files_are_missing(tmp_path, photographs):
    for name in ("a", "b"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for number in range(6):
            rgba = np.dstack([photographs["chelsea"][:40, :50], np.full((40, 50), 255, np.uint8)])
            rgba[:20, 10:, 3] = 0
            rgba[-1, -1, :2] = number, ord(name)  # files of equal bytes would not part
            Image.fromarray(rgba).save(folder / f"{number}.png")
    source = create("sources/incomplete", of=create("sources/image_folder", path=str(tmp_path / "data")))
    split = source.open().splits["train"]
    sample = split.read(next(iter(split.records)))
    assert not sample["present"].numpy()[:20, 10:].any() and sample["present"].numpy().sum() == 2000 - 800
    assert not sample["image"].numpy()[:20, 10:].any()
    model = incomplete(filling="nearest", stem="channel", num_classes=2)
    recipe = tiny.recipe(model=model, data=source, batch_size=2)
    batch, _ = next(iter(training_data(split, recipe.model, recipe.phases()[0], batch_size=2, seed=0)))
    assert 0.5 < batch["present"].numpy().mean() < 0.7  # 1200 of 2000 pixels, at the graph's size
    (tmp_path / "run").mkdir()
    save_run(Trained(recipe, recipe.model.build(), ("a", "b"), {}, tmp_path / "run"))
    model = api.load(tmp_path / "run")
    inputs, _ = api.read_example(model.arch, str(folder / "0.png"))
    np.testing.assert_array_equal(inputs["present"], sample["present"])
    assert model.predict_one(inputs).to_json()["top"]


def test_what_missing_pixels_hold_does_not_count():
    arch = incomplete(num_classes=3, filling="nearest")
    rng = np.random.default_rng(0)
    image, present = np.uint8(rng.integers(0, 256, (2, 13, 9, 3))), np.uint8(rng.random((2, 13, 9)) < 0.7)
    other = np.where(present[..., None] > 0, image, np.uint8(rng.integers(0, 256, image.shape)))
    a, b = (arch.preprocess({"image": tf.constant(i), "present": tf.constant(present)})[0] for i in (image, other))
    np.testing.assert_array_equal(a["image"], b["image"])


def test_a_code_has_noise_in_training_of_its_own_for_each_example_and_none_when_served():
    recipe = tiny.recipe(model=cvae(), data=holey())
    split = recipe.data.open().splits["train"]
    data = training_data(split, recipe.model, recipe.phases()[0], batch_size=16, seed=3)
    (first, _), (second, _) = data.take(2)
    noise = np.concatenate([first["noise"], second["noise"]])
    assert len(np.unique(noise)) == noise.size and abs(noise.std() - 1) < 0.3
    assert first["is_known"].numpy().all() and not np.allclose(first["whole"], first["image"])
    served, _ = recipe.model.preprocess({k: v[None] for k, v in _example(split).items()})
    assert not served["noise"].numpy().any() and not served["is_known"].numpy().any()


@pytest.mark.nightly
def test_a_cvae_fills_in_better_than_zeros_and_the_mean(filled):
    metrics = filled.metrics
    assert metrics["test/rmse"] < metrics["test/rmse_of_zeros"] and metrics["test/r2"] > 0.1


@pytest.mark.nightly
def test_samples_differ_where_pixels_are_missing_and_only_there(filled, tmp_path):
    model = api.load(filled.folder, ["samples=3"])
    example = _example(filled.recipe.data.open().splits["test"])
    answer = model.predict_one(example)
    assert answer["samples"].shape == (3, *SIZE, 3)
    missing = example["present"] == 0
    spread = answer["samples"].std(0).max(-1)
    assert spread[missing].max() > 1 and spread[~missing].max() < 1e-3
    evaluator = model.arch.evaluator(())
    ground_truth = {"whole": example["image"][None], "present": example["present"][None]}
    evaluator.update({k: v[None] for k, v in answer.values.items()}, ground_truth)
    (picture,) = evaluator.draw(tmp_path, None)
    assert Image.open(picture).size[0] > 6 * 150


def test_predict_fills_in_a_file_with_transparent_pixels(filled, tmp_path, capsys):
    example = _example(filled.recipe.data.open().splits["test"])
    rgba = np.dstack([example["image"], 255 * example["present"]])
    Image.fromarray(rgba).save(tmp_path / "one.png")
    words = ["predict", str(filled.folder), str(tmp_path / "one.png"), "--json", "--set", "samples=2"]
    assert main([*words, "--out", str(tmp_path / "out"), "--draw", str(tmp_path / "sheet.png")]) == 0
    answer = json.loads(capsys.readouterr().out)["prediction"]
    written = np.asarray(Image.open(answer["picture"]), np.float32)
    expected = api.load(filled.folder).predict_one(example)["picture"]
    np.testing.assert_allclose(written, expected, atol=0.51)
    assert Image.open(tmp_path / "sheet.png").size[0] > 600


@pytest.mark.nightly
def test_a_restorer_is_frozen_within_the_classifier_and_fills_in_as_its_own_run_does(filled, tmp_path):
    technique = create("techniques/restore_with", run=str(filled.folder))
    recipe = tiny.recipe(model=incomplete(restorer=filled.arch), data=holey(), techniques=(technique,))
    trained = train(recipe, tmp_path / "run")
    graph, own = trained.graph, filled.graph
    for layer in graph.layers:
        if layer.name.startswith("restorer_") and layer.weights:
            for a, b in zip(layer.get_weights(), own.get_layer(layer.name[9:]).get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
    example = {k: tf.constant(v[None]) for k, v in _example(recipe.data.open().splits["test"]).items()}
    inside = type(graph)(graph.input, graph.get_layer("whole_clipped").output)
    expected = filled.served().serve(example)["picture"] / 255
    np.testing.assert_allclose(inside(trained.arch.preprocess(example)[0]), expected, atol=1e-5)
    loaded = load_run(trained.folder)
    a, b = (t.served().serve(example)["probabilities"] for t in (trained, loaded))
    np.testing.assert_array_equal(a, b)


def test_bad_input_is_one_clear_line(filled, tmp_path):
    technique = create("techniques/restore_with", run=str(filled.folder))
    with pytest.raises(KerasVisionError, match=r"restore_with: classification/classifier has no restorer"):
        train(tiny.recipe(techniques=(technique,)), tmp_path / "a")
    other = tiny.recipe(model=incomplete(restorer=cvae(width=4)), data=holey(), techniques=(technique,))
    with pytest.raises(KerasVisionError, match="is another generation/cvae than model.restorer"):
        train(other, tmp_path / "b")
    with pytest.raises(UsageError, match=r"image_size=\(8, 8\) and the model \(16, 16\)"):
        incomplete(image_size=(16, 16), restorer=cvae())
    with pytest.raises(UsageError, match=r"wants even sides; seen: image_size=\(15, 8\)"):
        incomplete(image_size=(15, 8), stem="partial_convolution")
    with pytest.raises(UsageError, match=r"multiples of 2\*\*depth"):
        cvae(image_size=(10, 8))
    with pytest.raises(KerasVisionError, match="needs 'present'.*sources/incomplete"):
        train(tiny.recipe(model=incomplete()), tmp_path / "c")
    with pytest.raises(UsageError, match="missing='transparent' needs image_bytes"):
        train(tiny.recipe(model=incomplete(), data=holey(missing="transparent")), tmp_path / "d")


@pytest.mark.parametrize("side", [8, 15, 18, 30])
def test_attention_knows_positions_of_any_size(side):
    """A position counts where any pixel of its field is present; a wholly missing image still has an answer."""
    graph = incomplete(num_classes=3, image_size=(side, side), attends=True).build()
    rng = np.random.default_rng(0)
    image, present = rng.normal(size=(2, side, side, 3)), np.ones((2, side, side, 1))
    present[1, : side // 2] = 0
    logits = graph({"image": tf.constant(image, tf.float32), "present": tf.constant(present, tf.float32)})["logits"]
    assert np.isfinite(logits).all()
    known = graph.get_layer("known_any")(tf.constant(present, tf.float32))
    assert known.shape[1:3] == graph.get_layer("attend_hidden").output.shape[1:3]
    assert 0 < known[1].numpy().mean() < known[0].numpy().mean() == 1


def test_dropped_regions_are_missing_in_training():
    drop = create("augmentations/occlusion/drop_regions", probability=1.0, shape="quadrant")
    sample = {"image": tf.fill([8, 8, 3], tf.constant(9, tf.uint8))}
    dropped = drop(sample, tf.constant([0, 1]))
    assert dropped["present"].numpy().sum() == 48 and dropped["image"].numpy().sum() == 48 * 27
    again = drop(dropped, tf.constant([0, 5]))
    assert (again["present"].numpy() <= dropped["present"].numpy()).all()
    np.testing.assert_array_equal(again["whole"], sample["image"])
    flipped = create("augmentations/geometric/horizontal_flip", probability=1.0)(dropped, tf.constant([0, 2]))
    np.testing.assert_array_equal(flipped["present"], dropped["present"].numpy()[:, ::-1])
    turned = create("augmentations/geometric/affine", degrees=30.0)(dropped, tf.constant([0, 2]))
    assert set(np.unique(turned["image"].numpy()[turned["present"].numpy() > 0])) == {9}


def _example(split):
    """Serving inputs of the first record, without batch axis, numpy."""
    sample = split.read(next(iter(split.records)))
    return {k: sample[k].numpy() for k in ("image", "present")}
