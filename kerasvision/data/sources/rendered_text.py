"""Lines of text rendered with fonts, so that what stands there is known: training data for readers of any alphabet."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.characters import BLANK
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.sources._alphabet import balanced, missing
from kerasvision.data.sources._lines import Press, render
from kerasvision.data.sources._wording import fonts_for, fonts_of, line_of, parts, reordered, seen, words_of
from kerasvision.data.sources.base import Opened, Source, Split
from kerasvision.data.splits import NAMES


@sources.register("rendered_text")
@dataclasses.dataclass(frozen=True)
class RenderedText(Source):
    """Samples: `image` uint8 [H, W, 3], `characters` int32 [N], the classes of a line's characters from left to right.

    Arabic letters are joined, Devanagari is combined and lines of scripts from right to left are ordered by HarfBuzz
    and FriBiDi, where Pillow has its Raqm; where it has not, such texts are refused. The records' `line` is in reading
    order.

    texts: files of UTF-8 text; none takes Python's own reference manual (`pydoc_data.topics`). fonts: a folder of font
    files; "" takes those that matplotlib brings along. A font that lacks a character of the alphabet is left out, which
    is said. lines: of train, validation, test. length: fewest and most characters of a line, which is cut between
    words. classes: the alphabet, as in `text_lines`; lines with other characters are left out. Empty takes the
    characters of all texts. least: how often each character stands in the lines of train, validation, test at least, as
    far as their parts of the texts have it: as few lines as need be are others than with 0 (`_alphabet.balanced`).
    Characters of which it has no line are said.

    Lines of validation and test are from other parts of the texts, and in other fonts, than those of training, as far
    as there are fonts enough: a fifth of them for both. Line i of a split is a function of (seed, split, i), the texts
    and the fonts alone. size, blur, noise, rotation_deg, quality, contrast: see `_lines.Press`.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("characters",)
    form: typing.ClassVar[str] = ""

    texts: tuple[str, ...] = ()
    fonts: str = ""
    lines: tuple[int, int, int] = (4000, 300, 300)
    length: tuple[int, int] = (4, 24)
    classes: tuple[str, ...] = ()
    size: tuple[int, int] = (18, 40)
    blur: float = 1.0
    noise: float = 12.0
    rotation_deg: float = 1.0
    quality: int = 60
    contrast: int = 60
    seed: int = 0
    least: tuple[int, int, int] = (0, 0, 0)

    def open(self):
        what = "rendered_text"
        self._check(what)
        words, alphabet = words_of(self.texts, self.classes, what)
        classes = self.classes or tuple(sorted(alphabet))
        if self.classes and self.length[1] > 1 and BLANK not in self.classes:
            raise KerasVisionError(
                f"{what}: classes has no blank ({BLANK}), and lines of up to {self.length[1]} words are asked for; add "
                "it, or set length=(1, 1)"
            )
        index = {name: i for i, name in enumerate(classes)}
        good, left = fonts_for(self.fonts, alphabet, what)
        splits, held = {}, {}
        for number, (name, part) in enumerate(zip(NAMES, parts(words, self.lines), strict=True)):
            if count := self.lines[number]:
                rng = np.random.default_rng([self.seed, number])
                drawn = [line_of(part, self.length, rng, what) for _ in range(count)]
                if self.least[number]:
                    drawn = balanced(drawn, part, self.length, self.least[number], rng, f"{what}: {name}")
                held[name] = [[index[character] for character in seen(line)] for line in drawn]
                splits[name] = self._split(number, drawn, held[name], fonts_of(good, name))
                left = (*left, *reordered(drawn))
        return Opened(classes, splits, (*left, *missing(classes, held)))

    def _check(self, what):
        low, high = self.length
        wrong = {
            "lines": self.lines[0] < 1 or min(self.lines) < 0,
            "least": min(self.least) < 0,
            "length": not 1 <= low <= high,
            "size": not 6 <= self.size[0] <= self.size[1],
            "quality": not 1 <= self.quality <= 100,
            "contrast": not 0 <= self.contrast <= 110,
        } | {name: getattr(self, name) < 0 for name in ("blur", "noise", "rotation_deg")}
        if found := [name for name, is_wrong in wrong.items() if is_wrong]:
            raise KerasVisionError(
                f"{what}: {found[0]}={getattr(self, found[0])}; allowed: lines of one or more for training, length "
                "from 1 and rising, size from 6 and rising, quality 1 to 100, contrast 0 to 110, the others 0 or more"
            )

    def _split(self, number, lines, ids, fonts):
        press = Press(fonts, self.size, self.blur, self.noise, self.rotation_deg, self.quality, self.contrast)
        records = {
            "number": tf.range(len(lines)),
            "line": tf.constant(lines),
            "characters": tf.ragged.constant(ids, dtype=tf.int32, ragged_rank=1),
        }

        def drawn(i, line):
            return render(press, line.decode("utf-8"), [self.seed, number, int(i)])

        def read(record):
            image = tf.numpy_function(drawn, [record["number"], record["line"]], tf.uint8, stateful=False)
            held = tf.ensure_shape(tf.convert_to_tensor(record["characters"]), [None])
            return {"image": tf.ensure_shape(image, [None, None, 3]), "characters": held}

        return Split(tf.data.Dataset.from_tensor_slices(records), read, len(lines))
