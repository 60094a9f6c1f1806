"""Sound as a picture: how much of each band of frequencies is in each moment, in decibels, by matrices alone.

Frames are gathered; a product with the waves of a discrete Fourier transform under a Hann window gives their real and
imaginary parts, one with the filters bands, and a logarithm decibels: operators that TFLite and ONNX have built in, so
that every file holds them. It is what librosa (McFee et al. 2015, doi:10.25080/Majora-7b98e3ed-003) calls
`power_to_db(melspectrogram(..., center=False))` with `ref=1` and `top_db=None`.

Filters are triangles between points that are equally far apart on one of two scales of pitch. "slaney": M. Slaney,
Auditory Toolbox (1998): linear up to 1000 Hz (200/3 Hz a mel), then logarithmic (27 mels for a factor of 6.4), each
triangle of an area of 1 (in Hz). "htk": S. Young et al., The HTK Book (2006), equation 5.13: 2595 log10(1 + f / 700),
each triangle 1 high.
"""

import math
import typing

import numpy as np
import tensorflow as tf

Scale = typing.Literal["slaney", "htk"]

LEAST_POWER = 1e-10  # what is less is taken for it: -100 dB
_LINEAR_HZ, _LINEAR_TO, _RATIO, _MELS = 200.0 / 3.0, 1000.0, 6.4, 27.0  # Slaney's scale


def to_mels(hz, scale):
    """Frequencies in Hz, an array -> their pitch on a scale, float64."""
    hz = np.asarray(hz, np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    above = _LINEAR_TO / _LINEAR_HZ + np.log(np.maximum(hz, _LINEAR_TO) / _LINEAR_TO) * _MELS / math.log(_RATIO)
    return np.where(hz < _LINEAR_TO, hz / _LINEAR_HZ, above)


def to_hz(mels, scale):
    """Pitch on a scale, an array -> frequencies in Hz, float64: the inverse of `to_mels`."""
    mels = np.asarray(mels, np.float64)
    if scale == "htk":
        return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    least = _LINEAR_TO / _LINEAR_HZ
    above = _LINEAR_TO * np.exp((np.maximum(mels, least) - least) * math.log(_RATIO) / _MELS)
    return np.where(mels < least, mels * _LINEAR_HZ, above)


def filters(rate, frame, bands, lowest_hz, highest_hz, scale):
    """float64 [frame // 2 + 1, bands]: how much of each frequency of a transform goes into each band.

    rate: samples a second. frame: samples of a transform. A band between two neighboring frequencies is 0 throughout.
    """
    points = to_hz(np.linspace(*to_mels([lowest_hz, highest_hz], scale), bands + 2), scale)
    hz = np.arange(frame // 2 + 1) * rate / frame
    rises = (hz[:, None] - points[None, :-2]) / np.diff(points)[:-1]
    falls = (points[None, 2:] - hz[:, None]) / np.diff(points)[1:]
    held = np.maximum(0.0, np.minimum(rises, falls))
    return held * 2.0 / (points[2:] - points[:-2]) if scale == "slaney" else held


def waves(frame, which):
    """float64 [frame, 2 * len(which)]: cosines, then sines, of these frequencies (numbers of a transform of `frame`
    samples) under a Hann window whose period is the frame.
    """
    turns = 2.0 * np.pi * np.arange(frame) / frame
    window = 0.5 - 0.5 * np.cos(turns)
    angle = np.outer(np.arange(frame), which) % frame * (2.0 * np.pi / frame)  # exact: the whole turns are taken away
    return window[:, None] * np.concatenate([np.cos(angle), np.sin(angle)], 1)


def frames_of(samples, frame, hop):
    """How many whole frames, `hop` samples apart, lie in so many samples; 0 where there is none."""
    return max(0, 1 + (samples - frame) // hop)


def decibels(audio, weights, frame, hop):
    """float32 [B, N] -> float32 [B, frames, bands]: 10 log10 of the power in each band, at least of LEAST_POWER.

    weights: `filters` of this frame. N is known, and not less than the frame.
    """
    used = np.flatnonzero(weights.any(1))
    begins = np.arange(frames_of(audio.shape[1], frame, hop)) * hop
    frames = tf.gather(audio, tf.constant(begins[:, None] + np.arange(frame), tf.int32), axis=1)
    parts = tf.matmul(frames, tf.constant(waves(frame, used), tf.float32))  # [B, frames, 2 * used]
    # a power is the sum of two squares, which the filters add up
    held = tf.matmul(tf.square(parts), tf.constant(np.concatenate([weights[used]] * 2), tf.float32))
    return tf.math.log(tf.maximum(held, LEAST_POWER)) * (10.0 / math.log(10.0))
