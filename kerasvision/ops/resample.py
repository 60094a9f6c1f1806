"""Move the image, masks, boxes and keypoints of one sample together.

Coordinates are pixels, x to the right and y down, measured from the outer corner of the first pixel: the center of the
pixel in row i and column j is (j + 0.5, i + 0.5), and an image covers [0, W] x [0, H]. A box around the pixels of
columns a..b is therefore a .. b + 1.

A `matrix` is float32 [3, 3] (or its first two rows, [2, 3]) and takes original to augmented coordinates:
`xy_augmented = matrix @ (x, y, 1)`. A `displacement` is float32 [H, W, 2] over the augmented image, (dx, dy) in pixels
at the centers of its pixels: what is seen at p comes from `inverse(matrix) @ (p + displacement(p))`.

| key | shape | how it moves |
|---|---|---|
| `image`, `whole` | uint8 [H, W, C] | bilinear, rounded |
| `present` | uint8 [H, W], 0 or 1 | 1 where only present pixels have a part in the result |
| `mask`, `instance_masks` | int or bool [H, W], [N, H, W] | nearest |
| `boxes_xyxy` | float32 [N, 4] | corners (with a displacement, points along the edges), hull, clipped to the image |
| `keypoints_xyv` | float32 [N, K, 3] | moved; v = 0 outside of the image |
| `quads_xy` | float32 [N, 4, 2] | corners, each by itself; not clipped |
"""

import tensorflow as tf

from kerasvision.ops import quads
from kerasvision.ops.geometry import as_uint8

PER_OBJECT = (
    *("labels", "instance_masks", "keypoints_xyv", "is_crowd", "is_difficult", "is_truncated", "track_ids"),
    *("area_px", "occlusion"),  # as they were in the picture that the source read
    *("quads_xy", "texts"),
)
PLANES = ("image", "whole", "present", "mask")  # [H, W, ...]
MIN_VISIBLE = 0.1  # part of a moved box's area that must stay inside the image
MIN_SIDE_PX = 0.5  # a thinner box may hold no pixel center, so nothing of it can be seen
_EDGE_POINTS = 8  # points an edge of a box under a displacement
_NEWTON_STEPS = 12


def image_hw(sample):
    """int32 [2]."""
    return tf.shape(sample["image"])[:2]


def translation(xy):
    """Matrix of a shift by float32 [2] pixels."""
    return _matrix(1.0, 0.0, xy[0], 0.0, 1.0, xy[1])


def scaling(xy):
    """Matrix of a magnification by float32 [2] about the corner of the image."""
    return _matrix(xy[0], 0.0, 0.0, 0.0, xy[1], 0.0)


def rotation(angle_rad):
    """Matrix of a turn about the corner of the image, counter-clockwise as seen (y points down)."""
    cos, sin = tf.cos(angle_rad), tf.sin(angle_rad)
    return _matrix(cos, sin, 0.0, -sin, cos, 0.0)


def shearing(angles_rad):
    """Matrix of x' = x + tan(angles[0]) y, y' = y + tan(angles[1]) x."""
    return _matrix(1.0, tf.tan(angles_rad[0]), 0.0, tf.tan(angles_rad[1]), 1.0, 0.0)


def _matrix(*rows):
    return tf.reshape(tf.stack([tf.cast(v, tf.float32) for v in (*rows, 0.0, 0.0, 1.0)]), [3, 3])


def about_center(matrix, size_hw):
    """The same map with the image's center for origin."""
    center = tf.cast(size_hw, tf.float32)[::-1] / 2.0
    return translation(center) @ matrix @ translation(-center)


def invert(matrix):
    """Inverse of an affine map: float32 [3, 3] or [2, 3] -> [3, 3]."""
    (a, b, x), (c, d, y) = (tf.unstack(row) for row in tf.unstack(matrix[:2]))
    det = a * d - b * c
    return _matrix(d / det, -b / det, (b * y - d * x) / det, -c / det, a / det, (c * x - a * y) / det)


