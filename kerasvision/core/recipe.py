"""A recipe names one architecture, one data source, augmentations, techniques, an optimizer and exports."""

import dataclasses
import json
import re

from kerasvision.core.component import Component, from_json, part, plain, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import file_name
from kerasvision.core.registry import optimizers


def _check(holds, field, value, allowed):
    if not holds:
        raise UsageError(f"{field}: got {value!r}; allowed: {allowed}")


@plain("budget")
@dataclasses.dataclass(frozen=True)
class Budget(Component):
    """What an exported artifact may cost. `None` means no bound.

    accuracy_drop: the largest loss of `Recipe.metric` against the trained model, in its own unit. An artifact is
    refused when the whole 95 % interval of its change lies beyond it; with too few examples to tell it is `unclear`.
    size_bytes, latency_ms: bounds of each artifact's size and of its median latency for one input.

    What follows is measured only where it is set, and refuses in the same way. corrupted_drop: the largest loss of the
    metric's mean under corruptions. attacked_drop: of the share of images that are right under attack, of classifiers.
    coverage_gap: how far the coverage of a file's sets may fall below its promise, where that is for each class of the
    worst one. explanation_overlap: the smallest share, 0..1, of the hottest tenth of a heat that a file has in common
    with the trained model.
    """

    accuracy_drop: float = 0.005
    size_bytes: int | None = None
    latency_ms: float | None = None
    corrupted_drop: float | None = None
    attacked_drop: float | None = None
    coverage_gap: float | None = None
    explanation_overlap: float | None = None

    def __post_init__(self):
        super().__post_init__()
        corrupted, overlap = self.corrupted_drop, self.explanation_overlap
        _check(corrupted is None or corrupted >= 0, "Budget.corrupted_drop", corrupted, "0 or more, or None")
        for name in ("attacked_drop", "coverage_gap"):
            value = getattr(self, name)
            _check(value is None or 0 <= value <= 1, f"Budget.{name}", value, "0 to 1, or None")
        _check(overlap is None or 0 < overlap <= 1, "Budget.explanation_overlap", overlap, "above 0, to 1, or None")


@plain("phase")
@dataclasses.dataclass(frozen=True)
class Phase(Component):
    """One `fit`: how long, with which optimizer, augmentations and techniques.

    patience: it ends when `Recipe.metric` of the validation split has not become better for so many epochs; None: what
    the recipe says.
    """

    epochs: int
    optimizer: part("optimizers")
    augment: tuple[part("augmentations"), ...] = ()
    techniques: tuple[part("techniques"), ...] = ()
    patience: int | None = None

    def __post_init__(self):
        super().__post_init__()
        _check(self.epochs >= 0, "Phase.epochs", self.epochs, "1 or more")
        _check_patience(self)


LARGEST_SEED = 2_000_000_000  # int32, with room for a stream of its own for each phase


def _adamw():
    return optimizers["adamw"]()


@plain("recipe")
@dataclasses.dataclass(frozen=True)
class Recipe(Component):
    """Everything a training run depends on. Saves itself as JSON; equal JSON means an equal recipe.

    A part may be given by its name where its defaults will do: data="digits". name: also names folders and files.
    epochs: 0 where the model follows from the training split without a step (`embedding/pretrained`).
    batch_size: examples in one step over all replicas. then: further phases, each starting from the weights of the
    one before; the best of those that can be compared gives the run its weights. exports: exporters that `train` runs
    at the end. validation_fraction: part of the training split held out when the source has no validation split.
    patience: of every phase that has none of its own; None: all epochs. metric: what decides, a figure of the task's
    evaluator such as "balanced_accuracy" or "recall/CLASS": it picks the best epoch and phase, ends a phase by its
    patience, is what `tune` searches for, what the budget bounds and what promotion compares; "": the task's main one.
    """

    name: str
    model: part("architectures")
    data: part("sources")
    augment: tuple[part("augmentations"), ...] = ()
    techniques: tuple[part("techniques"), ...] = ()
    optimizer: part("optimizers") = dataclasses.field(default_factory=_adamw)
    epochs: int = 10
    batch_size: int = 32
    then: tuple[Phase, ...] = ()
    exports: tuple[part("exporters"), ...] = ()
    budget: Budget = Budget()
    validation_fraction: float = 0.1
    cache: bool = False
    seed: int = 0
    patience: int | None = None
    metric: str = ""

    def __post_init__(self):
        super().__post_init__()
        plain_name = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", self.name) and file_name(self.name) == self.name
        allowed = "letters, digits, _ - and . (it names folders, also on systems that have no folder con or nul)"
        _check(plain_name, "Recipe.name", self.name, allowed)
        fewest = 0 if self.model.fills else 1
        _check(self.epochs >= fewest, "Recipe.epochs", self.epochs, f"{fewest} or more")
        _check(self.epochs or not self.then, "Recipe.epochs", self.epochs, "1 or more, where phases follow")
        _check(all(p.epochs for p in self.then), "Phase.epochs", 0, "1 or more")
        _check_patience(self)
        _check(self.batch_size >= 1, "Recipe.batch_size", self.batch_size, "1 or more")
        fraction = self.validation_fraction
        _check(0 <= fraction < 1, "Recipe.validation_fraction", fraction, "0 <= validation_fraction < 1")
        _check(0 <= self.seed <= LARGEST_SEED, "Recipe.seed", self.seed, f"0 to {LARGEST_SEED}")

    def phases(self):
        """The phases in order; the first is made of the recipe's own fields."""
        own = Phase(self.epochs, self.optimizer, self.augment, self.techniques)
        return tuple(dataclasses.replace(p, patience=p.patience or self.patience) for p in (own, *self.then))

    def dumps(self):
        """JSON text, with two spaces of indent."""
        return json.dumps(to_json(self), indent=2) + "\n"

    @staticmethod
    def loads(text):
        """The `Recipe` of a JSON text, as `dumps` writes it. Raises KerasVisionError of anything else."""
        try:
            recipe = from_json(json.loads(text))
        except json.JSONDecodeError as error:
            raise KerasVisionError(f"a recipe's JSON cannot be read: {error}") from None
        if not isinstance(recipe, Recipe):
            raise KerasVisionError(f'a recipe\'s JSON begins with {{"@": "recipe"; seen: {text[:40]!r}')
        return recipe


def _check_patience(part):
    named = f"{type(part).__name__}.patience"
    _check(part.patience is None or part.patience >= 1, named, part.patience, "1 or more epochs, or None")
