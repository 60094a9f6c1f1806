"""How often answers flip while a picture changes a little from frame to frame: the flip rate of ImageNet-P (Hendrycks,
Dietterich 2019, arXiv:1903.12261, sections 3 and 4.3), with our own constants.
"""

import pathlib
import zlib

import numpy as np

from kerasvision.robustness.corruptions.base import scale_of, to_bytes
from kerasvision.robustness.corruptions.geometry import turned

FRAMES = 16
_NOISE = ("noise",)  # whose frames are compared with the first, as in the paper: each is drawn anew


def _noise(image, step, random):
    return to_bytes(image / 255 + random.normal(0, 0.03, image.shape)) if step else image


def _brightness(image, step, random):
    return to_bytes(image / 255 + 0.01 * (step - FRAMES // 2))


def _translation(image, step, random):
    return turned(image, np.eye(2), (0.0, (step - FRAMES // 2) * scale_of(image)))[0]


def _rotation(image, step, random):
    angle = np.deg2rad(step - FRAMES // 2)
    return turned(image, ((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))[0]


def _scale(image, step, random):
    return turned(image, np.eye(2) / (1 + 0.01 * step))[0]


ROLLING = {
    "noise": _noise,
    "brightness": _brightness,
    "translation": _translation,
    "rotation": _rotation,
    "scale": _scale,
}


def flip_rates(asked, progress=lambda *_: None):
    """Name of `ROLLING` -> the share, 0..1, of frames whose decision is not that of the frame before, or of noise that
    of the first.

    asked: an `asking.Asked`. A translation moves by a pixel of the paper's images of 224 a frame, a rotation by a
    degree, a scale and brightness by 1 %. What a changed decision is, the architecture says (`compare`).
    """
    found = {}
    for number, (name, frame) in enumerate(ROLLING.items()):
        flips = [rate for inputs, ids in asked.inputs() for rate in _flips(asked.model, inputs, ids, name, frame)]
        found[name] = float(np.mean(flips))
        progress("rolling frames", number + 1, len(ROLLING))
    return found


def _flips(model, inputs, ids, name, frame):
    """For each frame after the first whether each example's decision flipped, bool [B]."""
    seeds = [zlib.crc32(f"{name} {pathlib.PurePath(i).name}".encode()) for i in ids]
    drawn = [np.random.default_rng(seed) for seed in seeds]
    before = None
    for step in range(FRAMES):
        images = [frame(image, step, random) for image, random in zip(inputs["image"], drawn, strict=True)]
        answer = model(inputs | {"image": np.stack(images)})
        if before is not None:
            yield from np.asarray(model.arch.compare(before, answer)[1], bool)
        if before is None or name not in _NOISE:
            before = answer
