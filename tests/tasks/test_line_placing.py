"""Recognizers of scripts from right to left that learned by rules of before are opened by nobody; others by all."""

import contextlib
import json
import types

import pytest

from kerasvision.core.component import to_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.edge import page_file
from kerasvision.edge.errors import EdgeError
from kerasvision.export import described, identity
from kerasvision.serve import described as serve
from kerasvision.serve.status import ServingError
from kerasvision.train.run import Trained, load_run, save_run
from kerasvision.train.session import refuse_another_recipe

HEBREW, LATIN = ("1", "\u05d0", "\u2423"), ("1", "a", "\u2423")
OLD = "'.u05d0'. and was trained before characters were learned where they stand .*; train it anew$"


def recipe_of(classes, is_old):
    """Of a recognizer as training leaves it, and as it was left before there were rules."""
    arch = create("text_recognition/conv", width=4, depth=1, image_size=(16, 48)).for_classes(classes)
    held = json.loads(Recipe(name="lines", model=arch, data=create("sources/text_lines", path="lines")).dumps())
    if is_old:
        del held["model"]["placed_by"]
    return Recipe.loads(json.dumps(held))


def refusal(is_wanted, kind=KerasVisionError, match=OLD):
    return pytest.raises(kind, match=match) if is_wanted else contextlib.nullcontext()


CASES = pytest.mark.parametrize(
    ("classes", "is_old", "is_refused"),
    [(HEBREW, True, True), (HEBREW, False, False), (LATIN, True, False), (LATIN, False, False)],
)


@CASES
def test_runs(classes, is_old, is_refused, tmp_path):
    recipe = recipe_of(classes, is_old)
    save_run(Trained(recipe, recipe.model.build(), classes, {}, tmp_path))
    with refusal(is_refused):
        assert load_run(tmp_path).recipe == recipe
    now = types.SimpleNamespace(folder=tmp_path, classes=classes, recipe=recipe_of(classes, False))
    with refusal(is_refused):  # else a finished run would be written anew as if it had learned so
        refuse_another_recipe(now)


@CASES
def test_files(classes, is_old, is_refused):
    recipe = recipe_of(classes, is_old)
    contract = json.loads(json.dumps({"classes": classes} | described.architecture(recipe.model)))
    with refusal(is_refused):
        identity.check_described("lines.tflite", contract, recipe.model)


@CASES
def test_pages_of_a_server(classes, is_old, is_refused, tmp_path, monkeypatch):
    contract = {"classes": list(classes), "recipe": to_json(recipe_of(classes, is_old))}
    monkeypatch.setattr(serve, "read_contract", lambda path: contract)
    with refusal(is_refused, ServingError):
        assert serve.described(str(tmp_path), "be drawn by")[1] == classes


@CASES
def test_readers_in_one_file(classes, is_old, is_refused, tmp_path, monkeypatch):
    model = to_json(recipe_of(classes, is_old))["model"]
    if is_old:
        del model["placed_by"]  # as it stands in the file
    row = {"outputs": {"quads": {"shape": [1, 9, 4, 2]}}, "restore": {"keys": {"quads_xy": "quads"}}}
    lines = {"preprocess": {"size_hw": [16, 48]}, "classes": list(classes), "recipe": {"model": model}}
    held = {"reader": {}, "detect": {"artifacts": [row]}, "recognize": lines | {"artifacts": [{}]}}
    monkeypatch.setattr(page_file, "_described", lambda path: held)
    monkeypatch.setattr(page_file, "check_tflite", lambda path: None)
    monkeypatch.setattr(page_file, "LiteRT", lambda *args: types.SimpleNamespace(infer=None))
    (tmp_path / "reader.tflite").write_bytes(b"")
    with refusal(is_refused, EdgeError, "reads from right to left by other rules than this client's; train and export"):
        assert page_file.open_reader(tmp_path / "reader.tflite").recognizer.classes == classes


def test_training_says_by_which_rules_it_learned():
    assert recipe_of(HEBREW, False).model.placed_by == "uax9" and recipe_of(LATIN, False).model.placed_by == ""
    assert recipe_of(HEBREW, True).model.for_classes(HEBREW).placed_by == "uax9"  # its recipe, trained anew
