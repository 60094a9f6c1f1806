"""Ids of words or characters."""

import dataclasses
import typing

from kerasvision.core.registry import input_kinds
from kerasvision.data.kinds.base import InputKind, array_of


@input_kinds.register("tokens")
@dataclasses.dataclass(frozen=True)
class TokensInput(InputKind):
    """int32 [T]: ids of words or characters, as a tokenizer outside of the model makes them."""

    what: typing.ClassVar[str] = "ids of tokens, as in 17,4,99 or a .npy file"

    def read(self, item, inputs):
        key, held = next(iter(inputs.items()))
        return {key: array_of(item, held.spec, f"{key}: {self.what}")}, None

    def statistics(self, value):
        return {"length": float(value.shape[0])} if value.ndim else {}
