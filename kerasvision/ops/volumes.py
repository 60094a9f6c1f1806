"""Resize, move and cut volumes.

A sample of a volume has `volume` float32 [D, H, W, C], `spacing_mm` float32 [3], the sides of a voxel along D, H and W,
and maybe `mask` uint8 [D, H, W] of class ids.

Coordinates are millimeters in the order D, H, W, measured from the center of the volume: the center of voxel i lies at
(i - (size - 1) / 2) * spacing. A `matrix` is float32 [3, 4] (or [4, 4]) and takes original to augmented coordinates:
`augmented = matrix @ (d, h, w, 1)`. A `displacement` is float32 [D, H, W, 3] in millimeters at the centers of the
augmented volume's voxels: what is seen at p comes from `inverse(matrix) @ (p + displacement(p))`, as in `ops.resample`.
A turn in these coordinates is rigid for the patient also where voxels are no cubes.
"""

import tensorflow as tf

from kerasvision.ops.dense import IGNORE


def size_dhw(sample):
    """int32 [3]."""
    return tf.shape(sample["volume"])[:3]


def minimum(volume):
    """The least value of each channel: what air is, in most modalities. float32 [..., C] -> [C]."""
    return tf.reduce_min(volume, axis=list(range(volume.shape.rank - 1)))


def resize(volume, size_dhw, smooth=True):
    """Trilinear, or nearest unless smooth; centers of voxels are halves, as in `tf.image.resize`; the border repeats.

    volume: float32 [B, D, H, W, C] (nearest: any type that `tf.image.resize` knows). size_dhw: three ints or int32 [3].
    """
    method = "bilinear" if smooth else "nearest"
    _, depth, height, width, channels = _sides(volume)
    new_depth, new_height, new_width = size_dhw if isinstance(size_dhw, (tuple, list)) else tf.unstack(size_dhw)
    planes = tf.reshape(volume, [-1, height, width, channels])
    planes = tf.image.resize(planes, tf.stack([new_height, new_width]), method)
    # trilinear is linear along one axis after the other, so a plane of H x W may stand as one long row
    rows = tf.reshape(planes, [-1, depth, new_height * new_width, channels])
    rows = tf.image.resize(rows, tf.stack([new_depth, new_height * new_width]), method)
    return tf.reshape(rows, [-1, new_depth, new_height, new_width, channels])


def _sides(values):
    """Sides of a tensor: ints where they are known while a graph is traced."""
    dynamic = tf.shape(values)
    return [dynamic[i] if side is None else side for i, side in enumerate(values.shape)]


def rotation(angles_rad):
    """Matrix of turns about D, then H, then W: float32 [3, 3]. About D, H turns to W; about H, W to D; about W, D to H.

    angles_rad: float32 [3].
    """
    turned = tf.eye(3)
    for axis in range(3):
        cos, sin = tf.cos(angles_rad[axis]), tf.sin(angles_rad[axis])
        block = tf.stack([1.0, 0.0, 0.0, 0.0, cos, -sin, 0.0, sin, cos])
        # written for D; the other axes follow in a circle
        turned = tf.roll(tf.reshape(block, [3, 3]), [axis, axis], [0, 1]) @ turned
    return turned


def warp(sample, matrix, displacement=None, fill=None, mask_fill=IGNORE):
    """Move `volume` (trilinear) and `mask` (nearest) as one; size and spacing stay.

    matrix, displacement: as above; float32. fill: value of the volume beyond its border, a scalar or [C]; its minimum
    (of each channel) unless given. mask_fill: of the mask there.
    """
    volume = sample["volume"]
    rasters = {"volume": _framed(volume, minimum(volume) if fill is None else fill)}
    if "mask" in sample:
        rasters["mask"] = _framed(sample["mask"][..., None], mask_fill)
    index, into = _index_map(sample, matrix)
    size = size_dhw(sample)

    def plane(z):
        at = index(tf.cast(z, tf.float32))
        if displacement is not None:
            at += tf.linalg.matvec(into, displacement[z])
        # beyond the frame everything is `fill`
        at = tf.unstack(tf.clip_by_value(at, -1.0, tf.cast(size, tf.float32)) + 1.0, axis=-1)
        return {k: _take(raster, at, smooth=k == "volume") for k, raster in rasters.items()}

    # a plane at a time: coordinates of all voxels at once would take many times the memory of the volume
    kinds = {k: tf.TensorSpec([None, None, r.shape[-1]], r.dtype) for k, r in rasters.items()}
    moved = tf.map_fn(plane, tf.range(size[0]), fn_output_signature=kinds)
    if "mask" in moved:
        moved["mask"] = moved["mask"][..., 0]
    return sample | {k: tf.ensure_shape(v, sample[k].shape) for k, v in moved.items()}


def _index_map(sample, matrix):
    """Where the voxels of an augmented plane lie in the original, in indices.

    Returns a function of the plane's number z -> float32 [H, W, 3], and the matrix from displacements in mm to indices.
    """
    spacing = sample["spacing_mm"]
    inverse = tf.linalg.inv(matrix[:3, :3])
    into = inverse / spacing[:, None]
    linear = inverse * spacing / spacing[:, None]  # of an identity: exactly one, so it keeps every value
    size = tf.cast(size_dhw(sample), tf.float32)
    center = (size - 1.0) / 2.0
    origin = center - tf.linalg.matvec(into, matrix[:3, 3])
    rows = (tf.range(size[1]) - center[1])[:, None, None] * linear[:, 1]
    columns = (tf.range(size[2]) - center[2])[:, None] * linear[:, 2]
    return lambda z: origin + ((z - center[0]) * linear[:, 0] + rows + columns), into


