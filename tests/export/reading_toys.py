"""A detector of text and a recognizer of lines for tests of readers, trained by the store for seconds. What they say is
often wrong; that files say the same is what is tested.
"""

import contextlib
import functools

from kerasvision.core.registry import sources
from tests import store
from tests.contract import contracts, reading_cases
from tests.contract.cases import CASES, CaseSamples

NAMES = {"detector": "text_detection/db", "recognizer": "text_recognition/conv"}
PLACES = {"tflite:float32": "tflite/models/{}/model.tflite", "saved_model": "saved_models/{}/1"}
EPOCHS = 5  # of 15 steps
EXAMPLES = 2  # that the certificate looks at


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
        recipe = contracts.recipe_of(name, CASES[name].make(), epochs=EPOCHS, copies=15)
        out = store.exported(recipe, (spec,), EXAMPLES)[2]
        found[model] = out / PLACES[spec].format(recipe.name)
    return found


def scenes():
    """uint8 [h, w, 3] of each."""
    return [scene["image"] for scene in reading_cases.scenes()]
