"""Cases of captions: a sentence about each of a few windows of photographs."""

import numpy as np

from kerasvision.core.registry import create
from tests.contract.case import Case, crops

TEXTS = (
    "a woman in an orange suit",
    "the suit of a woman, orange",
    "a cat looks at you",
    "the nose of a tired cat",
    "a cup of coffee on wood",
    "coffee and a spoon, from above",
    "a rocket before it starts",
    "clouds of steam and a rocket",
)
WORDS = tuple(sorted({word for text in TEXTS for word in text.replace(",", " ,").split()}))


def samples():
    rows = zip(crops(), TEXTS, strict=True)
    return [{"image": image, "texts": np.array([text.encode()], object)} for (image, _), text in rows]


def _case(name, **fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    held = {"image_size": (16, 16), "size": 8, "words": 8, "length": 40, "dropout": 0.0, "min_count": 1} | fields
    return Case(
        lambda: create(name, backbone=backbone, vocabulary=WORDS, **held),
        samples,
        (),
        assigns_in_loss="a caption's words, and which of them count, are one target of all words' logits",
        overfit=(200, 0.2),
        perfect=10.0,
        told_from=(),
    )


CASES = {
    "captioning/gru": _case("captioning/gru", beam=2, length_power=0.5),
    "captioning/transformer": _case("captioning/transformer", depth=1, heads=2),
}
