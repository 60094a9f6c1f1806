"""Augmentations that make one example of several: images, boxes, masks and keypoints together.

They need samples with `boxes_xyxy`. For classes of whole images there are `batch/mixup` and `batch/cutmix`.
"""

import dataclasses
import math
import typing

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import augmentations
from kerasvision.data.augment import draws
from kerasvision.data.augment.base import Combination
from kerasvision.data.augment.batch import beta
from kerasvision.ops import resample
from kerasvision.ops.geometry import PAD_VALUE, as_uint8


def _require(part, sample, keys, without=()):
    """Raise, when a graph is traced, for a sample that the combination cannot work with."""
    missing = [k for k in keys if k not in sample]
    surplus = [k for k in without if k in sample]
    if missing or surplus:
        wrong = f"needs {missing[0]!r}" if missing else f"cannot combine {surplus[0]!r}"
        masks = "; sources read it with masks=True" if "instance_masks" in missing and "boxes_xyxy" in sample else ""
        raise KerasVisionError(
            f"{part.registered_name} {wrong}; the data has {', '.join(sorted(sample))}{masks}; or leave the "
            "augmentation out"
        )


def _fitting(sample, canvas):
    """float32 [2]: magnification x, y of a picture that fills the canvas, as the architecture would fit it."""
    image_hw = tf.cast(resample.image_hw(sample), tf.float32)
    scale_hw = tf.constant(canvas.size_hw, tf.float32) / image_hw
    return tf.fill([2], tf.reduce_min(scale_hw)) if canvas.keeps_aspect else scale_hw[::-1]


def _placed(sample, scale_xy, place, size_hw, part, canvas, mask_fill=0):
    """A sample magnified, somewhere in a window, cut at its border.

    place: float32 [2] in 0..1, the part of the free room that lies left and above; where there is none, because the
    picture is larger, the part of the surplus that is cut off there. size_hw: of the window, int32 [2]. Where the
    canvas `averages`, pixels of a side that shrinks by more than two are averaged.
    """
    inner_xy = tf.cast(resample.image_hw(sample)[::-1], tf.float32) * scale_xy
    free_xy = tf.cast(size_hw[::-1], tf.float32) - inner_xy
    matrix = resample.translation(free_xy * place) @ resample.scaling(scale_xy)
    fills = {"fill": part.fill, "mask_fill": mask_fill}
    moved = resample.warp(sample, matrix, size_hw=size_hw, min_visible=part.min_visible, **fills)
    if not canvas.averages:
        return moved
    sides = resample.image_hw(sample)
    wanted = tf.maximum(tf.cast(tf.round(inner_xy[::-1]), tf.int32), 1)
    shrinks = sides > 2 * wanted  # the rule of `ops.geometry`

    def averaged():
        small_hw = tf.where(shrinks, wanted, sides)
        small = as_uint8(tf.raw_ops.ResizeArea(images=sample["image"][None], size=small_hw)[0])
        left_xy = inner_xy / tf.cast(small_hw[::-1], tf.float32)
        matrix = resample.translation(free_xy * place) @ resample.scaling(left_xy)
        return resample.warp({"image": small}, matrix, size_hw=size_hw, fill=part.fill)["image"]

    return moved | {"image": tf.cond(tf.reduce_any(shrinks), averaged, lambda: moved["image"])}


def _objects(sample):
    """The keys of a sample that hold a row an object."""
    return {k: sample[k] for k in ("boxes_xyxy", *resample.PER_OBJECT) if k in sample}


def _all_objects(parts):
    held = [_objects(part) for part in parts]
    return {k: tf.concat([rows[k] for rows in held], 0) for k in held[0]}


def _of_size(image, canvas):
    return tf.ensure_shape(image, [*canvas.size_hw, image.shape[-1]])


