"""Lines of text cut out of a picture and set straight, by bilinear gathers. On the host, by numpy.

Coordinates are pixels measured from the outer corner of the first one, as in `ops.resample`.
"""

import numpy as np

MOST_PIXELS = 2**24  # of a strip and of what is averaged for it


def perspective(quad_xy, size_wh):
    """float64 [3, 3]: takes (x, y, 1) of a strip [0, w] x [0, h] to the quad in the picture, corner to corner.

    quad_xy: [4, 2], the corners of the strip from the upper left one on, clockwise. The eight unknowns of a map between
    planes by its four pairs of points (R. Hartley and A. Zisserman, Multiple View Geometry, 2004, section 4.1).
    """
    quad, (w, h) = np.asarray(quad_xy, np.float64), size_wh
    rows, right = [], []
    for (x, y), (u, v) in zip(((0, 0), (w, 0), (w, h), (0, h)), quad, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(np.array(rows, np.float64), np.array(right)), 1.0).reshape(3, 3)


def moved(matrix, points_xy):
    """[..., 2]: points of the strip in the picture. matrix: of `perspective`."""
    held = np.asarray(points_xy, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return held[..., :2] / held[..., 2:]


def rectified(image, quad_xy, size_wh):
    """uint8 [h, w, 3]: what a quad of a picture shows. image: uint8 [H, W, 3]. Beyond the picture its border goes on.

    Where the picture has more than two pixels for one of the strip, an even grid of samples is averaged, as
    `ops.geometry` averages what it shrinks.
    """
    (w, h), matrix = size_wh, perspective(quad_xy, size_wh)
    corners = np.asarray(quad_xy, np.float64)
    sides = np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1)
    # samples for a pixel of the strip, along it and down
    per_x, per_y = (_samples(max(sides[i], sides[i + 2]) / side) for i, side in ((0, w), (1, h)))
    while w * h * per_x * per_y > MOST_PIXELS and max(per_x, per_y) > 1:
        per_x, per_y = max(1, per_x - 1), max(1, per_y - 1)
    x, y = (np.arange(n * per) + 0.5 for n, per in ((w, per_x), (h, per_y)))
    points = np.stack(np.meshgrid(x / per_x, y / per_y), -1)
    pixels = _bilinear(image, moved(matrix, points))
    means = pixels.reshape(h, per_y, w, per_x, 3).mean((1, 3))
    return np.clip(np.round(means), 0, 255).astype(np.uint8)


def _samples(ratio):
    return int(np.ceil(ratio)) if ratio > 2 else 1


def _bilinear(image, points_xy):
    """float32 [..., 3] at points of a picture."""
    height, width = image.shape[:2]
    x, y = (np.clip(points_xy[..., i] - 0.5, 0, side - 1) for i, side in ((0, width), (1, height)))
    x0, y0 = x.astype(np.int64), y.astype(np.int64)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    u, v = (np.float32(a - b)[..., None] for a, b in ((x, x0), (y, y0)))
    upper = image[y0, x0] * (1 - u) + image[y0, x1] * u
    lower = image[y1, x0] * (1 - u) + image[y1, x1] * u
    return upper * (1 - v) + lower * v