def flip(sample, axis, condition):
    """Mirror a sample by reversing its pixels. axis: 0 top to bottom, 1 left to right; condition: bool scalar."""
    axes = tf.fill([tf.cast(condition, tf.int32)], axis)
    side = tf.cast(tf.shape(sample["image"])[axis], tf.float32)
    moved = sample | {k: tf.reverse(sample[k], axes) for k in PLANES if k in sample}
    if "instance_masks" in sample:
        moved["instance_masks"] = tf.reverse(sample["instance_masks"], axes + 1)
    column = 1 - axis  # x or y
    if "boxes_xyxy" in sample:
        sides = tf.unstack(sample["boxes_xyxy"], 4, axis=-1)
        sides[column], sides[column + 2] = side - sides[column + 2], side - sides[column]
        moved["boxes_xyxy"] = tf.where(condition, tf.stack(sides, -1), sample["boxes_xyxy"])
    if "keypoints_xyv" in sample:
        parts = tf.unstack(sample["keypoints_xyv"], 3, axis=-1)
        parts[column] = side - parts[column]
        moved["keypoints_xyv"] = tf.where(condition, tf.stack(parts, -1), sample["keypoints_xyv"])
    if "quads_xy" in sample:
        corners = tf.unstack(sample["quads_xy"], 2, axis=-1)
        corners[column] = side - corners[column]
        moved["quads_xy"] = tf.where(condition, tf.stack(corners, -1), sample["quads_xy"])
    return moved


def crop(sample, window):
    """Cut a window by slicing. window: int32 [4], y, x, height, width, inside the image."""
    y, x, h, w = tf.unstack(window)
    moved = sample | {k: sample[k][y : y + h, x : x + w] for k in PLANES if k in sample}
    if "instance_masks" in sample:
        moved["instance_masks"] = sample["instance_masks"][:, y : y + h, x : x + w]
    origin = tf.cast(tf.stack([x, y]), tf.float32)
    return move_labels(moved, lambda xy: xy - origin, window[2:])


def shift(sample, xy, fill=0, mask_fill=0):
    """Move everything by whole pixels, without resampling. xy: int32 [2], to the right and down."""
    size = image_hw(sample)
    yx = tf.clip_by_value(xy[::-1], -size, size)
    start, stop = tf.maximum(-yx, 0), size - tf.maximum(yx, 0)
    pads = tf.stack([tf.maximum(yx, 0), tf.maximum(-yx, 0)], axis=1)

    def place(pixels, value):  # [H, W, C]
        kept = pixels[start[0] : stop[0], start[1] : stop[1]]
        placed = tf.pad(kept, tf.concat([pads, [[0, 0]]], 0), constant_values=tf.cast(value, pixels.dtype))
        return tf.ensure_shape(placed, pixels.shape)

    moved = _each_raster(sample, lambda x: place(x, fill), place, mask_fill)
    offset = tf.cast(yx[::-1], tf.float32)
    return move_labels(moved, lambda points: points + offset, size)


def warp(sample, matrix, displacement=None, size_hw=None, fill=0, mask_fill=0, min_visible=MIN_VISIBLE):
    """Resample a sample. size_hw: of the result, int32 [2]; that of the image unless given.

    fill: pixel value outside of the image; mask_fill: mask value there (masks of instances are 0 there). min_visible:
    as in `move_labels`.
    """
    size = image_hw(sample) if size_hw is None else tf.convert_to_tensor(size_hw)
    inverse = invert(matrix)
    if displacement is None:
        index = translation([-0.5, -0.5]) @ inverse @ translation([0.5, 0.5])  # pixel centers to indices

        def resample(pixels, value, smooth):
            return _project(pixels, index, size, value, smooth)
    else:
        source = transform(inverse, _centers(size) + displacement) - 0.5

        def resample(pixels, value, smooth):
            return _take(pixels, source, value, smooth)

    def pixels(image):
        moved = as_uint8(resample(tf.cast(image, tf.float32), fill, True))
        return tf.ensure_shape(moved, image.shape) if size_hw is None else moved

    moved = _each_raster(sample, pixels, lambda x, value: resample(x, value, False), mask_fill)

    def move(xy):
        xy = transform(matrix, xy)
        return xy if displacement is None else displaced(xy, displacement)

    return move_labels(moved, move, size, 1 if displacement is None else _EDGE_POINTS, min_visible)


