"""`kerasvision read`: pages become files; stopped, resumed; empty pages and bad input. Models are never wrong, but for
one test that drives those that the store has trained.
"""

import json
import os
import pathlib
import signal

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli import reading
from kerasvision.cli.main import main
from kerasvision.train.run import load_run
from tests import store
from tests.contract import reading_cases
from tests.systems.drawn_pages import Finder, Reader, painted, printed

FORMS = {"text": ".txt", "json": ".json", "hocr": ".hocr", "alto": ".alto.xml", "tsv": ".tsv"}


class Pages:
    """Stands for both models: knows the page by its pixels."""

    def __init__(self):
        self.lines, self.calls = [], 0
        self.finder, self.reader = Finder([]), Reader([])
        self._others = api.load

    def add(self, columns, seed):
        lines, size = printed(columns, seed, size_hw=(500, 420), em=(10, 12))
        self.lines.append((painted(lines, size), lines))
        return self.lines[-1]

    def load(self, path, settings=()):
        if str(path).startswith("none"):
            return self._others(path, settings)
        return {"detector": self.detect, "recognizer": self.recognize}[pathlib.Path(path).name]

    @property
    def detect(self):
        return _Model(self.finder.arch, ("text",), self._found)

    @property
    def recognize(self):
        names = Reader([line for _, lines in self.lines for line in lines]).classes
        return _Model(self.reader.arch, names, self._read)

    def _found(self, inputs):
        self.calls += 1
        held = [lines for page, lines in self.lines if np.array_equal(page, inputs["image"][0])]
        self._now = held[0] if held else []
        return Finder([line.quad for line in self._now])(inputs)

    def _read(self, inputs):
        own = Reader(self._now)
        found, names = own(inputs), self.recognize.classes
        index = np.array([*(names.index(name) for name in own.classes), -1])
        return found | {"labels": index[found["labels"]]}


