"""Words."""

import dataclasses
import pathlib
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import input_kinds
from kerasvision.data.kinds.base import InputKind
from kerasvision.ops.text import MOST_BYTES


@input_kinds.register("text")
@dataclasses.dataclass(frozen=True)
class TextInput(InputKind):
    """A string scalar, UTF-8. A `pathlib.Path`, or a name that ends in .txt, is a file; other strings are the text."""

    suffixes: typing.ClassVar[tuple[str, ...]] = (".txt",)
    what: typing.ClassVar[str] = "a text, or the path of a .txt file in UTF-8"

    def read(self, item, inputs):
        key = next(iter(inputs))
        if isinstance(item, pathlib.Path) or (isinstance(item, str) and item.endswith(".txt")):
            try:
                item = pathlib.Path(item).read_text(encoding="utf-8-sig")
            except OSError as error:
                raise KerasVisionError(f"{item} cannot be read: {error.strerror}") from None
            except UnicodeDecodeError:
                raise KerasVisionError(f"{item} is no UTF-8; save it as UTF-8") from None
        if not isinstance(item, (str, bytes)):
            raise KerasVisionError(f"{key}: {self.what} is needed; seen: {type(item).__name__}")
        return {key: np.array(_checked(item.encode() if isinstance(item, str) else item), object)}, None

    def statistics(self, value):
        held = value.item() if isinstance(value, np.ndarray) else value
        return {"length": float(len(held.decode("utf-8", "replace") if isinstance(held, bytes) else held))}


def _checked(held):
    """The bytes of a text that a model can be asked about."""
    if not held:
        raise KerasVisionError("the text is empty; give at least one character")
    if len(held) > MOST_BYTES:
        raise KerasVisionError(f"the text has {len(held)} bytes; allowed: up to {MOST_BYTES}; cut it")
    try:
        held.decode("utf-8")
    except UnicodeDecodeError as error:
        raise KerasVisionError(
            f"the text is no UTF-8: byte 0x{held[error.start]:02x} at {error.start}; encode it so"
        ) from None
    return held
