"""`sources/senses`: rows with a picture, a text and numbers, some of them missing, and a model of them end to end."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from tests.undrawn import train

COLORS = {"apple": (200, 30, 30), "leaf": (30, 180, 40), "sky": (40, 60, 220)}
TEXTS = {"apple": "a ripe fruit", "leaf": "it grows on a tree", "sky": "far above us"}
WEIGHTS = {"apple": 180.0, "leaf": 2.0, "sky": 0.0}
COLUMNS = {"image_column": "photo", "text_column": "title", "number_columns": ("grams", "price")}


def written(folder, rows):
    path = folder / "things.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["photo", "title", "grams", "price", "label", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """A table of 60 things; each third row lacks one sense in turn, and one has no price."""
    folder = tmp_path_factory.mktemp("things")
    rng, rows = np.random.default_rng(0), []
    for number in range(60):
        name = tuple(COLORS)[number % 3]
        pixels = np.clip(np.array(COLORS[name]) + rng.integers(-20, 21, (18, 20 + number % 3, 3)), 0, 255)
        Image.fromarray(np.uint8(pixels)).save(folder / f"{number}.png")
        grams = f"{WEIGHTS[name] + rng.normal():.2f}"
        row = {"photo": f"{number}.png", "title": f"{TEXTS[name]} {number}", "grams": grams, "price": "1.5"}
        lacks = {1: ("photo",), 4: ("title",), 7: ("grams", "price")}.get(number % 9, ())
        row |= dict.fromkeys(lacks, "") | {"label": name, "split": ("train", "train", "test")[number // 3 % 3]}
        rows.append(row)
    rows[0]["price"] = ""
    return written(folder, rows), rows


def test_samples_say_what_they_have(things):
    path, rows = things
    opened = create("sources/senses", path=str(path), **COLUMNS, validation_fraction=0.0).open()
    assert opened.classes == ("apple", "leaf", "sky") and not opened.dropped
    held = {name: [r for r in rows if r["split"] == name] for name in ("train", "test")}
    for name, split in opened.splits.items():
        assert split.size == len(held[name])
        for sample, row in zip(map(split.read, split.records), held[name], strict=True):
            flags = [bool(row["photo"]), bool(row["title"]), bool(row["grams"] or row["price"])]
            assert sample["senses"].numpy().tolist() == flags
            assert sample["text"].numpy() == (row["title"].encode() or b" ")
            numbers = [float(row[k]) if row[k] else np.nan for k in ("grams", "price")]
            np.testing.assert_allclose(sample["numbers"], np.float32(numbers))
            if row["photo"]:
                assert sample["image_bytes"].numpy() == (path.parent / row["photo"]).read_bytes()


def test_copies_stay_in_one_split(things, tmp_path):
    _, rows = things
    Image.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    kept = [r | {"photo": "", "title": f"own {n}"} for n, r in enumerate(rows[:12])]
    twins = [kept[0] | {"photo": f"{n}.png", "split": s} for n, s in (("a", "train"), ("b", "test"))]
    path = written(tmp_path, [*kept, *twins, {"label": "sky"}, kept[0] | {"label": ""}])
    opened = create("sources/senses", path=str(path), **COLUMNS, validation_fraction=0.0).open()
    assert sum(split.size for split in opened.splits.values()) == 13
    said = "\n".join(opened.dropped)
    assert "blank: 1 rows have no sense, the first in line 16" in said
    assert "blank: 1 rows have no label, the first in line 17" in said
    assert "copy: line 14 has the same picture, or the same cells as line 15, which is in test" in said


def test_labels_and_numbers_are_answers_too(things, tmp_path):
    """A row without any label is one of none; one without a number to be answered is left out and counted."""
    _, rows = things
    rows = [r | {"photo": "", "title": f"own {n}", "label": ("", "a|b", "b")[n % 3]} for n, r in enumerate(rows[:12])]
    rows[3]["price"] = ""
    source = {"path": str(written(tmp_path, rows)), "text_column": "title", "validation_fraction": 0.0}
    opened = create("sources/senses", **source, number_columns=("grams",), labels_column="label").open()
    found = [s["labels"].numpy().tolist() for n in opened.splits.values() for s in map(n.read, n.records)]
    assert opened.classes == ("a", "b") and sorted(found) == sorted([[], [0, 1], [1]] * 4) and not opened.dropped
    opened = create("sources/senses", **source, number_columns=("grams",), target_columns=("price",)).open()
    found = [s["targets"].numpy().tolist() for n in opened.splits.values() for s in map(n.read, n.records)]
    assert opened.classes == ("price",) and found == [[1.5]] * 9  # two rows have had no price before
    assert opened.dropped == ("blank: 3 rows have no number to be answered, the first in line 2",)


@pytest.mark.parametrize(
    ("fields", "change", "message"),
    [
        ({"number_columns": (), "text_column": ""}, {}, "1 sense is named; give two or more of image_column"),
        ({"text_column": "titel"}, {}, "no column 'titel'; did you mean title"),
        ({}, {"photo": "lost.png"}, r"1 files do not exist: .*lost.png \(line 2\)"),
        ({}, {"grams": "heavy"}, "line 2: grams is 'heavy'; a finite number is needed"),
        ({"classes": ("leaf", "sky")}, {}, "label 'apple' is none of the classes"),
        ({"label_column": "label", "target_columns": ("price",)}, {}, "give one of label_column, labels_column and"),
        ({"target_columns": ("price",)}, {}, "'price' would be given and asked for; name it once"),
        ({"target_columns": ("weight",)}, {}, "no column 'weight'; "),
        ({"target_columns": ("label",)}, {}, "line 2: label is 'apple'; a finite number is needed"),
    ],
)
def test_bad_tables_are_one_line(things, fields, change, message):
    path, rows = things
    other = path.with_name("changed.csv")
    with other.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([rows[0] | change, *rows[1:]])
    with pytest.raises(KerasVisionError, match=message):
        create("sources/senses", **({"path": str(other)} | COLUMNS | fields)).open()


@pytest.fixture(scope="module")
def line(things, tmp_path_factory):
    folder = tmp_path_factory.mktemp("senses")
    model = create(
        "multi_modal/classifier",
        width=16,
        sense_dropout=0.3,
        backbone=create("backbones/convnet", width=8, blocks=(1, 1)),
        image_size=(16, 16),
        encoder=create("text_encoders/fast", size=8, buckets=200),
        length=40,
        words=8,
    )
    data = create("sources/senses", path=str(things[0]), **COLUMNS, validation_fraction=0.0)
    optimizer = create("optimizers/adamw", learning_rate=5e-3)
    recipe = Recipe(name="things", model=model, data=data, epochs=30, batch_size=20, optimizer=optimizer)
    run = train(recipe, folder / "run")
    artifacts, _ = export(run, [from_spec(s) for s in ("tflite:float32",)], folder, verbose=False)
    return run, {a.kind: a.path for a in artifacts}


@pytest.mark.nightly
def test_a_model_of_three_senses_answers_from_any_two_and_the_table(line, things, capsys):
    """Trained on rows that lack a sense, and with dropped ones: what is missing is no black picture to it."""
    run, paths = line
    assert run.metrics["test/accuracy"] == 1.0
    scale = dict(zip(("grams", "price"), run.arch.number_scale, strict=True))
    assert run.arch.number_center[1] == pytest.approx(1.5) and scale["price"] == 1.0 and 70 < scale["grams"] < 100
    folder = things[0].parent
    table = folder / "new.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "text", "numbers", "senses"])
        writer.writerow(["0.png", "a ripe fruit", "180 1.5", "1 1 1"])
        writer.writerow(["0.png", "it grows on a tree", "2 nan", "0 1 1"])  # the picture of an apple is not looked at
        writer.writerow(["2.png", " ", "0 1.5", "1 0 1"])
    for place in (run.folder, *paths.values()):
        assert main(["predict", str(place), str(table), "--json"]) == 0
        said = [json.loads(row)["prediction"]["top"][0]["label"] for row in capsys.readouterr().out.splitlines()]
        assert said == ["apple", "leaf", "sky"]
    model = api.load(run.folder)
    given = {"image": str(folder / "0.png"), "text": b"far above us", "numbers": [0.0, 1.5], "senses": [0, 1, 1]}
    held = model.predict(given)["probabilities"]
    other = model.predict(given | {"image": str(folder / "1.png")})
    np.testing.assert_allclose(held, other["probabilities"], atol=1e-6, err_msg="it looks at what is missing")
