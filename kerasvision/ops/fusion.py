"""Boxes of several detectors made one: weighted boxes fusion, in operators that SavedModel, TFLite and ONNX have.

"Weighted boxes fusion: Ensembling boxes from different object detection models" (Solovyev, Wang, Gabruseva 2021,
arXiv:1910.13302, section 3). Where suppression keeps the surest of several boxes, this averages them.
"""

import tensorflow as tf

from kerasvision.ops import boxes as box_ops
from kerasvision.ops.nms import detections

IOU = 0.55  # from the paper's section 4: close to the best for its data


def weighted_boxes(boxes_xyxy, scores, labels, models, most, iou_threshold=IOU):
    """Boxes of all models -> detections (`ops.nms`, without `index`), `most` of them.

    boxes_xyxy: [B, N, 4], in any pixels; scores: [B, N], 0..1, 0 where there is no box; labels: int [B, N]; models: how
    many detectors they are of. By falling score, a box joins the fused box of its label with which its IoU is largest,
    if that is above `iou_threshold`, or begins a new one. A fused box is the mean of its T boxes weighted by their
    scores; its score is their mean, times min(T, models) / models: what few models see is less sure.
    """
    scores, order = tf.math.top_k(scores, scores.shape[1])
    boxes, labels = (tf.gather(t, order, batch_dims=1) for t in (boxes_xyxy, labels))
    places = tf.range(scores.shape[1])[None]
    filled = tf.reduce_max(tf.reduce_sum(tf.cast(scores > 0.0, tf.int32), 1))

    def join(i, sums, weights, counts):
        """sums: of score times box [B, N, 4]; weights: of scores [B, N]; counts: of boxes [B, N], all by the place of
        the box that a fused one began with.
        """
        box, score, label = (tf.gather(t, i[None], axis=1) for t in (boxes, scores, labels))
        overlap = tf.where((weights > 0.0) & (labels == label), box_ops.iou(_mean(sums, weights), box), 0.0)
        joins = tf.reduce_max(overlap, 1, keepdims=True) > iou_threshold
        place = tf.where(joins, tf.argmax(overlap, 1, output_type=tf.int32)[:, None], i)
        share = tf.where(places == place, score, 0.0)
        return i + 1, sums + share[..., None] * box, weights + share, counts + tf.cast(share > 0.0, tf.float32)

    start = (tf.constant(0), tf.zeros_like(boxes), tf.zeros_like(scores), tf.zeros_like(scores))
    _, sums, weights, counts = tf.while_loop(lambda i, *_: i < filled, join, start)
    fused = weights / tf.maximum(counts, 1.0) * tf.minimum(counts, models) / models
    kept = min(most, scores.shape[1])
    index = tf.pad(tf.math.top_k(fused, kept)[1], [[0, 0], [0, most - kept]])
    count = tf.minimum(tf.reduce_sum(tf.cast(fused > 0.0, tf.int32), 1), kept)
    found = detections(_mean(sums, weights), fused, labels, index, count)
    return {key: value for key, value in found.items() if key != "index"}


def _mean(sums, weights):
    return sums / tf.where(weights > 0.0, weights, 1.0)[..., None]
