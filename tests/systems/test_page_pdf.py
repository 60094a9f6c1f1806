"""Pages as PDFs that can be searched, opened by PDFium, and by poppler's pdftotext where it is installed."""

import io
import re
import shutil
import subprocess
from html import unescape

import jiwer
import numpy as np
import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from PIL import Image

from kerasvision.core.characters import normalized
from kerasvision.core.errors import KerasVisionError
from kerasvision.edge.pages import strips
from kerasvision.edge.pages.page import Page, TextLine, Word, page_of
from kerasvision.systems import _pdf
from kerasvision.systems.base import Session
from kerasvision.systems.page_pdf import write_pdf
from kerasvision.systems.page_reader import PageReader
from tests.systems.drawn_pages import Finder, Reader, painted, printed
from tests.systems.test_page_reader import SEEN

DOTS = 150.0
POPPLER = shutil.which("pdftotext")
TEXTS = {
    "latin": ["one two, three (four)", "x \u00e9 I; a 12"],
    "cyrillic": ["\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u0401\u0436\u0438\u043a"],
    "devanagari": ["\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e"],
    "arabic": [
        "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
        "\u0645\u0631\u062d\u0628\u0627 12/34 \u0633\u0644\u0627\u0645",
    ],
    "marks": [
        "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u05de\u05b4\u05d1\u05bc\u05b0\u05e8\u05b5",
        "\u0643\u0650\u062a\u064e\u0627\u0628",
    ],
    "others": ["\u65e5\u672c \u8a9e \U0001f600 \U0001f600\U0001f601 e\u0323\u0302\u0301"],
}  # fmt: skip


def box(left, top, right, bottom):
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def laid(texts):
    """A page of lines, of which words are 80 pixels wide; from right to left where a line is."""
    lines = []
    for row, text in enumerate(map(normalized, texts)):
        parts, top = text.split(), 20 + 40 * row
        places = [box(20 + 95 * i, top, 100 + 95 * i, top + 24) for i in range(len(parts))]
        places = places[::-1] if strips.runs_from_right_to_left(text) else places
        words = tuple(Word(part, 0.9, place) for part, place in zip(parts, places, strict=True))
        lines.append(TextLine(words, 0.9, box(20, top, 500, top + 24)))
    return Page((600, 300), (tuple(lines),))


def printed_page(columns):
    """A page as the reader gives it, of models that are never wrong; not turned."""
    lines, size = printed(columns, 3, skew_deg=0.0)
    models = {"detector": Finder([line.quad for line in lines]), "recognizer": Reader(lines)}
    return page_of(Session(PageReader(), models).step({"image": painted(lines, size)}))


def white(page):
    return np.full((*page.size_wh[::-1], 3), 255, np.uint8)


def written(tmp_path, *pages, pixels=None, **more):
    path = tmp_path / "a.pdf"
    write_pdf(path, pages, lambda n: white(pages[n]) if pixels is None else pixels, DOTS, 'a "scan" \u05d0.tif', **more)
    return path


def words_of(text):
    """Words as they come out, in NFC, without what turns text around."""
    return normalized(re.sub("[\u202a-\u202e]", "", text)).split()


@pytest.mark.parametrize("script", TEXTS)
def test_text_of_any_script_comes_back(tmp_path, script):
    page = laid(TEXTS[script])
    with pypdfium2.PdfDocument(written(tmp_path, page)) as document:
        text = document[0].get_textpage().get_text_range()
    assert [words_of(row) for row in text.splitlines()] == [words_of(line.text) for line in page.lines]


@pytest.mark.skipif(not POPPLER, reason="pdftotext (poppler-utils) is not installed")
@pytest.mark.parametrize("script", TEXTS)
def test_pdftotext_gives_text_of_any_script_back(tmp_path, script):
    page = laid(TEXTS[script])
    said = subprocess.run([POPPLER, written(tmp_path, page), "-"], capture_output=True, check=True).stdout.decode()
    rows = [words_of(row) for row in said.splitlines() if row.strip("\f")]
    glued = [["".join(row)] if script == "arabic" and i else row for i, row in enumerate(rows)]
    there = [words_of(line.text) for line in page.lines]
    # poppler 22 puts the blank before a number within Arabic on its other side
    assert glued == [["".join(row)] if script == "arabic" and i else row for i, row in enumerate(there)]


@pytest.mark.parametrize(("seen", "meant"), list(SEEN.items()))
def test_words_from_right_to_left_are_put_as_they_are_seen(seen, meant):
    assert "".join(strips.as_seen(list(meant))) == seen
    assert strips.as_seen(list("a(b)1")) == list("a(b)1")


