"""Pages that lie on their side or upside down: how a turn is decided, on both sides of thresholds, and what is read."""

import json

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.edge.pages import orientation
from kerasvision.edge.pages.orientation import LEAD, MOST_A_LINE, MOST_LINES, as_given, turn_of
from kerasvision.edge.pages.page import Page, page_of
from kerasvision.systems.base import Session
from kerasvision.systems.page_reader import PageReader
from tests.systems.drawn_pages import Finder, Reader, painted, printed


def box(width, height, x=0.0, y=0.0):
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def along(quad):
    return tuple(np.sign(np.round(quad[1] - quad[0])).astype(int))


class Says:
    """For lines in this order, nats by which they read better from the left or upper one of their ends."""

    def __init__(self, *nats):
        self._nats, self.asked = list(nats), 0

    def __call__(self, quads):
        half = len(quads) // 2
        assert [along(quad) for quad in quads[half:]] == [(-x, -y) for x, y in map(along, quads[:half])]
        assert all(along(quad) in ((1, 0), (0, 1)) for quad in quads[:half])
        own = self._nats[self.asked : self.asked + half]
        self.asked += half
        return [(True, np.exp(min(n, 0.0))) for n in own] + [(True, np.exp(min(-n, 0.0))) for n in own]


ACROSS, DOWN = box(100, 10), box(10, 100)
CAP, HALF = MOST_A_LINE, LEAD / 2


@pytest.mark.parametrize(
    ("quads", "nats", "meant"),
    [
        ([ACROSS] * 2, (HALF, HALF), (0, True)),
        ([ACROSS] * 2, (HALF, HALF - 0.01), (0, False)),
        ([ACROSS] * 2, (-HALF, -HALF), (180, True)),
        ([ACROSS] * 2, (-HALF, -HALF + 0.01), (0, False)),
        ([DOWN] * 2, (HALF, HALF), (270, True)),
        ([DOWN] * 2, (-HALF, -HALF), (90, True)),
        ([DOWN] * 2, (-HALF, -HALF + 0.01), (0, False)),
        ([ACROSS], (1000.0,), (0, False)),
        ([ACROSS] * 3, (1000.0, -1000.0, 1000.0), (0, False)),
        ([box(103 - i, 10) for i in range(3)] + [DOWN], (-CAP, -CAP + 0.01, -0.5, 0.48), (180, True)),
        ([box(103 - i, 10) for i in range(3)] + [DOWN], (-CAP, -CAP + 0.01, -0.5, 0.5), (0, False)),
        ([], (), (0, False)),
    ],
)
def test_a_turn_leads_or_does_not(quads, nats, meant):
    """Of four lines the first two are 0.01 short of enough; the last one, of another side, is read with the third."""
    assert MOST_A_LINE * 2 == LEAD, "two lines decide, one does not"
    assert turn_of(quads, Says(*nats)) == meant


def test_only_as_many_lines_are_read_as_decide():
    for nats, asked in ((CAP, 2), (CAP / 2, 4), (CAP / 2 - 0.01, 6), (0.5, MOST_LINES), (0.49, MOST_LINES)):
        says = Says(*[nats] * 20)
        turn, is_known = turn_of([ACROSS] * 20, says)
        assert (turn, says.asked, is_known) == (0, asked, nats >= LEAD / MOST_LINES)


