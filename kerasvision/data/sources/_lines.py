"""Lines of text as pictures, rendered with fonts: each a function of its numbers alone."""

import dataclasses
import functools
import io
import pathlib
import re

import matplotlib
import numpy as np
from fontTools import agl
from fontTools.ttLib import TTFont, TTLibError
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from kerasvision.data.sources._shaping import direction_of, layout_of

SUFFIXES = (".ttf", ".otf", ".ttc")
_NUMBERED = re.compile(r"[A-Za-z]*[\W_]*[0-9A-Fa-f]+")  # glyph00036, cid00034, gid7


def fonts_below(folder):
    """Paths of font files, sorted by name; of matplotlib's own fonts where folder is ""."""
    root = pathlib.Path(folder).expanduser() if folder else pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf")
    return sorted(str(p) for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)


def lacking(path, characters):
    """The code points among `characters` that a font has no glyph for, or one that is named for another character, as
    in fonts of TeX's own codings. None of a file that is no font, or has a placeholder for everything (Last Resort).
    """
    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            held = font.getBestCmap() or {}
    except (TTLibError, OSError):
        return None
    if held.get(ord("a")) is not None and held.get(ord("a")) == held.get(ord("b")):
        return None
    return [point for point in characters if not point.isspace() and not _is_of(held.get(ord(point)), point)]


def _is_of(glyph, point):
    """Whether a glyph, by its name or None, may be that of a code point. Most names say which one they are of, or are
    numbers.
    """
    if glyph is None:
        return False
    meant = agl.toUnicode(glyph)
    return meant == point if meant or point.isascii() and not _NUMBERED.fullmatch(glyph) else True


@dataclasses.dataclass(frozen=True)
class Press:
    """How lines are rendered. fonts: paths. size: fewest and most pixels of a letter's em. blur: largest standard
    deviation, in pixels. noise: the same, in levels of 0..255. rotation_deg: largest turn. quality: lowest of a JPEG;
    100: none is written. contrast: least difference of letters and paper, in levels.
    """

    fonts: tuple[str, ...]
    size: tuple[int, int]
    blur: float
    noise: float
    rotation_deg: float
    quality: int
    contrast: int


def render(press, text, seed):
    """uint8 [H, W, 3]. seed: ints, of which everything that is drawn at random follows."""
    rng = np.random.default_rng(seed)
    path, em = press.fonts[rng.integers(len(press.fonts))], int(rng.integers(press.size[0], press.size[1] + 1))
    font, direction = font_of(path, em, layout_of(text)), direction_of(text)
    left, top, right, bottom = font.getbbox(text, direction=direction)
    margin = rng.integers(1, 2 + font.size // 4, 4)
    paper, ink = _colors(press.contrast, rng)
    size = (max(1, right - left) + int(margin[:2].sum()), max(1, bottom - top) + int(margin[2:].sum()))
    page = Image.new("RGB", size, tuple(paper))
    place = (int(margin[0]) - left, int(margin[2]) - top)
    ImageDraw.Draw(page).text(place, text, tuple(ink), font, direction=direction)
    turn = rng.uniform(-press.rotation_deg, press.rotation_deg)
    if turn:
        page = page.rotate(turn, Image.Resampling.BILINEAR, expand=True, fillcolor=tuple(paper))
    blur = rng.uniform(0, press.blur)
    pixels = np.asarray(page.filter(ImageFilter.GaussianBlur(blur)) if blur else page, np.float32)
    pixels = pixels + rng.normal(0, 1, pixels.shape).astype(np.float32) * rng.uniform(0, press.noise)
    pixels = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
    return pixels if press.quality == 100 else packed(pixels, int(rng.integers(press.quality, 100)))


def _colors(contrast, rng):
    """(paper, ink), uint8 [3] each, whose lightness differs by `contrast` or more; one in five is light on dark."""
    while True:
        paper, ink = rng.integers([[140] * 3, [0] * 3], [[256] * 3, [140] * 3])
        if paper.mean() - ink.mean() >= contrast:
            return (ink, paper) if rng.random() < 0.2 else (paper, ink)


def packed(pixels, quality):
    """uint8 [H, W, 3] as a JPEG of this quality has it."""
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "JPEG", quality=quality)
    return np.asarray(Image.open(held).convert("RGB"))


@functools.lru_cache(maxsize=512)
def font_of(path, size, layout=ImageFont.Layout.BASIC):
    """Pillow's font of a file, its em of `size` pixels; kept. layout: `_shaping.layout_of` a text."""
    return ImageFont.truetype(path, size, layout_engine=layout)
