"""What programs do to images: contrast, stretching, few pixels, compression, color."""

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from kerasvision.robustness.corruptions.base import corruption, floats, sampled, scale_of, still_places, to_bytes


@corruption("digital")
def contrast(image, severity, random):
    """Less contrast: each channel is brought nearer to its mean over the image."""
    held, share = floats(image), (0.4, 0.3, 0.2, 0.1, 0.05)[severity - 1]
    mean = held.mean((0, 1), keepdims=True)
    return to_bytes((held - mean) * share + mean)


@corruption("digital", moves=True)
def elastic_transform(image, severity, random):
    """Stretched and squeezed: three points are moved, and each pixel by a smooth random field (Simard, Steinkraus,
    Platt 2003, doi:10.1109/ICDAR.2003.1227801). The paper samples twice, here it is done at once.
    """
    strength, smooth, corners = (
        (488.0, 170.8, 24.4),
        (488.0, 19.52, 48.8),
        (12.2, 2.44, 4.88),
        (17.08, 2.44, 4.88),
        (29.28, 2.44, 4.88),
    )[severity - 1]
    scale, (height, width) = scale_of(image), image.shape[:2]
    middle, third = np.array((height, width)) // 2, min(height, width) // 3
    before = middle + third * np.array(((1, 1), (1, -1), (-1, -1)))
    after = before + random.uniform(-corners * scale, corners * scale, (3, 2))
    places = still_places(image.shape)
    if third:
        back = np.linalg.solve(np.c_[after, np.ones(3)], before)  # [y, x, 1] after -> [y, x] before
        places = places @ back[:2] + back[2]
    fields = random.uniform(-1, 1, (2, height, width))
    bent = [ndimage.gaussian_filter(f, smooth * scale, mode="reflect", truncate=3) for f in fields]
    places = places + strength * scale * np.stack(bent, -1)
    return sampled(image, places, "reflect"), places


@corruption("digital")
def pixelate(image, severity, random):
    """Fewer pixels: the image is shrunk by averaging and enlarged again by repeating pixels."""
    share, (height, width) = (0.6, 0.5, 0.4, 0.3, 0.25)[severity - 1], image.shape[:2]
    small = Image.fromarray(image).resize(
        (max(1, int(width * share)), max(1, int(height * share))), Image.Resampling.BOX
    )
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST))


@corruption("digital")
def jpeg(image, severity, random):
    """JPEG compression of so low a quality, 25 to 7, that its blocks show."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=(25, 18, 15, 10, 7)[severity - 1])
    return np.asarray(Image.open(file))


@corruption("spare")
def saturate(image, severity, random):
    """Less color, then too much: the saturation of HSV is multiplied and raised; a gray pixel counts as red."""
    times, more = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))[severity - 1]
    held = floats(image)
    value = held.max(-1, keepdims=True)
    lack = value - held  # of each channel; the largest is value * saturation
    most = lack.max(-1, keepdims=True)
    share = np.where(most > 0, lack / np.where(most > 0, most, 1), (0.0, 1.0, 1.0))
    saturation = np.where(value > 0, most / np.where(value > 0, value, 1), 0)
    return to_bytes(value * (1 - np.clip(saturation * times + more, 0, 1) * share))
