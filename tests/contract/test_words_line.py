"""A model of pictures and words from pictures to every file, to an index that is asked in words, and to classes that
are known by their names alone.
"""

import json
import runpy

import numpy as np
import pytest

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.recipe import Budget, Recipe
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples
from kerasvision.edge.main import main as edge
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from tests.test_architecture import ROOT
from tests.undrawn import train

pytestmark = pytest.mark.nightly  # by day: it learns and has a float file in test_contracts.py

SPECS = ("saved_model", "tflite:float32", "tflite:int8")  # .onnx: tests/contract/test_exports.py, at night
FLOAT = SPECS[:2]
COLORS = ("red", "green", "blue", "yellow")


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """(run, spec -> path of its file, contract, folder of the pictures)."""
    folder = tmp_path_factory.mktemp("words")
    module = runpy.run_path(str(ROOT / "pipelines" / "prepare_captions.py"))
    module["draw"](folder / "data", copies=2)
    recipe = Recipe(
        name="things",
        model=create(
            "embedding/image_text",
            dimension=16,
            image_size=(20, 20),
            pooling="max",
            backbone=create("backbones/convnet", width=12, blocks=(1, 1)),
            encoder=create("text_encoders/kim_cnn", size=12, widths=(1, 2), filters=16, dropout=0.0),
            length=48,
            words=8,
        ),
        data=create("sources/captions", path=str(folder / "data" / "captions.csv"), text_columns=("text", "german")),
        optimizer=create("optimizers/adamw", learning_rate=1e-2),
        epochs=12,
        batch_size=42,
        cache=True,
        budget=Budget(accuracy_drop=0.2),
    )
    run = train(recipe, folder / "run")
    artifacts, contract = export(run, [from_spec(s) for s in SPECS], folder, verbose=False)
    return run, {a.kind: a.path for a in artifacts}, contract, folder / "data"


@pytest.fixture(scope="module")
def index(line):
    """The folder of an index of the red, green, blue and yellow pictures."""
    run, _, _, data = line
    files = [str(p) for p in sorted(data.glob("large_*.png")) if p.name.split("_")[1] in COLORS]
    out = data.parent / "things.index"
    assert main(["index", "build", *files, "--model", str(run.folder), "--out", str(out)]) == 0
    return out


def test_it_has_learned_what_no_text_of_training_says(line):
    """24 texts that are unseen in training: by chance 5 of 24 are among five."""
    run, *_ = line
    assert run.metrics["test/text_recall@5"] > 0.5 and run.metrics["test/image_recall@5"] > 0.5
    assert run.metrics["test/wrong_preferred"] < 0.25


def test_each_file_gives_both_vectors_alone_as_the_run_does(line):
    run, paths, contract, _ = line
    inputs, _, _ = next(raw_examples(run.recipe.data.open().splits["test"], run.arch, limit=4, batch_size=4))
    expected = api.load(run.folder)(inputs)
    assert set(contract["outputs"]) == {"embedding", "text_embedding", "cosine"}
    for spec, path in paths.items():
        runner = api.load(path).runner
        pictures, texts = runner.embed("image", inputs["image"]), runner.embed("text", inputs["text"])
        np.testing.assert_allclose(np.linalg.norm(pictures, axis=1), 1, atol=1e-5)
        if spec in FLOAT:
            np.testing.assert_allclose(pictures, expected["embedding"], atol=1e-4, err_msg=spec)
            np.testing.assert_allclose(texts, expected["text_embedding"], atol=1e-4, err_msg=spec)
        else:
            for found, key in ((pictures, "embedding"), (texts, "text_embedding")):
                assert (found * expected[key]).sum(1).min() > 0.9, spec
    rows = {a["kind"]: a["functions"] for a in contract["artifacts"]}
    assert set(rows) == set(paths) and all(set(row) == {"embed_image", "embed_text"} for row in rows.values())
    assert set(rows["tflite:int8"]["embed_text"]["inputs"]) == {"text_bytes"}


