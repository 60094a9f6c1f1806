"""Cases of several senses: a window of a photograph, a line that names it, and two numbers; some of them missing."""

import numpy as np

from kerasvision.core.registry import create
from tests.contract.case import PHOTOGRAPHS, Case, crops
from tests.contract.text_cases import encoder

WORDS = ("astronaut", "cat", "cup", "rocket", "a", "of", "picture", "the")
LINES = ("a picture of the astronaut", "the cat", "a cup of coffee", "the rocket")
MISSING = {1: 0, 3: 1, 4: 2, 6: 0}  # example -> the sense that it lacks


def samples():
    found = []
    for number, (image, label) in enumerate(crops()):
        flags = np.ones(3, np.uint8)
        if number in MISSING:
            flags[MISSING[number]] = 0
        numbers = np.float32([label * 10.0, np.nan if number == 2 else 100.0 - label])
        text = LINES[label].encode() if flags[1] else b" "
        held = {"image": image, "text": np.array(text, object), "numbers": numbers, "senses": flags}
        found.append(held | {"label": np.int32(label)})
    return found


def _classifier():
    return create(
        "multi_modal/classifier",
        num_classes=4,
        width=8,
        sense_dropout=0.0,
        fusion="gated",
        backbone=create("backbones/convnet", width=4, blocks=(1, 1)),
        image_size=(16, 16),
        encoder=encoder(),
        vocabulary=WORDS,
        length=40,
        words=8,
        center=(15.0, 98.0),
        scale=(11.0, 1.1),
    )


CASES = {"multi_modal/classifier": Case(_classifier, samples, PHOTOGRAPHS, int8_error=0.3)}
