"""Pages of text by Pillow and numpy: titles, columns, paragraphs, page numbers. A page is a function of its seed."""

import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw

from kerasvision.data.sources._lines import font_of
from kerasvision.data.sources._shaping import layout_of
from kerasvision.data.sources._signs import taken
from kerasvision.edge.pages.reading_order import around

_MARGIN = 0.08  # of a line's height, between its ink and its quad
_TITLE, _HEADING = 1.7, 1.25  # of the em of the text
_NUMBERED, _TITLED, _HEADED = 0.7, 0.7, 0.25  # shares of pages, and of paragraphs


@dataclasses.dataclass(frozen=True)
class Paper:
    """How a split's pages look; the fields are those of `sources/rendered_page`. fonts: paths."""

    fonts: tuple[str, ...]
    image_size: tuple[int, int]
    columns: tuple[int, int]
    size: tuple[int, int]
    skew_deg: float
    contrast: int
    blur: float
    noise: float
    quality: int


@dataclasses.dataclass(frozen=True)
class Printed:
    """A line of a page: its words, and the quads of each, float64 [N, 4, 2], clockwise from the upper left corner."""

    words: tuple[str, ...]
    quads: np.ndarray

    @property
    def text(self):
        """Its words, a blank between each two."""
        return " ".join(self.words)

    @property
    def quad(self):
        """float64 [4, 2], around all its words, in their direction."""
        along = self.quads[0, 1] - self.quads[0, 0]
        return around(self.quads, math.atan2(along[1], along[0]))


def render(paper, words, seed):
    """(uint8 [h, w, 3], the `Printed` lines in reading order). words: texts without blanks that are set one after
    another, from a random one on.
    """
    rng = np.random.default_rng(seed)
    h, w = paper.image_size
    angle = math.radians(rng.uniform(-paper.skew_deg, paper.skew_deg))
    mask = Image.new("L", (w, h), 0)
    setter = _Setter(paper, mask, words, rng)
    left, top, right, bottom = _area(w, h, angle)
    cos, sin = math.cos(angle), math.sin(angle)
    lines = setter.page(left, top, right, bottom)
    turn, center = np.array([[cos, sin], [-sin, cos]]), np.array([w, h]) / 2
    lines = [dataclasses.replace(line, quads=(line.quads - center) @ turn + center) for line in lines]
    # from the turned page to the straight one, both measured from the outer corner of the first pixel
    x, y = center
    affine = (cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y)
    alpha = mask.transform((w, h), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC) if angle else mask
    ground, ink = _colors(paper.contrast, rng)
    part = np.asarray(alpha, np.float32)[..., None] / 255
    return taken(paper, ground + part * (ink - ground), rng), lines


def _area(w, h, angle):
    """Where text may stand so that no corner of it leaves the page that is turned about its center."""
    margin = 0.05 * min(w, h)
    cos, sin = math.cos(angle), abs(math.sin(angle))
    iw, ih = w - 2 * margin, h - 2 * margin
    part = min(1.0, iw / (iw * cos + ih * sin), ih / (iw * sin + ih * cos))
    return (w - part * iw) / 2, (h - part * ih) / 2, (w + part * iw) / 2, (h + part * ih) / 2


def _colors(contrast, rng):
    """(paper, ink), float32 [3]: light paper and dark ink whose lightness differs by `contrast` or more."""
    paper = rng.uniform(170, 256) + rng.uniform(-12, 12, 3)
    ink = rng.uniform(0, paper.mean() - contrast) * rng.uniform(0.3, 1.0) + rng.uniform(-12, 12, 3)
    return np.float32(np.clip(paper, 0, 255)), np.float32(np.clip(ink, 0, 255))


