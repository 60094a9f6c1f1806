"""Pictures that are part of others: cropped, or whole within a frame or above a caption. numpy, scipy and Pillow.

Points that stand out at their own scale (Lindeberg 1998, "Feature Detection with Automatic Scale Selection",
doi:10.1023/A:1008045108935) are described by 64 comparisons of what is around them, as dHash describes a whole picture.
Points of two pictures with nearly equal bits vote for one scale and shift; the pair counts once the pixels that both
show agree. Upright copies alone: neither what is mirrored nor what is turned.
"""

import dataclasses
import itertools

import numpy as np
from PIL import Image
from scipy import ndimage

from kerasvision.data.inspect import duplicates

SIDE = 320  # the longer one, pixels, at which pictures are compared
SCALES = 2.0 * 2.0 ** (np.arange(9) / 3.0)  # standard deviations, pixels
POINTS, CONTRAST = 150, 2.0  # at most so many of a picture; the least difference of two scales, in gray levels
REACH = 6.0  # half the side of what is described, in standard deviations
MAX_BITS = 10  # of 64 that may differ between two points
LEAST_VOTES = 5  # points that agree in a scale and a shift
NEAR = 0.03  # of a side, that a point may be away from where the others say it is
MIN_CORRELATION = 0.97  # of what both pictures show, smoothed
LEAST_SHARE = 0.2  # of either picture's area that both show, at least
EDGE = 0.025  # of a side: what a border may differ by
PLAIN_WITHIN, PLAIN_SHARE = 16, 0.6  # gray levels about its median; the share of a border within them that is plain
MOST_VOTES = 1000  # points of two pictures that agree, of which each is held against each; of more, evenly chosen
MOST_PICTURES = 10_000  # whose gray pixels and points fit into a gigabyte
NEARLY = "nearly equal"
MADE = ("cropped", "framed", "captioned")  # what a copy may be of an original; each of these is none itself
_GRID = 40  # cells a side, of what both show


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """Of one picture. gray: uint8 [h, w]. size: float64 [2], width and height, pixels. places: float32 [N, 2],
    x and y; scales: float32 [N]; bits: uint64 [N].
    """

    gray: np.ndarray
    size: np.ndarray
    places: np.ndarray
    scales: np.ndarray
    bits: np.ndarray


def points_of(image):
    """`Points` of a Pillow image."""
    ratio = min(1.0, SIDE / max(image.size))
    width, height = (max(1, round(side * ratio)) for side in image.size)
    gray = np.asarray(image.convert("L").resize((width, height), Image.Resampling.BOX), np.float32)
    smooth = np.stack([ndimage.gaussian_filter(gray, scale) for scale in SCALES])
    found = np.abs(smooth[1:] - smooth[:-1])
    peaks = (found == ndimage.maximum_filter(found, 3)) & (found >= CONTRAST)
    level, y, x = np.nonzero(peaks)
    reach = REACH * SCALES[level]
    inside = (x >= reach) & (y >= reach) & (x < width - reach) & (y < height - reach)
    level, y, x = (part[inside] for part in (level, y, x))
    best = np.argsort(-found[level, y, x], kind="stable")[:POINTS]
    level, y, x = (part[best] for part in (level, y, x))
    places = np.stack([x, y], 1).astype(np.float32)
    size, bits = np.array([width, height], float), _described(smooth, level, y, x)
    return Points(gray.astype(np.uint8), size, places, SCALES[level], bits)


def _described(smooth, level, y, x):
    """uint64 [N]: of 8 rows of 9 samples around each point, which are darker than their right neighbor."""
    steps = np.linspace(-1, 1, 9)[None] * (REACH * SCALES[level] * 8 / 9)[:, None]
    rows = y[:, None, None] + (steps[:, :8] + steps[:, 1:])[:, :, None] / 2
    columns = x[:, None, None] + steps[:, None]
    bits = np.zeros((len(x), 8, 8), bool)
    for k in np.unique(level):
        own = level == k
        sampled = _sampled(smooth[k], *np.broadcast_arrays(rows[own], columns[own]))
        bits[own] = sampled[:, :, 1:] > sampled[:, :, :-1]
    return np.packbits(bits.reshape(len(x), 64), axis=1).view(">u8")[:, 0].astype(np.uint64) if len(x) else _none()


def _none():
    return np.zeros(0, np.uint64)


def _sampled(gray, rows, columns):
    return ndimage.map_coordinates(gray, [rows, columns], order=1, mode="nearest")


