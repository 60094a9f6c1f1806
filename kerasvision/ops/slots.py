"""Many objects followed in a fixed number of slots, in pure TensorFlow: a tracker that stands in its detector's file.

It is `systems.multi_object` in float32 with pairs made greedily and without what looks back (re-update, direction, the
last place, the camera): SORT (Bewley et al. 2016, arXiv:1602.00763) in two stages by score, as in ByteTrack (Zhang et
al. 2022, arXiv:2110.06864). Time is in seconds from frame to frame, for float32 seconds of a long video have no digits
for them. Operators are those that every runtime has.
"""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import UsageError
from kerasvision.ops import boxes as box_ops
from kerasvision.ops import colors, slot_looks
from kerasvision.ops.slot_pairs import births as births_in
from kerasvision.ops.slot_pairs import greedy_pairs

_LATE_S = 1e-4  # what float32 adds up to over a thousand frames


@dataclasses.dataclass(frozen=True)
class Noise:
    """In mean sides: position and velocity are standard deviations that a second adds to a value and to a velocity (a
    second); seen is that of a detection; speed that of the velocity of what has just been seen first. The defaults are
    those of ByteTrack (arXiv:2110.06864) at 30 frames a second.
    """

    position: float = 30**0.5 / 20
    velocity: float = 30**1.5 / 160
    seen: float = 1 / 20
    speed: float = 10 * 30 / 160


@plain("slots")
@dataclasses.dataclass(frozen=True)
class Slots(Component):
    """count: of objects that are remembered at a time; 0: no tracker. Where more are to be, the surest get a slot.
    looks: what objects are known again by beside where they are: "" for nothing, `colors` (`ops.colors`), or
    `embedding`, a run of embedding/* that an export is given (`train.appearance`) and whose vectors have look_size
    numbers. look_model: what tells that run from another one (`systems.looked.fingerprint`), "" of files that do not
    say.

    The other fields are those of `systems.multi_object.MultiObject`, where looks have `fusion="best"`; a lost object
    that looks alike comes back from anywhere, within `keep_s`.
    """

    count: int = 0
    high_score: float = 0.6
    low_score: float = 0.1
    birth_score: float = 0.7
    confirm: int = 2
    least_overlap: float = 0.2
    least_overlap_low: float = 0.5
    least_overlap_new: float = 0.3
    weigh_by_score: bool = True
    keep_s: float = 1.0
    noise_position: float = Noise.position
    noise_velocity: float = Noise.velocity
    noise_seen: float = Noise.seen
    looks: typing.Literal["", "colors", "embedding"] = ""
    look_size: int = 0
    look_model: str = dataclasses.field(default="", repr=False)
    least_likeness: float = 0.75
    unlike: float = 0.4
    least_near: float = 0.5
    look_quality: float = 0.5
    momentum: float = 0.9

    def __post_init__(self):
        super().__post_init__()
        shares = ("unlike", "least_likeness", "least_near", "look_quality")
        is_share = all(0 < getattr(self, name) <= 1 for name in shares) and self.unlike <= self.least_likeness
        if not is_share or not 0 <= self.momentum < 1:
            seen = ", ".join(f"{name} {getattr(self, name):g}" for name in (*shares, "momentum"))
            raise UsageError(
                f"slots: {seen}; allowed: above 0 to 1, the second no less than the first, the last below 1"
            )
        if (self.looks == "embedding") != (self.look_size > 0):
            raise UsageError(
                f"slots: looks {self.looks!r} and look_size {self.look_size}; both of an embedding come of "
                "kerasvision export RUN --appearance RUN"
            )
        if self.count < 0 or self.confirm < 1 or self.keep_s < 0:
            raise UsageError(
                f"slots: count {self.count}, confirm {self.confirm}, keep_s {self.keep_s:g}; allowed: "
                "0, 1 and 0 or more"
            )
        if not 0 <= self.low_score <= self.high_score <= self.birth_score <= 1:
            raise UsageError(
                f"slots: low_score {self.low_score:g}, high_score {self.high_score:g}, birth_score "
                f"{self.birth_score:g}; allowed: 0 to 1, none less than the one before"
            )


def state_shapes(slots):
    """key -> shape of a state without batch, float32; all begin with zeros.

    mean: values and velocities, covariance: of value, both and velocity, each of center, width and height, as of
    `systems._kalman`. box: when it was last seen. held: 1 where a slot is taken. id: 0 until it is confirmed. hits and
    missed: how often it was seen, and not seen since. away: seconds since it was seen. order: in which objects were
    first seen. counts: of steps, of ids given, and of objects first seen. look, where there are looks: a unit vector,
    or zeros.
    """
    look = {"look": (slots.count, slots.look_size or colors.SIZE)} if slots.looks else {}
    one = dict.fromkeys(("held", "id", "label", "hits", "missed", "away", "order"), (slots.count,))
    return (
        {"mean": (slots.count, 2, 4), "covariance": (slots.count, 3, 4), "box": (slots.count, 4)}
        | one
        | look
        | {"counts": (3,)}
    )


