"""Which pixels of a picture are there."""

import dataclasses
import typing

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import input_kinds
from kerasvision.data.kinds.base import InputKind


@input_kinds.register("present")
@dataclasses.dataclass(frozen=True)
class PresentInput(InputKind):
    """uint8 [H, W]: 0 where a pixel of the picture that it is read with is missing."""

    what: typing.ClassVar[str] = "nothing: it is read with its picture"

    def read(self, item, inputs):
        raise KerasVisionError(f"{next(iter(inputs))} is read with its picture; give the picture alone")
