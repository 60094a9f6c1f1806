"""A sound as a picture for people: moments from left to right, bands from low to high, louder ones lighter."""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.ops import mel, sound

RANGE_DB = 80.0  # below the loudest: black
SHOWN_PX, SHOWN_BANDS, SHOWN_FRAME_S = 640, 64, 0.064  # of a picture of its own


def spectrogram(audio, rate, columns, bands, frame_s, masked=None):
    """uint8 [bands, about columns, 3] of float32 [N]. frame_s: seconds of each transform. masked: float32 [n, 4],
    rectangles that are hidden (`ops.sound.covered`), or None.
    """
    frame = 2 * max(8, round(frame_s * rate / 2))
    audio = np.pad(audio, [0, max(0, frame - len(audio))])
    hop = max(1, (len(audio) - frame) // columns)
    weights = mel.filters(rate, frame, bands, 0.0, rate / 2, "htk")
    held = mel.decibels(tf.constant(audio[None]), weights, frame, hop).numpy()[0]
    held = np.clip((held - held.max()) / RANGE_DB + 1.0, 0.0, 1.0)
    if masked is not None:
        held *= 1.0 - sound.covered(tf.constant(masked[None]), *held.shape).numpy()[0]
    return np.repeat(np.uint8(255 * held.T[::-1])[..., None], 3, 2)


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