def step(slots, found, seconds, state):
    """(answer, the next state) of one frame, all with a batch axis.

    found: `boxes_xyxy` [B, D, 4], `scores` [B, D], `labels` int [B, D], below 0 where there is none; where there are
    looks, `looks` [B, D, E] of each, unit vectors, or zeros of one that nobody has looked at. seconds: float32 [B, 1],
    since the frame before; of the first one it does not matter. state: as `state_shapes` says. The answer has a
    row a slot: `boxes_xyxy` [B, S, 4], `ids` int32 [B, S], 0 where a slot shows nothing in this frame, `scores`,
    `labels` int32 [B, S], and `left_out` int32 [B], how many objects had no slot.
    """
    box, score, counts = _read(slots, found)
    label = _as_float(found["labels"])
    steps, given, known = (state["counts"][:, i : i + 1] for i in range(3))
    seconds = tf.where(steps > 0, seconds, 0.0)
    own = {key: state[key] for key in state_shapes(slots) if key != "counts"}
    own["away"] += seconds
    own["held"] *= _as_float(own["away"] <= slots.keep_s + _LATE_S)
    own = _moved_on(slots, own, seconds)
    seen = slot_looks.read(slots, found, box, score, counts) if slots.looks else None
    pairs = _associated(slots, own, (box, score, label, counts), seen)
    is_paired = tf.reduce_max(pairs, 2)
    own["held"] *= tf.maximum(is_paired, _as_float(own["id"] > 0))
    new = (1.0 - tf.reduce_max(pairs, 1)) * counts * _as_float(score >= slots.birth_score)
    births = births_in(own["held"], new, score)
    observed = _chosen(pairs + births, box)
    own = _seen_now(slots, own, observed, is_paired, tf.reduce_max(births, 2))
    shown = tf.maximum(is_paired, tf.reduce_max(births, 2))
    fresh = _chosen(births, (known + tf.cumsum(new, 1))[..., None])[..., 0]
    own |= {
        "label": _where(shown, _chosen(pairs + births, label[..., None])[..., 0], own["label"]),
        "away": own["away"] * (1.0 - shown),
        "order": _where(tf.reduce_max(births, 2), fresh, own["order"]),
    }
    if seen:
        own["look"] = slot_looks.remembered(slots, own["look"], pairs, births, seen)
    own["id"], now_given = _ids(slots, own, shown, steps, given)
    answer = _answer(own, shown, _chosen(pairs + births, score[..., None])[..., 0])
    answer["left_out"] = tf.cast(tf.reduce_sum(new, 1) - tf.reduce_sum(births, [1, 2]), tf.int32)
    known += tf.reduce_sum(new, 1, keepdims=True)
    return answer, own | {"counts": tf.concat([steps + 1.0, given + now_given, known], 1)}


def _answer(own, shown, score):
    """What is shown of the slots, without `left_out`. shown: 0 or 1, score: of what each was paired with, [B, S]."""
    there = shown * _as_float(own["id"] > 0)
    smooth = tf.concat([own["mean"][:, :, 0, :2], tf.maximum(own["mean"][:, :, 0, 2:], 0.0)], -1)
    return {
        "boxes_xyxy": box_ops.from_cxcywh(smooth) * there[..., None],
        "ids": tf.cast(own["id"] * there, tf.int32),
        "scores": score * there,
        "labels": tf.cast(own["label"] * there, tf.int32),
    }


def _read(slots, found):
    """(boxes as center, width and height [B, D, 4], scores [B, D], 1 where a detection counts [B, D])."""
    score = tf.cast(found["scores"], tf.float32)
    box = box_ops.to_cxcywh(tf.cast(found["boxes_xyxy"], tf.float32))
    counts = (score >= slots.low_score) & (found["labels"] >= 0) & tf.reduce_all(box[..., 2:] > 0.0, -1)
    return box, score, _as_float(counts)


def _as_float(value):
    return tf.cast(value, tf.float32)


def _where(which, new, old):
    """which: 0 or 1 [B, S]; new, old: [B, S, ...]."""
    which = tf.reshape(which, tf.concat([tf.shape(which), tf.ones([len(new.shape) - 2], tf.int32)], 0))
    return tf.where(which > 0, new, old)


def _chosen(pairs, values):
    """What each slot is paired with: [B, S, D] of at most one 1 a row, [B, D, C] -> [B, S, C]."""
    return tf.linalg.matmul(pairs, values)


def _side(box):
    """[..., 4] center, width, height -> [..., 1], the mean side, at least a pixel."""
    return tf.sqrt(tf.reduce_prod(tf.maximum(box[..., 2:], 1.0), -1, keepdims=True))


