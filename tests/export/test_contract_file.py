"""contract.json lies about nothing: every figure in it is measured again, from the files alone."""

import copy
import functools
import gzip
import hashlib
import json
import os
import subprocess

import jsonschema
import numpy as np
import pytest

from kerasvision import api
from kerasvision.core.component import from_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import raw_examples
from kerasvision.export import contract as contracts
from kerasvision.export.base import BESIDE
from tests.export.conftest import SPECS

CONTRACTS = (
    "saved_models/digits/1/assets.extra/contract.json",
    "tflite/models/digits/contract.json",
    "onnx/digits/contract.json",
)


@pytest.fixture(scope="module")
def load():
    """`api.load`, of each path once."""
    return functools.cache(api.load)


@pytest.fixture(params=CONTRACTS)
def placed(request, digits_exports):
    """(the contract as read, the folder its paths are relative to)."""
    path = digits_exports[2] / request.param
    package = path.parent.parent if path.parent.name == "assets.extra" else path.parent
    return json.loads(path.read_text()), package


def schema():
    text = (contracts.importlib.resources.files("kerasvision.export") / "contract.schema.json").read_text()
    return json.loads(text)


def test_it_has_the_published_form(placed):
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(placed[0], schema())


def test_every_export_is_in_one_contract(digits_exports):
    packages = [json.loads((digits_exports[2] / p).read_text())["artifacts"] for p in CONTRACTS]
    assert [[a["kind"] for a in rows] for rows in packages] == [list(SPECS[:2]), list(SPECS[2:6]), list(SPECS[6:])]


def by_hand(path):
    """What the shell says: sha256sum of a file, or of the list of sha256sums of a folder."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    found = "find . -type f ! -name contract.json ! -name preprocess_examples.npz | sort | sed 's|^./||'"
    command = f"{found} | xargs sha256sum | sha256sum"
    done = subprocess.run(command, shell=True, cwd=path, env=os.environ | {"LC_ALL": "C"}, capture_output=True)
    return done.stdout.split()[0].decode()


def test_sums_and_sizes_are_those_of_the_files(placed):
    contract, package = placed
    for row in contract["artifacts"]:
        path = package / row["path"]
        assert row["sha256"] == by_hand(path)
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file() and p.name not in BESIDE]
        assert row["size_bytes"] == sum(len(p.read_bytes()) for p in files)
        assert row["gzip_bytes"] == sum(len(gzip.compress(p.read_bytes(), 9)) for p in files)


def test_zeros_of_a_tflite_file_are_those_of_its_kernels(digits_exports, digits_run):
    """float32 has the graph's own weights, folded with what follows; batch normalization makes no zero of another."""
    rows = json.loads((digits_exports[2] / CONTRACTS[1]).read_text())["artifacts"]
    zeros = {row["kind"]: row["zeros"] for row in rows}
    assert 0 <= zeros["tflite:float32"] < 1e-3 < zeros["tflite:int8"] < 0.1
    saved = json.loads((digits_exports[2] / CONTRACTS[0]).read_text())["artifacts"]
    assert all(row["zeros"] is None for row in saved)


def test_metrics_and_agreement_are_measured_again(placed, digits_run, load):
    """Predictions of the file and of the run, by `load`, over the same 120 examples."""
    contract, package = placed
    rows = list(raw_examples(digits_run.recipe.data.open().splits["test"], digits_run.arch, limit=120))
    labels = np.concatenate([ground_truth["label"] for _, ground_truth, _ in rows])
    run = load(digits_run.folder)
    expected = np.concatenate([run(inputs)["probabilities"] for inputs, _, _ in rows])
    assert contract["metrics"]["test/accuracy"] == pytest.approx((expected.argmax(1) == labels).mean())
    for row in contract["artifacts"]:
        model = load(package / row["path"])
        scores = np.concatenate([model(inputs)["probabilities"] for inputs, _, _ in rows])
        agreement, errors = row["agreement"], np.abs(scores - expected).max(1)
        assert row["metrics"]["accuracy"] == pytest.approx((scores.argmax(1) == labels).mean())
        assert agreement["examples"] == 120
        assert agreement["max_error"] == pytest.approx(errors.max(), rel=1e-3, abs=1e-7)
        relative = (errors / expected.max(1)).max()
        assert agreement["max_relative_error"] == pytest.approx(relative, rel=1e-3, abs=1e-7)
        assert agreement["flips"] == int((scores.argmax(1) != expected.argmax(1)).sum())
        change = row["metrics"]["accuracy"] - contract["metrics"]["test/accuracy"]
        assert agreement["metric_change"] == pytest.approx(change)


def test_latency_is_a_time_that_can_be_met(placed, load):
    contract, package = placed
    inputs = {"image": np.zeros((1, 8, 8, 3), np.uint8)}
    import time

    for row in contract["artifacts"]:
        model, seconds = load(package / row["path"]), []
        for _ in range(20):
            start = time.perf_counter()
            model(inputs)
            seconds.append(time.perf_counter() - start)
        assert 0 < row["latency_ms"] < 20 * 1000 * max(seconds)
        assert row["latency_ms"] > 0.02 * 1000 * min(seconds)


def test_operators_are_counted_without_select_ones(placed):
    for row in placed[0]["artifacts"]:
        assert row["select_ops"] == 0 and sum(row["ops"].values()) > 5


def held(promised):
    return {k: (v["dtype"], v["shape"]) for k, v in promised.items()}


