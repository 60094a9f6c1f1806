"""A fully convolutional Siamese network that finds one object again, whatever it is.

"Fully-Convolutional Siamese Networks for Object Tracking" (Bertinetto et al. 2016, arXiv:1606.09549): the features of
what is remembered are correlated with those of a window around where it was. Each channel by itself, as in SiamRPN++
(Li et al. 2018, arXiv:1812.11703), and a box is regressed at each position, as in SiamFC++ (Xu et al. 2019,
arXiv:1911.06188), in place of the pyramid of scales; whether the object is there at all is an answer of its own.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.backbones.base import Backbone
from kerasvision.core.component import since
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import architectures, backbones
from kerasvision.layers.correlation import DepthwiseCorrelation
from kerasvision.layers.norm import batch_norm
from kerasvision.losses.detection import smooth_l1
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.cutting import context_side, cut_windows
from kerasvision.ops.graphs import called_again, made_of
from kerasvision.ops.internals import called_with, made_by
from kerasvision.tasks.base import Function, Output
from kerasvision.tasks.tracking._steps import Steps
from kerasvision.tasks.tracking.task import SingleObject

CONTEXT_PX = 64  # of a window: the side of the square that shows as much surroundings as object
_OBJECT_PX = CONTEXT_PX / 2.0  # the side of a square object in a window
_SURE = 20.0  # logit of what is certain
_SHIFT, _GROWTH = 1.0, 0.2  # of windows in training: in sides of an object, and in logarithms


@architectures.register("tracking/siamfc")
@dataclasses.dataclass(frozen=True)
class SiamFC(SingleObject):
    """frame_size: (h, w) of the frames that a file takes; others are letterboxed. level: of the backbone, whose
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
    without the object after which it is looked for in tiles = (rows, columns) of the whole frame, one after the other.
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
    patience: int = 2
    tiles: tuple[int, int] = (3, 4)

    after_training: typing.ClassVar[tuple[str, ...]] = (
        *("present_from", "centered", "size_rate", "rate", "recent", "sure_from", "patience", "tiles"),
    )

    def __post_init__(self):
        super().__post_init__()
        wrong = {
            "frame_size, each 16 or more": min(self.frame_size) < 16,
            "level, such as c3": self.level[:1] != "c" or not self.level[1:].isdigit(),
            "tiles, each 1 or more": min(self.tiles) < 1,
        }
        wrong |= {f"{k}, 0 to 1": not 0 <= getattr(self, k) <= 1 for k in self.after_training[:6]}
        for allowed, is_wrong in wrong.items():
            if is_wrong:
                name = allowed.split(",")[0]
                raise UsageError(f"model.{name}={getattr(self, name)!r}; allowed: {allowed.partition(', ')[2]}")
        off = self.exemplar_px % self._stride or self.search_px % self._stride
        if self._cells(self.exemplar_px) < 1 or self.positions < 3 or off:
            raise UsageError(
                f"model.exemplar_px={self.exemplar_px}, search_px={self.search_px}, trim={self.trim}: at stride "
                f"{self._stride} {self._cells(self.exemplar_px)} cells and {self.positions} positions are left; "
                "allowed: multiples of the stride that leave 1 cell and 3 positions or more"
            )

    @property
    def _stride(self):
        return 2 ** int(self.level[1:])

    def _cells(self, side_px):
        return side_px // self._stride - 2 * self.trim

    @property
    def positions(self):
        """How many places of a window, along an axis, the memory is compared with."""
        return self._cells(self.search_px) - self._cells(self.exemplar_px) + 1

    def build(self):
        sides = {"exemplar": self.exemplar_px, "search": self.search_px}
        images = {key: keras.Input((side, side, 3), name=key) for key, side in sides.items()}
        levels = self.backbone(images["search"])
        if self.level not in levels:
            raise UsageError(f"model.level={self.level!r}; {self.backbone.registered_name} has {', '.join(levels)}")
        search = keras.layers.Conv2D(self.width, 1, use_bias=False, name="compared_conv")(levels[self.level])
        search = batch_norm("compared_bn")(search)
        if self.trim:
            search = keras.layers.Cropping2D(self.trim, name="trimmed")(search)
        exemplar = called_again(search, images["search"], images["exemplar"])
        x = DepthwiseCorrelation(name="correlation")([search, exemplar])
        x = keras.layers.Conv2D(self.width, 1, use_bias=False, kernel_initializer="he_normal", name="head_conv")(x)
        x = keras.layers.ReLU(name="head_relu")(batch_norm("head_bn")(x))
        response = keras.layers.Conv2D(1, 1, name="response")(x)
        best = keras.layers.GlobalMaxPooling2D(name="best")(x)
        raw = {
            "response": keras.layers.Reshape((self.positions, self.positions), name="responses")(response),
            "boxes": keras.layers.Conv2D(4, 1, name="boxes")(x),
            "presence": keras.layers.Dense(1, name="presence")(best),
        }
        return keras.Model(images, raw, name="siamfc")

    def window(self, frames, boxes, side_px):
        """Frames of which boxes are the middle, as the graph takes them."""
        sides = context_side(boxes) * (side_px / CONTEXT_PX)
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

    def _offsets(self):
        """xy of the positions, from the middle of a window, in its pixels: float32 [n, n, 2]."""
        steps = (np.arange(self.positions, dtype=np.float32) - (self.positions - 1) / 2) * self._stride
        return np.stack(np.meshgrid(steps, steps), -1)

    def encode(self, sample):
        """Positions within a stride of the object's center, or a quarter of its side, are of it."""
        near = sample["search_box"]
        scale = CONTEXT_PX / context_side(near)
        true = box_ops.to_cxcywh(sample["box_xyxy"])
        size = tf.maximum(true[2:], 1.0) * scale
        apart = (true[:2] - box_ops.to_cxcywh(near)[:2]) * scale - self._offsets()
        reach = tf.maximum(0.25 * size, float(self._stride))
        found = tf.reduce_all(tf.abs(apart) < reach, -1) & (sample["present"] > 0)
        sizes = tf.broadcast_to(tf.math.log(size / _OBJECT_PX), tf.shape(apart))
        return {
            "response": tf.cast(found, tf.float32),
            "boxes": tf.ensure_shape(tf.concat([apart / self._stride, sizes], -1), [*self._offsets().shape[:2], 4]),
            "presence": tf.cast(tf.reduce_any(found), tf.float32)[None],
        }

    def loss(self, targets, raw):
        """`response` weighs positions of the object and others alike; `boxes` looks at the first alone."""
        found = targets["response"]
        each = tf.nn.sigmoid_cross_entropy_with_logits(found, raw["response"])
        there = tf.nn.sigmoid_cross_entropy_with_logits(targets["presence"], raw["presence"])
        return {
            "response": (_mean(each, found) + _mean(each, 1.0 - found)) / 2.0,
            "boxes": _mean(smooth_l1(targets["boxes"], raw["boxes"], 0.1), found),
            "presence": tf.reduce_mean(there, -1),
        }

    def ideal_raw(self, targets):
        raw = {key: _SURE * (2.0 * targets[key] - 1.0) for key in ("response", "presence")}
        return raw | {"boxes": targets["boxes"]}

    def decode(self, raw, geometry):
        boxes, _ = self.best(raw, geometry["near"], self.centered)
        return self.located(boxes, tf.sigmoid(raw["presence"])[:, 0], geometry)

    def best(self, raw, near, centered):
        """(boxes [B, 4] in pixels of the frame, int32 [B], the positions that they are of). centered: a number, or
        [B, 1].
        """
        count = self.positions**2
        wave = np.hanning(self.positions + 2)[1:-1]
        cosine = np.outer(wave, wave).astype(np.float32).reshape(1, count)
        likely = tf.sigmoid(tf.reshape(raw["response"], [-1, count]))
        place = tf.argmax(likely * (1.0 - centered) + cosine * centered, -1, output_type=tf.int32)
        coded = tf.gather(tf.reshape(raw["boxes"], [-1, count, 4]), place, batch_dims=1)
        offset = tf.gather(tf.constant(self._offsets().reshape(count, 2)), place)
        scale = (context_side(near) / CONTEXT_PX)[:, None]
        center = box_ops.to_cxcywh(near)[:, :2] + (offset + coded[:, :2] * self._stride) * scale
        size = _OBJECT_PX * tf.exp(tf.clip_by_value(coded[:, 2:], -2.0, 2.0)) * scale
        return box_ops.from_cxcywh(tf.concat([center, size], -1)), place

    def functions(self, graph):
        """`remember` (image, box) and `follow` (image, first, memory, box, lost): frames of `frame_size`."""
        correlated = next(t for t in made_of(graph) if isinstance(_inner(t), DepthwiseCorrelation))
        search, exemplar = called_with(correlated)
        remembered = keras.Model(graph.input["exemplar"], exemplar)
        compared = keras.Model([graph.input["search"], exemplar], graph.output | {"features": search})
        steps = Steps(self, remembered, compared)
        image, box = (self.prepared_inputs()[k] for k in ("exemplar", "exemplar_box"))
        shape = tuple(exemplar.shape[1:])
        memory, lost = tf.TensorSpec([None, *shape], tf.float32), tf.TensorSpec([None, 1], tf.float32)
        state = {"memory": Output("float32", "", shape), "box": Output("float32", "pixel", (4,))}
        state |= {"lost": Output("float32", "frames", (1,))}
        answer = {"score": Output("float32", "probability"), "present": Output("float32", "1: it is there")}
        first = {"first": Output("float32", "", shape)}
        held = {"image": image, "first": memory, "memory": memory, "box": box, "lost": lost}
        begin = {"image": "exemplar", "box": "exemplar_box"}
        return {
            "remember": Function({"image": image, "box": box}, first | state, steps.remember, begin),
            "follow": Function(held, state | answer, steps.follow, {"image": "search"}),
        }


def _mean(values, weights):
    """[B] mean over positions, 0 where nothing has a weight."""
    return tf.reduce_sum(values * weights, [1, 2]) / tf.maximum(tf.reduce_sum(weights, [1, 2]), 1e-6)


def _inner(tensor):
    """The layer that made it, without what techniques have put around it."""
    layer = made_by(tensor)
    return layer.layer if isinstance(layer, keras.layers.Wrapper) else layer
