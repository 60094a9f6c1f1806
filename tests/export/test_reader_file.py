"""A page reader as one .tflite: both signatures answer as the files that they come from, and it reads as they do."""

import json
import shutil

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.edge import open_reader
from kerasvision.edge.main import main as edge
from kerasvision.export import reader_file
from kerasvision.export.repair.flatbuffer import packed, unpacked
from tests.export import reading_toys

pytestmark = pytest.mark.nightly  # two exports; by day there is test_reader_joined.py


@pytest.fixture(scope="module")
def files():
    """{model: path of its .tflite}."""
    with reading_toys.registered():
        yield reading_toys.files("tflite:float32")


@pytest.fixture(scope="module")
def reader(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("reader") / "reader.tflite"
    assert main(["read", str(files["detector"]), str(files["recognizer"]), "--save", str(path)]) == 0
    return path


@pytest.mark.parametrize("name", reading_toys.NAMES)
def test_a_signature_answers_to_the_bit_as_the_file_that_it_comes_from(files, reader, name):
    """In LiteRT alone, for noise; `--save` has compared real examples."""
    signature = reader_file.SIGNATURES[name]
    whole, alone = Interpreter(str(reader)), Interpreter(str(files[name]))
    assert set(whole.get_signature_list()) == {"detect", "recognize"}
    run, own = whole.get_signature_runner(signature), alone.get_signature_runner("serving_default")
    rng = np.random.default_rng(0)
    for _ in range(3):
        feed = {
            key: rng.integers(0, 256, row["shape"]).astype(row["dtype"]) for key, row in own.get_input_details().items()
        }
        answers, wanted = run(**feed), own(**feed)
        assert set(answers) == set(wanted)
        for key, value in wanted.items():
            np.testing.assert_array_equal(answers[key], value, err_msg=key)


def test_it_has_no_other_operators_and_its_loops_run_its_own_graphs(files, reader):
    """The detector's components are found in a loop, whose graphs are counted anew behind those of another model."""
    models = {name: unpacked(path.read_bytes()) for name, path in files.items()}
    first, whole = models["recognizer"], unpacked(reader.read_bytes())
    assert sum(len(g.operators) for g in whole.subgraphs) == sum(
        len(g.operators) for model in models.values() for g in model.subgraphs
    )
    assert not any(code.customCode for code in whole.operatorCodes)
    turned = reader_file.joined({"recognize": packed(first), "detect": packed(models["detector"])}, {})
    run = Interpreter(model_content=turned).get_signature_runner("detect")
    own = Interpreter(str(files["detector"])).get_signature_runner("serving_default")
    with np.load(files["detector"].with_name("golden.npz")) as held:
        image = held["input/image"][:1]
    answers, wanted = run(image=image), own(image=image)
    assert int(wanted["count"][0]) > 0, "the loop had something to do"
    assert all(np.array_equal(answers[key], wanted[key]) for key in wanted)


def test_it_reads_as_the_two_files_do(files, reader, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number, image in enumerate(reading_toys.scenes()):
        Image.fromarray(image).save(f"{number}.png")
    pages = sorted(str(p) for p in tmp_path.glob("*.png"))
    two = [str(files["detector"]), str(files["recognizer"])]
    for more in ([], ["--set", "detector.score_threshold=0.4", "word_gap=0.8"]):
        rows = []
        for models in (two, [str(reader)]):
            assert main(["read", *models, *pages, "--json", *more]) == 0
            rows.append([json.loads(row) for row in capsys.readouterr().out.splitlines()])
        assert rows[0] == rows[1] and any(row["blocks"] for row in rows[0])
    assert main(["read", str(reader), *pages, "none.png", "--out", "out"]) == 1
    assert main(["read", str(reader), *pages, "none.png", "--out", "out", "--resume"]) == 1
    assert f"{len(pages)} documents read before" in capsys.readouterr().err


@pytest.mark.parametrize("margin", ["0.0", "0.2"])
def test_the_client_of_devices_reads_from_the_file_alone(files, tmp_path, monkeypatch, capsys, margin):
    """Without anything beside it; scores differ by what another preparation rounds."""
    monkeypatch.chdir(tmp_path)
    pictures = [*reading_toys.scenes(), np.random.default_rng(1).integers(0, 256, (90, 130, 3)).astype(np.uint8)]
    for number, image in enumerate(pictures):
        Image.fromarray(image).save(f"{number}.png")
    two = [str(files["detector"]), str(files["recognizer"])]
    (tmp_path / "alone").mkdir()
    assert main(["read", *two, "--save", "alone/reader.tflite", "--set", f"margin={margin}"]) == 0
    (tmp_path / "alone").rename("moved")
    capsys.readouterr()
    assert main(["read", "moved/reader.tflite", *map(str, sorted(tmp_path.glob("*.png"))), "--json"]) == 0
    wanted = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert edge(["read", "moved/reader.tflite", str(tmp_path)]) == 0
    found = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert sum(len(block["lines"]) for row in wanted for block in row["blocks"]) > 2
    assert [without_numbers(row) for row in found] == [without_numbers(row) for row in wanted]
    for row, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(numbers_of(row), numbers_of(other), atol=0.02)
    assert edge(["read", "moved/reader.tflite", "0.png", "--text"]) == 0
    assert capsys.readouterr().out == open_reader("moved/reader.tflite").read(pictures[0]).text + "\n"


def numbers_of(held):
    """Those of a page's JSON, in order."""
    if isinstance(held, dict | list):
        return [n for value in (held.values() if isinstance(held, dict) else held) for n in numbers_of(value)]
    return [held] if isinstance(held, int | float) else []


def without_numbers(held):
    if isinstance(held, dict):
        return {key: without_numbers(value) for key, value in held.items()}
    if isinstance(held, list):
        return [without_numbers(value) for value in held]
    return None if isinstance(held, float) else held


def test_settings_are_kept(files, tmp_path, capsys):
    path = tmp_path / "set.tflite"
    words = [str(files["detector"]), str(files["recognizer"]), "--save", str(path)]
    assert main(["read", *words, "--set", "right_to_left=True", "--orientation", "90"]) == 0
    assert capsys.readouterr().err == f"saved: {path}\n"
    held = reader_file.reader_in(path)["reader"]
    assert (held["right_to_left"], held["orientation"]) == (True, "90")


def test_what_answers_otherwise_is_not_written(files, tmp_path, monkeypatch):
    """A weight that is another in the joined file."""
    joined = reader_file.joined

    def other(contents, about):
        model = unpacked(joined(contents, about))
        graph = next(g for g in model.subgraphs if any(s.signatureKey == b"recognize" for s in model.signatureDefs))
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is not None and len(data) > 400 and tensor.type == 0:
                model.buffers[tensor.buffer].data = np.frombuffer(
                    (np.frombuffer(bytes(data), np.float32) * 1.5).tobytes(), np.uint8
                )
        return packed(model)

    monkeypatch.setattr(reader_file, "joined", other)
    with pytest.raises(KerasVisionError, match="nothing was written: (detect|recognize) (answers otherwise|fails)"):
        reader_file.write_reader(tmp_path / "a.tflite", {}, files)
    assert list(tmp_path.iterdir()) == []


def test_bad_input_is_one_line(files, reader, tmp_path, capsys):
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    for name in ("model.tflite", "contract.json"):
        shutil.copy(files["recognizer"].with_name(name), lonely)
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(reader.read_bytes()[:20_000] + b"KERASVISION_READER")
    two = [str(files["detector"]), str(files["recognizer"])]
    saved = ["--save", str(tmp_path / "a.tflite")]
    for words, code, said in (
        ([*reversed(two), *saved], 2, "finds no text"),
        ([str(reader), *saved], 2, "is saved already; copy it"),
        ([two[0], str(lonely / "model.tflite"), *saved], 1, "golden.npz is not there"),
        ([str(damaged), "page.png"], 1, "is damaged"),
        ([*two, *saved, "--set", "detector.max_quads=3"], 2, "--save keeps no settings of a model"),
        ([*two, "--save", str(tmp_path / "none" / "a.tflite")], 1, "cannot write"),
    ):
        assert main(["read", *words]) == code, words
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    assert not (tmp_path / "a.tflite").exists()
