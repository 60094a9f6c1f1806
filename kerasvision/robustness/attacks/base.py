"""What an attack is, and what comes of one."""

import abc
import dataclasses
import typing

import numpy as np
import tensorflow as tf

from kerasvision.core.component import Component
from kerasvision.core.errors import UsageError
from kerasvision.ops.balls import Norm, length

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
    learns: typing.ClassVar[bool] = False  # something beforehand, from other pictures: `learned`
    by_loss: typing.ClassVar[bool] = False  # whether the slope of any loss is enough: of detectors and segmenters too
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

    def learned(self, model, pixels, goal, seed=0):
        """This attack with what it learns from pictures, uint8 [N, h, w, 3], before it is turned on others."""
        return self

    def attack(self, model, pixels, labels, targets=None, seed=0, as_float=False):
        """The `Attacked` of pictures.

        pixels: uint8 [B, h, w, 3]. labels: the ground truth, int [B]. targets: classes that the model shall answer,
        int [B]; None: any but the label. as_float: do not round to pixels; robustness is counted on those, as a
        picture has no others. What is rounded stays in its ball.
        """
        goal = Goal(np.asarray(labels), None if targets is None else np.asarray(targets))
        given, moved = self.made(model, pixels, goal, seed, as_float)
        before, after = (model.decided(np.asarray(seen, np.float32) / np.float32(255)) for seen in (pixels, given))
        return Attacked(given, before, after, moved)

    def made(self, model, pixels, goal, seed=0, as_float=False):
        """(what the attack makes of pictures, as `Attacked.images`; the norm of each change, float64 [B]).

        model: a `classifier.Classifier` with a `Goal`, or a `scenes.Scenes` with a goal of `goals`.
        """
        if self.needs_slopes and not model.has_slopes:
            raise UsageError(
                f"{self.registered_name} needs gradients, and this model is asked for answers alone: "
                "square, hop_skip_jump"
            )
        images = pixels.astype(np.float32) / np.float32(255)
        found = np.asarray(self.moved(model, images, goal, np.random.default_rng(seed)))
        given = found * 255 if as_float else self._in_bytes(pixels, found)
        return given, length(np.asarray(given, np.float64) / 255 - pixels / 255, self.norm)

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
    """What an attack drives at. labels: int [B]. targets: int [B] or None, see `Attack.attack`. towards: int [B] or
    None: a class in whose direction any but the label is looked for.
    """

    labels: np.ndarray
    targets: np.ndarray | None = None
    towards: np.ndarray | None = None

    def of(self, chosen):
        """The goal of some examples. chosen: numbers or bool [B]."""
        return Goal(*(None if part is None else part[chosen] for part in (self.labels, self.targets, self.towards)))

    def loss(self, logits):
        """What an attack raises, [B]: cross-entropy with the label, or less that with the target."""
        wanted = self.labels if self.targets is None else self.targets
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits)
        return loss if self.targets is None else -loss

    def ratio(self, logits):
        """Another score to raise, [B]: the difference of logits ratio, which no scale of the logits changes (Croce and
        Hein 2020, arXiv:2003.01690, equations 6 and 7). Needs 3 classes, towards a class 4.
        """
        order = tf.sort(logits, 1, "DESCENDING")
        own = tf.gather(logits, self.labels, batch_dims=1)
        towards = self.targets if self.targets is not None else self.towards
        if towards is None:
            best = tf.where(own == order[:, 0], order[:, 1], order[:, 0])
            return -(own - best) / (order[:, 0] - order[:, 2] + 1e-12)
        other = tf.gather(logits, towards, batch_dims=1)
        return -(own - other) / (order[:, 0] - (order[:, 2] + order[:, 3]) / 2 + 1e-12)

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
