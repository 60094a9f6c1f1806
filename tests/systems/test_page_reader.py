"""A page reader whose models are never wrong: what is left are crops, cuts, words and the order."""

import dataclasses

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.edge.pages import strips
from kerasvision.edge.pages.crops import wider
from kerasvision.edge.pages.page import Page, page_of
from kerasvision.systems.base import Session
from kerasvision.systems.page_reader import PageReader
from tests.systems import drawn_pages
from tests.systems.drawn_pages import MONO, Finder, Reader, mirrored, painted, printed


def read(lines, size_hw, quads=None, reader=None, seed=0):
    """(answer, models) of a page whose quads come in no order."""
    quads = np.array([line.quad for line in lines] if quads is None else quads)
    models = {
        "detector": Finder(quads[np.random.default_rng(seed).permutation(len(quads))]),
        "recognizer": Reader(lines),
    }
    return Session(reader or PageReader(), models).step({"image": painted(lines, size_hw)}), models


def judged(answer, lines):
    judge = PageReader().evaluator()
    words = [word for line in lines for word in line.words]
    there = {"words": [words], "word_quads_xy": [np.concatenate([line.quads for line in lines])]}
    judge.update({key: [answer[key]] for key in there}, there)
    return judge.result()


PAGES = [(columns, seed) for columns in (1, 2, 3) for seed in range(3)]


@pytest.mark.parametrize(("columns", "seed"), PAGES)
def test_ideal_detections_and_readings_give_the_page(columns, seed):
    """Turned by up to 10 degrees; lines are longer than the recognizer is wide, so they are cut."""
    lines, size = printed(columns, seed)
    answer, models = read(lines, size)
    page = page_of(answer)
    assert [line.text for line in page.lines] == [line.text for line in lines]
    assert judged(answer, lines) == {"cer": 0.0, "wer": 0.0, "tau": pytest.approx(1.0), "found": 1.0}
    assert sum(models["recognizer"].batches) > len(lines) or columns > 1
    assert not page.unread and not page.is_full and page.size_wh == size[::-1]
    assert page_of(answer).to_json() == Page.from_json(page.to_json()).to_json()


@pytest.mark.parametrize(("columns", "seed"), PAGES[::2])
def test_words_stand_where_they_are(columns, seed):
    """To a part of a letter along the line, which is what frames and quiet columns tell."""
    lines, size = printed(columns, seed)
    answer, _ = read(lines, size)
    there = np.concatenate([line.quads for line in lines])
    along = [quad[1] - quad[0] for quad in there]
    for quad, true, side in zip(answer["word_quads_xy"], there, along, strict=True):
        side = side / np.linalg.norm(side)
        assert np.abs((quad - true) @ side).max() < 5.0


@pytest.mark.parametrize(("columns", "seed"), PAGES[::2])
def test_quads_of_words_give_the_same_text(columns, seed):
    lines, size = printed(columns, seed)
    quads = np.concatenate([line.quads for line in lines])
    answer, _ = read(lines, size, quads)
    figures = judged(answer, lines)
    assert figures["cer"] == figures["wer"] == 0.0 and figures["tau"] == pytest.approx(1.0)


@pytest.mark.parametrize(("columns", "seed"), [(1, 5), (2, 6), (3, 7)])
def test_a_page_from_right_to_left(columns, seed):
    lines, size = printed(columns, seed)
    lines = mirrored(lines, size[1])
    answer, _ = read(lines, size, reader=PageReader(right_to_left=True))
    assert [line.text for line in page_of(answer).lines] == [line.text for line in lines]
    other, _ = read(lines, size)
    assert judged(other, lines)["cer"] == 0.0, "the characters say so without being told"


# word as seen from left to right -> as it is read; by hand, after Unicode's annex 9
SEEN = {
    "12-\u05d1": "\u05d1-12",
    "(\u05d2\u05d1\u05d0)": "(\u05d0\u05d1\u05d2)",
    "\u00ab\u05d1\u05d0": "\u05d0\u05d1\u00bb",
    "!\u05d2\u05d1": "\u05d1\u05d2!",
    "3.5\u05d1": "\u05d13.5",
    "12/34-\u05d1": "\u05d1-12/34",
    "1-2\u05d1": "\u05d11-2",
    "50%\u05d1": "\u05d150%",
    "$50\u05d1": "\u05d1$50",
    "abc-1\u05d1\u05d0": "\u05d0\u05d1abc-1",
    "[12]\u05d1": "\u05d1[12]",
    "34-12\u0639": "\u063912-34",  # behind Arabic letters a dash parts numbers
    "12/34\u0639": "\u063912/34",
    "\u05d1\u05d0": "\u05d0\u05d1",
}


@pytest.mark.parametrize(("seen", "meant"), list(SEEN.items()))
def test_numbers_and_brackets_of_a_word_from_right_to_left(seen, meant):
    assert "".join(strips.as_read(list(seen))) == meant


def test_a_page_from_right_to_left_keeps_numbers_and_brackets(monkeypatch):
    lines, size = printed(1, 5)
    meant = [word for word in SEEN.values() if len(word) == 4]
    back = {word: seen for seen, word in SEEN.items()}
    monkeypatch.setattr(drawn_pages, "seen", lambda word: back.get(word, word))
    lines = [
        dataclasses.replace(line, words=tuple((meant * 9)[: len(line.words)])) for line in mirrored(lines, size[1])
    ]
    answer, _ = read(lines, size, reader=PageReader(right_to_left=True))
    assert len(meant) > 2 and [line.text for line in page_of(answer).lines] == [line.text for line in lines]


