"""Pictures without labels among those that have them, for techniques that learn from both."""

import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.data.augmenting import decoded
from kerasvision.data.sources.base import Split

NOBODY = -1  # label of a picture that has none


def with_unlabeled(split, more, what):
    """A `Split` of the records of `split`, and behind them those of `more`, whose labels are not looked at: samples
    have the picture, and `label`, -1 for the latter. what: begins the message where one of both has no pictures.
    """
    for one in (split, more):
        if not {"image", "image_bytes"} & one.read_spec.keys():
            raise UsageError(f"{what}: a sample has {', '.join(sorted(one.read_spec))}, and no picture")
    key = "image_bytes" if all("image_bytes" in one.read_spec for one in (split, more)) else "image"
    if "label" not in split.read_spec:
        raise UsageError(f"{what}: needs one class an example, and a sample has {', '.join(sorted(split.read_spec))}")
    blanks = [tf.nest.map_structure(_blank, one.records.element_spec) for one in (split, more)]
    own = split.records.map(lambda record: _record(True, record, blanks[1]), num_parallel_calls=1)
    other = more.records.map(lambda record: _record(False, blanks[0], record), num_parallel_calls=1)

    def picture(sample):
        return sample[key] if key in sample else decoded(sample)[key]

    def read(record):
        def of_own():
            sample = split.read(record["own"])
            return picture(sample), tf.cast(sample["label"], tf.int32)

        pixels, label = tf.cond(
            record["is_labeled"], of_own, lambda: (picture(more.read(record["more"])), tf.constant(NOBODY))
        )
        return {key: tf.ensure_shape(pixels, [] if key == "image_bytes" else [None, None, 3]), "label": label}

    held = min(split.shuffle_buffer, more.shuffle_buffer)
    return Split(own.concatenate(other), read, split.size + more.size, held, split.classes)


def _blank(spec):
    """What stands for a record of the other kind, which nobody reads: as small as its spec lets it be."""
    shape = [side or 0 for side in spec.shape]
    return tf.fill(shape, "") if spec.dtype == tf.string else tf.zeros(shape, spec.dtype)


def _record(is_labeled, own, more):
    return {"is_labeled": tf.constant(is_labeled), "own": own, "more": more}
