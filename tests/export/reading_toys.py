"""A detector of text and a recognizer of lines for tests of readers: trained for one step, and so that both say
something of the case's scenes all the same. What they say is not right; that files say the same is what is tested.
"""

import contextlib
import dataclasses
import functools

from kerasvision.core.registry import sources
from tests import store
from tests.contract import contracts, reading_cases
from tests.contract.cases import CASES, CaseSamples

NAMES = {"detector": "text_detection/db", "recognizer": "text_recognition/conv"}
# an untrained map is around a half everywhere
FIELDS = {"detector": {"threshold": 0.5, "score_threshold": 0.0}, "recognizer": {}}
PLACES = {
    "tflite:float32": "tflite/models/{}/model.tflite",
    "saved_model": "saved_models/{}/1",
}


@contextlib.contextmanager
def registered():
    """While recipes of cases can be trained."""
    sources.register("contract_case")(CaseSamples)
    try:
        yield
    finally:
        sources._parts.pop("contract_case")


@functools.cache
def files(spec):
    """{model: path of its file or folder}, as `export` wrote it and the store keeps it. While `registered`."""
    found = {}
    for model, name in NAMES.items():
        arch = dataclasses.replace(CASES[name].make(), **FIELDS[model])
        recipe = contracts.recipe_of(name, arch)
        out = store.exported(recipe, (spec,), 4)[2]
        found[model] = out / PLACES[spec].format(recipe.name)
    return found


def scenes():
    """uint8 [h, w, 3] of each."""
    return [scene["image"] for scene in reading_cases.scenes()]