@augmentations.register("combining/mosaic")
@dataclasses.dataclass(frozen=True)
class Mosaic(Combination):
    """Four pictures around one point.

    A. Bochkovskiy, C.-Y. Wang, H.-Y. Liao, YOLOv4: Optimal Speed and Accuracy of Object Detection, 2020,
    arXiv:2004.10934, section 3.3 and figure 3. center: bounds of the point, as a part of both sides. scale: bounds of
    each picture's magnification, log-uniform; at 1 it would fill the whole canvas as a picture of its own, so of a tile
    it shows a part. A picture lies at a uniformly drawn place of its tile, or shows a uniformly drawn part of itself
    there. fill: pixel value around pictures smaller than their tile; a `mask` is mask_fill there. min_visible: an
    object with less of its box inside its tile goes. Usually left out of the last epochs: in a phase without it.
    """

    probability: float = 1.0
    center: tuple[float, float] = (0.3, 0.7)
    scale: tuple[float, float] = (0.4, 1.0)
    min_visible: float = 0.25
    fill: int = PAD_VALUE
    mask_fill: int = 0
    count: typing.ClassVar[int] = 3

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1), center=(0, 1), scale=(0.01, 100), min_visible=(0, 1), fill=(0, 255))

    def __call__(self, sample, partners, seed, canvas):
        _require(self, sample, ("boxes_xyxy",))
        center_seed, *seeds = draws.split(seed, 5)
        size = tf.constant(canvas.size_hw)
        middle = draws.uniform(center_seed, *([bound] * 2 for bound in self.center)) * tf.cast(size, tf.float32)
        middle = tf.clip_by_value(tf.cast(tf.round(middle), tf.int32), 1, tf.maximum(size - 1, 1))
        tiles = []
        for number, (part, part_seed) in enumerate(zip((sample, *partners), seeds, strict=True)):
            beyond = tf.constant(divmod(number, 2)) == 1  # row, column: below, right of the middle
            window = tf.where(beyond, size - middle, middle)
            tiles.append(self._tile(part, part_seed, canvas, tf.where(beyond, middle, 0), window))
        combined = sample | _all_objects(tiles)
        for key in [k for k in ("image", "mask") if k in sample]:
            rows = [tf.concat([a[key], b[key]], 1) for a, b in (tiles[:2], tiles[2:])]
            combined[key] = tf.concat(rows, 0)
        return combined | {"image": _of_size(combined["image"], canvas)}

    def _tile(self, sample, seed, canvas, origin, window):
        """A picture in its tile: its pixels of the tile's size, its objects on the canvas."""
        scale_seed, place_seed = draws.split(seed, 2)
        scale_xy = _fitting(sample, canvas) * draws.log_uniform(scale_seed, self.scale)
        place = draws.uniform(place_seed, [0.0] * 2, [1.0] * 2)
        moved = _placed(sample, scale_xy, place, window, self, canvas, self.mask_fill)
        shift = tf.cast(origin[::-1], tf.float32)
        moved["boxes_xyxy"] += tf.tile(shift, [2])
        if "keypoints_xyv" in moved:
            moved["keypoints_xyv"] += tf.concat([shift, [0.0]], 0)
        if "quads_xy" in moved:
            moved["quads_xy"] += shift
        if "instance_masks" in moved:
            after = tf.constant(canvas.size_hw) - origin - window
            pads = tf.concat([[[0, 0]], tf.stack([origin, after], 1)], 0)
            moved["instance_masks"] = tf.pad(moved["instance_masks"], pads)
        return moved


@augmentations.register("combining/mixup")
@dataclasses.dataclass(frozen=True)
class Mixup(Combination):
    """Two pictures shine through each other, and the objects of both count.

    Z. Zhang, T. He, H. Zhang, Z. Zhang, J. Xie, M. Li, Bag of Freebies for Training Object Detection Neural Networks,
    2019, arXiv:1902.04103, section 3.1. Both keep their aspect, as there; here each is fitted to the graph's size and
    centered. alpha: of Beta(alpha, alpha), the picture's weight. The paper weighs an object's loss by its picture's
    weight and draws from Beta(1.5, 1.5). Here every object counts fully, so the default keeps both visible (nearly
    the paper's "0.5:0.5 evenly"), as in YOLOX (arXiv:2107.08430). fill: pixel value around a picture.
    """

    probability: float = 0.5
    alpha: float = 32.0
    min_visible: float = 0.1
    fill: int = PAD_VALUE
    count: typing.ClassVar[int] = 1

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1), alpha=(1e-3, math.inf), min_visible=(0, 1), fill=(0, 255))

    def __call__(self, sample, partners, seed, canvas):
        _require(self, sample, ("boxes_xyxy",), without=("mask",))
        size, middle = tf.constant(canvas.size_hw), tf.constant([0.5, 0.5])
        pair = [_placed(s, _fitting(s, canvas), middle, size, self, canvas) for s in (sample, *partners)]
        own, other = (tf.cast(p["image"], tf.float32) for p in pair)
        mixed = as_uint8(other + beta(seed, self.alpha, 1)[0] * (own - other))
        return sample | _all_objects(pair) | {"image": _of_size(mixed, canvas)}


