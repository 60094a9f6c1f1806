"""Losses of detection heads, float32: one value for each anchor; the last axis is summed or averaged, as said.

The detectors (`tasks/detection`) weight these and sum them to one value for each example, float32 [B].
"""

import tensorflow as tf

from kerasvision.ops import boxes as box_ops

_TINY = 1e-12
_OVERLAPS = {"iou": box_ops.iou, "giou": box_ops.giou, "diou": box_ops.diou, "ciou": box_ops.ciou}


def focal(targets, logits, alpha=0.25, gamma=2.0):
    """Sum over classes of -alpha_t (1 - p_t)^gamma log(p_t).

    "Focal Loss for Dense Object Detection" (Lin et al. 2017, arXiv:1708.02002, equation 5). targets, logits: [..., C]
    -> [...]. Targets are 0 or 1; between the two, 1 - p_t and alpha_t are interpolated. alpha: weight of targets of 1,
    and 1 - alpha that of 0; None: both weigh 1.
    """
    p = tf.sigmoid(logits)
    miss = p + targets - 2.0 * p * targets  # 1 - p_t
    loss = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits) * _power(miss, gamma)
    if alpha is not None:
        loss *= alpha * targets + (1.0 - alpha) * (1.0 - targets)
    return tf.reduce_sum(loss, -1)


def _power(base, exponent):
    """base^exponent of a base in 0..1, with a finite gradient at 0 whatever the exponent."""
    return tf.square(base) if exponent == 2.0 else tf.pow(tf.maximum(base, _TINY), exponent)


def smooth_l1(targets, predictions, beta=1.0):
    """Sum over the last axis of d^2 / (2 beta) below beta, |d| - beta / 2 above; beta = 0 is |d|.

    "Fast R-CNN" (Girshick 2015, arXiv:1504.08083, equation 3, where beta = 1). targets, predictions: [..., D] -> [...].
    """
    distance = tf.abs(targets - predictions)
    if beta == 0.0:
        return tf.reduce_sum(distance, -1)
    return tf.reduce_sum(tf.where(distance < beta, tf.square(distance) / (2.0 * beta), distance - beta / 2.0), -1)


def overlap(targets_xyxy, predictions_xyxy, kind="ciou"):
    """1 minus the overlap of each pair of boxes: xyxy [..., 4] in pixels -> [...], 0..2 (CIoU: up to 3).

    kind: "iou", "giou", "diou" or "ciou"; `ops.boxes` names the papers.
    """
    return 1.0 - _OVERLAPS[kind](predictions_xyxy, targets_xyxy)


def distribution_focal(targets, logits):
    """Mean over a box's sides of -((y_right - y) log S_left + (y - y_left) log S_right).

    "Generalized Focal Loss" (Li et al. 2020, arXiv:2006.04388, equation 6): the cross-entropy with y shared between
    the bins beside it. targets: distances in bins [..., 4], kept in 0..n; logits: of the bins 0..n [..., 4, n + 1]
    -> [...].
    """
    bins = tf.range(logits.shape[-1], dtype=tf.float32)
    y = tf.clip_by_value(targets, 0.0, logits.shape[-1] - 1.0)[..., None]
    shares = tf.maximum(1.0 - tf.abs(y - bins), 0.0)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(shares, logits), -1)
