"""Which pixels of a picture are missing: drawn masks, a function of their seed alone."""

import typing

import tensorflow as tf

Shape = typing.Literal["quadrant", "rectangle", "patches"]


def drawn_present(shape: Shape, image_hw, seed, area=(0.1, 0.4), patches=(4, 4)):
    """uint8 [H, W], 1 where a pixel is there and 0 where it is missing. image_hw: int32 [2]; seed: int32 [2].

    quadrant: one of the four quarters is missing. rectangle: one rectangle that covers a part between the bounds of
    `area`, half to twice as high as wide. patches: each field of a grid of `patches` (rows, columns) is missing with a
    probability drawn between the bounds of `area`, one for the whole picture.
    """
    hw = tf.cast(image_hw, tf.float32)
    rows = (tf.range(hw[0]) + 0.5) / hw[0]
    columns = (tf.range(hw[1]) + 0.5) / hw[1]
    unit = tf.random.stateless_uniform([4], seed)
    if shape == "patches":
        rate = area[0] + unit[0] * (area[1] - area[0])
        other = tf.random.experimental.stateless_fold_in(seed, 1)
        kept = tf.random.stateless_uniform(patches, other) >= rate
        at = [tf.cast(side * count, tf.int32) for side, count in zip((rows, columns), patches, strict=True)]
        return tf.cast(tf.gather(tf.gather(kept, at[0]), at[1], axis=1), tf.uint8)
    if shape == "quadrant":
        corner = tf.floor(2.0 * unit[:2]) / 2.0
        sides = tf.constant([0.5, 0.5])
    else:
        part = area[0] + unit[2] * (area[1] - area[0])
        ratio = 2.0 ** (2.0 * unit[3] - 1.0)  # height by width
        # a side that would be longer than the picture is 1, and the other one covers the part by itself
        sides = tf.clip_by_value(tf.sqrt(tf.stack([part * ratio, part / ratio])), part, 1.0)
        corner = unit[:2] * (1.0 - sides)
    hidden = [(at >= c) & (at < c + s) for at, c, s in ((rows, corner[0], sides[0]), (columns, corner[1], sides[1]))]
    return tf.cast(~(hidden[0][:, None] & hidden[1]), tf.uint8)


def without(sample, present):
    """The sample less the pixels where `present` is 0: they are 0 in `image`, and `whole` has them still.

    What was missing before stays missing.
    """
    image = sample["image"]
    if "present" in sample:
        present = present * sample["present"]
    whole = sample.get("whole", image)
    return sample | {"image": image * present[..., None], "present": present, "whole": whole}
