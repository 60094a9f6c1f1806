"""Examples made of several: where an example's partners come from, and in which order parts are applied."""

import functools
import math

import tensorflow as tf

from kerasvision.data.augment import draws
from kerasvision.data.augment.base import Canvas, Combination

_STREAM = 1_000_000_007  # added to a stream's seed for its partners
_FOLD = 2_000_003  # folded into an example's seed, and the number of the partner, for a partner's own


def partner_count(parts):
    """How many partners an example needs: those of a combination have partners of their own for the one before it."""
    return math.prod(1 + p.count for p in parts if isinstance(p, Combination)) - 1


def canvas_of(arch):
    """What combinations for an architecture are drawn on."""
    size_hw = tuple(arch.prepared_inputs()["image"].shape[1:3])
    keeps_aspect = getattr(arch, "resize", "letterbox") != "stretch"
    return Canvas(size_hw, keeps_aspect, averages=getattr(arch, "antialias", False))


def example_stream(records, count, shuffle_buffer, seed, start=0, ordered=None):
    """(endless dataset, function): the function makes an element a list of functions, which give the record of an
    example and those of its `count` partners.

    start: how many examples are left out at the beginning. ordered: what `data.ordering.ordered` gives, from that
    example on, in place of a shuffle of the examples; partners are shuffled.
    """
    if ordered:
        data, record_at = ordered
    else:
        data = records.shuffle(shuffle_buffer, seed, reshuffle_each_iteration=True).repeat().skip(start)
        record_at = _itself
    if not count:
        return data, lambda held: [lambda: record_at(held)]
    pairs = tf.data.Dataset.zip((data, partner_stream(records, count, shuffle_buffer, seed).skip(start)))
    return pairs, lambda pair: [lambda: record_at(pair[0]), *partners_of(pair[1], records.element_spec, count)]


def _itself(record):
    return record


def partner_stream(records, count, shuffle_buffer, seed):
    """An endless dataset of `count` records each, as `partners_of` reads them; in an order of its own.

    Nothing keeps an example from being its own partner, with the chance of any other.
    """
    data = records.shuffle(shuffle_buffer, (seed + _STREAM) % (2**31 - 1), reshuffle_each_iteration=True).repeat()
    return packed(data).batch(count, drop_remainder=True)


def packed(records):
    """The records with each of their tensors as a string: they have sizes of their own, of masks and boxes, and as
    strings they batch whatever they are.
    """
    return records.map(lambda *r: tf.nest.map_structure(tf.io.serialize_tensor, _one(r)), num_parallel_calls=1)


def unpacked(held, spec, number):
    """The record of a number out of a batch of packed ones. spec: `element_spec` of the records."""

    def tensor(held, spec):
        return tf.ensure_shape(tf.io.parse_tensor(held[number], spec.dtype), spec.shape)

    return tf.nest.map_structure(tensor, held, spec)


def partners_of(held, spec, count):
    """The records of one element of `partner_stream`: a list of functions, so that only what is used is unpacked.

    spec: `element_spec` of the records.
    """
    return [functools.partial(unpacked, held, spec, number) for number in range(count)]


def combined(reads, parts, seed, canvas, alone):
    """One sample after every part, those that combine several included.

    reads: functions that give the sample as read and, after it, those of its partners, `partner_count(parts)` of them.
    parts: [(number, augmentation)]; a part's seed is `seed` with its number folded in. alone: (sample as read,
    numbered parts, seed) -> sample, for parts of one sample.
    """
    last = max((i for i, (_, part) in enumerate(parts) if isinstance(part, Combination)), default=None)
    if last is None:
        return alone(reads[0](), parts, seed)
    number, part = parts[last]
    share = len(reads) // (1 + part.count)

    def member(i):
        own = tf.random.experimental.stateless_fold_in(seed, _FOLD + 64 * number + i) if i else seed
        return combined(reads[i * share : (i + 1) * share], parts[:last], own, canvas, alone)

    sample = member(0)
    chance_seed, part_seed = draws.split(tf.random.experimental.stateless_fold_in(seed, number), 2)
    sample = tf.cond(
        draws.chance(chance_seed, part.probability),
        lambda: part(sample, [member(i) for i in range(1, 1 + part.count)], part_seed, canvas),
        lambda: dict(sample),
    )
    for number, following in parts[last + 1 :]:
        sample = following(sample, tf.random.experimental.stateless_fold_in(seed, number))
    return sample


def _one(arguments):
    """tf.data unpacks an element that is a tuple."""
    return arguments[0] if len(arguments) == 1 else arguments
