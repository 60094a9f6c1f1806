"""What only toys can show: several inputs, truths of unequal length, and an answer for what has no pixels."""

import dataclasses
import json
import typing

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.data.augmenting import augmented, check_augmentations
from kerasvision.data.inspect.check import check
from kerasvision.data.inspect.sheet import TILE_PX, recipe_sheet, write_sheet
from kerasvision.data.kinds.image import STATISTICS
from kerasvision.data.pipeline import stream_seed, training_data
from kerasvision.drawing import pictures
from kerasvision.export.certificate import export
from kerasvision.export.contract import read_contract
from tests.contract import contracts
from tests.contract.cases import CASES, CaseSamples
from tests.contract.toys import TOYS
from tests.undrawn import train


def trained(name, folder, epochs=2):
    recipe = contracts.recipe_of(name, CASES[name].make(), epochs=epochs)
    return train(dataclasses.replace(recipe, data=CaseSamples(name, copies=5, validation=True), batch_size=3), folder)


@pytest.fixture(scope="module")
def points_run(tmp_path_factory):
    return trained("toys/points", tmp_path_factory.mktemp("points") / "run")


def test_truths_of_unequal_length_are_evaluated(points_run):
    """Images with one, two and three points in one split, in batches of three: a ragged one and a dense one."""
    assert {"validation/recall", "test/recall"} <= set(points_run.metrics)
    assert points_run.metrics["test/recall"] == points_run.metrics["validation/recall"]


def test_a_run_is_evaluated_anew_with_the_same_result(points_run):
    assert api.evaluate(points_run.folder, "test") == {
        k: v for k, v in points_run.metrics.items() if k.startswith("test/")
    }


@pytest.fixture(scope="module")
def pairs_run(tmp_path_factory):
    """Of two images a record, each augmented for itself; exported with its warm-up requests, of two images as well."""
    folder = tmp_path_factory.mktemp("pairs")
    recipe = contracts.recipe_of("toys/siamese", CASES["toys/siamese"].make(), epochs=1)
    data = CaseSamples("toys/siamese", copies=5, validation=True)
    augment = (create("augmentations/geometric/random_resized_crop"), create("augmentations/photometric/brightness"))
    run = train(dataclasses.replace(recipe, data=data, batch_size=3, augment=augment), folder / "run")
    export(run, [create("exporters/tf_serving")], folder, verbose=False)
    return run, folder / "saved_models" / "toys_siamese" / "1"


def test_two_images_are_served_by_name(pairs_run):
    signatures = tf.saved_model.load(str(pairs_run[1])).signatures
    assert sorted(signatures) == ["serving_bytes", "serving_default"]
    assert set(signatures["serving_default"].structured_input_signature[1]) == {"image_0", "image_1"}
    assert set(signatures["serving_bytes"].structured_input_signature[1]) == {"image_0_bytes", "image_1_bytes"}


