"""The model card and the bill of materials of a real export."""

import html
import importlib.metadata
import json
import re

import pytest

from kerasvision.cli.main import main
from kerasvision.core.escaping import line_of
from kerasvision.core.packages import plain
from kerasvision.export.contract import read_contract
from kerasvision.export.package.card import NOT_SAID, Words, markdown, page
from kerasvision.export.package.sbom import bill_of_materials
from tests import store


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


def stages(bill, name):
    """{version: the stages that a package was there for}."""
    rows = [row for row in bill["components"] if row["name"] == name]
    return {row["version"]: [p["value"] for p in row["properties"]] for row in rows}


def test_the_packages_are_those_of_the_run_and_of_the_export(artifact, digits_run):
    """All that is installed where the run was trained, whatever is installed where the card is made."""
    recorded = json.loads((digits_run.folder / "environment.json").read_text())["packages"]
    # the run and the export may be older than what is installed now: both are kept between runs of the tests
    versions = {plain(name): version for name, version in recorded.items()}
    assert {name: versions[name] for name in store.PACKAGES} == {
        n: importlib.metadata.version(n) for n in store.PACKAGES
    }
    assert "pip" in recorded
    contract = read_contract(artifact)
    assert contract["packages"]["training"] == recorded
    every = set(recorded) | set(contract["packages"]["export"])
    both = bill_of_materials(contract)
    assert stages(both, "numpy") == {recorded["numpy"]: ["training", "export"]} and both["properties"] == []
    assert {row["name"] for row in both["components"]} == every - {"kerasvision"}
    contract["packages"]["training"] = {"numpy": "1.0.0", "only_there": "2.0"}
    other = bill_of_materials(contract)
    assert stages(other, "numpy") == {"1.0.0": ["training"], recorded["numpy"]: ["export"]}
    assert stages(other, "only_there") == {"2.0": ["training"]}
    assert "pkg:pypi/only-there@2.0" in {row["purl"] for row in other["components"]}


def test_a_contract_of_before_says_that_its_packages_are_unknown(artifact):
    contract = read_contract(artifact)
    del contract["packages"]
    bill = bill_of_materials(contract)
    assert bill["components"] == [] and [p["value"] for p in bill["properties"]] == ["training", "export"]


HOSTILE = ("<img src=x onerror=alert(1)>", "a|b", "`x`", "[x](javascript:alert(1))", "=cmd", "\x1b[31mred", "**b**")


def renamed(value, names):
    """A contract in which each name stands for another."""
    if isinstance(value, dict):
        return {renamed(k, names): renamed(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v, names) for v in value]
    if isinstance(value, str):
        *before, last = value.split("/", 2)
        return "/".join([*before, names.get(last, last)])
    return value


def test_names_in_a_contract_are_text_in_the_page_and_nothing_else(artifact):
    """Classes, the model's name, a tensor's, a unit, and what the recipe says of its data."""
    contract = read_contract(artifact)
    names = dict(zip(contract["classes"], HOSTILE, strict=False))
    contract = renamed(contract, names | {"digits": HOSTILE[0], "probabilities": HOSTILE[2]})
    contract["recipe"]["data"] = {"@": "sources/image_folder", "path": f"/{HOSTILE[0]}`<b>x</b>`"}
    contract["recipe"]["model"]["@"] = contract["recipe"]["model"]["@"].replace(HOSTILE[0], "classifier")
    contract["created_with"] = HOSTILE[0]
    text = markdown(contract, Words(intended_use="<script>alert(1)</script> and <b>more</b>"))
    made = page(text, HOSTILE[0])
    body = made[made.index("<body>") :]
    found = set(re.findall(r"<(/?[a-z0-9]+)", body))
    allowed = "body h1 h2 p table thead tbody tr th td code em ul li html"
    assert {tag.removeprefix("/") for tag in found} == set(allowed.split(" "))
    shown = html.unescape(re.sub(r"<[^>]*>", "", body))
    for name in HOSTILE:
        assert shown.count(line_of(name)) >= 2, name  # among the classes, and in the table of each class
    assert "<script>alert(1)</script> and <b>more</b>" in shown
    assert f"<title>{html.escape(HOSTILE[0])}</title>" in made
    assert "default-src 'none'" in made and "\x1b" not in made + text


def test_no_contract_is_one_line(tmp_path, capsys):
    (tmp_path / "model.tflite").write_bytes(b"TFL3")
    assert main(["card", str(tmp_path / "model.tflite")]) == 1
    assert "has no contract.json" in capsys.readouterr().err


def test_a_contract_tells_no_folder_of_the_machine_that_made_it(artifact):
    for row in read_contract(artifact)["artifacts"]:
        assert not row["agreement"]["worst"].startswith("/") and row["agreement"]["worst"].count("/") <= 1
