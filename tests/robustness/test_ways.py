"""Three ways into one file side by side, and what the command says of its own figure."""

import json
import re

import numpy as np
import pytest

from kerasvision.api import load, look_inside
from kerasvision.cli.main import main
from kerasvision.core.registry import create
from kerasvision.explain.base import explainable
from kerasvision.robustness.attacks.classifier import AskedClassifier, Classifier
from kerasvision.robustness.attacks.report import attacked, three_ways

RADIUS, EXAMPLES = 16 / 255, 40


@pytest.fixture(scope="module")
def models(digits_run, digits_tflite):
    """(the file as it answers, its own gradients, the trained model's), of the digits."""
    file, inside = load(digits_tflite), look_inside(digits_tflite)
    trained = Classifier(digits_run.arch, explainable(digits_run))
    white = Classifier(inside.arch, explainable(inside))
    return AskedClassifier(file.arch, file.runner.infer), white, trained


def test_the_file_judges_pictures_of_every_way(models, digits_run):
    """Of a float file transfer and white box are the same attack; scores alone find less than both."""
    file, white, trained = models
    settings = {"split": "test", "examples": EXAMPLES, "target": ""}
    attack = create("attacks/pgd", radius=RADIUS, steps=20)
    recipe, classes = digits_run.recipe, digits_run.classes
    found = three_ways(file, white, trained, recipe, classes, attack, settings)
    assert list(found) == ["transfer", "white_box", "asked_alone"]
    clean = attacked(file, recipe, classes, create("attacks/square", queries=1), examples=EXAMPLES)[0]["clean"]
    assert found["transfer"]["robust"] == pytest.approx(found["white_box"]["robust"], abs=1 / EXAMPLES)
    assert found["white_box"]["robust"] <= found["asked_alone"]["robust"] <= clean
    asking = found["asked_alone"]["attack"]
    assert asking["radius"] == RADIUS and asking["@"] == "attacks/square"
    assert three_ways(file, None, None, recipe, classes, attack, settings | {"examples": 2})["transfer"] is None


def test_a_judge_says_what_counts(models, digits_run):
    """Pictures made on one model and judged by another that always answers 0: right are the zeros alone, all robust."""
    _, _, trained = models

    class Zero:
        def decided(self, images):
            return np.zeros(len(images), int)

    document, arrays = attacked(
        trained, digits_run.recipe, digits_run.classes, create("attacks/fgsm"), examples=EXAMPLES, judge=Zero()
    )
    zeros = (arrays["labels"] == 0).mean()
    assert document["clean"] == document["robust"] == pytest.approx(zeros) and document["reached"] == 0


def test_the_command_shows_the_ways_and_its_doubts(digits_tflite, capsys):
    words = ["attack", str(digits_tflite), "--set", f"radius={RADIUS}", "steps=3", "--examples", str(EXAMPLES)]
    assert main([*words, "--ways"]) == 0
    said = capsys.readouterr().out
    assert "transfer (made on the trained model): cannot be gone" in said  # no run beside the file
    for way in (r"white box \(by its own gradients\)", r"asked alone \(by scores alone\)"):
        assert re.search(rf"^{way}: [01]\.\d{{4}} right$", said, re.MULTILINE)
    assert "no sign that the figure is an illusion" in said
    assert main([*words, "--json", "--unchecked"]) == 0
    assert "check" not in json.loads(capsys.readouterr().out)


def test_the_command_has_the_numbers_of_its_doubts(digits_run, capsys):
    words = ["attack", str(digits_run.folder), "--attack", "fgsm", "--set", f"radius={RADIUS}", "--examples", "30"]
    assert main([*words, "--json"]) == 0
    check = json.loads(capsys.readouterr().out)["check"]
    assert check["examples"] > 10 and check["radius"] == pytest.approx(RADIUS)
    assert {flag["name"] for flag in check["flags"]} >= {"steps", "zeros", "noise", "unbounded", "black_box"}
    assert check["again"] <= check["robust"] and all(flag["says"] for flag in check["flags"])


@pytest.mark.nightly
def test_a_patch_is_learned_from_the_validation_split(digits_run, capsys):
    words = ["attack", str(digits_run.folder), "--attack", "patch", "--set", "share=0.25", "steps=20"]
    assert main([*words, "--examples", "30", "--json", "--unchecked"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["attack"]["pattern"] is None and found["robust"] < found["clean"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ways"], "--ways compares ways into an exported .tflite or .onnx, and this is neither"),
        (["--goal", "vanish"], "--goal vanish: goals are those of detectors and segmenters"),
        (["--attack", "seg_pgd"], "attacks/seg_pgd minds the pixels of a mask"),
    ],
)
def test_what_a_classifiers_run_has_not_is_one_line(words, says, digits_run, capsys):
    assert main(["attack", str(digits_run.folder), "--examples", "10", *words]) == 2
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said
