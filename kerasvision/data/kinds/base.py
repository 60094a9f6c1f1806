"""What is known of an input by its kind alone, whatever the architecture and its key."""

import abc
import pathlib
import typing

import numpy as np

from kerasvision.core.component import Component
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create

ENCODED = "_bytes"  # what is added to a key where samples and requests hold the encoded file


class InputKind(Component):
    """Abstract. One kind of input. `inputs` below is {key: `tasks.inputs.Input`} of one input of this kind, first, and
    of those that are read with it.
    """

    kind = "input_kinds"
    suffixes: typing.ClassVar[tuple[str, ...]] = ()  # of the files in a folder that hold one, lower case
    what: typing.ClassVar[str]  # what a user may give, in words
    is_encoded: typing.ClassVar[bool] = False  # whether samples and requests may hold the encoded file in its place
    is_large: typing.ClassVar[bool] = False  # whether more than one at a time would fill the memory

    @abc.abstractmethod
    def read(self, item, inputs):
        """What a user gives -> ({key: numpy array of one example, without batch axis}, what there is to be drawn on).

        item: a path, or what `what` says. The second is uint8 [H, W, 3], a `data.volumes.Volume`, a
        `data.spectrograms.Heard`, or None. Raises
        KerasVisionError, one line.
        """

    def decode(self, encoded, inputs):
        """The encoded file, a string scalar -> {key: tensor of one example}. TensorFlow, for kinds that `is_encoded`.

        Raises tf.errors.InvalidArgumentError of bytes that are none.
        """
        raise NotImplementedError(f"{self.registered_name} has no encoded form")

    def encode(self, values):
        """{key: numpy array of one example} -> bytes that `decode` makes the same of, for kinds that `is_encoded`."""
        raise NotImplementedError(f"{self.registered_name} has no encoded form")

    def statistics(self, value):
        """Name -> number, of one example (numpy, without batch axis): what drift is told by. {}: nothing."""
        return {}


def kind_named(name):
    """The `InputKind` of a name."""
    return create(f"input_kinds/{name}")


def kind_of(held):
    """The `InputKind` of an `Input`."""
    return kind_named(held.kind)


def groups(inputs):
    """{key: {key: Input, and those that are read with it}} of an architecture's serving inputs."""
    return {
        key: {key: held} | {k: other for k, other in inputs.items() if other.read_with == key}
        for key, held in inputs.items()
        if not held.read_with
    }


def array_of(item, spec, what):
    """What a user gives, as the array of one example that the spec asks for: numbers, a list of them, or the path of a
    .npy file. what: for the message.
    """
    if isinstance(item, (str, pathlib.Path)) and str(item).endswith(".npy"):
        try:
            item = np.load(item, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise KerasVisionError(f"{item} cannot be read as a .npy file: {error}") from None
    elif isinstance(item, str):
        try:
            item = [float(word) for word in item.replace(",", " ").split()]
        except ValueError:
            raise KerasVisionError(f"{item[:60]!r} is no {what}") from None
    array = np.asarray(item)
    if array.dtype.kind not in "biuf":
        raise KerasVisionError(f"{what} is needed; seen: {array.dtype} {list(array.shape)}")
    shape = spec.shape[1:]
    array = array.reshape(()) if shape.rank == 0 and array.size == 1 else array
    if not shape.is_compatible_with(array.shape):
        raise KerasVisionError(f"{what} of shape {shape.as_list()} is needed; seen: {list(array.shape)}")
    wanted = spec.dtype.as_numpy_dtype
    made = array.astype(wanted)
    if np.issubdtype(wanted, np.integer) and not np.array_equal(made, array):
        raise KerasVisionError(f"{what} in {spec.dtype.name} is needed; seen: {array.ravel()[:3].tolist()} ...")
    return made
