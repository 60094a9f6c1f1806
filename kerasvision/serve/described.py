"""What the contract of a SavedModel says of it: names and numbers, no code."""

import functools

from kerasvision.core.component import from_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Recipe
from kerasvision.export.contract import read_contract
from kerasvision.serve.status import Code, ServingError


@functools.lru_cache(maxsize=32)
def described(path, wants):
    """(architecture, classes) of a SavedModel. wants: in words, what a contract is needed for. Raises ServingError."""
    try:
        contract = read_contract(path)
        recipe = from_json(contract["recipe"])
    except (KerasVisionError, OSError, ValueError):
        recipe = None
    if not isinstance(recipe, Recipe):
        raise ServingError(Code.FAILED_PRECONDITION, f"this model has no contract of this version to {wants}")
    if why := recipe.model.outdated(contract["classes"]):
        raise ServingError(Code.FAILED_PRECONDITION, f"this model {why}")
    return recipe.model, tuple(contract["classes"])
