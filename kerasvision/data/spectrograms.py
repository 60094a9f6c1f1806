"""A sound as a picture for people: moments from left to right, bands from low to high, louder ones lighter."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from kerasvision.ops import mel, sound

RANGE_DB = 80.0  # below the loudest: black
SHOWN_PX, SHOWN_BANDS, SHOWN_FRAME_S = 640, 64, 0.064  # of a picture of its own
BLOCK = 64  # frames at a time, so that a long recording needs no more memory than a short one


def spectrogram(audio, rate, columns, bands, frame_s, masked=None):
    """uint8 [bands, columns or, of a short sound, fewer, 3] of float32 [N]. frame_s: seconds of each transform. masked:
    float32 [n, 4], rectangles that are hidden (`ops.sound.covered`), or None. Of a long sound a column is the loudest
    of several transforms, band by band: every sample is in one of them. Without any power it is black.
    """
    frame = 2 * max(8, round(frame_s * rate / 2))
    if len(audio) < frame:
        audio = np.pad(audio, [0, frame - len(audio)])
    weights = mel.filters(rate, frame, bands, 0.0, rate / 2, "htk")
    powers = _loudest(audio, frame, _begins(len(audio), frame, columns), weights)
    held = 10.0 * np.log10(np.maximum(powers, mel.LEAST_POWER))
    held = np.clip((held - held.max()) / RANGE_DB + 1.0, 0.0, 1.0)
    if powers.max() <= mel.LEAST_POWER:
        held[:] = 0.0  # silence would be as light as its loudest moment, white
    if masked is not None:
        held *= 1.0 - sound.covered(tf.constant(masked[None]), *held.shape).numpy()[0]
    return np.repeat(np.uint8(255 * held.T[::-1])[..., None], 3, 2)


def _begins(count, frame, columns):
    """int64 [columns, n]: where the transforms of each column begin, from the first sample to the last. They overlap by
    half or more, as a Hann window hardly hears what is at its ends.
    """
    last = count - frame
    columns = min(columns, last + 1)
    each = math.ceil((last / (frame // 2) + 1) / columns)
    return np.rint(np.linspace(0, last, columns * each)).astype(np.int64).reshape(columns, each)


def _loudest(audio, frame, begins, weights):
    """float64 [columns, bands]: the largest power of each band among a column's transforms. begins: see `_begins`."""
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(frame) / frame)
    frames, found = np.lib.stride_tricks.sliding_window_view(audio, frame), np.zeros((len(begins), weights.shape[1]))
    for first in range(0, begins.size, BLOCK):
        some = begins.reshape(-1)[first : first + BLOCK]
        parts = np.fft.rfft(frames[some] * window)
        columns = np.arange(first, first + len(some)) // begins.shape[1]
        np.maximum.at(found, columns, (parts.real**2 + parts.imag**2) @ weights)
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class Heard:
    """A sound that was read, to be drawn when somebody asks. audio: float32 [N]. rate: samples a second."""

    audio: np.ndarray
    rate: int

    def picture(self):
        """uint8 [h, w, 3]; None where it has no samples."""
        if not len(self.audio):
            return None
        return spectrogram(self.audio, self.rate, SHOWN_PX, SHOWN_BANDS, SHOWN_FRAME_S)
