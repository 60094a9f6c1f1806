"""A file is asked only if it is the one that its contract describes; what it is otherwise, one line says."""

import json
import shutil
import types

import numpy as np
import pytest

from kerasvision import api
from kerasvision.core.errors import KerasVisionError
from kerasvision.export import identity
from kerasvision.export.contract import read_contract
from kerasvision.export.measurement import sha256
from kerasvision.export.package.versions import versions_of

IMAGE = {"image": np.zeros((1, 8, 8, 3), np.uint8)}
FILES = ("tflite/models/digits/model.tflite", "onnx/digits/model.onnx", "saved_models/digits/1")


@pytest.fixture
def placed(digits_exports, tmp_path):
    """A copy of the exports, to be broken."""
    out = tmp_path / "out"
    shutil.copytree(digits_exports[2], out)
    return out


@pytest.fixture(params=FILES)
def artifact(request, placed):
    return placed / request.param


def contract_of(path):
    return path / "assets.extra" / "contract.json" if path.is_dir() else path.parent / "contract.json"


def change(path, how):
    """The contract of an artifact, changed in place."""
    place = contract_of(path)
    contract = json.loads(place.read_text())
    how(contract)
    place.write_text(json.dumps(contract))


def flip(path, share=0.5):
    """One bit of the largest file of an artifact."""
    file = path if path.is_file() else max(path.rglob("variables.data*"))
    content = bytearray(file.read_bytes())
    content[int(share * len(content))] ^= 4
    file.write_bytes(content)


def refusal(path):
    with pytest.raises(KerasVisionError) as caught:
        api.load(path)
    text = str(caught.value)
    assert "\n" not in text and "export the model again" in text
    return text


def test_what_is_whole_is_asked(artifact):
    assert api.load(artifact)(IMAGE)["probabilities"].shape == (1, 10)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_one_flipped_bit_is_seen(artifact, share):
    flip(artifact, share)
    assert "is not the file of its contract.json: its sha256 is" in refusal(artifact)


@pytest.mark.parametrize("content", [b"", b"no model at all"])
@pytest.mark.parametrize("name", FILES[:2])
def test_what_is_no_model_is_one_line(placed, name, content):
    (placed / name).write_bytes(content)
    assert "was changed, damaged, or is another model's" in refusal(placed / name)


def test_a_saved_model_that_is_cut_off_is_one_line(placed):
    pb = placed / FILES[2] / "saved_model.pb"
    pb.write_bytes(pb.read_bytes()[:1000])
    assert "is not the file of its contract.json" in refusal(placed / FILES[2])


def test_another_models_file_under_this_ones_name_is_refused(placed):
    """Names and shapes fit: the digits' other exporter has written it, and the sum tells."""
    other = placed / FILES[0]
    other.write_bytes((placed / FILES[1]).read_bytes())
    assert f"{other} is not the file of its contract.json" in refusal(other)


@pytest.mark.parametrize("name", FILES[:2])
def test_a_file_that_was_renamed_is_found_by_its_sum(placed, name):
    path = placed / name
    renamed = path.with_name(f"mine{path.suffix}")
    expected = api.load(path)(IMAGE)["probabilities"]
    path.rename(renamed)
    np.testing.assert_array_equal(api.load(renamed)(IMAGE)["probabilities"], expected)


def test_files_that_changed_names_are_each_what_they_are(placed):
    """model.tflite and model_int8.tflite, exchanged: each is opened as what its sum says."""
    folder = placed / "tflite" / "models" / "digits"
    sums = {p.name: sha256(p) for p in folder.glob("*.tflite")}
    a, b, held = folder / "model.tflite", folder / "model_int8_uint8.tflite", folder / "held"
    a.rename(held)
    b.rename(a)
    held.rename(b)
    assert identity.row_of(a, read_contract(a))["kind"] == "tflite:int8:uint8"
    assert identity.row_of(b, read_contract(b))["sha256"] == sums["model.tflite"]
    assert api.load(a)(IMAGE)["probabilities"].dtype == np.float32


def test_a_file_that_the_contract_does_not_know_is_named_with_those_it_knows(placed):
    stranger = placed / FILES[0].replace("model.tflite", "other.tflite")
    stranger.write_bytes(b"abc")
    text = refusal(stranger)
    assert "other.tflite is none of the files of its contract.json, which has model.tflite (tflite:float32)" in text


