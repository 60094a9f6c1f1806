"""Quads laid out by hand, in columns and turned, and the order in which they were laid."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from kerasvision.edge.pages.reading_order import angle_of, around, reading_order, upright

HEIGHT, PITCH = 10.0, 15.0
ANGLES = (-10.0, -3.0, 0.0, 5.0, 10.0)


def box(x, y, width, height=HEIGHT):
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def column(x, y, widths, indent=()):
    """Lines below one another. indent: numbers of those that begin a height further on."""
    return [box(x + HEIGHT * (i in indent), y + PITCH * i, width) for i, width in enumerate(widths)]


def turned(quads, degrees):
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array(quads) @ np.array([[cos, sin], [-sin, cos]]) + [300, 50]


def order_of(quads, seed=1, **more):
    """Numbers of the quads in the order that was found, whatever order they are given in."""
    quads = np.array(quads)
    given = np.random.default_rng(seed).permutation(len(quads))
    straight = upright(quads[given], angle_of(quads[given]))
    return [[int(given[i]) for i in line.quads] for line in reading_order(straight, **more)]


def in_a_row(quads):
    return [[i] for i in range(len(quads))]


RAGGED = (100, 80, 95, 20, 100, 90, 60, 100)
LAYOUTS = {
    "one": column(0, 0, RAGGED),
    "two": [*column(0, 0, RAGGED), *column(120, 0, RAGGED[:5])],
    "two, not level": [*column(0, 7, RAGGED), *column(120, 0, RAGGED)],
    "three": [line for x in (0, 120, 240) for line in column(x, 0, RAGGED)],
    "title over three": [box(60, -60, 200, 17), *(line for x in (0, 120, 240) for line in column(x, 0, RAGGED))],
    "short title over the gutter": [box(104, -60, 12, 17), *column(0, 0, RAGGED), *column(120, 0, RAGGED)],
    "number below the gutter": [*column(0, 0, RAGGED), *column(120, 0, RAGGED), box(105, 180, 10)],
    "number over the right column": [box(200, -50, 15), *column(0, 0, RAGGED), *column(120, 0, RAGGED)],
    "a line across, and columns again": [
        *(line for x in (0, 120) for line in column(x, 0, RAGGED)),
        box(0, 130, 220),
        *(line for x in (0, 120) for line in column(x, 150, RAGGED)),
    ],
    "columns of other lengths": [*column(0, 0, RAGGED * 2), *column(120, 0, RAGGED[:2])],
    "a last word below an indentation": column(0, 0, (100, 90, 5, 80, 90, 4, 95), indent=(3, 6)),
    "a last word above an indentation": column(0, 0, (100, 5, 90, 100), indent=(2,)),
}


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_columns_are_read_one_after_another(name, degrees):
    quads = turned(LAYOUTS[name], degrees)
    found = order_of(quads)
    assert found == in_a_row(quads)
    assert kendalltau(np.arange(len(quads)), np.argsort([i for line in found for i in line])).statistic > 1 - 1e-9


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_from_right_to_left_it_is_the_mirror_image(name, degrees):
    quads = (np.array(LAYOUTS[name]) * [-1, 1])[:, [1, 0, 3, 2]]
    assert order_of(turned(quads, degrees), right_to_left=True) == in_a_row(quads)


def test_the_order_of_a_page_says_nothing_when_it_is_read_across():
    """What the test of order would say of lines from top to bottom, left before right."""
    quads = np.array(LAYOUTS["two"])
    across = sorted(range(len(quads)), key=lambda i: (quads[i, 0, 1], quads[i, 0, 0]))
    assert kendalltau(np.arange(len(quads)), np.argsort(across)).statistic < 0.7


@pytest.mark.parametrize(("gap", "joined"), [(9.9, True), (10.1, False)])
def test_words_are_of_a_line_up_to_a_height_apart(gap, joined):
    found = order_of([box(0, 0, 40), box(40 + gap, 0, 40)])
    assert found == ([[0, 1]] if joined else [[0], [1]])
    assert order_of([box(0, 0, 40), box(40 + gap, 0, 40)], word_gap=1.02) == [[0, 1]]


def test_words_that_stand_further_apart_are_of_a_line_where_others_stand_across():
    """Six rows whose gaps are two heights wide, and in each row elsewhere; and below one another."""
    rows = [[box(0, PITCH * i, 40 + 25 * (i % 3)), box(60 + 25 * (i % 3), PITCH * i, 60)] for i in range(6)]
    assert order_of([word for row in rows for word in row]) == [[2 * i, 2 * i + 1] for i in range(6)]
    straight = [[box(0, PITCH * i, 40), box(60, PITCH * i, 60)] for i in range(6)]
    columns = [row[0] for row in straight] + [row[1] for row in straight]
    assert order_of(columns) == in_a_row(columns)
    apart = [[box(0, PITCH * i, 40 + 25 * (i % 3)), box(70.5 + 25 * (i % 3), PITCH * i, 60)] for i in range(2)]
    assert len(order_of([word for row in apart for word in row])) == 4, "above three heights nothing joins"


@pytest.mark.parametrize(("lower", "joined"), [(4.9, True), (5.1, False)])
def test_words_of_a_line_share_half_of_their_heights(lower, joined):
    assert (len(order_of([box(0, 0, 40), box(45, lower, 40)])) == 1) == joined


def test_paragraphs_part_at_gaps_columns_and_other_sizes():
    first = column(0, 0, RAGGED[:3])
    for more, parts in (
        (column(0, 3 * PITCH + 14.0, RAGGED[:3]), False),  # 19 from line to line, of 2 x 5 + 10 / 2 = 15 allowed
        (column(0, 3 * PITCH, RAGGED[:3]), True),
        ([box(0, 3 * PITCH, 60, 13.4)], True),
        ([box(0, 3 * PITCH, 60, 13.6)], False),
        (column(120, 0, RAGGED[:3]), False),
    ):
        blocks = [line.block for line in reading_order(np.array([*first, *more]))]
        assert blocks[:3] == [0, 0, 0]
        assert blocks[3:] == [0 if parts else 1] * len(more)


@pytest.mark.parametrize("degrees", ANGLES)
def test_the_angle_is_that_of_most_text(degrees):
    lines = turned(LAYOUTS["two"], degrees)
    others = turned([box(0, 200, 30)], 40.0)
    assert np.rad2deg(angle_of(np.concatenate([lines, others]))) == pytest.approx(degrees, abs=1e-6)
    assert angle_of(np.zeros((0, 4, 2))) == 0.0
    letters = turned([box(20.0 * i, 0, 6) for i in range(4)], degrees)  # nothing but narrow letters
    assert np.rad2deg(angle_of(letters)) == pytest.approx(degrees, abs=1e-6)


def test_narrow_letters_are_set_upright_and_upright_lines_are_not():
    words = [box(0, 0, 50), box(60, 0, 3), box(70, 0, 40)]
    letter = np.roll(words[1], -1, 0)  # its longer side first
    fixed = upright(np.array([words[0], letter, words[2]]), 0.0)
    np.testing.assert_array_equal(fixed, words)
    for length, stands in ((19.9, False), (20.1, True)):
        tall = np.roll(box(90, 0, 10, length), -1, 0)
        held = upright(np.array([*words, tall]), 0.0)[3]
        assert (held == tall).all() == stands


def test_a_rectangle_around_turned_quads():
    quads = turned([box(0, 0, 10), box(20, 2, 10)], 7.0)
    np.testing.assert_allclose(around(quads, np.deg2rad(7.0)), turned([box(0, 0, 30, 12)], 7.0)[0])


def test_nothing_and_one_thing():
    assert reading_order(np.zeros((0, 4, 2))) == []
    assert [line.quads for line in reading_order(box(0, 0, 5)[None])] == [(0,)]


def test_quads_upon_one_another_end():
    """In any order, but each once."""
    rng = np.random.default_rng(0)
    quads = np.array([box(x, y, w, h) for x, y, w, h in rng.uniform(1, 60, (80, 4))])
    found = [i for line in order_of(quads) for i in line]
    assert sorted(found) == list(range(80))
