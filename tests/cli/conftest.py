"""What is asked at the command line of one model again and again loads and traces it once a file of tests."""

import pathlib

import pytest


@pytest.fixture(scope="module", autouse=True)
def _loaded_once():
    """`api.load` gives the same `Model` for the same files and settings; where a file has changed it is another one."""
    from kerasvision import api

    plain, held = api.load, {}

    def load(what, settings=()):
        key = str(pathlib.Path(what).absolute()), tuple(settings), _state(pathlib.Path(what))
        if key not in held:
            held[key] = plain(what, settings)
        return held[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "load", load)
        yield
    held.clear()


@pytest.fixture(scope="module")
def runs():
    """[a detector of text, a recognizer] of a few words, which the contract tests train too, for seconds."""
    from kerasvision.core.registry import sources
    from tests import store
    from tests.contract import brief
    from tests.contract.cases import CaseSamples

    sources.register("contract_case")(CaseSamples)
    try:
        yield [str(store.trained(brief.recipe_of(name))) for name in ("text_detection/db", "text_recognition/conv")]
    finally:
        sources._parts.pop("contract_case")


def _state(path):
    """Size and time of what a model is loaded from."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    stated = [(str(file), file.stat()) for file in files if file.exists()]
    return tuple((name, found.st_size, found.st_mtime_ns) for name, found in stated)
