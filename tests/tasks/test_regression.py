"""Regression: every objective's oracle, standardization in original units, bounds, and a manifest from end to end."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.data.inspect.check import check
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from tests.contract import contracts
from tests.contract.case import Case
from tests.contract.cases import numbers_samples, tiny_backbone
from tests.undrawn import train

STANDARD = {"center": (100.0, 400.0), "scale": (50.0, 200.0)}
VARIANTS = {
    "mse": {"objective": "mse", **STANDARD},
    "log_cosh": {"objective": "log_cosh", **STANDARD},
    "bounded": {"objective": "mse", "low": 0.0, "high": 2000.0},
    "quantile": {"objective": "quantile", **STANDARD},
    "heteroscedastic": {"objective": "heteroscedastic", **STANDARD},
}


def regressor(**fields):
    fields = {"num_outputs": 2, "backbone": tiny_backbone(), "image_size": (16, 16)} | fields
    return create("regression/regressor", **fields)


# what answers a number alone, in three ways: that of tests/contract by day
AT_NIGHT = ("mse", "log_cosh", "bounded")


def seen_of_ideal(arch, case):
    """The values that the perfect raw output of a case's targets is decoded to."""
    _, geometry, targets = contracts.batch_of(arch, case)
    return arch.decode(arch.ideal_raw(targets), geometry)["values"]


def test_a_bounded_output_gives_the_truth_back():
    arch = regressor(**VARIANTS["bounded"])
    case = Case(lambda: arch, numbers_samples, ("brightness", "contrast"))
    contracts.check_targets(arch, contracts.built(arch), case)
    contracts.check_least_loss(arch, case)
    expected = [s["targets"] for s in numbers_samples()]
    np.testing.assert_allclose(seen_of_ideal(arch, case), expected, rtol=1e-5, atol=3e-3)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.nightly if n in AT_NIGHT else ()) for n in VARIANTS]
)
def test_contracts_of_every_objective(name):
    arch = regressor(**VARIANTS[name])
    case = Case(lambda: arch, numbers_samples, ("brightness", "contrast"))
    graph = contracts.built(arch)
    contracts.check_flat(graph)
    contracts.check_targets(arch, graph, case)
    contracts.check_gradient(arch, graph, case)
    contracts.check_least_loss(arch, case)
    contracts.check_gives(arch, graph, case, fixed=name in AT_NIGHT)
    expected = [s["targets"] for s in numbers_samples()]
    np.testing.assert_allclose(seen_of_ideal(arch, case), expected, rtol=1e-5, atol=3e-3)


