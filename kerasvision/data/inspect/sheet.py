"""A contact sheet: augmented samples side by side with their labels drawn, as a PNG."""

import dataclasses
import itertools
import math

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.augment.base import BatchAugmentation
from kerasvision.data.augmenting import augmented, check_augmentations
from kerasvision.data.partners import canvas_of, partner_count, partner_stream, partners_of
from kerasvision.data.pipeline import stream_seed
from kerasvision.data.spectrograms import spectrogram
from kerasvision.drawing import pictures
from kerasvision.drawing.letters import font
from kerasvision.drawing.showing.base import side_by_side
from kerasvision.ops.dense import IGNORE
from kerasvision.ops.sound import MASKED

TILE_PX = 176
CAPTION_PX = 18
BANDS, FRAME_S = 40, 0.032  # of a sound's picture
_GAP_PX = 6
_IGNORED = (128, 128, 128)  # no color of a class


def recipe_sheet(recipe, path, count=32, columns=8):
    """What the recipe's first phase makes of its training data.

    A row an image: first as it is, then augmented with different seeds, and with different partners where examples are
    combined. Augmentations of a whole batch mix what the sheet shows, in graph pixels. count: tiles, filled up to whole
    rows; columns: tiles a row.
    """
    if count < 1 or columns < 2:
        raise UsageError(f"a sheet of count={count} in columns={columns}; allowed: 1 or more, in 2 or more columns")
    opened = recipe.data.open()
    split = opened.splits["train"]
    images = min(math.ceil(count / columns), split.size)
    parts = [p for p in recipe.augment if not isinstance(p, BatchAugmentation)]
    batch_parts = [p for p in recipe.augment if isinstance(p, BatchAugmentation)]
    arch = recipe.model.for_classes(opened.classes).for_data(split)
    check_augmentations(recipe.augment, arch)
    split = dataclasses.replace(split, read=lambda record, read=split.read: arch.receive(read(record)))
    partners, canvas = _partners(split, parts, recipe.seed), canvas_of(arch) if partner_count(parts) else None
    originals, changed = [], []
    for record in split.records.shuffle(min(split.size, split.shuffle_buffer), recipe.seed).take(images):
        originals.append(augmented(split.read(record), [], stream_seed(recipe.seed, 0)))
        for _ in range(columns - 1):
            seed = stream_seed(recipe.seed, len(changed))
            changed.append(augmented(split.read(record), parts, seed, None, next(partners), canvas))
    if batch_parts:
        changed = _mixed(changed, arch, batch_parts, recipe.seed, opened.classes)
    rows = [changed[i * (columns - 1) : (i + 1) * (columns - 1)] for i in range(len(originals))]
    tiles = [tile for original, row in zip(originals, rows, strict=True) for tile in (original, *row)]
    write_sheet(tiles, path, columns, opened.classes)


def _partners(split, parts, seed):
    """Endless: for each example a list of functions that read its partners."""
    count = partner_count(parts)
    if not count:
        yield from itertools.repeat([])
    for packed in partner_stream(split.records, count, min(split.size, split.shuffle_buffer), seed):
        held = partners_of(packed, split.records.element_spec, count)
        yield [lambda get=get: split.read(get()) for get in held]


def _mixed(samples, arch, parts, seed, classes):
    """Samples through `arch.example` and the augmentations of a batch; the caption is the shares of the classes."""
    prepared, targets = zip(*(arch.example(sample) for sample in samples), strict=True)
    prepared, targets = (tf.nest.map_structure(lambda *v: tf.stack(v), *rows) for rows in (prepared, targets))
    for number, part in enumerate(parts):
        part_seed = tf.random.experimental.stateless_fold_in(stream_seed(seed, 0), number)
        prepared, targets = part(prepared, targets, part_seed, arch.mixes)
    shares = next((v.numpy() for v in targets.values() if v.shape[1:] == (len(classes),)), None)
    images = prepared["image"].numpy()
    if shares is None:
        return [{"image": image} for image in images]
    return [{"image": image, "caption": _shares(row, classes)} for image, row in zip(images, shares, strict=True)]


def _shares(row, classes):
    """`7 0.81  3 0.19`: the largest two."""
    most = [i for i in np.argsort(-row, kind="stable")[:2] if row[i] > 0.005]
    return "  ".join(f"{classes[i]} {row[i]:.2f}" for i in most)


