"""Lines of text rendered with fonts, so that what stands there is known: training data for readers of any alphabet."""

import dataclasses
import pathlib
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.characters import characters_of, classes_of, normalized
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.sources._files import named
from kerasvision.data.sources._lines import Press, fonts_below, lacking, render
from kerasvision.data.sources.base import Opened, Source, Split
from kerasvision.data.splits import NAMES
from kerasvision.data.text import read_text


@sources.register("rendered_text")
@dataclasses.dataclass(frozen=True)
class RenderedText(Source):
    """Samples: `image` uint8 [H, W, 3], `characters` int32 [N], the classes of the line's characters.

    texts: files of UTF-8 text; none takes Python's own reference manual (`pydoc_data.topics`). fonts: a folder of font
    files; "" takes those that matplotlib brings along. A font that lacks a character of the alphabet is left out, which
    is said. lines: of train, validation, test. length: fewest and most characters of a line, which is cut between
    words. classes: the alphabet, as in `text_lines`; lines with other characters are left out. Empty takes the
    characters of all texts.

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

    def open(self):
        what = "rendered_text"
        self._check(what)
        words = [normalized(word) for text in self._read(what) for word in text.split()]
        alphabet = set(self.classes) or {name for word in words for name in classes_of(word + " ")}
        words = [word for word in words if set(classes_of(word)) <= alphabet]
        classes = self.classes or tuple(sorted(alphabet))
        index = {name: i for i, name in enumerate(classes)}
        good, left = self._fonts(alphabet, what)
        splits = {}
        for number, (name, part) in enumerate(zip(NAMES, self._parts(words), strict=True)):
            if count := self.lines[number]:
                rng = np.random.default_rng([self.seed, number])
                drawn = [_line(part, self.length, rng, what) for _ in range(count)]
                splits[name] = self._split(number, drawn, index, _share(good, name))
        return Opened(classes, splits, left)

    def _check(self, what):
        low, high = self.length
        wrong = {
            "lines": self.lines[0] < 1 or min(self.lines) < 0,
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

    def _read(self, what):
        if not self.texts:
            from pydoc_data.topics import topics

            return [topics[name] for name in sorted(topics)]
        return [read_text(pathlib.Path(path).expanduser(), f"{what}: {path}") for path in self.texts]

    def _parts(self, words):
        """The words of each split: a tenth of the text for validation and another for test, where there are any."""
        shares = [0.8 + 0.1 * sum(n == 0 for n in self.lines[1:]), *(0.1 * (n > 0) for n in self.lines[1:])]
        ends = np.round(np.cumsum([0.0, *shares]) * len(words)).astype(int)
        return [words[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]

    def _fonts(self, alphabet, what):
        """(paths of the fonts that have every character, lines about the others)."""
        points = sorted({point for name in alphabet for point in name if name != "\u2423"})
        found = {path: lacking(path, points) for path in fonts_below(self.fonts)}
        good = [path for path, missing in found.items() if missing == []]
        if not good:
            seen = named(f"{pathlib.Path(p).name} lacks {''.join(m[:5])!r}" for p, m in found.items() if m)
            raise KerasVisionError(
                f"{what}: none of {len(found)} fonts has all {len(points)} characters: {seen or 'no font'}"
            )
        odd = {pathlib.Path(path).name: missing for path, missing in found.items() if missing != []}
        said = {name: "no letters of its own" if m is None else f"lacks {''.join(m[:8])}" for name, m in odd.items()}
        return good, tuple(f"fonts: {name} ({words})" for name, words in said.items())

    def _split(self, number, lines, index, fonts):
        ids = [[index[name] for name in classes_of(line)] for line in lines]
        press = Press(fonts, self.size, self.blur, self.noise, self.rotation_deg, self.quality, self.contrast)
        records = {
            "number": tf.range(len(lines)),
            "line": tf.constant(lines),
            "characters": tf.ragged.constant(ids, dtype=tf.int32, ragged_rank=1),
        }

        def drawn(i, line):
            return render(press, line.decode("utf-8"), [self.seed, number, int(i)])

        def read(record):
            image = tf.numpy_function(drawn, [record["number"], record["line"]], tf.uint8)
            held = tf.ensure_shape(tf.convert_to_tensor(record["characters"]), [None])
            return {"image": tf.ensure_shape(image, [None, None, 3]), "characters": held}

        return Split(tf.data.Dataset.from_tensor_slices(records), read, len(lines))


def _line(words, length, rng, what):
    """Words in a row from a random place, from the fewest to the most characters."""
    low, high = length
    for _ in range(1000):
        at, wanted = int(rng.integers(max(1, len(words)))), int(rng.integers(low, high + 1))
        line = ""
        for word in words[at : at + wanted]:
            longer = f"{line} {word}".strip()
            if len(characters_of(longer)) > wanted:
                break
            line = longer
        if len(characters_of(line)) >= low:
            return line
    raise KerasVisionError(f"{what}: the texts have hardly a line of {low} to {high} characters; give more text")


def _share(fonts, split):
    """Of the fonts, every fifth is for validation and test; all for all where there are fewer than five."""
    if len(fonts) < 5:
        return tuple(fonts)
    return tuple(font for i, font in enumerate(fonts) if (i % 5 == 4) == (split != "train"))
