"""The functions of a follower's graph: an object is remembered, then followed from frame to frame."""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.ops import boxes as box_ops

_TAKEN = 0.5  # response from which what is beside the object would be taken for it


@dataclasses.dataclass(frozen=True, eq=False)
class Steps:
    """Final. arch: a `Siamese`. remembered, seen: exemplar windows, search windows -> features. compared: [features of
    a search window, of what is remembered] -> raw outputs.
    """

    arch: typing.Any
    remembered: typing.Any
    seen: typing.Any
    compared: typing.Any

    def remember(self, inputs):
        """`image` of a frame and the `box` of a target [B, 4], in its pixels -> the state that `follow` begins with."""
        arch, box = self.arch, inputs["box"]
        with tf.name_scope("kv_normalize"):
            window = arch.window(inputs["image"], box, arch.exemplar_px)
        features = self.remembered(window, training=False)
        with tf.name_scope("kv_decode"):
            features = tf.cast(features, tf.float32)
            state = {"first": features, "memory": _own(features, 1.0), "box": _own(box, 1.0), "lost": _zero(box[:, :1])}
            if arch.distractor_weight:
                # none is known yet; features and no zeros, whose range integers would be calibrated to
                state |= {"distractor": _own(features, 2.0), "distracted": _zero(box[:, 1:2])}
            return state

    def follow(self, inputs):
        """`image` of the next frame and a state -> where the target is, `score`, `present`, and the state after it.
        Name scopes mark the parts for the int8 converter, as in `inference.served`.
        """
        arch = self.arch
        with tf.name_scope("kv_normalize"):
            near = self._looked_at(inputs["box"], inputs["lost"])
            window = arch.window(inputs["image"], near, arch.search_px)
        features = self.seen(window, training=False)
        raw = self.compared([features, inputs["memory"]], training=False)
        other = None
        if arch.distractor_weight:
            other = self.compared([features, inputs["distractor"]], training=False)["response"]
        with tf.name_scope("kv_decode"):
            raw = {k: tf.cast(v, tf.float32) for k, v in raw.items()}
            return self._after(raw, tf.cast(features, tf.float32), other, near, inputs)

    def _after(self, raw, features, other, near, inputs):
        """What `follow` gives. other: logits of what is not the target, or None. near: the box around which the window
        was cut.
        """
        arch, box, lost, first = self.arch, inputs["box"], inputs["lost"], inputs["first"]
        is_lost = lost > arch.patience
        unlikely = 0.0 if other is None else self._unlikely(other, inputs["distracted"])
        found, place = arch.best(raw, near, tf.where(is_lost, 0.0, arch.centered), unlikely)
        score = tf.sigmoid(raw["presence"])
        present = tf.cast(score >= tf.where(is_lost, arch.sure_from, arch.present_from), tf.float32)
        sure = present * tf.cast(score >= arch.sure_from, tf.float32)
        aim = (1.0 - arch.recent) * first + arch.recent * self._features_at(features, place)
        memory = inputs["memory"]
        after = {
            "memory": memory + arch.rate * sure[:, :, None, None] * (aim - memory),
            "box": present * self._kept_inside(self._sized(found, box)) + (1.0 - present) * box,
            "lost": (1.0 - present) * (lost + 1.0),
            "score": score[:, 0],
            "present": present[:, 0],
        }
        return after if other is None else after | self._beside(raw, features, found, near, sure, inputs)

    def _unlikely(self, other, distracted):
        """[B, n * n]: what each position loses, since it looks like what was beside the target."""
        other = tf.reshape(tf.cast(other, tf.float32), [-1, self.arch.positions**2])
        return self.arch.distractor_weight * distracted * tf.sigmoid(other)

    def _beside(self, raw, features, found, near, sure, inputs):
        """The state of what else would be taken for the target, where that is surely seen: the likeliest position
        outside of its box. Its features add up slowly, as those of the target do; the correlation alone is linear, so
        that of the mean is the mean of all (Zhu et al. 2018, arXiv:1808.06048, equation 6), what stands around it is
        not.
        """
        arch = self.arch
        count = arch.positions**2
        target, middle = box_ops.to_cxcywh(found), box_ops.to_cxcywh(near)[:, :2]
        scale = arch.scale_about(near)[:, None, None]
        places = middle[:, None] + tf.constant(arch.offsets().reshape(1, count, 2)) * scale
        reach = tf.maximum(target[:, None, 2:] / 2.0, arch.stride * scale)
        outside = tf.reduce_any(tf.abs(places - target[:, None, :2]) > reach, -1)
        likely = tf.sigmoid(tf.reshape(raw["response"], [-1, count])) * tf.cast(outside, tf.float32)
        place = tf.argmax(likely, -1, output_type=tf.int32)
        taken = sure * tf.cast(tf.reduce_max(likely, -1, keepdims=True) >= _TAKEN, tf.float32)
        known, before = inputs["distracted"], inputs["distractor"]
        part = taken * (1.0 - known + arch.rate * known)
        apart = self._features_at(features, place) - before
        return {"distractor": before + part[:, :, None, None] * apart, "distracted": tf.maximum(known, taken)}

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
        """[B, 4] where a window is cut: about the box; of what is lost about one tile after the other, those nearest to
        the box first, and about the box again after the last.
        """
        (rows, columns), (h, w) = self.arch.tiles, self.arch.frame_size
        middles = [((x + 0.5) * w / columns, (y + 0.5) * h / rows) for y in range(rows) for x in range(columns)]
        middles, count = tf.constant(middles, tf.float32), len(middles)
        turn = tf.cast(tf.maximum(lost[:, 0] - self.arch.patience, 0.0), tf.int32)
        held = box_ops.to_cxcywh(box)
        apart = tf.reduce_sum((held[:, None, :2] - middles) ** 2, -1)
        order = tf.math.top_k(-apart, count).indices
        place = tf.maximum(turn - 1, 0) % (count + 1)
        tile = tf.gather(middles, tf.gather(order, tf.minimum(place, count - 1), batch_dims=1))
        is_tile = (turn > 0) & (place < count)
        center = tf.where(is_tile[:, None], tile, held[:, :2])
        return box_ops.from_cxcywh(tf.concat([center, held[:, 2:]], -1))


def _own(value, number):
    """The same as a tensor of its own: in LiteRT's C interface outputs that are one tensor have one name, and an
    identity is none in a file. number: another one for each use of a value, as equal operators become one too.
    """
    return tf.minimum(value, number * 1e30)


def _zero(value):
    """Zeros that are a tensor of their own, as constants are not."""
    return tf.minimum(tf.abs(value), 0.0)
