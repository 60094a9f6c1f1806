"""What an architecture takes, key by key: a tensor, and of what kind it is."""

import dataclasses
import typing

import tensorflow as tf

Kind = typing.Literal["image", "volume", "present", "numbers", "text", "tokens", "audio", "state"]


@dataclasses.dataclass(frozen=True)
class Input:
    """One key of what a user sends, batched.

    kind: how it is read, augmented, encoded in requests and looked at: the name of a part of `data.kinds`. read_with:
    the key of another input whose file holds this one too, as a picture holds which of its pixels are `present`; "":
    it has a file or a value of its own.
    """

    spec: tf.TensorSpec
    kind: Kind
    read_with: str = ""
