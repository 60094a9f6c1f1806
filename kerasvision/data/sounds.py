"""Files of sound: WAV by `edge/waves.py`, FLAC, OGG and MP3 by soundfile (the extra `audio`)."""

import importlib.util
import os
import pathlib

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.edge.waves import WaveError, look_wave, loudest_of, read_wave
from kerasvision.ops.sound_bounds import LOUDEST, LOUDEST_LINE, RATE_LINE, RATES

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


class SoundError(KerasVisionError):
    """A file that is no sound: its path, and the reason, which the path stands before in a sentence."""

    def __init__(self, path, reason):
        super().__init__(f"{path} {reason}")
        self.reason = reason


def read_sound(path):
    """(float32 [N], the mean of the channels, -1..1; samples a second) of a file. Raises SoundError, one line: also of
    what the graph would refuse (`ops/sound_bounds.py`).
    """
    if not isinstance(path, (str, os.PathLike)):
        raise KerasVisionError(f"a sound is the path of a {_listed()} file; seen: {type(path).__name__}")
    samples, rate = _of_wave(path, read_wave) if _is_wave(path) else _read_other(path)
    _check(path, len(samples), rate)
    loudest = loudest_of(samples)
    if not loudest <= LOUDEST:  # of what is no number this is false, too
        raise SoundError(path, f"has a sample of {loudest:g}; {LOUDEST_LINE}")
    return samples, rate


def look(path):
    """(samples of a channel, samples a second) of a file, by its head alone where that tells. Raises SoundError."""
    if _is_wave(path):
        count, rate = _of_wave(path, look_wave)
    else:
        held = _heard(path, lambda module, file: module.info(file))
        count, rate = held.frames, held.samplerate
    _check(path, count, rate)
    return count, rate


def _listed():
    return f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"


def _is_wave(path):
    return str(path).lower().endswith(".wav")


def _of_wave(path, function):
    try:
        return function(path)
    except WaveError as error:
        raise SoundError(path, error.reason) from None


def _check(path, count, rate):
    if not count:
        raise SoundError(path, "holds no samples (0 s)")
    if not RATES[0] <= rate <= RATES[1]:
        raise SoundError(path, f"is of {rate} Hz; {RATE_LINE}")


def _read_other(path):
    samples, rate = _heard(path, lambda module, file: module.read(file, dtype="float32", always_2d=True))
    return samples.mean(1, dtype=np.float64).astype(np.float32), rate


def _heard(path, function):
    """function(the module soundfile, an open file) of a file."""
    if importlib.util.find_spec("soundfile") is None:
        raise SoundError(path, "needs soundfile; type: pip install 'kerasvision[audio]', or convert it to .wav")
    import soundfile

    try:
        with pathlib.Path(path).open("rb") as file:
            return function(soundfile, file)
    except OSError as error:
        raise SoundError(path, f"cannot be read: {error.strerror}") from None
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise SoundError(path, f"is no sound that soundfile reads: {reason}; convert it") from None
