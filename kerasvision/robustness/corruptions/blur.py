"""Blurs of lenses, glass and motion. Boxes and masks stay: what is blurred is spread evenly or by few pixels."""

import numpy as np
from PIL import Image
from scipy import ndimage, signal

from kerasvision.robustness.corruptions.base import corruption, floats, scale_of, to_bytes


@corruption("blur")
def defocus_blur(image, severity, random):
    """The mean over a disk with a soft edge, as of a lens out of focus."""
    radius, edge = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))[severity - 1]
    disk = disk_of(radius * scale_of(image), edge, 1 if radius <= 8 else 2)
    reach = len(disk) // 2
    around = np.pad(floats(image), ((reach, reach), (reach, reach), (0, 0)), _mirrored(image, reach))
    return to_bytes(signal.fftconvolve(around, disk[..., None], "valid", axes=(0, 1)))


def disk_of(radius, edge, taps):
    """A disk's kernel that sums to 1, its edge softened by a Gaussian of a width of `edge` and 2 * taps + 1 values."""
    reach = int(radius) + taps + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    held = (x**2 + y**2 <= radius**2).astype(float)
    soft = np.exp(-(np.arange(-taps, taps + 1) ** 2) / (2 * edge**2))
    soft /= soft.sum()
    for axis in (0, 1):
        held = ndimage.convolve1d(held, soft, axis, mode="constant")
    return held / held.sum()


def _mirrored(image, reach):
    """How numpy pads: mirrored at the border's pixels, where there are enough of them."""
    return "reflect" if min(image.shape[:2]) > reach else "edge"


@corruption("blur")
def glass_blur(image, severity, random):
    """As through frosted glass: neighbors change places, within 1 to 4 pixels, between two Gaussian blurs."""
    sigma, reach, times = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))[severity - 1]
    scale, held = scale_of(image), floats(image)
    reach, width = max(1, round(reach * scale)), (sigma * scale, sigma * scale, 0)
    held = ndimage.gaussian_filter(held, width, mode="nearest")
    for _ in range(times):
        _swap(held, reach, random)
    return to_bytes(ndimage.gaussian_filter(held, width, mode="nearest"))


def _swap(held, reach, random):
    """Swap each pixel that is not within `reach` of the border with one within -reach..reach - 1 of it. The paper goes
    through them one by one; here all that are too far apart to meet go at once.
    """
    height, width, step = *held.shape[:2], 2 * reach + 1
    if min(height, width) <= 2 * reach:
        return
    for phase in random.permutation(step * step):
        y, x = np.mgrid[reach + phase // step : height - reach : step, reach + phase % step : width - reach : step]
        if not y.size:
            continue
        dy, dx = random.integers(-reach, reach, (2, *y.shape))
        first, second = held[y, x].copy(), held[y + dy, x + dx].copy()
        held[y, x], held[y + dy, x + dx] = second, first


@corruption("blur")
def motion_blur(image, severity, random):
    """As of a camera that moves at an angle of -45 to 45 degrees and slows down."""
    radius, sigma = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[severity - 1]
    return to_bytes(moved_along(floats(image), radius, sigma, random.uniform(-45, 45)))


def moved_along(held, radius, sigma, degrees):
    """Values [H, W, ...] over which a half of a Gaussian is drawn, 2 * radius + 1 pixels of the paper's images long."""
    scale, angle = scale_of(held), np.deg2rad(degrees)
    steps = np.arange(2 * max(1, round(radius * scale)) + 1)
    weights = np.exp(-(steps**2) / (2 * (sigma * scale) ** 2))
    found = np.zeros_like(held)
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        found += weight * _shifted(held, -np.ceil(step * np.array([np.sin(angle), np.cos(angle)]) - 0.5).astype(int))
    return found


def _shifted(held, by):
    """Values moved by (dy, dx) pixels; what comes in repeats the border."""
    rows, columns = (np.clip(np.arange(n) - d, 0, n - 1) for n, d in zip(held.shape[:2], by, strict=True))
    return held[rows][:, columns]


@corruption("blur")
def zoom_blur(image, severity, random):
    """As of a camera that comes nearer: the mean of the image and of its middle, enlarged in steps."""
    most, step = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))[severity - 1]
    factors, (height, width) = np.arange(1, most, step), image.shape[:2]
    picture, total = Image.fromarray(image), image.astype(np.float64)
    for factor in factors:
        left, top = (width - width / factor) / 2, (height - height / factor) / 2
        box = (left, top, width - left, height - top)
        total += np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box))
    return to_bytes(total / (len(factors) + 1) / 255)


@corruption("spare")
def gaussian_blur(image, severity, random):
    """A Gaussian blur, as of a lens out of focus."""
    sigma = (1, 2, 3, 4, 6)[severity - 1] * scale_of(image)
    return to_bytes(ndimage.gaussian_filter(floats(image), (sigma, sigma, 0), mode="nearest"))
