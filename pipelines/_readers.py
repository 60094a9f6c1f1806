"""What reads lines and pages for `measure_reading.py`: runs of ours, and tesseract by its own command line."""

import dataclasses
import io
import os
import shutil
import subprocess
import typing

import numpy as np
from PIL import Image
from rapidfuzz.distance import Levenshtein

from kerasvision.core.characters import characters_of, text_of
from kerasvision.edge.pages.line_direction import line_as_read
from kerasvision.edge.pages.page import page_of
from kerasvision.metrics.classification import expected_calibration_error
from kerasvision.systems.base import Session
from kerasvision.systems.page_reader import PageReader

REFUSED = 10  # of so many lines the least sure one is refused
ABSENT = "tesseract is not installed (Debian: tesseract-ocr, tesseract-ocr-rus ... for languages), so it has no figures"
_WORD = "5"  # level of a word in tesseract's TSV
_LINE_OF_TEXT = "7"  # tesseract's page segmentation modes
_AUTOMATIC = "3"


@dataclasses.dataclass(frozen=True)
class Line:
    """What was read of a line. score: the probability of the whole text. certainty: of a character, the mean."""

    text: str
    score: float = np.nan
    certainty: float = np.nan


@dataclasses.dataclass(frozen=True)
class Reader:
    """line: uint8 [h, w, 3] -> `Line`. page: uint8 [h, w, 3] -> (words, their quads [N, 4, 2]) in reading order, or
    None. least: the certainty below which lines are refused, or None.
    """

    line: typing.Callable
    page: typing.Callable | None = None
    least: float | None = None


def own(recognizer, detector=None):
    """The `Reader` of models (`api.Model`), and the system that reads its pages, None without a detector."""

    def line(image):
        found = recognizer({"image": image[None]})
        count = int(found["count"][0])
        score = float(found["path_score"][0])
        text = text_of(line_as_read([recognizer.classes[k] for k in found["labels"][0][:count]]))
        return Line(text, score, score ** (1 / count) if count else 0.0)

    if detector is None:
        return Reader(line, None, recognizer.arch.least_certainty), None
    session = Session(PageReader(), {"detector": detector, "recognizer": recognizer})

    def whole(image):
        return page_of(session.step({"image": image}))

    def page(image):
        return words_of(whole(image))

    return Reader(line, page, recognizer.arch.least_certainty), whole


def words_of(page):
    """(texts, quads [N, 4, 2]) of the words of a `Page` in reading order."""
    words = [word for line in page.lines for word in line.words]
    return [word.text for word in words], np.array([word.quad_xy for word in words]).reshape(-1, 4, 2)


def tesseract(language):
    """The `Reader` of tesseract's binary on one thread; None where it is not installed."""
    place = shutil.which("tesseract")
    if place is None:
        return None

    def asked(image, mode, *form):
        held = io.BytesIO()
        Image.fromarray(image).save(held, "PNG")
        words = [place, "stdin", "stdout", "--psm", mode, "-l", language, *form]
        one = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        done = subprocess.run(words, input=held.getvalue(), capture_output=True, check=False, env=one)
        if done.returncode:
            said = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[0]
            raise SystemExit(f"measure_reading: tesseract -l {language} failed: {said}")
        return done.stdout.decode("utf-8")

    def page(image):
        _, *rows = (row.split("\t") for row in asked(image, _AUTOMATIC, "tsv").splitlines())
        rows = [row for row in rows if row[0] == _WORD and row[-1].strip()]
        boxes = np.array([[float(v) for v in row[6:10]] for row in rows]).reshape(-1, 4)
        x, y, w, h = boxes.T
        quads = np.stack([np.stack(p, -1) for p in ((x, y), (x + w, y), (x + w, y + h), (x, y + h))], 1)
        return [row[-1].strip() for row in rows], quads

    return Reader(lambda image: Line(" ".join(asked(image, _LINE_OF_TEXT).split())), page)


def edits(read, true):
    """(edits, true characters) of pairs of texts, all together."""
    pairs = [(characters_of(a), characters_of(b)) for a, b in zip(read, true, strict=True)]
    return sum(Levenshtein.distance(a, b) for a, b in pairs), sum(len(b) for _, b in pairs)


def cer(read, true):
    """Character error rate; None without a true character."""
    wrong, length = edits(read, true)
    return wrong / length if length else None


def blanks_f1(read, true):
    """F1 of the blanks between words: one is right that stands behind the same letter, as a shortest way from the
    letters of one text to those of the other aligns them; None where there is none to find and none was read.
    """
    right = every = 0
    for pair in zip(read, true, strict=True):
        (mine, my_ends), (meant, ends) = map(_letters, pair)
        every += len(my_ends) + len(ends)
        for block in Levenshtein.opcodes(mine, meant):
            if block.tag in ("equal", "replace"):
                there = zip(range(block.src_start, block.src_end), range(block.dest_start, block.dest_end), strict=True)
                right += sum(i in my_ends and j in ends for i, j in there)
    return 2 * right / every if every else None


def _letters(text):
    """(the characters of a text without blanks, the numbers of those that a blank stands behind)."""
    letters, ends = [], set()
    for character in characters_of(text.strip()):
        if character == " ":
            ends.add(len(letters) - 1)
        else:
            letters.append(character)
    return letters, ends


def calibration(lines, true):
    """Of `Line`s with scores: the expected calibration error of a line's score as the probability that it is exact; CER
    of all, and without the least sure tenth.
    """
    texts, right = [line.text for line in lines], np.array([line.text for line in lines]) == np.array(true)
    order = np.argsort([line.certainty for line in lines], kind="stable")[len(lines) // REFUSED :]
    error = expected_calibration_error(np.array([line.score for line in lines]), right)
    return error, cer(texts, true), cer([texts[i] for i in order], [true[i] for i in order])
