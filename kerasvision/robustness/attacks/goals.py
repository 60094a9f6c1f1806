"""What an attack drives a detector or a segmenter at, by the architecture's own loss.

"Adversarial Objectness Gradient Attacks in Real-time Object Detection Systems" (Chow et al. 2020, arXiv:2004.04320,
section 3) has the goals of detectors.
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError, close_matches

OF_BOXES = ("harm", "vanish", "mislabel", "invent")
OF_PIXELS = ("harm", "hide")
_INVENTED = 8  # objects in a picture


@dataclasses.dataclass(frozen=True, eq=False)
class LossGoal:
    """targets: of an architecture's loss, key -> [B, ...]. away: raise the loss; else lower it."""

    arch: typing.Any
    targets: dict
    away: bool = True

    def of(self, chosen):
        """The goal of some examples. chosen: numbers or bool [B]."""
        held = {key: tf.constant(np.asarray(value)[chosen]) for key, value in self.targets.items()}
        return LossGoal(self.arch, held, self.away)

    def loss(self, raw):
        """raw: outputs of the graph by key, [B, ...] -> what an attack raises, [B]: the sum of the architecture's
        losses of each example, or its negative where it is to fall.
        """
        total = tf.add_n(list(self.arch.loss(self.targets, raw).values()))
        return total if self.away else -total

    def reached(self, raw):
        """Never: a loss can always be worse, bool [B]."""
        return np.zeros(len(next(iter(raw.values()))), bool)


@dataclasses.dataclass(frozen=True, eq=False)
class PixelGoal:
    """true: the class of each pixel, float32 [B, h, w, K], all 0 where it does not count."""

    true: typing.Any

    def of(self, chosen):
        """The goal of some examples. chosen: numbers or bool [B]."""
        return PixelGoal(tf.constant(np.asarray(self.true)[chosen]))

    def loss(self, raw):
        """raw: outputs of the graph by key -> what an attack raises, [B]: the mean cross-entropy of the pixels that
        count.
        """
        return self.weighed(raw, 0.5) * 2

    def weighed(self, raw, share):
        """The mean over pixels that count of their cross-entropy, of those that are wrong already times `share` and of
        the others times 1 - share, [B] (SegPGD, arXiv:2207.12391, equation 4).
        """
        logits, counts = raw["logits"], tf.reduce_sum(self.true, -1)
        entropy = tf.nn.softmax_cross_entropy_with_logits(self.true, logits)
        wrong = tf.cast(tf.argmax(logits, -1) != tf.argmax(self.true, -1), tf.float32)
        weight = wrong * share + (1 - wrong) * (1 - share)
        total = tf.reduce_sum(weight * entropy * counts, [1, 2])
        return tf.math.divide_no_nan(total, tf.reduce_sum(counts, [1, 2]))

    def reached(self, raw):
        """Whether each pixel that counts is called otherwise, bool [B]."""
        right = (tf.argmax(raw["logits"], -1) == tf.argmax(self.true, -1)) & (tf.reduce_sum(self.true, -1) > 0)
        return ~tf.reduce_any(right, [1, 2]).numpy()


def check(arch, goal, target):
    """Raise UsageError of a goal that an architecture does not have. target: number of a class, or None."""
    known = goals_of(arch)
    if not known:
        raise UsageError(f"{arch.registered_name} is no classifier, detector or segmenter of one image")
    if goal not in known:
        raise UsageError(f"no goal {goal!r} of {arch.registered_name}; {close_matches(goal, known)}")
    if goal == "mislabel" and arch.num_classes < 2:
        raise UsageError("goal mislabel needs 2 classes and the model has one; vanish and invent need none")
    if goal == "hide" and target is None:
        raise UsageError("goal hide needs the class whose pixels shall be called otherwise: --target CLASS")
    if target is not None and goal not in ("hide", "mislabel", "invent"):
        raise UsageError(f"goal {goal} takes no target; mislabel, invent and hide do")


def goals_of(arch):
    """The goals of an architecture, none where it is neither a detector nor a segmenter of one image."""
    if list(arch.prepared_inputs()) != ["image"]:
        return ()
    return OF_BOXES if "boxes_xyxy" in arch.label_keys else OF_PIXELS if arch.label_keys == ("mask",) else ()


def goal_of(arch, goal, targets, target=None):
    """The goal of a batch. targets: of `arch.loss`, of samples as `changed` gives them."""
    if goals_of(arch) == OF_BOXES:
        return LossGoal(arch, targets, goal == "harm")
    true = targets["logits"]
    return PixelGoal(true if goal == "harm" else true * tf.one_hot(target, true.shape[-1]))


def changed(sample, goal, arch, target=None):
    """A sample as it looks once the goal is reached, for the loss: without objects, of other labels, or with more."""
    if goal in ("harm", "hide"):
        return sample
    masks = ("instance_masks",) if "instance_masks" in sample else ()
    objects = ("boxes_xyxy", "labels", *masks)
    held = {key: value for key, value in sample.items() if key not in ("is_crowd", "is_difficult")}
    if goal == "vanish":
        return held | {key: held[key][:0] for key in objects}
    if goal == "mislabel":
        labels = held["labels"]
        other = (labels + 1) % arch.num_classes if target is None else tf.fill(tf.shape(labels), target)
        return held | {"labels": tf.cast(other, labels.dtype)}
    return held | {key: tf.concat([held[key], value], 0) for key, value in _invented(held, masks, arch, target).items()}


def _invented(sample, masks, arch, target):
    """Objects at places that follow from those that there are, so that the same picture always gets the same; no more
    than an architecture of `max_objects` can take.
    """
    seed = tf.stack([tf.shape(sample["labels"])[0], tf.cast(tf.reduce_sum(sample["boxes_xyxy"]), tf.int32)])
    hw = tf.cast(tf.shape(sample["image"])[:2], tf.float32)
    place = tf.random.stateless_uniform((_INVENTED, 4), seed)
    size = (0.1 + 0.3 * place[:, 2:]) * hw[::-1]
    first = place[:, :2] * (hw[::-1] - size)
    labels = tf.random.stateless_uniform((_INVENTED,), seed + 1, 0, arch.num_classes, tf.int32)
    labels = labels if target is None else tf.fill((_INVENTED,), target)
    found = {"boxes_xyxy": tf.concat([first, first + size], 1), "labels": tf.cast(labels, sample["labels"].dtype)}
    for key in masks:
        whole = tf.ones([_INVENTED, *tf.unstack(tf.shape(sample[key])[1:])], tf.int32)
        found[key] = tf.cast(whole, sample[key].dtype)
    free = tf.maximum(getattr(arch, "max_objects", 1_000_000) - tf.shape(sample["labels"])[0], 0)
    return {key: value[:free] for key, value in found.items()}
