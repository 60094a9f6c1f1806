"""Letters that HarfBuzz has to join, combine or order, by Pillow's Raqm: Arabic, Hebrew, Devanagari and their like."""

import itertools

from PIL import ImageFont, features

from kerasvision.core.errors import KerasVisionError
from kerasvision.edge.pages.strips import runs_from_right_to_left, vote_of

# blocks of Unicode whose letters change places or forms with their neighbors: Devanagari to Myanmar, Khmer to
# Mongolian, Limbu to Vedic signs, Syloti Nagri to Meetei Mayek, Brahmi and its daughters
_COMBINED = ((0x0900, 0x109F), (0x1780, 0x18AF), (0x1900, 0x1CFF), (0xA800, 0xABFF), (0x11000, 0x11FFF))


def is_shaped(text):
    """Whether a text has letters that are not drawn right one by one from left to right."""
    held = any(low <= ord(point) <= high for point in text for low, high in _COMBINED)
    return held or runs_from_right_to_left(text)


def layout_of(text):
    """Pillow's engine for a text: one that every build has wherever it draws it right."""
    return ImageFont.Layout.RAQM if is_shaped(text) else ImageFont.Layout.BASIC


def direction_of(text):
    """Pillow's direction of a text: None where letters stand one by one, else where most of its letters go to."""
    if not is_shaped(text):
        return None
    return "rtl" if vote_of(text) > 0 else "ltr"


def check_shaping(words, what):
    """Raise KerasVisionError where words need Raqm and Pillow has none here."""
    if features.check("raqm"):
        return
    if seen := list(itertools.islice(filter(is_shaped, words), 3)):
        raise KerasVisionError(
            f"{what}: the texts have letters that join, combine or run from right to left ({', '.join(seen)}), which "
            "Pillow draws by HarfBuzz and FriBiDi, and here it finds no FriBiDi: install it (apt-get install "
            "libfribidi0, or brew install fribidi) and Pillow's own wheel (pip install --force-reinstall pillow)"
        )
