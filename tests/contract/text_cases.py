"""Cases of texts: a few lines in two languages, each of which says which words it has."""

import numpy as np

from kerasvision.core.registry import create
from tests.contract.case import Case

LINES = (
    ("Beautiful is better than ugly.", 0),
    ("Explicit is better than implicit.", 0),
    ("Readability counts.", 0),
    ("Errors should never pass silently.", 0),
    ("Aller Anfang ist schwer.", 1),
    ("Der Ton macht die Musik.", 1),
    ("Wer rastet, der rostet.", 1),
    ("Stille Wasser sind tief: naß.", 1),
)
WORDS = (
    "is",
    "better",
    "than",
    "counts",
    "errors",
    "never",
    "aller",
    "ist",
    "der",
    "die",
    "wer",
    "stille",
    "sind",
    ".",
)


def encoder():
    return create("text_encoders/kim_cnn", size=6, widths=(1, 2), filters=6, dropout=0.0)


def _fields():
    return {"encoder": encoder(), "vocabulary": WORDS, "length": 40, "words": 8}


def _labeled():
    return [{"text": np.array(line.encode(), object), "label": np.int32(k)} for line, k in LINES]


def classifier(name):
    return Case(lambda: create(name, num_classes=2, **_fields()), _labeled, ("English", "German"))


CASES = {name: classifier(name) for name in ("text_classification/classifier",)}
