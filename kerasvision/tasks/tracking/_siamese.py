"""What Siamese followers share: windows, features of two pictures by the same weights, and the choice of a position.

The window's side, its penalty, and what is remembered are those of "Fully-Convolutional Siamese Networks for Object
Tracking" (Bertinetto et al. 2016, arXiv:1606.09549).
"""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import backbones
from kerasvision.layers.norm import batch_norm
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.cutting import context_side, cut_windows
from kerasvision.ops.graphs import called_again, unwrapped
from kerasvision.ops.internals import made_by
from kerasvision.tasks.base import Function, Output
from kerasvision.tasks.tracking._steps import Steps
from kerasvision.tasks.tracking.task import SingleObject

CONTEXT_PX = 64  # of a window: the side of the square that shows as much surroundings as object
OBJECT_PX = CONTEXT_PX / 2.0  # the side of a square object in a window
_SURE = 20.0  # logit of what is certain
_SHIFT, _GROWTH = 1.0, 0.2  # of windows in training: in sides of an object, and in logarithms


@dataclasses.dataclass(frozen=True)
class Siamese(SingleObject):
    """Abstract. Raw: `response` logits [B, n, n] of n x n positions, whether the object's middle is there, `boxes`
    [B, n, n, 4], coded as `relative` says, and `presence` [B, 1], a logit.

    frame_size: (h, w) of the frames that a file takes; others are letterboxed. level: of the backbone, whose
    features are compared. width: their channels. exemplar_px, search_px: sides of the windows around what is remembered
    and around where it was, in which a square object has 32 pixels; multiples of the level's stride.

    trim: cells that are cut off at each side of both feature maps. Those are the ones that padding reaches, and a
    network that sees padding learns that the middle is likelier than the border; with 3 no padding is seen of the
    default backbone, and a shifted picture has a shifted answer.

    present_from: score from which the object is said to be there. centered: how much a cosine window about where it was
    weighs against the response, 0..1. size_rate: how much of a size that is seen goes into the box, in logarithms: from
    frame to frame errors add up, and with 1 boxes shrank to a sixth in two seconds. rate: how much of what was just
    seen, when surely seen, goes into the memory; recent: the largest part of the memory that is not the first look.
    sure_from: score from which it is surely seen, and from which a lost object counts as found. patience: frames
    without the object after which it is looked for in tiles = (rows, columns) of the whole frame, one a frame, those
    nearest to where it was first, and where it was again after each round.

    distractor_weight: how much the response of what was taken for the object beside it, 0..1, is subtracted from that
    of the object (DaSiamRPN: Zhu et al. 2018, arXiv:1808.06048, equation 5); 0: nothing beside it is remembered.
    """

    backbone: Backbone = dataclasses.field(
        default_factory=lambda: backbones["convnet"](width=16, blocks=(0, 1, 1), stem_stride=2)
    )
    frame_size: tuple[int, int] = (240, 320)
    level: str = "c3"
    width: int = 64
    exemplar_px: int = 80
    search_px: int = 176
    trim: int = 3
    present_from: float = 0.5
    centered: float = 0.3
    size_rate: float = since(0.1, before=1.0)
    rate: float = 0.1
    recent: float = 0.4
    sure_from: float = 0.8
    distractor_weight: float = 0.0
    patience: int = 2
    tiles: tuple[int, int] = (3, 4)

    after_training: typing.ClassVar[tuple[str, ...]] = (
        *("present_from", "centered", "size_rate", "rate", "recent", "sure_from", "distractor_weight"),
        *("patience", "tiles"),
    )

    def __post_init__(self):
        super().__post_init__()
        wrong = {
            "frame_size, each 16 or more": min(self.frame_size) < 16,
            "level, such as c3": self.level[:1] != "c" or not self.level[1:].isdigit(),
            "tiles, each 1 or more": min(self.tiles) < 1,
        }
        wrong |= {f"{k}, 0 to 1": not 0 <= getattr(self, k) <= 1 for k in self.after_training[:7]}
        for allowed, is_wrong in wrong.items():
            if is_wrong:
                name = allowed.split(",")[0]
                raise UsageError(f"model.{name}={getattr(self, name)!r}; allowed: {allowed.partition(', ')[2]}")
        off = self.exemplar_px % self.stride or self.search_px % self.stride
        if self._cells(self.exemplar_px) < 1 or self.positions < 3 or off:
            raise UsageError(
                f"model.exemplar_px={self.exemplar_px}, search_px={self.search_px}, trim={self.trim}: at stride "
                f"{self.stride} {self._cells(self.exemplar_px)} cells and {self.positions} positions are left; "
                "allowed: multiples of the stride that leave 1 cell and 3 positions or more"
            )

    @abc.abstractmethod
    def relative(self, coded):
        """Raw `boxes` of some positions [B, 4] -> (xy of their middles from the position [B, 2], sizes wh [B, 2]), in
        pixels of a window.
        """

    @abc.abstractmethod
    def compared_in(self, graph):
        """(features of the search window, of the exemplar): the Keras tensors of a graph that `features` made."""

    @property
    def stride(self):
        """Pixels of a window from one position to the next."""
        return 2 ** int(self.level[1:])

    def _cells(self, side_px):
        return side_px // self.stride - 2 * self.trim

    @property
    def positions(self):
        """How many places of a window, along an axis, the memory is compared with."""
        return self._cells(self.search_px) - self._cells(self.exemplar_px) + 1

    def features(self, rectified=False):
        """(Keras inputs by key, features of `search`, of `exemplar`), both by the same weights. rectified: with a ReLU,
        where another normalization comes behind, which would take their shift away.
        """
        sides = {"exemplar": self.exemplar_px, "search": self.search_px}
        images = {key: keras.Input((side, side, 3), name=key) for key, side in sides.items()}
        levels = self.backbone(images["search"])
        if self.level not in levels:
            raise UsageError(f"model.level={self.level!r}; {self.backbone.registered_name} has {', '.join(levels)}")
        search = keras.layers.Conv2D(self.width, 1, use_bias=False, name="compared_conv")(levels[self.level])
        search = batch_norm("compared_bn")(search)
        if rectified:
            search = keras.layers.ReLU(name="compared_relu")(search)
        if self.trim:
            search = keras.layers.Cropping2D(self.trim, name="trimmed")(search)
        return images, search, called_again(search, images["search"], images["exemplar"])

    def scale_about(self, boxes):
        """Pixels of a frame to one of a window that is cut about a box: [..., 4] -> [...]."""
        return context_side(boxes) / CONTEXT_PX

    def window(self, frames, boxes, side_px):
        """Frames of which boxes are the middle, as the graph takes them."""
        sides = self.scale_about(boxes) * side_px
        centers = box_ops.to_cxcywh(boxes)[..., :2]
        return self.normalization(cut_windows(frames, centers, sides, side_px))

    def normalize(self, prepared):
        """The windows that the graph compares."""
        sides = {"exemplar": self.exemplar_px, "search": self.search_px}
        return {k: self.window(prepared[k], prepared[f"{k}_box"], side) for k, side in sides.items()}

    def example(self, sample):
        """Windows are moved, so that no place in them is likelier than another."""
        prepared, _, moved = self.prepare_sample(sample)
        drawn = tf.random.stateless_uniform([3], sample["seed"], -1.0, 1.0)
        box = box_ops.to_cxcywh(prepared["search_box"])
        side = context_side(prepared["search_box"]) / 2.0
        box = tf.concat([box[:2] + _SHIFT * side * drawn[:2], box[2:] * tf.exp(_GROWTH * drawn[2])], -1)
        near = {"search_box": box_ops.from_cxcywh(box)}
        return prepared | near, self.encode(moved | near)

    def offsets(self):
        """xy of the positions, from the middle of a window, in its pixels: float32 [n, n, 2]."""
        steps = (np.arange(self.positions, dtype=np.float32) - (self.positions - 1) / 2) * self.stride
        return np.stack(np.meshgrid(steps, steps), -1)

    def seen_from_positions(self, sample):
        """(xy [n, n, 2] from each position to the middle of `box_xyxy` of one sample, its size wh [2]), in pixels of
        the window about `search_box`.
        """
        near = sample["search_box"]
        scale = 1.0 / self.scale_about(near)
        true = box_ops.to_cxcywh(sample["box_xyxy"])
        apart = (true[:2] - box_ops.to_cxcywh(near)[:2]) * scale - self.offsets()
        return tf.ensure_shape(apart, self.offsets().shape), tf.maximum(true[2:], 1.0) * scale

    def ideal_raw(self, targets):
        raw = {key: _SURE * (2.0 * targets[key] - 1.0) for key in ("response", "presence")}
        return raw | {"boxes": targets["boxes"]}

    def decode(self, raw, geometry):
        boxes, _ = self.best(raw, geometry["near"], self.centered)
        return self.located(boxes, tf.sigmoid(raw["presence"])[:, 0], geometry)

    def best(self, raw, near, centered, unlikely=0.0):
        """(boxes [B, 4] in pixels of the frame, int32 [B], the positions that they are of). near: boxes about which the
        windows were cut. centered: a number, or [B, 1]. unlikely: what is taken off each position's probability, [B,
        n * n].
        """
        count = self.positions**2
        wave = np.hanning(self.positions + 2)[1:-1]
        cosine = np.outer(wave, wave).astype(np.float32).reshape(1, count)
        likely = tf.sigmoid(tf.reshape(raw["response"], [-1, count])) - unlikely
        place = tf.argmax(likely * (1.0 - centered) + cosine * centered, -1, output_type=tf.int32)
        coded = tf.gather(tf.reshape(raw["boxes"], [-1, count, 4]), place, batch_dims=1)
        offset = tf.gather(tf.constant(self.offsets().reshape(count, 2)), place)
        scale = self.scale_about(near)[:, None]
        apart, size = self.relative(coded)
        center = box_ops.to_cxcywh(near)[:, :2] + (offset + apart) * scale
        return box_ops.from_cxcywh(tf.concat([center, size * scale], -1)), place

    def functions(self, graph):
        """`remember` (image, box) and `follow` (image, first, memory, box, lost, and where distractors are remembered
        distractor, distracted): frames of `frame_size`.
        """
        search, exemplar = self.compared_in(graph)
        parts = keras.Model(graph.input["exemplar"], exemplar), keras.Model(graph.input["search"], search)
        steps = Steps(self, *parts, keras.Model([search, exemplar], graph.output))
        image, box = (self.prepared_inputs()[k] for k in ("exemplar", "exemplar_box"))
        shape = tuple(exemplar.shape[1:])
        state = {"memory": Output("float32", "", shape), "box": Output("float32", "pixel", (4,))}
        state |= {"lost": Output("float32", "frames", (1,))}
        if self.distractor_weight:
            state |= {
                "distractor": Output("float32", "", shape),
                "distracted": Output("float32", "1: it is known", (1,)),
            }
        answer = {"score": Output("float32", "probability"), "present": Output("float32", "1: it is there")}
        first = {"first": Output("float32", "", shape)}
        held = {k: tf.TensorSpec([None, *kind.shape], tf.float32) for k, kind in (first | state).items()}
        begin = {"image": "exemplar", "box": "exemplar_box"}
        return {
            "remember": Function({"image": image, "box": box}, first | state, steps.remember, begin),
            "follow": Function({"image": image} | held, state | answer, steps.follow, {"image": "search"}),
        }


def mean_over_positions(values, weights):
    """[B] mean of [B, n, n] by weights, 0 where nothing has a weight."""
    return tf.reduce_sum(values * weights, [1, 2]) / tf.maximum(tf.reduce_sum(weights, [1, 2]), 1e-6)


def inner(tensor):
    """The layer that made a Keras tensor, without what techniques have put around it."""
    return unwrapped(made_by(tensor))
