"""Models in run folders that hold a record of their evaluation, and how one function of an export is broken."""

import dataclasses

import pytest
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.recipe import Budget, Recipe
from kerasvision.core.registry import create, sources
from kerasvision.data.pipeline import raw_examples
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.inference.record import record_of, write_record
from kerasvision.train.run import Trained
from tests.contract.cases import CASES, CaseSamples
from tests.export.random_models import randomized
from tests.export.traced import traced

ANYTHING_GOES = Budget(accuracy_drop=10.0)


def recorded(trained, folder):
    """The model in a run folder that holds the record of its evaluation."""
    folder.mkdir()
    trained = traced(trained)
    split, served = trained.recipe.data.open().splits["test"], trained.served()
    evaluator = trained.arch.evaluator(trained.classes)
    for inputs, ground_truth, _ in raw_examples(split, trained.arch):
        evaluator.update({k: v.numpy() for k, v in served.serve(inputs).items()}, ground_truth)
    metrics = {f"test/{k}": v for k, v in evaluator.result().items()}
    trained = trained.kept(folder=folder, metrics=metrics)
    write_record(record_of(trained, "test", split), folder)
    return trained


@pytest.fixture(scope="module")
def recorded_classifier(photo_folder, tmp_path_factory):
    """Of colored photographs that are twice as wide as high, letterboxed; random weights that see colors and places."""
    source = create("sources/image_folder", path=str(photo_folder), validation_fraction=0.0, test_fraction=0.4)
    backbone = create("backbones/convnet", width=4, blocks=(1,))
    fields = {"num_classes": 3, "image_size": (16, 16), "backbone": backbone, "resize": "letterbox"}
    model = create("classification/classifier", **fields)
    recipe = Recipe(name="photos", model=model, data=source, validation_fraction=0.0, budget=ANYTHING_GOES)
    keras.utils.set_random_seed(3)
    trained = Trained(recipe, randomized(model.build(), 3), source.open().classes, {})
    return recorded(trained, tmp_path_factory.mktemp("classifier") / "run")


@pytest.fixture(scope="module")
def case_source():
    sources.register("contract_case")(CaseSamples)
    yield
    sources._parts.pop("contract_case")


def of_case(name, folder):
    case = CASES[name]
    keras.utils.set_random_seed(1)
    arch = case.make()
    data = CaseSamples(name)
    recipe = Recipe(name="case", model=arch, data=data, validation_fraction=0.0, budget=ANYTHING_GOES)
    return recorded(Trained(recipe, randomized(arch.build(), 1), case.classes, {}), folder / "run")


@pytest.fixture(scope="module")
def recorded_detector(case_source, tmp_path_factory):
    return of_case("detection/retinanet", tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="module")
def recorded_segmenter(case_source, tmp_path_factory):
    return of_case("semantic_segmentation/unet", tmp_path_factory.mktemp("segmenter"))


def anew(trained):
    """The same, to be traced anew: for who has broken what is traced."""
    return dataclasses.replace(trained)


def refusal(trained, specs, out):
    """The one line of a refused export that wrote nothing."""
    with pytest.raises(KerasVisionError) as caught:
        export(trained, [from_spec(s) for s in specs], out, verbose=False)
    assert not list(out.iterdir()), "a refused export wrote something"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def wrap(patch, owner, name, change):
    """The function `owner.name` gives change(what it gave, *its arguments)."""
    whole = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kwargs: change(whole(*args, **kwargs), *args))
