"""Balls around pictures by three norms: how far a change reaches, the way back, and the steepest way up.

Pictures and changes are float32 [B, ...], pixels 0..1. A norm is one of an example's change over all its values.
"""

import typing

import numpy as np
import tensorflow as tf

Norm = typing.Literal["linf", "l2", "l1"]


def length(change, norm):
    """The norm of each example's change, [B]. numpy or tensor in, numpy out; summed in float64."""
    rows = np.abs(np.asarray(change, np.float64).reshape(len(change), -1))
    if norm == "linf":
        return rows.max(1)
    return rows.sum(1) if norm == "l1" else np.sqrt(np.square(rows).sum(1))


def projected(change, radius, norm):
    """The nearest change whose norm is at most `radius`."""
    if norm == "linf":
        return tf.clip_by_value(change, -radius, radius)
    rows = tf.reshape(change, (tf.shape(change)[0], -1))
    if norm == "l2":
        size = tf.norm(rows, axis=1, keepdims=True)
        rows *= tf.minimum(1.0, radius / tf.maximum(size, 1e-12))
    else:
        rows = _on_simplex(rows, radius)
    return tf.reshape(rows, tf.shape(change))


def _on_simplex(rows, radius):
    """ "Efficient Projections onto the l1-Ball for Learning in High Dimensions" (Duchi et al. 2008,
    doi:10.1145/1390156.1390191, figure 1): every value loses the same size.
    """
    sizes = tf.abs(rows)
    falling = tf.sort(sizes, 1, "DESCENDING")
    places = tf.range(1, tf.shape(rows)[1] + 1, dtype=rows.dtype)
    over = (tf.cumsum(falling, 1) - radius) / places
    last = tf.reduce_sum(tf.cast(falling > over, tf.int32), 1) - 1
    lost = tf.gather(over, tf.maximum(last, 0), batch_dims=1)[:, None]
    outside = tf.reduce_sum(sizes, 1, keepdims=True) > radius
    return tf.where(outside, tf.sign(rows) * tf.nn.relu(sizes - lost), rows)


def steepest(slope, image, size, norm):
    """The change of a norm of at most `size` along which a score of this slope rises most, where pixels have to stay
    within 0..1. By L2 they may leave it, and the caller clips them. By L1 the values with the largest slopes go as far
    as they can, one after the other, which is the exact answer for a linear score.
    """
    if norm == "linf":
        return size * tf.sign(slope)
    rows = tf.reshape(slope, (tf.shape(slope)[0], -1))
    if norm == "l2":
        change = size * rows / tf.maximum(tf.norm(rows, axis=1, keepdims=True), 1e-12)
        return tf.reshape(change, tf.shape(slope))
    pixels = tf.reshape(image, tf.shape(rows))
    room = tf.where(rows > 0, 1.0 - pixels, tf.where(rows < 0, pixels, 0.0))
    order = tf.argsort(tf.abs(rows), 1, "DESCENDING")
    there = tf.gather(room, order, batch_dims=1)
    spent = tf.clip_by_value(size - tf.cumsum(there, 1, exclusive=True), 0.0, there)
    back = tf.argsort(order, 1)
    return tf.reshape(tf.sign(rows) * tf.gather(spent, back, batch_dims=1), tf.shape(slope))


def to_plane(images, slopes, rises, norm):
    """The smallest changes, numpy float32, by which linear scores rise as far as `rises` says within pixels of 0..1;
    where no pixels rise that far, the change that comes nearest.

    slopes: of each score, as images. rises: [B]; below 0 they fall.
    """
    sign = np.where(np.asarray(rises) < 0, -1.0, 1.0)
    flat = np.asarray(slopes, np.float64).reshape(len(slopes), -1) * sign[:, None]
    pixels = np.asarray(images, np.float64).reshape(flat.shape)
    room = np.where(flat > 0, 1 - pixels, np.where(flat < 0, pixels, 0.0))
    gain = np.abs(flat)
    sizes = _least_by_l1(room, gain, np.abs(rises)) if norm == "l1" else _least(room, gain, np.abs(rises), norm)
    return (np.sign(flat) * sizes).reshape(np.shape(images)).astype(np.float32)