class _Model:
    def __init__(self, arch, classes, answer):
        self.arch, self.classes, self._answer = arch, classes, answer

    def __call__(self, inputs):
        return self._answer(inputs)


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Three pages in two documents, one.png and two.tif, in the current folder."""
    held = Pages()
    pictures = [Image.fromarray(held.add(columns, 3)[0]) for columns in (1, 2, 3)]
    pictures[0].save(tmp_path / "one.png")
    pictures[1].save(tmp_path / "two.tif", save_all=True, append_images=pictures[2:])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "load", held.load)
    monkeypatch.setattr(reading, "identity_of", lambda session, places: "these")
    return held


def texts(lines):
    return [line.text for line in lines]


def read(*words):
    return main(["read", "detector", "recognizer", *map(str, words)])


def test_documents_become_files_of_every_form(pages, tmp_path, capsys):
    assert read("one.png", "two.tif", "--out", "out", "--as", *FORMS) == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {f"{n}{s}" for n in ("one", "two") for s in FORMS.values()}
    first, second = (tmp_path / "out" / "two.txt").read_text().split("\f")
    assert [row for row in first.split("\n") if row] == texts(pages.lines[1][1])
    assert [row for row in second.split("\n") if row] == texts(pages.lines[2][1])
    held = json.loads((tmp_path / "out" / "two.json").read_text())
    assert held["file"] == "two.tif" and [len(page["blocks"]) > 0 for page in held["pages"]] == [True, True]
    count = sum(len(lines) for _, lines in pages.lines)
    assert capsys.readouterr().err == f"3 pages, {count} lines\n"


def test_without_a_folder_it_is_printed(pages, capsys):
    assert read("one.png") == 0
    assert [row for row in capsys.readouterr().out.split("\n") if row] == texts(pages.lines[0][1])
    assert read(".", "--json") == 0
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [(row["input"], row["page"]) for row in rows] == [("one.png", 1), ("two.tif", 1), ("two.tif", 2)]
    assert [line["text"] for block in rows[2]["blocks"] for line in block["lines"]] == texts(pages.lines[2][1])
    assert read("*.png", "--as", "tsv") == 0
    assert capsys.readouterr().out.startswith("level\tpage_num\t")


def test_a_page_without_text_is_empty_and_no_failure(pages, tmp_path, capsys):
    Image.new("RGB", (60, 40), "white").save(tmp_path / "empty.png")
    assert read("empty.png", "--out", "out", "--as", *FORMS) == 0
    assert (tmp_path / "out" / "empty.txt").read_text() == ""
    assert json.loads((tmp_path / "out" / "empty.json").read_text())["pages"][0]["blocks"] == []
    assert capsys.readouterr().err == "1 pages, 0 lines; 1 pages without text\n"


@pytest.mark.parametrize("stop_at", [1, 2])
def test_what_is_stopped_goes_on(pages, tmp_path, monkeypatch, capsys, stop_at):
    """After the first document, and amid the second: no page is read twice, and the files are those of the whole."""
    words = ("one.png", "two.tif", "--as", *FORMS)
    assert read(*words, "--out", "whole") == 0
    found, before = pages._found, pages.calls

    def stopping(inputs):
        if pages.calls - before == stop_at - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return found(inputs)

    monkeypatch.setattr(pages, "_found", stopping)
    assert read(*words, "--out", "out") == 130
    said = capsys.readouterr().err
    assert f"stopped after {stop_at} pages" in said and "go on with the same command and --resume" in said
    assert (tmp_path / "out" / "one.txt").exists() and not (tmp_path / "out" / "two.txt").exists()
    monkeypatch.setattr(pages, "_found", found)
    with (tmp_path / "out" / "reading.jsonl").open("a") as file:
        file.write('{"half')  # as when the process is ended amid a line
    assert read(*words, "--out", "out", "--resume") == 0
    assert pages.calls - before == 3
    assert "1 documents read before" in capsys.readouterr().err
    names = sorted(p.name for p in (tmp_path / "whole").iterdir())
    assert names == sorted(p.name for p in (tmp_path / "out").iterdir())
    assert all((tmp_path / "out" / n).read_bytes() == (tmp_path / "whole" / n).read_bytes() for n in names)
    assert read(*words, "--out", "out", "--resume") == 2 and "nothing to go on with" in capsys.readouterr().err


def test_other_forms_or_a_changed_file_are_not_gone_on_with(pages, tmp_path, monkeypatch, capsys):
    found = pages._found

    def stopping(inputs):
        os.kill(os.getpid(), signal.SIGINT)
        return found(inputs)

    monkeypatch.setattr(pages, "_found", stopping)
    assert read("one.png", "two.tif", "--out", "out") == 130
    monkeypatch.setattr(pages, "_found", found)
    assert read("one.png", "two.tif", "--out", "out", "--as", "tsv", "--resume") == 2
    assert "was begun with other models, settings or forms; give the same" in capsys.readouterr().err
    os.utime(tmp_path / "one.png", ns=(1, 1))
    before = pages.calls
    assert read("one.png", "two.tif", "--out", "out", "--resume") == 0
    assert pages.calls - before == 3, "one.png has changed since"


def test_what_cannot_be_read_is_one_line_and_the_others_are_read(pages, tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no")
    (tmp_path / "other.pdf").write_bytes(b"%PDF no")
    assert read("broken.png", "one.png", "none.tif", "other.pdf", "--out", "out") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and all(line.startswith("kerasvision: ") for line in lines[:3])
    assert "broken.png" in lines[0] and "none.tif" in lines[1] and "other.pdf" in lines[2]
    assert lines[3].endswith("; 3 documents that could not be read")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["one.txt", "reading.jsonl"]
    before = pages.calls
    for name in ("broken.png", "none.tif", "other.pdf"):
        Image.open("one.png").save(tmp_path / name)
    assert read("broken.png", "one.png", "none.tif", "--out", "out", "--resume") == 0
    assert pages.calls - before == 2 and "1 documents read before" in capsys.readouterr().err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["broken.txt", "none.txt", "one.txt"]


def test_a_picture_of_too_many_pixels_is_one_line_and_the_others_are_read(pages, tmp_path, capsys):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.tif", compression="group4")
    assert read("bomb.tif", "one.png", "--out", "out") == 1
    said, counted = capsys.readouterr().err.splitlines()
    assert said.startswith("kerasvision: bomb.tif cannot be read: it has more than")
    assert counted.startswith("1 pages") and counted.endswith("; 1 documents that could not be read")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["one.txt", "reading.jsonl"]


@pytest.mark.skipif(os.name == "nt", reason="names of files are UTF-16 there")
def test_a_name_that_is_no_utf8_is_spelled(pages, tmp_path, capsys):
    name = os.fsdecode(b"one\xff")
    (tmp_path / "one.png").rename(tmp_path / f"{name}.png")
    Image.new("RGB", (60, 40), "white").save(tmp_path / "three.pdf")
    (tmp_path / "three.pdf").rename(tmp_path / f"{name}.pdf")
    assert read(f"{name}.png", "--out", "out", "--as", *FORMS) == 0
    for form, suffix in FORMS.items():
        text = (tmp_path / "out" / f"{name}{suffix}").read_text(encoding="utf-8")
        assert ("one\\udcff.png" in text.replace("\\\\", "\\")) == (form in ("json", "hocr", "alto")), form
    capsys.readouterr()
    assert read(f"{name}.png", f"{name}.pdf", "--json") == 0
    rows = [json.loads(row) for row in capsys.readouterr().out.encode("utf-8").splitlines()]
    assert [row["input"] for row in rows] == ["one\\udcff.png", "one\\udcff.pdf"]


def test_wrong_use_is_one_line(pages, tmp_path, capsys):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.tif").write_bytes(b"")
    (tmp_path / "nothing").mkdir()
    for words, code, said in (
        ((), 2, "read needs pages"),
        (("one.png", "--resume"), 2, "--resume goes on writing to --out"),
        (("one.png", "--json", "--out", "o"), 2, "--json prints a line a page"),
        (
            ("one.png", "sub/one.tif", "--as", "alto"),
            2,
            "--as alto prints one document, and 2 are named; give a folder",
        ),
        (("one.png", "--as", "text", "tsv"), 2, "name a folder to write them to, with --out"),
        (("one.png", "--dpi", 5), 2, "--dpi 5; allowed: 10 to 1200"),
        (("one.png", "--set", "word_gap"), 2, "write KEY=VALUE"),
        (("one.png", "--set", "gap=1"), 2, "PageReader has no field 'gap'"),
        (("one.png", "--set", "batch=0"), 2, "page_reader.batch=0; allowed"),
        (("one.png", "sub/one.tif", "--out", "o"), 2, "would be written to one name, one"),
        (("nothing",), 1, "nothing holds no page; looked for .jpg"),
        (("one.png", "--out", "one.png"), 1, "cannot write to one.png"),
    ):
        assert read(*words) == code, words
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    for words, said in (
        (("detector",), "read needs a DETECTOR, a RECOGNIZER"),
        (("none", "recognizer", "one.png"), "no model at none"),
        (("recognizer", "detector", "one.png"), "recognizer (text_recognition/drawn) finds no text"),
    ):
        assert main(["read", *words]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    for number, scene in enumerate(reading_cases.scenes()):
        Image.fromarray(scene["image"]).save(folder / f"{number}.png")
    return folder


@pytest.mark.nightly
def test_trained_models_read_and_are_saved_as_one(runs, scenes, tmp_path, capsys):
    """Every word that is found is of the alphabet, and the saved reader says the same to the letter."""
    files = sorted(map(str, scenes.iterdir()))
    assert main(["read", *runs, *files, "--json", "--set", "margin=0.05", "--save", str(tmp_path / "reader")]) == 0
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert len(rows) == len(files)
    found = [line for row in rows for block in row["blocks"] for line in block["lines"]]
    assert found and all(set(line["text"]) <= {*reading_cases.ALPHABET, " "} for line in found)
    assert all(0 <= line["score"] <= 1 and np.isfinite(line["quad_xy"]).all() for line in found)
    assert main(["read", str(tmp_path / "reader"), *files, "--json"]) == 0
    assert [json.loads(row) for row in capsys.readouterr().out.splitlines()] == rows
    assert main(["read", str(tmp_path / "reader"), files[0], "--save", str(tmp_path / "again")]) == 2
    assert main(["read", *reversed(runs), files[0]]) == 2
    assert f"{runs[1]} (text_recognition/conv) finds no text" in capsys.readouterr().err
    Image.new("RGB", (2000, 16)).save(tmp_path / "long.png")
    assert main(["predict", runs[1], str(tmp_path / "long.png")]) == 0
    assert "long.png: of 2000 x 16 pixels 48 x 0.38 are left at 48 x 16" in capsys.readouterr().err
    assert main(["read", *runs, *files, "--set", "least_certainty=fitted"]) == 2
    assert "nothing was fitted to held-out lines" in capsys.readouterr().err, "their data has no validation split"
    assert main(["read", *runs, files[0], "--json", "--set", "detector.max_quads=1"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["blocks"]) <= 1 and "--set detector.max_quads=2" in captured.err


@pytest.mark.nightly
@pytest.mark.parametrize("spec", ["tflite:float32", "onnx"])
def test_exported_files_read_as_the_runs_do(runs, scenes, spec, capsys):
    """Each with its own detector and recognizer, line by line."""
    files, said = sorted(map(str, scenes.iterdir())), []
    recipes = [load_run(run).recipe for run in runs]
    places = {"tflite:float32": "tflite/models/{}/model.tflite", "onnx": "onnx/{}/model.onnx"}
    paths = [store.exported(r, tuple(places), 8)[2] / places[spec].format(r.name) for r in recipes]
    for models in (runs, map(str, paths)):
        assert main(["read", *models, *files, "--json"]) == 0
        rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
        said.append([[line["text"] for block in row["blocks"] for line in block["lines"]] for row in rows])
    assert said[0] == said[1] and any(said[0])
