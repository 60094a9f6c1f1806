"""Score-CAM: the channels of a feature map, weighted by the score of the input where they are high, not by slopes.

"Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks" (Wang et al. 2019, arXiv:1910.01279,
algorithm 1: weights are a softmax of the channels' scores).
"""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import explainers
from kerasvision.explain.base import BATCH, Explainer
from kerasvision.explain.features import features_and_slope
from kerasvision.ops.heat import enlarged


@explainers.register("score_cam")
@dataclasses.dataclass(frozen=True)
class ScoreCam(Explainer):
    """layer: as of `grad_cam`. Asks the graph once a channel; most: only that many, those that vary most over the
    positions, 0: all.
    """

    layer: str = ""
    most: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.most < 0:
            raise UsageError(f"score_cam.most={self.most}; allowed: 0 (all channels) or more")

    def heat(self, model, prepared, target):
        own, _ = features_and_slope(model, prepared, target, self)
        every = tuple(range(own.shape.rank - 1))
        chosen = np.argsort(-np.var(own.numpy(), every), kind="stable")[: self.most or None]
        maps = tf.transpose(tf.gather(own[0], chosen, axis=-1), [own.shape.rank - 2, *range(own.shape.rank - 2)])
        scores = model.scores(self._masked(model, prepared, maps[..., None]), target)
        weights = tf.reshape(tf.nn.softmax(scores), [-1, *[1] * (maps.shape.rank - 1)])
        heat = tf.nn.relu(tf.reduce_sum(weights * maps, 0))
        return enlarged(heat[None, ..., None], prepared.shape[:-1])[0, ..., 0].numpy()

    def _masked(self, model, prepared, maps):
        """Batches of the input where each map is high, and black where it is low."""
        black, given = model.black(prepared), np.asarray(prepared, np.float32)
        for start in range(0, len(maps), BATCH):
            mask = enlarged(maps[start : start + BATCH], prepared.shape[:-1]).numpy()
            every = tuple(range(1, mask.ndim))
            low, high = mask.min(every, keepdims=True), mask.max(every, keepdims=True)
            mask = np.where(high > low, (mask - low) / np.where(high > low, high - low, 1), 0)
            yield black + mask * (given - black)
