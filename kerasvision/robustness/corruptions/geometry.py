"""Another place of the camera: our own constants. What was not in the image is black; boxes and masks move along."""

import numpy as np

from kerasvision.robustness.corruptions.base import corruption, sampled, still_places


def turned(image, matrix, shift=(0.0, 0.0)):
    """(image, places) of an affine map: each pixel shows what stands at matrix @ (its place from the middle) + shift,
    in pixels (y, x).
    """
    middle = (np.array(image.shape[:2]) - 1) / 2
    places = (still_places(image.shape) - middle) @ np.asarray(matrix, float).T + middle + shift
    return sampled(image, places), places


@corruption("geometry", moves=True)
def rotation(image, severity, random):
    """Turned about its middle by 5 to 30 degrees, to either side."""
    angle = np.deg2rad((5, 10, 15, 20, 30)[severity - 1]) * random.choice((-1, 1))
    return turned(image, ((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))


@corruption("geometry", moves=True)
def translation(image, severity, random):
    """Moved in any direction by 4 to 20 % of its shorter side."""
    angle, far = random.uniform(0, 2 * np.pi), (0.04, 0.08, 0.12, 0.16, 0.2)[severity - 1] * min(image.shape[:2])
    return turned(image, np.eye(2), far * np.array((np.sin(angle), np.cos(angle))))


@corruption("geometry", moves=True)
def shrinking(image, severity, random):
    """As from further away: 0.9 to 0.5 of its size."""
    return turned(image, np.eye(2) / (0.9, 0.8, 0.7, 0.6, 0.5)[severity - 1])


@corruption("geometry", moves=True)
def shear(image, severity, random):
    """Its rows slide by 5 to 25 degrees, to either side."""
    slope = np.tan(np.deg2rad(5 * severity)) * random.choice((-1, 1))
    return turned(image, ((1, 0), (slope, 1)))


@corruption("geometry", moves=True)
def perspective(image, severity, random):
    """Seen from aside: each corner moves inwards by up to 5 to 25 % of the sides."""
    height, width = image.shape[:2]
    sides = np.array((height, width), float)
    corners = np.array(((0, 0), (0, 1), (1, 1), (1, 0))) * sides
    inwards = random.uniform(0, 0.05 * severity, (4, 2)) * sides * np.array(((1, 1), (1, -1), (-1, -1), (-1, 1)))
    matrix = homography(corners + inwards, corners)
    spots = np.concatenate([still_places(image.shape) + 0.5, np.ones((height, width, 1))], -1) @ matrix.T
    places = spots[..., :2] / spots[..., 2:] - 0.5
    return sampled(image, places), places


def homography(start, end):
    """The matrix [3, 3] that takes four points (y, x) to four others, up to their third number."""
    rows, values = [], []
    for (y, x), (v, u) in zip(start, end, strict=True):
        rows += [[y, x, 1, 0, 0, 0, -v * y, -v * x], [0, 0, 0, y, x, 1, -u * y, -u * x]]
        values += [v, u]
    return np.append(np.linalg.solve(rows, values), 1).reshape(3, 3)
