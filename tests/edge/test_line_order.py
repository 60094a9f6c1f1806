"""Which line comes first: by the definitions, three lines at a time; letters; and both sides of every threshold."""

import numpy as np
import pytest

from kerasvision.edge.pages import line_order
from kerasvision.edge.pages.reading_order import angle_of, reading_order
from tests.edge.test_reading_order import ANGLES, RAGGED, box, column, in_a_row, order_of, turned


def numbers(quads, **more):
    """Numbers of the quads, one a line, in the order that was found."""
    return [i for line in order_of(quads, **more) for i in line]


def scattered(seed):
    """Boxes of which many stand at the same heights."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 25))
    low = np.stack([rng.uniform(0, 200, count), rng.integers(0, 12, count) * 10.0], 1)
    return np.concatenate([low, low + np.stack([rng.uniform(5, 90, count), np.full(count, 10.0)], 1)], 1)


def overlap(a, b, axis):
    return min(a[axis + 2], b[axis + 2]) - max(a[axis], b[axis])


@pytest.mark.parametrize("seed", range(12))
def test_sets_of_lines_are_what_they_are_defined_as(seed):
    boxes = scattered(seed)
    every = range(len(boxes))
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    over = np.array([[a == b or overlap(boxes[a], boxes[b], 0) > 3 for b in every] for a in every])
    parted = [
        [
            any(over[a, c] and over[c, b] and min(middle[[a, b]]) < middle[c] < max(middle[[a, b]]) for c in every)
            for b in every
        ]
        for a in every
    ]
    sets = line_order._Sets(over, middle)
    np.testing.assert_array_equal(sets.parted(), parted)
    run = {a: {a} for a in every}
    for _ in every:
        for a in every:
            for b in every:
                if over[a, b] and -overlap(boxes[a], boxes[b], 1) <= 12:
                    run[a] |= run[b]
    ends = {a: [boxes[list(run[a]), 1].min(), boxes[list(run[a]), 3].max()] for a in every}
    company = [
        [
            any(over[a, c] and not over[c, b] and boxes[c, 1] < ends[b][1] and boxes[c, 3] > ends[b][0] for c in every)
            for b in every
        ]
        for a in every
    ]
    np.testing.assert_array_equal(sets.accompanied(boxes, 12.0), company)


@pytest.mark.parametrize("seed", range(12))
def test_what_a_line_sees_is_what_nothing_nearer_hides(seed):
    boxes = scattered(seed)
    ends, away = boxes[:, [0, 2]], boxes[:, 1]
    every = range(len(boxes))
    seen = [j for j in every if not any(away[k] < away[j] and overlap(boxes[k], boxes[j], 0) > 0 for k in every)]
    assert sorted(line_order._seen(ends, away)) == seen


# a sender at the upper right, a recipient, a date, a subject, a text over both
SENDER, RECIPIENT = column(150, 0, (60, 70, 50)), column(0, 70, (80, 60, 70))
LETTER = [*SENDER, *RECIPIENT, box(170, 130, 50), box(0, 150, 90), *column(0, 190, (220, 210, 215, 120))]


@pytest.mark.parametrize("degrees", ANGLES)
def test_the_sender_of_a_letter_comes_before_its_recipient(degrees):
    assert order_of(turned(LETTER, degrees)) == in_a_row(LETTER)
    mirrored = (np.array(LETTER) * [-1, 1])[:, [1, 0, 3, 2]]
    assert order_of(turned(mirrored, degrees), right_to_left=True) == in_a_row(LETTER)


def test_a_column_that_begins_lower_comes_first():
    """A picture above the left column; and one in the middle of each."""
    quads = [*column(0, 60, RAGGED[:5]), *column(120, 0, RAGGED)]
    assert numbers(quads) == list(range(len(quads)))
    left = [*column(0, 0, RAGGED[:2]), *column(0, 90, RAGGED[:2])]
    right = [*column(120, 0, RAGGED[:3]), *column(120, 105, RAGGED[:1])]
    assert numbers([*left, *right]) == list(range(8))


@pytest.mark.parametrize(("top", "order"), [(9.9, [1, 0, 2]), (10.1, [0, 1, 2])])
def test_what_is_lower_on_the_left_comes_first_if_it_is_beside(top, order):
    """A line of 10 pixels at the upper right; what begins above its end is beside it."""
    assert numbers([box(150, 0, 70), box(0, top, 80), box(0, 90, 220)]) == order


@pytest.mark.parametrize(("gap", "order"), [(29.9, [1, 0, 2, 3]), (30.1, [0, 1, 2, 3])])
def test_a_column_goes_on_for_three_heights(gap, order):
    quads = [box(150, 0, 70), box(0, 12, 80), box(150, 10 + gap, 70), box(0, 90, 220)]
    assert numbers(quads) == order


@pytest.mark.parametrize(("shared", "order"), [(2.9, [0, 1, 2]), (3.1, [0, 2, 1])])
def test_lines_stand_above_one_another_by_a_part_of_a_height(shared, order):
    """A left column of two lines, far from each other, of which the lower one reaches below the right line."""
    assert numbers([box(0, 0, 50), box(0, 60, 100), box(100 - shared, 0, 100)]) == order


@pytest.mark.parametrize(("away", "order"), [(50.0, [0, 1, 2, 3]), (50.1, [0, 1, 3, 2])])
def test_lines_tell_the_column_of_others_for_five_heights(away, order):
    """Of a short line at the right, which is above the last one if the first one says how wide its column is."""
    assert numbers([box(0, 0, 100), box(0, away - 6, 88), box(95, away, 5), box(0, away + 15, 94)]) == order


@pytest.mark.parametrize(("gutter", "order"), [(7.9, [0, 1, 4, 2, 5, 3, 6]), (8.1, [0, 1, 2, 3, 4, 5, 6])])
def test_a_line_over_a_gutter_tells_no_column(gutter, order):
    quads = [box(0, 0, 200 + gutter), *column(0, 15, (100,) * 3), *column(100 + gutter, 21, (100,) * 3)]
    assert numbers(quads) == order


@pytest.mark.parametrize(("second", "lines"), [(69.9, 2), (70.1, 4)])
def test_words_of_a_line_are_less_than_three_heights_apart(second, lines):
    rows = [[box(0, 15.0 * i, 40 + 25 * i), box(second + 25 * i, 15.0 * i, 60)] for i in range(2)]
    assert len(order_of([word for row in rows for word in row])) == lines


@pytest.mark.parametrize(("width", "lines"), [(54.9, 3), (55.1, 2)])
def test_a_gap_that_goes_on_for_half_a_height_parts_words(width, lines):
    assert len(order_of([box(0, 0, 40), box(60, 0, 60), box(0, 15, width)])) == lines


@pytest.mark.parametrize(("top", "lines"), [(67.0, 3), (68.0, 4)])
def test_rows_that_are_near_close_a_gap(top, lines):
    """Four and a half times as far as the next row, 15 pixels, are 67.5."""
    assert len(order_of([box(0, 0, 40), box(60, 0, 60), box(0, 15, 40), box(0, top, 120)])) == lines


@pytest.mark.parametrize(("length", "degrees"), [(14.9, 0.0), (15.1, 20.0)])
def test_quads_that_are_hardly_longer_than_high_tell_no_angle(length, degrees):
    quads = np.concatenate([[box(0, 0, 16)], *(turned([box(40.0 * i, 60, length)], 20.0) for i in range(3))])
    assert np.rad2deg(angle_of(quads)) == pytest.approx(degrees, abs=1e-6)


COLUMNS = [*column(0, 0, RAGGED), *column(120, 0, RAGGED)]  # 220 wide, from 0 to 115


@pytest.mark.parametrize(("width", "is_last"), [(109.9, True), (110.1, False)])
def test_a_short_row_at_the_bottom_is_below_all(width, is_last):
    """At most half as wide as all; else it is of the column that it stands in."""
    assert numbers([*COLUMNS, box(0, 180, width)]).index(16) == (16 if is_last else 8)


@pytest.mark.parametrize(("top", "is_last"), [(130.0, True), (129.9, False)])
def test_a_row_at_the_bottom_is_far_from_the_others(top, is_last):
    """Two gaps of lines, 5 pixels each, and half a height."""
    assert numbers([*COLUMNS, box(0, top, 40)]).index(16) == (16 if is_last else 8)


def test_a_page_of_many_lines():
    """1,200 in two columns, of which no two are of a row; and none of a thousand upon one another is lost."""
    rng = np.random.default_rng(0)
    quads = [*column(0, 0, rng.uniform(40, 100, 600)), *column(120, 7, rng.uniform(40, 100, 600))]
    assert [line.quads for line in reading_order(np.array(quads))] == [(i,) for i in range(1200)]
    many = np.array([box(x, y, w) for x, y, w in rng.uniform(1, 300, (1000, 3))])
    assert sorted(i for line in reading_order(many) for i in line.quads) == list(range(1000))
