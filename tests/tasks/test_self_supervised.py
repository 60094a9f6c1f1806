"""Learning without labels: what a view is, what is refused, and what no file has."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import architectures, create
from kerasvision.data.pipeline import training_data
from kerasvision.experiments.plan import plan
from tests.contract.source_cases import picture

METHODS = [name for name in architectures.names() if name.startswith("self_supervised/")]
BACKBONE = create("backbones/convnet", width=4, blocks=(1,))


def tiny(name, **fields):
    return create(f"self_supervised/{name}", image_size=(8, 8), backbone=BACKBONE, **fields)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of twelve pictures without labels."""
    folder = tmp_path_factory.mktemp("photos")
    for i in range(12):
        picture(i, (8, 8)).save(folder / f"{i}.png")
    return folder


def first_batch(arch, photos, augment):
    split = create("sources/pictures", path=str(photos), validation_fraction=0.0).open().splits["train"]
    phase = Phase(1, create("optimizers/adamw"), augment, ())
    inputs, targets = next(iter(training_data(split, arch, phase, batch_size=3, seed=0)))
    return inputs["image"].numpy(), targets


def test_views_stand_side_by_side_and_each_is_augmented_by_itself(photos):
    augment = (create("augmentations/photometric/brightness"),)
    images, targets = first_batch(tiny("simclr"), photos, augment)
    assert images.shape == (6, 8, 8, 3) and targets["label"].numpy().tolist() == [-1] * 6
    first, second = images[::2], images[1::2]
    flat = [v.reshape(3, -1) - v.reshape(3, -1).mean(1, keepdims=True) for v in (first, second)]
    alike = np.corrcoef(*flat)[:3, 3:]
    assert (alike.argmax(1) == np.arange(3)).all(), "the two of a picture are the most alike"
    assert (np.abs(first - second).max((1, 2, 3)) > 1e-3).all(), "and not equal"


def test_rotation_turns_each_view_by_a_quarter_more(photos):
    images, targets = first_batch(tiny("rotation"), photos, ())
    assert targets["turns"].numpy().tolist() == [0, 1, 2, 3] * 3
    for views in images.reshape(3, 4, 8, 8, 3):
        for turns, view in enumerate(views):
            np.testing.assert_array_equal(view, np.rot90(views[0], turns))


@pytest.mark.parametrize("name", METHODS)
def test_what_only_training_needs_is_in_no_answer(name):
    arch = tiny(name.split("/")[1])
    answering = arch.answering(arch.build())
    assert list(answering.output) == ["embedding"] and answering.output["embedding"].shape[-1] == arch.vector_size == 4
    left = [w.name for w in answering.weights if not w.name.startswith("backbone_")]
    assert not left, "projectors, predictors and prototypes"


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("simclr", {"projector": ()}, "one width or more"),
        ("simclr", {"temperature": 0.0}, "temperature=0; allowed: above 0"),
        ("vicreg", {"invariance": -1.0}, "weights of 0 or more"),
        ("barlow_twins", {"redundancy": -1.0}, "allowed: 0 or more"),
        ("simsiam", {"predictor": 0}, "predictor=0; allowed: 1 or more"),
        ("dino", {"prototypes": 0}, "prototypes=0; allowed: 1 or more"),
        ("rotation", {"image_size": (8, 16)}, "a quarter turn needs equal sides"),
    ],
)
def test_settings_that_teach_nothing_are_refused(name, fields, said):
    with pytest.raises(UsageError, match=said):
        create(f"self_supervised/{name}", **fields)


def test_labels_decide_what_a_run_is_chosen_by(photos):
    arch = tiny("simclr")
    alone = create("sources/pictures", path=str(photos), validation_fraction=0.0).open().splits["train"]
    digits = create("sources/digits").open().splits["train"]
    assert arch.for_data(alone).chosen_by("", ()) == ("effective_rank", "max")
    assert arch.for_data(digits) == dataclasses.replace(arch, labeled=True)
    assert arch.for_data(digits).chosen_by("", ()) == ("knn", "max")
    sample = {"image": tf.zeros([8, 8, 3], tf.uint8), "label": 3}
    assert arch.ground_truth(sample) == {} and arch.for_data(digits).ground_truth(sample) == {"label": 3}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == METHODS[-1] else pytest.mark.nightly) for n in METHODS]
)
def test_a_folder_without_labels_becomes_a_recipe_that_is_not_refused(name, photos):
    recipe = plan(name, f"pictures:{photos}")
    assert recipe.model.image_size == (8, 8) and recipe.data.registered_name == "sources/pictures"
    for phase in recipe.phases():
        recipe.model.check_phase(phase, recipe.batch_size)
        assert "techniques/collapse" in [t.registered_name for t in phase.techniques]
