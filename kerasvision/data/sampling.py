"""Which training examples come how often: counts of classes, and splits whose records are repeated or left out."""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError


def labels_of(split):
    """int64 [N]: the label of every record, in order. Images are not decoded."""
    labels = split.records.map(lambda *r: split.read(*r)["label"], num_parallel_calls=tf.data.AUTOTUNE)
    return np.fromiter(labels.as_numpy_iterator(), np.int64)


def class_counts(labels, classes):
    """int64 [classes]: how many examples each class has; one without any is an error."""
    counts = np.bincount(labels, minlength=classes)
    if absent := np.flatnonzero(counts == 0).tolist():
        named = ", ".join(map(str, absent[:5])) + (" ..." if len(absent) > 5 else "")
        raise KerasVisionError(
            f"no example in the training split has class {named} (of 0 to {classes - 1}); bring some, or take the "
            "class out of the data"
        )
    return counts


def even_repeats(labels, wanted, seed):
    """int64 [N]: how often each record comes, so that class c comes exactly wanted[c] times.

    Records of a class differ by one at the most; which of them come once more is drawn from the seed.
    """
    rng, repeats = np.random.default_rng(seed), np.zeros(len(labels), np.int64)
    for number, count in enumerate(wanted):
        held = rng.permutation(np.flatnonzero(labels == number))
        if len(held):
            repeats[held] = count // len(held) + (np.arange(len(held)) < count % len(held))
    return repeats


def repeated(split, repeats):
    """The split with record i `repeats[i]` times, 0 leaves it out."""
    times = tf.constant(repeats, tf.int64)

    def several(number, record):
        return tf.data.Dataset.from_tensors(record).repeat(times[number])

    records = split.records.enumerate().flat_map(several)
    return dataclasses.replace(split, records=records, size=int(np.sum(repeats)))
