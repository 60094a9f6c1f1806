"""A source is one file, and so is an exporter: registered, they are found by every verb without another word."""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from kerasvision.cli.main import main
from kerasvision.core.registry import exporters, sources
from kerasvision.export.placing import next_version

COUNT = 240


@pytest.fixture(scope="module", autouse=True)
def _registered():
    from tests.contract import frozen_exporter, packed_source

    assert sources["packed"] is packed_source.Packed and exporters["frozen"] is frozen_exporter.Frozen
    yield
    sources._parts.pop("packed")
    exporters._parts.pop("frozen")


@pytest.fixture(scope="module")
def digits():
    """(uint8 [N, 8, 8, 3], labels)."""
    held = load_digits()
    gray = np.round(held.images[:COUNT] * (255 / 16)).astype(np.uint8)
    return gray[..., None].repeat(3, -1), held.target[:COUNT]


@pytest.fixture(scope="module")
def packed(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "digits.npz"
    np.savez(path, images=digits[0], labels=digits[1])
    return path


def said(capsys, *words):
    """stdout of a command that succeeds."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_they_are_checked_trained_exported_and_asked(packed, digits, tmp_path, capsys):
    report = json.loads(said(capsys, "data", "check", packed, "--json"))
    assert report["source"] == {"@": "sources/packed", "path": str(packed)}
    assert {name: split["size"] for name, split in report["splits"].items()} == {"train": 180, "test": 60}

    small = ("epochs=1", "exports=()", "augment=()", "backbone.width=8", "backbone.blocks=(1, 1)")
    said(capsys, "train", "classification/classifier", "--data", packed, "--out", tmp_path / "run", "--set", *small)
    contract = json.loads(said(capsys, "export", tmp_path / "run", "--to", "frozen", "--out", tmp_path, "--json"))
    (row,) = contract["artifacts"]
    assert (row["kind"], contract["version"]) == ("frozen", 1)
    assert row["agreement"]["max_error"] <= row["agreement"]["tolerance"] < 1e-3

    for number in (3, 7):
        Image.fromarray(digits[0][number]).save(tmp_path / f"{number}.png")
    pictures = [tmp_path / f"{number}.png" for number in (3, 7)]
    asked = [
        [json.loads(line) for line in said(capsys, "predict", model, *pictures, "--json").splitlines()]
        for model in (tmp_path / "run", tmp_path / "frozen" / "digits" / "model.graph")
    ]
    for of_run, of_file in zip(*asked, strict=True):
        assert of_file["input"] == of_run["input"]
        for one, other in zip(of_run["prediction"]["top"], of_file["prediction"]["top"], strict=True):
            assert one["label"] == other["label"] and abs(one["score"] - other["score"]) < 1e-5

    assert next_version(tmp_path, "digits", ()) == 2


def test_what_they_declare_stands_in_messages(tmp_path, packed, capsys):
    np.savez(tmp_path / "other.npz", numbers=np.zeros(3))
    (tmp_path / "model.planted").touch()
    for words, message in (
        (("data", "check", tmp_path / "other.npz"), "not what packed would read; allowed: "),
        (("data", "check", "gone"), "an .npz file of images and labels"),
        (("data", "check", "packed:"), "nothing behind the colon; write packed:PATH"),
        (("predict", tmp_path / "model.planted", packed), "is no model file; allowed: .graph, .onnx, .tflite, "),
    ):
        assert main([str(word) for word in words]) == 2
        line = capsys.readouterr().err
        assert message in line and line.count("\n") == 1