def _each_raster(sample, image, mask, mask_fill):
    """The sample with `image(pixels)` and `mask(values, fill)` of its masks, all seen as [H, W, C]."""
    moved = sample | {k: image(sample[k]) for k in ("image", "whole") if k in sample}
    if "present" in sample:
        seen = image(255 * sample["present"][..., None])[..., 0]
        moved["present"] = tf.cast(tf.equal(seen, 255), tf.uint8)
    if "mask" in sample:
        moved["mask"] = _as_integers(lambda x: mask(x, mask_fill), sample["mask"][..., None])[..., 0]
    if "instance_masks" in sample:
        masks = tf.transpose(sample["instance_masks"], [1, 2, 0])
        moved["instance_masks"] = tf.transpose(_as_integers(lambda x: mask(x, 0), masks), [2, 0, 1])
    return moved


def _as_integers(change, mask):
    """`change` of a mask in a type that every resampling op knows."""
    if mask.dtype in (tf.uint8, tf.int32, tf.int64):
        return change(mask)
    return tf.cast(change(tf.cast(mask, tf.int32)), mask.dtype)


def transform(matrix, points_xy):
    """An affine map of points [..., 2]."""
    flat = tf.matmul(tf.reshape(points_xy, [-1, 2]), matrix[:2, :2], transpose_b=True) + matrix[:2, 2]
    return tf.reshape(flat, tf.shape(points_xy))


def displaced(points_xy, displacement):
    """Where points [P, 2] of the undisplaced image are seen: p with p + displacement(p) = point, by Newton's method.

    There is one such p where the displacement does not fold the image.
    """

    def slope(axis):
        index, last = tf.range(size[axis]), size[axis] - 1
        after = tf.gather(displacement, tf.minimum(index + 1, last), axis=axis)
        return (after - tf.gather(displacement, tf.maximum(index - 1, 0), axis=axis)) / 2.0

    def step(i, p):
        seen = _take(field, tf.clip_by_value(p - 0.5, 0.0, most), 0, True)
        rest_x, rest_y = tf.unstack(points_xy - p - seen[:, :2], axis=1)
        xx, yx, xy, yy = tf.unstack(seen[:, 2:], axis=1)  # yx: how dy changes along x
        det = tf.maximum((1.0 + xx) * (1.0 + yy) - xy * yx, 0.2)  # smaller only where the image nearly folds
        moves = [(1.0 + yy) * rest_x - xy * rest_y, (1.0 + xx) * rest_y - yx * rest_x]
        return i + 1, p + tf.stack(moves, axis=1) / det[:, None]

    size = tf.shape(displacement)[:2]
    most = tf.cast(size[::-1] - 1, tf.float32)
    field = tf.concat([displacement, slope(1), slope(0)], axis=-1)
    return tf.while_loop(lambda i, p: i < _NEWTON_STEPS, step, (0, points_xy))[1]


def _centers(size_hw):
    rows, columns = (tf.range(tf.cast(size_hw[i], tf.float32)) + 0.5 for i in (0, 1))
    return tf.stack(tf.meshgrid(columns, rows), axis=-1)  # [H, W, 2]


