"""Noise of sensors and lines."""

import numpy as np

from kerasvision.robustness.corruptions.base import corruption, floats, to_bytes


@corruption("noise")
def gaussian_noise(image, severity, random):
    """Normal noise, as of a sensor in little light."""
    return to_bytes(floats(image) + random.normal(0, (0.08, 0.12, 0.18, 0.26, 0.38)[severity - 1], image.shape))


@corruption("noise")
def shot_noise(image, severity, random):
    """Poisson noise, as of light that comes in few photons."""
    photons = (60, 25, 12, 5, 3)[severity - 1]
    return to_bytes(random.poisson(floats(image) * photons) / photons)


@corruption("noise")
def impulse_noise(image, severity, random):
    """Salt and pepper: single values of pixels are lost, half of them to 0 and half to 255."""
    drawn, share = random.random(image.shape), (0.03, 0.06, 0.09, 0.17, 0.27)[severity - 1]
    return np.where(drawn < share / 2, 0, np.where(drawn < share, 255, image)).astype(np.uint8)


@corruption("spare")
def speckle_noise(image, severity, random):
    """Normal noise that grows with the light of a pixel."""
    spread, held = (0.15, 0.2, 0.35, 0.45, 0.6)[severity - 1], floats(image)
    return to_bytes(held + held * random.normal(0, spread, image.shape))
