"""A recipe names one architecture, one data source, augmentations, techniques, an optimizer and exports."""

import dataclasses
import json
import typing

from kerasvision.core.component import Component, from_json, plain, to_json
from kerasvision.core.registry import optimizers


@plain("budget")
@dataclasses.dataclass(frozen=True)
class Budget(Component):
    """What an exported artifact may cost. `None` means no bound.

    accuracy_drop: the largest loss of the task's main metric against the trained model, in points of 0..1. An artifact
    is refused when the whole 95 % interval of its change lies beyond it; with too few examples to tell it is `unclear`.
    size_bytes, latency_ms: bounds of each artifact's size and of its median latency for one input.
    """

    accuracy_drop: float = 0.005
    size_bytes: int | None = None
    latency_ms: float | None = None


@plain("phase")
@dataclasses.dataclass(frozen=True)
class Phase(Component):
    """One `fit`: how long, with which optimizer, augmentations and techniques."""

    epochs: int
    optimizer: typing.Any
    augment: tuple = ()
    techniques: tuple = ()


def _adamw():
    return optimizers["adamw"]()


@plain("recipe")
@dataclasses.dataclass(frozen=True)
class Recipe(Component):
    """Everything a training run depends on. Saves itself as JSON; equal JSON means an equal recipe.

    batch_size: examples in one step over all replicas. then: further phases, each starting from the weights of the
    one before. exports: exporters that `train` runs at the end. validation_fraction: part of the training split held
    out when the source has no validation split.
    """

    name: str
    model: typing.Any
    data: typing.Any
    augment: tuple = ()
    techniques: tuple = ()
    optimizer: typing.Any = dataclasses.field(default_factory=_adamw)
    epochs: int = 10
    batch_size: int = 32
    then: tuple[Phase, ...] = ()
    exports: tuple = ()
    budget: Budget = Budget()
    validation_fraction: float = 0.1
    cache: bool = False
    seed: int = 0

    def phases(self):
        """The phases in order; the first is made of the recipe's own fields."""
        return (Phase(self.epochs, self.optimizer, self.augment, self.techniques), *self.then)

    def dumps(self):
        """JSON text, with two spaces of indent."""
        return json.dumps(to_json(self), indent=2) + "\n"

    @staticmethod
    def loads(text):
        """The recipe of a JSON text."""
        return from_json(json.loads(text))
