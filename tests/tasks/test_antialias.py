"""The field `antialias`: on by default, off where a recipe is older than it, and seen where models are compared."""

import dataclasses
import json
import types

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.overrides import override
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import architectures, create
from kerasvision.tasks.image import ImageModel
from kerasvision.train.session import refuse_another_recipe

PHOTOGRAPHS = [name for name in architectures.names() if issubclass(architectures[name], ImageModel)]
LARGE = np.random.default_rng(0).integers(0, 256, (1, 300, 400, 3)).astype(np.uint8)


def without(value):
    """JSON as it was before there was the field."""
    if isinstance(value, dict):
        return {k: without(v) for k, v in value.items() if k != "antialias"}
    return [without(v) for v in value] if isinstance(value, list) else value


def recipe(**fields):
    model = create("classification/classifier", image_size=(16, 16), **fields)
    return Recipe(name="old", model=model, data=create("sources/digits"))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_new_ones_have_it_and_saved_ones_without_it_do_not(name):
    new = create(name)
    assert new.antialias is True and to_json(new)["antialias"] is True
    old = from_json(without(json.loads(json.dumps(to_json(new)))))
    assert old == dataclasses.replace(new, antialias=False), "nothing else of it has changed"
    assert from_json(to_json(old)) == old and from_json(to_json(new)) == new


def test_every_family_of_photographs_is_meant():
    assert {name.split("/")[0] for name in PHOTOGRAPHS} == {
        "classification",
        "detection",
        "captioning",
        "embedding",
        "generation",
        "instance_segmentation",
        "regression",
        "self_supervised",
        "semantic_segmentation",
        "text_detection",
        "text_recognition",
    }


def test_a_saved_recipe_answers_as_it_did():
    """Its pixels are those of plain bilinear interpolation; a new one's are not."""
    new = recipe()
    old = Recipe.loads(json.dumps(without(json.loads(new.dumps()))))
    plain = tf.round(tf.image.resize(LARGE, (16, 16))).numpy()
    np.testing.assert_array_equal(old.model.geometry({"image": tf.constant(LARGE)})[0]["image"], plain)
    assert (new.model.geometry({"image": tf.constant(LARGE)})[0]["image"].numpy() != plain).mean() > 0.9


def test_parts_within_parts_are_as_old():
    """A restorer inside of a classifier; a model that a person types on the command line is new."""
    restorer = create("generation/partial_unet", image_size=(16, 16), depth=1)
    model = create("classification/incomplete_classifier", image_size=(16, 16), restorer=restorer)
    old = from_json(without(to_json(model)))
    assert not old.antialias and not old.restorer.antialias
    typed = override(recipe(), [f"model={json.dumps(without(to_json(model)))}"]).model
    assert typed.antialias and typed.restorer.antialias
    with pytest.raises(UsageError, match="model.restorer has antialias=True and the model False"):
        dataclasses.replace(old, restorer=restorer)


def test_models_that_differ_in_it_are_not_merged():
    new, old = (recipe(antialias=a).model for a in (True, False))
    assert new.prepared_unlike(old) == ["antialias none and not area"]
    assert not new.prepared_unlike(new) and not old.prepared_unlike(old)
    nearest, as_well = (recipe(antialias=a, resample="area").model for a in (True, False))
    assert not nearest.prepared_unlike(as_well), "area is antialiased whatever the field says"


@pytest.mark.parametrize("antialias", [True, False])
def test_a_run_from_before_is_resumed_as_it_began_or_not_at_all(tmp_path, antialias):
    started = recipe()
    (tmp_path / "recipe.json").write_text(json.dumps(without(json.loads(started.dumps()))))
    session = types.SimpleNamespace(folder=tmp_path, recipe=recipe(antialias=antialias), classes=())
    if not antialias:
        refuse_another_recipe(session)
        return
    with pytest.raises(KerasVisionError, match=r"another recipe \(seen in: model\)"):
        refuse_another_recipe(session)


def test_windows_keep_the_pictures_own_pixels():
    arch = create("semantic_segmentation/unet", num_classes=2, image_size=(32, 32), resize="windows")
    prepared, _ = arch.geometry({"image": tf.constant(LARGE)})
    np.testing.assert_array_equal(prepared["image"], LARGE)
    assert arch.preprocessing()["antialias"] == "none"
    assert dataclasses.replace(arch, resize="letterbox").preprocessing()["antialias"] == "area"
    assert "antialias" in arch.after_training


def test_holes_do_not_bleed_into_averages():
    """Of the 25 x 25 pixels of a mean one may be missing (it is 0.4 of 255 levels at most), two may not."""
    arch = create("classification/incomplete_classifier", num_classes=2, image_size=(12, 16))
    present = np.ones((1, 300, 400), np.uint8)
    present[0, 26:28, 80] = 0
    present[0, 110, 210] = 0
    seen = arch.geometry({"image": tf.constant(LARGE), "present": tf.constant(present)})[0]["present"][0].numpy()
    expected = np.ones((12, 16), np.uint8)
    expected[1, 3] = 0
    np.testing.assert_array_equal(seen, expected)
