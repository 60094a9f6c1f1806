"""Whether a figure of robustness may be an illusion: flags with numbers, and the figure asked for as one should.

"Obfuscated Gradients Give a False Sense of Security" (Athalye et al. 2018, arXiv:1802.00420, section 3.1) names the
signs, "On Evaluating Adversarial Robustness" (Carlini et al. 2019, arXiv:1902.06705, section 5) the remedies.
"""

import dataclasses

import numpy as np
import scipy.stats
import tensorflow as tf

from kerasvision.core.registry import create
from kerasvision.robustness.attacks.base import Goal
from kerasvision.robustness.attacks.classifier import slope_of

_SURE = 0.05  # chance at most that a flag of two counts is raised by luck
_ONE_POINT = 0.01
_SAME = 1e-3  # of the largest logit: more than sums in another order make
_STEPS, _QUERIES, _DRAWS = 20, 200, 8
_CHOICE, _LEVEL = "Cast", 1 / 255  # the step that makes whole numbers; one gray level


@dataclasses.dataclass(frozen=True)
class Flag:
    """name: of the sign. raised: whether it is there. says: with the numbers that say so."""

    name: str
    raised: bool
    says: str


def judged(model, pixels, labels, radius=8 / 255, other=None, seed=0):
    """{"examples", "flags", "robust", "again"} of pictures that a model calls right.

    model: a `classifier.Classifier`. pixels: uint8 [B, h, w, 3]. labels: int [B]. radius: by Linf. other: a Classifier
    whose pictures shall deceive this one too, or None. flags: a list of `Flag`. robust: the share that `pgd` leaves
    right. again: the same, asked as one should: gradients pass steps without derivative, are the mean of random
    draws where answers change, or where whole numbers made of pixels choose among them (each draw then moves pixels by
    up to half a gray level, which draws the choice anew), and of logits that are scaled to a median lead of 1.
    """
    signs = _Signs(model, pixels, np.asarray(labels), radius, seed)
    flags = [signs.steps(), signs.zeros(), signs.draws(), signs.noise(), signs.one_step(), signs.unbounded()]
    flags.append(signs.compared("black_box", signs.asked(), "square, which asks for scores alone,"))
    if other is not None:
        flags.append(signs.compared("transfer", signs.transferred(other), "pictures made on the other model"))
    again = signs.white & ~signs.broken(_pgd(radius), signs.rightly())
    return {
        "examples": len(pixels),
        "flags": flags,
        "robust": float(signs.white.mean()),
        "again": float(again.mean()),
    }


class _Signs:
    """One model and its pictures; `white` are those that `pgd` leaves right."""

    def __init__(self, model, pixels, labels, radius, seed):
        self.model, self.pixels, self.labels, self.radius, self.seed = model, pixels, labels, radius, seed
        self.images, self.goal = pixels.astype(np.float32) / np.float32(255), Goal(labels)
        self.white = ~self.broken(_pgd(radius), model)

    def broken(self, attack, model):
        """Which pictures the judged model calls otherwise after an attack on a model, bool [B]."""
        found = attack.attack(model, self.pixels, self.labels, seed=self.seed)
        return self.model.decided(found.images / np.float32(255)) != self.labels

    def asked(self):
        return self.broken(create("attacks/square", radius=self.radius, queries=_QUERIES), self.model)

    def transferred(self, other):
        return self.broken(_pgd(self.radius), other)

    def steps(self):
        found = self.model.steps()
        return Flag("steps", bool(found), f"operators without derivative: {', '.join(found) or 'none'}")

    def zeros(self):
        _, slope = self.model.slope(self.images, self.goal.loss)
        share = float((np.abs(np.asarray(slope)).reshape(len(slope), -1).max(1) == 0).mean())
        return Flag("zeros", share > _ONE_POINT, f"the gradient is zero on {share:.4f} of the images")

    def draws(self):
        first, second = (np.asarray(self.model.logits(self.images)) for _ in range(2))
        change = float(np.abs(first - second).max() / max(np.abs(first).max(), 1e-12))
        return Flag("draws", change > _SAME, f"the same question twice changes logits by {change:.2g} of the largest")

    def noise(self):
        """A step along the gradient has to lower the lead more than a random one of the same length, on most images."""
        _, slope = self.model.slope(self.images, self.goal.loss)
        random = np.random.default_rng(self.seed).choice([-1.0, 1.0], self.images.shape)
        along, beside = (
            self.goal.margin(self.model.logits(np.clip(self.images + self.radius * way, 0, 1)))
            for way in (np.sign(np.asarray(slope)), random)
        )
        better = int((along < beside).sum())
        says = f"a step along the gradient lowers the lead more than a random one on {better} of {len(along)} images"
        return Flag("noise", not _mostly(better, len(along)), says)

    def one_step(self):
        broken = self.broken(create("attacks/fgsm", radius=self.radius), self.model)
        return self.compared("one_step", broken, "fgsm, one step,")

    def unbounded(self):
        left = ~self.broken(_pgd(1.0), self.model)
        share = float(left.mean())
        return Flag("unbounded", share > 0, f"pgd without bounds leaves {share:.4f} right")

    def compared(self, name, broken, what):
        """Raised where an attack that should be weaker breaks what `pgd` does not, more often than the other way."""
        alone, missed = int((broken & self.white).sum()), int((~broken & ~self.white).sum())
        return Flag(
            name,
            _mostly(alone, alone + missed),
            f"{what} breaks {alone} that pgd does not, and pgd {missed} that it does not",
        )

    def rightly(self):
        """The model with gradients as one should ask for them."""
        model = self.model.straightened() if self.model.steps() else self.model
        lead = np.abs(self.goal.margin(model.logits(self.images)))
        chooses = _CHOICE in self.model.steps()
        draws = _DRAWS if chooses or self.draws().raised else 1
        return _Asked(model, max(float(np.median(lead)), 1e-6), draws, _LEVEL if chooses else 0.0)


def _pgd(radius):
    return create("attacks/pgd", radius=radius, steps=_STEPS)


def _mostly(times, of):
    """Whether something happened more often than luck has it once in twenty: a sign test."""
    return times > 0 and bool(scipy.stats.binomtest(times, of, 0.5, "greater").pvalue <= _SURE)


class _Asked:
    """A model whose logits are divided by a scale and averaged over draws, each of pixels that are moved at random by
    up to half of what is `spread`.
    """

    has_slopes, pixel_step = True, 0.0

    def __init__(self, model, scale, draws, spread):
        self.arch, self._model, self._scale, self._draws, self._spread = model.arch, model, scale, draws, spread
        self._drawn = 0

    def logits(self, images):
        every = [self._model.logits(self._moved(images)) for _ in range(self._draws)]
        return tf.add_n(every) / (self._draws * self._scale)

    def _moved(self, images):
        if not self._spread:
            return images
        half, self._drawn = self._spread / 2, self._drawn + 1
        noise = tf.random.stateless_uniform(tf.shape(images), [self._drawn, 0], -half, half)
        return tf.clip_by_value(images + noise, 0.0, 1.0)

    def decided(self, images):
        return self._model.decided(images)

    def slope(self, images, score):
        return slope_of(self.logits, images, score)