@pytest.mark.parametrize("columns", [1, 2])
def test_pdfium_finds_words_where_they_stand(tmp_path, columns):
    page = printed_page(columns)
    with pypdfium2.PdfDocument(written(tmp_path, page)) as document:
        held = document[0].get_textpage()
        assert words_of(held.get_text_range()) == words_of(page.text), "in reading order"
        assert_places(held, page)


def assert_places(held, page, within=3.0):
    """Boxes of words by those of their characters, in pixels."""
    characters = [held.get_text_range(i, 1) for i in range(held.count_chars())]
    ends = [-1, *(i for i, c in enumerate(characters) if c.isspace()), len(characters)]
    runs = [(a + 1, b) for a, b in zip(ends[:-1], ends[1:], strict=True) if b - a > 1]
    found = {}
    for a, b in runs:
        boxes = np.array([held.get_charbox(i, loose=True) for i in range(a, b)]) * DOTS / 72
        found.setdefault("".join(characters[a:b]), []).append([*boxes[:, :2].min(0), *boxes[:, 2:].max(0)])
    there = [word for line in page.lines for word in line.words]
    assert len(runs) == len(there)
    for word in there:
        quad = np.array(word.quad_xy) * [1, -1] + [0, page.size_wh[1]]
        assert np.abs(np.array(found[word.text]) - [*quad.min(0), *quad.max(0)]).max(1).min() < within, word


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_words_of_a_turned_page_stand_where_they_are(tmp_path, turns):
    page = printed_page(1)
    size, lines = page.size_wh, []
    for line in page.lines:
        words = tuple(Word(w.text, w.score, turned(w.quad_xy, turns, size)) for w in line.words)
        lines.append(TextLine(words, line.score, turned(line.quad_xy, turns, size)))
    page = Page(size[::-1] if turns % 2 else size, (tuple(lines),))
    with pypdfium2.PdfDocument(written(tmp_path, page)) as document:
        assert_places(document[0].get_textpage(), page)


@pytest.mark.parametrize(("gap", "end"), [(4.1, 100.0), (3.9, 99.9), (-22.0, 75.0)])
def test_words_that_touch_are_parted(tmp_path, gap, end):
    """0.16 heights of 25 pixels are 4; at most a quarter of a word is taken."""
    words = tuple(
        Word(text, 0.9, place) for text, place in (("ab", box(20, 20, 120, 45)), ("cd", box(120 + gap, 20, 220, 45)))
    )
    page = Page((600, 300), ((TextLine(words, 0.9, box(20, 20, 220, 45)),),))
    with pypdfium2.PdfDocument(written(tmp_path, page)) as document:
        held = document[0].get_textpage()
        assert held.get_text_range().split() == ["ab", "cd"]
        assert held.get_charbox(1, loose=True)[2] * DOTS / 72 == pytest.approx(20 + end, abs=0.01)


def turned(quad, turns, size_wh):
    """Points of a picture that is turned by 90 degrees to the right, so often."""
    for _ in range(turns):
        quad, size_wh = tuple((size_wh[1] - y, x) for x, y in quad), size_wh[::-1]
    return quad


@pytest.mark.skipif(not POPPLER, reason="pdftotext (poppler-utils) is not installed")
@pytest.mark.parametrize(("columns", "how"), [(1, ()), (1, ("-raw",)), (2, ("-raw",)), (3, ("-raw",))])
def test_pdftotext_gives_the_page_back(tmp_path, columns, how):
    """Without -raw it looks for columns by itself, and reads across some; with it the order is that of the file."""
    page = printed_page(columns)
    path = written(tmp_path, page)
    said = subprocess.run([POPPLER, *how, path, "-"], capture_output=True, check=True).stdout.decode()
    assert jiwer.cer(" ".join(words_of(page.text)), " ".join(words_of(said))) <= 0.005
    boxes = subprocess.run([POPPLER, "-bbox", path, "-"], capture_output=True, check=True).stdout.decode()
    rows = re.findall(r'<word xMin="(.*)" yMin="(.*)" xMax="(.*)" yMax="(.*)">(.*)</word>', boxes)
    found = [(unescape(text), np.array(list(map(float, place))) * DOTS / 72) for *place, text in rows]
    there = [word for line in page.lines for word in line.words]
    assert len(found) == len(there)
    for word in there:
        quad = np.array(word.quad_xy)
        meant = np.array([*quad.min(0), *quad.max(0)])
        assert min(np.abs(place - meant).max() for text, place in found if text == word.text) < 3.0, word


def drawn(path, number=0):
    with pypdfium2.PdfDocument(path) as document:
        return document[number].render(scale=DOTS / 72).to_numpy()[..., :3][..., ::-1].astype(int)


