"""Factors of classes are part of every export: each file moves its answer as the architecture says."""

import dataclasses

import numpy as np
import pytest

from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export

SPECS = ("saved_model", "tflite:float32", "tflite:int8", "tflite:int8:uint8", "onnx")
BY_DEFAULT = ("saved_model", "tflite:int8")  # each way that a file answers: in float, in integers
FACTORS = (1.0, 0.5, 0.02, 1.0, 0.25, 1.0, 0.3, 0.004, 1.0, 1.0)


@pytest.fixture(scope="module")
def exported(digits_run, tmp_path_factory, request):
    """(model with factors, its artifacts by kind): of what is asked for alone."""
    specs = [item.callspec.params["spec"] for item in request.session.items if item.path == request.path]
    model = dataclasses.replace(digits_run.arch, class_factors=FACTORS)
    moved = dataclasses.replace(digits_run, recipe=dataclasses.replace(digits_run.recipe, model=model), folder=None)
    out = tmp_path_factory.mktemp("factors")
    artifacts, _ = export(moved, [from_spec(s) for s in specs], out, limit=100, verbose=False)
    return moved, {a.kind: a for a in artifacts}


@pytest.mark.parametrize("spec", [s if s in BY_DEFAULT else pytest.param(s, marks=pytest.mark.nightly) for s in SPECS])
def test_factors_are_inside_of_the_file(exported, digits_run, spec):
    moved, artifacts = exported
    runner = from_spec(spec).open(artifacts[spec].path, moved.arch)
    records = digits_run.recipe.data.open().splits["test"].records.take(60)
    images = np.stack([r["image"] for r in records.as_numpy_iterator()])
    plain = digits_run.served().serve({"image": images})["probabilities"].numpy()
    expected = plain * FACTORS / (plain * FACTORS).sum(1, keepdims=True)
    answers = [runner({"image": image[None]})["probabilities"] for image in images]
    within = 0.1 if "int8" in spec else 1e-5
    np.testing.assert_allclose(np.concatenate(answers), expected, atol=within)
    assert np.abs(expected - plain).max() > 0.2  # the comparison can tell
