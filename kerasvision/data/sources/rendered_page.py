"""Pages whose lines, words and reading order are known exactly: training data and ground truth for readers of pages."""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sources._files import named
from kerasvision.data.sources._pages import Paper, render
from kerasvision.data.sources._signs import drawn_split
from kerasvision.data.sources._wording import fonts_for, fonts_of, parts, words_of
from kerasvision.data.sources.base import Opened, Source
from kerasvision.data.splits import NAMES
from kerasvision.edge.pages.strips import runs_from_right_to_left

_COLUMN_EM = 10  # ems of a page that a column and the room beside it take at least

ALLOWED = {
    "pages": "three numbers, for train 1 or more, for validation and test 0 or more",
    "columns": "(fewest, most), from 1 and rising",
    "size": "(smallest, largest) em in pixels, from 6 and rising",
    "image_size": f"(h, w), a width of {_COLUMN_EM} ems of the largest size for each column or more, a height of 12",
    "skew_deg": "0 to 15",
    "contrast": "0 to 150",
    "blur": "0 or more",
    "noise": "0 or more",
    "quality": "1 to 100",
}


@sources.register("rendered_page")
@dataclasses.dataclass(frozen=True)
class RenderedPage(Source):
    """Samples: `image` uint8 [h, w, 3], and in reading order `quads_xy` float32 [N, 4, 2] around the ink of each line
    (or word), the first corner at its upper left and the others clockwise, and `texts` string [N].

    A page has columns of paragraphs, some indented, justified or with headings, and perhaps a title over all columns
    and a page number at the top or the bottom. It is read from the title down each column, the left one first; a page
    number comes first or last, as it stands.

    texts, fonts: as in `sources/rendered_text`; all fonts are set from left to right. pages: of
    train, validation, test. unit: what a quad is around. columns: fewest and most. size: smallest and largest em of the
    text, in pixels. skew_deg: the largest turn of a page. contrast: least difference of ink and paper, in levels.
    blur, noise: largest standard deviation, in pixels and in levels. quality: lowest of a JPEG.

    Words and fonts of validation and test are others than those of training, as far as there are enough. Page i of a
    split is a function of (seed, split, i), the texts and the fonts alone.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("quads_xy", "texts")
    form: typing.ClassVar[str] = ""

    texts: tuple[str, ...] = ()
    fonts: str = ""
    pages: tuple[int, int, int] = (400, 40, 60)
    unit: typing.Literal["line", "word"] = "line"
    image_size: tuple[int, int] = (1024, 768)
    columns: tuple[int, int] = (1, 3)
    size: tuple[int, int] = (16, 22)
    skew_deg: float = 5.0
    contrast: int = 90
    blur: float = 0.6
    noise: float = 6.0
    quality: int = 60
    classes: tuple[str, ...] = ()
    seed: int = 0

    def open(self):
        what = "rendered_page"
        self._check(what)
        words, alphabet = words_of(self.texts, self.classes, what)
        if back := [word for word in words if runs_from_right_to_left(word)]:
            raise KerasVisionError(
                f"{what}: sets words from left to right, and the texts have {len(back)} from right to left: "
                f"{named(back)}; take them out, or render lines by rendered_text and scenes by rendered_scene"
            )
        good, left = fonts_for(self.fonts, alphabet | set("0123456789"), what)
        splits = {}
        for number, (name, part) in enumerate(zip(NAMES, parts(words, self.pages), strict=True)):
            if self.pages[number]:
                if not part:
                    raise KerasVisionError(f"{what}: the texts have no word of the alphabet for {name}; give more text")
                splits[name] = self._split(number, part, fonts_of(good, name))
        return Opened(("text",), splits, left)

    def _check(self, what):
        wide = _COLUMN_EM * self.size[1] * self.columns[1]
        wrong = {
            "pages": self.pages[0] < 1 or min(self.pages) < 0,
            "columns": not 1 <= self.columns[0] <= self.columns[1],
            "size": not 6 <= self.size[0] <= self.size[1],
            "image_size": self.image_size[1] < wide or self.image_size[0] < 12 * self.size[1],
            "skew_deg": not 0 <= self.skew_deg <= 15,
            "contrast": not 0 <= self.contrast <= 150,
            "blur": self.blur < 0,
            "noise": self.noise < 0,
            "quality": not 1 <= self.quality <= 100,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{what}: {name}={getattr(self, name)}; allowed: {ALLOWED[name]}")

    def _split(self, number, words, fonts):
        count = self.pages[number]
        look = (self.columns, self.size, self.skew_deg, self.contrast, self.blur, self.noise, self.quality)
        paper = Paper(fonts, self.image_size, *look)

        def drawn(i):
            image, lines = render(paper, words, [self.seed, number, int(i)])
            if self.unit == "line":
                rows = [(line.quad, line.text) for line in lines]
            else:
                rows = [row for line in lines for row in zip(line.quads, line.words, strict=True)]
            quads = np.float32([quad for quad, _ in rows]).reshape(-1, 4, 2)
            return image, quads, [text for _, text in rows]

        return drawn_split(count, self.image_size, drawn)
