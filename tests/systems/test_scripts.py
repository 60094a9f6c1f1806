"""One recognizer a script, text that stands upright and blocks from right to left, by models that are never wrong but
where they are told to be unsure.
"""

import json
import pathlib
import types

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli import reading
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.edge.pages.page import Page, page_of
from kerasvision.systems.base import Session
from kerasvision.systems.page_reader import PageReader, refusing
from tests.systems.drawn_pages import Finder, Reader, mirrored, moved, painted, printed

SIZE = (220, 130)  # of lines that are one strip each


class Knows(Reader):
    """Reads lines of some numbers as they are; of others it says "zz", with some probability, or nothing (None)."""

    def __init__(self, lines, numbers, otherwise):
        super().__init__(lines)
        self._numbers, self._otherwise = numbers, otherwise
        self.classes = (*self.classes, "z")

    def __call__(self, inputs):
        found = super().__call__(inputs)
        for row, image in enumerate(inputs["image"]):
            solid = image[..., 2][image[..., 0] < 100]
            number = int(np.median(image[..., 0][image[..., 0] < 100])) - 1 if len(solid) else -1
            if number in self._numbers:
                continue
            said = 0 if self._otherwise is None else 2
            found["labels"][row] = -1
            found["labels"][row, :said] = len(self.classes) - 1
            found["count"][row] = said
            found["path_score"][row] = 1.0 if self._otherwise is None else self._otherwise
        return found


def page(seed=1):
    lines, _ = printed(1, seed, skew_deg=0.0, size_hw=SIZE, em=(12, 14))
    return lines, painted(lines, SIZE)


def read(lines, image, recognizers, **fields):
    models = {"detector": Finder([line.quad for line in lines])}
    models |= dict(zip(PageReader(recognizers=len(recognizers)).models[1:], recognizers, strict=True))
    reader = PageReader(orientation="0", recognizers=len(recognizers), **fields)
    return page_of(Session(reader, models).step({"image": image}))


def test_each_line_is_what_the_surest_one_says():
    """The first knows the even lines and is otherwise a little sure; the second the odd ones, and says nothing else."""
    lines, image = page()
    numbers = range(len(lines))
    first, second = Knows(lines, set(numbers[::2]), 0.81), Knows(lines, set(numbers[1::2]), None)
    found = read(lines, image, [first, second])
    assert [line.text for line in found.lines] == [line.text for line in lines]
    assert [line.recognizer for line in found.lines] == [number % 2 for number in numbers]
    assert found.refused == () and Page.from_json(json.loads(json.dumps(found.to_json()))) == found
    alone = read(lines, image, [first])
    assert {line.text for line in alone.lines[1::2]} == {"zz"} and not alone.refused


@pytest.mark.parametrize(
    ("recognizers", "least", "probability", "is_refused"),
    [
        (2, None, 0.25, False),  # two characters of 0.5 each
        (2, None, 0.2499, True),
        (2, 0.9, 0.81, False),
        (2, 0.9, 0.8099, True),
        (2, 0.0, 1e-6, False),
        (1, None, 1e-6, False),
        (1, 0.5, 0.2499, True),
    ],
)
def test_a_line_of_which_none_is_sure_is_refused(recognizers, least, probability, is_refused):
    lines, image = page()
    unsure = [Knows(lines, set(range(1, len(lines))), probability), Knows(lines, set(), None)]
    found = read(lines, image, unsure[:recognizers], least_certainty=least)
    texts = [line.text for line in lines[1:]]
    assert [line.text for line in found.lines] == (texts if is_refused else ["zz", *texts])
    assert found.unread == 0 and len(found.refused) == is_refused
    for row in found.to_json()["refused"]:
        assert row["score"] == pytest.approx(probability**0.5, abs=1e-6)
        np.testing.assert_allclose(row["quad_xy"], lines[0].quad, atol=0.01)