CHANGES = {
    "a shape": (lambda c: c["artifacts"][0]["inputs"]["image"].update(shape=[1, 9, 8, 3]), "takes image uint8"),
    "a key": (lambda c: c["artifacts"][0]["outputs"].update(logits=c["artifacts"][0]["outputs"].pop("probabilities")),
              "gives probabilities float32"),
    "a class less": (lambda c: c["classes"].pop(), "contract.json has 9 classes and its recipe 10"),
    "another size": (lambda c: c["preprocess"].update(size_hw=[16, 16]), r"its preprocess \(size_hw\) is not what"),
    "another mean": (lambda c: c["preprocess"].update(mean=[0.0]), r"its preprocess \(mean\) is not what"),
    "another unit": (lambda c: c["outputs"]["probabilities"].update(unit="percent"), r"its outputs \(probabilities\)"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_contract_that_was_changed_is_seen(placed, what):
    how, said = CHANGES[what]
    change(placed / FILES[0], how)
    with pytest.raises(KerasVisionError, match=said):
        api.load(placed / FILES[0])


@pytest.mark.parametrize("content", ["", "{", "[]", "\udcff"])
def test_a_contract_that_is_no_json_is_one_line(artifact, content):
    contract_of(artifact).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert "contract.json is damaged: it is no JSON" in refusal(artifact)


def test_contracts_of_another_time_are_refused_in_one_line(artifact):
    change(artifact, lambda c: c["preprocess"].pop("version"))
    assert "was written by an earlier version (kerasvision" in refusal(artifact)
    change(artifact, lambda c: c.update(preprocess={"version": 99}, created_with="kerasvision 9.0"))
    with pytest.raises(KerasVisionError, match="written by kerasvision 9.0, which is newer than this one; upgrade"):
        api.load(artifact)


def test_labels_that_disagree_are_said_and_the_contracts_are_answered(placed, capsys):
    path = placed / FILES[0]
    assert api.load(path).classes == tuple("0123456789") and not capsys.readouterr().err
    path.with_name("labels.txt").write_text("".join(f"{c}\n" for c in "9876543210"))
    assert api.load(path).classes == tuple("0123456789")
    (line,) = capsys.readouterr().err.splitlines()
    assert "labels.txt has other names than contract.json, whose names are used here" in line
    path.with_name("labels.txt").write_bytes("\ufeff".encode() + b"".join(b"%d\r\n" % k for k in range(10)))
    assert api.load(path).classes and not capsys.readouterr().err, "a byte-order mark and CRLF are the same names"


def test_a_file_that_its_runtime_cannot_open_is_one_line(placed):
    """The sum fits, so it left the export like that; whatever the runtime raises has no traceback."""
    path = placed / FILES[1]
    path.write_bytes(path.read_bytes()[:500])
    change(path, lambda c: c["artifacts"][0].update(sha256=sha256(path)))
    assert f"{path} cannot be opened as onnx: " in refusal(path)


def test_the_server_loads_no_saved_model_that_was_changed(placed, tmp_path):
    path = placed / FILES[2]
    identity.check_saved_model(path)
    flip(path)
    with pytest.raises(KerasVisionError, match="is not what its contract.json describes"):
        identity.check_saved_model(path)
    identity.check_saved_model(tmp_path)  # anybody's SavedModel has no contract
    contract_of(path).write_text("[")
    with pytest.raises(KerasVisionError, match="is damaged"):
        identity.check_saved_model(path)


def test_versions_of_another_time_do_not_hide_those_of_today(placed):
    """An upgrade leaves versions with earlier contracts in the folder: they are listed, and can be gone back to."""
    change(placed / FILES[2], lambda c: c["preprocess"].pop("version"))
    (version,) = versions_of(placed / "saved_models", "digits")
    assert version.metric[0] == "accuracy" and version.number == 1


def test_a_contract_of_an_earlier_version_is_still_served(placed):
    """A server needs nothing of a contract but its sums."""
    path = placed / FILES[2]
    change(path, lambda c: c.pop("preprocess"))
    identity.check_saved_model(path)


def test_a_file_that_cannot_be_read_is_one_line(placed, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(identity, "sha256", broken)
    with pytest.raises(KerasVisionError, match="cannot be read: Input/output error"):
        identity.row_of(placed / FILES[0], {"artifacts": []})


def test_an_architecture_without_classes_is_not_asked_for_their_number():
    arch = types.SimpleNamespace(
        serving_inputs=dict,
        serving_specs=dict,
        prepared_inputs=dict,
        outputs={},
        preprocessing=lambda: {"version": 1, "kind": "other"},
        outdated=lambda classes: "",
    )
    identity.check_described("x", {"classes": ["a"]}, arch)
