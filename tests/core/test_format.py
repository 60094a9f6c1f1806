"""Numbers as people read them."""

import pytest

from kerasvision.core.format import human_bytes


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (999_949, "999.9 kB"),
        (999_999, "1.0 MB"),
        (5_000_000_000, "5.0 GB"),
    ],
)
def test_bytes_are_counted_in_powers_of_ten(count, text):
    assert human_bytes(count) == text
