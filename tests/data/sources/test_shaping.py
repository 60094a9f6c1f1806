"""Scripts whose letters join or run from right to left: drawn as HarfBuzz and FriBiDi say, told in the right order."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, features

from kerasvision.core.characters import BLANK, classes_of, text_of
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.sources._lines import font_of, lacking, render
from kerasvision.data.sources._shaping import is_shaped, layout_of
from kerasvision.data.sources._signs import _patch
from kerasvision.data.sources._wording import reordered
from kerasvision.edge.pages.line_direction import line_as_read, line_as_seen
from kerasvision.edge.pages.strips import as_seen, runs_from_right_to_left, vote_of
from kerasvision.systems.lines import LineDecoder
from tests.data.sources.test_rendered_text import PLAIN, SANS, ink

raqm = pytest.mark.skipif(not features.check("raqm"), reason="Pillow has no Raqm here: FriBiDi is not installed")
BEH = "\u0628"
JOINED = "\ufe90\ufe92\ufe91"  # its final, medial and initial forms, as they stand from left to right
LINES = (  # in reading order
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "\u05d0\u05d1 12/34",
    "\u05d0\u05d1 \u05d2 abc de \u05d3\u05d4",
    "abc \u05d0\u05d1 \u05d2\u05d3 de",
    "(\u05d0\u05d1) 3.5% \u05d2",
)
MIXED = (  # several of which look alike, so that the order of reading does not come back
    "\u05d0\u05d1 5 6",
    "050 123 \u05d0\u05d1\u05d2\u05d3",
    "abc \u05d0\u05d1\u05d2\u05d3.",
    "\u05d0\u05d1\u05d2\u05d3, abc",
    "A1: \u05d0\u05d1\u05d2 5",
    "\u05d0\u05d1 -5",
    "\u05d0\u05d1 - 5",
    "3 + 4 \u05d0\u05d1",
)


def drawn(text, layout=ImageFont.Layout.BASIC):
    """bool [H, W]: its letters one by one from left to right, by Pillow alone."""
    page = Image.new("L", (400, 60), 255)
    ImageDraw.Draw(page).text((10, 10), text, 0, ImageFont.truetype(SANS, 24, layout_engine=layout))
    return ink(np.asarray(page)[..., None])


def one_by_one(text):
    """As `drawn`, by HarfBuzz with its distances: all are told to go from left to right (LRO of Unicode's annex 9)."""
    return drawn(f"\u202d{text}\u202c", ImageFont.Layout.RAQM)


def apart(one, other):
    """The share of pixels that differ; 1 of pictures of other sizes."""
    return (one != other).mean() if one.shape == other.shape else 1.0


@raqm
def test_arabic_letters_are_joined():
    """Against the joined forms that Unicode has as characters of their own."""
    assert lacking(SANS, [*JOINED, BEH]) == []
    for seed in range(3):
        found = ink(render(PLAIN, 3 * BEH, [seed]))
        assert apart(found, drawn(JOINED)) < 0.05 < apart(found, drawn(3 * BEH))
    assert abs(drawn(JOINED).shape[1] - drawn(3 * BEH).shape[1]) > 10


def test_places_are_those_of_unicode_s_algorithm():
    """Against python-bidi, which leaves brackets as they are: lines of words, numbers and signs at random; and the
    words of searchable PDFs.
    """
    bidi = pytest.importorskip("bidi")
    rng = np.random.default_rng(0)
    letters = {
        "r": "\u05d0\u05d1\u05d2",
        "a": "\u0628\u062a",
        "l": "abC",
        "d": "0129",
        "m": "\u05d0b3\u0628.,:;-+/%$()[]!",
    }
    bare, count = str.maketrans(")]", "(["), 0
    for _ in range(2000):
        kinds = rng.choice(list("rraldm"), rng.integers(1, 7))
        line = " ".join("".join(rng.choice(list(letters[k]), rng.integers(1, 5))) for k in kinds)
        if not runs_from_right_to_left(line):
            continue
        base, count = "R" if vote_of(line) > 0 else "L", count + 1
        found = text_of(line_as_seen(classes_of(line)))
        assert found.translate(bare) == bidi.get_display(line, base_dir=base).translate(bare), ascii(line)
        for word in filter(runs_from_right_to_left, line.split()):
            assert "".join(as_seen(word)).translate(bare) == bidi.get_display(word, base_dir="R").translate(bare), word
    assert count > 1000


@raqm
@pytest.mark.parametrize("line", [*LINES, *MIXED])
def test_characters_from_left_to_right_are_where_fribidi_puts_them(line):
    told = text_of(line_as_seen(classes_of(line)))
    found = ink(render(PLAIN, line, [1]))
    assert apart(found, one_by_one(told)) < 0.01 < apart(found, one_by_one(line))
    patch, _ = _patch(line, font_of(SANS, 24, layout_of(line)))
    assert apart(ink(255 - np.asarray(patch)[..., None]), one_by_one(told)) < 0.01


@pytest.mark.parametrize("line", [*LINES, "plain (text) 12", "", " "])
def test_what_is_seen_is_read_back(line):
    names = classes_of(line)
    assert line_as_read(line_as_seen(names)) == names
    assert (line_as_seen(names) == names) == (not any("\u0590" < point < "\u0600" for point in line))


def test_lines_that_are_answered_in_another_order_are_told():
    assert reordered([*LINES, "plain"]) == ()
    (told,) = reordered([*LINES, MIXED[0], MIXED[1]])
    assert told.startswith("two_directions: 2 of 7 lines: ")


def test_letters_that_stand_one_by_one_need_no_raqm():
    assert not any(map(is_shaped, ("Hxg 42", "\u00e9\u0142\u03b1\u0416", "\u4e2d\u3042\uac00")))
    assert all(map(is_shaped, (BEH, "\u05d0", "\u0939\u093f", "\u0e01", "\u1780", "x\u0628x")))
    assert [layout_of(text) for text in ("a", BEH)] == [ImageFont.Layout.BASIC, ImageFont.Layout.RAQM]


def source(folder, text, name="rendered_text", **fields):
    (folder / "words.txt").write_text(text, encoding="utf-8")
    return create(f"sources/{name}", texts=(str(folder / "words.txt"),), **fields)


def test_without_raqm_such_texts_are_refused_and_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    fields = {"lines": (2, 0, 0), "length": (1, 4)}
    for text in (BEH, "\u0939\u093f", "\u05d0"):
        with pytest.raises(
            KerasVisionError, match=f"join, combine or run from right to left .{text}.*libfribidi0"
        ) as e:
            source(tmp_path, f"ab {text} c " * 20, **fields).open()
        assert "\n" not in str(e.value)
    assert source(tmp_path, "ab c " * 20, **fields).open().splits["train"].size == 2


@raqm
def test_truth_is_in_reading_order_and_characters_from_left_to_right(tmp_path):
    opened = source(tmp_path, "\u05d0\u05d1 12 " * 30, lines=(8, 0, 0), length=(5, 5)).open()
    told = set()
    for row in opened.splits["train"].records.as_numpy_iterator():
        told.add((row["line"].decode(), text_of([opened.classes[k] for k in row["characters"]])))
    assert told == {("\u05d0\u05d1 12", "12 \u05d1\u05d0"), ("12 \u05d0\u05d1", "\u05d1\u05d0 12")}
    with pytest.raises(KerasVisionError, match="sets words from left to right, and the texts have 30 from"):
        source(tmp_path, "\u05d0\u05d1 12 " * 30, "rendered_page").open()


def test_a_line_is_described_in_reading_order():
    """Alef, bet, a blank and a number, seen from left to right."""
    classes = ("1", "2", "\u05d0", "\u05d1", BLANK)
    arch = create("text_recognition/conv", num_classes=5, image_size=(16, 48))
    seen = np.int32([0, 1, 4, 3, 2, -1])
    values = {"labels": seen, "scores": np.ones(6), "boxes_xyxy": np.zeros((6, 4)), "count": 5, "path_score": 1.0}
    said = arch.describe(values, classes)
    assert said["text"] == "\u05d0\u05d1 12"
    assert [row["text"] for row in said["characters"]] == ["1", "2", " ", "\u05d1", "\u05d0"]
    assert LineDecoder(classes, lexicon=("\u05d0\u05d1 12", "21")).rules.texts == [(0, 1, 4, 3, 2), (1, 0)]
    with pytest.raises(UsageError, match="a pattern is matched from left to right, and the alphabet has letters from"):
        LineDecoder(classes, pattern="[12]+")