def smooth(gray=False):
    y, x = np.mgrid[:300, :600]
    red = np.uint8(127 + 100 * np.sin(x / 40) * np.cos(y / 50))
    return np.stack([red, red if gray else np.uint8(x * 255 // 599), red if gray else np.uint8(y * 255 // 299)], -1)


def test_it_shows_the_picture_and_no_text(tmp_path):
    black_and_white = np.where(smooth(gray=True) > 127, 255, 0).astype(np.uint8)
    page, sizes = laid(TEXTS["latin"]), []
    for pixels, most in ((smooth(), 3), (smooth(gray=True), 3), (black_and_white, 0)):
        path = written(tmp_path, page, pixels=pixels)
        assert np.abs(drawn(path) - pixels).max() <= most
        sizes.append(path.stat().st_size)
    assert sizes == sorted(sizes, reverse=True), "gray takes less than color, black and white less than gray"
    assert b"/BitsPerComponent 1 /Filter /FlateDecode" in path.read_bytes()


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_is_put_as_it_is(tmp_path, mode):
    held = io.BytesIO()
    Image.fromarray(smooth(mode == "L")).convert(mode).save(held, "JPEG", quality=95)
    path = written(tmp_path, laid(TEXTS["latin"]), pixels=smooth(), jpeg=(held.getvalue(), mode == "L"))
    assert held.getvalue() in path.read_bytes()
    assert np.abs(drawn(path) - np.asarray(Image.open(held).convert("RGB")).astype(int)).max() <= 4


def test_pages_keep_their_numbers_and_sizes(tmp_path):
    page, small = laid(TEXTS["latin"]), Page((90, 60), ())
    path = written(tmp_path, None, page, small, None)
    with pypdfium2.PdfDocument(path) as document:
        sizes = [tuple(np.round(np.array(held.get_size()) * DOTS / 72, 2).tolist()) for held in document]
        texts = [held.get_textpage().get_text_range() for held in document]
        assert document.get_metadata_value("Title") == 'a "scan" \u05d0.tif'
    assert sizes == [(600, 300), (600, 300), (90, 60), (600, 300)]
    assert [bool(text) for text in texts] == [False, True, False, False]


def test_a_page_is_no_larger_than_readers_take(tmp_path):
    for width, points in ((14400, 14400), (14401, 14400), (14399, 14399)):
        path = tmp_path / "a.pdf"
        write_pdf(path, [Page((width, 4), ())], lambda n, w=width: np.zeros((4, w, 3), np.uint8), 72.0, "a")
        with pypdfium2.PdfDocument(path) as document:
            assert document[0].get_width() == pytest.approx(points, abs=1e-2)


def test_the_table_says_where_objects_stand(tmp_path):
    """Which PDFium and poppler would mend in silence (ISO 32000-1, 7.5.4)."""
    content = written(tmp_path, laid(TEXTS["latin"]), None).read_bytes()
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", content).group(1))
    assert content[start:].startswith(b"xref\n0 ")
    rows = re.findall(rb"(\d{10}) (\d{5}) ([nf]) \n", content[start:])
    assert rows[0] == (b"0000000000", b"65535", b"f")
    for number, (place, _, kind) in enumerate(rows[1:], 1):
        assert kind == b"n" and content[int(place) :].startswith(b"%d 0 obj\n" % number)
    assert b"/Size %d " % len(rows) in content[start:]
    for head, length in re.findall(rb"(/Length (\d+) >>\nstream\n)", content):
        end = content.index(head) + len(head) + int(length)
        assert content[end:].startswith(b"\nendstream\nendobj")


def test_the_font_is_a_truetype_font():
    font = TTFont(io.BytesIO(_pdf.truetype()), checkChecksums=2)
    glyph = font["glyf"][font.getGlyphName(1)]
    points, ends, _ = glyph.getCoordinates(font["glyf"])
    assert list(points) == [(0, -200), (500, 800)] and ends == [1]
    assert font["hmtx"].metrics[font.getGlyphName(1)] == (500, 0) and font["head"].unitsPerEm == 1000
    assert (font["hhea"].ascent, font["hhea"].descent, font["maxp"].numGlyphs) == (800, -200, 2)


def test_what_goes_wrong_leaves_nothing_behind(tmp_path):
    page = laid(TEXTS["latin"])

    def broken(number):
        raise KerasVisionError("damaged")

    with pytest.raises(KerasVisionError, match="damaged"):
        write_pdf(tmp_path / "a.pdf", [page], broken, DOTS, "a")
    with pytest.raises(KerasVisionError, match="cannot write .*none"):
        write_pdf(tmp_path / "none" / "a.pdf", [page], lambda n: white(page), DOTS, "a")
    assert list(tmp_path.iterdir()) == []