@pytest.mark.parametrize("quad", [((0, 0), (5, 0), (5, 10), (0, 10)), ((0, 0), (30, 0), (18, 10), (12, 10))])
def test_a_margin_leaves_half_of_a_narrow_quad(quad):
    """5 by 10 pixels, and one that is narrow below: neither side turns around or is nothing."""
    quad = 20 + np.array(quad, float)
    lines, size = printed(1, 0)
    found = wider(quad, -0.25)
    sides = found[[1, 2]] - found[[0, 3]]
    assert (sides[:, 0] >= (quad[[1, 2]] - quad[[0, 3]])[:, 0] / 2).all()
    assert found[3, 1] - found[0, 1] == pytest.approx(5.0)
    models = {"detector": Finder([quad]), "recognizer": Reader(lines)}
    models["recognizer"].__class__ = type("Nothing", (Reader,), {"__call__": nothing})
    answer = Session(PageReader(margin=-0.25), models).step({"image": painted(lines, size)})
    assert int(answer["unread"]) == 1, "it was read, and said nothing"
    long = np.array([[0, 0], [100, 0], [100, 10], [0, 10]], float)
    np.testing.assert_allclose(
        wider(long, -0.1), [[1, 1], [99, 1], [99, 9], [1, 9]], err_msg="others by all of the margin"
    )


def test_neither_neighbors_nor_their_number_change_a_text():
    lines, size = printed(2, 3)
    one, models = read(lines, size, reader=PageReader(batch=1))
    many, others = read(lines, size, reader=PageReader(batch=50))
    assert set(models["recognizer"].batches) == {1} and max(others["recognizer"].batches) > 16
    assert {k: v.tolist() for k, v in one.items()} == {k: v.tolist() for k, v in many.items()}


def test_a_page_without_text_is_empty():
    lines, size = printed(1, 0)
    answer, models = read(lines, size, quads=np.zeros((0, 4, 2)))
    page = page_of(answer)
    assert page.text == "" and page.blocks == () and not models["recognizer"].batches
    assert answer["words"].shape == (0,) and answer["word_quads_xy"].shape == (0, 4, 2)


def test_what_says_nothing_or_has_no_area_is_counted():
    lines, size = printed(1, 0)
    quads = [line.quad for line in lines]
    thin = np.array([[10, 10], [60, 10], [60, 11.9], [10, 11.9]])
    just = np.array([[10, 10], [60, 10], [60, 12.0], [10, 12.0]])  # on white, of which nothing is read

    for more, unread in (((), 0), ((thin,), 1)):
        answer, _ = read(lines, size, quads=[*quads, *more])
        assert int(answer["unread"]) == unread and page_of(answer).unread == unread
        assert [line.text for line in page_of(answer).lines] == [line.text for line in lines]
    models = {"detector": Finder([just]), "recognizer": Reader(lines)}
    models["recognizer"].__class__ = type("Nothing", (Reader,), {"__call__": nothing})
    answer = Session(PageReader(), models).step({"image": painted(lines, size)})
    assert int(answer["unread"]) == 1 and page_of(answer).text == ""


def nothing(self, inputs):
    count = len(inputs["image"])
    labels = np.full((count, 4), -1)
    zeros = np.zeros(count, int)
    return {
        "labels": labels,
        "boxes_xyxy": np.zeros((count, 4, 4)),
        "count": zeros,
        "path_score": zeros + 0.9,
        "scores": labels * 0.0,
    }


def test_as_many_as_can_be_found_is_said():
    lines, size = printed(1, 0)
    for most, is_full in ((len(lines), True), (len(lines) + 1, False)):
        models = {"detector": Finder([line.quad for line in lines], most), "recognizer": Reader(lines)}
        assert page_of(Session(PageReader(), models).step({"image": painted(lines, size)})).is_full == is_full


def test_wide_gaps_of_justified_words_are_no_columns():
    """Monospaced and justified, blanks are up to 1.2 em wide."""
    lines, size = printed(1, 4, fonts=(MONO,))
    answer, _ = read(lines, size, np.concatenate([line.quads for line in lines]))
    figures = judged(answer, lines)
    assert figures["tau"] >= 0.98 and figures["found"] == 1.0


def test_wrong_models_and_pages_are_one_line():
    lines, size = printed(1, 0)
    quads, page = [line.quad for line in lines], painted(lines, size)
    right = {"detector": Finder(quads), "recognizer": Reader(lines)}
    stretched = Reader(lines)
    stretched.arch.resize = "stretch"
    for models, image, words in (
        (right | {"detector": Reader(lines)}, page, r"the detector \(text_recognition/drawn\) finds no text"),
        (right | {"recognizer": Finder(quads)}, page, r"the recognizer \(text_detection/drawn\) reads no lines"),
        (right | {"recognizer": stretched}, page, "resize='stretch', which changes a line's proportions"),
        (right, page[..., 0], r"takes one page, uint8 \[h, w, 3\]; seen: uint8 \[900, 720\]"),
        (right, page / 255, "seen: float64"),
    ):
        with pytest.raises(UsageError, match=words) as error:
            Session(PageReader(), models).step({"image": image})
        assert "\n" not in str(error.value)
    with pytest.raises(KerasVisionError, match="quads that are not finite"):
        Session(PageReader(), right | {"detector": Finder(np.array(quads) * np.nan)}).step({"image": page})
    for fields in ({"word_gap": 0.0}, {"margin": 1.1}, {"batch": 0}):
        with pytest.raises(UsageError, match=rf"page_reader.{next(iter(fields))}=.*; allowed: "):
            create("systems/page_reader", **fields)
