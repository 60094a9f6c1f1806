"""`names` and `--help` answer without TensorFlow. How fast is a benchmark; what they import decides it."""

import json
import os
import re
import subprocess
import sys

import pytest

from kerasvision.cli.main import VERBS, main
from kerasvision.core.registry import KINDS, full_names

HEAVY = {"tensorflow", "tf_keras", "keras", "keras_cv", "tensorflow_model_optimization", "numpy", "scipy", "matplotlib"}


def imported(*words):
    """(stdout, top-level packages that `python -m kerasvision WORDS` imported)."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kerasvision", *words], capture_output=True, text=True, check=True
    )
    modules = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE)
    assert "kerasvision.cli.main" in modules
    return done.stdout, {m.partition(".")[0] for m in modules}


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("names",), ("names", "--json"), *((v, "--help") for v in VERBS)], ids=" ".join
)
def test_nothing_heavy_is_imported(words):
    text, packages = imported(*words)
    assert text.strip()
    assert not packages & HEAVY


def test_names_are_one_a_line_and_every_name_leads_to_its_part(capsys):
    assert main(["names"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == full_names()
    assert len(set(lines)) == len(lines)
    assert {"classification/classifier", "backbones/convnet", "techniques/qat", "exporters/tflite"} <= set(lines)
    for kind, held in KINDS.items():
        assert [n for n in lines if kind != "architectures" and n.startswith(f"{kind}/")] == (
            [] if kind == "architectures" else [f"{kind}/{n}" for n in held.names()]
        )


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (
            "exporters/*",
            [f"exporters/{n}" for n in ("mediapipe", "onnx", "saved_model", "tf_serving", "tflite", "web")],
        ),
        ("adamw", ["optimizers/adamw"]),
        (
            "classification/c*",
            ["audio_classification/classifier"]
            + [f"classification/{n}" for n in ("classifier", "classifier_chain")]
            + ["text_classification/classifier", "volume_classification/cnn3d"],
        ),
    ],
)
def test_a_pattern_or_a_part_of_a_name_selects(pattern, expected, capsys):
    assert main(["names", pattern]) == 0
    assert capsys.readouterr().out.splitlines() == expected
    assert main(["names", "--json", pattern]) == 0
    assert json.loads(capsys.readouterr().out) == expected


def test_a_pattern_without_a_match_is_one_line_and_fails(capsys):
    assert main(["names", "clasifier"]) == 1
    seen = capsys.readouterr()
    assert seen.out == ""
    said = (
        "audio_classification/classifier, classification/classifier, multi_modal/classifier, "
        "text_classification/classifier"
    )
    assert seen.err == f"kerasvision: no part has a name like 'clasifier'; did you mean {said}?\n"


def test_a_closed_pipe_ends_quietly():
    command = f"{sys.executable} -m kerasvision names | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, env=dict(os.environ))
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["trian"], ["names", "--jsn"], ["train"], ["launch", "names"]])
def test_wrong_usage_is_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: kerasvision" in capsys.readouterr().err
