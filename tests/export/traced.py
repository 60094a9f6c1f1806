"""A trained model whose exports share what is traced."""

import dataclasses
import functools

from kerasvision.core.recipe import Budget
from kerasvision.train.run import Trained
from tests.contract import contracts
from tests.contract.cases import CASES


@dataclasses.dataclass(frozen=True)
class Traced(Trained):
    """What it serves is traced once, however many exports take it. Its weights and its architecture must not change."""

    @functools.cached_property
    def _served(self):
        return super().served()

    def served(self):
        return self._served

    def under(self, budget):
        """The same with another budget, traced already."""
        return self.kept(recipe=dataclasses.replace(self.recipe, budget=budget))

    def kept(self, **fields):
        """The same with other fields, neither weights nor architecture, traced already."""
        other = dataclasses.replace(self, **fields)
        vars(other)["_served"] = self.served()
        return other


def traced(trained):
    """The same `Trained` as `Traced`, with nothing traced yet."""
    return Traced(**{field.name: getattr(trained, field.name) for field in dataclasses.fields(trained)})


def untrained(name, **fields):
    """A `Traced` of the contract case of an architecture, some of whose fields are set; its weights are drawn."""
    arch = dataclasses.replace(CASES[name].make(), **fields)
    recipe = dataclasses.replace(contracts.recipe_of(name, arch, copies=15), budget=Budget(accuracy_drop=0.9))
    return Traced(recipe, contracts.built(arch), CASES[name].classes, {})
