"""What cameras, networks and light do to photographs, in five severities: "Benchmarking Neural Network Robustness to
Common Corruptions and Perturbations" (Hendrycks, Dietterich 2019, arXiv:1903.12261, section 4.1 and the constants of
its ImageNet-C).

Each takes an image uint8 [H, W, 3], a severity of 1 to 5 and a numpy Generator (`random`), and gives uint8 [H, W, 3].
These are the paper's corruptions that leave every pixel in its place, so that boxes and masks stay valid. The paper's
images have a shorter side of 224 pixels; the width of a blur grows and shrinks with the side.
"""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

SEVERITIES = (1, 2, 3, 4, 5)
_SIDE = 224  # shorter side of the paper's images


def gaussian_noise(image, severity, random):
    """Normal noise, as of a sensor in little light."""
    return _to_bytes(_floats(image) + random.normal(0, (0.08, 0.12, 0.18, 0.26, 0.38)[severity - 1], image.shape))


def shot_noise(image, severity, random):
    """Poisson noise, as of light that comes in few photons."""
    photons = (60, 25, 12, 5, 3)[severity - 1]
    return _to_bytes(random.poisson(_floats(image) * photons) / photons)


def impulse_noise(image, severity, random):
    """Salt and pepper: single values of pixels are lost, half of them to 0 and half to 255."""
    drawn, share = random.random(image.shape), (0.03, 0.06, 0.09, 0.17, 0.27)[severity - 1]
    return np.where(drawn < share / 2, 0, np.where(drawn < share, 255, image)).astype(np.uint8)


def gaussian_blur(image, severity, random):
    """A Gaussian blur, as of a lens out of focus."""
    sigma = (1, 2, 3, 4, 6)[severity - 1] * min(image.shape[:2]) / _SIDE
    return _to_bytes(ndimage.gaussian_filter(_floats(image), (sigma, sigma, 0), mode="nearest"))


def brightness(image, severity, random):
    """Too much light: the value of HSV (the largest channel) is raised by 0.1 a severity, so a pixel's channels are
    scaled alike.
    """
    held = _floats(image)
    value = held.max(-1, keepdims=True)
    brighter = np.minimum(value + 0.1 * severity, 1)
    return _to_bytes(np.where(value > 0, held / np.where(value > 0, value, 1), 1) * brighter)


def contrast(image, severity, random):
    """Less contrast: each channel is brought nearer to its mean over the image."""
    held, share = _floats(image), (0.4, 0.3, 0.2, 0.1, 0.05)[severity - 1]
    mean = held.mean((0, 1), keepdims=True)
    return _to_bytes((held - mean) * share + mean)


def pixelate(image, severity, random):
    """Fewer pixels: the image is shrunk by averaging and enlarged again by repeating pixels."""
    share, (height, width) = (0.6, 0.5, 0.4, 0.3, 0.25)[severity - 1], image.shape[:2]
    small = Image.fromarray(image).resize(
        (max(1, int(width * share)), max(1, int(height * share))), Image.Resampling.BOX
    )
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST))


def jpeg(image, severity, random):
    """JPEG compression of so low a quality, 25 to 7, that its blocks show."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=(25, 18, 15, 10, 7)[severity - 1])
    return np.asarray(Image.open(file))


CORRUPTIONS = {
    f.__name__: f
    for f in (gaussian_noise, shot_noise, impulse_noise, gaussian_blur, brightness, contrast, pixelate, jpeg)
}


def _floats(image):
    return image.astype(np.float64) / 255


def _to_bytes(values):
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
