"""Quads that stand upright, and columns from right to left, in reading order; decisions on both sides of thresholds."""

import numpy as np
import pytest

from kerasvision.core import characters
from kerasvision.edge.pages import characters as own
from kerasvision.edge.pages import strips
from kerasvision.edge.pages.line_order import connected
from kerasvision.edge.pages.reading_order import reading_order
from kerasvision.edge.pages.standing import beside, ends, standing
from kerasvision.ops import geometry
from tests.edge.test_reading_order import HEIGHT, PITCH, box, column, turned

FULL = (100, 95, 100, 90, 100)
BLOCK = len(FULL)


def upended(x, y, length, count=3):
    """Quads side by side from right to left, each first side running down."""
    return [np.roll(box(x - PITCH * i, y, HEIGHT, length), -1, 0) for i in range(count)]


def numbers(lines):
    return [list(line.quads) for line in lines]


def in_a_row(*ranges):
    return [[i] for part in ranges for i in part]


def test_what_a_client_repeats_of_other_rooms_is_theirs():
    """It imports nothing else of KerasVision."""
    assert (own.BLANK, strips.GRAY) == (characters.BLANK, geometry.PAD_VALUE)
    names = ["a", characters.BLANK, "e\u0301"]
    assert own.text_of(names) == characters.text_of(names)


@pytest.mark.parametrize("angle", [-0.15, 0.0, 0.15])
def test_a_quad_stands_from_45_degrees_on(angle):
    def line(degrees):
        turn = np.deg2rad(degrees) + angle
        return box(0, 0, 50) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    for degrees, is_standing in ((0, 0), (44, 0), (46, 1), (90, 1), (134, 1), (136, 0), (-44, 0), (-46, 1), (-90, 1)):
        assert standing([line(degrees)], angle).tolist() == [bool(is_standing)], degrees
    down, up = ends([line(90), line(-90)], angle).swapaxes(0, 1)
    for quads, sign in ((down, 1), (up, -1)):
        assert (np.sign((quads[:, 1] - quads[:, 0])[:, 1]) == sign).all()
    np.testing.assert_allclose(down[0], np.roll(up[0], 2, 0))


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, 1)])
def test_standing_quads_belong_together_within_three_times_their_thickness(dx, dy):
    first = np.array([0.0, 0.0, 10.0, 80.0])
    for gap, count in ((29.9, 1), (30.1, 2)):
        other = first + np.array([dx, dy, dx, dy]) * (gap + (10.0 if dx else 80.0))
        found = beside(np.stack([first, other]), np.array([10.0, 10.0]), np.array([1, 1]))
        assert len(found) == count
    near = np.stack([first, first + [12, 0, 12, 0]])
    assert beside(near, np.array([10.0, 10.0]), np.array([1, -1])) == [[0], [1]], "read from other ends"
    assert beside(near, np.array([10.0, 10.0]), np.array([0, 0])) == []


def test_connected_sets_are_scipys():
    from scipy.sparse.csgraph import connected_components

    for seed in range(20):
        rng = np.random.default_rng(seed)
        near = rng.random((30, 30)) < 0.04
        near |= near.T | np.eye(30, dtype=bool)
        mine, theirs = connected(near), connected_components(near, directed=False)[1]
        assert len(set(zip(mine.tolist(), theirs.tolist(), strict=True))) == len(set(mine)) == len(set(theirs))
    assert connected(np.zeros((0, 0), bool)).tolist() == []


@pytest.mark.parametrize("degrees", [-8.0, 0.0, 8.0])
@pytest.mark.parametrize("direction", [1, -1])
def test_what_stands_beside_a_column_is_read_after_it_from_its_own_side(degrees, direction):
    """Down: lines follow one another from right to left; up: from left to right."""
    upright_ones = upended(170, 0, 70)
    if direction < 0:
        upright_ones = [np.roll(quad, 2, 0) for quad in upright_ones[::-1]]
    quads = turned([*column(0, 0, FULL), *upright_ones], degrees)
    flags = [0] * BLOCK + [direction] * 3
    lines = reading_order(quads, standing=flags)
    assert numbers(lines) == in_a_row(range(BLOCK + 3))
    assert [line.block for line in lines] == [0] * BLOCK + [1] * 3
    shuffled = np.random.default_rng(1).permutation(len(quads))
    again = reading_order(quads[shuffled], standing=np.array(flags)[shuffled])
    assert [[int(shuffled[q]) for q in line.quads] for line in again] == in_a_row(range(BLOCK + 3))