def test_the_longest_lines_are_read_and_those_that_tell_no_side_are_not():
    seen = []

    def read(quads):
        seen.extend(float(np.linalg.norm(quad[1] - quad[0])) for quad in quads[: len(quads) // 2])
        return [(True, 0.5)] * len(quads)

    turn_of([box(14.9, 10), box(15.0, 10), box(30, 10), box(10, 15.0), box(10, 14.9), box(10, 40)], read)
    assert seen == [40, 30, 15, 15]


def test_what_says_nothing_reads_worst():
    for one, other, meant in ((True, False, (0, True)), (False, True, (180, True)), (False, False, (0, False))):

        def read(quads, one=one, other=other):
            half = len(quads) // 2
            return [(one, 0.1)] * half + [(other, 0.9)] * half

        assert turn_of([ACROSS] * 2, read) == meant


def test_probabilities_that_are_nothing_are_no_error():
    assert turn_of([ACROSS] * 2, lambda quads: [(True, 0.0)] * len(quads)) == (0, False)


@pytest.mark.parametrize("turn", orientation.TURNS)
def test_a_picture_is_turned_as_pillow_does_and_its_points_come_back(turn):
    image = np.random.default_rng(0).integers(0, 255, (5, 8, 3), np.uint8)
    held = orientation.turned(image, turn)
    np.testing.assert_array_equal(held, np.asarray(Image.fromarray(image).rotate(-turn, expand=True)))
    for y, x in ((0, 0), (1, 6), (3, 2)):
        row, column = as_given([x + 0.5, y + 0.5], turn, (8, 5))[::-1] - 0.5  # the middle of a pixel
        np.testing.assert_array_equal(image[int(row), int(column)], held[y, x]) if x < held.shape[1] else None


class Turned(Finder):
    """Finds the lines of a page however it lies."""

    def __init__(self, page, quads):
        super().__init__(quads)
        self._pages, self._upright, self.seen = [np.rot90(page, k) for k in range(4)], np.array(quads), 0

    def __call__(self, inputs):
        self.seen += 1
        turns = next(k for k, page in enumerate(self._pages) if np.array_equal(page, inputs["image"][0]))
        height, width = self._pages[0].shape[:2]
        quads = [lying(quad, turns, (width, height)) for quad in self._upright]
        # nothing says where text begins: the first corner is the upper left one as it lies
        return Finder([np.roll(quad, -int(quad.sum(1).argmin()), 0) for quad in quads])(inputs)


def lying(quad, turns, size_wh):
    """Points of a page that is turned to the left so often."""
    for _ in range(turns):
        quad, size_wh = np.stack([quad[:, 1], size_wh[0] - quad[:, 0]], 1), size_wh[::-1]
    return quad


@pytest.mark.parametrize("skew", [0.0, 8.0])
@pytest.mark.parametrize("turns", range(4))
def test_a_page_is_read_however_it_lies(turns, skew):
    """Turned to the left by quarters, so that it has to be turned to the right as often; words stand where they lie."""
    lines, size = printed(2, 3, skew_deg=skew)
    page = painted(lines, size)
    models = {"detector": Turned(page, [line.quad for line in lines]), "recognizer": Reader(lines)}
    upright = page_of(Session(PageReader(orientation="0"), models).step({"image": page}))
    for asked in ("auto", str(90 * turns)):
        models["detector"].seen = 0
        reader = PageReader(orientation=asked)
        found = page_of(Session(reader, models).step({"image": np.ascontiguousarray(np.rot90(page, turns))}))
        assert (found.turn, found.is_turn_known) == (90 * turns, True)
        assert found.text == upright.text and found.size_wh == (size[::-1] if turns % 2 == 0 else size)
        for one, other in zip(found.lines, upright.lines, strict=True):
            for word, meant in zip(one.words, other.words, strict=True):
                quad = lying(np.array(meant.quad_xy), turns, size[::-1])
                np.testing.assert_allclose(word.quad_xy, quad, atol=0.02)
        assert models["detector"].seen == (2 if turns and asked == "auto" else 1)
        assert Page.from_json(found.to_json()) == found and found.to_json()["turn"] == 90 * turns


def test_a_page_of_one_line_is_left_as_it_lies():
    lines, size = printed(1, 3, skew_deg=0.0)
    page = painted(lines[:1], size)
    models = {"detector": Finder([lines[0].quad]), "recognizer": Reader(lines)}
    found = page_of(Session(PageReader(), models).step({"image": page}))
    assert (found.turn, found.is_turn_known, len(found.lines)) == (0, False, 1)
    assert found.to_json()["is_turn_known"] is False


def test_the_command_line_turns_and_says_so(tmp_path, monkeypatch, capsys):
    """Two pages of which one lies, and one of a line alone, by models that know them however they lie."""
    lines, size = printed(1, 3, size_hw=(500, 420), em=(10, 12), skew_deg=0.0)
    page = painted(lines, size)
    models = {"detector": Turned(page, [line.quad for line in lines]), "recognizer": Reader(lines)}
    monkeypatch.setattr(api, "load", lambda path, settings=(): models[path.name if hasattr(path, "name") else path])
    monkeypatch.chdir(tmp_path)
    for turns, name in enumerate(("upright.png", "lying.png")):
        Image.fromarray(np.ascontiguousarray(np.rot90(page, turns))).save(name)
    assert main(["read", "detector", "recognizer", "upright.png", "lying.png", "--json"]) == 0
    held = capsys.readouterr()
    rows = [json.loads(row) for row in held.out.splitlines()]
    assert [(row["turn"], row["is_turn_known"], row["width"]) for row in rows] == [(0, True, 420), (90, True, 500)]
    assert held.err == f"2 pages, {2 * len(lines)} lines; 1 pages that were turned\n"
    assert main(["read", "detector", "recognizer", "lying.png", "--json", "--orientation", "90"]) == 0
    assert json.loads(capsys.readouterr().out) == rows[1]
    models["detector"] = Turned(page, [line.quad for line in lines[:1]])
    assert main(["read", "detector", "recognizer", "upright.png"]) == 0
    assert "1 pages with too little text to tell how they are upright, left as they lie" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["read", "detector", "recognizer", "upright.png", "--orientation", "45"])


def test_other_turns_are_refused():
    with pytest.raises(UsageError, match="page_reader.orientation=45; allowed: orientation auto, 0, 90, 180 or 270"):
        PageReader(orientation="45")
