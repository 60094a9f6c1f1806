"""The order of lines and of words on rendered pages, turned by up to 10 degrees, given ideal quads in no order."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from kerasvision.edge.pages.reading_order import angle_of, reading_order, upright
from tests.systems.drawn_pages import MONO, SANS, SERIF, mirrored, printed

PAGES = [pytest.param(12), pytest.param(100, marks=pytest.mark.nightly)]


def order_of(quads, seed, right_to_left=False):
    """[lines of numbers of the quads] as they are found."""
    given = np.random.default_rng(seed).permutation(len(quads))
    shown = np.asarray(quads)[given]
    lines = reading_order(upright(shown, angle_of(shown)), right_to_left)
    return [[int(given[i]) for i in line.quads] for line in lines]


@pytest.mark.parametrize("count", PAGES)
@pytest.mark.parametrize("right_to_left", [False, True])
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_lines_are_in_order_on_every_page(columns, right_to_left, count):
    for seed in range(count):
        lines, (_, width) = printed(columns, seed)
        lines = mirrored(lines, width) if right_to_left else lines
        found = order_of([line.quad for line in lines], seed, right_to_left)
        assert found == [[i] for i in range(len(lines))], seed


@pytest.mark.parametrize("count", PAGES)
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_words_are_in_order_but_for_few(columns, count):
    """Monospaced and justified text has gaps as wide as those between columns now and then."""
    found = []
    for seed in range(count):
        lines, _ = printed(columns, seed, fonts=(SERIF, SANS, MONO))
        order = [i for line in order_of(np.concatenate([line.quads for line in lines]), seed) for i in line]
        found.append(kendalltau(np.arange(len(order)), np.argsort(order)).statistic)
    print(f"columns {columns}: tau of words, mean {np.mean(found):.4f}, least {np.min(found):.4f}")
    assert min(found) >= 0.98
