"""A study: recipes that are trained with several seeds each, to be compared."""

import dataclasses

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import LARGEST_SEED, Recipe


@plain("study")
@dataclasses.dataclass(frozen=True)
class Study(Component):
    """recipes: the first is the baseline. seeds: each recipe is trained with each of them. metrics: what is compared,
    as `metrics.json` names it ("test/accuracy") or of an exported file ("tflite:int8/accuracy", or "size_bytes",
    "gzip_bytes", "zeros", "latency_ms" there); the first decides what is best; (): the figures of the test split.
    """

    name: str
    recipes: tuple[Recipe, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    metrics: tuple[str, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        names = [r.name for r in self.recipes]
        if not names or len(set(names)) < len(names):
            raise UsageError(f"Study.recipes: named {', '.join(names) or 'none'}; give one or more, each its own name")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UsageError(f"Study.seeds: got {self.seeds}; give one or more, each once")
        if min(self.seeds) < 0 or max(self.seeds) > LARGEST_SEED:
            raise UsageError(f"Study.seeds: got {self.seeds}; allowed: 0 to {LARGEST_SEED}")

    def runs(self):
        """(recipe with its seed, folder below the study's) of every training, seed after seed."""
        for seed in self.seeds:
            for recipe in self.recipes:
                yield dataclasses.replace(recipe, seed=seed), f"{recipe.name}/seed-{seed}"
