"""Embedders that learn without labels: two windows of one photograph stand for its two views."""

from kerasvision.core.registry import create
from tests.contract import embedding_cases
from tests.contract.case import PHOTOGRAPHS, Case

AUGMENT = (("geometric/affine", {"degrees": 10.0}), ("photometric/brightness", {}))
TEACHER = ("momentum_teacher", {"momentum": 0.9})
NO_TARGETS = "what a view is compared with is the other view"


def _maker(name, fields):
    backbone = create("backbones/convnet", width=4, blocks=(1, 1))
    given = {"projector": (8, 8)} | fields
    return lambda: create(name, image_size=(16, 16), backbone=backbone, labeled=True, **given)


def _case(name, overfit, least_loss, techniques=(), **fields):
    return Case(
        _maker(f"self_supervised/{name}", fields),
        embedding_cases.samples,
        PHOTOGRAPHS,
        assigns_in_loss=NO_TARGETS,
        overfit=overfit,
        least_loss=least_loss,
        int8_error=0.3,
        augment=AUGMENT,
        techniques=techniques,
    )


# The least loss is that of one direction for each photograph, which is not the best there is: four directions of a
# plane attract and repel (`simclr`, `moco`), and six of eight dimensions have no variance (`vicreg`, `barlow_twins`).
CASES = {
    "self_supervised/simclr": _case("simclr", (80, 0.6), 2.0),
    "self_supervised/vicreg": _case("vicreg", (80, 0.6), 30.0, projector=(16, 4)),
    "self_supervised/barlow_twins": _case("barlow_twins", (80, 0.6), 8.0, projector=(16, 4)),
    "self_supervised/simsiam": _case("simsiam", (80, 0.05), 1.0, predictor=4),
    "self_supervised/byol": _case("byol", (80, 0.3), 1e-3, (TEACHER,), predictor=8),
    "self_supervised/moco": _case("moco", (80, 0.8), 2.0, (TEACHER,)),
    "self_supervised/dino": _case("dino", (80, 0.95), 3.0, (TEACHER, ("centering", {})), prototypes=8),
    "self_supervised/rotation": _case("rotation", (80, 0.05), 1e-3),
    "self_supervised/colorization": _case("colorization", (80, 0.4), 1e-3, projector=(8,)),
    "self_supervised/dense": _case("dense", (80, 0.8), 2.0, (TEACHER,), grid=2),
    "self_supervised/jigsaw": _case("jigsaw", (80, 0.05), 1e-3, projector=(8,)),
    "self_supervised/masked_autoencoder": _case("masked_autoencoder", (80, 0.5), 1e-3, patch=4, decoder=16),
}
# as in `cases`
HEADS = {
    "self_supervised/colorization": "colors",
    "self_supervised/jigsaw": "order",
    "self_supervised/masked_autoencoder": "patches",
    "self_supervised/rotation": "turns",
}
EXEMPT_FROM_HEADS = {
    "self_supervised/colorization": "colors are told of positions, not of their mean",
    "self_supervised/jigsaw": "the order is told of tiles, not of their mean",
    "self_supervised/masked_autoencoder": "patches are told of positions, not of their mean",
}
