"""Augmentations that cut a patch to train on, out of an image or a volume too large for the graph."""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws
from kerasvision.data.augment.base import Augmentation
from kerasvision.ops import volumes
from kerasvision.ops.dense import IGNORE

_CLASSES = 256  # of a uint8 mask
_OBJECTS = ("boxes_xyxy", "instance_masks", "keypoints_xyv")


@augmentations.register("patches/foreground")
@dataclasses.dataclass(frozen=True)
class Foreground(Augmentation):
    """A patch that shows annotated things more often than chance would, rare ones as often as frequent ones.

    F. Isensee et al., nnU-Net, 2018, arXiv:1809.10486, which samples so for a third of each batch; Nature Methods 18,
    2021. With probability `foreground` the patch has a voxel of the foreground in its middle, as far as the border
    allows: first a class is drawn of those present (not 0, not `IGNORE`), then one of its voxels. Else, and where there
    is no foreground, every place is as likely. size: (h, w) of an image or (d, h, w) of a volume, in pixels or voxels.
    A smaller one stands in the middle of the patch; around it an image is `fill` (0..255), a volume its minimum, and
    the mask `IGNORE`.
    """

    size: tuple[int, ...] = (128, 128, 128)
    foreground: float = 0.5
    fill: int = 0

    cuts: typing.ClassVar[bool] = True
    works_on: typing.ClassVar[tuple[str, ...]] = ("image", "volume")

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, foreground=(0, 1), fill=(0, 255))
        if len(self.size) not in (2, 3) or min(self.size) < 1:
            raise UsageError(f"patches/foreground size={self.size}; allowed: (h, w) or (d, h, w), each 1 or more")

    def __call__(self, sample, seed):
        self._check_sample(sample)
        start = self.start(sample["mask"], seed)
        if "volume" in sample:
            return volumes.crop_or_pad(sample, start, self.size)
        cut = {"image": self.fill, "mask": IGNORE}
        moved = {k: volumes.cut(sample[k], start, self.size, fill) for k, fill in cut.items()}
        return sample | moved | {"cropped": tf.constant(True)}  # the window is cut: to be stretched, not fitted

    def _check_sample(self, sample):
        kind, axes = ("a volume", 3) if "volume" in sample else ("an image", 2)
        if len(self.size) != axes:
            wanted = "(d, h, w)" if axes == 3 else "(h, w)"
            raise UsageError(f"patches/foreground size={self.size}; allowed for {kind}: {wanted}")
        if "mask" not in sample:
            raise UsageError("patches/foreground needs a mask of classes; this data has none")
        if held := [k for k in _OBJECTS if k in sample]:
            raise UsageError(f"patches/foreground cannot cut {', '.join(held)}; for objects use geometric/random_crop")

    def start(self, mask, seed):
        """Where the patch of a mask [H, W] or [D, H, W] begins: int32 [2] or [3], below 0 where it must be padded."""
        chance_seed, place_seed, voxel_seed = draws.split(seed, 3)
        slack = tf.shape(mask) - tf.constant(self.size)
        free = tf.maximum(slack, 0)
        padded = -(tf.maximum(-slack, 0) // 2)
        part = tf.random.stateless_uniform([len(self.size)], place_seed)
        anywhere = tf.minimum(tf.cast(part * tf.cast(free + 1, tf.float32), tf.int32), free)

        def centered():
            voxel, found = foreground_voxel(mask, voxel_seed)
            return tf.where(found, tf.clip_by_value(voxel - tf.constant(self.size) // 2, 0, free), anywhere)

        return padded + tf.cond(draws.chance(chance_seed, self.foreground), centered, lambda: anywhere)


def foreground_voxel(mask, seed):
    """A voxel of a class drawn uniformly among those present, drawn uniformly among its voxels.

    mask: uint8 [N, ...]. Returns its index, int32 [rank], and whether there is any, a bool scalar. One pass counts the
    classes in each slice of the first axis, then only the slice with the chosen voxel is searched.
    """
    class_seed, rank_seed = draws.split(seed, 2)
    slices = tf.shape(mask)[0]
    values = tf.cast(tf.reshape(mask, [slices, -1]), tf.int32)
    counts = tf.raw_ops.DenseBincount(input=values, size=_CLASSES, weights=tf.constant([], tf.int32))
    present = tf.reduce_any(counts > 0, axis=0) & ~tf.reduce_any(tf.equal(tf.range(_CLASSES)[:, None], [0, IGNORE]), 1)
    score = tf.where(present, tf.random.stateless_uniform([_CLASSES], class_seed), -1.0)
    chosen = tf.argmax(score, output_type=tf.int32)
    ends = tf.cumsum(counts[:, chosen])
    rank = tf.random.stateless_uniform([], rank_seed, 0, tf.maximum(ends[-1], 1), tf.int32)
    at = tf.minimum(tf.reduce_sum(tf.cast(ends <= rank, tf.int32)), slices - 1)
    rank -= ends[at] - counts[at, chosen]
    places = tf.cast(tf.where(tf.equal(tf.cast(mask[at], tf.int32), chosen)), tf.int32)
    places = tf.concat([places, tf.zeros([1, mask.shape.rank - 1], tf.int32)], 0)  # for a mask without any
    return tf.concat([[at], places[tf.minimum(rank, tf.shape(places)[0] - 1)]], 0), tf.reduce_any(present)