def test_two_images_are_answered_as_files_bytes_and_pixels_on_the_command_line_too(pairs_run, photographs, capsys):
    run, saved = pairs_run
    files = [saved.parents[2] / f"{name}.png" for name in ("chelsea", "coffee")]
    pixels = [photographs[file.stem] for file in files]
    for file, image in zip(files, pixels, strict=True):
        Image.fromarray(image).save(file)
    keys = ("image_0", "image_1")

    def named(given):
        return dict(zip(keys, given, strict=True))

    expected = {k: v.numpy() for k, v in run.served().serve({k: i[None] for k, i in named(pixels).items()}).items()}
    model = api.load(run.folder)
    answers = [model.predict(named(given)) for given in (files, pixels, [f.read_bytes() for f in files])]
    assert all(np.array_equal(a["probabilities"], expected["probabilities"][0]) for a in answers)
    sent = {f"{k}_bytes": tf.constant([f.read_bytes()]) for k, f in named(files).items()}
    served = tf.saved_model.load(str(saved)).signatures["serving_bytes"](**sent)["probabilities"].numpy()
    np.testing.assert_allclose(served, expected["probabilities"], atol=1e-6)
    table = saved.parents[2] / "pairs.csv"
    table.write_text("image_1,image_0\ncoffee.png,chelsea.png\nchelsea.png,chelsea.png\n")
    words = [f"{k}={f}" for k, f in named(files).items()]
    drawn = saved.parents[2] / "drawn.png"
    assert main(["predict", str(run.folder), *words, str(table), "--json", "--draw", str(drawn)]) == 0
    rows = [json.loads(line)["prediction"]["probabilities"] for line in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose(rows[:2], [expected["probabilities"][0]] * 2, atol=1e-6)
    assert len(rows) == 3 and rows[2] != rows[0]
    with Image.open(drawn) as sheet:
        assert sheet.width > 900
    assert main(["predict", str(run.folder), str(files[0])]) == 2
    assert "takes image_0, image_1; give KEY=VALUE for each, or a .csv file" in capsys.readouterr().err


def test_each_of_two_images_is_looked_at_for_drift(pairs_run):
    kept = read_contract(pairs_run[1])["profile"]
    assert {f"image_{n}/{s}" for n in (0, 1) for s in STATISTICS} <= set(kept)


def test_images_within_a_sample_are_augmented_with_seeds_of_their_own():
    """The same picture twice in a record: what differs afterwards was drawn, and a restart draws it again."""
    picture = CASES["toys/siamese"].samples()[0]["image_0"]
    sample = {"image_0": picture, "image_1": dict(picture), "label": np.int32(1)}
    crop = create("augmentations/geometric/random_resized_crop")
    first, second = (augmented(sample, [crop], stream_seed(7, index)) for index in (0, 1))
    again = augmented(sample, [crop], stream_seed(7, 0))
    shapes = [one[k]["image"].shape for one in (first, second) for k in ("image_0", "image_1")]
    assert len({tuple(s) for s in shapes}) > 1
    np.testing.assert_array_equal(first["image_0"]["image"], again["image_0"]["image"])
    whole = picture["image"]
    same = first["image_0"]["image"].shape == first["image_1"]["image"].shape
    assert not same or not np.array_equal(first["image_0"]["image"], first["image_1"]["image"])
    assert all(one[k]["image"].shape[0] <= whole.shape[0] for one in (first, second) for k in ("image_0", "image_1"))


def test_both_images_of_a_record_are_checked_and_shown(pairs_run, tmp_path, monkeypatch):
    recipe = pairs_run[0].recipe
    report = check(recipe.data)
    assert report["looked_at"]["images"] == 2 * sum(split["size"] for split in report["splits"].values())
    sides = [s[k]["image"].shape[:2] for s in CASES["toys/siamese"].samples() for k in ("image_0", "image_1")]
    assert report["image_size"]["height"]["max"] == max(h for h, _ in sides)
    assert report["image_size"]["width"]["min"] == min(w for _, w in sides)
    recipe_sheet(recipe, tmp_path / "sheet.png", count=4, columns=2)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 2 * TILE_PX
    held = []
    monkeypatch.setattr(pictures, "marked", lambda pixels, marks, side: held.append(pixels) or Image.fromarray(pixels))
    samples = CASES["toys/siamese"].samples()[:1]
    write_sheet(samples, tmp_path / "one.png", 1, ("different", "same"))
    left, right = (samples[0][k]["image"] for k in ("image_0", "image_1"))
    np.testing.assert_array_equal(held[0][:, : left.shape[1]], left)
    assert held[0].shape[1] == left.shape[1] + round(left.shape[0] * right.shape[1] / right.shape[0])


def test_what_combines_pictures_is_refused_for_several_images():
    recipe = contracts.recipe_of("toys/siamese", CASES["toys/siamese"].make(), epochs=1)
    with pytest.raises(UsageError, match=r"combines pictures, and toys/siamese takes image_0, image_1; leave it out"):
        check_augmentations([create("augmentations/combining/mosaic")], recipe.model)


@dataclasses.dataclass(frozen=True)
class TwoViews(TOYS["toys/points"]):
    """Points, of each record of which training sees three augmented examples."""

    views: typing.ClassVar[int] = 3


def test_views_stand_side_by_side_and_are_augmented_apart():
    case = CASES["toys/points"]
    recipe = contracts.recipe_of("toys/points", case.make(), epochs=1)
    split = CaseSamples("toys/points").open().splits["train"]
    noise = create("augmentations/photometric/brightness")
    phase = dataclasses.replace(recipe, augment=(noise,)).phases()[0]
    once = {"batch_size": 2, "seed": 5}
    (inputs, targets), *_ = training_data(split, TwoViews(), phase, **once).take(1)
    (single, alone), *_ = training_data(split, case.make(), phase, **once).take(1)
    assert inputs["image"].shape == (6, 16, 16, 3) and targets["points_xy"].shape == (6, 3, 2)
    np.testing.assert_array_equal(inputs["image"][::3], single["image"])  # the first view is the only one of a record
    for record in range(2):
        views = inputs["image"][3 * record : 3 * record + 3].numpy()
        assert np.abs(views[0] - views[1]).max() > 0 and np.abs(views[1] - views[2]).max() > 0
        # brightness moves no point
        np.testing.assert_array_equal(
            targets["points_xy"][3 * record : 3 * record + 3], [alone["points_xy"][record]] * 3
        )
