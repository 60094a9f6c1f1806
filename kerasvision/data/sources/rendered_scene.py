"""Scenes with lines of text whose places are known exactly: training data for detectors of text."""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sources._material import NUMBERED, Material, check_pictures
from kerasvision.data.sources._signs import Wall, drawn_split, render
from kerasvision.data.sources._wording import fonts_for, fonts_of, line_of, parts, words_of
from kerasvision.data.sources.base import Opened, Source
from kerasvision.data.splits import NAMES

ALLOWED = {
    "scenes": "three numbers, for train 1 or more, for validation and test 0 or more",
    "image_size": "(h, w), each 32 or more",
    "lines": "(fewest, most), 0 or more and 1 or more",
    "length": "(fewest, most) characters, from 1 and rising",
    "size": "(smallest, largest) em in pixels, from 6 and rising",
    "rotation_deg": "0 to 180",
    "contrast": "0 to 110",
    "blur": "0 or more",
    "noise": "0 or more",
    "quality": "1 to 100",
}


@sources.register("rendered_scene")
@dataclasses.dataclass(frozen=True)
class RenderedScene(Source):
    """Samples: `image` uint8 [h, w, 3], `quads_xy` float32 [N, 4, 2] around the ink of each line, the first corner at
    the text's own upper left and the others clockwise, and `texts` string [N].

    texts, fonts: as in `sources/rendered_text`. backgrounds: folders of photographs, shared among the splits as in
    `sources/cut_paste` (group, validation_fraction, test_fraction); without any the ground is plain or goes from one
    color to another. scenes: of train, validation, test. lines: fewest and most of a scene; a line that finds no free
    place is left out. length: fewest and most characters of a line. size: smallest and largest em, in pixels.
    rotation_deg: the largest turn of a line. contrast: least difference of letters and ground, in levels of 0..255.
    blur, noise: largest standard deviation, in pixels and in levels. quality: lowest of a JPEG.

    Words, fonts and photographs of validation and test are others than those of training, as far as there are enough.
    Scene i of a split is a function of (seed, split, i), the texts, the fonts and the photographs alone.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("quads_xy", "texts")
    form: typing.ClassVar[str] = ""

    texts: tuple[str, ...] = ()
    fonts: str = ""
    backgrounds: tuple[str, ...] = ()
    scenes: tuple[int, int, int] = (2000, 100, 200)
    image_size: tuple[int, int] = (320, 320)
    lines: tuple[int, int] = (1, 6)
    length: tuple[int, int] = (3, 18)
    size: tuple[int, int] = (16, 36)
    rotation_deg: float = 45.0
    contrast: int = 70
    blur: float = 0.8
    noise: float = 8.0
    quality: int = 60
    classes: tuple[str, ...] = ()
    group: str = NUMBERED
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0

    def open(self):
        what = "rendered_scene"
        self._check(what)
        words, alphabet = words_of(self.texts, self.classes, what)
        good, left = fonts_for(self.fonts, alphabet, what)
        grounds = self._grounds(what)
        splits = {}
        for number, (name, part) in enumerate(zip(NAMES, parts(words, self.scenes), strict=True)):
            if self.scenes[number]:
                line_of(part, self.length, np.random.default_rng(0), what)  # said here, and not amid a training
                splits[name] = self._split(number, part, fonts_of(good, name), grounds[name], what)
        return Opened(("text",), splits, left)

    def _check(self, what):
        wrong = {
            "scenes": self.scenes[0] < 1 or min(self.scenes) < 0,
            "image_size": min(self.image_size) < 32,
            "lines": not 0 <= self.lines[0] <= self.lines[1] or not self.lines[1],
            "length": not 1 <= self.length[0] <= self.length[1],
            "size": not 6 <= self.size[0] <= self.size[1],
            "rotation_deg": not 0 <= self.rotation_deg <= 180,
            "contrast": not 0 <= self.contrast <= 110,
            "blur": self.blur < 0,
            "noise": self.noise < 0,
            "quality": not 1 <= self.quality <= 100,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{what}: {name}={getattr(self, name)}; allowed: {ALLOWED[name]}")

    def _grounds(self, what):
        """{split: paths of photographs}."""
        if not self.backgrounds:
            return dict.fromkeys(NAMES, ())
        shared = (self.group, self.validation_fraction, self.test_fraction, self.seed, self.scenes, what)
        grounds = Material("", self.backgrounds, *shared).grounds()
        check_pictures({}, grounds, what)
        return {name: tuple(p.path for p in held) for name, held in grounds.items()}

    def _split(self, number, words, fonts, grounds, what):
        count = self.scenes[number]
        look = (self.size, self.rotation_deg, self.contrast, self.blur, self.noise, self.quality)
        wall = Wall(fonts, grounds, self.image_size, *look)

        def drawn(i):
            seed = [self.seed, number, int(i)]
            rng = np.random.default_rng([*seed, 1])
            wanted = int(rng.integers(self.lines[0], self.lines[1] + 1))
            image, quads, texts = render(wall, [line_of(words, self.length, rng, what) for _ in range(wanted)], seed)
            return image, quads, texts

        return drawn_split(count, self.image_size, drawn)