class _Setter:
    """Sets words on a page and remembers where they stand."""

    def __init__(self, paper, mask, words, rng):
        self._draw, self._rng, self._words = ImageDraw.Draw(mask), rng, words
        self._path = paper.fonts[rng.integers(len(paper.fonts))]
        self._em = int(rng.integers(paper.size[0], paper.size[1] + 1))
        self._columns = int(rng.integers(paper.columns[0], paper.columns[1] + 1))
        self._leading = float(rng.uniform(1.3, 1.7)) * self._em
        self._justified = bool(rng.random() < 0.5)
        self._indented = bool(rng.random() < 0.5)
        self._at = int(rng.integers(len(words)))

    def page(self, left, top, right, bottom):
        """The lines of a page between these borders."""
        before, after = [], []
        if self._rng.random() < _NUMBERED:
            number, room = str(self._rng.integers(2, 500)), 2.6 * self._leading
            middle = (left + right) / 2
            if self._rng.random() < 0.5:
                after, bottom = self._line([number], middle, bottom - 0.3 * self._em, self._em), bottom - room
            else:
                before, top = self._line([number], right - 2.2 * self._em, top + self._em, self._em), top + room
        if self._rng.random() < _TITLED:
            titled, top = self._title(left, top, right)
            before += titled
        gutter = float(self._rng.uniform(1.8, 3.0)) * self._em
        width = (right - left - gutter * (self._columns - 1)) / self._columns
        ends = [bottom] * self._columns
        ends[-1] -= float(self._rng.uniform(0, 0.5)) * (bottom - top)
        columns = [self._column(left + i * (width + gutter), top, width, end) for i, end in enumerate(ends)]
        return [*before, *(line for column in columns for line in column), *after]

    def _title(self, left, top, right):
        em, width = _TITLE * self._em, right - left
        words = self._fitting(int(self._rng.integers(2, 6)), em, 0.9 * width)
        center = left + width / 2 - self._long(words, em) / 2
        x = center if self._rng.random() < 0.5 else left
        return self._line(words, x, top + em, em), top + 1.3 * em + 1.2 * self._leading

    def _column(self, left, top, width, bottom):
        """Paragraphs, some with a heading, down to the bottom."""
        lines, y, gap = [], top + self._em, float(self._rng.uniform(0.0, 0.8)) * self._em
        while y < bottom - self._em:
            if self._rng.random() < _HEADED and y + 2 * self._leading < bottom:
                em = _HEADING * self._em
                lines += self._line(self._fitting(3, em, width), left, y + 0.3 * self._em, em)
                y += self._leading + 0.6 * self._em
            count = int(self._rng.integers(2, 8))
            for number in range(count):
                if y >= bottom - 0.3 * self._em:
                    break
                x = left + (self._em if self._indented and number == 0 else 0.0)
                most = left + width - x
                last = number == count - 1
                words = self._fitting(int(self._rng.integers(1, 5)) if last else 99, self._em, most)
                lines += self._line(words, x, y, self._em, most if self._justified and not last else 0.0)
                y += self._leading
            y += gap
        return lines

    def _fitting(self, most, em, width):
        """The next words that fit into a width, at least one if any does."""
        found = []
        for _ in range(len(self._words)):
            word = self._words[self._at % len(self._words)]
            if self._long([*found, word], em) > width:
                if found:
                    break
                self._at += 1  # too long for a whole line
                continue
            found.append(word)
            self._at += 1
            if len(found) == most:
                break
        return found

    def _font(self, em, word=" "):
        return font_of(self._path, round(em), layout_of(word))

    def _long(self, words, em):
        blanks = self._font(em).getlength(" ") * (len(words) - 1)
        return sum(self._font(em, word).getlength(word) for word in words) + blanks

    def _line(self, words, x, y, em, width=0.0):
        """[a line] of words with their baseline at y, as wide as `width` where that is not 0 and blanks do not become
        more than twice as wide; [] of no words.
        """
        quads, x = [], float(round(x))
        blank = self._font(em).getlength(" ")
        if width and len(words) > 1:
            blank += min(max(0.0, width - self._long(words, em)) / (len(words) - 1), blank)
        for word in words:
            font, place = self._font(em, word), (round(x), round(y))
            self._draw.text(place, word, 255, font, anchor="ls")
            x0, y0, x1, y1 = _ink(word, font)
            edge = _MARGIN * (y1 - y0)
            x0, y0, x1, y1 = x0 - edge, y0 - edge, x1 + edge, y1 + edge
            quads.append(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) + place)
            x += font.getlength(word) + blank
        return [Printed(tuple(words), np.stack(quads))] if words else []


def _ink(word, font):
    """(left, top, right, bottom) of what is drawn of a word, from where its baseline begins."""
    left, top, right, bottom = font.getbbox(word, anchor="ls")
    drawn = Image.new("L", (max(1, right - left) + 4, max(1, bottom - top) + 4), 0)
    ImageDraw.Draw(drawn).text((2 - left, 2 - top), word, 255, font, anchor="ls")
    x0, y0, x1, y1 = drawn.getbbox() or (2, 2, 3, 3)
    return x0 + left - 2, y0 + top - 2, x1 + left - 2, y1 + top - 2