def test_an_index_is_asked_in_words(line, index, capsys):
    capsys.readouterr()
    run, *_ = line
    assert main(["index", "query", str(index), "--text", "a large green box", "--top", "3", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    model = api.load(run.folder)
    (words,) = model.runner.embed("text", np.array([b"a large green box"], object))
    held = [json.loads(text) for text in (index / "items.jsonl").read_text().splitlines()]
    cosines = np.load(index / "vectors.npy") @ words
    order = np.argsort(-cosines, kind="stable")[:3]
    assert row["input"] == "a large green box"
    assert [near["path"] for near in row["nearest"]] == [held[n]["path"] for n in order]
    assert [near["cosine"] for near in row["nearest"]] == pytest.approx(cosines[order].tolist(), abs=1e-5)
    assert row["nearest"][0]["path"].split("_")[1] == "green"


def test_words_and_pictures_are_asked_together_and_drawn(line, index, tmp_path, capsys):
    _, paths, _, data = line
    capsys.readouterr()
    words = ["index", "query", str(index), str(data / "large_red_box_0.png"), "--text", "ein roter Ring", "--top", "2"]
    # another file of the same model answers for the index
    assert main([*words, "--model", str(paths["tflite:int8"]), "--draw", str(tmp_path / "found.png"), "--json"]) == 0
    rows = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [row["input"] for row in rows] == ["ein roter Ring", str(data / "large_red_box_0.png")]
    assert rows[1]["nearest"][0]["path"] == str(data / "large_red_box_0.png")
    assert (tmp_path / "found.png").stat().st_size > 1000


def test_a_device_searches_the_packed_index_with_a_picture_and_with_words(line, index, tmp_path, capsys):
    _, paths, _, data = line
    assert main(["index", "pack", str(index), "--out", str(tmp_path / "things.npz")]) == 0
    picture = str(data / "large_green_ring_1.png")
    asked = {"input": "a large green box"}
    assert main(["index", "query", str(index), picture, "--text", asked["input"], "--top", "3", "--json"]) == 0
    expected = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    for spec, close in (("tflite:float32", 0.02), ("tflite:int8", 0.15)):
        words = ["search", str(paths[spec]), str(tmp_path / "things.npz"), picture, "--text", asked["input"]]
        assert edge([*words, "--top", "3"]) == 0
        for row, wanted in zip(map(json.loads, capsys.readouterr().out.splitlines()), expected, strict=True):
            assert row["input"] == wanted["input"]
            best, nearest = wanted["nearest"][0], row["nearest"][0]
            assert nearest["cosine"] == pytest.approx(best["cosine"], abs=close), spec
            assert spec == "tflite:int8" or nearest["path"] in {n["path"] for n in wanted["nearest"][:2]}
    assert edge(["search", str(paths["tflite:int8"]), str(tmp_path / "things.npz")]) == 2
    assert "search needs an image, or --text" in capsys.readouterr().err


@pytest.mark.nightly  # a run of its own
def test_classes_are_known_by_their_names(line, tmp_path, capsys):
    """Colors, whose pictures set the threshold alone."""
    run, _, _, data = line
    for color in COLORS:
        (tmp_path / "colors" / color).mkdir(parents=True)
        for file in sorted(data.glob(f"large_{color}_*.png")):
            (tmp_path / "colors" / color / file.name).write_bytes(file.read_bytes())
    build = ["classes", "build", str(tmp_path / "colors"), "--model", str(run.folder), "--by", "words"]
    templates = ["--template", "a large {} box", "--template", "a large {} disk"]
    settings = ["--set", "exports=()", "model.false_accept=0.3"]
    assert main([*build, *templates, "--out", str(tmp_path / "run"), *settings]) == 0
    assert "4 classes by words, and a threshold by" in capsys.readouterr().err
    made, words = api.load(tmp_path / "run"), api.load(run.folder).runner
    rows = []
    for color in sorted(COLORS):
        both = words.embed("text", np.array([f"a large {color} {t}".encode() for t in ("box", "disk")], object)).mean(0)
        rows.append(both / np.linalg.norm(both))
    image = np.stack([_pixels(data / f"large_{color}_box_0.png") for color in sorted(COLORS)])
    expected = words.embed("image", image) @ np.stack(rows).T
    np.testing.assert_allclose(made({"image": image})["scores"], expected, atol=1e-5)
    right = (expected.argmax(1) == np.arange(4)).mean()
    assert right >= 0.75, "colors are not known by their names"
    assert main(["classes", "add", str(tmp_path / "run"), str(tmp_path / "colors" / "red")]) == 2


def _pixels(path):
    return api.read_image(path.read_bytes())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["index", "query", "{index}"], 'query needs an IMAGE, or --text "red apple"'),
        (["index", "query", "{index}", "--text", ""], "a text of 0 bytes; allowed: 1 to"),
        (
            ["classes", "build", "{data}", "--model", "{run}", "--by", "words", "--template", "a thing", "--out", "x"],
            "--template 'a thing'; write {} once, where the name goes",
        ),
        (["classes", "build", "{data}", "--by", "words", "--out", "x"], "--by words needs --model RUN"),
        (["classes", "build", "{data}", "--template", "a {}", "--out", "x"], "--template goes with --by words"),
    ],
)
def test_what_cannot_be_asked_is_one_line(line, index, tmp_path, monkeypatch, capsys, words, says):
    run, _, _, data = line
    for color in COLORS[:2]:
        (tmp_path / "classes" / color).mkdir(parents=True)
        file = data / f"large_{color}_box_0.png"
        (tmp_path / "classes" / color / "0.png").write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    places = {"index": index, "run": run.folder, "data": tmp_path / "classes"}
    assert main([word.format(**places) if word.startswith("{") else word for word in words]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
