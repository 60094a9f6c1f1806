"""Pages as files: hOCR by the validator of its specification, ALTO by the rules of its schema, and back again."""

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from hocr_spec import HocrValidator

from kerasvision.edge.pages.page import Page, TextLine, Word
from kerasvision.systems.page_files import FORMS
from tests.systems import alto_rules

HTML = "{http://www.w3.org/1999/xhtml}"


def box(left, top, right, bottom):
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def line(text, left, top, score=0.9):
    words = tuple(
        Word(w, score, box(left + 30 * i, top, left + 30 * i + 25.4, top + 10)) for i, w in enumerate(text.split())
    )
    return TextLine(words, score, box(left, top, left + 30 * len(words), top + 10))


HOSTILE = "a<b> \"&' \u05d0\u0001]]>"  # a control character has no place in XML
PAGES = [
    Page((200, 100), ((line("one two", 5.5, 5), line("three", 5, 20)), (line(HOSTILE, 100, 5, 1.0),)), 2),
    Page((50, 60), ()),
    Page((90, 90), ((line("beyond", -9.0, -4.0),), (line("right", 120.0, 95.0, 0.0),))),
]
NAME = 'a "scan"; & <1>.tif'


def written(form, pages=PAGES, name=NAME):
    return FORMS[form][1](pages, name)


def test_text_has_rows_paragraphs_and_pages():
    first, second, third = written("text").split("\f")
    assert first == f"one two\nthree\n\n{' '.join(HOSTILE.split())}\n" and second == "" and third == "beyond\n\nright\n"


def test_json_is_what_can_be_read_again():
    held = json.loads(written("json"))
    assert held["file"] == NAME and [page["page"] for page in held["pages"]] == [1, 2, 3]
    assert [Page.from_json(page) for page in held["pages"]] == PAGES
    row = held["pages"][0]["blocks"][0]["lines"][0]
    assert row["text"] == "one two" and row["words"][1]["quad_xy"][0] == [35.5, 5] and row["score"] == 0.9


def validated(text, path):
    path.write_text(text, encoding="utf-8")
    report = HocrValidator("standard").validate(str(path))
    return [str(item) for item in report.items if item.level in ("ERROR", "FATAL")]


@pytest.mark.parametrize("pages", [PAGES, PAGES[1:2]], ids=["three", "empty"])
def test_hocr_is_valid(pages, tmp_path):
    assert validated(written("hocr", pages), tmp_path / "a.hocr") == []


def test_the_validator_sees_what_is_wrong(tmp_path):
    good = written("hocr", PAGES[:1])
    for before, after in (
        ("x_wconf 90", "x_wconf ninety"),
        ("bbox 5 5 31 15", "bbox 5 5 x 15"),
        ("ppageno 0", "ppageno x"),
        ("ocr_page ocr_carea ocr_par", "ocr_page ocr_par"),
    ):
        assert before in good
        assert validated(good.replace(before, after), tmp_path / "a.hocr"), after


def test_hocr_has_what_its_specification_requires_and_the_validator_does_not_ask():
    """hOCR 1.2: sections 7.1 and 7.2, metadata; 4.1 and 5, a bbox of every area; 3.2, classes of their hierarchy."""
    root = ElementTree.fromstring(written("hocr").encode())
    metas = {e.get("name") for e in root.iter(f"{HTML}meta")}
    assert {"ocr-system", "ocr-capabilities"} <= metas
    parents = {child: parent for parent in root.iter() for child in parent}
    inside = {"ocr_carea": "ocr_page", "ocr_par": "ocr_carea", "ocr_line": "ocr_par", "ocrx_word": "ocr_line"}
    areas = [e for e in root.iter() if e.get("class", "").startswith("ocr")]
    assert {e.get("class") for e in areas} == {"ocr_page", *inside}
    for element in areas:
        assert re.search(r"(^|; )bbox( \d+){4}(;|$)", element.get("title"))
        if element.get("class") in inside:
            assert parents[element].get("class") == inside[element.get("class")]


def test_hocr_says_what_was_read():
    root = ElementTree.fromstring(written("hocr").encode())
    pages = [e for e in root.iter(f"{HTML}div") if e.get("class") == "ocr_page"]
    assert len(pages) == 3 and pages[0].get("title") == "image \"a 'scan', & <1>.tif\"; bbox 0 0 200 100; ppageno 0"
    words = [e for e in root.iter(f"{HTML}span") if e.get("class") == "ocrx_word"]
    assert [w.text for w in words[:3]] == ["one", "two", "three"]
    assert words[0].get("title") == "bbox 5 5 31 15; x_wconf 90"
    assert [w.text for w in words if "<" in w.text] == ["a<b>"], "names and texts are not markup"
    boxes = [list(map(int, re.search(r"bbox (\d+) (\d+) (\d+) (\d+)", w.get("title")).groups())) for w in words[-2:]]
    assert boxes == [[0, 0, 17, 6], [89, 89, 90, 90]], "within the page, a pixel at least"
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("pages", [PAGES, PAGES[1:2]], ids=["three", "empty"])
def test_alto_keeps_the_rules_of_its_schema(pages):
    assert alto_rules.faults(written("alto", pages)) == []


