"""Pictures with boxes as light records, and how one is read into a sample.

An instance mask travels as the lengths of its runs of 0 and 1, column by column as in COCO's RLE, and becomes pixels
when the sample is read.
"""

import numpy as np
import tensorflow as tf
from pycocotools import mask as coco_mask

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sources.base import Split

_CODES = bytes(range(48, 112))  # characters of compressed counts
_DTYPES = {"is_difficult": bool, "is_truncated": bool, "occlusion": np.float32}


def split_of(pictures, keys, masks, what):
    """A `Split` of checked pictures. keys: those beside the usual ones. masks: read `instance_masks` too."""
    things = [t for p in pictures for t in p.things]
    lengths = [len(p.things) for p in pictures]
    records = {
        "path": [p.path for p in pictures],
        "image_id": np.array([p.image_id for p in pictures], np.int64),
        "image_hw": np.array([p.image_hw for p in pictures], np.int32),
        "boxes_xyxy": _rows(np.array([t.box_xyxy for t in things], np.float32).reshape(-1, 4), lengths),
        "labels": _rows(np.array([t.label for t in things], np.int32), lengths),
        "is_crowd": _rows(np.array([t.is_crowd for t in things], bool), lengths),
        "area_px": _rows(_areas(pictures), lengths),
    }
    if "illumination" in keys:
        records["illumination"] = np.array([p.illumination for p in pictures], np.float32)
    for key in (k for k in keys if k in _DTYPES):
        records[key] = _rows(np.array([getattr(t, key) for t in things], _DTYPES[key]), lengths)
    if masks:
        runs = [_runs_of(p, t, number, what) for p in pictures for number, t in enumerate(p.things, 1)]
        ends = np.cumsum([0, *lengths])
        each = [sum(map(len, runs[a:b])) for a, b in zip(ends, ends[1:], strict=False)]
        records["runs"] = _rows(np.concatenate([np.zeros(0, np.int32), *runs]), each)
    return Split(tf.data.Dataset.from_tensor_slices(records), _read, len(pictures))


def _rows(values, lengths):
    return tf.RaggedTensor.from_row_lengths(values, np.array(lengths, np.int64))


def _areas(pictures):
    """float32: what the labels say, else of the box."""
    boxes = [(t.area_px, t.box_xyxy) for p in pictures for t in p.things]
    return np.array([(x2 - x1) * (y2 - y1) if a is None else a for a, (x1, y1, x2, y2) in boxes], np.float32)


def _runs_of(picture, thing, number, what):
    where = f"{what}{picture.name}, object {number}: "
    if thing.segmentation is None:
        raise KerasVisionError(f"{where}no segmentation; masks=True needs one for every object")
    return mask_runs(thing.segmentation, picture.image_hw, where)


def mask_runs(segmentation, image_hw, where=""):
    """int32 [even number]: lengths of the runs of 0, 1, 0, 1, ... down the columns. segmentation: as COCO has it."""
    runs = counts_of(encoded(segmentation, image_hw, where)["counts"])
    if runs.sum() != image_hw[0] * image_hw[1] or (runs < 0).any():
        raise KerasVisionError(f"{where}segmentation: its counts do not add up to {image_hw[0]} x {image_hw[1]}")
    return runs if len(runs) % 2 == 0 else np.append(runs, np.int32(0))


def encoded(segmentation, image_hw, where=""):
    """COCO's compressed RLE, {"size", "counts"}, of polygons or of either RLE."""
    h, w = (int(v) for v in image_hw)
    try:
        if isinstance(segmentation, dict):
            if list(segmentation["size"]) != [h, w]:
                raise ValueError(f"its size is {segmentation['size']}, the image's [{h}, {w}]")
            counts = segmentation["counts"]
            if not isinstance(counts, list):
                return {"size": [h, w], "counts": _checked_counts(counts)}
            if not all(isinstance(run, int) and 0 <= run <= h * w for run in counts):
                raise ValueError("its counts are not all whole numbers from 0 on")
            return coco_mask.frPyObjects({"size": [h, w], "counts": counts}, h, w)
        for polygon in segmentation:
            if len(polygon) < 6 or len(polygon) % 2 or not np.isfinite(polygon).all():
                raise ValueError("a polygon needs three points or more, each a finite x and y")
        if not segmentation:
            raise ValueError("no polygon")
        return coco_mask.merge(coco_mask.frPyObjects([list(map(float, p)) for p in segmentation], h, w))
    except (ValueError, TypeError, KeyError) as error:
        raise KerasVisionError(f"{where}segmentation: {error}") from None


def _checked_counts(counts):
    """Compressed counts as bytes; pycocotools reads any characters, and on where the last one says that more follow."""
    data = counts.encode() if isinstance(counts, str) else counts
    if not isinstance(data, bytes) or data.strip(_CODES) or data and (data[-1] - 48) & 32:
        raise ValueError("its counts are neither a list of numbers nor COCO's compressed text")
    return data


def counts_of(compressed):
    """COCO's compressed counts (bytes) -> int32 lengths of runs.

    Six bits a character from "0" on: five of a value, lowest first, and one that says that more follow; the last of a
    value carries its sign. From the fourth value on the difference to the one before the last is stored.
    """
    codes = np.frombuffer(compressed, np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero((codes & 32) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    place = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    values = np.add.reduceat((codes & 31) << (5 * place), starts) if len(starts) else np.zeros(0, np.int64)
    negative = (codes[ends] & 16) > 0
    values = values - np.where(negative, 1 << (5 * (ends - starts + 1)), 0)
    for parity in (1, 2):
        values[parity::2] = np.cumsum(values[parity::2])
    return values.astype(np.int32)


def decode_runs(runs, count, image_hw):
    """uint8 [N, H, W] of the runs of N masks, int32 [R], one after the other. Pure TensorFlow."""
    h, w = image_hw[0], image_hw[1]
    starts = tf.cumsum(runs, exclusive=True)  # an empty last run starts behind the end
    begins = tf.scatter_nd(starts[:, None], tf.ones_like(starts, tf.uint8), [count * h * w + 1])[:-1]
    # every mask has an even number of runs, so the number begun up to a pixel is odd where the pixel is 0
    masks = tf.bitwise.bitwise_and(tf.cumsum(begins) + tf.constant(1, tf.uint8), tf.constant(1, tf.uint8))
    return tf.transpose(tf.reshape(masks, [count, w, h]), [0, 2, 1])


def _read(record):
    rows = {k: v for k, v in record.items() if k not in ("path", "runs", "image_hw")}
    sample = {k: tf.convert_to_tensor(v) for k, v in rows.items()}
    sample |= {"image_bytes": tf.io.read_file(record["path"]), "path": record["path"]}
    sample["boxes_xyxy"] = tf.ensure_shape(sample["boxes_xyxy"], [None, 4])
    if "runs" in record:
        count = tf.shape(sample["labels"])[0]
        sample["instance_masks"] = decode_runs(tf.convert_to_tensor(record["runs"]), count, record["image_hw"])
    return sample