def _framed(raster, fill):
    """A raster [D, H, W, C] within a frame of `fill`, so that every index from -1 to the size has its neighbors."""
    return _pad(raster, tf.constant([[1, 2]] * 3), fill)


def _take(framed, index, smooth):
    """Values of a framed raster at indices, three of [H, W] that count from the frame's corner -> [H, W, C]."""
    _, height, width, channels = tf.unstack(tf.shape(framed))
    rows, strides = tf.reshape(framed, [-1, channels]), (height * width, width)
    if not smooth:
        z, y, x = (tf.cast(tf.floor(i + 0.5), tf.int32) for i in index)
        return tf.gather(rows, z * strides[0] + y * strides[1] + x)
    whole = [tf.floor(i) for i in index]
    part = [(i - w)[..., None] for i, w in zip(index, whole, strict=True)]
    z, y, x = (tf.cast(w, tf.int32) for w in whole)

    def along(first, second, axis):
        return first + part[axis] * (second - first)

    def row(at):
        return along(tf.gather(rows, at), tf.gather(rows, at + 1), 2)

    def plane(at):
        return along(row(at), row(at + strides[1]), 1)

    at = z * strides[0] + y * strides[1] + x
    return along(plane(at), plane(at + strides[0]), 0)


def crop_or_pad(sample, start, size, fill=None, mask_fill=IGNORE):
    """Cut the window of `size` voxels that begins at voxel `start`; it may lie partly or wholly outside.

    start, size: int32 [3], D, H, W; ints where the size is to be known while a graph is traced. fill, mask_fill: as in
    `warp`.
    """
    volume = sample["volume"]
    moved = {"volume": cut(volume, start, size, minimum(volume) if fill is None else fill)}
    if "mask" in sample:
        moved["mask"] = cut(sample["mask"], start, size, mask_fill)
    return sample | moved


def cut(values, start, size, fill):
    """A window of the first axes of an array, `fill` where it lies outside. start, size: int32, one an axis cut."""
    start, wanted = tf.convert_to_tensor(start, tf.int32), tf.convert_to_tensor(size, tf.int32)
    axes = wanted.shape[0]
    room = tf.shape(values)[:axes]
    first, last = tf.clip_by_value(start, 0, room), tf.clip_by_value(start + wanted, 0, room)
    rest = tf.zeros([values.shape.rank - axes], tf.int32)
    kept = tf.slice(values, tf.concat([first, rest], 0), tf.concat([last - first, rest - 1], 0))
    before = tf.clip_by_value(-start, 0, wanted)
    padded = _pad(kept, tf.stack([before, wanted - before - (last - first)], axis=1), fill)
    static = [tf.get_static_value(side) for side in tf.unstack(wanted)]
    return tf.ensure_shape(padded, [*static, *values.shape[axes:]])


def _pad(values, pads, fill):
    """pads: int32 [axes, 2] of the first axes. fill: a scalar, or one value a channel."""
    fill = tf.cast(fill, values.dtype)
    pads = tf.concat([pads, tf.zeros([values.shape.rank - pads.shape[0], 2], tf.int32)], 0)
    if fill.shape.rank == 0:
        return tf.pad(values, pads, constant_values=fill)
    outside = tf.pad(tf.zeros_like(values[..., :1]), pads, constant_values=1)
    return tf.pad(values, pads) + outside * fill  # 0 or 1 times: exact


def separable(coefficients, weights):
    """Sum over i, j, k of coefficients[i, j, k] w0[d, i] w1[h, j] w2[w, k]: a smooth field from a few numbers.

    coefficients: float32 [I, J, K, C]. weights: float32 [D, I], [H, J] and [W, K] -> float32 [D, H, W, C].
    """
    field = coefficients
    for weight in weights[::-1]:  # each comes out as the first axis, so the next to go in is always the third
        field = tf.tensordot(weight, field, [[1], [2]])
    return field


def spline_weights(count, step):
    """Cubic B-spline weights of random control points, for a field of their own standard deviation everywhere.

    count: of samples; step: between samples, in units of the control points' spacing; scalars. -> float32 [count, K]
    for K control points, each row of unit length (a B-spline's own weights add to one, which makes a sum of independent
    numbers a third as strong in three dimensions).
    """
    at = tf.range(tf.cast(count, tf.float32)) * step
    base = tf.floor(at)
    t = (at - base)[:, None]
    parts = [(1.0 - t) ** 3, 3.0 * t**3 - 6.0 * t**2 + 4.0, 1.0 + 3.0 * t + 3.0 * t**2 - 3.0 * t**3, t**3]
    parts = tf.math.l2_normalize(tf.concat(parts, axis=1), axis=1)  # [count, 4]
    near = tf.cast(base, tf.int32)[:, None] + tf.range(4)
    return tf.einsum("nf,nfk->nk", parts, tf.one_hot(near, near[-1, -1] + 1))
