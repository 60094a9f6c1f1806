"""Batches whose records somebody names by their numbers, in place of a shuffle."""

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import SAYS, KerasVisionError
from kerasvision.data.partners import packed, unpacked


def order_of(techniques, split, batch_size, seed):
    """The one order that a phase's techniques have (`Technique.order`), or None. Two are refused."""
    found = [(t.registered_name, o) for t in techniques if (o := t.order(split, batch_size, seed)) is not None]
    if len(found) > 1:
        named = " and ".join(name for name, _ in found)
        raise KerasVisionError(f"{named} both decide which examples make a batch; keep one of them in a phase")
    return found[0][1] if found else None


def ordered(records, order, batch_size, start):
    """(endless dataset of numbers of records, function: such a number -> the record).

    The records are held in memory, packed, as a shuffle over all of them would hold them. order: step -> integers
    [batch_size], 0 to below the number of records. start: how many examples are left out at the beginning.
    """
    spec = records.element_spec
    rows = [tf.nest.flatten(row) for row in packed(records).as_numpy_iterator()]
    columns = [tf.constant(column, tf.string) for column in zip(*rows, strict=True)]
    numbers = _checked(order, batch_size, len(rows))
    first = start // batch_size
    numbers(first)  # whatever is wrong with it is said here, before threads of TensorFlow wrap it

    def handed_on(step):
        try:
            return numbers(step)
        except KerasVisionError as error:  # its line comes out of TensorFlow again
            raise ValueError(f"[{SAYS} " + "] [".join(str(error).rsplit(" ", 1)) + "]") from None

    def named(step):
        return tf.ensure_shape(tf.numpy_function(handed_on, [step], tf.int64), [batch_size])

    data = tf.data.Dataset.range(first, np.iinfo(np.int64).max).map(
        tf.autograph.experimental.do_not_convert(named), num_parallel_calls=1
    )
    held = tf.nest.pack_sequence_as(spec, columns)
    return data.unbatch().skip(start % batch_size), lambda number: unpacked(held, spec, number)


def _checked(order, batch_size, size):
    """step -> int64 [batch_size]; one line where these are no numbers of records."""

    def numbers(step):
        given = np.asarray(order(int(step)))
        if given.shape != (batch_size,) or not np.issubdtype(given.dtype, np.integer):
            seen = f"{given.dtype} of shape {given.shape}"
        elif given.min() < 0 or given.max() >= size:
            seen = f"{given.min()} to {given.max()}"
        else:
            return given.astype(np.int64)
        raise KerasVisionError(
            f"an order gives {batch_size} integers, 0 to {size - 1}, and that of this phase gave {seen} for step {step}"
        )

    return numbers