def _moved_on(slots, own, seconds):
    """Slots as they are expected to be so many seconds [B, 1] later; what is not seen keeps its size."""
    t, unit = seconds[..., None], _side(own["box"])
    value, velocity = own["mean"][:, :, 0], own["mean"][:, :, 1]
    is_seen = _as_float(own["missed"] <= 0)[..., None]
    velocity = tf.concat([velocity[..., :2], velocity[..., 2:] * is_seen], -1)
    own_value, both, own_velocity = (own["covariance"][:, :, i] for i in range(3))
    place, speed = tf.square(slots.noise_position * unit), tf.square(slots.noise_velocity * unit)
    after = (
        own_value + 2.0 * t * both + t * t * own_velocity + place * t + speed * t * t * t / 3.0,
        both + t * own_velocity + speed * t * t / 2.0,
        own_velocity + speed * t,
    )
    return own | {"mean": tf.stack([value + t * velocity, velocity], 2), "covariance": tf.stack(after, 2)}


def _associated(slots, own, found, seen):
    """[B, S, D], 1 where a slot's object is a detection: surely seen ones first, then the others, then those that are
    lost and look alike, then new objects. seen: of `slot_looks.read`, or None.
    """
    box, score, label, counts = found
    expected = own["mean"][:, :, 0]
    expected = tf.concat([expected[..., :2], tf.maximum(expected[..., 2:], 0.0)], -1)
    share = box_ops.pairwise_iou(box_ops.from_cxcywh(expected), box_ops.from_cxcywh(box))
    alike = _as_float(own["label"][:, :, None] == label[:, None]) * own["held"][:, :, None] * counts[:, None]
    high = _as_float(score >= slots.high_score)
    is_known, is_seen = _as_float(own["id"] > 0), _as_float(own["missed"] <= 0)
    weighed = share * score[:, None] if slots.weigh_by_score else share
    gain, by_look = slot_looks.gains(slots, own, share, weighed, seen) if seen else (weighed, None)
    stages = (
        (is_known, high, gain, slots.least_overlap),
        (is_known * is_seen, 1.0 - high, share, slots.least_overlap_low),
        *([(is_known * (1.0 - is_seen), high, by_look, slots.least_likeness)] if seen else []),
        (1.0 - is_known, high, share, slots.least_overlap_new),
    )
    pairs = tf.zeros_like(share)
    for rows, columns, gain, least in stages:
        free = (rows * (1.0 - tf.reduce_max(pairs, 2)))[:, :, None] * (columns * (1.0 - tf.reduce_max(pairs, 1)))[
            :, None
        ]
        pairs += greedy_pairs(gain, (free * alike > 0) & (gain >= least))
    return pairs


def _seen_now(slots, own, observed, is_paired, is_born):
    """Slots after boxes were seen [B, S, 4] in those that are paired, and begun in those that are born."""
    unit = _side(observed)
    value, both, velocity = (own["covariance"][:, :, i] for i in range(3))
    error = tf.square(slots.noise_seen * unit)
    total = value + error
    apart = observed - own["mean"][:, :, 0]
    moved = own["mean"] + tf.stack([value, both], 2) / total[:, :, None] * apart[:, :, None]
    left = error / total
    filtered = tf.stack([value * left, both * left, velocity - tf.square(both) / total], 2)
    begun = tf.stack([observed, tf.zeros_like(observed)], 2)
    first = tf.constant([[4.0 * slots.noise_seen**2], [0.0], [Noise.speed**2]]) * tf.square(unit)[:, :, None]
    first = tf.broadcast_to(first, tf.shape(filtered))
    shown = tf.maximum(is_paired, is_born)
    return own | {
        "mean": _where(is_born, begun, _where(is_paired, moved, own["mean"])),
        "covariance": _where(is_born, first, _where(is_paired, filtered, own["covariance"])),
        "box": _where(shown, observed, own["box"]),
        "held": tf.maximum(own["held"], is_born),
        "hits": _where(is_born, tf.ones_like(shown), own["hits"] + is_paired),
        "missed": _where(shown, tf.zeros_like(shown), own["missed"] + 1.0),
        "id": own["id"] * (1.0 - is_born),
    }


def _ids(slots, own, shown, steps, given):
    """(ids [B, S], how many were given now [B, 1]): in the order in which objects were first seen. In the first step
    all get one: nothing has been there before them.
    """
    often = _as_float(own["hits"] >= slots.confirm) + _as_float(steps <= 0)
    due = shown * _as_float(own["id"] <= 0) * tf.minimum(often, 1.0)
    before = _as_float(own["order"][:, None] <= own["order"][:, :, None]) * due[:, None]
    return _where(due, given + tf.reduce_sum(before, 2), own["id"]), tf.reduce_sum(due, 1, keepdims=True)
