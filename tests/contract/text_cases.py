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


def _several():
    """A language, and whether there is a full stop at its end."""
    held = [(line, [k] + [2] * line.endswith(".")) for line, k in LINES]
    return [{"text": np.array(line.encode(), object), "labels": np.int32(labels)} for line, labels in held]


def _rated():
    """Bytes and blanks of a line."""
    held = [(line, [len(line.encode()), line.count(" ")]) for line, _ in LINES]
    return [{"text": np.array(line.encode(), object), "targets": np.float32(targets)} for line, targets in held]


CASES = {
    "text_classification/classifier": Case(
        lambda: create("text_classification/classifier", num_classes=2, **_fields()), _labeled, ("English", "German")
    ),
    "text_classification/multi_label": Case(
        lambda: create("text_classification/multi_label", num_classes=3, **_fields()),
        _several,
        ("English", "German", "stop"),
    ),
    "text_regression/regressor": Case(
        lambda: create("text_regression/regressor", num_outputs=2, center=(25.0, 3.0), scale=(6.0, 1.0), **_fields()),
        _rated,
        ("bytes", "blanks"),
    ),
}
