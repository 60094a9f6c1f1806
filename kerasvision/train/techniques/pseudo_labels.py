"""Learning from a few labels and many pictures without any: what an average of the weights is sure of is their label.

"FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence" (Sohn et al. 2020, arXiv:2001.07685,
equations 3 and 4), with the thresholds of "FreeMatch: Self-adaptive Thresholding for Semi-supervised Learning" (Wang et
al. 2023, arXiv:2205.07246, equations 5 to 8), each class its own, and the teacher of "Mean teachers are better role
models" (Tarvainen, Valpola 2017, arXiv:1703.01780).
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import part
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.data.augment.base import Augmentation
from kerasvision.data.augment.policy import RandAugment
from kerasvision.data.unlabeled import with_unlabeled
from kerasvision.losses.classification import softmax_cross_entropy
from kerasvision.ops.gather import gathered
from kerasvision.train.techniques._classes import require_own_loss
from kerasvision.train.techniques._one_label import check_range, require_one_label
from kerasvision.train.techniques.base import Technique
from kerasvision.train.techniques.queue import require_answers

_CLASSES, _SURE = "pseudo_labels/classes", "pseudo_labels/sure"
_KEY = "logits"


@techniques.register("pseudo_labels")
@dataclasses.dataclass(frozen=True)
class PseudoLabels(Technique):
    """It stands behind `momentum_teacher`. unlabeled: a source whose training pictures join in, whatever labels they
    have; pictures that judge should not be among them. An epoch is as long as both together.

    Of each batch a share `labeled` has labels, and the loss is their cross-entropy and `weight` times that of the rest,
    seen through `strong`, with the class that the teacher gives the picture as the recipe's augmentations leave it. A
    picture counts where the teacher's probability is above the class's threshold: the mean of such probabilities, times
    the class's mean probability by that of the likeliest class, means that move by 1 - `momentum` a step and begin at 1
    by the number of classes. A batch has twice the rows. strong: on the graph's pixels.
    """

    views: typing.ClassVar[int] = 2

    unlabeled: part("sources")
    labeled: float = 0.25
    weight: float = 1.0
    momentum: float = 0.999
    strong: Augmentation = RandAugment(layers=2, magnitude=10)

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.labeled < 1:
            raise UsageError(f"pseudo_labels.labeled={self.labeled:g}; allowed: above 0 and below 1 (0.125 to 0.5)")
        check_range(self, "momentum", 0.0, 1.0)
        if not 0 < self.weight < float("inf"):
            raise UsageError(f"pseudo_labels.weight={self.weight:g}; allowed: above 0 (1 is usual)")

    def fit_statistics(self, arch, split):
        require_one_label(self, arch)
        if list(arch.prepared_inputs()) != ["image"]:
            raise UsageError(f"pseudo_labels are of pictures; {arch.registered_name} takes something else, or more")
        return self

    def records(self, split, arch):
        return with_unlabeled(split, self.unlabeled.open().splits["train"], "pseudo_labels")

    def order(self, split, batch_size, seed):
        labels = split.records.map(lambda record: record["is_labeled"], num_parallel_calls=1)
        count = int(sum(labels.as_numpy_iterator()))
        own = self._labeled_of(batch_size)

        def numbers(step):
            first = _cycled(count, step * own, own, (seed, 0))
            return np.concatenate(
                [first, count + _cycled(split.size - count, step * (batch_size - own), batch_size - own, (seed, 1))]
            )

        return numbers

    def _labeled_of(self, batch_size):
        """How many of a batch have labels."""
        own = round(self.labeled * batch_size)
        if not 0 < own < batch_size:
            raise UsageError(
                f"pseudo_labels.labeled={self.labeled:g} of batch_size={batch_size} are {own}; allowed: some with and "
                "some without a label"
            )
        return own

    def example(self, inputs, targets, seed):
        seen = inputs | self.strong({"image": inputs["image"]}, seed)
        stacked = {key: tf.stack([inputs[key], seen[key]]) for key in inputs}
        return stacked, {key: tf.stack([value] * 2) for key, value in targets.items()}

    def observer(self, arch, graph):
        return Thresholds(self.momentum, arch.num_classes)

    def objective(self, loss, arch):
        require_own_loss("pseudo_labels", loss, arch)

        def both(targets, raw):
            plain, seen = raw[_KEY][::2], raw[_KEY][1::2]
            labeled = _has_label(targets[_KEY])[::2]
            share = tf.reduce_mean(gathered(labeled)[0])
            own = labeled * softmax_cross_entropy(targets[_KEY][::2], plain) / share
            guessed = targets[_SURE] * softmax_cross_entropy(targets[_CLASSES], seen) / (1.0 - share)
            terms = {"cross_entropy": own, "pseudo_labels": self.weight * guessed}
            return {name: tf.repeat(term, 2) for name, term in terms.items()}  # a value a row of the batch

        return both


class Thresholds(tf.Module):
    """What the teacher is sure of. (inputs, targets) -> targets with, of each picture, the teacher's class, one-hot,
    and whether it counts; after the means have moved.
    """

    def __init__(self, momentum, classes):
        super().__init__(name="pseudo_labels")
        options = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        self._momentum = momentum
        self.sureness = tf.Variable(1.0 / classes, name="sureness", **options)
        self.shares = tf.Variable(tf.fill([classes], 1.0 / classes), name="shares", **options)

    def __call__(self, inputs, targets):
        answers = require_answers("pseudo_labels", targets, _KEY)
        probabilities = tf.nn.softmax(answers[::2])
        free = 1.0 - _has_label(targets[_KEY])[::2]
        every, counted = gathered(probabilities)[0], gathered(free)[0]
        weights = counted / tf.reduce_sum(counted)
        sureness = self._moved(self.sureness, tf.reduce_sum(weights * tf.reduce_max(every, 1)))
        shares = self._moved(self.shares, tf.linalg.matvec(every, weights, transpose_a=True))
        thresholds = shares / tf.reduce_max(shares) * sureness
        classes = tf.argmax(probabilities, 1)
        sure = tf.cast(tf.reduce_max(probabilities, 1) > tf.gather(thresholds, classes), tf.float32)
        return targets | {_CLASSES: tf.one_hot(classes, every.shape[-1]), _SURE: sure * free}

    def _moved(self, variable, value):
        """The mean after this step, kept."""
        mean = self._momentum * tf.identity(variable) + (1.0 - self._momentum) * value
        with tf.control_dependencies([mean]):
            variable.assign(mean)
        return mean


def _has_label(targets):
    """one-hot [B, K], all 0 of a picture without a label -> float32 [B], 1 where it has one."""
    return tf.reduce_sum(targets, 1)


def _cycled(count, start, length, seed):
    """`length` of 0 to `count` - 1 from place `start` of an endless row of permutations, each drawn anew."""
    places = np.arange(start, start + length)
    rounds = {k: np.random.default_rng([*seed, k]).permutation(count) for k in np.unique(places // count).tolist()}
    return np.array([rounds[place // count][place % count] for place in places.tolist()])
