"""Pages that were read as files: text, JSON, hOCR, ALTO and TSV. Each takes the pages of one document and gives a text.

hOCR: T. Breuel, K. Baierer, hOCR 1.2, 2016 (kba.github.io/hocr-spec/1.2), sections 4, 5 and 7. ALTO: Library of
Congress, ALTO 4.2, 2020 (loc.gov/standards/alto). TSV has the columns of tesseract's.
"""

import json
import math
from xml.sax.saxutils import escape, quoteattr

from kerasvision.core.escaping import utf8_text

_ALTO = "http://www.loc.gov/standards/alto/ns-v4#"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_COLUMNS = ("level", "page_num", "block_num", "par_num", "line_num", "word_num", "left", "top", "width", "height")
_PAGE, _BLOCK, _PARAGRAPH, _LINE, _WORD = 1, 2, 3, 4, 5  # levels of a TSV's rows
_NOT_XML = {c: " " for c in range(32) if c not in (9, 10, 13)} | {0xFFFE: " ", 0xFFFF: " "}


def to_text(pages, name):
    """UTF-8 text: an empty row between paragraphs, a form feed between pages. Arguments of all: `Page`s of a document,
    None in place of one that could not be read, whose number is left out (here: an empty page); and what it is called,
    of which bytes that are no UTF-8 are spelled (`core.escaping.utf8_text`).
    """
    return "\f".join(page.text + "\n" if page and page.blocks else "" for page in pages)


def to_json(pages, name):
    """{"file", "pages": [{"page", "width", "height", "blocks": [{"lines": [{"text", "score", "quad_xy", "words"}]}],
    "unread", "is_full", "turn", "is_turn_known"}]}, a page counted from 1.
    """
    rows = [{"page": number} | page.to_json() for number, page in _read(pages)]
    return json.dumps({"file": utf8_text(name), "pages": rows}, ensure_ascii=False, indent=1) + "\n"


def to_hocr(pages, name):
    """XHTML with ocr_page, ocr_carea and ocr_par of a paragraph, ocr_line and ocrx_word, boxes in whole pixels."""
    body = "\n".join(_hocr_page(page, number, name) for number, page in _read(pages))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="und" lang="und">\n<head>\n'
        f"<title>{_safe(name)}</title>\n"
        '<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>\n'
        '<meta name="ocr-system" content="kerasvision"/>\n'
        '<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_par ocr_line ocrx_word"/>\n'
        f'<meta name="ocr-number-of-pages" content="{len(_read(pages))}"/>\n'
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def to_alto(pages, name):
    """XML with a TextBlock a paragraph, TextLine and String, in pixels; a polygon of every line and word."""
    body = "\n".join(_alto_page(page, number) for number, page in _read(pages))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<alto xmlns="{_ALTO}" xmlns:xsi="{_XSI}" '
        f'xsi:schemaLocation="{_ALTO} http://www.loc.gov/standards/alto/v4/alto-4-2.xsd" SCHEMAVERSION="4.2">\n'
        "<Description>\n<MeasurementUnit>pixel</MeasurementUnit>\n"
        f"<sourceImageInformation><fileName>{_safe(name)}</fileName></sourceImageInformation>\n"
        '<Processing ID="reading"><processingCategory>contentGeneration</processingCategory>'
        "<processingSoftware><softwareName>kerasvision</softwareName></processingSoftware></Processing>\n"
        f"</Description>\n<Layout>\n{body}\n</Layout>\n</alto>\n"
    )


def to_tsv(pages, name):
    """Rows of tesseract's columns: level, page, block, paragraph, line, word, box, confidence 0..100, text."""
    rows = ["\t".join((*_COLUMNS, "conf", "text"))]
    for number, page in _read(pages):
        rows.append(_row(_PAGE, (number, 0, 0, 0, 0), (0, 0, *page.size_wh)))
        for b, block in enumerate(page.blocks, 1):
            around = _box([line.quad_xy for line in block], page)
            rows += [_row(level, (number, b, int(level == _PARAGRAPH), 0, 0), around) for level in (_BLOCK, _PARAGRAPH)]
            for i, line in enumerate(block, 1):
                rows.append(_row(_LINE, (number, b, 1, i, 0), _box([line.quad_xy], page)))
                for w, word in enumerate(line.words, 1):
                    place = (number, b, 1, i, w)
                    text = word.text.replace("\t", " ").replace("\n", " ")
                    rows.append(_row(_WORD, place, _box([word.quad_xy], page), f"{100 * word.score:.2f}", text))
    return "\n".join(rows) + "\n"


