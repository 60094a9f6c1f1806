"""What an attack is, and what comes of one."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import Component
from kerasvision.core.errors import UsageError
from kerasvision.robustness.attacks.balls import Norm, length

_STEP = 2e-5  # of a pixel of 255: what float32 rounds


@dataclasses.dataclass(frozen=True, eq=False)
class Attacked:
    """images: what the attack made, uint8 [B, h, w, 3], or float32 0..255 where that was asked for. before, after: the
    classes that the model answers, int [B]. moved: the norm of each change, pixels counted 0..1, float64 [B].
    """

    images: np.ndarray
    before: np.ndarray
    after: np.ndarray
    moved: np.ndarray


class Attack(Component):
    """Abstract. Concrete ones are frozen dataclasses; their fields are their settings.

    radius: of the ball around a picture, pixels counted 0..1; norm: of the ball. An attack without a radius moves as
    little as it can.
    """

    kind = "attacks"
    needs_slopes: typing.ClassVar[bool] = True
    norm: Norm

    def __post_init__(self):
        super().__post_init__()
        name = type(self).registered_name
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "radius" and not 0 < value < float("inf"):
                raise UsageError(f"{name}.radius={value:g}; allowed: above 0, pixels counted 0..1, as in 8/255")
            if isinstance(value, int) and not isinstance(value, bool) and value < 1:
                raise UsageError(f"{name}.{field.name}={value}; allowed: 1 or more")

    @abc.abstractmethod
    def moved(self, model, images, score, random):
        """Pictures that a model calls otherwise, float32 [B, h, w, 3], 0..1.

        model: a `classifier.Classifier`. images: float32 [B, h, w, 3], 0..1. score: a `Goal`. random: a numpy
        Generator.
        """

    def attack(self, model, pixels, labels, targets=None, seed=0, as_float=False):
        """The `Attacked` of pictures.

        pixels: uint8 [B, h, w, 3]. labels: the ground truth, int [B]. targets: classes that the model shall answer,
        int [B]; None: any but the label. as_float: do not round to pixels; robustness is counted on those, as a
        picture has no others. What is rounded stays in its ball.
        """
        if self.needs_slopes and not model.has_slopes:
            raise UsageError(
                f"{self.registered_name} needs gradients, and this model is asked for scores alone: square"
            )
        images = pixels.astype(np.float32) / np.float32(255)
        goal = Goal(np.asarray(labels), None if targets is None else np.asarray(targets))
        found = np.asarray(self.moved(model, images, goal, np.random.default_rng(seed)))
        given = found * 255 if as_float else self._in_bytes(pixels, found)
        shown = np.asarray(given, np.float32) / np.float32(255)
        change = np.asarray(given, np.float64) / 255 - pixels / 255
        return Attacked(given, model.decided(images), model.decided(shown), length(change, self.norm))

    def _in_bytes(self, pixels, found):
        """The nearest pixels; where those leave the ball, the nearest on the way back."""
        change = found.astype(np.float64) * 255 - pixels
        nearest = np.rint(change)
        radius = getattr(self, "radius", np.inf)
        outside = length(nearest / 255, self.norm) > radius + 1e-7
        back = np.trunc(change + _STEP * np.sign(change))
        chosen = np.where(outside[:, None, None, None], back, nearest)
        return np.clip(pixels + chosen, 0, 255).astype(np.uint8)


@dataclasses.dataclass(frozen=True, eq=False)
class Goal:
    """What an attack drives at. labels: int [B]. targets: int [B] or None, see `Attack.attack`."""

    labels: np.ndarray
    targets: np.ndarray | None = None

    def of(self, chosen):
        """The goal of some examples. chosen: numbers or bool [B]."""
        return Goal(self.labels[chosen], None if self.targets is None else self.targets[chosen])

    def loss(self, logits):
        """What an attack raises, [B]: cross-entropy with the label, or less that with the target."""
        wanted = self.labels if self.targets is None else self.targets
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits)
        return loss if self.targets is None else -loss

    def margin(self, logits):
        """Above 0 where the goal is not reached, numpy [B]: how far the label is ahead of the best other class, or
        the best other class of the target.
        """
        logits = np.array(logits)
        rows = np.arange(len(logits))
        wanted = self.labels if self.targets is None else self.targets
        own = logits[rows, wanted].copy()
        logits[rows, wanted] = -np.inf
        return own - logits.max(1) if self.targets is None else logits.max(1) - own

    def reached(self, logits):
        """Whether the model answers as the goal says, bool [B]."""
        answers = np.asarray(logits).argmax(1)
        return answers != self.labels if self.targets is None else answers == self.targets