def _project(pixels, index_matrix, size_hw, fill, smooth):
    """pixels: [H, W, C] -> [h, w, C]. index_matrix: from result to source, in pixel indices."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels[None],
        transforms=tf.reshape(index_matrix, [1, 9])[:, :8],
        output_shape=size_hw,
        fill_value=tf.cast(fill, tf.float32),
        interpolation="BILINEAR" if smooth else "NEAREST",
        fill_mode="CONSTANT",
    )[0]


def _take(pixels, index_xy, fill, smooth):
    """pixels: [H, W, C] at indices [..., 2] -> [..., C]; beyond the border everything is `fill`."""
    height, width, channels = tf.unstack(tf.shape(pixels))
    padded = tf.pad(pixels, [[1, 2], [1, 2], [0, 0]], constant_values=tf.cast(fill, pixels.dtype))
    rows, stride = tf.reshape(padded, [-1, channels]), width + 3
    x, y = tf.unstack(tf.reshape(index_xy, [-1, 2]), axis=1)
    x = tf.clip_by_value(x, -1.0, tf.cast(width, tf.float32)) + 1.0
    y = tf.clip_by_value(y, -1.0, tf.cast(height, tf.float32)) + 1.0
    shape = tf.concat([tf.shape(index_xy)[:-1], [channels]], 0)
    if not smooth:
        at = tf.cast(tf.floor(y + 0.5), tf.int32) * stride + tf.cast(tf.floor(x + 0.5), tf.int32)
        return tf.reshape(tf.gather(rows, at), shape)
    left, top = tf.floor(x), tf.floor(y)
    right, down = (x - left)[:, None], (y - top)[:, None]
    at = tf.cast(top, tf.int32) * stride + tf.cast(left, tf.int32)

    def row(at):
        first = tf.gather(rows, at)
        return first + right * (tf.gather(rows, at + 1) - first)

    upper = row(at)
    return tf.reshape(upper + down * (row(at + stride) - upper), shape)


def move_labels(sample, move, size_hw, edge_points=1, min_visible=MIN_VISIBLE):
    """Boxes, quads, keypoints of a sample through `move` ([P, 2] -> [P, 2]); objects that left the image are dropped.

    A box is dropped, together with its row of every key in `PER_OBJECT`, when less than `min_visible` of its area is
    inside, or a side is below `MIN_SIDE_PX`; of a sample without boxes a quad, by the part of its area that is inside.
    size_hw: of the augmented image. edge_points: points moved an edge.
    """
    moved = dict(sample)
    size_xy = tf.cast(size_hw, tf.float32)[::-1]
    if "keypoints_xyv" in sample:
        moved["keypoints_xyv"] = _move_keypoints(sample["keypoints_xyv"], move, size_xy)
    if "quads_xy" in sample:
        moved["quads_xy"] = tf.reshape(move(tf.reshape(sample["quads_xy"], [-1, 2])), [-1, 4, 2])
    if "boxes_xyxy" not in sample:
        return _with_visible_quads(moved, size_xy, min_visible) if "quads_xy" in sample else moved
    hull = _move_boxes(sample["boxes_xyxy"], move, edge_points)
    low, high = tf.maximum(hull[:, :2], 0.0), tf.minimum(hull[:, 2:], size_xy)
    sides = tf.maximum(high - low, 0.0)
    area = tf.reduce_prod(hull[:, 2:] - hull[:, :2], axis=-1)
    seen = tf.reduce_prod(sides, axis=-1) >= min_visible * area
    kept = tf.where(seen & tf.reduce_all(sides >= MIN_SIDE_PX, axis=-1))[:, 0]
    moved["boxes_xyxy"] = tf.gather(tf.concat([low, high], -1), kept)
    return moved | {k: tf.gather(moved[k], kept) for k in PER_OBJECT if k in moved}


def _with_visible_quads(moved, size_xy, min_visible):
    kept = tf.where(quads.inside_share(moved["quads_xy"], size_xy) >= max(min_visible, 1e-6))[:, 0]
    return moved | {k: tf.gather(moved[k], kept) for k in PER_OBJECT if k in moved}


def _move_keypoints(keypoints, move, size_xy):
    xy = tf.reshape(move(tf.reshape(keypoints[..., :2], [-1, 2])), tf.shape(keypoints[..., :2]))
    inside = tf.reduce_all((xy >= 0.0) & (xy < size_xy), axis=-1, keepdims=True)
    return tf.concat([xy, tf.where(inside, keypoints[..., 2:], 0.0)], axis=-1)


def _move_boxes(boxes, move, edge_points):
    """Hull of the moved outline. boxes: [N, 4] -> [N, 4]."""
    part = tf.range(edge_points, dtype=tf.float32)[:, None] / edge_points
    corners = tf.constant([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    outline = corners[:, None] + part * (tf.roll(corners, -1, 0) - corners)[:, None]
    outline = tf.reshape(outline, [1, -1, 2])  # in units of the box
    points = boxes[:, None, :2] + outline * (boxes[:, None, 2:] - boxes[:, None, :2])  # [N, P, 2]
    points = tf.reshape(move(tf.reshape(points, [-1, 2])), [-1, 4 * edge_points, 2])
    return tf.concat([tf.reduce_min(points, 1), tf.reduce_max(points, 1)], axis=-1)
