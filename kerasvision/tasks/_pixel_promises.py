"""What a segmenter promises: which classes each pixel or voxel may be, beside the likeliest one."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.metrics.covered import PixelCoverage
from kerasvision.ops import dense
from kerasvision.tasks.answering import Output
from kerasvision.tasks.base import Architecture
from kerasvision.tasks.pixel_sets import PROBABILITIES, PixelSets

LEAST = "least_probability"  # key of a prediction, and of what a file of the graph's own size gives


class PixelPromises(Architecture):
    """Abstract. Once its `pixel_sets` are fitted, predictions have `may_be` uint8 [B, ..., K], 1 where a class may be,
    and `least_probability` float32 [B, K], from which on it may. Files of the graph's own size give the latter beside
    their probabilities, which are compared with it once they have the size of the original.
    """

    num_classes: int
    pixel_sets: PixelSets

    calibrates: typing.ClassVar[tuple[str, ...]] = ("pixel_sets",)

    def set_outputs(self, size):
        """Those of `outputs` that a promise adds. size: of a mask."""
        given = {}
        if self.pixel_sets.probabilities:
            given[PROBABILITIES] = Output("float32", "probability", (*size, self.num_classes))
        if self.pixel_sets.is_fitted:
            given["may_be"] = Output("uint8", "1 where the class may be", (*size, self.num_classes))
            given |= self.least_output()
        return given

    def least_output(self):
        """What a file of the graph's own size gives for the promise, {} where there is none."""
        if not self.pixel_sets.is_fitted:
            return {}
        return {LEAST: Output("float32", "probability from which a class may be", (self.num_classes,))}

    def least(self, batch):
        """`least_output` for so many examples. TensorFlow."""
        if not self.pixel_sets.is_fitted:
            return {}
        return {LEAST: tf.tile(tf.constant(self.pixel_sets.least(self.num_classes))[None], [batch, 1])}

    def found(self, margin=False):
        """A function: probabilities [B, ..., K] in the positions of the original -> the maps of a prediction. margin:
        as of `ops.dense.classes`.
        """

        def maps(probabilities):
            held = dense.classes(probabilities, margin)
            if self.pixel_sets.probabilities:
                held[PROBABILITIES] = probabilities
            if self.pixel_sets.is_fitted:
                held["may_be"] = self.pixel_sets.members(probabilities)
            return held

        return maps

    def told(self, given):
        """This architecture with the thresholds that a file's own answer states. given: numpy or tensors, batched."""
        if LEAST not in given:
            return self
        least = tuple(float(v) for v in np.asarray(given[LEAST])[0])
        return dataclasses.replace(self, pixel_sets=dataclasses.replace(self.pixel_sets, thresholds=least))

    @property
    def tunes(self):
        """Whether `tune` looks at the validation split."""
        return self.pixel_sets.coverage > 0

    def asking(self):
        return dataclasses.replace(self, pixel_sets=self.pixel_sets.asking())

    def evidence(self, prediction, ground_truth):
        """What each threshold would miss of each image: `missed` float32 [B, G, L] (`PixelSets.missed`)."""
        pairs = zip(prediction[PROBABILITIES], ground_truth["mask"], strict=True)
        missed = [self.pixel_sets.missed(p[tuple(map(slice, np.shape(mask)))], np.asarray(mask)) for p, mask in pairs]
        return {"missed": np.stack(missed)}, {}

    def tune(self, predictions, ground_truths):
        return self.with_promise(predictions, ground_truths)

    def check_promise(self, examples):
        self.pixel_sets.require(examples)

    def with_promise(self, predictions, ground_truths):
        if not self.pixel_sets.coverage:
            return self
        return dataclasses.replace(self, pixel_sets=self.pixel_sets.fitted(predictions["missed"]))

    def unpromised(self):
        return dataclasses.replace(self, pixel_sets=dataclasses.replace(self.pixel_sets, thresholds=(), examples=0))

    def promise(self):
        return self.pixel_sets.promise()

    def promised(self, prediction):
        """Sets only where they show in a prediction: of the class that each pixel is said to be."""
        least, size = self.pixel_sets.least(self.num_classes), len(prediction["mask"])
        mask, sets = prediction["mask"], np.array(prediction["may_be"])
        own = np.minimum(mask, self.num_classes - 1).astype(np.int64)[..., None]
        reached = (prediction["confidence"] >= least[own[..., 0]]) & (mask != dense.IGNORE)
        np.put_along_axis(sets, own, reached[..., None].astype(sets.dtype), -1)
        return {LEAST: np.tile(least, (size, 1)), "may_be": sets}

    def kept(self, predictions, ground_truths):
        return self.pixel_sets.covered(predictions["missed"])

    def coverage(self, classes):
        """The evaluator of what is promised, or None. classes: names."""
        return PixelCoverage(classes, self.pixel_sets.of) if self.pixel_sets.is_fitted else None
