"""Cases of text: a few letters, rendered in the font that matplotlib brings along, read and found."""

import functools

import numpy as np

from kerasvision.core.registry import create
from kerasvision.data.sources import _signs
from kerasvision.data.sources._lines import Press, fonts_below, render
from tests.contract.case import Case

ALPHABET = ("A", "H", "l", "o")
LINES = ("Ho", "Al", "oA", "lH", "Hll", "oo", "A", "loH")  # equal neighbors, and one letter alone


def _font():
    (font,) = [path for path in fonts_below("") if path.endswith("DejaVuSans.ttf")]
    return font


@functools.cache
def samples():
    press = Press((_font(),), (18, 24), blur=0.3, noise=4.0, rotation_deg=0.0, quality=100, contrast=90)
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


@functools.cache
def scenes():
    """A word or two on a plain ground, turned, of which those that find a place are there; the last is empty."""
    found = []
    for number, lines in enumerate((("Hallo",), ("All", "oH"), ("loHl",), ())):
        size = (64 + 8 * (number % 2), 64)
        wall = _signs.Wall((_font(),), (), size, (18, 22), 30.0, contrast=90, blur=0.2, noise=3.0, quality=100)
        image, quads, texts = _signs.render(wall, lines, [5, number])
        found.append({"image": image, "quads_xy": quads, "texts": np.array([t.encode() for t in texts], object)})
    return found


def finder(name):
    """The case of any detector of text."""
    neck = create("necks/fpn", width=16, first=2, last=3)
    backbone = create("backbones/convnet", width=8, blocks=(1, 1, 1), stem_stride=2)
    small = {"backbone": backbone, "neck": neck, "image_size": (64, 64), "width": 16, "max_quads": 8}
    return Case(
        lambda: create(name, **small),
        scenes,
        ("text",),
        overfit=(150, 0.2),
        epochs=20,
        sgd_rate=2e-4,
        replicas_apart=1e-5,
    )
