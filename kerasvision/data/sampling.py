"""How often each example of a split comes: counting classes without reading images, and repeating records exactly."""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError

_ABOUT = ("groups", "strata")  # fields of a split with a number a record


def labels_of(split):
    """One int32 array for each example, in order: its class, or its classes, each once.

    TensorFlow prunes what a sample's label does not depend on, so no image is read or decoded.
    """
    spec = split.read_spec
    key = next((k for k in ("label", "labels") if k in spec), None)
    if key is None:
        raise UsageError(f"classes cannot be counted: a sample of this data has {', '.join(sorted(spec))}, no label")
    labels = split.records.map(lambda record: split.read(record)[key], tf.data.AUTOTUNE).as_numpy_iterator()
    return [np.unique(held) for held in labels]


def class_counts(split, classes):
    """int64 [K]: in how many examples of a split each class stands. classes: K."""
    labels = labels_of(split)
    return np.bincount(np.concatenate(labels) if labels else np.zeros(0, np.int64), minlength=classes)


def class_name(split, k):
    """How a message calls class k of a split."""
    return repr(split.classes[k]) if split.classes else f"number {k}"


def single_labels(split, what):
    """int64 [N]: the class of each example. what: begins the message where examples have several."""
    labels = labels_of(split)
    if any(len(held) != 1 for held in labels):
        raise UsageError(f"{what}: needs one class an example, and this data has several or none in some")
    if any(held[0] < 0 for held in labels):
        raise UsageError(f"{what}: some pictures have no label (pseudo_labels); leave one of the two out")
    return np.concatenate(labels).astype(np.int64)


def dealt(labels, targets, seed):
    """int64 [N]: how often each example comes, so that class k comes exactly targets[k] times.

    Counts within a class differ by one at most; which examples get one more is drawn with the seed, class by class.
    labels: int [N]; targets: int [K], 0 for classes without an example.
    """
    times = np.zeros(len(labels), np.int64)
    for k, target in enumerate(targets):
        members = np.flatnonzero(labels == k)
        if not len(members):
            continue
        each, more = divmod(int(target), len(members))
        times[members] = each
        times[np.random.default_rng([seed, k]).choice(members, more, replace=False)] += 1
    return times


def repeated(split, times):
    """The split with each record as often as `times` says (int [N], 0 leaves it out), in the order of the records."""
    held = tf.constant(times, tf.int64)
    numbered = split.records.enumerate()
    if times.max(initial=0) <= 1:
        records = numbered.filter(lambda i, _: held[i] > 0).map(lambda _, record: record, num_parallel_calls=1)
    else:
        records = numbered.flat_map(lambda i, record: tf.data.Dataset.from_tensors(record).repeat(held[i]))
    about = {k: tuple(np.repeat(getattr(split, k), times).tolist()) if getattr(split, k) else () for k in _ABOUT}
    return dataclasses.replace(split, records=records, size=int(times.sum()), **about)


def oversampled(split, ratio, seed, what):
    """Classes with fewer than 1 / ratio of the largest class's examples come that often."""
    labels = single_labels(split, what)
    counts = np.bincount(labels)
    floor = -int(-counts.max() // ratio)  # rounded up
    return repeated(split, dealt(labels, np.where(counts > 0, np.maximum(counts, floor), 0), seed))


def undersampled(split, ratio, seed, what):
    """Of classes with more than `ratio` times the smallest class's examples only that many come."""
    labels = single_labels(split, what)
    counts = np.bincount(labels)
    ceiling = int(ratio * counts[counts > 0].min())
    return repeated(split, dealt(labels, np.minimum(counts, ceiling), seed))


def long_tailed(split, ratio, seed, what):
    """Class k of K keeps n ratio^(-k / (K - 1)) of its examples, at least one; n: of the largest class.

    Cui et al. 2019, arXiv:1901.05555, section 5.1: exponentially decreasing counts in the order of the classes.
    """
    labels = single_labels(split, what)
    counts = np.bincount(labels, minlength=max(2, len(split.classes)))
    if not counts.all():
        raise KerasVisionError(f"{what}: class {class_name(split, int(counts.argmin()))} has no training example")
    wanted = counts.max() * ratio ** (-np.arange(len(counts)) / (len(counts) - 1))
    targets = np.minimum(counts, np.maximum(1, np.round(wanted).astype(np.int64)))
    return repeated(split, dealt(labels, targets, seed))


def bagged(split, balanced, seed, what):
    """As many examples as there are, drawn with replacement; balanced: of each class as many as the rarest has."""
    rng = np.random.default_rng(seed)
    if not balanced:
        return repeated(split, np.bincount(rng.integers(0, split.size, split.size), minlength=split.size))
    labels = single_labels(split, what)
    counts = np.bincount(labels)
    least = counts[counts > 0].min()
    drawn = [rng.choice(np.flatnonzero(labels == k), least) for k in np.flatnonzero(counts)]
    return repeated(split, np.bincount(np.concatenate(drawn), minlength=len(labels)))