@pytest.mark.parametrize(
    ("least", "fitted", "refused", "said"),
    [
        (None, (0.91, 0.7), [0], "0.91 (recognizer, fitted to held-out lines), 0.7 (recognizer_2, fitted to held-out"),
        (None, (0.89, 0.91), [1], "0.89 (recognizer, fitted to held-out lines), 0.91 (recognizer_2,"),
        (None, (None, 0.91), [1], "0.5 (recognizer, as none was fitted to held-out lines), 0.91 (recognizer_2,"),
        ("fitted", (0.91, 0.91), [0, 1], "0.91 (recognizer, fitted to held-out lines), 0.91"),
        (0.8, (0.91, 0.91), [], ""),
        (None, (0.91,), [], ""),
        ("fitted", (0.91,), [0], "refused are lines whose characters are on average less sure than 0.91 (recognizer,"),
    ],
)
def test_each_recognizer_has_its_own_fitted_threshold(least, fitted, refused, said):
    """The first reads the first line, the second the second one, with .9 a character each."""
    lines, image = page()
    lines, recognizers = lines[:2], []
    for number, own in enumerate(fitted):
        recognizers.append(Half(lines, number))
        recognizers[-1].arch.least_certainty = own
    found = read(lines[: len(fitted)], image, recognizers, least_certainty=least)
    there = [n for n in range(len(fitted)) if n not in refused]
    assert [line.text for line in found.lines] == [lines[n].text for n in there]
    assert [line.recognizer for line in found.lines] == there and len(found.refused) == len(refused)
    models = {"detector": None} | dict(zip(("recognizer", "recognizer_2"), recognizers, strict=False))
    line = refusing(PageReader(recognizers=len(fitted), least_certainty=least), models)
    assert said in line and bool(said) == bool(line) and "\n" not in line


class Half(Knows):
    """Reads the line of one number with a probability of .9 a character, and says nothing of others."""

    def __init__(self, lines, number):
        super().__init__(lines, {number}, None)

    def __call__(self, inputs):
        found = super().__call__(inputs)
        return found | {"path_score": 0.9 ** found["count"].astype(float)}


def test_what_was_not_fitted_cannot_be_asked_for():
    lines, image = page()
    with pytest.raises(KerasVisionError, match="nothing was fitted to held-out lines .* kerasvision calibrate RUN"):
        read(lines, image, [Reader(lines)], least_certainty="fitted")
    with pytest.raises(UsageError, match="nothing was fitted"):
        refusing(PageReader(least_certainty="fitted"), {"recognizer": Reader(lines)})


def test_a_longer_line_is_not_less_sure():
    """A hundred characters of .97 each are surer than two of .96, whose product is larger."""
    lines, image = page()
    count = len(lines[0].text)
    right, wrong = Knows(lines, set(range(len(lines))), None), Knows(lines, set(), 0.96**2)
    own = right.__call__
    right = types.SimpleNamespace(arch=right.arch, classes=right.classes)

    class Sure:
        arch, classes = right.arch, right.classes

        def __call__(self, inputs):
            found = own(inputs)
            return found | {"path_score": 0.97 ** found["count"].astype(float)}

    assert 0.97**count < 0.96**2
    assert read(lines, image, [wrong, Sure()]).lines[0].text == lines[0].text


def test_a_page_that_lies_is_turned_by_the_one_that_reads_it():
    lines, image = page()
    quads = np.array([line.quad for line in lines])
    upside_down = [np.roll(np.array(SIZE[::-1]) - quad, 2, 0) for quad in quads]
    models = {"detector": None, "recognizer": Knows(lines, set(), None), "recognizer_2": Reader(lines)}
    finders = iter((Finder(upside_down), Finder(quads)))  # as the page lies, and set upright
    models["detector"] = Turning(finders)
    answer = Session(PageReader(recognizers=2), models).step({"image": np.ascontiguousarray(image[::-1, ::-1])})
    found = page_of(answer)
    assert (found.turn, found.is_turn_known) == (180, True)
    assert [line.text for line in found.lines] == [line.text for line in lines]


class Turning(Finder):
    """One `Finder` after the other."""

    def __init__(self, finders):
        super().__init__([])
        self._finders = finders

    def __call__(self, inputs):
        return next(self._finders)(inputs)


@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize("is_rolled", [False, True])
def test_text_that_stands_is_read_from_its_own_end_in_its_own_order(turns, is_rolled):
    """A page beside another one that is turned to the right, or to the left; a detector does not know which end."""
    flat, _ = printed(1, 2, skew_deg=0.0, size_hw=(400, 300), em=(12, 14))
    upended, _ = printed(1, 4, skew_deg=0.0, size_hw=(260, 380), em=(12, 14))
    lines = [*flat, *moved(upended, (320, 10), turns, (380, 260))]
    image = painted(lines, (420, 600))
    quads = [line.quad for line in lines]
    given = quads[: len(flat)] + [np.roll(quad, 2 * is_rolled, 0) for quad in quads[len(flat) :]]
    models = {"detector": Finder(given), "recognizer": Reader(lines)}
    found = page_of(Session(PageReader(orientation="0"), models).step({"image": image}))
    assert [line.text for line in found.lines] == [line.text for line in lines]
    words = [word for line in found.lines for word in line.words]
    there = np.concatenate([line.quads for line in lines])
    for word, quad in zip(words, there, strict=True):
        along = (quad[1] - quad[0]) / np.linalg.norm(quad[1] - quad[0])
        assert np.abs((np.array(word.quad_xy) - quad) @ along).max() < 5.0, "each where it stands, from its own end"