def _least(room, gain, rises, norm):
    """Each value moves by t (Linf) or t times its gain (L2), at most by its room: t is where the gains' sum is met.

    That sum bends where a value has no room left and is straight in between, so a few of Newton's steps from 0 end on
    it exactly: none goes beyond, and the last one passes no bend.
    """
    speed = np.maximum(gain if norm == "l2" else np.ones_like(gain), 1e-300)
    ends, rate, t = room / speed, gain * speed, np.zeros(len(room))
    open_rows = np.flatnonzero(rises > 0)
    moving = ends[open_rows] > 0
    while len(open_rows):
        here = t[open_rows, None] * speed[open_rows]
        left = rises[open_rows] - (gain[open_rows] * np.minimum(room[open_rows], here)).sum(1)
        slope = (rate[open_rows] * moving).sum(1)
        t[open_rows] = np.where(slope > 0, t[open_rows] + np.maximum(left, 0) / np.maximum(slope, 1e-300), np.inf)
        still = ends[open_rows] > t[open_rows, None]
        bent = (still != moving).any(1) & (slope > 0)
        open_rows, moving = open_rows[bent], still[bent]
    return np.minimum(t[:, None] * speed, room)


def _least_by_l1(room, gain, rises):
    """Values with the largest gains go to their ends, one after the other, until the sum is met."""
    order = np.argsort(-gain, 1, kind="stable")
    there, slope = np.take_along_axis(room, order, 1), np.take_along_axis(gain, order, 1)
    before = np.cumsum(there * slope, 1) - there * slope
    spent = np.clip((rises[:, None] - before) / np.maximum(slope, 1e-300), 0, there)
    found = np.empty_like(room)
    np.put_along_axis(found, order, spent, 1)
    return found


def drawn(shape, radius, norm, random):
    """A random change within the ball, float32: by Linf each value evenly, else a random direction and a length that is
    even by volume (L2) or even (L1). random: a numpy Generator.
    """
    if norm == "linf":
        return random.uniform(-radius, radius, shape).astype(np.float32)
    rows = random.normal(size=(shape[0], int(np.prod(shape[1:])))) if norm == "l2" else _laplace(shape, random)
    far = random.uniform(size=(shape[0], 1)) ** (1 / rows.shape[1] if norm == "l2" else 1)
    rows *= radius * far / np.maximum(length(rows, norm), 1e-12)[:, None]
    return rows.reshape(shape).astype(np.float32)


def drawn_at(shape, radius, norm, seed):
    """The same by TensorFlow's stateless draws, Linf or L2. shape: int32 [4], known when it runs. seed: int32 [2]."""
    if norm == "linf":
        return tf.random.stateless_uniform(shape, seed, -radius, radius)
    count = tf.reduce_prod(shape[1:])
    rows = tf.random.stateless_normal(tf.stack([shape[0], count]), seed)
    far = tf.random.stateless_uniform(tf.stack([shape[0], 1]), seed + 1) ** (1.0 / tf.cast(count, tf.float32))
    return tf.reshape(radius * far * rows / tf.maximum(tf.norm(rows, axis=1, keepdims=True), 1e-12), shape)


def _laplace(shape, random):
    return random.laplace(size=(shape[0], int(np.prod(shape[1:]))))


def inside(image, moved, radius, norm):
    """Pictures that were moved, back in 0..1 and in the ball around the first ones."""
    near = image + projected(moved - image, radius, norm)
    return tf.clip_by_value(near, 0.0, 1.0)


def ascended(images, moved, slope, size, radius, norm):
    """Moved pictures after one step of a size along a slope, back in 0..1 and in the ball around the first ones."""
    step = steepest(slope, moved, size, norm)
    return inside(images, tf.clip_by_value(moved + step, 0.0, 1.0), radius, norm)
