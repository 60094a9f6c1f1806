"""`measure_reading.py` with readers whose errors are known, and a tesseract that a few lines of shell play."""

import argparse
import dataclasses
import importlib
import types

import numpy as np
import pytest

from kerasvision.core.registry import create
from kerasvision.edge.pages.page import Page, TextLine, Word
from tests.pipelines.drawn import FOLDER

SOURCE = create(
    "sources/rendered_text", lines=(1, 1, 12), length=(6, 16), classes=(*"abcdefghijklmnopqrstuvwxyz", "\u2423")
)
WORDS = 4  # of a line of the pages that the stand-in reads


@pytest.fixture(scope="module")
def scripts():
    """(`measure_reading`, `_readers`), imported as the interpreter does it that runs the script."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("measure_reading"), importlib.import_module("_readers")


def args_of(**fields):
    return argparse.Namespace(**{"photographs": None, "pdfs": None, "lines": 12, "pages": 1} | fields)


def known(scripts):
    """(what is on lines and on pages, by their pixels; the same pages in the order that the script asks for them)."""
    measure, _ = scripts
    lines = {image.tobytes(): text for _, held in measure.levels(SOURCE, args_of()) for image, text in held}
    there = {}
    for columns in measure.COLUMNS:
        for skew in measure.SKEWS:
            for image, words, quads in measure.pages(SOURCE, columns, skew, 1):
                there[image.tobytes()] = words, quads
    return lines, there


def page_of(words, quads, size_wh):
    """A `Page` of lines of some words each."""
    held = [Word(text, 0.9, tuple(map(tuple, quad.tolist()))) for text, quad in zip(words, quads, strict=True)]
    rows = [tuple(held[i : i + WORDS]) for i in range(0, len(held), WORDS)]
    return Page(size_wh, (tuple(TextLine(row, 0.9, row[0].quad_xy) for row in rows),))


def readers_of(scripts, lines, there):
    """Ours reads all but the first letter of every third line, of which it is less sure; the other one reads no blank,
    and pages by the height of words alone.
    """
    _, readers = scripts
    order = list(lines)

    def own_line(image):
        number, text = order.index(image.tobytes()) if image.tobytes() in lines else -1, lines.get(image.tobytes(), "")
        if number < 0:
            return readers.Line("zz", 0.2, 0.45)
        return readers.Line(text[1:], 0.4, 0.6) if number % 3 == 0 else readers.Line(text, 0.9, 0.95)

    def by_height(image):
        words, quads = there[image.tobytes()]
        rows = np.argsort(quads[:, :, 1].min(1), kind="stable")
        return [words[i] for i in rows], quads[rows]

    return {
        "kerasvision": readers.Reader(own_line, lambda image: there[image.tobytes()], 0.5),
        "tesseract": readers.Reader(lambda image: readers.Line(lines[image.tobytes()].replace(" ", "")), by_height),
    }


def test_the_table_has_the_errors_that_readers_make(scripts, monkeypatch):
    """Texts of both levels are the same; four of twelve lines lack a letter."""
    measure, _ = scripts
    for name, few in (("COLUMNS", (2,)), ("SKEWS", (10.0,)), ("UNKNOWN", {"Greek": measure.UNKNOWN["Greek"]})):
        monkeypatch.setattr(measure, name, few)
    monkeypatch.setattr(measure.shutil, "which", lambda name: None)
    lines, there = known(scripts)
    there |= {image.tobytes(): (words, quads) for image, words, quads in measure.pages(SOURCE, 2, 0.0, 1)}
    readers = readers_of(scripts, lines, there)

    def whole(image):
        return page_of(*there[image.tobytes()], image.shape[1::-1])

    rows, notes = measure.measured(args_of(), SOURCE, readers, whole)
    found = {(what, figure): values for what, figure, values in rows}
    texts = list(lines.values())[:12]
    letters = sum(map(len, texts))
    for level in ("clean", "degraded"):
        what = f"lines, {level} (12)"
        assert found[what, "CER"] == pytest.approx(
            {"kerasvision": 4 / letters, "tesseract": sum(text.count(" ") for text in texts) / letters}
        )
        assert found[what, "exact lines"]["kerasvision"] == pytest.approx(8 / 12)
        assert found[what, "F1 of blanks"] == {"kerasvision": 1.0, "tesseract": 0.0}
    # scores of .4, of which none is exact, and of .9, of which all are; one of twelve lines is refused
    what = "lines, degraded (12)"
    assert found[what, "calibration error of lines"]["kerasvision"] == pytest.approx(4 / 12 * 0.4 + 8 / 12 * 0.1)
    left = letters - len(next(text for number, text in enumerate(texts) if number % 3 == 0))
    assert found[what, "CER without the least sure tenth"]["kerasvision"] == pytest.approx(3 / left)
    assert found["lines, Greek (12)", "refused"] == {"kerasvision": 1.0}
    what = "pages, 2 columns, skew 10 (1)"
    assert found[what, "CER in reading order"]["kerasvision"] == 0.0 < found[what, "CER in reading order"]["tesseract"]
    tau = found[what, "Kendall's tau of words"]
    assert tau["kerasvision"] == pytest.approx(1.0) and tau["tesseract"] < 0.95
    assert found[what, "words found"] == {"kerasvision": 1.0, "tesseract": 1.0}
    assert {figure for what, figure in found if what == "files of pages (1)"} == {"CER from hocr", "CER from alto"}
    assert {found["files of pages (1)", f"CER from {form}"]["kerasvision"] for form in ("hocr", "alto")} == {0.0}
    assert any("give --photographs" in note for note in notes) and any("pdftotext is not installed" in n for n in notes)
    printed = measure.table(rows)
    assert len(printed) == len(rows) + 1 and len({len(line) for line in printed}) == 1


def test_without_tesseract_and_a_detector_the_rest_is_measured_and_that_is_said(scripts):
    measure, readers = scripts
    lines = {image.tobytes(): text for _, held in measure.levels(SOURCE, args_of(lines=2)) for image, text in held}
    mine = readers.Reader(lambda image: readers.Line(lines[image.tobytes()]))
    rows, notes = measure.measured(args_of(lines=2), SOURCE, {"kerasvision": mine, "tesseract": None}, None)
    assert {what for what, _, _ in rows} == {"lines, clean (2)", "lines, degraded (2)"}
    assert all(values in ({"kerasvision": 0.0}, {"kerasvision": 1.0}, {"kerasvision": None}) for *_, values in rows)
    said = "\n".join(notes)
    for words in ("tesseract is not installed", "no fitted least_certainty", "give --detector RUN"):
        assert words in said
    assert "-" in measure.table(rows)[1].split()[-1]


def test_a_script_of_the_texts_is_known_where_the_source_names_no_classes(scripts, monkeypatch):
    measure, readers = scripts
    monkeypatch.setattr(measure, "UNKNOWN", {"Latin": (ord("a"), ord("z") + 1)})
    reader = readers.Reader(lambda image: readers.Line("a", 0.1, 0.1), None, 0.5)
    assert measure.of_unknown(dataclasses.replace(SOURCE, classes=()), reader, 2, []) == []


TSV = """level\\tpage_num\\tblock_num\\tpar_num\\tline_num\\tword_num\\tleft\\ttop\\twidth\\theight\\tconf\\ttext
1\\t1\\t0\\t0\\t0\\t0\\t0\\t0\\t90\\t40\\t-1\\t
5\\t1\\t1\\t1\\t1\\t1\\t3\\t4\\t20\\t10\\t96.5\\ttwo
5\\t1\\t1\\t1\\t1\\t2\\t30\\t4\\t25\\t11\\t90\\twords
5\\t1\\t1\\t1\\t1\\t3\\t60\\t4\\t5\\t11\\t90\\t \\n"""


def test_tesseract_is_asked_for_lines_and_for_words_with_their_places(scripts, tmp_path, monkeypatch):
    _, readers = scripts
    program = f"""#!/bin/sh
