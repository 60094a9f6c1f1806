"""Mask R-CNN: "Mask R-CNN" (He, Gkioxari, Dollar, Girshick 2017, arXiv:1703.06870) on a feature pyramid.

Differs from the paper: the mask branch looks at the moved boxes in training too, as it does at test time, since boxes
are moved alike for all classes; its transposed convolution of stride 2 and kernel 2 is written as the dense layer and
the rearrangement that it is. `detection/_two_stage.py` says what differs in the first two stages.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.edge.run_lengths import run_lengths
from kerasvision.layers.regions import MovedBoxes, RegionFeatures
from kerasvision.metrics.instances import Instances
from kerasvision.ops import boxes as box_ops
from kerasvision.ops import geometry as geo
from kerasvision.ops.masks import INSIDE, cut_masks, paste_masks, reframe_masks
from kerasvision.ops.matching import take
from kerasvision.tasks.base import Output
from kerasvision.tasks.detection._agreement import paired
from kerasvision.tasks.detection._two_stage import TwoStage
from kerasvision.tasks.detection.task import without_padding
from kerasvision.tasks.instance_segmentation._targets import MaskTargets

GROUND_TRUTH_SIDE = 56  # cells a side of a truth's mask in the frame of its box


@architectures.register("instance_segmentation/mask_rcnn")
@dataclasses.dataclass(frozen=True)
class MaskRCNN(TwoStage):
    """Predictions: a detector's, `masks` float32 [B, D, 2 s, 2 s], probabilities in the frame of each box, and
    `image_hw`, the size of the image that `boxes_xyxy` are pixels of; `ops.masks.paste_masks` lays them on it.

    Raw: `TwoStage`'s, `regions_xyxy` [B, R, 4] and `masks` logits [B, R, 2 s, 2 s, K]. mask_side: s, of the features.
    mask_width, mask_depth: of the convolutions. mask_weight: of the mask loss.
    """

    mask_side: int = 14
    mask_width: int = 64
    mask_depth: int = 3
    mask_weight: float = 1.0

    name: typing.ClassVar[str] = "instance_segmentation"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("boxes_xyxy", "labels", "instance_masks")
    main_metric: typing.ClassVar[str] = "mask_ap"

    @property
    def outputs(self):
        most, side = self.suppression.max_detections, 2 * self.mask_side
        masks = Output("float32", "probability in the frame of its box", (most, side, side))
        return super().outputs | {"masks": masks, "image_hw": Output("int32", "pixel", (2,))}

    def file_outputs(self):
        return super().file_outputs() | {"image_hw": Output("int32", "pixel, size of the prepared image", (2,))}

    def restoring(self):
        """Masks too: from the frame of each box to the frame of what of it lies in the image."""
        boxes = super().restoring()
        recut = {"mask_resample": "bilinear", "mask_border": "zero", "least_side_px": box_ops.MIN_SIDE_PX}
        return boxes | {"keys": boxes["keys"] | {"masks": "masks"}, **recut}

    def pasting(self):
        """A pixel whose center lies in the box is the object's from the threshold on."""
        return {"masks": "masks", "frame": "box", "resample": "bilinear", "border": "repeat", "threshold": INSIDE}

    def targets(self):
        return MaskTargets(self)

    def evaluator(self, classes):
        return Instances(classes, self.coverage())

    def build(self):
        image, pyramid, raw = self.graph_parts()
        regions = MovedBoxes(self.image_size, name="regions_xyxy")([raw["deltas"], raw["proposals_xyxy"]])
        x = RegionFeatures(self.neck.first, self.mask_side, name="mask_features")([regions, *pyramid.values()])
        for number in range(self.mask_depth):
            x = keras.layers.Conv2D(
                self.mask_width,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_uniform",
                name=f"mask_conv{number}",
            )(x)
        x = self._twice_as_large(x)
        raw["masks"] = keras.layers.Dense(self.num_classes, name="masks")(x)
        raw["regions_xyxy"] = regions
        return keras.Model({"image": image}, raw, name=self.name)

    def _twice_as_large(self, x):
        """The transposed convolution: each cell gives 2 x 2."""
        side, width = self.mask_side, self.mask_width
        x = keras.layers.Dense(4 * width, "relu", kernel_initializer="he_uniform", name="mask_enlarge")(x)
        x = keras.layers.Reshape((self.proposals * side, side, 2, 2 * width), name="mask_cells")(x)
        x = keras.layers.Permute((1, 3, 2, 4), name="mask_swap")(x)
        return keras.layers.Reshape((self.proposals, 2 * side, 2 * side, width), name="mask_grid")(x)

    def move_labels(self, sample, prepared, geometry):
        """Each mask in the frame of its box in graph pixels, cut out of the picture as it was read."""
        boxes = box_ops.clip(geo.move_boxes(sample["boxes_xyxy"], geometry), self.image_size)
        frames = geo.restore_boxes(boxes[None], {k: v[None] for k, v in geometry.items()})[0]
        masks = cut_masks(sample["instance_masks"], frames, GROUND_TRUTH_SIDE)
        return super().move_labels(sample | {"box_masks": masks}, prepared, geometry)

    def encode(self, sample):
        free = self.max_objects - tf.shape(sample["box_masks"])[0]
        targets = self.encode_boxes(sample)  # refuses too many objects
        masks = tf.pad(sample["box_masks"], [[0, free], [0, 0], [0, 0]])
        return targets | {"masks": tf.ensure_shape(masks, [self.max_objects, GROUND_TRUTH_SIDE, GROUND_TRUTH_SIDE])}

    def loss(self, targets, raw):
        """arXiv:1703.06870, section 3: L = L_cls + L_box + L_mask, the last over the mask of the truth's class."""
        targets, regions = without_padding(targets), raw["regions_xyxy"]
        matches = self.match_regions(regions, targets)
        index = tf.maximum(matches.index, 0)
        true = reframe_masks(targets["masks"], targets["boxes_xyxy"], index, regions, 2 * self.mask_side)
        own = tf.one_hot(take(targets["labels"], matches.index), self.num_classes)[:, :, None, None]
        logits = tf.reduce_sum(raw["masks"] * own, -1)
        wanted = tf.cast(true >= 0.5, tf.float32)
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits), [2, 3])  # [B, R]
        positive = tf.cast(matches.positive, tf.float32)
        masks = tf.reduce_sum(loss * positive, 1) / tf.maximum(tf.reduce_sum(positive, 1), 1.0)
        return self.box_losses(targets, raw) | {"masks": self.mask_weight * masks}

    def decode(self, raw, geometry):
        boxes, scores = self.candidates(raw)
        found, region = self.found(boxes, scores, geometry)
        by_class = tf.transpose(raw["masks"], [0, 1, 4, 2, 3])  # [B, R, K, 2 s, 2 s]
        side = 2 * self.mask_side
        by_class = tf.reshape(by_class, [-1, self.proposals * self.num_classes, side, side])
        own = tf.gather(by_class, region * self.num_classes + tf.maximum(found["labels"], 0), batch_dims=1)
        masks = tf.where((found["labels"] >= 0)[..., None, None], tf.sigmoid(own), 0.0)
        whole = geo.restore_boxes(tf.gather(box_ops.clip(boxes, self.image_size), region, batch_dims=1), geometry)
        masks = _recut(masks, whole, found["boxes_xyxy"])
        return found | {"masks": masks, "image_hw": geometry["image_hw"]}

    def ideal_raw(self, targets):
        raw = self.ideal_boxes(targets)
        boxes, side = box_ops.decode(raw["deltas"], raw["proposals_xyxy"]), 2 * self.mask_side
        index = tf.tile(tf.range(self.proposals)[None] % self.max_objects, [tf.shape(boxes)[0], 1])
        masks = reframe_masks(targets["masks"], targets["boxes_xyxy"], index, boxes, side)
        logits = tf.math.log(tf.maximum(masks, 1e-8)) - tf.math.log(tf.maximum(1.0 - masks, 1e-8))
        return raw | {"regions_xyxy": boxes, "masks": tf.tile(logits[..., None], [1, 1, 1, 1, self.num_classes])}

    def to_original_pixels(self, prediction, geometry):
        restored = super().to_original_pixels(prediction, geometry)
        whole = geo.restore_boxes(prediction["boxes_xyxy"], geometry)
        masks = _recut(tf.constant(prediction["masks"]), whole, restored["boxes_xyxy"]).numpy()
        return restored | {"masks": masks, "image_hw": np.asarray(geometry["image_hw"], np.int32)}

    def compare(self, reference, other):
        """A detector's, and the largest difference of a mask's probability, before it is pasted, where two detections
        come from one box: their corners lie within a hundredth of the image's longer side.
        """
        errors, flips = super().compare(reference, other)
        for i in range(len(errors)):
            a, b = ({k: v[i] for k, v in p.items()} for p in (reference, other))
            rows, columns = paired(a, b)
            away = np.abs(a["boxes_xyxy"][rows] - b["boxes_xyxy"][columns]).max(-1, initial=0.0)
            one = away <= 0.01 * max(a["image_hw"])
            apart = np.abs(a["masks"][rows[one]] - b["masks"][columns[one]])
            errors[i] = max(errors[i], apart.max(initial=0.0))
        return errors, flips

    def describe(self, prediction, classes):
        """A detector's JSON, each object with its `mask`: COCO's RLE in pixels of the original image."""
        described = super().describe(prediction, classes)
        for row, mask, box in zip(described["objects"], prediction["masks"], prediction["boxes_xyxy"], strict=False):
            row["mask"] = run_lengths(paste_masks(mask[None], box[None], prediction["image_hw"])[0])
        return described


def _recut(masks, whole_xyxy, cut_xyxy):
    """Masks [B, D, m, m] in the frame of boxes, as seen in the part of each that lies in the picture."""
    count = tf.range(tf.shape(masks)[1])
    index = tf.tile(count[None], [tf.shape(masks)[0], 1])
    return reframe_masks(masks, whole_xyxy, index, cut_xyxy, masks.shape[-1])
