"""Examples by their numbers, and a sum that every weight of a graph moves."""

import numpy as np
import pytest

from kerasvision.core.registry import create
from kerasvision.inference.evaluation import examples_at
from kerasvision.inference.record import weights_sum
from tests.train import tiny


@pytest.mark.parametrize("numbers", [[7, 2, 300], {5, 0}, [358], np.array([9, 4, 1])])
def test_examples_are_those_of_their_numbers_in_any_order(numbers):
    """Against the pictures of scikit-learn's digits, as the source lists them."""
    split = create("sources/digits").open().splits["test"]
    listed = [record["image"] for record in split.records.as_numpy_iterator()]
    found = examples_at(split, tiny.classifier(num_classes=10), numbers)
    assert set(found) == {int(n) for n in numbers}
    for number, inputs in found.items():
        np.testing.assert_array_equal(inputs["image"], listed[number][None])


def test_every_weight_moves_the_sum():
    graph = tiny.classifier(num_classes=10).build()
    held, whole = graph.get_weights(), weights_sum(graph)
    sums = set()
    for number, value in enumerate(held):
        moved = np.nextafter(value.ravel()[-1], np.float32(np.inf))  # the next number that there is, in the last place
        changed = value.copy()
        changed.reshape(-1)[-1] = moved
        graph.set_weights([*held[:number], changed, *held[number + 1 :]])
        sums.add(weights_sum(graph))
    assert len(sums) == len(held) > 5 and whole not in sums
    graph.set_weights(held)
    assert weights_sum(graph) == whole
