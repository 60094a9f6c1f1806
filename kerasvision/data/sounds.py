"""Files of sound: WAV of PCM by Python itself, FLAC, OGG and MP3 by soundfile (the extra `audio`)."""

import importlib.util
import os
import pathlib
import wave

import numpy as np

from kerasvision.core.errors import KerasVisionError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
HEAD = 44  # bytes before the samples of a .wav, at least
WIDTHS = {1: (np.uint8, 128.0, 128.0), 2: ("<i2", 0.0, 32768.0), 4: ("<i4", 0.0, 2147483648.0)}  # dtype, zero, full


class SoundError(KerasVisionError):
    """A file that is no sound: its path, and the reason, which the path stands before in a sentence."""

    def __init__(self, path, reason):
        super().__init__(f"{path} {reason}")
        self.reason = reason


def read_sound(path):
    """(float32 [N], the mean of the channels, -1..1; samples a second) of a file. Raises SoundError, one line."""
    if not isinstance(path, (str, os.PathLike)):
        raise KerasVisionError(f"a sound is the path of a {_listed()} file; seen: {type(path).__name__}")
    is_wave = str(path).lower().endswith(".wav")
    samples, rate = _read_wave(path) if is_wave else _read_other(path)
    if not len(samples):
        raise SoundError(path, "holds no samples (0 s)")
    return samples, rate


def look(path):
    """(samples of a channel, samples a second) of a file, by its head alone where that tells. Raises SoundError."""
    if str(path).lower().endswith(".wav"):
        with _opened(path) as file:
            count, rate = file.getnframes(), file.getframerate()
            wanted = count * file.getsampwidth() * file.getnchannels()
        if pathlib.Path(path).stat().st_size < HEAD + wanted:
            raise SoundError(path, "is cut off")
    else:
        held = _heard(path, lambda module, file: module.info(file))
        count, rate = held.frames, held.samplerate
    if not count:
        raise SoundError(path, "holds no samples (0 s)")
    return count, rate


def _listed():
    return f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"


def _opened(path):
    """A `wave` reader of a file of PCM of 8, 16 or 32 bits."""
    try:
        file = wave.open(str(path), "rb")  # noqa: SIM115  the caller closes it
    except OSError as error:
        raise SoundError(path, f"cannot be read: {error.strerror}") from None
    except (wave.Error, EOFError, RuntimeError) as error:
        raise SoundError(path, f"is no .wav file of PCM: {str(error) or 'cut off'}; convert it") from None
    if file.getsampwidth() not in WIDTHS:
        file.close()
        raise SoundError(path, f"has samples of {8 * file.getsampwidth()} bits; allowed: 8, 16, 32; convert it")
    if not file.getframerate():
        file.close()
        raise SoundError(path, "has a rate of 0; mend its head")
    return file


def _read_wave(path):
    with _opened(path) as file:
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
        count = file.getnframes()
        held = file.readframes(count)
    if len(held) < count * width * channels:
        raise SoundError(path, f"is cut off: {len(held)} of {count * width * channels} bytes of sound are there")
    dtype, zero, full = WIDTHS[width]
    samples = (np.frombuffer(held, dtype).astype(np.float64) - zero) / full
    return samples.reshape(-1, channels).mean(1).astype(np.float32), rate


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
