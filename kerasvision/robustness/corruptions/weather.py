"""Snow, frost, fog and light. Snow is drawn as ImageNet-C draws it; its frost is six photographs, ours is drawn."""

import numpy as np
from scipy import ndimage

from kerasvision.robustness.corruptions.base import corruption, floats, scale_of, to_bytes
from kerasvision.robustness.corruptions.blur import moved_along

_LIGHT = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601
_ICE = (0.84, 0.93, 1.0)


@corruption("weather")
def snow(image, severity, random):
    """Flakes that fall, in two layers, and a whitened scene."""
    mean, spread, zoom, least, radius, sigma, kept = (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )[severity - 1]
    zoom, (height, width) = max(1.0, zoom * scale_of(image)), image.shape[:2]
    drawn = random.normal(mean, spread, (int(np.ceil(height / zoom)) + 1, int(np.ceil(width / zoom)) + 1))
    flakes = ndimage.zoom(drawn, zoom, order=1)[:height, :width]
    flakes = np.where(flakes < least, 0, np.clip(flakes, 0, 1))
    flakes = moved_along(flakes, radius, sigma, random.uniform(-135, -45))[..., None]
    held = floats(image)
    white = np.maximum(held, (held @ _LIGHT)[..., None] * 1.5 + 0.5)
    return to_bytes(kept * held + (1 - kept) * white + flakes + flakes[::-1, ::-1])


@corruption("weather")
def frost(image, severity, random):
    """Ice on the lens: needles along the ridges of a fractal, light blue, in the paper's shares of scene and ice."""
    scene, ice = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))[severity - 1]
    height, width = image.shape[:2]
    ground, ridges = (plasma(max(height, width), decay, random)[:height, :width] for decay in (2.2, 1.7))
    needles = (1 - np.abs(2 * ridges - 1)) ** 6
    drawn = np.clip(0.4 + 0.35 * ground + 0.6 * needles, 0, 1)
    return to_bytes(scene * floats(image) + ice * drawn[..., None] * _ICE)


@corruption("weather")
def fog(image, severity, random):
    """A fractal of white before the scene."""
    thick, decay = ((1.5, 2), (2.0, 2), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[severity - 1]
    held, (height, width) = floats(image), image.shape[:2]
    lightest = held.max()
    clouds = plasma(max(height, width), decay, random)[:height, :width, None]
    return to_bytes((held + thick * clouds) * lightest / (lightest + thick))


def plasma(side, decay, random):
    """A fractal height map, float64 [n, n] of 0..1, n the power of two from `side`: midpoint displacement on squares
    and diamonds (Fournier, Fussell, Carpenter 1982, doi:10.1145/358523.358553); roughness falls by decay^2 an octave.
    """
    size = 1 << max(1, int(side - 1).bit_length())
    held, step, rough = np.zeros((size, size)), size, 100.0

    def drawn(total):
        return total / 4 + rough * random.uniform(-rough, rough, total.shape)

    while step >= 2:
        half = step // 2
        corners = held[::step, ::step]
        across = corners + np.roll(corners, -1, 0)
        held[half::step, half::step] = drawn(across + np.roll(across, -1, 1))
        middles, corners = held[half::step, half::step], held[::step, ::step]
        held[::step, half::step] = drawn(middles + np.roll(middles, 1, 0) + corners + np.roll(corners, -1, 1))
        held[half::step, ::step] = drawn(middles + np.roll(middles, 1, 1) + corners + np.roll(corners, -1, 0))
        step, rough = half, rough / decay
    held -= held.min()
    return held / max(held.max(), 1e-12)


@corruption("weather")
def brightness(image, severity, random):
    """Too much light: the value of HSV (the largest channel) is raised by 0.1 a severity, so a pixel's channels are
    scaled alike.
    """
    held = floats(image)
    value = held.max(-1, keepdims=True)
    brighter = np.minimum(value + 0.1 * severity, 1)
    return to_bytes(np.where(value > 0, held / np.where(value > 0, value, 1), 1) * brighter)


@corruption("spare")
def spatter(image, severity, random):
    """Drops on the lens: of water to severity 3, light at one edge (drawn in our way), and of mud above."""
    mean, spread, width, least, strength = (
        (0.65, 0.3, 4, 0.69, 0.6),
        (0.65, 0.3, 3, 0.68, 0.6),
        (0.65, 0.3, 2, 0.68, 0.5),
        (0.65, 0.3, 1, 0.65, 1.5),
        (0.67, 0.4, 1, 0.65, 1.5),
    )[severity - 1]
    scale, held = scale_of(image), floats(image)
    drops = ndimage.gaussian_filter(random.normal(mean, spread, image.shape[:2]), width * scale, mode="nearest")
    if severity <= 3:
        deep = np.where(drops < least, 0, drops) * (0.5 + _relief(drops >= least))
        return to_bytes(
            held + strength * (deep / max(deep.max(), 1e-12))[..., None] ** 2 * np.array((175, 238, 238)) / 255
        )
    mud = ndimage.gaussian_filter((drops > least).astype(float), strength * scale, mode="nearest")
    mud = np.where(mud < 0.8, 0, mud)[..., None]
    return to_bytes(held * (1 - mud) + mud * np.array((63, 42, 20)) / 255)


def _relief(inside):
    """-0.5..0.5: how much of the light from the upper left a region's edge reflects."""
    depth = np.minimum(ndimage.distance_transform_edt(inside), 20)
    slope = ndimage.convolve(depth, np.array([[2, 1, 0], [1, 0, -1], [0, -1, -2]], float), mode="nearest")
    return np.clip(slope / 16, -0.5, 0.5)
