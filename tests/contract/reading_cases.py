"""Cases of lines of text: a few letters, rendered in the font that matplotlib brings along."""

import functools

import numpy as np

from kerasvision.core.registry import create
from kerasvision.data.sources._lines import Press, fonts_below, render
from tests.contract.case import Case

ALPHABET = ("A", "H", "l", "o")
LINES = ("Ho", "Al", "oA", "lH", "Hll", "oo", "A", "loH")  # equal neighbors, and one letter alone


@functools.cache
def samples():
    (font,) = [path for path in fonts_below("") if path.endswith("DejaVuSans.ttf")]
    press = Press((font,), (18, 24), blur=0.3, noise=4.0, rotation_deg=0.0, quality=100, contrast=90)
    return [
        {"image": render(press, line, [7, i]), "characters": np.int32([ALPHABET.index(c) for c in line])}
        for i, line in enumerate(LINES)
    ]


# a loop has no integer form; that its files answer as it does is in tests/tasks/test_text_recognition.py
OWN = {"text_recognition/crnn": {"units": 8, "unroll": True}}


def recognizer(name):
    """The case of any recognizer."""
    fields = {"image_size": (16, 48), "width": 4, "depth": 1, "dropout": 0.0} | OWN.get(name, {})
    return Case(
        lambda: create(name, num_classes=len(ALPHABET), **fields),
        samples,
        ALPHABET,
        assigns_in_loss="characters have no places: the loss is a sum over all alignments",
        overfit=(150, 0.1),
        perfect=0.0,
    )
