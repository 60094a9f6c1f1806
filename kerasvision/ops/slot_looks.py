"""What the objects of `ops.slots` look like, in pure TensorFlow: a running mean each, as in BoT-SORT.

"BoT-SORT: Robust Associations Multi-Pedestrian Tracking" (Aharon et al. 2022, arXiv:2206.14651), equations 11 to 13.
"""

import tensorflow as tf


def read(slots, found, box, score, counts):
    """(looks [B, D, E], 1 where one counts [B, D]) of detections: of `high_score` or more, by quality: the score
    times the share of the box that no other covers. box: center, width, height; counts: 0 or 1.
    """
    low, high = box[..., :2] - box[..., 2:] / 2.0, box[..., :2] + box[..., 2:] / 2.0
    sides = tf.minimum(high[:, :, None], high[:, None]) - tf.maximum(low[:, :, None], low[:, None])
    shared = tf.reduce_prod(tf.nn.relu(sides), -1)
    others = counts[:, None] * (1.0 - tf.eye(box.shape[1]))
    covered = tf.reduce_max(shared * others, 2) / tf.maximum(tf.reduce_prod(box[..., 2:], -1), 1e-6)
    good = tf.cast(score * (1.0 - covered) >= slots.look_quality, tf.float32)
    good *= tf.cast(tf.reduce_max(tf.abs(found["looks"]), -1) > 0.0, tf.float32)
    return found["looks"], good * counts * tf.cast(score >= slots.high_score, tf.float32)


def gains(slots, own, share, weighed, seen):
    """([B, S, D] how well slots and detections go together by overlap and by looks, below 0 where a lost object looks
    unlike; [B, S, D] cosines, 0 where nothing is known). own: `look` [B, S, E] and `missed` [B, S]; share: IoU, and
    weighed: what it counts.
    """
    own, is_lost = own["look"], (own["missed"] > 0.0)[:, :, None]
    looks, good = seen
    known = tf.cast(tf.reduce_sum(tf.abs(own), -1) > 0.0, tf.float32)[:, :, None] * good[:, None]
    cosines = tf.linalg.matmul(own, looks, transpose_b=True) * known
    counts = (cosines >= slots.least_likeness) & (share >= slots.least_near)
    gain = tf.where(counts, tf.maximum(weighed, (1.0 + cosines) / 2.0), weighed)
    return tf.where(is_lost & (known > 0.0) & (cosines < slots.unlike), -1.0, gain), cosines


def remembered(slots, own, pairs, births, seen):
    """[B, S, E] after a frame. pairs, births: 0 or 1 [B, S, D]: what slots were seen as, and what begins in them."""
    looks, good = seen
    now = tf.linalg.matmul((pairs + births) * good[:, None], looks)
    is_seen = tf.reduce_max((pairs + births) * good[:, None], 2)[..., None]
    held = own * (1.0 - tf.reduce_max(births, 2))[..., None]  # of who was in the slot before
    is_known = tf.cast(tf.reduce_sum(tf.abs(held), -1, keepdims=True) > 0.0, tf.float32)
    kept = slots.momentum * is_known
    mixed = kept * held + (1.0 - kept) * now
    length = tf.sqrt(tf.reduce_sum(tf.square(mixed), -1, keepdims=True))
    return tf.where(is_seen > 0.0, mixed / tf.maximum(length, 1e-6), held)