def related(a, b, ours, theirs):
    """(whether the first is the copy, what the copy is) of two pictures, or None where they are not related.

    a, b: `Points`. ours, theirs: int [M], numbers of their points that nearly agree.
    """
    step = -(-len(ours) // MOST_VOTES)
    fitted = _fitted(a, b, ours[::step], theirs[::step])
    if fitted is None:
        return None
    fit, alike = _refined(a, b, np.array([np.log(fitted[0]), *fitted[1]]))
    return named(a, b, np.exp(fit[0]), fit[1:]) if alike >= MIN_CORRELATION else None


def _refined(a, b, fit):
    """(logarithm of a scale, and a shift, [3], near `fit`; the correlation of what both pictures then show)."""
    best, steps = _alike(a, b, fit), np.array([0.02, 3.0, 3.0])
    for _ in range(4):
        for axis, sign in itertools.product(range(3), (-1, 1)):
            moved = fit.copy()
            moved[axis] += sign * steps[axis]
            if axis == 0:  # about the middle of the first
                moved[1:] += a.size / 2 * (np.exp(fit[0]) - np.exp(moved[0]))
            if (found := _alike(a, b, moved)) > best:
                best, fit = found, moved
        steps = steps / 2
    return fit, best


def _alike(a, b, fit):
    """The correlation of what both pictures show, averaged over the cells of a grid; -1 where that is too little."""
    scale, shift = np.exp(fit[0]), fit[1:]
    low, high = np.maximum(0, -shift / scale), np.minimum(a.size, (b.size - shift) / scale)  # of the first
    sides = np.maximum(high - low, 0)
    if sides.prod() < LEAST_SHARE * min(a.size.prod(), (b.size / scale).prod()) or sides.min() < 16:
        return -1.0
    ours = _cells(a, low, high)
    theirs = _cells(b, np.maximum(0, low * scale + shift), np.minimum(b.size, high * scale + shift))
    return float(duplicates.correlation(ours[None], theirs[None])[0])


def _cells(picture, low, high):
    """Means of the cells of a part of a picture, uint8 [_GRID, _GRID]."""
    box = (*map(float, low), *map(float, high))
    return np.asarray(Image.fromarray(picture.gray).resize((_GRID, _GRID), Image.Resampling.BOX, box=box))


def _fitted(a, b, ours, theirs):
    """(scale, shift [2]) that bring places of `a` to those of `b`, as most of their points say; None of too few."""
    p, q = a.places[ours].astype(float), b.places[theirs].astype(float)
    ratios = b.scales[theirs] / a.scales[ours]
    within = NEAR * max(b.size)
    shifts = q - ratios[:, None] * p
    off = np.linalg.norm(ratios[:, None, None] * p[None] + shifts[:, None] - q[None], axis=2)
    agree = (off <= within) & (np.abs(np.log(ratios[:, None] / ratios[None])) < 0.35)
    votes = agree.sum(1)
    best = agree[int(votes.argmax())]
    for part in (1.0, 0.6, 0.4):
        if len(np.unique(p[best], axis=0)) < LEAST_VOTES:
            return None
        center, other = p[best].mean(0), q[best].mean(0)
        spread = ((p[best] - center) ** 2).sum()
        scale = float(((p[best] - center) * (q[best] - other)).sum() / max(spread, 1e-9))
        if not 0.2 < scale < 5.0:
            return None
        shift = other - scale * center
        best = np.linalg.norm(scale * p + shift - q, axis=1) <= part * within
    return scale, shift


def named(a, b, scale, shift):
    """(whether the first is the copy, what the copy is). scale, shift: bring places of `a` to those of `b`.

    A border around one that is plain, as a frame, or the ground of a caption, was added; what is more of a scene was
    cut off the other.
    """
    before, after = (
        shift / b.size,
        1.0 - (a.size * scale + shift) / b.size,
    )  # left and top, right and bottom, of b's sides
    margins = np.array([before[0], before[1], after[0], after[1]])
    if np.abs(margins).max() <= EDGE:
        return False, NEARLY
    grown, cut = margins > EDGE, margins < -EDGE
    if grown.any() and cut.any():
        return False, "cropped, or framed, on different sides"
    larger, inner, borders = (b, a, grown) if grown.any() else (a, b, cut)
    offset, ratio = (shift, scale) if grown.any() else (-shift / scale, 1.0 / scale)
    if not _is_plain(larger, offset, inner.size * ratio + offset):
        return bool(grown.any()), "cropped"
    told = "captioned" if borders.sum() == 1 and (borders[1] or borders[3]) else "framed"
    return not grown.any(), told


def _is_plain(picture, low, high):
    """Whether most of what lies outside of low..high (x, y) has one gray level, on each side by itself."""
    height, width = picture.gray.shape
    x0, y0, x1, y1 = (int(np.clip(v, 0, side)) for v, side in zip([*low, *high], [width, height] * 2, strict=True))
    sides = picture.gray[:, :x0], picture.gray[:, x1:], picture.gray[:y0], picture.gray[y1:]
    held = [
        part.ravel()
        for part, least in zip(sides, (width, width, height, height), strict=True)
        if part.size and min(part.shape) > EDGE * least / 2
    ]
    return all((np.abs(part - np.median(part)) <= PLAIN_WITHIN).mean() >= PLAIN_SHARE for part in held)