def test_decode_answers_in_the_targets_unit():
    raw = tf.constant([[0.5, -1.0]])
    arch = regressor(objective="heteroscedastic", **STANDARD)
    seen = arch.decode({"values": raw, "log_variance": tf.constant([[0.0, 2 * np.log(3.0)]])}, {})
    np.testing.assert_allclose(seen["values"], [[125.0, 200.0]])
    np.testing.assert_allclose(seen["deviation"], [[50.0, 600.0]], rtol=1e-5)
    bounded = regressor(low=-10.0, high=30.0).decode({"values": tf.constant([[0.0, 1000.0]])}, {})
    np.testing.assert_allclose(bounded["values"], [[10.0, 30.0]])
    crossing = tf.constant([[[1.0, 0.5, 0.0], [0.0, 1.0, 2.0]]])
    quantiles = regressor(objective="quantile", **STANDARD).decode({"values": crossing}, {})
    np.testing.assert_allclose(quantiles["quantiles"], [[[100, 125, 150], [400, 600, 800]]])
    np.testing.assert_allclose(quantiles["values"], [[125, 600]])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"low": 1.0}, "allowed: low below high, or neither"),
        ({"low": 0.0, "high": 1.0, **STANDARD}, "follow from low and high"),
        ({"center": (0.0, 0.0), "scale": (1.0, 0.0)}, "scales above 0"),
        ({"levels": (0.1, 0.9)}, "with 0.5 among them"),
        ({"low": 0.0, "high": 1.0, "objective": "heteroscedastic"}, "has no bounded range"),
    ],
)
def test_fields_are_checked(fields, says):
    with pytest.raises(UsageError, match=says):
        regressor(**fields)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Forty gray pictures with their brightness and twice its negative, in a manifest."""
    folder = tmp_path_factory.mktemp("numbers")
    rows = ["file,level,minus"]
    for i in range(40):
        level = 20 + 5 * i
        noise = np.random.default_rng(i).integers(-9, 10, (16, 16, 1))
        Image.fromarray((level + noise).repeat(3, 2).astype(np.uint8)).save(folder / f"{i}.png")
        rows.append(f"{i}.png,{level},{-2 * level}")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    return folder / "list.csv"


def source(table, **fields):
    return create("sources/manifest", path=str(table), target_columns=("level", "minus"), **fields)


def test_the_manifest_reads_numbers(table):
    opened = source(table).open()
    assert opened.classes == ("level", "minus")
    assert {n: s.size for n, s in opened.splits.items()} == {"train": 28, "validation": 6, "test": 6}
    held = [s for split in opened.splits.values() for s in split.records.map(split.read).as_numpy_iterator()]
    seen = {s["path"].decode().rsplit("/", 1)[-1]: s["targets"].tolist() for s in held}
    assert seen == {f"{i}.png": [20 + 5 * i, -40 - 10 * i] for i in range(40)}


def test_the_manifest_says_what_is_wrong(table):
    with pytest.raises(KerasVisionError, match="no column 'size'; it has file, level, minus"):
        create("sources/manifest", path=str(table), target_columns=("size",)).open()
    bad = table.with_name("bad.csv")
    bad.write_text("file,level\n0.png,12\n1.png,tall\n")
    with pytest.raises(KerasVisionError, match="line 3: level is 'tall'; a finite number is needed"):
        create("sources/manifest", path=str(bad), target_columns=("level",)).open()


def test_standardization_is_the_training_split_s(table):
    split = source(table).open().splits["train"]
    held = np.stack([s["targets"] for s in split.records.map(split.read).as_numpy_iterator()]).astype(np.float64)
    arch = regressor(num_outputs=0).for_classes(("level", "minus")).for_data(split)
    np.testing.assert_allclose(arch.center, held.mean(0))
    np.testing.assert_allclose(arch.scale, held.std(0))
    given = regressor(**STANDARD)
    assert given.for_data(split) == given
    with pytest.raises(KerasVisionError, match="28 of 28 training examples have targets outside 0 to 300"):
        regressor(low=0.0, high=300.0).for_data(split)
    with pytest.raises(KerasVisionError, match="the data has 3 targets and the model 2 outputs"):
        regressor().for_classes(("a", "b", "c"))


@pytest.mark.nightly
def test_a_manifest_is_trained_exported_and_predicted(table, tmp_path, capsys):
    """The file answers in the unit of the CSV; `predict --json` names the numbers."""
    recipe = Recipe(
        name="levels",
        model=create("regression/regressor", backbone=tiny_backbone(), image_size=(16, 16), objective="quantile"),
        data=source(table),
        optimizer=create("optimizers/adamw", learning_rate=2e-2),
        epochs=7,
        batch_size=4,
    )
    trained = train(recipe, tmp_path / "run")
    assert trained.metrics["test/r2"] > 0.7 and trained.metrics["test/mae/level"] < 40
    export(trained, [from_spec("tflite:float32")], tmp_path, verbose=False)
    capsys.readouterr()
    model = tmp_path / "tflite" / "models" / "levels" / "model.tflite"
    answers = []
    for what in (tmp_path / "run", model):
        assert main(["predict", str(what), str(table.with_name("20.png")), "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out)["prediction"])
    for answer in answers:
        assert list(answer["values"]) == list(answer["quantiles"]) == ["level", "minus"]
        assert list(answer["quantiles"]["level"]) == ["0.05", "0.5", "0.95"]
        assert answer["values"]["level"] == answer["quantiles"]["level"]["0.5"]
    assert answers[0]["values"] == pytest.approx(answers[1]["values"], abs=0.01)
    assert answers[0]["values"]["level"] == pytest.approx(120, abs=60)
    assert main(["predict", str(model), str(table.with_name("20.png")), "--draw", str(tmp_path / "a.png")]) == 0
    assert "level 1" in capsys.readouterr().out and (tmp_path / "a.png").exists()


def test_data_check_counts_the_images_of_numbers(table):
    report = check(source(table))
    assert report["classes"] == ["level", "minus"]
    assert report["splits"]["train"] == {"size": 28, "classes": {"level": 0, "minus": 0}}
