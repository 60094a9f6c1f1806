"""`evaluate --by COLUMN` and what the card makes of it, for a classifier that nobody has trained."""

import collections
import csv
import json

import numpy as np
import pytest
import tf_keras as keras
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.export.contract import read_contract
from kerasvision.export.package.card import markdown
from kerasvision.train.run import Trained, save_run

SITES = ("north", "=cmd|' /C calc'!A0", "")
COUNT = 40


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(run folder, [(file, label, site)] of its test split): pictures of noise, which no training has told apart."""
    root = tmp_path_factory.mktemp("sites")
    rng, rows = np.random.default_rng(0), []
    for number in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(root / f"{number}.png")
        split = "train" if number < 4 else "test"
        rows.append((f"{number}.png", "ab"[number % 2], split, SITES[number % 5 % 3]))
    with (root / "all.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "split", "Site"), *rows])
    keras.utils.set_random_seed(1)
    backbone = create("backbones/convnet", width=4, blocks=(1,))
    model = create("classification/classifier", num_classes=2, image_size=(8, 8), backbone=backbone)
    data = create("sources/manifest", path=str(root / "all.csv"), validation_fraction=0.0)
    recipe = Recipe(name="digits", model=model, data=data, validation_fraction=0.0)
    (root / "run").mkdir()
    save_run(Trained(recipe, model.build(), ("a", "b"), {}, root / "run"))
    return root / "run", [(root / file, label, site) for file, label, split, site in rows if split == "test"]


def evaluated(run, capsys, *words):
    assert main(["evaluate", str(run), "--by", "Site", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_each_group_has_the_figures_of_its_own_examples(run, capsys):
    folder, rows = run
    model, right = api.load(folder), collections.defaultdict(list)
    for file, label, site in rows:
        right[site].append("ab"[model.predict(str(file))["probabilities"].argmax()] == label)
    found = evaluated(folder, capsys)
    assert list(found["groups"]) == sorted(SITES) and found["by"] == "Site" and found["examples"] == COUNT - 4
    for site, row in found["groups"].items():
        assert row["examples"] == len(right[site])
        assert row["metrics"]["accuracy"] == pytest.approx(np.mean(right[site]))
    assert found["metrics"]["accuracy"] == pytest.approx(np.mean(sum(right.values(), [])))
    assert len({row["metrics"]["accuracy"] for row in found["groups"].values()}) > 1, "nothing is told apart"


def test_the_table_may_be_another_one(run, tmp_path, capsys):
    folder, rows = run
    table = tmp_path / "cameras.csv"
    table.write_text("camera;file\n" + "".join(f"{'xy'[i % 2]};{file}\n" for i, (file, _, _) in enumerate(rows)))
    assert main(["evaluate", str(folder), "--by", "camera", "--table", str(table)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["all", "x", "y"] and lines[1].endswith("18 examples")
    table.write_text("camera,file\n" + "".join(f"x,{file}\n" for file, _, _ in rows[1:]))
    assert main(["evaluate", str(folder), "--by", "camera", "--table", str(table)]) == 1
    error = capsys.readouterr().err
    assert "no row for 1 of 36 examples: " in error and str(rows[0][0]) in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--by", "sight"], "no column 'sight'; it has file, label, split, Site"),
        (["--by", "Site", "--draw", "x"], "--by COLUMN goes with"),
        (["--table", "x.csv"], "--table with --by"),
    ],
)
def test_what_cannot_be_grouped_is_one_line(run, words, line, capsys):
    assert main(["evaluate", str(run[0]), *words]) == 2
    said = capsys.readouterr()
    assert line in said.err and said.err.count("\n") == 1 and not said.out


def test_data_without_a_table_is_one_line(digits_run, capsys):
    assert main(["evaluate", str(digits_run.folder), "--by", "writer"]) == 2
    assert (
        "sources/digits has no table with columns; name one: --table FILE.csv (file,writer)" in capsys.readouterr().err
    )


def test_the_card_has_them(run, digits_tflite, tmp_path, capsys):
    found = evaluated(run[0], capsys)
    (tmp_path / "groups.json").write_text(json.dumps(found))
    words = ["--groups", str(tmp_path / "groups.json"), "--out", str(tmp_path / "card")]
    assert main(["card", str(digits_tflite), *words]) == 0
    card = (tmp_path / "card" / "card.md").read_text()
    section = card.split("## Figures of each group\n\n")[1].split("\n\n## ")[0]
    assert "Of the 36 examples of the test split, by Site." in section
    for site, row in found["groups"].items():
        shown = {"": "(empty)", SITES[1]: "=cmd&#124;' /C calc'!A0"}.get(site, site)
        assert f"| {shown} | {row['examples']} | {row['metrics']['accuracy']:.4f} |" in section
    lowest = min(found["groups"].values(), key=lambda row: row["metrics"]["accuracy"])
    value, count = lowest["metrics"]["accuracy"], lowest["examples"]
    assert "Lowest accuracy by Site: " in card and f" {value:.2f}, of {count} examples." in card
    assert "Figures of groups of fewer than 100 examples are rough" in card
    assert "Figures of each group" not in markdown(read_contract(digits_tflite))


ABOUT = {
    "groups": {"name": "flowers", "split": "test", "by": "site", "metric": "accuracy", "examples": 0, "groups": {}},
    "modalities": dict.fromkeys(("split", "examples", "unit", "chance", "sets", "shares", "changed", "warnings"))
    | {"name": "flowers"},
}


@pytest.mark.parametrize(("flag", "what"), [("groups", "groups"), ("modalities", "senses")])
def test_figures_of_another_model_are_refused(flag, what, digits_tflite, tmp_path, capsys):
    file = tmp_path / "figures.json"
    words = ["card", str(digits_tflite), f"--{flag}", str(file), "--out", str(tmp_path)]
    for text, line in (("{}", f"holds no figures of {what}; `kerasvision "), ("x", "cannot be read")):
        file.write_text(text)
        assert main(words) == 1
        assert line in capsys.readouterr().err
    file.write_text(json.dumps(ABOUT[flag]))
    assert main(words) == 2
    assert "is of flowers, and" in capsys.readouterr().err and not (tmp_path / "card.md").exists()
