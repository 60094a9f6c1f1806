"""SmoothGrad: the mean saliency of an input with noise.

"SmoothGrad: removing noise by adding noise" (Smilkov, Thorat, Kim, Viegas, Wattenberg 2017, arXiv:1706.03825, section
2: the mean slope, whose largest size over the channels is taken here as of `saliency`).
"""

import dataclasses

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import explainers
from kerasvision.explain.base import Explainer


@explainers.register("smooth_grad")
@dataclasses.dataclass(frozen=True)
class SmoothGrad(Explainer):
    """noise: its standard deviation as a fraction of the input's range, 0.1 to 0.2 in the paper. samples: inputs with
    noise, drawn by `seed`.
    """

    noise: float = 0.15
    samples: int = 32
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.noise < float("inf") or self.samples < 1:
            raise UsageError(
                f"smooth_grad.noise, smooth_grad.samples: got {self.noise:g} and {self.samples}; allowed: above 0, and "
                "1 or more"
            )

    def heat(self, model, prepared, target):
        random = np.random.default_rng(self.seed)
        given = np.asarray(prepared, np.float32)
        spread = self.noise * float(given.max() - given.min())
        noisy = (given + random.normal(scale=spread, size=given.shape).astype(np.float32) for _ in range(self.samples))
        return np.abs(model.sum_of_slopes(noisy, target) / self.samples).max(-1)
