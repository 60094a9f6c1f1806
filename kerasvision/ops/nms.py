"""Non-maximum suppression with static shapes: one answer from SavedModel, TFLite (builtin operators) and ONNX.

Shapes: B images, N candidates, A anchors, C classes, D detections. Detections are a dict, padded to D and by falling
score: `boxes_xyxy` float32 [B, D, 4], `scores` float32 [B, D], `labels` int32 [B, D], `count` int32 [B]; beyond the
count boxes and scores are 0 and labels -1. `index` int32 [B, D] says which candidate each is (0 beyond the count).

A candidate counts if its score is at least the threshold and above 0. One falls if its IoU with a better one that stays
is above (not at) the threshold; of equal scores the first is better.
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import UsageError
from kerasvision.ops import boxes as box_ops

_COLUMNS = 16  # of the grid that labels are moved apart on
_LEAST_SCORE = 1e-30
_PLAINLY = (1.0, 1.0, 1.0, 1.0)  # variances


@plain("suppression")
@dataclasses.dataclass(frozen=True)
class Suppression(Component):
    """What counts and what falls. class_aware: only candidates of the same label suppress each other; else all do.

    soft_sigma: above 0, overlapping candidates lose score and stay, for crowds: Bodla et al. 2017, arXiv:1704.04503
    has 0.5. `iou_threshold` is then unused.
    """

    iou_threshold: float = 0.5
    score_threshold: float = 0.05
    max_detections: int = 100
    class_aware: bool = True
    soft_sigma: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not (0.0 < self.iou_threshold <= 1.0 and 0.0 <= self.score_threshold <= 1.0):
            raise UsageError(
                f"Suppression: iou_threshold={self.iou_threshold}, score_threshold={self.score_threshold}; "
                "give a share above 0 and up to 1, and a score from 0 to 1"
            )
        if self.max_detections < 1 or self.soft_sigma < 0.0:
            raise UsageError(
                f"Suppression: max_detections={self.max_detections}, soft_sigma={self.soft_sigma}; "
                "give at least 1 detection, and a sigma of 0 (hard) or above"
            )


def top_candidates(boxes_xyxy, scores, most, score_threshold=0.0):
    """The best pairs of anchor and class. boxes_xyxy: [B, A, 4]; scores: [B, A, C], 0..1.

    Returns boxes_xyxy [B, N, 4], scores [B, N], labels int32 [B, N] and the anchor of each, int32 [B, N], by falling
    score; N is `most`, or A * C if that is less. Scores that do not count are 0.
    """
    anchors, classes = scores.shape[1:]
    flat = tf.reshape(_counting(scores, score_threshold), [-1, anchors * classes])
    best, pair = tf.math.top_k(flat, min(most, anchors * classes))
    anchor = pair // classes
    return tf.gather(boxes_xyxy, anchor, batch_dims=1), best, pair % classes, anchor


def nms(boxes_xyxy, scores, labels, rule):
    """boxes_xyxy: [B, N, 4]; scores: [B, N], 0..1; labels: int [B, N], classes or pyramid levels -> detections.

    Labels are kept apart by moving boxes, which costs precision: with C labels a coordinate is rounded like one that is
    min(C, 16) times as large.

    A box without area, such as one beside the picture that was cut at its border, is no detection. TFLite's operator
    would give it again and again, until all places are taken.
    """
    scores = with_area(boxes_xyxy, _counting(scores, rule.score_threshold))
    if rule.soft_sigma:
        return _soft(boxes_xyxy, scores, labels, rule)
    apart = _move_apart(boxes_xyxy, scores, labels) if rule.class_aware else boxes_xyxy
    scores = with_area(apart, scores)  # as the operator sees it, whose coordinates are rounded otherwise
    specs = (tf.TensorSpec([rule.max_detections], tf.int32), tf.TensorSpec([], tf.int32))
    if scores.shape[0] == 1:  # as TFLite has it: no loop
        index, count = (t[None] for t in _suppress(apart[0], scores[0], rule))
    else:
        index, count = tf.map_fn(lambda one: _suppress(*one, rule), (apart, scores), fn_output_signature=specs)
    return detections(boxes_xyxy, scores, labels, index, count)


def with_area(boxes_xyxy, scores):
    """Scores [..., N], 0 where a box [..., N, 4] has a side that is not longer than 0."""
    return tf.where(tf.reduce_all(boxes_xyxy[..., 2:] > boxes_xyxy[..., :2], -1), scores, 0.0)


def _counting(scores, threshold):
    """Scores, 0 where below the threshold or not a number."""
    return tf.where(scores >= threshold, scores, 0.0)


def _move_apart(boxes_xyxy, scores, labels):
    """Boxes in which only those of one label can overlap: each label has its own cell of a grid."""
    boxes = tf.where(scores[..., None] > 0.0, boxes_xyxy, 0.0)
    low, high = (f(boxes, axis=[1, 2], keepdims=True) for f in (tf.reduce_min, tf.reduce_max))
    column, row = labels % _COLUMNS, labels // _COLUMNS
    cell = tf.cast(tf.stack([column, row, column, row], -1), tf.float32)
    return boxes + cell * (high - low + 1.0)


def _suppress(boxes, scores, rule):
    """One image. boxes: [N, 4]; scores: [N], 0 where they do not count -> index int32 [D], count int32."""
    index, count = tf.raw_ops.NonMaxSuppressionV4(
        boxes=boxes,
        scores=scores,
        max_output_size=rule.max_detections,
        iou_threshold=rule.iou_threshold,
        score_threshold=0.0,
        pad_to_max_output_size=True,
    )
    return index, count


def _soft(boxes_xyxy, scores, labels, rule):
    """Soft-NMS, Bodla et al. 2017, arXiv:1704.04503, figure 2 with the Gaussian of section 3.

    The best candidate is taken, every other that it may suppress has its score multiplied by exp(-IoU^2 / sigma), those
    below the threshold go; and again. A loop of D steps, in operators that every format has.
    """
    most = min(rule.max_detections, scores.shape[1])
    places = tf.range(scores.shape[1])[None]

    def take_best(live, taken):
        best = tf.argmax(live, 1, output_type=tf.int32)[:, None]
        overlap = box_ops.iou(boxes_xyxy, tf.gather(boxes_xyxy, best, batch_dims=1))
        decay = tf.exp(-tf.square(overlap) / rule.soft_sigma)
        if rule.class_aware:
            decay = tf.where(labels == tf.gather(labels, best, batch_dims=1), decay, 1.0)
        chosen = places == best
        left = tf.where(chosen, 0.0, live * decay)
        return _counting(left, rule.score_threshold), tf.where(chosen & (live > 0.0), live, taken)

    _, taken = tf.while_loop(lambda *_: True, take_best, (scores, tf.zeros_like(scores)), maximum_iterations=most)
    final, index = tf.math.top_k(taken, most)  # they were taken in falling order
    index = tf.pad(index, [[0, 0], [0, rule.max_detections - most]])
    return detections(boxes_xyxy, taken, labels, index, tf.reduce_sum(tf.cast(final > 0.0, tf.int32), 1))


def detections(boxes_xyxy, scores, labels, index, count):
    """The candidates that `index` [B, D] names as detections; those from `count` [B] on are padding."""
    real = tf.range(index.shape[1])[None] < count[:, None]
    return {
        "boxes_xyxy": tf.where(real[..., None], tf.gather(boxes_xyxy, index, batch_dims=1), 0.0),
        "scores": tf.where(real, tf.gather(scores, index, batch_dims=1), 0.0),
        "labels": tf.where(real, tf.gather(tf.cast(labels, tf.int32), index, batch_dims=1), -1),
        "count": count,
        "index": tf.where(real, index, 0),
    }


def tflite_boxes(boxes_xyxy, scores, image_hw, rule):
    """`tflite_detections` for heads without anchors. boxes_xyxy: [B, A, 4] pixels of the graph; sides become at least
    `ops.boxes.MIN_SIDE_PX`.
    """
    deltas, anchors = _from_whole(boxes_xyxy, image_hw)
    return tflite_detections(deltas, scores, anchors, image_hw, rule, _PLAINLY)


def _from_whole(boxes_xyxy, image_hw):
    """Boxes as offsets from anchors that are the whole image: (deltas [B, A, 4], anchors_xyxy [A, 4])."""
    whole = np.array([0.0, 0.0, image_hw[1], image_hw[0]], np.float32)
    anchors = np.tile(whole, [boxes_xyxy.shape[1], 1])
    return box_ops.encode(boxes_xyxy, anchors, _PLAINLY), anchors


def tflite_detections(deltas, scores, anchors_xyxy, image_hw, rule, variances=box_ops.VARIANCES):
    """Decoding and suppression as one operator: `TFLite_Detection_PostProcess` in TFLite (batch 1, converted with
    `allow_custom_ops`), TensorFlow operators that compute the same elsewhere.

    deltas: t_x, t_y, t_w, t_h [B, A, 4] (`ops.boxes.decode`); scores: 0..1 [B, A, C]; anchors_xyxy: numpy [A, 4] in
    pixels; image_hw: of the graph. If the rule is class-aware every box may be found with every class, else each with
    its best. Returns the operator's own four outputs: y1, x1, y2, x2 in parts of the image's sides [B, D, 4], not
    clipped to the image, labels [B, D], scores [B, D] and count [B], all float32; beyond the count they mean nothing.
    """
    if rule.soft_sigma:
        raise UsageError(
            f"TFLite_Detection_PostProcess cannot do soft_sigma={rule.soft_sigma}; set soft_sigma=0, or decode with nms"
        )
    x1, y1, x2, y2 = (np.asarray(anchors_xyxy, np.float64) / (list(image_hw[::-1]) * 2)).T
    anchors = np.stack([(y1 + y2) / 2, (x1 + x2) / 2, y2 - y1, x2 - x1], -1).astype(np.float32)
    limit = np.array([box_ops.MAX_LOG_SCALE / v for v in variances[2:]], np.float32)  # the operator itself has none
    deltas = tf.concat([deltas[..., :2], tf.minimum(deltas[..., 2:], limit)], -1)
    operator = _operator(scores.shape[2], tuple(variances), rule)
    return operator(box_ops.swap_xy(deltas), scores, tf.constant(anchors))


@functools.lru_cache(maxsize=64)
def _operator(classes, variances, rule):
    """A tf.function that the TFLite converter replaces by its operator, and everything else runs as it stands here.

    Follows tensorflow/lite/kernels/detection_postprocess.cc: its regular suppression if class-aware, else its fast one.
    """
    rule = dataclasses.replace(rule, score_threshold=max(rule.score_threshold, _LEAST_SCORE))
    scale_yxhw = [variances[i] for i in (1, 0, 3, 2)]

    def postprocess(encodings, scores, anchors):
        scaled = encodings * tf.constant(scale_yxhw)
        center = anchors[:, :2] + scaled[..., :2] * anchors[:, 2:]
        boxes = box_ops.from_cxcywh(tf.concat([center, anchors[:, 2:] * tf.exp(scaled[..., 2:])], -1))
        if rule.class_aware:
            found = _every_class(boxes, _counting(scores, rule.score_threshold), rule)
        else:
            labels = tf.argmax(scores, -1, output_type=tf.int32)
            found = nms(boxes, tf.reduce_max(scores, -1), labels, rule)
        labels, count = tf.cast(found["labels"], tf.float32), tf.cast(found["count"], tf.float32)
        return found["boxes_xyxy"], labels, found["scores"], count

    values = {
        "max_detections": f"i: {rule.max_detections}",
        "max_classes_per_detection": "i: 1",
        "detections_per_class": f"i: {rule.max_detections}",
        "use_regular_nms": f"b: {str(rule.class_aware).lower()}",
        "nms_score_threshold": f"f: {rule.score_threshold!r}",
        "nms_iou_threshold": f"f: {rule.iou_threshold!r}",
        "num_classes": f"i: {classes}",
    }
    values |= {f"{side}_scale": f"f: {1.0 / v!r}" for side, v in zip("yxhw", scale_yxhw, strict=True)}
    attributes = " ".join(f'attr {{ key: "{k}" value {{ {v} }} }}' for k, v in values.items())
    implements = f'name: "TFLite_Detection_PostProcess" {attributes}'
    return tf.function(postprocess, autograph=False, experimental_implements=implements)


def _every_class(boxes, scores, rule):
    """Suppression within each class, then the best of all. boxes: [B, A, 4]; scores: [B, A, C]."""
    (anchors, classes), most = scores.shape[1:], rule.max_detections
    by_class = tf.reshape(tf.transpose(scores, [0, 2, 1]), [-1, anchors])  # [B * C, A]
    image = tf.range(tf.shape(by_class)[0]) // classes

    def suppress(one):
        index, count = _suppress(tf.gather(boxes, one[0]), one[1], rule)
        return index, tf.where(tf.range(most) < count, tf.gather(one[1], index), 0.0)

    specs = (tf.TensorSpec([most], tf.int32), tf.TensorSpec([most], tf.float32))
    found = tf.map_fn(suppress, (image, by_class), fn_output_signature=specs)
    index, kept = (tf.reshape(t, [-1, classes * most]) for t in found)
    best, place = tf.math.top_k(kept, most)
    labels = tf.tile(tf.repeat(tf.range(classes), most)[None], [tf.shape(kept)[0], 1])
    count = tf.reduce_sum(tf.cast(best > 0.0, tf.int32), 1)
    return detections(tf.gather(boxes, index, batch_dims=1), kept, labels, place, count)