def test_the_rules_see_what_is_wrong():
    good = written("alto", PAGES[:1])
    for before, after, words in (
        ("CONTENT=", "content=", "String lacks CONTENT"),
        ('PHYSICAL_IMG_NR="1" ', "", "Page lacks PHYSICAL_IMG_NR"),
        ("<MeasurementUnit>pixel", "<MeasurementUnit>px", "MeasurementUnit is px"),
        ('WC="0.9000"', 'WC="90"', "is no share"),
        ('ID="line_1_1_2"', 'ID="line_1_1_1"', "is no id"),
        ("<SP/>", "<SP/><SP/>", "TextLine holds"),
        ("<PrintSpace", "<PrintSpace/><PrintSpace", "Page holds"),
        ("<PrintSpace", "<BottomMargin/><PrintSpace", "BottomMargin is no element"),
    ):
        wrong = good.replace(before, after, 1)
        assert wrong != good
        found = alto_rules.faults(wrong)
        assert any(words in fault for fault in found), (after, found)


def test_alto_says_what_was_read():
    root = ElementTree.fromstring(written("alto").encode())
    strings = list(root.iter(f"{alto_rules.NAMESPACE}String"))
    assert [s.get("CONTENT") for s in strings] == [
        "one",
        "two",
        "three",
        *[w.replace("\x01", " ") for w in HOSTILE.split()],
        "beyond",
        "right",
    ]
    assert strings[0].attrib["WC"] == "0.9000" and strings[0].attrib["HPOS"] == "5"
    assert (
        strings[0]
        .find(f"{alto_rules.NAMESPACE}Shape/{alto_rules.NAMESPACE}Polygon")
        .get("POINTS")
        .startswith("5.5,5.0 ")
    )
    assert root.find(f".//{alto_rules.NAMESPACE}fileName").text == NAME


@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_can_be_written_whatever_the_file_is_called(form):
    """A byte that is no UTF-8 is half of a surrogate pair in a name (PEP 383); what is UTF-8 stays as it is."""
    text = written(form, name="\u05d0\udcff\U0001f600.tif")
    assert text.encode("utf-8").decode("utf-8") == text
    if form in ("json", "hocr", "alto"):
        assert "\u05d0\\udcff\U0001f600.tif" in (json.loads(text)["file"] if form == "json" else text)


@pytest.mark.parametrize("form", list(FORMS))
def test_a_page_that_could_not_be_read_leaves_the_others_their_numbers(form):
    text = written(form, [PAGES[1], None, PAGES[2]])
    numbers = {
        "text": lambda: [n for n, page in enumerate(text.split("\f"), 1) if page],
        "json": lambda: [page["page"] for page in json.loads(text)["pages"]],
        "hocr": lambda: [int(n) + 1 for n in re.findall(r"ppageno (\d+)", text)],
        "alto": lambda: [int(n) for n in re.findall(r'PHYSICAL_IMG_NR="(\d+)"', text)],
        "tsv": lambda: [int(row.split("\t")[1]) for row in text.splitlines() if row.startswith("1\t")],
    }[form]()
    assert numbers == ([3] if form == "text" else [1, 3]) and text.count("\f") == (2 if form == "text" else 0)
    if form == "hocr":
        assert 'name="ocr-number-of-pages" content="2"' in text
    if form == "alto":
        assert alto_rules.faults(text) == []


def test_tsv_has_tesseract_s_columns():
    rows = list(csv.DictReader(io.StringIO(written("tsv")), delimiter="\t", quoting=csv.QUOTE_NONE))
    levels = [row["level"] for row in rows]
    assert levels.count("1") == 3 and levels.count("2") == levels.count("3") == 4 and levels.count("4") == 5
    words = [row for row in rows if row["level"] == "5"]
    assert words[1] == {
        "level": "5", "page_num": "1", "block_num": "1", "par_num": "1", "line_num": "1", "word_num": "2",
        "left": "35", "top": "5", "width": "26", "height": "10", "conf": "90.00", "text": "two",
    }  # fmt: skip
    assert all(row["conf"] == "-1" and row["text"] == "" for row in rows if row["level"] != "5")
