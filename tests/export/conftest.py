"""One real export of the digits, and exporters with planted faults."""

import dataclasses
import functools
import typing

import numpy as np
import pytest

from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.export import certificate, contract
from kerasvision.export.base import Exporter, Runner
from tests import store
from tests.export.sabotage import (  # noqa: F401  fixtures
    case_source,
    recorded_classifier,
    recorded_detector,
    recorded_segmenter,
)
from tests.export.stretched import around, calibration, inside, shop  # noqa: F401  fixtures
from tests.export.traced import Traced, traced

SPECS = ("saved_model", "tf_serving", "tflite:float32", "tflite:float16", "tflite:int8", "tflite:int8:uint8", "onnx")


@pytest.fixture(scope="session")
def digits_run(digits_run):
    """The run of all tests, traced once for all exports of it."""
    return traced(digits_run)


@pytest.fixture(scope="session")
def digits_exports(digits_recipe):
    """(artifact by spec, the contract that was returned, the folder). Tests must not change it."""
    return store.exported(digits_recipe, SPECS, 120)


@dataclasses.dataclass(frozen=True)
class Planted(Exporter):
    """Writes one small file, and answers as the trained model does, but for what `spoil` makes of it.

    spoil: (inputs, prediction) -> prediction, numpy. bound: whether the arithmetic bounds the error, as for float32.
    write_error: raised while writing. folder: of the package.
    """

    served: typing.Any
    spoil: typing.Any = None
    bound: bool = True
    write_error: typing.Any = None
    folder: str = "planted"

    @property
    def spec(self):
        return self.folder

    @property
    def home(self):
        return f"{self.folder}/{{name}}"

    contract_path = "contract.json"

    def write(self, job):
        folder, _ = self.package(job)
        folder.mkdir(parents=True)
        (folder / "model.planted").write_bytes(b"planted" * 10)
        if self.write_error:
            raise self.write_error
        return folder / "model.planted"

    def open(self, path, arch):
        return PlantedRunner(self.served, self.spoil)

    def ops(self, path):
        return {"ANSWER": 1}

    def signature(self, path):
        specs, gives = self.served.arch.serving_specs(), self.served.arch.outputs
        return {
            "inputs": {k: {"dtype": s.dtype.name, "shape": s.shape.as_list()} for k, s in specs.items()},
            "outputs": {k: {"dtype": g.dtype, "shape": [None, *g.shape]} for k, g in gives.items()},
        }

    @property
    def precision(self):
        return "float32" if self.bound else None


class PlantedRunner(Runner):
    takes_prepared = False

    def __init__(self, served, spoil):
        super().__init__(served.arch)
        self._served, self._spoil = served, spoil

    def infer(self, inputs):
        prediction = {k: v.numpy() for k, v in self._served.serve(inputs).items()}
        return self._spoil(inputs, prediction) if self._spoil else prediction


@pytest.fixture(scope="session")
def photo_folder(photographs, tmp_path_factory):
    """A folder of 24 windows of photographs as PNG, one class a photograph."""
    from PIL import Image

    root = tmp_path_factory.mktemp("photos")
    for name in ("chelsea", "coffee", "rocket"):
        (root / name).mkdir()
        for i in range(8):
            window = photographs[name][20 * i : 20 * i + 30, 25 * i : 25 * i + 40]
            Image.fromarray(window).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="session")
def photo_model(photo_folder):
    """An untrained `Trained` on that folder: certificates do not care how good a model is."""
    import tf_keras as keras

    keras.utils.set_random_seed(0)
    source = create("sources/image_folder", path=str(photo_folder), validation_fraction=0.0, test_fraction=0.4)
    backbone = create("backbones/convnet", width=4, blocks=(1,))
    model = create("classification/classifier", num_classes=3, image_size=(16, 16), backbone=backbone)
    recipe = Recipe(name="photos", model=model, data=source, validation_fraction=0.0)
    return Traced(recipe, model.build(), source.open().classes, {})


@pytest.fixture(scope="session")
def judged(photo_model):
    """[(path, uint8 [1, H, W, 3])] of the split that certificates are made on."""
    from kerasvision.data.pipeline import raw_examples

    rows = raw_examples(photo_model.recipe.data.open().splits["test"], photo_model.arch, batch_size=1)
    return [(names[0], inputs["image"]) for inputs, _, names in rows]


@pytest.fixture(scope="session")
def _packed():
    return functools.cache(contract.examples_of)  # by architecture, which alone says them


@pytest.fixture
def floats_alone(monkeypatch, _packed):
    """For exports of no integer file, one after the other: nothing is read to calibrate on, which they do not use, and
    the worked examples of the contract are made once.
    """
    monkeypatch.setattr(certificate, "calibration_inputs", lambda *given: ())
    monkeypatch.setattr(contract, "examples_of", _packed)


def tree(folder):
    """Everything below a folder: relative path -> bytes, None for a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def on_image(image, change):
    """A `spoil` that changes the prediction of one image alone."""

    def spoil(inputs, prediction):
        which = np.array([np.array_equal(i, image[0]) for i in inputs["image"]])
        return {k: np.where(which[:, None], change(v), v).astype(v.dtype) for k, v in prediction.items()}

    return spoil
