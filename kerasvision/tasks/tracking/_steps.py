"""The functions of a follower's graph: an object is remembered, then followed from frame to frame."""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.ops import boxes as box_ops


@dataclasses.dataclass(frozen=True, eq=False)
class Steps:
    """Final. arch: a `SiamFC`. remembered: exemplar windows -> features. compared: [search windows, those] -> raw
    outputs, and `features` of the window.
    """

    arch: typing.Any
    remembered: typing.Any
    compared: typing.Any

    def remember(self, inputs):
        """`image` of a frame and the `box` of a target [B, 4], in its pixels -> the state that `follow` begins with."""
        arch, box = self.arch, inputs["box"]
        with tf.name_scope("kv_normalize"):
            window = arch.window(inputs["image"], box, arch.exemplar_px)
        features = self.remembered(window, training=False)
        with tf.name_scope("kv_decode"):
            features = tf.cast(features, tf.float32)
            zero = tf.zeros_like(box[:, :1])
            return {"first": features, "memory": tf.identity(features), "box": tf.identity(box), "lost": zero}

    def follow(self, inputs):
        """`image` of the next frame and a state -> where the target is, `score`, `present`, and the state after it.
        Name scopes mark the parts for the int8 converter, as in `inference.served`.
        """
        arch = self.arch
        with tf.name_scope("kv_normalize"):
            near = self._looked_at(inputs["box"], inputs["lost"])
            window = arch.window(inputs["image"], near, arch.search_px)
        raw = self.compared([window, inputs["memory"]], training=False)
        with tf.name_scope("kv_decode"):
            return self._after({k: tf.cast(v, tf.float32) for k, v in raw.items()}, near, inputs)

    def _after(self, raw, near, inputs):
        """What `follow` gives. near: the box around which the window was cut."""
        arch, box, lost, first = self.arch, inputs["box"], inputs["lost"], inputs["first"]
        is_lost = lost > arch.patience
        found, place = arch.best(raw, near, tf.where(is_lost, 0.0, arch.centered))
        score = tf.sigmoid(raw["presence"])
        present = tf.cast(score >= tf.where(is_lost, arch.sure_from, arch.present_from), tf.float32)
        sure = present * tf.cast(score >= arch.sure_from, tf.float32)
        seen = self._features_at(raw["features"], place)
        aim = (1.0 - arch.recent) * first + arch.recent * seen
        memory = inputs["memory"]
        return {
            "memory": memory + arch.rate * sure[:, :, None, None] * (aim - memory),
            "box": present * self._kept_inside(self._sized(found, box)) + (1.0 - present) * box,
            "lost": (1.0 - present) * (lost + 1.0),
            "score": score[:, 0],
            "present": present[:, 0],
        }

    def _features_at(self, features, place):
        """The part [B, h, w, C] of a window's features that was compared at a position [B]."""
        side, count = features.shape[1], self.arch.positions
        part = side - count + 1
        rows, columns = (tf.range(part)[None] + at[:, None] for at in (place // count, place % count))
        rows = tf.gather(features, rows, axis=1, batch_dims=1)
        return tf.gather(rows, columns, axis=2, batch_dims=1)

    def _sized(self, boxes, before):
        """Boxes whose sizes are nearly those of the boxes before."""
        new, old = box_ops.to_cxcywh(boxes), box_ops.to_cxcywh(before)
        a, b = (tf.math.log(tf.maximum(held[:, 2:], 1.0)) for held in (old, new))
        size = tf.exp(a + self.arch.size_rate * (b - a))
        return box_ops.from_cxcywh(tf.concat([new[:, :2], size], -1))

    def _kept_inside(self, boxes):
        """Boxes whose middles are within the frame."""
        h, w = self.arch.frame_size
        held = box_ops.to_cxcywh(boxes)
        center = tf.clip_by_value(held[:, :2], 0.0, tf.constant([w, h], tf.float32))
        return box_ops.from_cxcywh(tf.concat([center, held[:, 2:]], -1))

    def _looked_at(self, box, lost):
        """[B, 4] where a window is cut: about the box, and about one tile after the other of what is lost."""
        (rows, columns), (h, w) = self.arch.tiles, self.arch.frame_size
        middles = [((x + 0.5) * w / columns, (y + 0.5) * h / rows) for y in range(rows) for x in range(columns)]
        turn = tf.cast(tf.maximum(lost[:, 0] - self.arch.patience, 0.0), tf.int32)
        held = box_ops.to_cxcywh(box)
        tile = tf.gather(tf.constant(middles, tf.float32), tf.maximum(turn - 1, 0) % (rows * columns))
        center = tf.where((turn > 0)[:, None], tile, held[:, :2])
        return box_ops.from_cxcywh(tf.concat([center, held[:, 2:]], -1))
