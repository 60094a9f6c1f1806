"""A classifier that is asked about many noisy copies of a picture: it proves how far its answer reaches, or abstains.

"Certified Adversarial Robustness via Randomized Smoothing" (Cohen, Rosenfeld, Kolter 2019, arXiv:1902.02918, theorem 1
and the procedures CERTIFY and PREDICT of section 3.2).
"""

import dataclasses
import typing

import numpy as np
import scipy.stats

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import systems
from kerasvision.systems.base import System

ABSTAINS = -1  # as a label
_AT_ONCE = 250  # noisy copies that the model sees together


@systems.register("smoothed")
@dataclasses.dataclass(frozen=True)
class Smoothed(System):
    """sigma: deviation of the Gaussian noise, pixels counted 0..1. draws: noisy copies of a picture that are counted;
    choosing: further ones, that choose the class before. failure: the chance at most that a radius is not true, and
    that a label is not the one that infinitely many copies would give.

    A step takes `image`, uint8 [h, w, 3], and answers `label` int64 (`ABSTAINS` where the draws cannot tell), `radius`
    float64 (by L2, pixels counted 0..1, within which the smoothed classifier answers the same; 0.0 where nothing is
    proven), `share` float64, the least share of copies that get the label, and `counts` int64 [K]. Noisy copies are
    rounded to pixels of 0..255, which are what files take: the proof is of the model that begins with the rounding.
    """

    sigma: float = 0.25
    draws: int = 1000
    choosing: int = 100
    failure: float = 0.001
    seed: int = 0

    models: typing.ClassVar[tuple[str, ...]] = ("classifier",)

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.sigma < float("inf"):
            raise UsageError(
                f"smoothed.sigma={self.sigma:g}; allowed: above 0, pixels counted 0..1 (0.12 to 1 are usual)"
            )
        if min(self.draws, self.choosing) < 1:
            raise UsageError(f"smoothed.draws={self.draws}, choosing={self.choosing}; allowed: 1 or more")
        if not 0 < self.failure < 0.5:
            raise UsageError(f"smoothed.failure={self.failure:g}; allowed: above 0, below 0.5, as in 0.001")

    @property
    def most(self):
        """The radius of a picture all of whose copies get one label: no proof of so many draws reaches further."""
        return self.radius_of(self.draws)

    def start(self):
        return {"steps": np.zeros((), np.int64)}

    def step(self, models, state, inputs):
        image, random = np.asarray(inputs["image"]), np.random.default_rng([self.seed, int(state["steps"])])
        if image.ndim != 3 or image.dtype != np.uint8:
            raise UsageError(f"smoothed takes one picture, uint8 [h, w, 3]; seen: {image.dtype} {list(image.shape)}")
        chosen = int(self._counted(models["classifier"], image, self.choosing, random).argmax())
        counts = self._counted(models["classifier"], image, self.draws, random)
        label = label_of(counts, self.failure)
        share = least_share(int(counts[chosen]), self.draws, self.failure)
        proven = self.radius_of(int(counts[chosen])) if chosen == label else 0.0
        answer = {"label": np.int64(label), "radius": np.float64(proven), "share": np.float64(share), "counts": counts}
        return {"steps": state["steps"] + 1}, answer

    def radius_of(self, count):
        """The radius that is proven where `count` of the draws get a label; 0.0 where none is."""
        share = least_share(count, self.draws, self.failure)
        return float(self.sigma * scipy.stats.norm.ppf(share)) if share > 0.5 else 0.0

    def _counted(self, model, image, draws, random):
        """How many noisy copies get each class, int64 [K]."""
        counts = 0
        for start in range(0, draws, _AT_ONCE):
            noise = random.standard_normal((min(_AT_ONCE, draws - start), *image.shape), np.float32)
            noisy = np.clip(np.rint(image + 255 * self.sigma * noise), 0, 255).astype(np.uint8)
            probabilities = np.asarray(model({"image": noisy})["probabilities"])
            counts = counts + np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
        return counts.astype(np.int64)


def least_share(count, draws, failure):
    """The share that `count` of `draws` are at least of, but for a chance of `failure`: Clopper and Pearson 1934
    (doi:10.1093/biomet/26.4.404), one side.
    """
    return float(scipy.stats.beta.ppf(failure, count, draws - count + 1)) if count else 0.0


def label_of(counts, failure):
    """The class that most copies get, or `ABSTAINS` where the second one might be as frequent, but for a chance of
    `failure`. counts: int [K].
    """
    second, first = np.sort(counts)[-2:]
    sure = scipy.stats.binomtest(int(first), int(first + second), 0.5).pvalue <= failure
    return int(np.argmax(counts)) if sure else ABSTAINS
