"""The pages of a file, one after another: a picture, a TIFF of one or several pages, or a PDF."""

import contextlib
import pathlib

import numpy as np
from PIL import Image, ImageOps

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.decode import MOST_PIXELS
from kerasvision.data.kinds.image import SUFFIXES as PICTURES
from kerasvision.data.kinds.image import read_image

TIFF, PDF = (".tif", ".tiff"), (".pdf",)
SUFFIXES = (*PICTURES, *TIFF, *PDF)
DPI = 200.0  # of a PDF, unless given
_POINTS = 72.0  # of a PDF in an inch
_LIKELY_DPI = (50.0, 2400.0)  # of what files say of themselves; others stand for nothing, such as 1 or 72000
_TOO_LARGE = f"it has more than {MOST_PIXELS} pixels"
_ORIENTATION = 0x0112  # a tag of EXIF: 1 of what is upright
_SAMPLE_FORMAT = 339  # a tag of TIFFs: 1 of numbers without a sign
_PDF_ERRORS = {  # of PDFium, by what its messages hold
    "Incorrect password": "it is encrypted; take its password away first",
    "Unsupported security": "it is encrypted in a way that PDFium does not know",
    "Data format error": "it is no PDF, or damaged",
}


@contextlib.contextmanager
def opened(path, dpi=DPI):
    """Yields (number of pages, a function that gives the page of a number from 0 as uint8 [H, W, 3]).

    Pictures are decoded as `data.decode` does it, and a TIFF's pages by the same rules: upright, transparency over
    white, the high byte of 16 bits, RGB; whole numbers beyond 16 bits from the least of the page, black, to the most.
    PDFs are drawn at `dpi` dots an inch by PDFium (extra `pdf`), with what forms are filled with. Raises
    KerasVisionError, one line, of what cannot be read; a page that cannot be is said when it is asked for.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix in TIFF:
        with _tiff(path) as held:
            yield held
    elif suffix in PDF:
        with _pdf(path, dpi) as held:
            yield held
    else:
        pixels = read_image(str(path))
        yield 1, lambda number: pixels


def dots_of(path, dpi=DPI):
    """Dots an inch of a file's pages: what a picture or the first page of a TIFF says, if that can be, else `dpi`."""
    if pathlib.Path(path).suffix.lower() in PDF:
        return dpi
    try:
        with Image.open(path) as picture:
            across, down = (float(value) for value in picture.info.get("dpi", (0, 0)))
    except (OSError, ValueError, TypeError, ZeroDivisionError, SyntaxError, Image.DecompressionBombError):
        return dpi
    return across if _LIKELY_DPI[0] <= across <= _LIKELY_DPI[1] and abs(across - down) < 1 else dpi


def jpeg_of(path):
    """(bytes, whether it is gray) of a JPEG that shows what `opened` gives, gray or RGB, and upright as
    it is stored; None of any other file.
    """
    if pathlib.Path(path).suffix.lower() in (*TIFF, *PDF):
        return None
    try:
        with Image.open(path, formats=("JPEG",)) as picture:
            is_plain = picture.mode in ("L", "RGB") and picture.getexif().get(_ORIENTATION, 1) == 1
            return (pathlib.Path(path).read_bytes(), picture.mode == "L") if is_plain else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


@contextlib.contextmanager
def _tiff(path):
    with _said(path):
        picture = Image.open(path, formats=("TIFF",))
    with picture:
        with _said(path):
            count = picture.n_frames

        def page(number):
            with _said(path, number):
                picture.seek(number)
                if picture.width * picture.height > MOST_PIXELS:
                    raise ValueError(_TOO_LARGE)
                return _pixels(picture)

        yield count, page


def _pixels(picture):
    """uint8 [H, W, 3] of a page that Pillow has opened."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I"):  # I;16 of 16 bits, or I, which Pillow makes of some
        return np.repeat(_bytes(np.asarray(upright), picture)[..., None], 3, -1)
    if upright.mode == "F":
        raise ValueError("its pixels are real numbers, whose range is not known")
    if upright.mode in ("LA", "PA", "RGBA") or "transparency" in upright.info:
        held = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", held.size, "white"), held)
    return np.asarray(upright.convert("RGB"))


def _bytes(values, picture):
    """uint8 of whole numbers: the high byte of what fits 16 bits, else from the least, 0, to the most, 255."""
    is_unsigned = getattr(picture, "tag_v2", {}).get(_SAMPLE_FORMAT, (1,)) == (1,)
    if values.dtype == np.int32 and is_unsigned:
        values = values.view(np.uint32)  # which Pillow takes for signed
    values = values.astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high < 1 << 16:
        return np.uint8(values >> 8)
    return np.uint8((values - low) * 255 // max(high - low, 1))


@contextlib.contextmanager
def _pdf(path, dpi):
    try:
        import pypdfium2
    except ImportError:
        raise KerasVisionError(f"{path}: PDFs are drawn by pypdfium2: pip install kerasvision[pdf]") from None
    if not pathlib.Path(path).is_file():
        raise KerasVisionError(f"{path} cannot be read: no such file")
    with _said(path):
        document = pypdfium2.PdfDocument(path)
        document.init_forms()  # before any page, or fields are drawn empty

    def page(number):
        with _said(path, number):
            held = document[number]
            width, height = (side * dpi / _POINTS for side in held.get_size())
            if width * height > MOST_PIXELS:
                raise ValueError(f"{_TOO_LARGE} at {dpi:g} dots an inch; give fewer")
            drawn = held.render(scale=dpi / _POINTS, rev_byteorder=True, maybe_alpha=False)
            return np.array(drawn.to_numpy()[..., :3])

    try:
        yield len(document), page
    finally:
        document.close()


@contextlib.contextmanager
def _said(path, number=None):
    """What a library says of a file that it cannot read becomes one line."""
    try:
        yield
    except Image.DecompressionBombError:  # of a first page, whose size Pillow judges before it can be asked
        raise KerasVisionError(f"{path} cannot be read: {_TOO_LARGE}") from None
    except (OSError, ValueError, RuntimeError, EOFError, SyntaxError, TypeError) as error:
        where = f"{path}, page {number + 1}," if number is not None else f"{path}"
        known = [words for held, words in _PDF_ERRORS.items() if held in str(error)]
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        raise KerasVisionError(f"{where} cannot be read: {known[0] if known else reason}") from None
