"""The model card and the bill of materials of a real export."""

import importlib.metadata
import json
import re

import pytest

from kerasvision.cli.main import main
from kerasvision.export.card import NOT_SAID, Words, markdown
from kerasvision.export.contract import read_contract


@pytest.fixture(scope="module")
def artifact(digits_exports):
    return digits_exports[2] / "tflite" / "models" / "digits" / "model.tflite"


def test_it_says_every_measured_figure_and_marks_what_nobody_has_said(artifact):
    contract = read_contract(artifact)
    card = markdown(contract)
    assert card.count(NOT_SAID) == 4
    for row in contract["artifacts"]:
        assert f"`{row['kind']}`" in card and row["sha256"][:16] in card
        assert f"{row['metrics']['accuracy']:.4f}" in card
    for name in contract["classes"]:
        assert re.search(rf"^\| {name} \| \d\.\d{{4}}", card, re.MULTILINE)
    assert "on 120 examples of the test split" in card
    assert markdown(contract, Words("A", "B", "C", "D")).count(NOT_SAID) == 0


def test_the_command_writes_markdown_html_and_the_packages(artifact, tmp_path, capsys):
    words = ["--intended-use", "Digits <b>on paper</b> | forms", "--license", "MIT"]
    assert main(["card", str(artifact), "--out", str(tmp_path / "card"), *words]) == 0
    page = (tmp_path / "card" / "card.html").read_text()
    assert page.startswith("<!doctype html>") and page.count("<table>") >= 4 and "<h2>Intended use</h2>" in page
    bill = json.loads((tmp_path / "card" / "sbom.json").read_text())
    assert bill["bomFormat"] == "CycloneDX" and bill["metadata"]["component"]["name"] == "kerasvision"
    held = {row["name"].lower().replace("_", "-"): row["version"] for row in bill["components"]}
    for name in ("tensorflow", "numpy", "tf-keras", "flatbuffers"):
        assert held[name] == importlib.metadata.version(name)
    assert len({row["purl"] for row in bill["components"]}) == len(bill["components"])


def test_no_contract_is_one_line(tmp_path, capsys):
    (tmp_path / "model.tflite").write_bytes(b"TFL3")
    assert main(["card", str(tmp_path / "model.tflite")]) == 1
    assert "has no contract.json" in capsys.readouterr().err


def test_a_contract_tells_no_folder_of_the_machine_that_made_it(artifact):
    for row in read_contract(artifact)["artifacts"]:
        assert not row["agreement"]["worst"].startswith("/") and row["agreement"]["worst"].count("/") <= 1
