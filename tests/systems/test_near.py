"""How many lists of vectors are searched, and what counts as found."""

import numpy as np

from kerasvision.systems import near


def test_no_more_lists_are_searched_than_the_recall_needs():
    """Of a recall of n / 40 by n lists, 23 are the fewest for 0.575, and 22 are too few."""
    asked = []

    def recall_of(count):
        asked.append(count)
        return count / 40

    assert near.fewest(recall_of, 64, 0.575) == (23, 0.575) and len(asked) <= 10
    assert near.fewest(recall_of, 64, 0.01) == (1, 1 / 40)
    assert near.fewest(recall_of, 30, 0.9) == (30, 0.75)
    assert near.fewest(recall_of, 40, 1.0) == (40, 1.0)


def test_a_vector_s_own_place_is_no_part_of_its_recall():
    found = np.arange(33).reshape(3, 11)
    found[2, 5] = 2  # found later, as an equal one comes before it
    kept = near.others(found, np.array([0, 99, 2]))
    assert kept[0].tolist() == list(range(1, 11))
    assert kept[1].tolist() == list(range(11, 21))  # it is not among those that were found
    assert kept[2].tolist() == [*range(22, 27), *range(28, 33)]
