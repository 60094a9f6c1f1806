"""Which anchor learns which truth: by overlap with fixed anchors, or by how well the head does at the moment.

Shapes: B images (any leading axes for `Matcher`, or none), A anchors or points, G truths, C classes. Truths are padded
to G, and `valid` bool [B, G] says which are real. An anchor without a truth has the index -1; `take` gives it zeros.
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import UsageError
from kerasvision.ops import boxes as box_ops


class Matches(typing.NamedTuple):
    """index: int32 [..., A], truth of each anchor, -1 without one. negative: bool [..., A], learns the background; an
    anchor that is neither matched nor negative takes no part. iou: float32 [..., A], with the best truth.
    """

    index: tf.Tensor
    negative: tf.Tensor
    iou: tf.Tensor

    @property
    def positive(self):
        """bool [..., A]: has a truth."""
        return self.index >= 0


class Assignment(typing.NamedTuple):
    """index: int32 [B, A], truth of each point, -1 without one. quality: float32 [B, A], the score that a point should
    give its truth's class, 0 without one.
    """

    index: tf.Tensor
    quality: tf.Tensor

    @property
    def positive(self):
        """bool [B, A]: has a truth."""
        return self.index >= 0


def take(values, index):
    """Rows of truths for anchors. values: [..., G, D] or [..., G]; index: int32 [..., A] -> [..., A, D] or [..., A].

    Where the index is -1 the row is zeros. G may be 0.
    """
    values = tf.convert_to_tensor(values)
    axis = index.shape.rank - 1
    pads = [[0, 0]] * axis + [[1, 0]] + [[0, 0]] * (values.shape.rank - axis - 1)
    return tf.gather(tf.pad(values, pads), index + 1, axis=axis, batch_dims=axis)


@plain("matcher")
@dataclasses.dataclass(frozen=True)
class Matcher(Component):
    """By the largest IoU: Ren et al. 2015, arXiv:1506.01497, section 3.1.2; Lin et al. 2017, arXiv:1708.02002,
    section 4; Liu et al. 2015, arXiv:1512.02325, section 2.2.

    An anchor takes the truth it overlaps most if their IoU is at least `positive_iou`. It is negative below
    `negative_iou`; between the two it is ignored, and so is a negative one that lies to `crowd_coverage` or more in a
    crowd. With `force_match`, each truth first takes the free anchor it overlaps most, the largest IoU of all choosing
    first, whatever the thresholds: touching or tiny truths all get one. A truth that overlaps no anchor gets none.

    Four anchors, two truths:

    >>> anchors = tf.constant([[0., 0, 10, 10], [0, 0, 10, 20], [30, 0, 40, 10], [80, 80, 90, 90]])
    >>> boxes = tf.constant([[0., 0, 10, 12], [34, 4, 37, 7]])
    >>> matches = Matcher(positive_iou=0.7, negative_iou=0.4)(anchors, boxes)
    >>> print(matches.iou.numpy().round(2))  # 100 / 120, 120 / 200, 9 / 100, nothing
    [0.83 0.6  0.09 0.  ]
    >>> matches.index.numpy().tolist()  # the third is forced: no other overlaps the small truth
    [0, -1, 1, -1]
    >>> matches.negative.numpy().tolist()  # the second is between 0.4 and 0.7
    [False, False, False, True]
    """

    positive_iou: float = 0.5
    negative_iou: float = 0.4
    force_match: bool = True
    crowd_coverage: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if not 0.0 <= self.negative_iou <= self.positive_iou <= 1.0 or self.positive_iou == 0.0:
            raise UsageError(
                f"Matcher: negative_iou={self.negative_iou} and positive_iou={self.positive_iou}; "
                "give 0 <= negative_iou <= positive_iou <= 1, and positive_iou above 0"
            )

    def __call__(self, anchors_xyxy, boxes_xyxy, valid=None, is_crowd=None):
        """anchors_xyxy: [A, 4]; boxes_xyxy: [..., G, 4], G may be 0; valid, is_crowd: bool [..., G] -> `Matches`."""
        boxes_xyxy = tf.convert_to_tensor(boxes_xyxy, tf.float32)
        leading = boxes_xyxy.shape.rank - 2
        real = tf.ones(tf.shape(boxes_xyxy)[:-1], bool) if valid is None else valid
        alone = real if is_crowd is None else real & ~is_crowd
        none = [[0, 0]] * leading + [[0, 1]]  # one truth more, that overlaps nothing: no axis is empty
        overlap = box_ops.pairwise_iou(anchors_xyxy, tf.pad(boxes_xyxy, [*none, [0, 0]]))
        overlap = tf.where(tf.pad(alone, none)[..., None, :], overlap, 0.0)  # [..., A, G + 1]
        best = tf.reduce_max(overlap, -1)
        index = tf.where(best >= self.positive_iou, tf.argmax(overlap, -1, output_type=tf.int32), -1)
        negative = best < self.negative_iou
        if self.force_match:
            forced = _choose_in_turn(overlap)
            index = tf.where(forced >= 0, forced, index)
        if is_crowd is not None:
            covered = box_ops.pairwise(box_ops.coverage, anchors_xyxy, boxes_xyxy)
            negative &= ~tf.reduce_any((covered >= self.crowd_coverage) & (real & is_crowd)[..., None, :], -1)
        return Matches(index, negative & (index < 0), best)


def _choose_in_turn(overlap):
    """Greedy bipartite matching: the largest overlap of all takes its anchor, and so on while any is above 0.

    overlap: [..., A, G] -> truth of each anchor that was chosen, int32 [..., A], else -1. Of a truth only the best G
    anchors can matter, since the others take at most G - 1.
    """
    shape = tf.shape(overlap)
    anchors, ground_truths = shape[-2], shape[-1]
    width = tf.minimum(anchors, ground_truths)
    by_ground_truth = tf.reshape(tf.linalg.matrix_transpose(overlap), [-1, ground_truths, anchors])
    left, places = tf.math.top_k(by_ground_truth, width)  # [B, G, width]
    rows = tf.range(ground_truths)[None, :, None]
    invariant = left.shape  # a loop in a graph wants its variables to keep theirs

    def choose(left, partner):
        flat = tf.reshape(left, [-1, ground_truths * width])
        first = tf.argmax(flat, -1, output_type=tf.int32)
        row = first // width
        anchor = tf.gather(tf.reshape(places, [-1, ground_truths * width]), first, batch_dims=1)
        found = tf.reduce_max(flat, -1) > 0.0
        anchor = tf.where(found, anchor, -1)
        partner = tf.where((rows[..., 0] == row[:, None]) & found[:, None], anchor[:, None], partner)
        partner = tf.ensure_shape(partner, invariant[:2])
        gone = (rows == row[:, None, None]) | (places == anchor[:, None, None])
        return tf.ensure_shape(tf.where(gone & found[:, None, None], 0.0, left), invariant), partner

    partner = tf.ensure_shape(tf.fill(tf.shape(left)[:2], -1), invariant[:2])
    _, partner = tf.while_loop(lambda left, _: tf.reduce_any(left > 0.0), choose, (left, partner))
    chosen = partner[:, None, :] == tf.range(anchors)[None, :, None]  # [B, A, G]
    index = tf.where(tf.reduce_any(chosen, -1), tf.argmax(chosen, -1, output_type=tf.int32), -1)
    return tf.ensure_shape(tf.reshape(index, shape[:-1]), overlap.shape[:-1])


@plain("task_aligned")
@dataclasses.dataclass(frozen=True)
class TaskAligned(Component):
    """By what the head predicts: "TOOD: Task-aligned One-stage Object Detection" (Feng et al. 2021, arXiv:2108.07755,
    section 3.2), with the numbers of YOLOv8 (Jocher et al. 2023); the paper has top_k=13, alpha=1, overlap="iou".

    Alignment of a point and a truth: t = s^alpha u^beta, s the score of the truth's class and u the overlap of the
    predicted box. Of the points inside a truth's box the `top_k` best learn it; a point that several want learns the
    one its box overlaps most. The score to learn is t, scaled so that a truth's largest is its largest overlap.

    A box too small to hold a point would learn nothing: it takes the point nearest to its center.
    """

    top_k: int = 10
    alpha: float = 0.5
    beta: float = 6.0
    overlap: typing.Literal["iou", "ciou"] = "ciou"

    def __post_init__(self):
        super().__post_init__()
        if self.top_k < 1 or self.alpha < 0.0 or self.beta < 0.0:
            raise UsageError(
                f"TaskAligned: top_k={self.top_k}, alpha={self.alpha}, beta={self.beta}; "
                "give a top_k of at least 1, and exponents of at least 0"
            )

    def __call__(self, scores, predicted_xyxy, points_xy, boxes_xyxy, labels, valid):
        """scores: probabilities [B, A, C]; predicted_xyxy: [B, A, 4]; points_xy: [A, 2]; boxes_xyxy: [B, G, 4];
        labels: int [B, G]; valid: bool [B, G] -> `Assignment`. No gradient flows through it. G is at least 1.
        """
        scores, predicted_xyxy = tf.stop_gradient(scores), tf.stop_gradient(predicted_xyxy)
        inside = _inside(points_xy, boxes_xyxy) & valid[..., None]  # [B, G, A]
        measure = box_ops.ciou if self.overlap == "ciou" else box_ops.iou
        overlap = tf.maximum(box_ops.pairwise(measure, boxes_xyxy, predicted_xyxy), 0.0)
        own = tf.gather(tf.linalg.matrix_transpose(scores), tf.maximum(labels, 0), batch_dims=1)  # [B, G, A]
        alignment = tf.pow(own, self.alpha) * tf.pow(overlap, self.beta)
        wanted = _best(tf.where(inside, alignment, -1.0), self.top_k) & inside
        contest = tf.where(wanted, overlap, -1.0)
        winner = tf.argmax(contest, 1, output_type=tf.int32)  # [B, A]
        index = tf.where(tf.reduce_any(wanted, 1), winner, -1)
        held = wanted & (index[:, None] == tf.range(tf.shape(boxes_xyxy)[1])[None, :, None])
        return Assignment(index, _quality(alignment, overlap, held))


def _inside(points_xy, boxes_xyxy):
    """bool [B, G, A]: the point is inside of the box, or the nearest to the center of a box that holds none."""
    x1, y1, x2, y2 = tf.unstack(boxes_xyxy[:, :, None], axis=-1)  # [B, G, 1]
    x, y = points_xy[:, 0], points_xy[:, 1]
    inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    apart = tf.square((x1 + x2) / 2.0 - x) + tf.square((y1 + y2) / 2.0 - y)
    nearest = tf.argmin(apart, -1, output_type=tf.int32)[..., None] == tf.range(tf.shape(points_xy)[0])
    return inside | (nearest & ~tf.reduce_any(inside, -1, keepdims=True))


def _best(values, count):
    """bool [B, G, A]: among the `count` largest of its row; of equal ones the first."""
    batch, ground_truths, points = tf.unstack(tf.shape(values))
    places = tf.math.top_k(values, tf.minimum(count, points)).indices
    rows = tf.broadcast_to(tf.range(batch * ground_truths)[:, None], [batch * ground_truths, tf.shape(places)[-1]])
    at = tf.stack([tf.reshape(rows, [-1]), tf.reshape(places, [-1])], -1)
    marked = tf.scatter_nd(at, tf.ones(tf.shape(at)[:1], tf.int32), [batch * ground_truths, points])
    return tf.reshape(marked, [batch, ground_truths, points]) > 0


def _quality(alignment, overlap, held):
    """t of each point that holds a truth, times the truth's largest overlap over its largest t. -> [B, A]"""
    mine = tf.where(held, alignment, 0.0)
    most = tf.reduce_max(mine, -1, keepdims=True)
    widest = tf.reduce_max(tf.where(held, overlap, 0.0), -1, keepdims=True)
    scaled = tf.where(most > 0.0, mine / tf.where(most > 0.0, most, 1.0), 0.0) * widest
    return tf.reduce_max(scaled, 1)
