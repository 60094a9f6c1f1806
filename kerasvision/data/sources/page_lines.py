"""Lines or words cut out of pages whose ground truth says where they stand and what they say."""

import collections
import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.decode import decode, stored
from kerasvision.data.sources._alphabet import missing, refuse_unknown
from kerasvision.data.sources._sizes import sizes
from kerasvision.data.sources._wording import reordered, seen, without_marks
from kerasvision.data.sources.base import Opened, Pictures, Split
from kerasvision.data.sources.text_places import TextPlaces
from kerasvision.edge.pages.crops import wider
from kerasvision.edge.pages.rectify import rectified


@sources.register("page_lines")
@dataclasses.dataclass(frozen=True)
class PageLines(Pictures):
    """Samples: `image` uint8 [H, W, 3], a line that was set straight, and `characters` int32 [N], the classes of its
    characters from left to right, as in `text_lines`: what a recognizer learns from one's own annotated pages.

    path, unit, skip_bad_quads, validation_fraction, test_fraction, seed, skip_unreadable: as in `text_places`, whose
    files it reads; pages are shared out among splits, never parts of one. The quad of a line becomes a rectangle as
    long and as high as its opposite sides are in the mean, as the page reader makes it (`edge.pages.rectify`). margin:
    heights of a quad that are cut out around it as well, -0.25 to 1; the one that `systems/page_reader` reads with.

    classes: the alphabet, as in `text_lines`; empty takes the characters of all lines. Places that nobody could read
    (###) and places without a text are left out, which is said. A line of a page is long: give the recognizer an
    `image_size` that is as wide for its height, or learn from words. A page is decoded for each of its lines, but for
    what is outside of its window in a JPEG; `cache` in training keeps the lines.
    """

    labels: typing.ClassVar[tuple[str, ...]] = ("characters",)

    path: str
    classes: tuple[str, ...] = ()
    unit: typing.Literal["line", "word"] = "line"
    margin: float = 0.0
    skip_bad_quads: bool = False
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    seed: int = 0
    skip_unreadable: bool = False

    @classmethod
    def detects(cls, path):
        return False  # such a folder is one of `text_places`; page_lines:PATH says that lines are wanted

    def open(self):
        what = f"page_lines {self.path!r}"
        if not -0.25 <= self.margin <= 1:
            raise UsageError(f"{what}: margin={self.margin:g}; allowed: -0.25 to 1")
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(TextPlaces) if hasattr(self, f.name)}
        pages = TextPlaces(**fields).open()
        held, bare = {}, collections.Counter()
        for name, split in pages.splits.items():
            held[name] = _places(split, bare)
        if not held.get("train"):
            raise KerasVisionError(f"{what}: no training page has a text; write the texts of its places")
        every = [row for rows in held.values() for row in rows]
        spelled = [row.classes for row in every]
        classes = self.classes or tuple(sorted({name for line in spelled for name in line}))
        refuse_unknown([row.name for row in every], spelled, classes, what)
        index = {name: k for k, name in enumerate(classes)}
        ids = {n: [[index[c] for c in row.classes] for row in rows] for n, rows in held.items() if rows}
        hw = sizes(sorted({row.path for row in every}), self.orientation)
        opened = {n: self._split(held[n], ids[n], hw) for n in ids}
        said = [f"wordless: {name}, {count} places" for name, count in bare.items()]
        said += [f"empty: {name} (no place with a text)" for name, rows in held.items() if not rows]
        said += reordered([row.text for row in every])
        return Opened(classes, opened, (*pages.dropped, *said, *missing(classes, ids)))

    def _split(self, rows, ids, hw):
        quads = [wider(row.quad, self.margin) for row in rows]
        records = {
            "path": [row.path for row in rows],
            "quad": np.array(quads, np.float32),
            "window": np.array([_window(q, hw[row.path]) for q, row in zip(quads, rows, strict=True)], np.int32),
            "characters": tf.ragged.constant(ids, dtype=tf.int32, ragged_rank=1),
        }
        is_stored, groups = self.orientation == "stored", tuple(row.page for row in rows)

        def read(record):
            held = tf.io.read_file(record["path"])
            image = decode(stored(held) if is_stored else held, record["window"])
            corner = tf.cast(record["window"][1::-1], tf.float32)
            line = tf.numpy_function(_cut, [image, record["quad"] - corner], tf.uint8, stateful=False)
            said = tf.ensure_shape(tf.convert_to_tensor(record["characters"]), [None])
            return {"image": tf.ensure_shape(line, [None, None, 3]), "characters": said}

        split = Split(tf.data.Dataset.from_tensor_slices(records), read, len(rows))
        return dataclasses.replace(split, groups=groups, strata=tuple(splits.rarest(ids)))


@dataclasses.dataclass(frozen=True)
class _Place:
    """path: of the page's picture. page: a number, equal for pages that must not part. quad: float64 [4, 2]."""

    path: str
    name: str
    page: int
    quad: np.ndarray
    text: str
    classes: list


def _places(split, bare):
    """[`_Place`] of a split of pages; those without a text are counted in `bare`, {path: how many}."""
    found = []
    for number, page in enumerate(split.records.as_numpy_iterator()):
        path, group = page["path"].decode(), split.groups[number] if split.groups else number
        for i, (quad, text) in enumerate(zip(page["quads_xy"], page["texts"], strict=True), 1):
            line = without_marks(text.decode("utf-8"))
            if classes := seen(line):
                found.append(_Place(path, f"{path} (place {i})", group, np.float64(quad), line, classes))
            else:
                bare[path] += 1
    return found


def _window(quad, hw):
    """(y, x, height, width) of the whole pixels that a quad's are made of, inside of a picture."""
    (x0, y0), (x1, y1) = np.floor(quad.min(0)) - 1, np.ceil(quad.max(0)) + 1
    x0, y0 = (min(max(low, 0), side - 1) for low, side in ((x0, hw[1]), (y0, hw[0])))
    x1, y1 = (max(min(high, side), low + 1) for high, side, low in ((x1, hw[1], x0), (y1, hw[0], y0)))
    return y0, x0, y1 - y0, x1 - x0


def _cut(image, quad):
    sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
    size = tuple(max(1, math.floor((sides[i] + sides[i + 2]) / 2 + 0.5)) for i in (0, 1))
    return rectified(image, quad, size)
