"""A model of captions from pictures with sentences to every file, whose words are those of the run."""

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
from tests.ops.plain_spelling import text_of
from tests.test_architecture import ROOT
from tests.undrawn import train

pytestmark = pytest.mark.nightly  # by day: they learn and have a float file in test_contracts.py

SPECS = ("saved_model", "tflite:float32", "tflite:int8", "onnx")


@pytest.fixture(scope="module", params=["gru", "transformer"])
def line(request, tmp_path_factory):
    """(run, spec -> path of its file, folder of the pictures)."""
    folder = tmp_path_factory.mktemp(request.param)
    module = runpy.run_path(str(ROOT / "pipelines" / "prepare_captions.py"))
    module["draw"](folder / "data", copies=4)
    recipe = Recipe(
        name="things",
        model=create(
            f"captioning/{request.param}",
            image_size=(20, 20),
            backbone=create("backbones/convnet", width=16, blocks=(1, 1)),
            size=32,
            words=5,
            dropout=0.0,
            min_count=1,
        ),
        data=create("sources/captions", path=str(folder / "data" / "captions.csv"), text_columns=("german",)),
        optimizer=create("optimizers/adamw", learning_rate=1e-2),
        epochs=60,
        batch_size=42,
        cache=True,
        budget=Budget(accuracy_drop=1.0),
    )
    run = train(recipe, folder / "run")
    artifacts, _ = export(run, [from_spec(s) for s in SPECS], folder, verbose=False)
    return run, {a.kind: a.path for a in artifacts}, folder / "data"


def test_it_says_what_no_text_of_training_says(line):
    """24 combinations of size, color and thing that are unseen in training: one of 120 by chance."""
    run, *_ = line
    assert run.metrics["test/exact"] > 0.1 and run.metrics["test/novel"] > 0.1


def test_each_float_file_says_the_same_words(line):
    run, paths, _ = line
    inputs, _, _ = next(raw_examples(run.recipe.data.open().splits["test"], run.arch, limit=40, batch_size=40))
    expected = api.load(run.folder)(inputs)
    for spec, path in paths.items():
        found = api.load(path)(inputs)
        same = (found["words"] == expected["words"]).all(1)
        assert same.mean() >= (0.7 if spec == "tflite:int8" else 1.0), spec
        texts = [bytes(row).rstrip(b"\0").decode() for row in found["text_bytes"]]
        numbers = [words[words >= 0] for words in found["words"]]
        assert texts == [text_of(run.arch.spellings, row) for row in numbers], spec
    assert any("Kiste" in text for text in texts), "German nouns are written small"


def test_clients_print_the_text(line, capsys, tmp_path):
    run, paths, data = line
    picture = str(next(iter(sorted(data.glob("large_red_box_*.png")))))
    capsys.readouterr()
    assert main(["predict", str(run.folder), picture, "--json", "--draw", str(tmp_path / "said.png")]) == 0
    said = json.loads(capsys.readouterr().out)["prediction"]
    assert set(said) == {"text", "score", "words"} and " ".join(w["text"] for w in said["words"]) == said["text"]
    assert (tmp_path / "said.png").stat().st_size > 1000
    assert edge(["predict", str(paths["tflite:float32"]), picture]) == 0
    found = json.loads(capsys.readouterr().out)["prediction"]
    assert found["text"] == said["text"] and found["score"] == pytest.approx(said["score"], abs=1e-4)


def test_a_beam_is_set_in_the_run_and_not_in_a_file(line, capsys):
    run, paths, data = line
    picture = str(next(iter(sorted(data.glob("small_blue_ring_*.png")))))
    assert main(["predict", str(paths["tflite:float32"]), picture, "--set", "beam=3"]) == 2
    assert "--set beam=3: of a trained captioning" in capsys.readouterr().err
    assert main(["predict", str(run.folder), picture, "--set", "beam=3", "--json"]) == 0
    wide = json.loads(capsys.readouterr().out)["prediction"]
    assert main(["calibrate", str(run.folder), "--set", "beam=3", "length_power=0.5"]) == 0
    assert "cider" in capsys.readouterr().out
    again = api.load(run.folder)
    assert (again.arch.beam, again.arch.length_power) == (3, 0.5)
    artifacts, _ = export(again_run(run), [from_spec("tflite:float32")], run.folder.parent / "wide", verbose=False)
    inputs, _, _ = next(raw_examples(run.recipe.data.open().splits["test"], run.arch, limit=20, batch_size=20))
    np.testing.assert_array_equal(api.load(artifacts[0].path)(inputs)["words"], again(inputs)["words"])
    assert wide["score"] > 0


def again_run(run):
    """The run as its folder has it now."""
    return api.exportable(run.folder)