def test_what_stands_at_the_left_is_read_first_and_words_of_a_standing_line_are_one_line():
    words = [quad for x in (-30, -45) for quad in (*upended(x, 0, 30, 1), *upended(x, 36, 34, 1))]
    quads = [*words, *column(0, 0, FULL)]
    lines = reading_order(quads, standing=[1] * 4 + [0] * BLOCK)
    assert numbers(lines) == [[0, 1], [2, 3], *in_a_row(range(4, 4 + BLOCK))]


def test_a_page_of_standing_lines_alone_is_read_from_right_to_left():
    assert numbers(reading_order(upended(100, 0, 70), standing=[1] * 3)) == in_a_row(range(3))
    assert not reading_order(np.zeros((0, 4, 2)), votes=[], standing=[])


def two(y, first_x, then_x):
    return [*column(first_x, y, FULL), *column(then_x, y, FULL)]


@pytest.mark.parametrize("degrees", [-8.0, 0.0, 8.0])
@pytest.mark.parametrize("is_most", [False, True])
def test_columns_of_another_script_are_read_from_their_own_side(degrees, is_most):
    """Two columns from left to right, and below them two from right to left; and the other way around."""
    signs = (-5, 4) if not is_most else (4, -5)
    gap = 3 * PITCH + PITCH * BLOCK
    layouts = {True: (0, 120), False: (120, 0)}
    quads = [*two(0, *layouts[signs[0] < 0]), *two(gap, *layouts[signs[1] < 0])]
    votes = [signs[0]] * 2 * BLOCK + [signs[1]] * 2 * BLOCK
    lines = reading_order(turned(quads, degrees), votes=votes)
    assert numbers(lines) == in_a_row(range(4 * BLOCK))
    assert [line.right_to_left for line in lines] == [vote > 0 for vote in votes]


def test_a_column_decides_as_one_and_a_page_where_nothing_else_does():
    """One line of another script within a column, and a column of numbers, which vote for nothing."""
    quads = two(0, 120, 0)
    votes = [4, 4, -3, 4, 4, 0, 0, 0, 0, 0]
    lines = reading_order(quads, votes=votes)
    assert numbers(lines) == in_a_row(range(2 * BLOCK)) and all(line.right_to_left for line in lines)
    for last, is_right in ((-16, True), (-17, False), (-18, False)):
        lines = reading_order(column(0, 0, FULL[:2]), votes=[17, last])
        assert [line.right_to_left for line in lines] == [is_right] * 2
    lines = reading_order(quads, right_to_left=True, votes=[-4] * 2 * BLOCK)
    assert numbers(lines) == in_a_row(range(2 * BLOCK)), "what is set counts more than what was read"


def test_lines_of_one_column_are_one_and_a_half_heights_apart_at_most():
    """The same lines, of which the lower ones are from right to left."""
    for gap, parted in ((14.9, False), (15.1, True)):
        quads = [*column(0, 0, FULL), *column(0, PITCH * (BLOCK - 1) + HEIGHT + gap, FULL)]
        lines = reading_order(quads, votes=[-5] * BLOCK + [4] * BLOCK)
        assert [line.right_to_left for line in lines] == [False] * BLOCK + [parted] * BLOCK


def test_words_of_another_script_are_put_in_order_within_a_line():
    """As seen from the left; A and B are Hebrew, and numbers between them are of their run."""
    a, b = "\u05d0", "\u05d1"
    for seen, right, meant in (
        ((b, a, "x"), False, (a, b, "x")),
        (("x", b, "1", a, "y"), False, ("x", a, "1", b, "y")),
        (("x", b, "y", a), False, ("x", b, "y", a)),
        (("x", "1", b, a, "2"), False, ("x", "1", a, b, "2")),
        ((b, "x", "y", a), True, (a, "x", "y", b)),
        (("x", "1"), False, ("x", "1")),
    ):
        assert tuple(w for (w,) in strips.in_order([(w,) for w in seen], right)) == meant, seen


def test_characters_vote_by_their_direction():
    for text, vote in (("ab", -2), ("\u05d0\u05d1", 2), ("12-3", 0), ("a\u05d0", 0), ("\u0639 1", 1), ("", 0)):
        assert strips.vote_of(text) == vote