cat > /dev/null
case "$*" in
  *"-l xx"*) echo "Error opening data file xx.traineddata" >&2; exit 1;;
  *"--psm 3 -l eng tsv"*) printf '{TSV}';;
  *"--psm 7 -l eng"*) printf 'one  line\\n\\014';;
esac
"""
    place = tmp_path / "tesseract"
    place.write_text(program)
    place.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    page = np.full((40, 90, 3), 255, np.uint8)
    reader = readers.tesseract("eng")
    assert reader.line(page).text == "one line"
    words, quads = reader.page(page)
    assert words == ["two", "words"]
    assert quads.tolist()[1] == [[30, 4], [55, 4], [55, 15], [30, 15]]
    with pytest.raises(SystemExit, match="tesseract -l xx failed: Error opening data file"):
        readers.tesseract("xx").line(page)
    monkeypatch.setenv("PATH", "")
    assert readers.tesseract("eng") is None


@pytest.mark.parametrize(
    ("read", "true", "f1"),
    [
        ("ab cd", "ab cd", 1.0),
        ("abcd", "ab cd", 0.0),
        ("a b cd", "ab cd", 2 / 3),
        ("abc d ef", "abc de f", 0.5),
        ("xbc d", "abc d", 1.0),
        ("abcd", "abcd", None),
        ("", "ab cd", 0.0),
    ],
)
def test_blanks_are_right_where_they_stand_where_they_should(scripts, read, true, f1):
    assert scripts[1].blanks_f1([read], [true]) == (f1 if f1 is None else pytest.approx(f1))


def test_a_run_of_another_source_is_one_line(scripts, monkeypatch, capsys):
    monkeypatch.setattr(scripts[0], "load", lambda run: types.SimpleNamespace(recipe=None))
    monkeypatch.setattr("sys.argv", ["measure_reading.py", "runs/lines.tflite"])
    with pytest.raises(SystemExit) as error:
        scripts[0].main()
    assert error.value.code == 2 and "runs/lines.tflite is no run on sources/rendered_text" in capsys.readouterr().err
