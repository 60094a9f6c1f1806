"""golden.json beside files, the client's `verify`, and `predict` by the client: the same answer without TensorFlow."""

import base64
import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main as kerasvision
from kerasvision.edge import EdgeError, open_client
from kerasvision.edge.main import main as edge
from kerasvision.edge.tensors import unpacked
from kerasvision.edge.verifying import verify
from kerasvision.export.light import light_model

FILES = ["model.tflite", "model_float16.tflite", "model_int8.tflite", "model_int8_uint8.tflite"]


@pytest.fixture(scope="module")
def kept(digits_exports):
    """The package of .tflite files. Tests must not change it."""
    return digits_exports[2] / "tflite" / "models" / "digits"


@pytest.fixture
def folder(kept, tmp_path):
    return shutil.copytree(kept, tmp_path / "digits")


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).resize((300, 211)).save(path)
    return path


def change(path, **parts):
    path.write_text(json.dumps(json.loads(path.read_text()) | parts))


def test_every_file_answers_here_as_where_it_was_exported(kept, digits_exports):
    findings = verify(kept)
    assert [f.path for f in findings] == FILES
    for finding in findings:
        assert finding.passes and (finding.gray, finding.away, finding.decisions) == (0, 0, 5), finding.line()
    onnx = verify(digits_exports[2] / "onnx" / "digits")
    assert [f.path for f in onnx] == ["model.onnx"] and onnx[0].passes


def test_goldens_are_the_pictures_the_inputs_and_both_answers(kept):
    golden, held = json.loads((kept / "golden.json").read_text()), np.load(kept / "golden.npz")
    assert len(golden["examples"]) == 5
    for number, example in enumerate(golden["examples"]):
        assert np.array_equal(unpacked(example["prepared"]["image"])[0], held["input/image"][number])
        assert np.allclose(unpacked(example["trained"]["probabilities"])[0], held["output/probabilities"][number])
        picture = Image.open(io.BytesIO(base64.b64decode(example["encoded"])))
        assert picture.format == "PNG" and picture.size == (8, 8)
    rows = {row["path"]: row for row in golden["artifacts"]}
    whole = unpacked(rows["model_int8_uint8.tflite"]["answers"][0]["probabilities"])
    assert whole.dtype == np.uint8 and rows["model_int8_uint8.tflite"]["tolerance"]["probabilities"] > 1 / 256


def test_tolerances_are_the_certificate_s_and_steps(kept, digits_exports):
    golden = json.loads((kept / "golden.json").read_text())
    rows = {row["kind"]: row["tolerance"]["probabilities"] for row in golden["artifacts"]}
    for kind in ("tflite:float32", "tflite:float16"):
        assert rows[kind] == digits_exports[0][kind].agreement["tolerance"]
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    details = Interpreter(str(kept / "model_int8.tflite"), experimental_op_resolver_type=plain).get_tensor_details()
    scales = [t["quantization"][0] for t in details if t["dtype"] == np.int8 and t["shape"].tolist() == [1, 10]]
    assert rows["tflite:int8"] in [pytest.approx(scale) for scale in scales]  # of the logits, which become float


