"""Embedders of eight numbers: windows of one photograph belong together."""

import numpy as np

from kerasvision.core.registry import create
from kerasvision.tasks.embedding._compared import PairLoss
from tests.contract.case import PHOTOGRAPHS, Case, crops


def samples():
    return [{"image": image, "label": np.int32(label)} for image, label in crops()]


def _embedder(name, **fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    return lambda: create(name, dimension=8, backbone=backbone, image_size=(16, 16), **fields)


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
    "classification/nearest_class": Case(
        _embedder("classification/nearest_class", num_classes=4, head="nearest", neighbors=2, rows=(2, 2, 1, 3)),
        samples,
        PHOTOGRAPHS,
        int8_error=0.3,
    ),
}
