"""Sets of classes inside of files: each with a threshold of its own scores, and a contract that says so."""

import dataclasses
import types

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.overrides import with_field
from kerasvision.core.registry import create
from kerasvision.data.pipeline import raw_examples, splits_of
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.promises import Promises
from kerasvision.export.resistance import covered
from kerasvision.export.targets.mediapipe import task_of
from kerasvision.inference.evaluation import stacked
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.tasks.outer_boxes import OuterBoxes
from kerasvision.tasks.pixel_sets import PixelSets
from kerasvision.train.calibrate import calibrated
from tests.serve.conftest import QUIET, Client, png

SPECS = ("saved_model", "tflite:float32", "tflite:int8", "onnx")
BY_DEFAULT = ("saved_model", "tflite:int8", "onnx")
COVERAGE = 0.9


def promising(trained, sets):
    """A digits run with sets of classes, as training would leave it."""
    arch = dataclasses.replace(trained.arch, class_sets=sets)
    held = splits_of(trained.recipe)["validation"]
    arch = calibrated(arch, trained.graph, trained.classes, held, 64)
    return dataclasses.replace(trained, recipe=dataclasses.replace(trained.recipe, model=arch), folder=None)


@pytest.fixture(scope="module")
def exported(digits_run, tmp_path_factory, request):
    """(model, its artifacts by kind, the contract, the folder): of what is asked for alone."""
    asked = [item.callspec.params.get("spec") for item in request.session.items if hasattr(item, "callspec")]
    specs = [spec for spec in SPECS if spec in BY_DEFAULT or spec in asked]
    trained, out = promising(digits_run, ClassSets(COVERAGE)), tmp_path_factory.mktemp("promises")
    artifacts, contract = export(trained, [from_spec(s) for s in specs], out, limit=100, verbose=False)
    return trained, {a.kind: a for a in artifacts}, contract, out


def answers(trained, runner, split):
    every = raw_examples(splits_of(trained.recipe)[split], trained.arch)
    return stacked((runner(inputs), truth) for inputs, truth, _ in every)


@pytest.mark.parametrize("spec", [s if s in BY_DEFAULT else pytest.param(s, marks=pytest.mark.nightly) for s in SPECS])
def test_each_file_has_the_threshold_of_its_own_scores(exported, spec):
    trained, artifacts, contract, _ = exported
    runner = from_spec(spec).open(artifacts[spec].path, trained.arch)
    predicted, truth = answers(trained, runner, "validation")
    right = predicted["probabilities"][np.arange(len(truth["label"])), truth["label"]]
    lowest = np.sort(right)[len(right) - int(np.ceil((len(right) + 1) * COVERAGE))]  # by hand: of 1 - p the highest
    (row,) = (a for a in contract["artifacts"] if a["kind"] == spec)
    (threshold,) = row["promise"]["thresholds"]
    assert 0 <= threshold - (1 - float(lowest)) <= 1.1e-6
    assert row["promise"] | {"coverage": COVERAGE, "examples": len(right), "kind": "class_set"} == row["promise"]
    inside = predicted["in_set"]
    assert inside.dtype == np.int32
    np.testing.assert_array_equal(inside, predicted["probabilities"] >= lowest - np.float32(1e-6))
    assert COVERAGE <= inside[np.arange(len(right)), truth["label"]].mean() < COVERAGE + 0.03
    assert {"coverage", "set_size", "empty_sets"} <= row["metrics"].keys()


def test_the_integer_files_threshold_is_another(exported):
    trained, artifacts, _, _ = exported
    held = {spec: a.promise["thresholds"][0] for spec, a in artifacts.items()}
    assert abs(held["onnx"] - trained.arch.class_sets.thresholds[0]) < 1e-5
    assert abs(held["tflite:int8"] - held["onnx"]) > 1e-5
    assert 0 < artifacts["tflite:int8"].promise["with_the_trained_model"] <= 1


def test_the_answer_names_the_set_and_its_promise(exported):
    from kerasvision.api import load
    from kerasvision.export.light import light_model

    trained, artifacts, _, _ = exported
    path = artifacts["tflite:int8"].path
    image = next(iter(raw_examples(splits_of(trained.recipe)["test"], trained.arch)))[0]["image"][0]
    answer, light = load(path).predict(image), light_model(path)
    said = answer.to_json()["set"]
    assert said["coverage"] == COVERAGE and said["of"] == "examples" and set(said["labels"]) <= set(trained.classes)
    assert "; the 90 % set: " in answer.in_words()
    empty = dict(answer.values) | {"in_set": np.zeros(10, np.int32)}
    described = light.arch.describe(empty, trained.classes)
    assert described["set"] == {"labels": [], "coverage": COVERAGE, "of": "examples"}
    assert light.arch.showing.in_words(described).endswith("; the 90 % set: none")


