"""Maps of class probabilities between the graph's pixels and those of the original images, and masks of classes."""

import numpy as np
import tensorflow as tf

IGNORE = 255  # in a mask: not annotated, or beyond the image; counts nowhere


def fit_mask(mask, geometry, size_hw):
    """A mask of the original image in graph pixels, nearest; `IGNORE` where the graph's image is padding.

    mask: uint8 [H, W]; geometry of one image (`ops.geometry`); size_hw: of the graph -> uint8 [h, w].
    """
    moved = _project(mask[None, ..., None], geometry["scale_xy"][None], geometry["offset_xy"][None], size_hw, False)
    return moved[0, ..., 0]


def center_begin(sides, size):
    """Where the part of `size` begins that a graph sees of an input, its center; 0 of an axis that is no longer. sides:
    of the input. numpy, ints, one an axis.
    """
    return (np.maximum(sides, size) - size) // 2


def centered(pixels, size, fill):
    """The center of pixels [*sides, ...], cut or padded with `fill` to `size`, one number an axis."""
    sides = tf.shape(pixels)[: len(size)]
    missing = tf.maximum(tf.constant(size) - sides, 0)
    pads = tf.stack([missing // 2, missing - missing // 2], 1)
    others = pixels.shape.rank - len(size)
    pads = tf.concat([pads, tf.zeros([others, 2], tf.int32)], 0)
    pixels = tf.pad(pixels, pads, constant_values=tf.cast(fill, pixels.dtype))
    begin = tf.concat([(tf.shape(pixels)[: len(size)] - size) // 2, tf.zeros([others], tf.int32)], 0)
    cut = tf.slice(pixels, begin, [*size, *([-1] * others)])
    return tf.ensure_shape(cut, [*size, *pixels.shape[len(size) :]])


def classes(probabilities, margin=False):
    """[B, ..., K] -> `mask` uint8 [B, ...], the likeliest class, and `confidence` float32 [B, ...], its probability.

    margin: also `margin` float32 [B, ...], by how much it is likelier than the next class.
    """
    mask = tf.cast(tf.argmax(probabilities, -1, output_type=tf.int32), tf.uint8)
    found = {"mask": mask, "confidence": tf.reduce_max(probabilities, -1)}
    if margin:
        best = tf.math.top_k(probabilities, 2).values
        found["margin"] = best[..., 0] - best[..., 1]
    return found


def one_hot(mask, count):
    """Mask [...] of class ids -> float32 [..., count], all 0 where it says `IGNORE`."""
    return tf.one_hot(tf.cast(mask, tf.int32), count)


def original_classes(probabilities, geometry, found=classes):
    """Probabilities [B, h, w, K] in graph pixels -> what each pixel of the original images is.

    geometry of the batch. Returns `mask` uint8 [B, H, W] and `confidence` float32 [B, H, W], the probability of the
    class; H and W are the largest of the batch, and `IGNORE` and 0 beyond a smaller image. Bilinear. found: a function
    of probabilities [B, H, W, K] that gives `mask` and other maps, [B, H, W] or [B, H, W, K]; else `classes`.
    """
    size_hw = tf.reduce_max(geometry["image_hw"], 0)
    scale, offset = geometry["scale_xy"], geometry["offset_xy"]
    moved = _project(probabilities, 1.0 / scale, -offset / scale, size_hw, True)
    rows, columns = (tf.range(size_hw[i])[None] < geometry["image_hw"][:, i, None] for i in (0, 1))
    real = rows[:, :, None] & columns[:, None]
    maps = found(moved)
    mask = tf.where(real, maps.pop("mask"), tf.constant(IGNORE, tf.uint8))
    inside = {3: real, 4: real[..., None]}
    return {"mask": mask} | {k: tf.where(inside[v.shape.rank], v, tf.zeros([], v.dtype)) for k, v in maps.items()}


def _project(pixels, scale_xy, offset_xy, size_hw, smooth):
    """Pixels [B, H, W, C] at xy -> scale * xy + offset, float32 [B, 2] each; centers of pixels are halves.

    Nearest leaves `IGNORE` outside of the image; bilinear repeats its border.
    """
    shift = (0.5 - offset_xy) / scale_xy - 0.5  # index of the source of index 0
    zero = tf.zeros_like(shift[:, 0])
    step = 1.0 / scale_xy
    rows = [step[:, 0], zero, shift[:, 0], zero, step[:, 1], shift[:, 1], zero, zero]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=tf.stack(rows, -1),
        output_shape=tf.cast(size_hw, tf.int32),
        fill_value=float(IGNORE),
        interpolation="BILINEAR" if smooth else "NEAREST",
        fill_mode="NEAREST" if smooth else "CONSTANT",
    )
