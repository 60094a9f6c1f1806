"""The largest of each row, against a stable sort."""

import numpy as np
import pytest

from kerasvision.ops.nearest import largest

RNG = np.random.default_rng(8)


@pytest.mark.parametrize("count", [0, 1, 7, 30])
def test_the_largest_come_first_and_equal_ones_in_their_order(count):
    """Ties, zeros of both signs, and numbers of all sizes."""
    ties = RNG.choice(np.float32([-1, -0.5, -0.0, 0.0, 0.25, 1]), (40, 30))
    wide = np.float32(RNG.normal(size=(40, 30)) * 10.0 ** RNG.integers(-30, 30, (40, 30)))
    for rows in (ties, wide):
        np.testing.assert_array_equal(largest(rows, count), np.argsort(-rows, 1, kind="stable")[:, :count])
