"""How a camera has moved between two frames, from corners that both show. numpy and scipy.

Corners are those of Shi and Tomasi (1994, doi:10.1109/CVPR.1994.323794), found again by their surroundings (normalized
cross-correlation, refined to parts of a pixel), and a similarity (a shift, a turn, a scale) is fitted to most of them
by RANSAC (Fischler and Bolles 1981, doi:10.1145/358669.358692), then to all that agree by least squares.
"""

import numpy as np
from scipy import ndimage

STAY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
LONGEST_PX = 320  # of a side that is looked at; larger pictures shrink by whole numbers
_PATCH = 7  # pixels around a corner that are compared, to each side
_REACH = 24  # pixels that a corner may have moved, along an axis
_ALIKE = 0.8  # correlation from which two corners may be one
_AGREES_PX = 1.5
_TRIES = 200
_LEAST = 8  # corners that must agree
_MOST = 80


def gray_of(image):
    """(float32 [h, w], by how much it shrank): what is looked at of uint8 [H, W, 3]."""
    step = max(1, -(-max(image.shape[:2]) // LONGEST_PX))
    h, w = (side // step * step for side in image.shape[:2])
    light = image[:h, :w].astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    return light.reshape(h // step, step, w // step, step).mean((1, 3)), step


def motion(before, after, apart=()):
    """float64 [2, 3]: the similarity that brings a point (x, y, 1) of one gray picture to where the other shows it.

    before, after: float32 [h, w] of one size. apart: [N, 4] boxes of `before` whose corners do not count: what moves by
    itself. Where fewer than eight corners, or fewer than a third of those found again, agree, it is taken to stay.
    """
    corners = _corners(before, apart)
    if len(corners) < _LEAST:
        return STAY.copy()
    found, kept = _found_again(before, after, corners)
    corners, found = corners[kept].astype(np.float64), found[kept]
    agree = _consensus(corners, found)
    if agree.sum() < max(_LEAST, len(corners) / 3):
        return STAY.copy()
    for _ in range(2):
        fitted = similarity(corners[agree], found[agree])
        agree = np.linalg.norm(moved(fitted, corners) - found, axis=1) <= _AGREES_PX
    return fitted


def similarity(source, target):
    """float64 [2, 3] by least squares, of [N, 2] points (Umeyama 1991, doi:10.1109/34.88573, in two dimensions)."""
    middle, goal = source.mean(0), target.mean(0)
    a, b = source - middle, target - goal
    spread = (a**2).sum()
    along, across = (a * b).sum() / spread, (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / spread
    turn = np.array([[along, -across], [across, along]])
    return np.concatenate([turn, (goal - turn @ middle)[:, None]], 1)


def moved(similar, points):
    """[N, 2] points after a similarity."""
    return points @ similar[:, :2].T + similar[:, 2]


def in_pixels(similar, step):
    """The same of a picture that was `step` times as large."""
    middle = (step - 1) / 2  # of the first block of pixels
    shift = similar[:, 2] * step + middle - similar[:, :2] @ np.array([middle, middle])
    return np.concatenate([similar[:, :2], shift[:, None]], 1)


def _corners(gray, apart):
    """int [N, 2], x and y of the best corners, one in each cell of a grid, away from the border."""
    dy, dx = np.gradient(ndimage.gaussian_filter(gray, 1.0))
    xx, yy, xy = (ndimage.uniform_filter(v, 5) for v in (dx * dx, dy * dy, dx * dy))
    score = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)  # the smaller eigenvalue
    score[score < ndimage.maximum_filter(score, 7)] = 0
    margin = _PATCH + 1
    score[:margin], score[-margin:], score[:, :margin], score[:, -margin:] = 0, 0, 0, 0
    for x1, y1, x2, y2 in np.asarray(apart, float).reshape(-1, 4):
        score[max(0, int(y1)) : max(0, int(np.ceil(y2))), max(0, int(x1)) : max(0, int(np.ceil(x2)))] = 0
    rows, columns = np.nonzero(score > max(1.0, 0.01 * score.max(initial=0)))
    order = np.argsort(-score[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    h, w = gray.shape
    cell = (rows * 8 // h) * 10 + columns * 10 // w
    _, first = np.unique(cell, return_index=True)
    return np.stack([columns, rows], 1)[np.sort(first)][:_MOST]


def _patches(gray, corners, reach):
    size = 2 * reach + 1
    padded = np.pad(gray, reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    return windows[corners[:, 1], corners[:, 0]].astype(np.float64)


def _found_again(before, after, corners):
    """([N, 2] where each corner is in the other picture, bool [N] whether it is surely there)."""
    looks, areas = _patches(before, corners, _PATCH), _patches(after, corners, _PATCH + _REACH)
    looks = looks - looks.mean((1, 2), keepdims=True)
    size, places, likeness = 2 * _PATCH + 1, [], []
    whole, count = areas.shape[1:], 2 * _REACH + 1
    product = np.fft.irfft2(np.fft.rfft2(areas) * np.conj(np.fft.rfft2(looks, whole)), whole)[:, :count, :count]
    mean, square = _sums(areas, size) / size**2, _sums(areas**2, size)
    spread = np.maximum(square - size**2 * mean**2, 1.0) * np.maximum((looks**2).sum((1, 2)), 1.0)[:, None, None]
    for value in product / np.sqrt(spread):
        y, x = np.unravel_index(value.argmax(), value.shape)
        places.append((x - _REACH + _peak(value[y], x), y - _REACH + _peak(value[:, x], y)))
        likeness.append(value[y, x])
    return corners + np.array(places), np.array(likeness) >= _ALIKE


def _sums(values, size):
    """[N, H, W] -> of each square of that side, [N, H - size + 1, W - size + 1]."""
    whole = np.pad(values, ((0, 0), (1, 0), (1, 0))).cumsum(1).cumsum(2)
    return whole[:, size:, size:] - whole[:, :-size, size:] - whole[:, size:, :-size] + whole[:, :-size, :-size]


def _peak(row, at):
    """How far the top of a parabola through three values is from the middle one."""
    if not 0 < at < len(row) - 1:
        return 0.0
    left, middle, right = row[at - 1 : at + 2]
    bend = left - 2 * middle + right
    return float(np.clip((left - right) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def _consensus(source, target):
    """bool [N], the points that the similarity through two of them fits, of the pair that most agree with."""
    count, best = len(source), np.zeros(len(source), bool)
    if count < 2:
        return best
    rng = np.random.default_rng(0)  # of this call alone: equal pictures give equal answers
    for _ in range(_TRIES):
        i, j = rng.choice(count, 2, replace=False)
        if np.linalg.norm(source[i] - source[j]) < 8:
            continue
        apart = moved(similarity(source[[i, j]], target[[i, j]]), source) - target
        agree = np.linalg.norm(apart, axis=1) <= _AGREES_PX
        if agree.sum() > best.sum():
            best = agree
    return best
