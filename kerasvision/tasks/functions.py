"""What a model can do beside predicting: further functions of its graph, written into every file."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True, eq=False)
class Function:
    """A pure function of a trained graph, such as `remember` and `follow` of a tracker.

    inputs: key -> `tf.TensorSpec`, batched, every other axis known. A key of the architecture's prepared inputs is such
    an input; a key that a function before it gives is what that one gave (a state goes in and comes out as a tensor);
    any other is a state, which begins with zeros. outputs: key -> `tasks.base.Output`. call: {key: tensor} -> {key:
    tensor}, pure TensorFlow on layers of the graph. measured_with: key -> the prepared input of another name that it is
    given where the function is measured, such as a second picture for the frame of `follow`. is_loop: it takes frame by
    frame, with the `seconds` since the one before and a state, and answers with `ids`: what it says depends on all
    frames before, so that it is measured over a film of frames (`export.loops`).
    """

    inputs: dict
    outputs: dict
    call: typing.Callable
    measured_with: dict = dataclasses.field(default_factory=dict)
    is_loop: bool = False


@dataclasses.dataclass(frozen=True)
class Resource:
    """Words that a model looks things up in, and that travel with it: `assets/<name>.txt` of a SavedModel.

    words: their numbers are 0, 1, 2 ...; unknown: the number of what is none of them.
    """

    words: tuple[str, ...]
    unknown: int = -1
