"""Wrong labels planted among the training data, to measure what they cost and what remedies are worth."""

import dataclasses
import typing

import tensorflow as tf

from kerasvision.core.component import part
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sources._wrapping import Wrapping, numbered
from kerasvision.data.sources.base import Opened


@sources.register("noisy_labels")
@dataclasses.dataclass(frozen=True)
class NoisyLabels(Wrapping):
    """Samples: those of the source `of`, where a part of the training split's `label`s is another class.

    rate: probability that a label is wrong, 0..1. kind_of_noise: "symmetric", any other class with equal probability;
    "pair", the next class, the last one the first (Han et al. 2018, arXiv:1804.06872, figure 2); `is_planted` bool says
    so of a training sample, for `kerasvision data suspects` to count. A record's label depends on the seed and its
    number alone. The splits that `of` itself has for validation and test stay as they are; a
    validation split that training cuts out of train is as noisy as train, as it would be in practice.
    """

    adds: typing.ClassVar[tuple[str, ...]] = ("is_planted",)

    of: part("sources")
    rate: float = 0.4
    kind_of_noise: typing.Literal["symmetric", "pair"] = "symmetric"
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not 0.0 <= self.rate <= 1.0:
            raise UsageError(f"noisy_labels.rate={self.rate:g}; allowed: 0 to 1, as in 0.4")

    def open(self):
        opened = self.of.open()
        train = opened.splits["train"]
        if "label" not in train.read_spec:
            raise UsageError(
                f"noisy_labels of {self.of.registered_name}: its samples have {', '.join(sorted(train.read_spec))}; "
                "needed: label, one class for each example"
            )
        if len(opened.classes) < 2:
            raise UsageError(f"noisy_labels of {self.of.registered_name}: one class only; there is no other label")
        records = numbered(train)
        noisy = dataclasses.replace(train, records=records, read=self._reading(train.read, len(opened.classes)))
        return Opened(opened.classes, opened.splits | {"train": noisy}, opened.dropped)

    def _reading(self, read, classes):
        """`read` of a numbered record into a sample whose label may be wrong."""

        def changed(record):
            sample, number = read(record["record"]), record["number"]
            seed = tf.stack([tf.constant(self.seed, tf.int64), number])
            is_wrong, step = tf.random.stateless_uniform([], seed) < self.rate, 1
            if self.kind_of_noise == "symmetric":
                other = tf.random.experimental.stateless_fold_in(seed, 1)
                step = tf.random.stateless_uniform([], other, 1, classes, tf.int32)
            label = sample["label"]
            wrong = (tf.cast(label, tf.int32) + step) % classes
            given = tf.where(is_wrong, tf.cast(wrong, label.dtype), label)
            return sample | {"label": given, "is_planted": given != label}

        return changed