def write_sheet(samples, path, columns=8, classes=()):
    """Draw samples with their labels into a PNG, which is written beside and renamed.

    samples: dicts with `image` uint8 [H, W, 3], `volume` float32 [D, H, W, C], or `audio` float32 [N] with its
    `rate`, and any of `label`, `labels`,
    `boxes_xyxy`, `mask`, `instance_masks`, `keypoints_xyv`, `quads_xy`, `text` and `caption` (drawn as it is). classes:
    names of the label's values.
    """
    if not samples:
        raise KerasVisionError(f"no samples to draw into {path}; give at least one")
    samples = [_flat(tf.nest.map_structure(np.asarray, dict(sample))) for sample in samples]
    columns = min(columns, len(samples))
    step_x, step_y = TILE_PX + _GAP_PX, TILE_PX + CAPTION_PX + _GAP_PX
    size = columns * step_x + _GAP_PX, math.ceil(len(samples) / columns) * step_y + _GAP_PX
    sheet = Image.new("RGB", size, pictures.PAPER)
    draw, letters = ImageDraw.Draw(sheet), font(11)
    for number, sample in enumerate(samples):
        x, y = number % columns * step_x + _GAP_PX, number // columns * step_y + _GAP_PX
        tile = _tile(sample, classes)
        sheet.paste(tile, (x + (TILE_PX - tile.width) // 2, y + (TILE_PX - tile.height) // 2))
        draw.text(
            (x, y + TILE_PX + 2), pictures.fitted(_caption(sample, classes), letters, TILE_PX), pictures.INK, letters
        )
    pictures.save(sheet, path)


def _flat(sample):
    """The sample, or of a volume the slice with most of the foreground, anterior at the top; of a sample with pictures
    within it those side by side.
    """
    if within := [held["image"] for held in sample.values() if isinstance(held, dict)]:
        return {k: v for k, v in sample.items() if not isinstance(v, dict)} | {"image": side_by_side(within)}
    if "audio" in sample:
        held = spectrogram(sample["audio"], int(sample["rate"]), TILE_PX, BANDS, FRAME_S, sample.get(MASKED))
        return sample | {"image": held}
    if "volume" not in sample:
        return sample
    volume, mask = sample["volume"], sample.get("mask")
    at = len(volume) // 2 if mask is None else pictures.shown_slice((mask > 0) & (mask != IGNORE))
    return sample | {"image": pictures.as_rgb(volume[at][::-1])} | ({} if mask is None else {"mask": mask[at][::-1]})


def _tile(sample, classes):
    """The picture with masks, boxes and keypoints, its longer side `TILE_PX`."""
    pixels = _with_masks(sample, classes)
    marks = []
    for number, box in enumerate(sample.get("boxes_xyxy", ())):
        label = int(sample["labels"][number]) if "labels" in sample else number
        name = _name(label, classes) if "labels" in sample else ""
        marks.append(pictures.Mark(box, name, pictures.color_of(label)))
    for number, quad in enumerate(sample.get("quads_xy", ())):
        around = np.concatenate([quad.min(0), quad.max(0)])
        marks.append(pictures.Mark(around, "", pictures.color_of(number), corners_xy=quad))
    picture = pictures.marked(pixels, marks, TILE_PX)
    draw, scale = ImageDraw.Draw(picture), TILE_PX / max(pixels.shape[:2])
    for number, keypoints in enumerate(sample.get("keypoints_xyv", ())):
        for x, y, visible in keypoints * [scale, scale, 1]:
            if visible > 0:
                draw.ellipse((x - 3, y - 3, x + 3, y + 3), pictures.color_of(number), pictures.INK)
    return picture


def _with_masks(sample, classes):
    """uint8 [H, W, 3], half covered by a color an object or class; a background stays free, what is ignored is gray."""
    pixels = sample["image"].astype(np.float32)
    is_free = tuple(classes[:1]) in ((), ("background",))
    for value in np.unique(sample["mask"]) if "mask" in sample else ():
        if value or not is_free:
            pictures.cover(pixels, sample["mask"] == value, _IGNORED if value == IGNORE else pictures.color_of(value))
    for number, mask in enumerate(sample.get("instance_masks", ())):
        pictures.cover(pixels, mask > 0, pictures.color_of(number))
    return pixels.astype(np.uint8)


def _name(label, classes):
    return classes[label] if 0 <= label < len(classes) else str(label)


def _caption(sample, classes):
    if "caption" in sample:
        return str(sample["caption"])
    words = []
    if "label" in sample:
        words.append(_name(int(sample["label"]), classes))
    if "labels" in sample and "boxes_xyxy" not in sample:
        words.extend(_name(int(label), classes) for label in sample["labels"])
    if "mask" in sample:
        names = [_name(v, classes) for v in np.unique(sample["mask"]) if v != IGNORE]
        words.extend(name for name in names if name != "background")
    if "text" in sample:
        text = sample["text"].item()
        words.append(text.decode() if isinstance(text, bytes) else str(text))
    return ", ".join(words)
