"""Sound."""

import dataclasses
import os
import typing
import wave

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import input_kinds
from kerasvision.data.kinds.base import InputKind

WIDTHS = {1: (np.uint8, 128.0, 128.0), 2: ("<i2", 0.0, 32768.0), 4: ("<i4", 0.0, 2147483648.0)}  # dtype, zero, full


@input_kinds.register("audio")
@dataclasses.dataclass(frozen=True)
class AudioInput(InputKind):
    """float32 [N] in -1..1, the mean of its channels, with the number of samples a second where an input for that is
    read with it. The model's own rate is the architecture's to make of it.
    """

    suffixes: typing.ClassVar[tuple[str, ...]] = (".wav",)
    what: typing.ClassVar[str] = "the path of a .wav file (PCM of 8, 16 or 32 bits), or float32 [N] in -1..1"

    def read(self, item, inputs):
        key, *beside = inputs
        if isinstance(item, np.ndarray):
            if item.ndim != 1 or item.dtype.kind != "f" or beside:
                raise KerasVisionError(f"{key}: {self.what} is needed; seen: {item.dtype} {list(item.shape)}")
            return {key: item.astype(np.float32)}, None
        samples, rate = read_wav(item)
        return {key: samples} | {k: inputs[k].spec.dtype.as_numpy_dtype(rate) for k in beside}, None

    def statistics(self, value):
        return (
            {"loudness": float(np.sqrt(np.mean(np.square(value)))), "length": float(len(value))} if len(value) else {}
        )


def read_wav(path):
    """(float32 [N] in -1..1, the mean of the channels; samples a second) of a PCM file of 8, 16 or 32 bits."""
    if not isinstance(path, (str, os.PathLike)):
        raise KerasVisionError(f"a sound is the path of a .wav file; seen: {type(path).__name__}")
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            held = file.readframes(file.getnframes())
    except OSError as error:
        raise KerasVisionError(f"{path} cannot be read: {error.strerror}") from None
    except (wave.Error, EOFError) as error:
        raise KerasVisionError(f"{path} is no .wav file of PCM: {error}; convert it") from None
    if width not in WIDTHS:
        raise KerasVisionError(f"{path} has samples of {8 * width} bits; allowed: 8, 16, 32; convert it")
    dtype, zero, full = WIDTHS[width]
    samples = (np.frombuffer(held, dtype).astype(np.float64) - zero) / full
    return samples.reshape(-1, channels).mean(1).astype(np.float32), rate