@augmentations.register("combining/copy_paste")
@dataclasses.dataclass(frozen=True)
class CopyPaste(Combination):
    """Objects of another picture are pasted in by their masks, without blending of edges.

    G. Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation, 2020,
    arXiv:2012.07177, section 3. Needs `instance_masks`. The picture is fitted to the graph's size. share: of the
    partner's objects, each drawn with this chance; crowds are never pasted. scale: bounds of the partner's
    magnification, log-uniform, 1 fits it to the graph; it lies at a uniformly drawn place (the paper scales both,
    large-scale jitter: `geometric/zoom` before this). What is pasted over is taken from the masks below, and their
    boxes shrink to what is left. min_visible: an object goes that shows less of its mask, and one that is pasted goes
    with less of its box inside. `area_px` and `occlusion` stay those of the pictures that were read.
    """

    probability: float = 0.5
    share: float = 0.5
    scale: tuple[float, float] = (0.5, 1.25)
    min_visible: float = 0.2
    fill: int = PAD_VALUE
    count: typing.ClassVar[int] = 1

    def __post_init__(self):
        super().__post_init__()
        draws.check(self, probability=(0, 1), share=(0, 1), scale=(0.01, 100), min_visible=(0, 1), fill=(0, 255))

    def __call__(self, sample, partners, seed, canvas):
        _require(self, sample, ("boxes_xyxy", "instance_masks"), without=("mask",))
        (partner,) = partners
        scale_seed, place_seed, choice_seed = draws.split(seed, 3)
        size = tf.constant(canvas.size_hw)
        below = _placed(sample, _fitting(sample, canvas), tf.constant([0.5, 0.5]), size, self, canvas)
        scale_xy = _fitting(partner, canvas) * draws.log_uniform(scale_seed, self.scale)
        above = _placed(partner, scale_xy, draws.uniform(place_seed, [0.0] * 2, [1.0] * 2), size, self, canvas)
        above |= _kept(above, self._chosen(above, choice_seed))
        pasted = tf.reduce_any(tf.cast(above["instance_masks"], tf.bool), 0)  # [H, W]
        below |= _covered(below, pasted, self.min_visible)
        image = tf.where(pasted[..., None], above["image"], below["image"])
        return sample | _all_objects([below, above]) | {"image": _of_size(image, canvas)}

    def _chosen(self, sample, seed):
        """bool [N]."""
        drawn = tf.random.stateless_uniform(tf.shape(sample["boxes_xyxy"])[:1], seed) < self.share
        return drawn & ~sample["is_crowd"] if "is_crowd" in sample else drawn


def _kept(sample, keep):
    """The rows of the objects that stay. keep: bool [N]."""
    rows = tf.where(keep)[:, 0]
    return {k: tf.gather(v, rows) for k, v in _objects(sample).items()}


def _covered(sample, pasted, min_visible):
    """The objects after something was laid over them. pasted: bool [H, W]."""
    masks = sample["instance_masks"]
    left = tf.where(pasted, tf.zeros_like(masks), masks)
    seen = tf.cast(left, tf.bool)
    before, after = (tf.reduce_sum(tf.cast(tf.cast(m, tf.bool), tf.float32), [1, 2]) for m in (masks, left))
    sides = []
    for axis in (1, 2):  # columns, then rows
        line = tf.cast(tf.reduce_any(seen, axis), tf.int32)  # [N, W], [N, H]
        last = tf.shape(line)[1] - tf.argmax(line[:, ::-1], 1, tf.int32)
        sides.append((tf.argmax(line, 1, tf.int32), last))
    hull = tf.cast(tf.stack([sides[0][0], sides[1][0], sides[0][1], sides[1][1]], 1), tf.float32)
    boxes = sample["boxes_xyxy"]
    hull = tf.concat([tf.maximum(hull[:, :2], boxes[:, :2]), tf.minimum(hull[:, 2:], boxes[:, 2:])], 1)
    touched = after < before
    changed = sample | {"instance_masks": left, "boxes_xyxy": tf.where(touched[:, None], hull, boxes)}
    return _kept(changed, ~touched | ((after > 0.0) & (after >= min_visible * before)))
