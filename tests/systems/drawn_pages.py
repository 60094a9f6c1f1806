"""Pages whose pixels say which character stands there, and models that read just that: nothing is trained."""

import dataclasses
import types

import numpy as np

from kerasvision.core.characters import BLANK
from kerasvision.data.sources._lines import fonts_below
from kerasvision.data.sources._pages import Paper, render

SERIF, SANS, MONO = (
    next(path for path in fonts_below("") if path.endswith(f"{name}.ttf"))
    for name in ("DejaVuSerif", "DejaVuSans", "DejaVuSansMono")
)
TEXT = """the order of a page is that of its columns and in each of them from top to bottom while a title stands over
all and numbers of pages stand alone ; what is read across two columns makes no sense , so ( as here ) gaps decide"""
WORDS = TEXT.split()
PAD = 3.0  # pixels around a quad that are painted as well


def printed(columns, seed, skew_deg=10.0, fonts=(SERIF, SANS), size_hw=(900, 720), em=(14, 18)):
    """(lines, (h, w)) of a rendered page."""
    paper = Paper(fonts, size_hw, (columns, columns), em, skew_deg, 90, 0.0, 0.0, 100)
    return render(paper, WORDS, [seed, columns])[1], size_hw


def mirrored(lines, width):
    """The page as a script from right to left has it, in Hebrew letters; numbers stay."""
    found = []
    for line in lines:
        words = tuple("".join(map(_hebrew, word)) for word in line.words)
        quads = np.stack([width - line.quads[..., 0], line.quads[..., 1]], -1)[:, [1, 0, 3, 2]]
        found.append(dataclasses.replace(line, words=words, quads=quads))
    return found


def _hebrew(character):
    return chr(0x5D0 + ord(character) % 27) if character.isalpha() else character


def painted(lines, size_hw):
    """uint8 [h, w, 3]: red is the number of the line, green that of the character as seen from the left, both from 1.
    The upper half of characters is without blue, blanks are plain.
    """
    page = np.full((*size_hw, 3), 255, np.uint8)
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    for number, line in enumerate(lines, 1):
        quad = np.asarray(line.quad)
        along, down = quad[1] - quad[0], quad[3] - quad[0]
        width, height = np.linalg.norm(along), np.linalg.norm(down)
        away = np.stack([x - quad[0, 0], y - quad[0, 1]], -1)
        u, v = away @ along / width, away @ down / height
        inside = (u >= -PAD) & (u < width + PAD) & (v >= -PAD) & (v < height + PAD)
        text, ends = _cells(line, quad[0], along / width)
        place = np.clip(np.searchsorted(ends, u[inside], side="right"), 0, len(text) - 1)
        solid = np.array([c != " " for c in text])[place]
        blue = np.where(solid & (v[inside] < height / 2), 0, 255)
        page[inside] = np.stack([np.full_like(place, number), place + 1, blue], -1)
    return page


def _cells(line, origin, along):
    """(the text as seen from the left, float [N], where each of its characters ends along the line)."""
    starts = (line.quads[:, 0] - origin) @ along
    stops = (line.quads[:, 1] - origin) @ along
    text, ends = "", []
    for i in np.argsort(starts):
        if text:
            text += " "
            ends.append(starts[i])
        word = seen(line.words[i])
        text += word
        ends += list(starts[i] + (stops[i] - starts[i]) * np.arange(1, len(word) + 1) / len(word))
    return text, np.array(ends)


def moved(lines, by, turns=0, size_wh=(0, 0)):
    """The lines of a page of a size, turned to the right by so many quarters and then moved."""
    found = []
    for line in lines:
        quads, (width, height) = line.quads, size_wh
        for _ in range(turns):
            quads = np.stack([height - quads[..., 1], quads[..., 0]], -1)
            width, height = height, width
        found.append(dataclasses.replace(line, quads=quads + np.asarray(by, float)))
    return found


def seen(word):
    """A word from left to right."""
    return word[::-1] if any("\u0590" <= c <= "\u05ff" for c in word) else word


class Finder:
    """Answers with quads that it was given."""

    def __init__(self, quads, most=500):
        self._quads = np.float32(quads).reshape(-1, 4, 2)
        outputs = {"quads_xy": None, "scores": None, "count": None}
        self.arch = types.SimpleNamespace(
            registered_name="text_detection/drawn", outputs=outputs, max_quads=most, image_size=(64, 64)
        )
        self.classes = ("text",)

    def __call__(self, inputs):
        count = len(self._quads)
        return {"quads_xy": self._quads[None], "scores": np.ones((1, count)), "count": np.array([count])}


class Reader:
    """Reads what `painted` has written. batches: sizes of what it was asked."""

    def __init__(self, lines, image_size=(32, 320)):
        self._texts = [_cells(line, line.quad[0], line.quad[1] - line.quad[0])[0] for line in lines]
        self.classes = (*sorted({c for text in self._texts for c in text} - {" "}), BLANK)
        self._index = {c: i for i, c in enumerate(self.classes)} | {" ": len(self.classes) - 1}
        outputs = {"labels": None, "scores": None, "boxes_xyxy": None, "count": None, "path_score": None}
        self.arch = types.SimpleNamespace(
            registered_name="text_recognition/drawn",
            outputs=outputs,
            image_size=image_size,
            resize="letterbox",
            least_certainty=None,
        )
        self.batches = []

    def __call__(self, inputs):
        assert inputs["image"].shape[1:3] == self.arch.image_size
        self.batches.append(len(inputs["image"]))
        most, rows = self.arch.image_size[1], []
        for image in inputs["image"]:
            row = image[int(0.75 * len(image))].astype(int)
            ink = np.flatnonzero(row[:, 2] > 200)
            if not len(ink):  # a line that is upside down shows its upper half
                rows.append(([-1] * most, [(0, 0, 0, 0)] * most, 0))
                continue
            text = self._texts[int(np.median(row[ink, 0])) - 1]
            green = row[ink, 1] - 1
            starts = [0, *(np.flatnonzero(np.diff(green)) + 1).tolist(), len(green)]
            runs = [(int(green[a]), ink[a], ink[b - 1] + 1) for a, b in zip(starts[:-1], starts[1:], strict=True)]
            labels = [self._index[text[k]] for k, _, _ in runs if k < len(text)]
            boxes = [(x0, 0, x1, len(image)) for k, x0, x1 in runs if k < len(text)]
            free = most - len(labels)
            rows.append((labels + [-1] * free, boxes + [(0, 0, 0, 0)] * free, len(labels)))
        labels, boxes, counts = (np.array(part) for part in zip(*rows, strict=True))
        ones = np.ones(len(rows), np.float32)
        return {"labels": labels, "boxes_xyxy": boxes, "count": counts, "path_score": ones, "scores": labels * 0 + 1.0}
