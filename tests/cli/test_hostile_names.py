"""What commands print and write of names that would color a terminal, be markup, or run in a page."""

import html
import pathlib
import re
import types
import unicodedata

import numpy as np
import pytest
from markdown_it import MarkdownIt
from PIL import Image

from kerasvision.cli import compare, evaluate, predict, robustness, train
from kerasvision.cli.main import main
from kerasvision.core.escaping import line_of
from kerasvision.drawing.showing.base import picture_of
from kerasvision.drawing.showing.classes import ClassesShowing
from kerasvision.experiments.compare import Row, write_report

NAMES = ("<img src=x onerror=alert(1)>", "a|b", "\x1b[31mred", "[red]x[/red]", "=cmd|' C'!A0", "`x`", "$\\frac{", "_x")


JUDGED = types.SimpleNamespace(evaluator=lambda classes: types.SimpleNamespace(directions={}))  # an architecture


def shown(text):
    """What a terminal shows of it; nothing in it may be obeyed."""
    assert all(unicodedata.category(c) not in ("Cc", "Zl", "Zp") for c in text.replace("\n", ""))
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("name", NAMES)
def test_tables_say_the_name_and_obey_nothing(name, capsys):
    rows = [Row(name, f"test/{name}", (0.5, 0.6)), Row("plain", f"test/{name}", (0.5, 0.7), 0.05, (0.0, 0.1))]
    compare.print_rows(rows)
    predict._print_table([(name, {"top": [{"label": name, "score": 0.5}]})])
    held = {"folder": pathlib.Path(name), "metrics": {f"test/{name}": 1.0}, "directions": {}}
    train.report(types.SimpleNamespace(recipe=types.SimpleNamespace(name=name), **held))
    found = {"name": name, "metric": name, "examples": 3, "split": name, "clean": 0.5}
    found |= {"corruptions": {name: {"1": 0.4}}, "mean": 0.4, "interval": {"mean": None}, "direction": "max"}
    found |= {"extra": {}, "weakest": None, "left_out": {}}
    robustness._print(found, [1])
    told = shown(capsys.readouterr().out)
    assert told.count(re.sub(r"\s+", "", line_of(name))) >= 8


def test_evaluate_says_the_name(monkeypatch, capsys):
    metrics = {f"recall/{name}": 0.5 for name in NAMES}

    def evaluated(model, split, draw, tell, cases):
        for name in NAMES:
            tell(f"{name} is taken for a")
        return metrics

    monkeypatch.setattr("kerasvision.api.evaluate", evaluated)
    monkeypatch.setattr("kerasvision.api.load", lambda what: types.SimpleNamespace(arch=JUDGED, classes=()))
    asked = {"draw": None, "cases": None, "by": None, "table": None, "resample": None, "json": False}
    evaluate.run(types.SimpleNamespace(model="m", split="test", **asked))
    told = capsys.readouterr().out
    assert shown(told) and [line.rsplit("  ", 1)[0].rstrip() for line in told.splitlines()] == [
        *(f"recall/{line_of(name)}" for name in NAMES),
        *(f"{line_of(name)} is taken for a" for name in NAMES),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_report_of_runs_is_text(name, tmp_path):
    rows = [Row(name, f"test/{name}", (0.5, 0.6)), Row("plain", f"test/{name}", (0.5, 0.7), 0.05, (0.0, 0.1))]
    path = write_report(name, rows, tmp_path, f"kerasvision compare {name}")
    made = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(path.read_text())
    tags = set(re.findall(r"<([a-z0-9]+)", made))
    assert tags == {"h1", "h2", "p", "img", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert re.findall(r"<img [^>]*>", made) == re.findall(r'<img src="report.png" alt="[^"<>]*" />', made)
    text = html.unescape(re.sub(r"<[^>]*>", "", made))
    assert text.count(line_of(name)) >= 4
    with Image.open(tmp_path / "report.png") as picture:
        assert min(picture.size) > 100


def test_a_picture_of_predictions_is_drawn_whatever_classes_are_called():
    image = np.zeros((40, 40, 3), np.uint8)
    showing = ClassesShowing("top")
    views = [showing.view(image, name, {}, {"top": [{"label": name, "score": 0.5}]}, ()) for name in NAMES]
    assert min(picture_of(views).size) > 64


def test_a_check_of_data_says_the_names(tmp_path, capsys):
    rng, names = np.random.default_rng(0), [name.replace("/", "") for name in NAMES if name.isprintable()]
    for name in names:
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / name / f"{name} {number}.png")
    (tmp_path / NAMES[0] / f"{NAMES[2]} broken.png").write_bytes(b"no picture")
    assert main(["data", "check", str(tmp_path)]) == 0
    told = shown(capsys.readouterr().out)
    for name in names:
        assert re.sub(r"\s+", "", line_of(name)) in told, name


def test_a_class_that_would_color_a_terminal_is_refused_in_a_line_that_does_not(tmp_path, capsys):
    for name in ("plain", "\x1b[31mred"):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.fromarray(np.full((16, 16, 3), number, np.uint8)).save(tmp_path / name / f"{number}.png")
    assert main(["data", "check", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "red" in shown(told.splitlines()[-1])


WORDS = (["card", "\x1b[31m/x"], ["train", "\x1b]0;x\x07.py"], ["models", "list", "--dir", "\x9b1m"])


@pytest.mark.parametrize("words", WORDS)
def test_an_error_says_the_name_and_obeys_nothing(words, capsys):
    assert main(words) in (1, 2)
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and shown(told)
