"""What `certify` has proven, in trust.json: of the right model, with intervals, and what is no certificate."""

import json
import shutil
import types

import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.robustness.trust.attacking import shared
from kerasvision.robustness.trust.certified import certified_parts
from kerasvision.robustness.trust.document import read
from kerasvision.train.run import load_run, save_run

CERTIFICATE = {
    "name": "digits",
    "model": "trained model",
    "sha256": "trained model" + 51 * "0",
    "split": "test",
    "smoothed": {"sigma": 0.25, "draws": 100},
    "examples": 40,
    "clean": 0.95,
    "right": 0.9,
    "abstains": 0.05,
    "radii": {"0.1": 0.8, "0.2": 0.5},
    "median": 0.2,
}


def subjects(*kinds):
    model = types.SimpleNamespace(recipe=types.SimpleNamespace(name="digits"))
    return [types.SimpleNamespace(kind=kind, model=model, sha256=kind.ljust(64, "0")) for kind in kinds]


def written(folder, file="certificate.json", **changed):
    path, held = folder / file, CERTIFICATE | changed
    held = held | {"sha256": changed.get("sha256", held["model"].ljust(64, "0"))}
    path.write_text(json.dumps(held))
    return path


def test_the_part_says_what_was_proven(tmp_path):
    paths = [written(tmp_path), written(tmp_path, "int8.json", model="tflite:int8", right=0.8)]
    parts = certified_parts(paths, subjects("trained model", "tflite:int8", "onnx"))
    assert set(parts) == {"trained model", "tflite:int8"}
    own = parts["trained model"]
    assert own["examples"] == 40 and "noise of 0.25, 100 draws, of the test split" in own["how"]
    value, ends = shared(0.8, 40)
    assert own["figures"]["right within 0.1"] == {"value": value, "interval": list(ends)}
    assert list(own["figures"]) == ["right, smoothed", "no answer", "right within 0.1", "right within 0.2"]
    assert parts["tflite:int8"]["figures"]["right, smoothed"]["value"] == 0.8


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"name": "cats"}, "is of trained model of cats, and asked about are trained model of digits"),
        ({"model": "onnx"}, "is of onnx of digits, and asked about are trained model of digits"),
    ],
)
def test_a_certificate_of_another_model_is_refused(changed, line, tmp_path):
    with pytest.raises(UsageError, match=line):
        certified_parts([written(tmp_path, **changed)], subjects("trained model"))


def test_a_certificate_of_other_weights_is_stale(tmp_path):
    """Of the same name and kind; the last digit tells them apart."""
    asked, own = subjects("trained model", "onnx"), "onnx".ljust(64, "0")
    assert set(certified_parts([written(tmp_path, model="onnx", sha256=own)], asked)) == {"onnx"}
    with pytest.raises(UsageError, match=r"is stale: it proves another onnx \(sha256 onnx00000000...\)") as error:
        certified_parts([written(tmp_path, model="onnx", sha256=own[:-1] + "1")], asked)
    assert "\n" not in str(error.value) and "run `kerasvision certify`" in str(error.value)


def test_what_is_no_certificate_is_one_line(digits_run, tmp_path, capsys):
    path = written(tmp_path)
    with pytest.raises(UsageError, match="is a second certificate of trained model"):
        certified_parts([path, path], subjects("trained model"))
    held = json.loads(path.read_text())
    del held["model"]  # as one of before has none
    path.write_text(json.dumps(held))
    for file, line in ((path, "is no certificate of a model (without model)"), (tmp_path / "gone", "cannot be read")):
        assert main(["trust", str(digits_run.folder), "--certificates", str(file), "--out", str(tmp_path)]) == 2
        said = capsys.readouterr().err
        assert line in said and "Traceback" not in said and not (tmp_path / "trust.json").exists()


def test_the_two_commands_fit(digits_run, digits_tflite, tmp_path, capsys):
    """Of the run and of its file, each with its own proofs; of other weights they are stale."""
    asked = ["--examples", "6", "--set", "draws=20", "choosing=5", "failure=0.1", "sigma=0.1"]
    for model, folder in ((digits_run.folder, "run"), (digits_tflite, "file")):
        assert main(["certify", str(model), *asked, "--out", str(tmp_path / folder)]) == 0
    files = [str(tmp_path / folder / "certificate.json") for folder in ("run", "file")]
    words = ["--examples", "6", "--heats", "1", "--corruptions", "gaussian_noise", "--severities", "5"]
    given = ["trust", str(digits_run.folder), str(digits_tflite), *words, "--certificates", *files]
    assert main([*given, "--out", str(tmp_path)]) == 0
    for model in read(tmp_path / "trust.json")["models"]:
        part = model["parts"]["certified"]
        assert part["examples"] == 6 and 0 <= part["figures"]["right, smoothed"]["value"] <= 1
    assert "right within" in (tmp_path / "trust.html").read_text()
    other = tmp_path / "trained-again"
    shutil.copytree(digits_run.folder, other)
    trained = load_run(other)
    trained.graph.set_weights([value * 1.001 for value in trained.graph.get_weights()])
    save_run(trained)
    assert main(["trust", str(other), "--certificates", files[0], "--out", str(other)]) == 2
    assert "is stale: it proves another trained model" in capsys.readouterr().err
    assert not (other / "trust.json").exists()
