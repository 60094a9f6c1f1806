"""A PDF object by object: pictures, and a font without areas for text of any script.

ISO 32000-1:2008: files 7.5, pictures 8.9.5, fonts of many characters 9.7.4 and 9.7.6, what their codes mean 9.10.3.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

ADVANCE, ASCENT, DESCENT = 500, 800, -200  # thousandths of the font's size
_BLOCK = 100  # rows of a CMap's block, at most


class Objects:
    """Final. Writes numbered objects to a file that is open for bytes, and where they stand at its end."""

    def __init__(self, file):
        self._file, self._places = file, []
        self._file.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")  # four bytes above 127 say that it is no text

    def number(self):
        """int: of an object that is put later."""
        self._places.append(None)
        return len(self._places)

    def put(self, content, number=None):
        """Write an object, bytes; answers its number."""
        number = number or self.number()
        self._places[number - 1] = self._file.tell()
        self._file.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
        return number

    def put_stream(self, entries, content, number=None):
        """Write a stream of bytes that are as `entries`, of its dictionary, say; answers its number."""
        head = b"<< %b /Length %d >>\nstream\n" % (entries, len(content))
        return self.put(head + content + b"\nendstream", number)

    def put_deflated(self, entries, content, number=None):
        """Write a stream of bytes, which are compressed here; answers its number. entries: of its dictionary."""
        return self.put_stream(b"/Filter /FlateDecode " + entries, zlib.compress(content), number)

    def end(self, root, info):
        """Write the table of places and the trailer. root, info: numbers of the catalog and of what the file says."""
        start, count = self._file.tell(), len(self._places) + 1
        rows = b"".join(b"%010d 00000 n \n" % place for place in self._places)
        self._file.write(b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, rows))
        self._file.write(b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\n" % (count, root, info))
        self._file.write(b"startxref\n%d\n%%%%EOF\n" % start)


class ShapelessFont:
    """Final. A font whose characters have no area and one width, each with a code of its own, and what it means.

    Codes are given in the order in which characters first occur.
    """

    def __init__(self):
        self._codes = {}

    def shown(self, characters):
        """bytes: strings of code points -> the string of their codes, in hexadecimal, as an operator takes it."""
        codes = [self._codes.setdefault(character, len(self._codes) + 1) for character in characters]
        return b"<%b>" % b"".join(b"%04X" % code for code in codes)

    def put(self, objects, number):
        """Write the font under a number that was kept for it."""
        shapes = truetype()
        file = objects.put_deflated(b"/Length1 %d" % len(shapes), shapes)
        descriptor = objects.put(
            b"<< /Type /FontDescriptor /FontName /Shapeless /Flags 5 /FontBBox [0 %d %d %d] /ItalicAngle 0 "
            b"/Ascent %d /Descent %d /CapHeight %d /StemV 80 /FontFile2 %d 0 R >>"
            % (DESCENT, ADVANCE, ASCENT, ASCENT, DESCENT, ASCENT, file)
        )
        glyphs = objects.put_deflated(b"", b"\0\0" + b"\0\1" * len(self._codes))  # every code is glyph 1
        below = objects.put(
            b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Shapeless /CIDToGIDMap %d 0 R /DW %d /FontDescriptor "
            b"%d 0 R /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
            % (glyphs, ADVANCE, descriptor)
        )
        meaning = objects.put_deflated(b"", self._meaning())
        objects.put(
            b"<< /Type /Font /Subtype /Type0 /BaseFont /Shapeless /Encoding /Identity-H /DescendantFonts [%d 0 R] "
            b"/ToUnicode %d 0 R >>" % (below, meaning),
            number,
        )

    def _meaning(self):
        """The CMap from codes to UTF-16."""
        rows = [
            b"<%04X> <%b>" % (code, character.encode("utf-16-be", "replace").hex().upper().encode())
            for character, code in self._codes.items()
        ]
        parts = [rows[at : at + _BLOCK] for at in range(0, len(rows), _BLOCK)]
        blocks = [b"%d beginbfchar\n%b\nendbfchar\n" % (len(part), b"\n".join(part)) for part in parts]
        return (
            b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            b"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            b"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            b"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n" + b"".join(blocks) + b"endcmap\n"
            b"CMapName currentdict /CMap defineresource pop\nend\nend\n"
        )


def truetype():
    """bytes: a TrueType font (Apple's TrueType Reference Manual, chapter 6) with the tables that a PDF needs.
    Glyph 0 has no outline, and glyph 1 a line from its lower left to its upper right corner: nothing that could be
    filled, but with a place, as PDFium leaves out a text of one character that has none.
    """
    outline = struct.pack(
        ">5h2H2B4h", 1, 0, DESCENT, ADVANCE, ASCENT, 1, 0, 1, 1, 0, ADVANCE, DESCENT, ASCENT - DESCENT
    )
    tables = {
        b"glyf": outline,
        b"head": struct.pack(
            ">4I2H2q4h2H3h",
            *(0x00010000, 0x00010000, 0, 0x5F0F3CF5, 0, 1000, 0, 0),
            *(0, DESCENT, ADVANCE, ASCENT, 0, 8, 2, 0, 0),
        ),
        b"hhea": struct.pack(
            ">I3hH11hH", 0x00010000, ASCENT, DESCENT, 0, ADVANCE, *(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), 1
        ),
        b"hmtx": struct.pack(">Hhh", ADVANCE, 0, 0),
        b"loca": struct.pack(">3H", 0, 0, len(outline) // 2),
        b"maxp": struct.pack(">I14H", 0x00010000, 2, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    place, rows, bodies = 12 + 16 * len(tables), b"", b""
    for name, content in tables.items():
        padded = content + bytes(-len(content) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        rows += struct.pack(">4s3I", name, total, place + len(bodies), len(content))
        bodies += padded
    return struct.pack(">I4H", 0x00010000, len(tables), 64, 2, 32) + rows + bodies


def put_picture(objects, pixels, jpeg=None):
    """Write a picture, uint8 [h, w, 3], without loss, in gray or black and white where it is; answers its number.

    jpeg: (bytes of a file that shows the same, whether it is gray), which are put as they are.
    """
    height, width = pixels.shape[:2]
    size = b"/Type /XObject /Subtype /Image /Width %d /Height %d " % (width, height)
    if jpeg:
        space = b"/DeviceGray" if jpeg[1] else b"/DeviceRGB"
        return objects.put_stream(size + b"/ColorSpace %b /BitsPerComponent 8 /Filter /DCTDecode" % space, jpeg[0])
    first = pixels[..., :1]
    is_gray = bool((pixels == first).all())
    picture = Image.fromarray(pixels[..., 0] if is_gray else pixels)
    if is_gray and np.isin(first, (0, 255)).all():
        picture = picture.convert("1", dither=Image.Dither.NONE)
    colors, bits = (1 if is_gray else 3), (1 if picture.mode == "1" else 8)
    space = b"/DeviceGray" if is_gray else b"/DeviceRGB"
    rule = b"/DecodeParms << /Predictor 15 /Colors %d /BitsPerComponent %d /Columns %d >>" % (colors, bits, width)
    entries = b"/ColorSpace %b /BitsPerComponent %d /Filter /FlateDecode %b" % (space, bits, rule)
    return objects.put_stream(size + entries, _rows_of_png(picture))


def _rows_of_png(picture):
    """The compressed rows of a PNG, which are those of a PDF with its predictors (7.4.4.4)."""
    held = io.BytesIO()
    picture.save(held, "PNG")
    content, place, parts = held.getvalue(), 8, []
    while place < len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        parts += [content[place + 8 : place + 8 + length]] if kind == b"IDAT" else []
        place += length + 12
    return b"".join(parts)