def test_the_saved_model_takes_and_gives_what_is_promised(digits_exports):
    import tensorflow as tf

    contract = json.loads((digits_exports[2] / CONTRACTS[0]).read_text())
    signature = tf.saved_model.load(str(digits_exports[2] / "saved_models/digits/1")).signatures["serving_default"]
    for key, tensors in (
        ("inputs", signature.structured_input_signature[1]),
        ("outputs", signature.structured_outputs),
    ):
        expected = {k: (t.dtype.name, t.shape.as_list()) for k, t in tensors.items()}
        assert held(contract[key]) == expected
        assert all(held(row[key]) == expected for row in contract["artifacts"])


def test_every_tflite_says_its_own_types(digits_exports):
    rows = json.loads((digits_exports[2] / CONTRACTS[1]).read_text())["artifacts"]
    for row in rows:
        whole = row["kind"] == "tflite:int8:uint8"
        scores = {"dtype": "uint8", "shape": [1, 10], "quantization": [1 / 256, 0]}
        image = {"dtype": "uint8", "shape": [1, 8, 8, 3]}
        image |= {"unit": "pixel 0..255"} | ({"quantization": [1.0, 0]} if whole else {})
        scores = scores if whole else {"dtype": "float32", "shape": [1, 10]}
        assert row["inputs"] == {"image": image}
        assert row["outputs"] == {"probabilities": scores | {"unit": "probability"}}
        assert row["takes"] == "prepared" and row["restore"] == {"rule": "none"}


def test_the_onnx_takes_and_gives_what_onnxruntime_says(digits_exports):
    import onnxruntime

    (row,) = json.loads((digits_exports[2] / CONTRACTS[2]).read_text())["artifacts"]
    session = onnxruntime.InferenceSession(str(digits_exports[0]["onnx"].path))
    kinds = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
    for key, tensors in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
        shapes = {t.name: [n if isinstance(n, int) else None for n in t.shape] for t in tensors}
        assert held(row[key]) == {t.name: (kinds[t.type], shapes[t.name]) for t in tensors}
        assert row[key] and all(shape[0] is None for shape in shapes.values()), "any batch"


def test_the_recipe_in_it_is_the_run_s(placed, digits_run):
    assert from_json(placed[0]["recipe"]) == digits_run.recipe
    assert placed[0]["classes"] == list(digits_run.classes) == list("0123456789")
    assert placed[0]["task"] == "classification" and placed[0]["version"] == 1


def test_the_prepared_examples_are_listed_and_small(placed):
    contract, package = placed
    (path,) = package.rglob(contract["preprocess_examples"]["path"])
    assert path.parent.joinpath("contract.json").exists()
    assert contract["preprocess_examples"]["sha256"] == by_hand(path)
    assert path.stat().st_size < 1_000_000 and len([k for k in np.load(path) if k.startswith("encoded/")]) == 20


def test_saved_models_take_what_a_user_sends_and_other_files_what_is_prepared(placed):
    rows = {row["kind"].split(":")[0]: row for row in placed[0]["artifacts"]}
    for kind, row in rows.items():
        assert row["takes"] == ("original" if kind in ("saved_model", "tf_serving") else "prepared")
        assert row["restore"] == {"rule": "none"}
        assert row["inputs"]["image"]["unit"] == "pixel 0..255"
        assert row["outputs"]["probabilities"]["unit"] == "probability"


def test_preprocessing_is_enumerations_and_numbers(placed):
    rules = placed[0]["preprocess"]
    assert rules["version"] == 1 and rules["kind"] == "image" and rules["size_hw"] == [8, 8]
    assert not [v for v in rules.values() if isinstance(v, str) and " " in v], "a sentence is no enumeration"


FAULTS = {
    "preprocessing without a version": lambda c: c["preprocess"].pop("version"),
    "preprocessing of another kind": lambda c: c["preprocess"].update(kind="sound"),
    "a resize that nobody knows": lambda c: c["preprocess"].update(resize="squeeze"),
    "a letterbox without its gray": lambda c: c["preprocess"].update(resize="letterbox"),
    "a word that is not in the schema": lambda c: c["preprocess"].update(hint="center it"),
    "a file that does not say what it takes": lambda c: c["artifacts"][0].pop("takes"),
    "a file that does not say what is left to do": lambda c: c["artifacts"][0].pop("restore"),
    "an output without its unit": lambda c: c["artifacts"][0]["outputs"]["probabilities"].pop("unit"),
    "no classes": lambda c: c.pop("classes"),
    "a version of 0": lambda c: c.update(version=0),
    "an artifact without a sum": lambda c: c["artifacts"][0].pop("sha256"),
    "an artifact without a metric": lambda c: c["artifacts"][0].update(metrics={}),
    "a size of 0": lambda c: c["artifacts"][0].update(size_bytes=0),
    "an artifact that does not say what it takes": lambda c: c["artifacts"][0].pop("inputs"),
    "no latency": lambda c: c["artifacts"][0].update(latency_ms=0.0),
    "an agreement without its worst example": lambda c: c["artifacts"][0]["agreement"].pop("worst"),
    "inputs without a dtype": lambda c: c["inputs"]["image"].pop("dtype"),
    "a recipe without a model": lambda c: c["recipe"].pop("model"),
    "a metric that is no number": lambda c: c["metrics"].update({"test/accuracy": float("nan")}),
    "an error that is no number": lambda c: c["artifacts"][0]["agreement"].update(max_error=float("inf")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_half_a_contract_is_refused(digits_exports, fault):
    contract = json.loads((digits_exports[2] / CONTRACTS[1]).read_text())
    contracts.validate(copy.deepcopy(contract))
    FAULTS[fault](contract)
    with pytest.raises(KerasVisionError, match="contract.json is not valid"):
        contracts.validate(contract)


def test_a_file_without_its_contract_is_not_opened(tmp_path):
    (tmp_path / "model.tflite").touch()
    with pytest.raises(KerasVisionError, match="model.tflite has no contract.json; looked for"):
        api.load(tmp_path / "model.tflite")
