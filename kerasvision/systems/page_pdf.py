"""Pages that were read as a PDF that can be searched: pictures, and above them the words, unseen, where they stand.

Text is shown in rendering mode 3 (ISO 32000-1:2008, 9.3.6) by a font without areas, as tesseract does; each word is
stretched to its quad, and a blank stands behind it, up to the next one.
"""

import numpy as np

from kerasvision.core.escaping import utf8_text
from kerasvision.core.files import beside
from kerasvision.edge.pages.strips import as_seen
from kerasvision.systems import _pdf

SUFFIX = ".pdf"
_POINTS = 72.0  # in an inch
_MOST_POINTS = 14400.0  # of a page's side, which readers take (annex C.2)
_PARTED = 0.16  # heights between words; pdftotext -raw parts those that are 0.15 sizes of the font apart
_KEPT = 0.75  # of a word's length


def write_pdf(path, pages, picture_of, dots, name, jpeg=None):
    """Write a PDF of `Page`s, None in place of one that could not be read: it is empty, and as large as the first one.

    picture_of: a function, number from 0 -> uint8 [H, W, 3], of which one at a time is held. dots: pixels an inch.
    name: the title of the document. jpeg: of `data.pages.jpeg_of`, of a document that is one JPEG. At least one page
    could be read. Raises KerasVisionError, one line, where it cannot be written; then nothing is left of it.
    """
    first = next(page for page in pages if page)
    with beside(path) as partial:
        try:
            with partial.open("wb") as file:
                _write(_pdf.Objects(file), pages, first, picture_of, dots, name, jpeg)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _write(objects, pages, first, picture_of, dots, name, jpeg):
    font, (catalog, tree, text) = _pdf.ShapelessFont(), (objects.number() for _ in range(3))
    numbers = []
    for number, page in enumerate(pages):
        scale = _POINTS / dots
        width, height = (page or first).size_wh
        scale = min(scale, _MOST_POINTS / max(width, height))
        held, drawn = b"/Font << /Text %d 0 R >>" % text, b""
        if page:
            picture = _pdf.put_picture(objects, picture_of(number), jpeg)
            held += b" /XObject << /Picture %d 0 R >>" % picture
            drawn = b"q %b 0 0 %b 0 0 cm /Picture Do Q\n" % (_real(width * scale), _real(height * scale))
            drawn += b"%b 0 0 %b 0 0 cm\n%b" % (_real(scale), _real(scale), _text(page, font))
        content = objects.put_deflated(b"", drawn)
        box = b"[0 0 %b %b]" % (_real(width * scale), _real(height * scale))
        numbers.append(
            objects.put(
                b"<< /Type /Page /Parent %d 0 R /MediaBox %b /Contents %d 0 R /Resources << %b >> >>"
                % (tree, box, content, held)
            )
        )
    font.put(objects, text)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    objects.put(b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(numbers), kids), tree)
    objects.put(b"<< /Type /Catalog /Pages %d 0 R >>" % tree, catalog)
    title = (b"\xfe\xff" + utf8_text(name).encode("utf-16-be")).hex().encode()
    objects.end(catalog, objects.put(b"<< /Title <%b> /Producer (kerasvision) >>" % title))


def _text(page, font):
    """Operators that show the words of a page in pixels from its lower left corner."""
    rows = [b"BT", b"3 Tr"]
    for line in page.lines:
        places = [_Place(word, page.size_wh[1]) for word in line.words]
        for number, (word, place) in enumerate(zip(line.words, places, strict=True)):
            seen = as_seen(list(word.text))  # by code points: what reads it turns each around
            word_span, blank_span = place.spans(places[number + 1] if number + 1 < len(places) else None)
            rows += place.shown(*word_span, font.shown(seen), len(seen))
            rows += place.shown(*blank_span, font.shown([" "]), 1)
    return b"\n".join([*rows, b"ET", b""])


class _Place:
    """Final. Where a word stands: `start`, its lower left corner, and the directions along and up, y upward."""

    def __init__(self, word, height):
        corners = np.array(word.quad_xy, np.float64) * [1.0, -1.0] + [0.0, height]
        along = (corners[1] - corners[0] + corners[2] - corners[3]) / 2
        up = (corners[0] - corners[3] + corners[1] - corners[2]) / 2
        self.length = max(float(np.linalg.norm(along)), 1e-2)
        self.along = along / self.length if along.any() else np.array([1.0, 0.0])
        self.size = max(abs(float(up @ [-self.along[1], self.along[0]])), 1e-2)
        # the middle of the left side stays where it is, whatever the quad's shape
        self.start = (corners[0] + corners[3]) / 2 - self.size / 2 * np.array([-self.along[1], self.along[0]])

    def spans(self, other):
        """((first, last) of the word, of the blank behind it) along its line. other: the next word of the line or None,
        after which there is a blank as well, since not every program sees where a line ends.

        A word whose neighbor is nearer than `_PARTED` is that much shorter, else programs take both for one.
        """
        if other is None:
            return (0.0, self.length), (self.length, self.length + _PARTED * self.size)
        there, gap = float((other.start - self.start) @ self.along), _PARTED * self.size
        if there + other.length / 2 >= self.length / 2:
            end = max(min(self.length, there - gap), _KEPT * self.length)
            return (0.0, end), (end, max(there, end + gap))
        begin = min(max(0.0, there + other.length + gap), (1 - _KEPT) * self.length)
        return (begin, self.length), (min(there + other.length, begin - gap), begin)

    def shown(self, first, last, codes, count):
        """Operators that show a string of so many characters along a part of the word's line."""
        up = self.size * np.array([-self.along[1], self.along[0]])
        x, y = self.start + first * self.along - _pdf.DESCENT / 1000 * up  # on the base line
        cos, sin = self.along
        stretch = 100 * (last - first) / (count * self.size * _pdf.ADVANCE / 1000)
        matrix = b" ".join(map(_real, (cos, sin, -sin, cos, x, y)))
        return [b"/Text %b Tf %b Tz %b Tm %b Tj" % (_real(self.size), _real(stretch), matrix, codes)]


def _real(value):
    return f"{value:.5f}".rstrip("0").rstrip(".").encode()
