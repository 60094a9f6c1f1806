"""Auto-PGD: projected steps whose size halves where the loss has stopped to rise, without anything to be tuned.

"Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks" (Croce and Hein 2020,
arXiv:2003.01690, algorithm 1), with the schedule of its section 3.1.
"""

import typing

import numpy as np
import tensorflow as tf

from kerasvision.ops.balls import drawn, inside, length, steepest

AnyNorm = typing.Literal["linf", "l2"]
_MOMENTUM, _RISING = 0.75, 0.75


def restarted(model, images, goal, attack, rises, random):
    """Pictures after `attack.restarts` of `ascended` from random places, float32; what reached its goal is left alone.

    rises: (goal, logits) -> [B], the score to be raised. attack: has radius, norm, steps and restarts.
    """
    found, open_ones = np.array(images), np.arange(len(images))
    for _ in range(attack.restarts):
        some, part = images[open_ones], goal.of(open_ones)
        start = np.clip(some + _at_edge(some.shape, attack.radius, attack.norm, random), 0, 1)
        found[open_ones] = _Ascent(model, some, part, attack, rises).run(start)
        open_ones = open_ones[~part.reached(model.logits(found[open_ones]))]
        if not len(open_ones):
            break
    return found


def _at_edge(shape, radius, norm, random):
    """A random change as long as the radius."""
    change = drawn(shape, radius, norm, random)
    scale = radius / np.maximum(length(change, norm), 1e-12)
    return change * scale.reshape(-1, *[1] * (len(shape) - 1)).astype(np.float32)


class _Ascent:
    """One start of one batch. `best` has the highest score so far, `wrong` pictures that reached the goal."""

    def __init__(self, model, images, goal, attack, rises):
        self.model, self.images, self.goal, self.attack, self.rises = model, images, goal, attack, rises

    def _look(self, moved):
        """(score, slope) at pictures; those that reached the goal are kept."""
        kept = {}

        def score(logits):
            kept["logits"] = logits
            return self.rises(self.goal, logits)

        found, slope = self.model.slope(moved, score)
        reached = self.goal.reached(kept["logits"])
        self.wrong[reached], self.reached = moved[reached], self.reached | reached
        return np.asarray(found), np.asarray(slope)

    def _step(self, moved, before, slope, first):
        """A step with momentum, and back into the ball."""
        size, norm = self.sizes.reshape(-1, 1, 1, 1), self.attack.norm
        ahead = inside(self.images, moved + size * steepest(tf.constant(slope), moved, 1.0, norm), self._radius, norm)
        share = 1.0 if first else _MOMENTUM
        ahead = moved + share * (ahead - moved) + (1 - share) * (moved - before)
        return inside(self.images, ahead, self._radius, norm).numpy()

    def run(self, start):
        """Pictures that reached the goal, else those of the highest score."""
        self._radius, steps = self.attack.radius, self.attack.steps
        moved = before = start.astype(np.float32)
        self.wrong, self.reached = moved.copy(), np.zeros(len(moved), bool)
        self.sizes = np.full(len(moved), 2 * self._radius, np.float32)
        score, slope = self._look(moved)
        best = [moved.copy(), score.copy(), slope.copy()]
        scores, since = [score], 0
        halved, last = np.ones(len(moved), bool), score.copy()
        every, least, less = (max(int(share * steps), 1) for share in (0.22, 0.06, 0.03))
        for number in range(steps):
            moved, before = self._step(moved, before, slope, number == 0), moved
            score, slope = self._look(moved)
            scores.append(score)
            _keep(best, score > best[1], (moved, score, slope))
            since += 1
            if since == every:
                rising = sum(now > then for then, now in zip(scores[-every - 1 :], scores[-every:], strict=False))
                halved = (rising <= _RISING * every) | (~halved & (last >= best[1]))
                last, since, every = best[1].copy(), 0, max(every - less, least)
                self.sizes[halved] /= 2
                moved, slope = moved.copy(), slope.copy()
                moved[halved], slope[halved] = best[0][halved], best[2][halved]
        return np.where(self.reached[:, None, None, None], self.wrong, best[0])


def _keep(best, better, found):
    for held, new in zip(best, found, strict=True):
        held[better] = new[better]