def test_every_client_s_lines(kept, capsys):
    assert edge(["verify", str(kept)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("model.tflite tflite:float32: prepared 0, answers 0 of ") and len(lines) == 5
    assert lines[0].endswith("decisions 5/5, trained 5/5: pass") and lines[-1] == "pass: 4 files"


@pytest.mark.parametrize(("moved", "passes"), [(1, True), (2, False)])
def test_a_client_that_prepares_otherwise_is_found(folder, moved, passes):
    golden = json.loads((folder / "golden.json").read_text())
    prepared = golden["examples"][0]["prepared"]["image"]
    pixels = unpacked(prepared).copy()
    pixels[0, 0, 0] = np.where(pixels[0, 0, 0] > 100, pixels[0, 0, 0] - moved, pixels[0, 0, 0] + moved)
    prepared["data"] = base64.b64encode(pixels.tobytes()).decode()
    (folder / "golden.json").write_text(json.dumps(golden))
    assert verify(folder)[0].gray == moved
    assert (verify(folder)[3].passes and verify(folder)[2].passes) is passes


def test_an_answer_beyond_its_tolerance_fails(folder, capsys):
    golden = json.loads((folder / "golden.json").read_text())
    tensor = golden["artifacts"][0]["answers"][0]["probabilities"]
    values = unpacked(tensor) + np.float32(2 * golden["artifacts"][0]["tolerance"]["probabilities"])
    tensor["data"] = base64.b64encode(values.tobytes()).decode()
    (folder / "golden.json").write_text(json.dumps(golden))
    assert edge(["verify", str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit(": ")[-1] for line in lines[:2]] == ["FAIL", "pass"] and lines[-1] == "FAIL: 1 of 4 files"


def other_bytes(folder):
    path = folder / "model.tflite"
    path.write_bytes(path.read_bytes() + b"\0")


WRONG = {
    "other bytes": (other_bytes, "is not the file that .*golden.json has answers of: its sha256 is"),
    "no file": (lambda f: (f / "model_int8.tflite").unlink(), "model_int8.tflite is missing"),
    "no labels": (lambda f: (f / "labels.txt").unlink(), "labels.txt cannot be read: No such file"),
    "other labels": (lambda f: (f / "labels.txt").write_text("a\nb\n"), "has other names than contract.json"),
    "no golden": (lambda f: (f / "golden.json").unlink(), "golden.json cannot be read: No such file.*export the model"),
    "cut golden": (lambda f: (f / "golden.json").write_text('{"version": 1,'), "golden.json is damaged: it is no JSON"),
    "newer golden": (lambda f: change(f / "golden.json", version=2), "has version 2, and this client knows 1"),
    "empty golden": (lambda f: change(f / "golden.json", examples=[]), "has no examples"),
    "changed contract": (lambda f: change(f / "contract.json", classes=["a"] * 10), "was changed after the export"),
    "no contract": (lambda f: (f / "contract.json").unlink(), "contract.json cannot be read"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_beside_a_file_is_one_line(folder, capsys, what):
    spoil, line = WRONG[what]
    spoil(folder)
    with pytest.raises(EdgeError, match=line):
        verify(folder)
    assert edge(["verify", str(folder)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


CONTENT = {
    "empty": (b"", "is empty"),
    "foreign": (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "is no .tflite, or is encrypted"),
    "newer": (b"\x1c\0\0\0TFL4" + b"\0" * 64, "is a .tflite of version 4"),
    "cut": (None, "cannot be opened by LiteRT"),
}


@pytest.mark.parametrize("what", CONTENT)
def test_what_is_no_file_of_ours_is_one_line(folder, what, capsys):
    content, line = CONTENT[what]
    path = folder / "model.tflite"
    path.write_bytes(path.read_bytes()[:5000] if content is None else content)
    with pytest.raises(EdgeError, match=line):
        open_client(path)
    assert edge(["bench", str(path)]) == 1 and capsys.readouterr().err.startswith("kerasvision-edge: ")
    assert edge(["bench", str(folder / "none.tflite")]) == 2
    assert edge(["bench", str(folder / "labels.txt")]) == 2


def test_what_is_no_picture_is_one_line_and_the_others_are_answered(kept, photo, tmp_path, capsys):
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    shutil.copy(photo, tmp_path / "yes.jpg")
    assert edge(["predict", str(kept / "model.tflite"), str(tmp_path), "--draw", str(tmp_path / "drawn")]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "cannot be decoded" in rows[0]["error"] and len(rows[1]["prediction"]["top"]) == 5
    assert Image.open(tmp_path / "drawn" / "yes.png").size == (300, 211 + 3 * 14 + 6)


@pytest.mark.parametrize("name", FILES)
def test_predict_by_the_client_is_what_the_file_s_runner_says(kept, photo, name):
    model = light_model(kept / name)
    light = model.predict_one(*model.read(str(photo))[:1])
    assert light.to_json() == api.load(kept / name).predict(str(photo)).to_json()
    client = open_client(kept / name)
    assert client.classify(photo) == light.to_json()["top"]
    with pytest.raises(EdgeError, match="gives no objects"):
        client.detect(photo)


def test_predict_of_a_file_imports_no_tensorflow(kept, photo):
    program = (
        "import sys\nfrom kerasvision.cli.main import main\n"
        f"assert main(['predict', {str(kept / 'model_int8.tflite')!r}, {str(photo)!r}, '--json']) == 0\n"
        "print(sorted({'tensorflow', 'tf_keras', 'keras'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
    assert json.loads(done.stdout)["prediction"] == api.load(kept / "model_int8.tflite").predict(str(photo)).to_json()


def test_what_is_not_usual_goes_the_other_way(folder, photo, capsys):
    assert light_model(folder) is None and light_model(folder / "none.tflite") is None
    (folder / "labels.txt").write_text("a\n")
    assert light_model(folder / "model.tflite") is None
    assert kerasvision(["predict", str(folder / "model.tflite"), str(photo), "--set", "resize=windows"]) == 2
    assert "these may be set" in capsys.readouterr().err


def test_a_picture_that_cannot_be_read_is_the_same_line_either_way(kept, tmp_path):
    (tmp_path / "no.jpg").write_bytes(b"no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    light, whole = light_model(kept / "model.tflite"), api.load(kept / "model.tflite")
    for name in ("empty.png", "none.png"):
        lines = []
        for model in (light, whole):
            with pytest.raises(Exception, match=name) as error:
                model.read(str(tmp_path / name))
            lines.append(str(error.value))
        assert lines[0] == lines[1]
