"""What all promises share: what can be promised, when one is fitted, and the fewest examples, on both sides of each.

Of n examples the largest score that a threshold of rank ceil((n + 1) c) can have is the largest of them, so that n
supports a promise of c where (n + 1) c <= n (arXiv:2107.07511, section 1).
"""

import dataclasses

import numpy as np
import pytest

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.tasks.number_intervals import NumberInterval
from kerasvision.tasks.outer_boxes import OuterBoxes
from kerasvision.tasks.pixel_sets import PixelSets

PROMISES = {"class_sets": ClassSets, "pixel_sets": PixelSets, "outer_boxes": OuterBoxes, "interval": NumberInterval}
FITTED = {"class_sets": "thresholds", "pixel_sets": "thresholds", "outer_boxes": "thresholds", "interval": "margins"}


@pytest.mark.parametrize("field", PROMISES)
def test_what_can_be_promised(field):
    promise = PROMISES[field]
    for coverage in (0.0, 1e-6, 0.9, np.nextafter(1.0, 0.0)):
        assert promise(coverage=float(coverage)).coverage == coverage
    for coverage in (1.0, -1e-6, float("nan")):
        with pytest.raises(UsageError, match=f"^{field}.coverage=.*; allowed: above 0 and below 1, as in 0.9") as error:
            promise(coverage=coverage)
        assert "\n" not in str(error.value)
    held = dataclasses.replace(promise(coverage=0.8), **{FITTED[field]: (0.5, 0.5), "examples": 20})
    assert from_json(to_json(held)) == held
    assert list(to_json(held))[:2] == ["@", "coverage"]


@pytest.mark.parametrize("field", PROMISES)
def test_it_is_fitted_once_there_are_numbers_and_something_is_promised(field):
    fit = {FITTED[field]: (0.5, 0.5)}
    assert dataclasses.replace(PROMISES[field](coverage=0.9), **fit).is_fitted
    assert not PROMISES[field](coverage=0.9).is_fitted
    assert not dataclasses.replace(PROMISES[field](), **fit).is_fitted
    assert PROMISES[field](coverage=0.9).promise() == {} == PROMISES[field]().promise()


@pytest.mark.parametrize(
    ("promise", "ask", "least"),
    [
        (ClassSets(0.9), lambda p, n: p.check(n, 3), 9),
        (ClassSets(0.9, by_class=True), lambda p, n: p.check(n, 3), 27),
        (PixelSets(0.95), lambda p, n: p.require(n), 19),
        # half of what may be lost is for each of two steps: a promise of 0.9 is two of 0.95
        (OuterBoxes(0.9), lambda p, n: p.check(n), 19),
        (OuterBoxes(0.9, not_found=0.1), lambda p, n: p.check(n), 99),
        (NumberInterval(0.9), lambda p, n: p.require(n), 9),
    ],
)
def test_too_few_examples_are_said(promise, ask, least):
    ask(promise, least)
    with pytest.raises(UsageError, match=f"needs {least} held-out .* or more .*, and there are {least - 1};"):
        ask(promise, least - 1)
    ask(dataclasses.replace(promise, coverage=0.0), 0)
