"""Light of a scene and of a camera, in linear light (pixels to the power of 2.2): our own constants."""

import numpy as np

from kerasvision.robustness.corruptions.base import corruption, floats, to_bytes

_GAMMA = 2.2


def lit(image, gains):
    """An image whose light is multiplied by gains, which broadcast with [H, W, 3]."""
    return to_bytes((floats(image) ** _GAMMA * gains) ** (1 / _GAMMA))


def _spread(image):
    """(y, x) of each pixel from the middle, in parts of the longer side: each float64 [H, W, 1]."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width] + 0.5
    return (y - height / 2)[..., None] / max(height, width), (x - width / 2)[..., None] / max(height, width)


@corruption("light")
def shadow(image, severity, random):
    """Half of the scene, beyond a soft line near its middle, has 0.6 to 0.1 of its light."""
    left, angle, away = (
        (0.6, 0.45, 0.3, 0.2, 0.1)[severity - 1],
        random.uniform(0, 2 * np.pi),
        random.uniform(-0.1, 0.1),
    )
    y, x = _spread(image)
    beyond = np.clip((np.cos(angle) * y + np.sin(angle) * x - away) / 0.02 + 0.5, 0, 1)
    return lit(image, 1 - (1 - left) * beyond)


@corruption("light")
def spotlight(image, severity, random):
    """A lamp: a round spot with up to 4 times the light, and 0.7 to 0.1 of it around."""
    around, spot = ((0.7, 1.5), (0.5, 2.0), (0.35, 2.5), (0.2, 3.0), (0.1, 4.0))[severity - 1]
    (y, x), (down, right) = _spread(image), random.uniform(-0.25, 0.25, 2)
    near = np.exp(-((y - down) ** 2 + (x - right) ** 2) / (2 * 0.15**2))
    return lit(image, around + (spot - around) * near)


@corruption("light")
def cast(image, severity, random):
    """Warm or cold light: red gains what blue loses, 15 to 75 %."""
    share = (0.15, 0.3, 0.45, 0.6, 0.75)[severity - 1] * random.choice((-1, 1))
    return lit(image, np.array((1 + share, 1, 1 - share)))


@corruption("light")
def underexposure(image, severity, random):
    """Half a stop too little light a severity."""
    return lit(image, 2.0 ** (-0.5 * severity))


@corruption("light")
def overexposure(image, severity, random):
    """Half a stop too much light a severity; what is brighter than white is lost."""
    return lit(image, 2.0 ** (0.5 * severity))


@corruption("light")
def night(image, severity, random):
    """One to three stops less light, more of it blue, and the noise of as few photons."""
    stops, photons = ((1.0, 250), (1.5, 120), (2.0, 60), (2.5, 30), (3.0, 15))[severity - 1]
    light = floats(image) ** _GAMMA * 2.0**-stops * np.array((0.8, 0.9, 1.2))
    return to_bytes((random.poisson(light * photons) / photons) ** (1 / _GAMMA))