# name of a form -> (what a file's name ends with, pages and a name -> text)
FORMS = {
    "text": (".txt", to_text),
    "json": (".json", to_json),
    "hocr": (".hocr", to_hocr),
    "alto": (".alto.xml", to_alto),
    "tsv": (".tsv", to_tsv),
}


def _read(pages):
    """[(number from 1, `Page`)] of those that could be read."""
    return [(number, page) for number, page in enumerate(pages, 1) if page]


def _safe(text):
    return escape(utf8_text(text).translate(_NOT_XML))


def _attribute(text):
    return quoteattr(utf8_text(text).translate(_NOT_XML))


def _box(quads, page):
    """(left, top, right, bottom) in whole pixels, of what is within the page; a pixel wide and high at least."""
    width, height = page.size_wh
    xs, ys = ([point[axis] for quad in quads for point in quad] for axis in (0, 1))
    left, top = min(max(0, math.floor(min(xs))), width - 1), min(max(0, math.floor(min(ys))), height - 1)
    right, bottom = max(min(width, math.ceil(max(xs))), left + 1), max(min(height, math.ceil(max(ys))), top + 1)
    return left, top, right, bottom


def _row(level, place, box, confidence="-1", text=""):
    left, top, right, bottom = box
    return "\t".join(map(str, (level, *place, left, top, right - left, bottom - top, confidence, text)))


def _hocr_page(page, number, name):
    width, height = page.size_wh
    image = name.replace('"', "'").replace(";", ",")  # which the grammar of titles has no other place for
    title = _attribute(f'image "{image}"; bbox 0 0 {width} {height}; ppageno {number - 1}')
    areas = []
    for b, block in enumerate(page.blocks, 1):
        box = "bbox {} {} {} {}".format(*_box([line.quad_xy for line in block], page))
        lines = "\n".join(_hocr_line(line, page, f"{number}_{b}_{i}") for i, line in enumerate(block, 1))
        areas.append(
            f'<div class="ocr_carea" id="block_{number}_{b}" title="{box}">\n'
            f'<p class="ocr_par" id="par_{number}_{b}" title="{box}">\n{lines}\n</p>\n</div>'
        )
    return "\n".join([f'<div class="ocr_page" id="page_{number}" title={title}>', *areas, "</div>"])


def _hocr_line(line, page, place):
    box, words = "bbox {} {} {} {}".format(*_box([line.quad_xy], page)), []
    for w, word in enumerate(line.words, 1):
        title = "bbox {} {} {} {}; x_wconf {}".format(*_box([word.quad_xy], page), round(100 * word.score))
        words.append(f'<span class="ocrx_word" id="word_{place}_{w}" title="{title}">{_safe(word.text)}</span>')
    return f'<span class="ocr_line" id="line_{place}" title="{box}">{" ".join(words)}</span>'


def _alto_page(page, number):
    width, height = page.size_wh
    blocks = []
    for b, block in enumerate(page.blocks, 1):
        lines = "\n".join(_alto_line(line, page, f"{number}_{b}_{i}") for i, line in enumerate(block, 1))
        around = _place([line.quad_xy for line in block], page)
        blocks.append(f'<TextBlock ID="block_{number}_{b}" {around}>\n{lines}\n</TextBlock>')
    space = f'HPOS="0" VPOS="0" WIDTH="{width}" HEIGHT="{height}"'
    begin = f'<Page ID="page_{number}" PHYSICAL_IMG_NR="{number}" WIDTH="{width}" HEIGHT="{height}">'
    return "\n".join([begin, f"<PrintSpace {space}>", *blocks, "</PrintSpace>", "</Page>"])


def _alto_line(line, page, place):
    words = "<SP/>".join(
        f'<String ID="word_{place}_{w}" {_place([word.quad_xy], page)} CONTENT={_attribute(word.text)} '
        f'WC="{min(max(word.score, 0.0), 1.0):.4f}">{_shape(word)}</String>'
        for w, word in enumerate(line.words, 1)
    )
    return f'<TextLine ID="line_{place}" {_place([line.quad_xy], page)}>{_shape(line)}{words}</TextLine>'


def _place(quads, page):
    left, top, right, bottom = _box(quads, page)
    return f'HPOS="{left}" VPOS="{top}" WIDTH="{right - left}" HEIGHT="{bottom - top}"'


def _shape(held):
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in held.quad_xy)
    return f'<Shape><Polygon POINTS="{points}"/></Shape>'
