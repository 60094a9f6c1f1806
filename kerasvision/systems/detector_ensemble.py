"""Several trained detectors as one model, their boxes fused inside of it: one flat graph for every exporter.

wbf: weighted boxes fusion (arXiv:1910.13302, `ops.fusion`) of what each member finds after its own suppression. nms,
soft_nms: one suppression of all members' candidates together, plain or by falling scores (arXiv:1704.04503).
"""

import dataclasses
import typing

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import systems
from kerasvision.ops import boxes as box_ops
from kerasvision.ops import geometry as geo
from kerasvision.ops.fusion import IOU, weighted_boxes
from kerasvision.systems.delegation import delegating
from kerasvision.systems.members import OWN, Members, prefix

Fuse = typing.Literal["wbf", "nms", "soft_nms"]
SOFT_SIGMA = 0.5  # of soft_nms where the first member's suppression has none: arXiv:1704.04503, section 4


@systems.register("detector_ensemble")
@delegating("_first", own=(*OWN, "predict"))  # which asks for `decode`
@dataclasses.dataclass(frozen=True)
class DetectorEnsemble(Members):
    """Final. An architecture made of detectors, whatever their kinds and anchors. Preprocessing, evaluation and the
    number of detections are its first member's, and so are the thresholds of `nms` and `soft_nms`.

    fuse: how boxes become one. iou_threshold: above which `wbf` takes two boxes for one, more than 0, to 1.
    """

    fuse: Fuse = "wbf"
    iou_threshold: float = IOU

    ways: typing.ClassVar[tuple[str, ...]] = typing.get_args(Fuse)
    mixes_logits: typing.ClassVar[bool] = False
    class_logits: typing.ClassVar[dict[str, str]] = {}

    def __post_init__(self):
        super().__post_init__()
        if not 0.0 < self.iou_threshold <= 1.0:
            raise UsageError(f"detector_ensemble.iou_threshold={self.iou_threshold:g}; allowed: above 0, to 1")

    @staticmethod
    def check_kind(member):
        if member.name != "detection":  # a mask goes with one box, and is none of several
            raise KerasVisionError(f"detector_ensemble fuses boxes of detectors; {member.registered_name} is none")

    @property
    def _first(self):
        """The first member, which suppresses as the ensemble does."""
        first, sigma = self.members[0], {"nms": 0.0, "soft_nms": self.members[0].suppression.soft_sigma or SOFT_SIGMA}
        if self.fuse == "wbf":
            return first
        return dataclasses.replace(
            first, suppression=dataclasses.replace(first.suppression, soft_sigma=sigma[self.fuse])
        )

    @property
    def image_size(self):
        """(h, w) of every member's graph, in pixels."""
        return self._first.image_size

    @property
    def suppression(self):
        """Of all members' candidates; `wbf` has none."""
        if self.fuse == "wbf":
            raise KerasVisionError(
                "detector_ensemble with fuse='wbf' averages boxes and suppresses none; an exporter that brings its own "
                "suppression takes fuse='nms' (kerasvision ensemble --combine nms)"
            )
        return self._first.suppression

    def build(self):
        inputs, raws = self.side_by_side()
        named = {prefix(n) + key: tensor for n, raw in enumerate(raws) for key, tensor in raw.items()}
        return keras.Model(inputs, named, name="ensemble")

    def _by_member(self, raw):
        """[(member, its own raw outputs)]."""
        return [
            (member, {k.removeprefix(prefix(n)): v for k, v in raw.items() if k.startswith(prefix(n))})
            for n, member in enumerate(self.members)
        ]

    def candidates(self, raw):
        """Boxes [B, A, 4] in graph pixels and scores 0..1 [B, A, K] of all members, before suppression."""
        boxes, scores = zip(*(member.candidates(own) for member, own in self._by_member(raw)), strict=True)
        return tf.concat(boxes, 1), tf.concat(scores, 1)

    def decode(self, raw, geometry):
        if self.fuse != "wbf":
            return self._first.found(*self.candidates(raw), geometry)[0]
        return self._fused(raw, geometry, self._first.suppression.max_detections)

    def judged(self, raw, geometry):
        """As a detector's; of `wbf` with every fused box, those beyond the last place too."""
        if self.fuse != "wbf":
            return self.decode(raw, geometry) | self._first.chosen_from(*self.candidates(raw), geometry)
        every = self._fused(raw, geometry, sum(member.suppression.max_detections for member in self.members))
        names = {"candidates_xyxy": "boxes_xyxy", "candidate_scores": "scores", "candidate_labels": "labels"}
        return self.decode(raw, geometry) | {name: every[key] for name, key in names.items()}

    def _fused(self, raw, geometry, most):
        """`most` boxes of weighted boxes fusion, in pixels of the original image."""
        # in graph pixels, as files of the graph's size do: overlaps after a cut at the picture's border are others
        count = tf.shape(next(iter(raw.values())))[0]
        here = geo.identity(tf.tile([list(self.image_size)], [count, 1]))
        found = [member.decode(own, here) for member, own in self._by_member(raw)]
        boxes, scores, labels = (tf.concat([f[k] for f in found], 1) for k in ("boxes_xyxy", "scores", "labels"))
        fused = weighted_boxes(boxes, scores, labels, len(self.members), most, self.iou_threshold)
        original = box_ops.clip(geo.restore_boxes(fused["boxes_xyxy"], geometry), geometry["image_hw"])
        real = (fused["labels"] >= 0)[..., None]
        return fused | {"boxes_xyxy": tf.where(real, original, 0.0)}

    def targets(self):
        raise KerasVisionError(
            f"a box of {self.registered_name} is made of several members' boxes; explain the run of a member"
        )
