"""A Siamese network with a head of its own for what is where, and another for how large it is, without anchors.

"Siamese Box Adaptive Network for Visual Tracking" (Chen et al. 2020, arXiv:2003.06761), the kin of SiamRPN++ (Li et al.
2018, arXiv:1812.11703) that needs no anchors: both pictures' features go through layers of their own before each of two
depthwise correlations, positions within an ellipse are of the object, and the distances to the sides of its box are
regressed by IoU. Whether it is there at all is an answer of its own, and of the positions that are not of it the
likeliest count, so that objects alike are told apart (after DaSiamRPN: Zhu et al. 2018, arXiv:1808.06048); pairs in
which another object stands there are the data's (`absent` of `sources/moving`). One level of the backbone, not three.
"""

import dataclasses

import tensorflow as tf
import tf_keras as keras

from kerasvision.core.registry import architectures
from kerasvision.layers.correlation import DepthwiseCorrelation
from kerasvision.layers.norm import batch_norm
from kerasvision.losses.detection import overlap
from kerasvision.ops.graphs import made_of
from kerasvision.ops.internals import called_with
from kerasvision.tasks.tracking._siamese import OBJECT_PX, Siamese, inner, mean_over_positions

_HARDEST = 48  # positions beside the object that count: SiamRPN takes 16 and 48 (Li et al. 2018, CVPR, section 4.2)
_MOST_LOG = 3.0  # of a distance over half of 32 pixels: 1 to 321 pixels of a window
_UNSAID = 0.5  # target of positions that are neither of the object nor beside it
_HEADS = ("class", "box")


@architectures.register("tracking/siamban")
@dataclasses.dataclass(frozen=True)
class SiamBAN(Siamese):
    """Fields: those of `Siamese`. Raw `boxes`: the logarithms of the distances from the position to the left, upper,
    right and lower side, over 16 pixels.
    """

    def build(self):
        images, *features = self.features(rectified=True)
        x = {}
        for head in _HEADS:
            pair = [self._layer(f"{head}_{of}", y) for of, y in zip(("search", "kernel"), features, strict=True)]
            x[head] = self._layer(f"{head}_head", DepthwiseCorrelation(name=f"{head}_correlation")(pair))
        response = keras.layers.Conv2D(1, 1, name="response")(x["class"])
        best = keras.layers.GlobalMaxPooling2D(name="best")(x["class"])
        raw = {
            "response": keras.layers.Reshape((self.positions, self.positions), name="responses")(response),
            "boxes": keras.layers.Conv2D(4, 1, name="boxes")(x["box"]),
            "presence": keras.layers.Dense(1, name="presence")(best),
        }
        return keras.Model(images, raw, name="siamban")

    def _layer(self, name, x):
        x = keras.layers.Conv2D(self.width, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv")(x)
        return keras.layers.ReLU(name=f"{name}_relu")(batch_norm(f"{name}_bn")(x))

    def compared_in(self, graph):
        made = {inner(t).name: t for t in made_of(graph)}
        return tuple(called_with(made[f"{_HEADS[0]}_{of}_conv"])[0] for of in ("search", "kernel"))

    def relative(self, coded):
        to = _distances(coded)
        return (to[:, 2:] - to[:, :2]) / 2.0, to[:, 2:] + to[:, :2]

    def encode(self, sample):
        """Positions within the ellipse of half the object's sides are of it, those outside of the one of its sides are
        not, and nothing is asked of those between (section 3.3). Of a small object the nearest position is.
        """
        apart, size = self.seen_from_positions(sample)
        inner_axes = tf.maximum(size / 4.0, 0.75 * self.stride)  # the nearest position is at most 0.71 strides away
        outer_axes = tf.maximum(size / 2.0, 1.5 * self.stride)
        inside, near = (tf.reduce_sum((apart / axes) ** 2, -1) < 1.0 for axes in (inner_axes, outer_axes))
        there = sample["present"] > 0
        target = tf.where(inside, 1.0, tf.where(near, _UNSAID, 0.0)) * tf.cast(there, tf.float32)
        to = tf.concat([size / 2.0 - apart, size / 2.0 + apart], -1)
        coded = tf.math.log(tf.maximum(to, 1e-3) / (OBJECT_PX / 2.0))
        return {
            "response": target,
            "boxes": tf.clip_by_value(coded, -_MOST_LOG, _MOST_LOG),
            "presence": tf.cast(tf.reduce_any(inside & there), tf.float32)[None],
        }

    def loss(self, targets, raw):
        """`response` weighs positions of the object and as many as 48 others, the likeliest, alike."""
        found = tf.cast(targets["response"] > _UNSAID, tf.float32)
        beside = tf.cast(targets["response"] < _UNSAID, tf.float32)
        each = tf.nn.sigmoid_cross_entropy_with_logits(found, raw["response"])
        count = self.positions**2
        wrong = tf.reshape(each * beside, [-1, count])
        wrong = tf.reduce_mean(tf.math.top_k(wrong, min(_HARDEST, count)).values, -1)
        there = tf.nn.sigmoid_cross_entropy_with_logits(targets["presence"], raw["presence"])
        apart = overlap(*(_about_position(held["boxes"]) for held in (targets, raw)), "iou")
        return {
            "response": (mean_over_positions(each, found) + wrong) / 2.0,
            "boxes": mean_over_positions(apart, found),
            "presence": tf.reduce_mean(there, -1),
        }


def _distances(coded):
    """To the left, upper, right and lower side, in pixels of a window."""
    return OBJECT_PX / 2.0 * tf.exp(tf.clip_by_value(coded, -_MOST_LOG, _MOST_LOG))


def _about_position(coded):
    """Boxes xyxy [..., 4] whose position is the origin."""
    to = _distances(coded)
    return tf.concat([-to[..., :2], to[..., 2:]], -1)
