"""Cases of several senses: a window of a photograph, a line that names it, and two numbers; some of them missing."""

import numpy as np

from kerasvision.core.registry import create
from tests.contract.case import PHOTOGRAPHS, Case, crops
from tests.contract.text_cases import encoder

WORDS = ("astronaut", "cat", "cup", "rocket", "a", "of", "picture", "the")
LINES = ("a picture of the astronaut", "the cat", "a cup of coffee", "the rocket")
MISSING = {1: 0, 3: 1, 4: 2, 6: 0}  # example -> the sense that it lacks


def _senses():
    """[(what an example has, which photograph it shows)]."""
    found = []
    for number, (image, label) in enumerate(crops()):
        flags = np.ones(3, np.uint8)
        if number in MISSING:
            flags[MISSING[number]] = 0
        numbers = np.float32([label * 10.0, np.nan if number == 2 else 100.0 - label])
        text = LINES[label].encode() if flags[1] else b" "
        found.append(({"image": image, "text": np.array(text, object), "numbers": numbers, "senses": flags}, label))
    return found


def samples():
    return [held | {"label": np.int32(label)} for held, label in _senses()]


def _several():
    """The photograph, and whether it shows an animal or a person."""
    return [held | {"labels": np.int32([label, 4] if label < 2 else [label])} for held, label in _senses()]


def _rated():
    """The photograph's number and its square."""
    return [held | {"targets": np.float32([label, label**2])} for held, label in _senses()]


def made(name, fusion, **fields):
    """A tiny model of three senses. name: of the task. fusion: its name."""
    return create(
        f"multi_modal/{name}",
        width=8,
        sense_dropout=0.0,
        fusion=fusion,
        backbone=create("backbones/convnet", width=4, blocks=(1, 1)),
        image_size=(16, 16),
        encoder=encoder(),
        vocabulary=WORDS,
        length=40,
        words=8,
        number_center=(15.0, 98.0),
        number_scale=(11.0, 1.1),
        **fields,
    )


CASES = {
    "multi_modal/classifier": Case(lambda: made("classifier", "gated", num_classes=4), samples, PHOTOGRAPHS),
    "multi_modal/multi_label": Case(
        lambda: made("multi_label", "attention", num_classes=5), _several, (*PHOTOGRAPHS, "alive")
    ),
    "multi_modal/regressor": Case(
        lambda: made("regressor", "film", num_outputs=2, center=(1.5, 3.5), scale=(1.1, 3.5)),
        _rated,
        ("number", "square"),
    ),
}
