"""What two-stage detectors share: the region proposal network, the box head, their losses and decoding.

"Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks" (Ren, He, Girshick, Sun 2015,
arXiv:1506.01497) on a feature pyramid (Lin et al. 2016, arXiv:1612.03144, sections 4.1 and 4.2).

Differs from the papers: the heads see a fixed number of proposals, in training too, and truths are not added to them;
no anchors or proposals are drawn at random: all count, positives with the largest share that the papers' samples give
them, so that a loss is a function of its example; box losses are means over positives, with weights of their own in
place of the papers' counts; boxes are moved alike for all classes.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import necks
from kerasvision.layers.regions import Proposals, RegionFeatures
from kerasvision.losses.detection import smooth_l1
from kerasvision.necks.base import Neck
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.anchors import Anchors
from kerasvision.ops.matching import Matcher, take
from kerasvision.tasks.detection.task import Detection, anchor_rows, padded_ground_truth, without_padding

RPN_SHARE, BOX_SHARE = 0.5, 0.25  # of positives: arXiv:1506.01497, section 3.1.3; arXiv:1504.08083, section 2.3


def _anchors():
    return Anchors(strides=(8, 16, 32, 64), sizes=((32.0,), (64.0,), (128.0,), (256.0,)))


@dataclasses.dataclass(frozen=True)
class TwoStage(Detection):
    """Abstract. Raw: `objectness` logits [B, A, 1] and `rpn_deltas` [B, A, 4] of anchors; `proposals_xyxy` [B, R, 4];
    `classes` logits [B, R, 1 + K], background first, and `deltas` [B, R, 4] of proposals. Targets: the padded truth.

    The anchors' defaults fit images of about 320 px; `kerasvision data anchors` fits them to data. proposals: R, and so
    the most that can be found. proposal_candidates, proposal_iou: anchors that go into suppression, and its threshold.
    region_side: of the features of a region. head_width: of the two dense layers. rpn_box_weight, box_weight: of the
    box losses. max_objects: most in one example.
    """

    neck: Neck = dataclasses.field(default_factory=lambda: necks["fpn"](width=96, first=3, last=6, coarse="pool"))
    anchors: Anchors = dataclasses.field(default_factory=_anchors)
    rpn_matcher: Matcher = Matcher(positive_iou=0.7, negative_iou=0.3)
    matcher: Matcher = Matcher(positive_iou=0.5, negative_iou=0.5, force_match=False)
    proposals: int = 64
    proposal_candidates: int = 500
    proposal_iou: float = 0.7
    region_side: int = 7
    head_width: int = 256
    rpn_box_weight: float = 1.0
    box_weight: float = 1.0
    max_objects: int = 100

    def graph_parts(self):
        """(image input, pyramid, raw of both stages) as Keras tensors."""
        self.require_classes()
        self.require_strides(self.anchors.strides, self.neck.first, self.neck.last)
        image = keras.Input((*self.image_size, 3), name="image")
        pyramid = self.neck(self.backbone(image))
        raw = self._rpn(pyramid)
        proposals = Proposals(
            self.anchors,
            self.image_size,
            self.proposals,
            self.proposal_candidates,
            self.proposal_iou,
            name="proposals_xyxy",
        )([raw["objectness"], raw["rpn_deltas"]])
        x = RegionFeatures(self.neck.first, self.region_side, name="box_features")([proposals, *pyramid.values()])
        x = keras.layers.Reshape((self.proposals, self.region_side**2 * self.neck.width), name="box_rows")(x)
        for number in range(2):
            x = keras.layers.Dense(self.head_width, "relu", name=f"box_dense{number}")(x)
        raw["proposals_xyxy"] = proposals
        raw["classes"] = keras.layers.Dense(1 + self.num_classes, name="classes")(x)
        raw["deltas"] = keras.layers.Dense(4, kernel_initializer=_small(), name="deltas")(x)
        return image, pyramid, raw

    def _rpn(self, pyramid):
        """One 3x3 convolution, then objectness and deltas, the same for all levels."""
        width = self.neck.width
        shared = keras.layers.Conv2D(width, 3, padding="same", activation="relu", name="rpn_conv")
        hidden = {level: shared(x) for level, x in pyramid.items()}
        raw = {}
        for name, size in (("objectness", 1), ("rpn_deltas", 4)):
            raw[name] = anchor_rows(hidden, self.anchors.per_cell, size, _pointwise, name)
        return raw

    def encode_boxes(self, sample):
        """The padded truth of one sample."""
        return padded_ground_truth(sample, self.max_objects)

    def box_losses(self, targets, raw):
        """Losses of both stages, name -> [B]: arXiv:1506.01497, equation 1, and arXiv:1504.08083, equation 1."""
        targets, anchors = without_padding(targets), tf.constant(self.anchors(self.image_size))
        matches = self._match(self.rpn_matcher, anchors, targets)
        objectness = tf.nn.sigmoid_cross_entropy_with_logits(
            tf.cast(matches.positive, tf.float32), raw["objectness"][..., 0]
        )
        deltas = box_ops.encode(take(targets["boxes_xyxy"], matches.index), anchors)
        rpn_boxes = smooth_l1(deltas, raw["rpn_deltas"], beta=1.0 / 9.0)
        proposals = raw["proposals_xyxy"]
        regions = self._match(self.matcher, proposals, targets)
        labels = tf.where(regions.positive, 1 + take(targets["labels"], regions.index), 0)
        classes = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, raw["classes"])
        deltas = box_ops.encode(take(targets["boxes_xyxy"], regions.index), proposals)
        boxes = smooth_l1(deltas, raw["deltas"])
        real = box_ops.is_proper(proposals)
        return {
            "objectness": _balanced(objectness, matches.positive, matches.negative, RPN_SHARE),
            "rpn_boxes": self.rpn_box_weight * _mean(rpn_boxes, matches.positive),
            "classes": _balanced(classes, regions.positive, regions.negative & real, BOX_SHARE),
            "boxes": self.box_weight * _mean(boxes, regions.positive),
        }

    def _match(self, matcher, boxes_xyxy, targets):
        return matcher(boxes_xyxy, targets["boxes_xyxy"], targets["valid"], targets["is_crowd"])

    def match_regions(self, boxes_xyxy, targets):
        """`Matches` of regions [B, R, 4] that the second stage looks at."""
        return self._match(self.matcher, boxes_xyxy, targets)

    def candidates(self, raw):
        """Where there were fewer proposals the boxes are zeros, and score 0."""
        proposals = raw["proposals_xyxy"]
        real = tf.cast(box_ops.is_proper(proposals), tf.float32)[..., None]
        return box_ops.decode(raw["deltas"], proposals), tf.nn.softmax(raw["classes"])[..., 1:] * real

    def ideal_boxes(self, targets):
        """Raw of both stages whose proposals are the truths, each shifted by a hundredth of its sides."""
        room = self.proposals - self.max_objects
        keep = min(self.proposals, self.max_objects)
        ground_truth = tf.pad(targets["boxes_xyxy"][:, :keep], [[0, 0], [0, max(0, room)], [0, 0]])
        boxes = ground_truth + 0.01 * tf.tile(ground_truth[..., 2:] - ground_truth[..., :2], [1, 1, 2])
        valid = tf.pad(targets["valid"][:, :keep], [[0, 0], [0, max(0, room)]])
        labels = tf.pad(targets["labels"][:, :keep], [[0, 0], [0, max(0, room)]])
        classes = tf.one_hot(tf.where(valid, 1 + labels, 0), 1 + self.num_classes)
        anchors = tf.constant(self.anchors(self.image_size))
        matches = self._match(self.rpn_matcher, anchors, targets)
        return {
            "objectness": tf.where(matches.positive, 20.0, -20.0)[..., None],
            "rpn_deltas": box_ops.encode(take(targets["boxes_xyxy"], matches.index), anchors),
            "proposals_xyxy": boxes,
            "classes": 40.0 * classes - 20.0,
            "deltas": tf.where(valid[..., None], box_ops.encode(ground_truth, boxes), 0.0),
        }


def _pointwise(channels, name):
    return keras.layers.Conv2D(channels, 1, kernel_initializer=_small(), name=name)


def _small():
    return keras.initializers.RandomNormal(stddev=0.01)


def _mean(values, chosen):
    """[B, N] -> [B]; 0 where nothing was chosen."""
    count = tf.reduce_sum(tf.cast(chosen, tf.float32), 1)
    return tf.reduce_sum(tf.where(chosen, values, 0.0), 1) / tf.maximum(count, 1.0)


def _balanced(values, positive, negative, share):
    """[B, N] -> [B]: `share` of the mean over positives and the rest of that over negatives; without positives all."""
    some = tf.reduce_any(positive, 1)
    return tf.where(some, share, 0.0) * _mean(values, positive) + tf.where(some, 1.0 - share, 1.0) * _mean(
        values, negative
    )
