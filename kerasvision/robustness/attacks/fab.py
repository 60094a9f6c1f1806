"""FAB: fast, along the border between classes, back towards the picture after each find.

"Minimally distorted Adversarial Examples with a Fast Adaptive Boundary Attack" (Croce and Hein 2019, arXiv:1907.02044,
algorithm 1).
"""

import dataclasses

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import attacks
from kerasvision.ops.balls import Norm, drawn, length, to_plane
from kerasvision.robustness.attacks._borders import leads, likeliest
from kerasvision.robustness.attacks.base import Attack

_NEAR = {"linf": 0.3, "l2": 1.0, "l1": 5.0}  # where later starts lie at most while nothing has been found
_DUAL = {"linf": 1, "l2": 2, "l1": np.inf}


@attacks.register("fab")
@dataclasses.dataclass(frozen=True)
class FAB(Attack):
    """As small a change as it finds. candidates: the likeliest classes, of which the nearest border is taken in each
    step. bias: how much at most it is drawn to the picture. overshoot: how far it steps, 1 is onto the border. back:
    the share of a change that is left after a find.
    """

    norm: Norm = "linf"
    steps: int = 100
    restarts: int = 1
    candidates: int = 9
    bias: float = 0.1
    overshoot: float = 1.05
    back: float = 0.9

    def __post_init__(self):
        super().__post_init__()
        for name, least, most in (("bias", 0, 1), ("overshoot", 1, 2), ("back", 0, 1)):
            if not least <= getattr(self, name) <= most:
                raise UsageError(f"attacks/fab.{name}={getattr(self, name):g}; allowed: {least} to {most}")

    def moved(self, model, images, score, random):
        if score.targets is not None:
            raise UsageError("attacks/fab goes to the nearest class and takes no target; pgd and apgd_ce do")
        if score.towards is None:
            others = likeliest(model.logits(images), score.labels, self.candidates)
        else:
            others = score.towards[:, None]
        best, shortest = np.array(images), np.full(len(images), np.inf)
        for number in range(self.restarts):
            moved = np.array(images)
            if number:
                far = np.minimum(shortest, _NEAR[self.norm]) / 2
                moved += far[:, None, None, None] * drawn(moved.shape, 1.0, self.norm, random)
                moved = np.clip(moved, 0, 1).astype(np.float32)
            for _ in range(self.steps):
                moved = self._stepped(model, images, moved, score.labels, others)
                wrong = score.reached(model.logits(moved))
                size = length(moved - images, self.norm)
                better = wrong & (size < shortest)
                best[better], shortest[better] = moved[better], size[better]
                back = images + np.float32(self.back) * (moved - images)
                moved = np.where(wrong[:, None, None, None], back, moved)
        return best

    def _stepped(self, model, images, moved, labels, others):
        """Onto the nearest border, were logits linear there: the way from here, drawn to the way from the picture."""
        lead, slope = leads(model, moved, labels, others)
        rows = np.arange(len(moved))
        width = np.linalg.norm(slope.reshape(*lead.shape, -1), _DUAL[self.norm], 2)
        near = (np.abs(lead) / (width + 1e-12)).argmin(0)
        lead, slope = lead[near, rows].astype(np.float64), slope[near, rows]
        there = lead + (slope.astype(np.float64) * (images - moved)).reshape(len(moved), -1).sum(1)
        here = to_plane(moved, slope, -lead, self.norm)
        first = to_plane(images, slope, -there, self.norm)
        long, short = (np.maximum(length(change, self.norm), 1e-8) for change in (here, first))
        share = np.minimum(long / (long + short), self.bias).astype(np.float32)[:, None, None, None]
        step = np.float32(self.overshoot)
        return np.clip((moved + step * here) * (1 - share) + (images + step * first) * share, 0, 1)
