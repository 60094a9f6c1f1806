"""The contract of volume segmentation: a class for each voxel of the original volume."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.drawing.showing.base import Showing
from kerasvision.drawing.showing.segments import VolumeSegmentsShowing
from kerasvision.edge import describing
from kerasvision.metrics.segmentation import Segmentation as SegmentationEvaluator
from kerasvision.ops import dense, volumes
from kerasvision.ops.graphs import coarsest, made_of
from kerasvision.tasks._dense import Dense, DenseLoss
from kerasvision.tasks.base import Output
from kerasvision.tasks.pixel_sets import PixelSets
from kerasvision.tasks.volume import VolumeArchitecture


@dataclasses.dataclass(frozen=True)
class VolumeSegmentation(Dense, VolumeArchitecture):
    """Abstract. Raw is `{"logits": [B, d, h, w, K]}`. Predictions: `mask` uint8 [B, D, H, W], the class of each voxel
    of the original volume, and `confidence` float32 [B, D, H, W], its probability. Files (TFLite, ONNX) take a volume
    whose intensities are standardized, of volume_size, and give `probabilities` [B, d, h, w, K].

    A volume larger than volume_size is answered in windows that overlap (`ops.windows`), a smaller one is padded.
    num_classes: the background included; 0 takes the number from the data. strides: of each level over the one above;
    an axis with much longer voxels is better left alone at first: ((1, 2, 2), (2, 2, 2)). objective: the terms of the
    loss. overlap: of neighboring windows. flips: axes (0 D, 1 H, 2 W) along which answers for mirrored volumes are
    averaged in. pixel_sets: what each voxel may be, so that a promised share of a volume is not missed. Other fields:
    `tasks.volume.VolumeArchitecture`.
    """

    num_classes: int = 0
    volume_size: tuple[int, int, int] = (32, 64, 64)
    channels: int = 1
    spacing_mm: tuple[float, ...] = ()
    window: tuple[float, ...] = ()
    width: int = 16
    strides: tuple[tuple[int, int, int], ...] = ((2, 2, 2), (2, 2, 2), (2, 2, 2))
    objective: DenseLoss = DenseLoss()
    overlap: float = 0.5
    flips: tuple[int, ...] = ()
    pixel_sets: PixelSets = PixelSets()

    name: typing.ClassVar[str] = "volume_segmentation"
    label_keys: typing.ClassVar[tuple[str, ...]] = ("mask", "spacing_mm")
    main_metric: typing.ClassVar[str] = "dice"
    showing: typing.ClassVar[Showing] = VolumeSegmentsShowing()
    after_training: typing.ClassVar[tuple[str, ...]] = ("overlap", "flips")

    @property
    def outputs(self):
        return {
            "mask": Output("uint8", "class index", (None, None, None)),
            "confidence": Output("float32", "probability", (None, None, None)),
        } | self.set_outputs((None, None, None))

    def evaluator(self, classes):
        return SegmentationEvaluator(classes, surfaces=True, coverage=self.coverage(classes))

    @property
    def size(self):
        return self.volume_size

    @property
    def in_windows(self):
        return True

    @property
    def enlarging(self):
        return "trilinear" if self.spacing_mm else "none"

    def preprocessing(self):
        return super().preprocessing() | {"resize": "windows", "padding": {"value": "minimum", "placement": "end"}}

    def volume_input(self):
        """The graph's input, once the number of classes is known."""
        self.check_classes()
        self.check_strides()
        return keras.Input((*self.volume_size, self.channels), name="volume")

    def whole(self, volume, x):
        """The model whose logits are those of x, of the volume's size."""
        logits = keras.layers.Conv3D(self.num_classes, 1, name="logits")(x)
        return keras.Model({"volume": volume}, {"logits": logits}, name=self.name)

    def last_level(self, graph):
        """The bottom of the U."""
        return coarsest([t for t in made_of(graph) if t.shape.rank == 5])

    def embedding(self, graph):
        """The mean over positions of the bottom of the U."""
        return keras.layers.GlobalAveragePooling3D()(self.last_level(graph))

    def geometry(self, inputs):
        """Padded behind its last voxels, with its least intensity, to volume_size or more."""
        volume = self.standardized(inputs["volume"], inputs["spacing_mm"])
        batch = tf.shape(volume)[0]
        geometry = {
            "volume_dhw": tf.tile(tf.shape(inputs["volume"])[None, 1:4], [batch, 1]),
            "fitted_dhw": tf.tile(tf.shape(volume)[None, 1:4], [batch, 1]),
        }
        missing = tf.maximum(tf.constant(self.volume_size) - tf.shape(volume)[1:4], 0)
        pads = tf.pad(tf.stack([tf.zeros_like(missing), missing], 1), [[1, 1], [0, 0]])
        least = tf.reduce_min(volume, [1, 2, 3, 4], keepdims=True)
        beyond = 1.0 - tf.pad(tf.ones_like(volume), pads)
        return {"volume": tf.pad(volume, pads) + least * beyond}, geometry

    def receive(self, sample):
        """The volume standardized, before it is cut and augmented: as `geometry` does it when serving."""
        volume = self.standardized(sample["volume"][None], sample["spacing_mm"][None])[0]
        size = tf.shape(volume)[:3]
        mask = volumes.resize(sample["mask"][None, ..., None], size, smooth=False)[0, ..., 0]
        spacing = tf.constant(self.spacing_mm) if self.spacing_mm else sample["spacing_mm"]
        return sample | {"volume": volume, "mask": mask, "spacing_mm": spacing}

    def example(self, sample):
        """The center of a sample that `receive` and augmentations have seen; what is padded is not annotated."""
        volume = dense.centered(sample["volume"], self.volume_size, tf.reduce_min(sample["volume"]))
        mask = dense.centered(sample["mask"], self.volume_size, dense.IGNORE)
        return {"volume": volume}, self.encode({"mask": mask, "spacing_mm": sample["spacing_mm"]})

    def finish(self, probabilities, geometry, margin=False):
        d, h, w = tf.unstack(geometry["fitted_dhw"][0])
        probabilities = probabilities[:, :d, :h, :w]
        if self.spacing_mm:
            probabilities = volumes.resize(probabilities, geometry["volume_dhw"][0])
        return self.found(margin)(probabilities)

    def describe(self, prediction, classes):
        """`classes`: label -> voxels, of those that are there."""
        counts = np.bincount(prediction["mask"].ravel(), minlength=len(classes))
        held = {"classes": {classes[i]: int(counts[i]) for i in np.flatnonzero(counts)}}
        return held | describing.possible(prediction, classes, self.promise())
