"""trust.json: its form, its page, and what it says of a run and its files."""

import dataclasses
import json

import jsonschema
import numpy as np
import pytest

from kerasvision.api import Model, ServedRunner
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.export.package.card import page
from kerasvision.export.package.trust import markdown
from kerasvision.inference.served import Served
from kerasvision.robustness.trust.attacking import shared
from kerasvision.robustness.trust.document import PARTS, not_measured, part, read, validate, write
from kerasvision.robustness.trust.measured import Extent, Subject, trust_of
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.train.calibrate import calibrated


def document():
    parts = dict.fromkeys(PARTS, not_measured("nobody asked"))
    parts["clean"] = part(
        "the test split | as it is", 40, {"accuracy": (0.95, (0.9, 1.0)), "recall of <b>": (0.5, None)}
    )
    models = [
        {"model": "trained model", "file": "", "parts": parts},
        {"model": "tflite:int8", "file": "tflite/a.tflite", "parts": parts | {"clean": not_measured("gone")}},
    ]
    head = {"trust_version": 1, "name": "digits", "split": "test", "metric": "accuracy", "direction": "max"}
    return head | {"models": models}


def test_a_document_is_read_as_it_was_written(tmp_path):
    found = document()
    assert read(write(found, tmp_path)) == found


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.pop("models"), "'models' is a required property"),
        (lambda d: d["models"][0]["parts"].pop("covered"), "at models/0/parts: 'covered' is a required property"),
        (lambda d: d["models"][0]["parts"].update(clean={}), "at models/0/parts/clean"),
        (lambda d: d.update(trust_version=2), "at trust_version: 1 was expected"),
    ],
)
def test_what_has_another_form_is_one_line(change, says, tmp_path):
    found = document()
    change(found)
    with pytest.raises(jsonschema.ValidationError):
        validate(found)
    (tmp_path / "trust.json").write_text(json.dumps(found))
    with pytest.raises(KerasVisionError, match="is no trust.json, at ") as error:
        read(tmp_path / "trust.json")
    assert says in str(error.value) and "\n" not in str(error.value)


def test_the_page_says_figures_intervals_and_what_is_not_known():
    text = markdown(document())
    assert "| trained model | accuracy | 0.9500 (0.9000 to 1.0000) | 40 | the test split &#124; as it is |" in text
    assert "- Not measured of tflite:int8: gone." in text
    assert "- Not measured of trained model, tflite:int8: nobody asked." in text
    html = page(text, "digits: trust")
    assert html.count("<h2>") == len(PARTS) and "<b>" not in html and html.count("<table>") == 1


def test_a_share_has_wilsons_interval():
    value, (low, high) = shared(0.9, 100)  # by hand: (p + z^2/2n -+ z sqrt(pq/n + z^2/4n^2)) / (1 + z^2/n), z = 1.96
    assert value == 0.9 and (low, high) == (pytest.approx(0.82563, abs=1e-5), pytest.approx(0.94478, abs=1e-5))


def test_the_command_says_all_parts_of_a_run_and_a_file(digits_run, digits_tflite, tmp_path, capsys):
    asked = ["--examples", "24", "--heats", "2", "--corruptions", "gaussian_noise", "--severities", "5"]
    assert main(["trust", str(digits_run.folder), str(digits_tflite), *asked, "--out", str(tmp_path)]) == 0
    found = read(tmp_path / "trust.json")
    trained, file = (model["parts"] for model in found["models"])
    assert [model["model"] for model in found["models"]][0] == "trained model"
    for parts in (trained, file):
        assert parts["clean"]["figures"]["accuracy"]["value"] > parts["corrupted"]["figures"]["accuracy"]["value"]
        assert parts["calibrated"]["figures"]["calibration error"]["value"] >= 0
        assert "smoothed" in parts["certified"]["not_measured"] and "sets" in parts["covered"]["not_measured"]
        assert "deletion" in parts["explained"]["figures"]
    assert set(file["attacked"]["figures"]) == {"transfer", "white box", "asked alone"}
    assert file["explained"]["figures"]["hottest shared"]["value"] > 0.8 and set(trained["attacked"]["figures"]) == {
        "white box"
    }
    assert "<h2>Attacked</h2>" in (tmp_path / "trust.html").read_text()
    assert main(["card", str(digits_tflite), "--out", str(tmp_path), "--trust", str(tmp_path / "trust.json")]) == 0
    assert "### Attacked" in (tmp_path / "card.md").read_text()
    (tmp_path / "trust.json").write_text(json.dumps(found | {"name": "cats"}))
    assert main(["card", str(digits_tflite), "--trust", str(tmp_path / "trust.json")]) == 2
    assert "is of cats" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--examples", "0"], "--examples 0: allowed: 1 or more"),
        (["--heats", "0"], "--heats 0: allowed: 1 or more"),
        (["--radius", "-1"], "allowed: above 0"),
    ],
)
def test_bad_words_are_one_line(arguments, says, digits_run, capsys):
    assert main(["trust", str(digits_run.folder), *arguments]) == 2
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said


def test_what_is_no_run_is_one_line(tmp_path, capsys):
    assert main(["trust", str(tmp_path)]) == 2
    assert "is no run" in capsys.readouterr().err


def test_of_a_promise_for_each_class_the_one_that_holds_least_is_told(digits_run):
    """By hand from the answers to the same examples; of a promise for all alike there is no class to tell of."""
    for by_class in (True, False):
        arch = dataclasses.replace(digits_run.arch, class_sets=ClassSets(0.5, by_class=by_class))
        held = splits_of(digits_run.recipe)
        arch = calibrated(arch, digits_run.graph, digits_run.classes, held["validation"], 64)
        recipe = dataclasses.replace(digits_run.recipe, model=arch)
        served = Served(arch, digits_run.graph, digits_run.classes)
        model = Model(arch, digits_run.classes, ServedRunner(served), recipe)
        rows = [(model(inputs), truth["label"]) for inputs, truth, _ in raw_examples(held["test"], arch)]
        labels = np.concatenate([label for _, label in rows])
        holds = np.concatenate([found["in_set"] for found, _ in rows])[np.arange(len(labels)), labels] > 0
        extent = Extent(corruptions=("gaussian_noise",), severities=(5,), heats=1)
        parts = trust_of([Subject("trained model", "", model, "not asked", "")], extent)["models"][0]["parts"]
        told = {key: row["value"] for key, row in parts["covered"]["figures"].items() if "the least" in key}
        assert len(told) == (2 if by_class else 0)
        shares = {name: holds[labels == number].mean() for number, name in enumerate(digits_run.classes)}
        for key, value in told.items():
            if "corrupted" not in key:
                worst = min(shares, key=shares.get)
                assert key == f"coverage of {worst}, the least" and value == pytest.approx(shares[worst])