def body(lines):
    """Without titles and numbers of pages, which would stand amid a page of two."""
    heights = [np.ptp(line.quad[:, 1]) for line in lines]
    return [line for line, h in zip(lines, heights, strict=True) if h < 1.3 * np.median(heights) and len(line.text) > 3]


@pytest.mark.parametrize("columns", [1, 2])
def test_a_block_from_right_to_left_is_read_so_below_one_from_left_to_right(columns):
    """Nothing is set: the characters that are read decide."""
    size = (300, 420)
    upper, lower = (body(printed(columns, seed, skew_deg=0.0, size_hw=size, em=(11, 12))[0]) for seed in (5, 6))
    lower = moved(mirrored(lower, size[1]), (0, size[0] + 60))
    lines = [*upper, *lower]
    image = painted(lines, (2 * size[0] + 60, size[1]))
    models = {"detector": Finder([line.quad for line in lines]), "recognizer": Reader(lines)}
    found = page_of(Session(PageReader(orientation="0"), models).step({"image": image}))
    assert [line.text for line in found.lines] == [line.text for line in lines]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Folders that look like runs, and what `api.load` makes of them."""
    lines, image = page()
    numbers = range(len(lines) - 1)  # none knows the last line
    models = {
        "detector": Finder([line.quad for line in lines]),
        "recognizer": Knows(lines, set(numbers[::2]), 0.01),
        "recognizer_2": Knows(lines, set(numbers[1::2]), None),
    }
    for name in models:
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.json").write_text("{}")
    monkeypatch.setattr(api, "load", lambda path, settings=(): models[getattr(path, "name", path)])
    monkeypatch.setattr(reading, "identity_of", lambda session, places: "these")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(image).save("page.png")
    return lines


def test_the_command_line_takes_recognizers_and_says_which_one_read_what(folders, capsys):
    words = ["detector", "recognizer", "recognizer_2"]
    assert main(["read", *words, "page.png", "--json", "--orientation", "0"]) == 0
    held = capsys.readouterr()
    (row,) = map(json.loads, held.out.splitlines())
    said = [(line["text"], line["recognizer"]) for block in row["blocks"] for line in block["lines"]]
    assert said == [(line.text, number % 2) for number, line in enumerate(folders[:-1])]
    assert [round(line["score"], 6) for line in row["refused"]] == [0.1]
    told, said = held.err.splitlines()
    assert "0.5 (recognizer, as none was fitted to held-out lines), 0.5 (recognizer_2, as none" in told
    assert said == f"1 pages, {len(folders) - 1} lines; 1 lines less sure than least_certainty, refused"
    for place in ("reader", "reader/1", "reader.tflite"):
        assert main(["read", *words[::2], "--save", place, "--set", "least_certainty=fitted"]) == 2
        assert "nothing was fitted to held-out lines" in capsys.readouterr().err and not pathlib.Path(place).exists()
    assert main(["read", *words, "--save", "reader"]) == 0
    assert main(["read", "reader", "page.png", "--json", "--orientation", "0"]) == 0
    assert json.loads(capsys.readouterr().out) == row
    assert main(["read", *words, "page.png", "--json", "--orientation", "0", "--set", "least_certainty=0.05"]) == 0
    assert json.loads(capsys.readouterr().out)["refused"] == []


def test_bad_input_is_one_line(folders, capsys):
    words = ["detector", "recognizer", "recognizer_2"]
    for more, said in (
        (["--save", "reader.tflite"], "one file holds one recognizer; save several as a folder"),
        (["--save", "reader/1"], "one file holds one recognizer; save several as a folder"),
        (["page.png", "--set", "recognizers=3"], "it is the number of those that stand behind the detector"),
        (["page.png", "--set", "recognizer_3.x=1"], "there is no such model, but detector, recognizer, recognizer_2"),
        (["page.png", "--set", "least_certainty=1.1"], "least_certainty 0 to 1 or fitted"),
        (["page.png", "--set", "least_certainty=fitted"], "nothing was fitted to held-out lines"),
        (["--save", "unfitted", "--set", "least_certainty=fitted"], "nothing was fitted to held-out lines"),
    ):
        assert main(["read", *words, *more]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    for fields in ({"recognizers": 0}, {"least_certainty": -0.1}):
        with pytest.raises(UsageError, match="recognizers 1 or more, least_certainty 0 to 1"):
            create("systems/page_reader", **fields)
