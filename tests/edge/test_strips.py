"""Strips cut at gaps, put amid gray as a letterbox does, and words put together again."""

import numpy as np
import pytest

from kerasvision.core.characters import BLANK
from kerasvision.edge.pages.strips import Character, Part, canvas_of, logical, parts_of, width_of, words_of
from kerasvision.ops import geometry as geo

HEIGHT = 32


def strip(*widths):
    """Columns of ink and of paper in turn, as wide as is said; ink first."""
    columns = np.concatenate([np.full(w, i % 2 == 0) for i, w in enumerate(widths)])
    pixels = np.full((HEIGHT, len(columns), 3), 255, np.uint8)
    pixels[8:24, columns] = 0
    return pixels


@pytest.mark.parametrize("width", [1, 33, 320])
def test_a_canvas_is_what_the_letterbox_makes_of_a_strip(width):
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, width, 3)).astype(np.uint8)
    canvas, offset = canvas_of(pixels, 320)
    theirs, about = geo.fit_images(pixels[None], (HEIGHT, 320), "letterbox", antialias=True)
    np.testing.assert_array_equal(canvas, theirs[0])
    assert offset == float(about["offset_xy"][0, 0]) and float(about["scale_xy"][0, 0]) == 1.0


def test_what_fits_is_one_part():
    assert parts_of(strip(100), 100) == [Part(0, 100, False)]


def test_cuts_are_in_the_widest_gap_of_the_second_half():
    assert parts_of(strip(30, 20, 30, 4, 20, 8, 40), 120) == [Part(0, 108, False), Part(108, 152, True)]
    assert parts_of(strip(101, 20, 20), 100)[0].behind <= 100


@pytest.mark.parametrize(("gap", "blank"), [(5, False), (6, True)])
def test_a_gap_of_words_is_wider_than_that_of_letters(gap, blank):
    """0.18 of 32 rows are 5.76."""
    assert parts_of(strip(70, gap, 50), 100)[1].blank == blank


def test_without_a_gap_the_faintest_column_is_cut():
    pixels = strip(150)
    pixels[:, 83] = 90
    pixels[10:20, 83] = 0
    assert parts_of(pixels, 100) == [Part(0, 83, False), Part(83, 150, False)]


def test_every_part_fits_and_all_columns_are_in_one():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (HEIGHT, int(rng.integers(1, 900)), 3)).astype(np.uint8)
        parts = parts_of(pixels, 64)
        assert [p.first for p in parts] == [0, *(p.behind for p in parts[:-1])] and parts[-1].behind == pixels.shape[1]
        assert all(0 < p.behind - p.first <= 64 for p in parts)


def test_a_strip_has_a_largest_width():
    assert width_of(10.0, 32, 320) == 320 and width_of(1e9, 32, 320) == 64 * 320 and width_of(0.001, 32, 320) == 1


def letters(text, places):
    return [Character(BLANK if c == " " else c, 0.9, x) for c, x in zip(text, places, strict=True)]


def test_words_are_what_stands_between_blanks_and_reach_as_far_as_their_ink():
    pixels = strip(20, 10, 30, 5)
    found = words_of(pixels, [Part(0, 65, False)], [letters("a bc", (8, 25, 40, 55))])
    assert [("".join(c.name for c in word), first, behind) for word, first, behind in found] == [
        ("a", 0, 20),
        ("bc", 30, 60),
    ]


@pytest.mark.parametrize(("blank", "words"), [(True, ["ab", "cd"]), (False, ["abcd"])])
def test_a_cut_parts_words_where_it_is_as_wide_as_a_blank(blank, words):
    read = [letters("ab", (5, 15)), letters("cd", (35, 45))]
    found = words_of(strip(20, 10, 20), [Part(0, 25, False), Part(25, 50, blank)], read)
    assert ["".join(c.name for c in word) for word, *_ in found] == words


def test_words_of_other_scripts_keep_their_order_amid_those_from_right_to_left():
    seen = ["\u05d0", "two", "words", "\u05d1", "12", "\u05d2"]
    assert logical(seen, seen) == ["\u05d2", "12", "\u05d1", "two", "words", "\u05d0"]
    assert logical([], []) == []
