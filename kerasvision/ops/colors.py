"""What a part of a picture looks like by its colors alone: a histogram, in pure TensorFlow of builtin operators.

Color indexing (Swain and Ballard 1991, doi:10.1007/BF00130487), with bins that overlap by half, so that nothing jumps,
compared by the coefficient of Bhattacharyya (1943): roots of histograms are unit vectors, and their cosine is that.
"""

import tensorflow as tf

BINS = 4  # of each channel
SIZE = BINS**3
_POINTS = 12  # along a side of a box
_INNER = 0.8  # of a box's sides, for its border shows what is behind


def color_looks(image, boxes_xyxy):
    """Float32 [B, N, 64], unit vectors.

    image: uint8 or float [B, H, W, 3] of 0 to 255, H and W known. boxes_xyxy: float32 [B, N, 4], pixels; what lies
    outside of the picture is as its border.
    """
    if not boxes_xyxy.shape[1]:
        return tf.zeros([len(boxes_xyxy), 0, SIZE])
    colors = _sampled(image, boxes_xyxy) * ((BINS - 1) / 255.0)
    knots = tf.range(BINS, dtype=tf.float32)
    weights = tf.nn.relu(1.0 - tf.abs(colors[..., None] - knots))  # [B, N, P, 3, BINS]
    red, green, blue = tf.unstack(weights, axis=3)
    both = red[..., None] * green[..., None, :]
    count, points = boxes_xyxy.shape[1], _POINTS**2
    both = tf.reshape(both, [-1, count, points, BINS**2])
    counted = tf.linalg.matmul(both, blue, transpose_a=True) / points
    return tf.sqrt(tf.reshape(counted, [-1, count, SIZE]))


def _sampled(image, boxes_xyxy):
    """Float32 [B, N, P, 3]: colors at a grid of points within each box, by bilinear interpolation."""
    _, height, width, channels = image.shape
    low, high = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    steps = ((tf.range(_POINTS, dtype=tf.float32) + 0.5) / _POINTS - 0.5) * _INNER
    at = (low + high)[..., None] / 2.0 + (high - low)[..., None] * steps - 0.5  # [B, N, 2, points], pixels' centers
    x, y = (tf.clip_by_value(at[:, :, i], 0.0, side - 1.0) for i, side in enumerate((width, height)))
    count, left, up = boxes_xyxy.shape[1], tf.floor(x), tf.floor(y)
    flat = tf.reshape(image, [-1, height * width, channels])

    def at_corner(right, down):
        column, row = tf.minimum(left + right, width - 1.0), tf.minimum(up + down, height - 1.0)
        place = tf.cast(row[..., None] * width + column[:, :, None], tf.int32)
        found = tf.gather(flat, tf.reshape(place, [-1, count * _POINTS**2]), axis=1, batch_dims=1)
        return tf.reshape(tf.cast(found, tf.float32), [-1, count, _POINTS, _POINTS, channels])

    along_x, along_y = (x - left)[:, :, None, :, None], (y - up)[:, :, :, None, None]
    upper = at_corner(0.0, 0.0) * (1.0 - along_x) + at_corner(1.0, 0.0) * along_x
    lower = at_corner(0.0, 1.0) * (1.0 - along_x) + at_corner(1.0, 1.0) * along_x
    return tf.reshape(upper * (1.0 - along_y) + lower * along_y, [-1, count, _POINTS**2, channels])
