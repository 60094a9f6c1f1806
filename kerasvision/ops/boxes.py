"""Boxes: formats, areas, overlaps, and how heads code them.

One internal format: `boxes_xyxy`, float32 [..., 4], x1, y1, x2, y2 in pixels, from the outer corner of the first pixel
(an image covers [0, W] x [0, H]). Every other format is converted where it comes in or goes out.

A box that is a point, a line or reversed (x2 < x1) has no area and overlaps nothing. It gives finite values and
gradients everywhere: what is divided by is at least a side of `MIN_SIDE_PX`, which float32 cannot resolve a few hundred
pixels from the origin, or its square. Coordinates up to 1e9 pixels are safe; what is not a number stays so, and
`is_proper` finds it.
"""

import math

import tensorflow as tf

MIN_SIDE_PX = 1e-4
_MIN_AREA = MIN_SIDE_PX**2
MAX_LOG_SCALE = math.log(1000.0 / 16.0)  # Girshick et al., Detectron 2018: a decoded side is at most 62.5 anchors
VARIANCES = (0.1, 0.1, 0.2, 0.2)


def from_cxcywh(boxes):
    """YOLO's x, y of the center, width, height -> xyxy."""
    half = boxes[..., 2:] / 2.0
    return tf.concat([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def to_cxcywh(boxes_xyxy):
    """xyxy -> x, y of the center, width, height."""
    low, high = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    return tf.concat([(low + high) / 2.0, high - low], -1)


def swap_xy(boxes):
    """xyxy -> TensorFlow's yxyx, and back."""
    return tf.gather(boxes, [1, 0, 3, 2], axis=-1)


def clip(boxes_xyxy, image_hw):
    """Boxes cut at the image's border. boxes_xyxy: [..., N, 4]; image_hw: [2], or [..., 2] one an image."""
    return tf.clip_by_value(boxes_xyxy, 0.0, _sides_of(image_hw))


def _sides_of(image_hw):
    hw = tf.cast(image_hw, tf.float32)
    return tf.gather(hw, [1, 0, 1, 0], axis=-1)[..., None, :]


def is_proper(boxes_xyxy, min_side_px=MIN_SIDE_PX):
    """bool [...]: all four coordinates are finite and both sides are at least `min_side_px`."""
    sides = boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]
    finite = tf.reduce_all(tf.math.is_finite(boxes_xyxy), -1)
    return finite & tf.reduce_all(sides >= min_side_px, -1)


def area(boxes_xyxy):
    """[..., 4] -> [...] square pixels; 0 where a side is reversed."""
    x1, y1, x2, y2 = tf.unstack(boxes_xyxy, axis=-1)
    return tf.maximum(x2 - x1, 0.0) * tf.maximum(y2 - y1, 0.0)


def intersection(a, b):
    """Shared square pixels. a, b: xyxy [..., 4] that broadcast -> [...]."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = tf.unstack(a, axis=-1), tf.unstack(b, axis=-1)
    width = tf.minimum(ax2, bx2) - tf.maximum(ax1, bx1)
    height = tf.minimum(ay2, by2) - tf.maximum(ay1, by1)
    return tf.maximum(width, 0.0) * tf.maximum(height, 0.0)


def iou(a, b):
    """Intersection over union in 0..1. a, b: xyxy [..., 4] that broadcast -> [...]."""
    return _iou_and_union(a, b)[0]


def _iou_and_union(a, b):
    shared = intersection(a, b)
    union = area(a) + area(b) - shared
    return shared / tf.maximum(union, _MIN_AREA), union


def coverage(a, b):
    """Part of `a` that lies in `b`, 0..1, as COCO measures crowds. a, b: xyxy [..., 4] that broadcast -> [...]."""
    return intersection(a, b) / tf.maximum(area(a), _MIN_AREA)


def giou(a, b):
    """Generalized IoU in -1..1: Rezatofighi et al. 2019, arXiv:1902.09630, algorithm 1. a, b: xyxy that broadcast."""
    overlap, union = _iou_and_union(a, b)
    width, height = _hull_sides(a, b)
    hull = width * height
    return overlap - (hull - union) / tf.maximum(hull, _MIN_AREA)


def diou(a, b):
    """Distance IoU in -1..1: Zheng et al. 2019, arXiv:1911.08287, equation 7. a, b: xyxy that broadcast."""
    return iou(a, b) - _center_distance(a, b)


def ciou(a, b):
    """Complete IoU: Zheng et al. 2019, arXiv:1911.08287, equations 8 to 11. a, b: xyxy that broadcast.

    The trade-off weight alpha takes no part in the gradient, as in the paper; sides are in pixels, so the gradient of v
    keeps its factor 1 / (w^2 + h^2).
    """
    overlap = iou(a, b)
    v = tf.square(_aspect_angle(a) - _aspect_angle(b)) * (4.0 / math.pi**2)  # equation 9
    alpha = tf.stop_gradient(v / tf.maximum(1.0 - overlap + v, 1e-7))  # equation 11
    return overlap - _center_distance(a, b) - alpha * v


def _hull_sides(a, b):
    """Of the smallest box around both; around a reversed box's corners too, so that it holds both centers."""
    a, b = _sorted(a), _sorted(b)
    return tuple(tf.maximum(a[i + 2], b[i + 2]) - tf.minimum(a[i], b[i]) for i in (0, 1))


def _sorted(boxes):
    x1, y1, x2, y2 = tf.unstack(boxes, axis=-1)
    return tf.minimum(x1, x2), tf.minimum(y1, y2), tf.maximum(x1, x2), tf.maximum(y1, y2)


def _center_distance(a, b):
    """Squared distance of the centers over the squared diagonal of the hull."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = tf.unstack(a, axis=-1), tf.unstack(b, axis=-1)
    width, height = _hull_sides(a, b)
    distance = tf.square(ax1 + ax2 - bx1 - bx2) + tf.square(ay1 + ay2 - by1 - by2)
    return distance / 4.0 / tf.maximum(tf.square(width) + tf.square(height), _MIN_AREA)


def _aspect_angle(boxes):
    """arctan(w / h); sides are at least MIN_SIDE_PX, for the angle of a point has no gradient."""
    x1, y1, x2, y2 = tf.unstack(boxes, axis=-1)
    return tf.atan(tf.maximum(x2 - x1, MIN_SIDE_PX) / tf.maximum(y2 - y1, MIN_SIDE_PX))


def pairwise(measure, a, b):
    """A measure of every pair. a: [..., N, 4]; b: [..., M, 4] -> [..., N, M]; leading axes broadcast."""
    return measure(a[..., :, None, :], b[..., None, :, :])


def pairwise_iou(a, b):
    """IoU of every pair. a: xyxy [..., N, 4]; b: xyxy [..., M, 4] -> [..., N, M]; leading axes broadcast."""
    return pairwise(iou, a, b)


def encode(boxes_xyxy, anchors_xyxy, variances=VARIANCES):
    """Boxes as offsets t from anchors: Girshick et al. 2013, arXiv:1311.2524, equations 6 to 9, over the variances.

    boxes_xyxy, anchors_xyxy: [..., 4] that broadcast -> t_x, t_y, t_w, t_h [..., 4]. Sides are at least MIN_SIDE_PX.
    """
    boxes, anchors = to_cxcywh(boxes_xyxy), to_cxcywh(anchors_xyxy)
    size = tf.maximum(anchors[..., 2:], MIN_SIDE_PX)
    shift = (boxes[..., :2] - anchors[..., :2]) / size
    scale = tf.math.log(tf.maximum(boxes[..., 2:], MIN_SIDE_PX) / size)
    return tf.concat([shift, scale], -1) / tf.constant(variances, tf.float32)


def decode(deltas, anchors_xyxy, variances=VARIANCES):
    """Offsets t to boxes: arXiv:1311.2524, equations 1 to 4. The inverse of `encode` up to sides of 62.5 anchors."""
    anchors = to_cxcywh(anchors_xyxy)
    deltas = deltas * tf.constant(variances, tf.float32)
    center = anchors[..., :2] + deltas[..., :2] * anchors[..., 2:]
    size = anchors[..., 2:] * tf.exp(tf.minimum(deltas[..., 2:], MAX_LOG_SCALE))
    return from_cxcywh(tf.concat([center, size], -1))


def to_distances(boxes_xyxy, points_xy):
    """Boxes as distances of a point to the left, top, right and bottom side (Tian et al. 2019, arXiv:1904.01355,
    equation 1). boxes_xyxy [..., 4], points_xy [..., 2], which broadcast -> [..., 4]; negative for a point outside.
    """
    return tf.concat([points_xy - boxes_xyxy[..., :2], boxes_xyxy[..., 2:] - points_xy], -1)


def from_distances(distances, points_xy):
    """Left, top, right, bottom distances of points -> xyxy: the inverse of `to_distances`."""
    return tf.concat([points_xy - distances[..., :2], points_xy + distances[..., 2:]], -1)


def expected_distances(logits):
    """Mean of a distribution over distances 0..n, in bins: Li et al. 2020, arXiv:2006.04388, equation 5.

    logits: [..., n + 1] -> [...].
    """
    bins = tf.range(logits.shape[-1], dtype=tf.float32)
    return tf.reduce_sum(tf.nn.softmax(logits) * bins, -1)
