"""Embedders of eight numbers: windows of one photograph belong together, or each belongs to its text."""

import numpy as np

from kerasvision.core.registry import create
from kerasvision.tasks.embedding._compared import PairLoss
from tests.contract.case import PHOTOGRAPHS, Case, crops
from tests.contract.text_cases import encoder


def samples():
    return [{"image": image, "label": np.int32(label)} for image, label in crops()]


def _embedder(name, **fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    return lambda: create(name, dimension=8, backbone=backbone, image_size=(16, 16), **fields)


WORDS = ("astronaut", "cat", "cup", "rocket", "a", "of", "picture", "the", "left", "right", "part")
LINES = ("a picture of the astronaut", "the cat", "a cup of coffee", "the rocket")


def pairs():
    """Each window with a text of its own, and a second one that no contract draws."""
    texts = [f"{LINES[label]}, {'left' if n % 2 else 'right'} part" for n, (_, label) in enumerate(crops())]
    held = zip(crops(), texts, strict=True)
    return [{"image": i, "text": np.array(t.encode(), object), "seed": np.int32([0, 1])} for (i, _), t in held]


def _image_text():
    fields = {"encoder": encoder(), "vocabulary": WORDS, "length": 48, "words": 8}
    return _embedder("embedding/image_text", **fields)()


TRIPLETS = PairLoss(contrastive=0.0, batch_hard=1.0)  # which are 0 as soon as all is right
CASES = {
    "embedding/proxies": Case(
        _embedder("embedding/proxies", num_classes=4, centers=2, centers_merge=0.1),
        samples,
        PHOTOGRAPHS,
        int8_error=0.3,
    ),
    "embedding/pairs": Case(
        _embedder("embedding/pairs", objective=TRIPLETS),
        samples,
        PHOTOGRAPHS,
        assigns_in_loss="which pictures make a pair is found among the labels of a batch",
        int8_error=0.3,
    ),
    "embedding/pretrained": Case(
        _embedder("embedding/pretrained", objective=TRIPLETS),
        samples,
        PHOTOGRAPHS,
        assigns_in_loss="which pictures make a pair is found among the labels of a batch",
        int8_error=0.3,
    ),
    "embedding/image_text": Case(
        _image_text,
        pairs,
        (),
        assigns_in_loss="which picture and text make a pair is their place in the batch",
        int8_error=0.3,
        told_from=("text_embedding",),
    ),
    "classification/nearest_class": Case(
        _embedder("classification/nearest_class", num_classes=4, head="nearest", neighbors=2, rows=(2, 2, 1, 3)),
        samples,
        PHOTOGRAPHS,
        int8_error=0.3,
    ),
}
