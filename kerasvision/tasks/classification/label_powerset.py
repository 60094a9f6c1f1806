"""Label powerset: each combination of labels that training has seen is a class of its own.

"Multi-Label Classification: An Overview" (Tsoumakas, Katakis 2007, International Journal of Data Warehousing and Mining
3, section 2.1, problem transformation 3). Combinations that training never saw are never answered.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import architectures
from kerasvision.losses.classification import softmax_cross_entropy
from kerasvision.tasks.classification._several import SeveralOfManyImages

MOST_SETS = 4096


@architectures.register("classification/label_powerset")
@dataclasses.dataclass(frozen=True)
class LabelPowerset(SeveralOfManyImages):
    """Raw is `{"logits": [B, S]}` over S combinations. The answer is the likeliest one; a label's probability is that
    of all combinations that hold it.

    label_sets: the combinations, each the class indices in order; (): those of the training split. fewest: how many
    examples a combination needs; examples of a rarer one count as the nearest that is there: by Jaccard's index, and of
    those with equal ones, by the fewest wrong labels.
    """

    label_sets: tuple[tuple[int, ...], ...] = ()
    fewest: int = 1

    class_logits: typing.ClassVar[dict[str, str]] = {"logits": "softmax"}

    def __post_init__(self):
        super().__post_init__()
        if self.thresholds or self.top_k:
            raise UsageError("LabelPowerset answers with a combination, and has no thresholds or top_k; leave them out")
        if self.fewest < 1:
            raise UsageError(f"LabelPowerset: fewest={self.fewest}; allowed: 1 or more")
        labels = [k for held in self.label_sets for k in held]
        if labels and self.num_classes and not 0 <= min(labels) <= max(labels) < self.num_classes:
            raise UsageError(f"LabelPowerset: label_sets name class {max(labels)}; there are {self.num_classes}")

    def for_data(self, split):
        if self.label_sets:
            return self
        counts = split.label_sets()
        held = tuple(sorted(labels for labels, count in counts.items() if count >= self.fewest))
        if not 2 <= len(held) <= MOST_SETS:
            raise KerasVisionError(
                f"the training split has {len(held)} combinations of labels with fewest={self.fewest} or more examples "
                f"each; a label powerset needs 2 to {MOST_SETS}: change model.fewest, or use classification/multi_label"
            )
        return dataclasses.replace(self, label_sets=held)

    def tune(self, predictions, ground_truths):
        return self

    def _members(self):
        """float32 [S, K]: which labels a combination holds."""
        members = np.zeros([len(self.label_sets), self.num_classes], np.float32)
        for row, held in zip(members, self.label_sets, strict=True):
            row[list(held)] = 1.0
        return members

    def head(self, x):
        if not self.label_sets:
            raise KerasVisionError("a label powerset is built for its label_sets, which training takes from its data")
        return keras.layers.Dense(len(self.label_sets), name="logits")(self.pooled(x))

    def encode(self, sample):
        present, members = self.multi_hot(sample), tf.constant(self._members())
        both, either = (tf.cast(tf.reduce_sum(f(members, present), 1), tf.float64) for f in (tf.minimum, tf.maximum))
        alike = tf.where(either > 0, both / tf.maximum(either, 1.0), 1.0)  # of none and none: equal
        # wrong labels decide among equals alone: two unequal indices are 1 / K^2 apart or more
        nearest = tf.argmax(alike - (either - both) / (2.0 * self.num_classes**3))
        return {"logits": tf.one_hot(nearest, len(self.label_sets))}

    def loss(self, targets, raw):
        return {"cross_entropy": softmax_cross_entropy(targets["logits"], raw["logits"], self.label_smoothing)}

    def decode(self, raw, geometry):
        members = tf.constant(self._members())
        return {
            "probabilities": tf.clip_by_value(tf.nn.softmax(raw["logits"]) @ members, 0.0, 1.0),
            "present": tf.cast(tf.gather(members, tf.argmax(raw["logits"], -1)), tf.int32),
        }

    def deciding(self):
        return None  # a whole set of labels is chosen

    def class_scores(self, raw):
        """Of the sum of the probabilities of all combinations that hold a label, without rounding where it is sure."""
        held = tf.constant(self._members() > 0)
        least = raw["logits"].dtype.min
        on, off = (
            tf.reduce_logsumexp(tf.where(member, raw["logits"][..., None], least), 1) for member in (held, ~held)
        )
        return on - off
