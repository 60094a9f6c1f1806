"""Numbers: measurements, coordinates, voxel sides."""

import dataclasses
import typing

import numpy as np

from kerasvision.core.registry import input_kinds
from kerasvision.data.kinds.base import InputKind, array_of


@input_kinds.register("numbers")
@dataclasses.dataclass(frozen=True)
class NumbersInput(InputKind):
    """Of the shape and dtype that the input's spec says."""

    what: typing.ClassVar[str] = "numbers, as in 0.5,1,2 or a .npy file"

    def read(self, item, inputs):
        key, held = next(iter(inputs.items()))
        return {key: array_of(item, held.spec, f"{key}: {self.what}")}, None

    def statistics(self, value):
        known = value[np.isfinite(value)]  # NaN stands for one that is missing
        return {"mean": float(np.mean(known))} if known.size else {}
