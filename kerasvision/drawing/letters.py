"""The letters that pictures are labeled with. What the font lacks is drawn as boxes, and named."""

import functools
import pathlib
import sys

from PIL import ImageFont

_TOLD = set()  # characters that were named already


@functools.cache
def font(size_px, bold=False):
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic and more; Pillow's own is Latin only."""
    return ImageFont.truetype(_file(bold), size_px)


def say_missing(text):
    """Says on stderr, of each character once, that the font of pictures has none of it."""
    found = sorted({c for c in text if not c.isspace() and ord(c) not in _known()} - _TOLD)
    if found:
        _TOLD.update(found)
        shown = " ".join(found[:20]) + (f" and {len(found) - 20} more" if len(found) > 20 else "")
        print(f"kerasvision: pictures have no letters for {shown}; boxes stand in their place", file=sys.stderr)


@functools.cache
def _known():
    """Numbers of the characters that the font has, of both weights."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(_file(False)).get_charmap()) & frozenset(FT2Font(_file(True)).get_charmap())


def _file(bold):
    import matplotlib

    return str(pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' if bold else ''}.ttf"))