def test_the_served_answer_has_the_set_and_its_promise(exported):
    trained, _, _, out = exported
    image = next(iter(raw_examples(splits_of(trained.recipe)["test"], trained.arch)))[0]["image"][:2]
    server = Server(configs_below(out / "saved_models"), QUIET, out / "saved_models").start()
    try:
        client, name = Client(server.rest_port), trained.recipe.name
        status, given = client.predict(name, {"inputs": {"image": image.tolist()}})
        _, drawn = client.ask("POST", f"/draw/{name}", png(image[0]))
    finally:
        server.stop()
    given = given["outputs"]
    assert status == 200 and np.shape(given["in_set"]) == (2, 10) and set(np.ravel(given["in_set"])) <= {0, 1}
    labels = {trained.classes[k] for k in np.flatnonzero(given["in_set"][0])}
    assert set(drawn["answer"]["set"]["labels"]) == labels and drawn["answer"]["set"]["coverage"] == COVERAGE
    assert "; the 90 % set: " in drawn["words"]


def test_a_file_with_another_threshold_is_seen(exported):
    trained, artifacts, _, _ = exported
    path = artifacts["onnx"].path
    runner = from_spec("onnx").open(path, trained.arch)
    samples = [inputs for inputs, _, _ in raw_examples(splits_of(trained.recipe)["test"], trained.arch, limit=64)]
    promises = Promises(None, None, {})
    for threshold, lines in ((artifacts["onnx"].promise["thresholds"][0], 0), (0.0, 1)):
        sets = dataclasses.replace(trained.arch.class_sets, thresholds=(threshold,))
        promises._held = {path: (dataclasses.replace(trained.arch, class_sets=sets), {})}
        assert len(list(promises.wrong(path, runner, samples))) == lines


@pytest.mark.parametrize(
    ("name", "promise", "gives"),
    [
        ("semantic_segmentation/fpn", {"pixel_sets": PixelSets(0.9, thresholds=(0.5,))}, "may_be, least_probability"),
        ("detection/ssd", {"outer_boxes": OuterBoxes(0.9, thresholds=(0.5, 0.1))}, "outer_xyxy, outer_count"),
        ("classification/classifier", {"class_sets": ClassSets(0.9, thresholds=(0.5,))}, "in_set"),
    ],
)
def test_mediapipe_has_no_place_for_a_promise(name, promise, gives):
    (field,) = promise
    arch = create(name, num_classes=3, **promise)
    with pytest.raises(KerasVisionError, match=rf"promises \({gives}\).* --set model\.{field}\.coverage=0$"):
        task_of(arch)
    assert task_of(with_field(arch, f"{field}.coverage", "0"))


@pytest.mark.parametrize(("near", "lines"), [(0.019337853, 0), (0.03, 1)])
def test_a_corner_near_the_border_rounds_as_one_far_from_it(near, lines):
    """Of a picture of 945 x 1174, shrunk to 320: the margin is added before a box is enlarged, or behind it."""
    held = dataclasses.make_dataclass("Held", ["own"], namespace={"promised": lambda self, _: {"outer_xyxy": self.own}})
    promises = Promises(None, None, {})
    promises._held = {"file": (held(np.float32([[0.01934433, 4.0, 1174.0, 900.0]])), {})}
    answer = {"outer_xyxy": np.float32([[near, 4.0, 1174.0, 900.0]])}
    assert len(list(promises.wrong("file", lambda sample: answer, [{}]))) == lines


def test_data_without_a_validation_split_is_refused(exported, digits_run):
    trained, _, _, _ = exported
    bare = Promises(lambda exporter, job: "somewhere", trained.graph, {"train": None})
    job = dataclasses.make_dataclass("J", ["served"])(trained.served())
    with pytest.raises(KerasVisionError, match="promises is fitted on a validation split, and the data has none"):
        bare.written(None, job)
    unpromised = dataclasses.make_dataclass("J", ["served"])(digits_run.served())
    assert bare.written(None, unpromised) == "somewhere" and bare.of("somewhere") == {}


def test_a_promise_for_each_class_is_judged_by_its_worst_class(digits_run, tmp_path):
    """Of the certificate's own examples, by hand; the bound lies on either side of where its interval ends."""
    trained = promising(digits_run, ClassSets(0.5, by_class=True))
    budget = dataclasses.replace(trained.recipe.budget, coverage_gap=0.1)
    trained = dataclasses.replace(trained, recipe=dataclasses.replace(trained.recipe, budget=budget))
    (artifact,), _ = export(trained, [from_spec("onnx")], tmp_path, verbose=False)
    runner = from_spec("onnx").open(artifact.path, trained.arch)
    predicted, truth = answers(trained, runner, "test")
    labels = truth["label"]
    held = predicted["in_set"][np.arange(len(labels)), labels]
    for number, name in enumerate(trained.classes):
        own = held[labels == number]
        assert artifact.coverage[name] == {"coverage": pytest.approx(own.mean()), "examples": len(own)}
    shares = {name: row["coverage"] for name, row in artifact.coverage.items()}
    assert np.mean(list(shares.values())) > min(shares.values()) + 0.05
    (note,) = (note for note in artifact.notes if "in its sets" in note)
    name = note.split(" of what is right of ")[1].split(",")[0]
    high = float(note.split(" to ")[1].split(",")[0])
    assert f"holds {shares[name]:.4f} (" in note and high < 0.95 and "and promises 0.5" in note
    claimed = types.SimpleNamespace(promise={"coverage": 0.98}, coverage=artifact.coverage)
    assert covered(claimed, round(0.98 - high, 4) + 1e-3)[1] == ""
    assert "budget.coverage_gap is" in covered(claimed, round(0.98 - high, 4) - 1e-3)[1]
