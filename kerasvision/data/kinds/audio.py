"""Sound."""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import input_kinds
from kerasvision.data.kinds.base import InputKind
from kerasvision.data.sounds import SUFFIXES, read_sound
from kerasvision.data.spectrograms import Heard


@input_kinds.register("audio")
@dataclasses.dataclass(frozen=True)
class AudioInput(InputKind):
    """float32 [N] in -1..1, the mean of its channels, with the number of samples a second where an input for that is
    read with it. The model's own rate is the architecture's to make of it.
    """

    suffixes: typing.ClassVar[tuple[str, ...]] = SUFFIXES
    what: typing.ClassVar[str] = (
        "the path of a .wav, .flac, .ogg or .mp3 file, or float32 [N] in -1..1 (with a rate: [N], samples a second)"
    )

    def read(self, item, inputs):
        key, *beside = inputs
        if isinstance(item, (np.ndarray, tuple)):
            samples, rate = (item, None) if isinstance(item, np.ndarray) else (*item, None)[:2]
            samples = np.asarray(samples)
            if samples.ndim != 1 or samples.dtype.kind != "f" or (rate is None) == bool(beside):
                raise KerasVisionError(f"{key}: {self.what} is needed; seen: {samples.dtype} {list(samples.shape)}")
            samples = samples.astype(np.float32)
        else:
            samples, rate = read_sound(item)
        heard = None if rate is None else Heard(samples, int(rate))
        return {key: samples} | {k: inputs[k].spec.dtype.as_numpy_dtype(rate) for k in beside}, heard

    def statistics(self, value):
        return (
            {"loudness": float(np.sqrt(np.mean(np.square(value)))), "length": float(len(value))} if len(value) else {}
        )
