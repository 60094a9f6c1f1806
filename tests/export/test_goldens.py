"""golden.npz of a SavedModel: refused where it is another model's, and tried on what answers boxes and masks."""

import types

import numpy as np
import pytest

from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.contract import read_contract
from kerasvision.export.goldens import PLACE, check_written, read_goldens
from kerasvision.export.package.versions import promote, versions_of
from kerasvision.export.targets import saved_model
from tests.export.sabotage import refusal


def test_other_answers_are_refused(recorded_classifier, tmp_path, monkeypatch):
    plain = saved_model.write_goldens

    def change(folder, job):
        plain(folder, job)
        with np.load(folder / PLACE) as held:
            rows = dict(held)
        rows["output/00/probabilities"] += np.float32(0.1)
        np.savez_compressed(folder / PLACE, **rows)

    monkeypatch.setattr(saved_model, "write_goldens", change)
    said = "golden.npz has another answer than the trained model: it differs by 0.1"
    assert said in refusal(recorded_classifier, ["saved_model"], tmp_path)


def test_inputs_of_other_examples_are_told(digits_served):
    folder = digits_served / "digits" / "1"
    samples = [inputs for inputs, _ in read_goldens(folder)]
    judge = types.SimpleNamespace(samples=samples[::-1])
    assert list(check_written(folder, judge)) == [
        "has other inputs in golden.npz than the examples that it was made of"
    ]


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("family", "statistics"),
    [
        ("recorded_detector", {"objects", "score", "class"}),
        pytest.param("recorded_segmenter", {"class", "confidence"}, marks=pytest.mark.nightly),
    ],
)
def test_detectors_and_segmenters_are_tried_and_have_a_profile_of_answers(request, tmp_path, family, statistics):
    export(request.getfixturevalue(family), [from_spec("saved_model")], tmp_path, limit=4, verbose=False)
    (version,) = versions_of(tmp_path / "saved_models")
    assert read_goldens(version.path)
    assert promote(tmp_path / "saved_models", version.name, 1) is None
    assert statistics <= set(read_contract(version.path)["profile"])
