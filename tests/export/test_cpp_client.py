"""The C++ client, built here: the same lines as the Python client's, and one line for what is wrong."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.edge.contracts import sha256
from kerasvision.edge.main import main as edge
from kerasvision.edge.runtimes import open_runtime
from tests.export.test_reader_joined import STRIP, converted, described
from tests.export.wrong_packages import WRONG, misjudge, told_as_labels

SOURCE = pathlib.Path(__file__).parents[2] / "tflite" / "cpp"
LIBRARY = pathlib.Path(__import__("ai_edge_litert").__file__).parent / "libLiteRt.so"
MOST_BYTES = 200_000

pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """As its README says: by CMake, or by the one line of g++."""
    folder = tmp_path_factory.mktemp("cpp")
    if shutil.which("cmake"):
        subprocess.run(["cmake", "-S", SOURCE, "-B", folder], check=True, capture_output=True)
        subprocess.run(["cmake", "--build", folder], check=True, capture_output=True)
        return folder / "kerasvision-edge"
    return plain(folder / "kerasvision-edge")


def plain(path):
    words = ["g++", "-std=c++17", "-O1", "-ffp-contract=off", SOURCE / "main.cpp", "-s", "-o", path, "-ldl"]
    subprocess.run(words, check=True, capture_output=True)
    return path


@pytest.fixture
def folder(digits_exports, tmp_path):
    return shutil.copytree(digits_exports[2] / "tflite" / "models" / "digits", tmp_path / "digits")


def asked(program, *words):
    """(exit code, lines of stdout, what the client itself says on stderr)."""
    done = subprocess.run([program, "--litert", LIBRARY, *words], capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if line.startswith(("kerasvision-edge", "usage"))]
    return done.returncode, done.stdout.splitlines(), said


def test_its_lines_are_those_of_the_python_client(program, folder, capsys):
    code, lines, _ = asked(program, "verify", folder)
    assert edge(["verify", str(folder)]) == code == 0
    mine = capsys.readouterr().out.splitlines()
    if any("prepared -" in line for line in lines):  # a build without libpng
        mine = [line.replace("prepared 0", "prepared -") for line in mine]
    assert lines == mine and len(lines) == 5
    assert program.stat().st_size < MOST_BYTES


def test_a_build_without_libraries_says_so_and_judges_the_files(tmp_path, folder):
    code, lines, said = asked(plain(tmp_path / "plain"), "verify", folder)
    assert code == 0 and all("prepared -" in line for line in lines[:-1])
    assert said == ["kerasvision-edge: this build does not prepare the photographs of golden.json"]


def test_an_answer_beyond_its_tolerance_fails(program, folder):
    misjudge(folder)
    code, lines, _ = asked(program, "verify", folder)
    assert code == 1 and [line.endswith("FAIL") for line in lines] == [False, True, False, False, False]
    assert lines[-1] == "FAIL: 1 of 4 files"


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_one_line(program, folder, what):
    spoil, line = WRONG[what]
    spoil(folder)
    code, lines, said = asked(program, "verify", folder)
    assert code == 1 and not lines and len(said) == 1 and line in said[0]


def test_usage_and_a_library_without_the_functions(program, folder):
    assert asked(program, "verify")[0] == 2
    none = subprocess.run([program, "--litert", "none.so", "verify", folder], capture_output=True, text=True)
    assert none.returncode == 1 and "LiteRT cannot be opened" in none.stderr
    other = "libm.so.6"
    lacks = subprocess.run([program, "--litert", other, "verify", folder], capture_output=True, text=True)
    assert lacks.returncode == 1 and "has no LiteRtCreateEnvironment, LiteRtCreateModelFromFile" in lacks.stderr


def test_frames_that_cannot_be_read_are_one_line(program, tmp_path):
    for name in ("a.png", "c.gif", "b.WEBP", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    for word, line in (
        (tmp_path, f"{tmp_path}/b.WEBP is a picture that this client does not read"),
        ("a" * 300, "too long"),
    ):
        code, lines, said = asked(program, "track", "none.tflite", word)
        assert code == 1 and not lines and len(said) == 1 and line in said[0]


def drawn(place, count=5):
    """Paths of PPMs of one odd size, and of the same as PNGs, which the Python client reads."""
    for n in range(count):
        picture = Image.fromarray(np.random.default_rng(n).integers(0, 256, (37, 23, 3), np.uint8))
        for kind in ("ppm", "png"):
            picture.save(place / f"{n}.{kind}")
    return [[str(place / f"{n}.{kind}") for n in range(count)] for kind in ("ppm", "png")]


def answers(lines):
    """Predictions, or errors, of JSON lines."""
    return [{k: v for k, v in json.loads(line).items() if k != "input"} for line in lines]


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def piped(program, content, *words):
    done = subprocess.run([program, "--litert", LIBRARY, "frames", *words], input=content, capture_output=True)
    said = [line for line in done.stderr.decode().splitlines() if not line.startswith(("INFO", "VERBOSE", "WARNING"))]
    return done.returncode, rows(done.stdout.decode()), said


def test_pictures_and_frames_are_told_as_by_the_python_client(program, folder, tmp_path, capsys):
    (paths, pngs), file = drawn(tmp_path), folder / "model.tflite"
    (tmp_path / "none.ppm").write_bytes(b"none")
    assert edge(["predict", str(file), *pngs]) == 0
    theirs = answers(capsys.readouterr().out.splitlines())
    code, lines, _ = asked(program, "predict", file, *paths, tmp_path / "none.ppm")
    mine = answers(lines)
    assert code == 1 and mine[:-1] == theirs and "cannot be decoded" in mine[-1]["error"]
    stream = b"".join(pathlib.Path(path).read_bytes() for path in paths)
    code, found, said = piped(program, stream, file, "--rate", "10", "--every", "2")
    assert code == 0 and said[-1] == "3 frames, 2 skipped"
    assert [(row["frame"], row["time"]) for row in found] == [(0, 0.0), (2, 0.2), (4, 0.4)]
    assert [{"prediction": row["prediction"]} for row in found] == theirs[::2]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "the stream holds no frame"),
        (b"YUV4MPEG2 W4 H4 F25:1\n", "frame 0 of the stream is no PPM: it does not begin as one"),
        (b"P6 4 4 255\n123", "frame 0 of the stream is no PPM: it is cut off"),
        (b"P6 4 4 65535\n" + bytes(96), "it has no sides, or not 8 bits"),
        (b"P6 # note\n1 1 255\nabcP6 2 1 255\nabcdef", "frame 1 has 2 x 1 pixels after frames of 1 x 1"),
    ],
)
def test_a_stream_that_is_none_is_one_line(program, folder, content, line):
    code, found, said = piped(program, content, folder / "model.tflite")
    assert code == 1 and line in said[-1] and len(found) <= 1


@pytest.mark.parametrize("how", [{"top_k": 3}, {"thresholds": [0.02] * 10}])
def test_labels_are_told_as_by_the_python_client(program, folder, how, tmp_path, capsys):
    told_as_labels(folder, how)
    (photo,), (png,) = drawn(tmp_path, 1)
    code, lines, _ = asked(program, "predict", folder / "model.tflite", photo)
    assert edge(["predict", str(folder / "model.tflite"), png]) == code == 0
    assert answers(lines) == answers([capsys.readouterr().out])


@pytest.mark.parametrize("words", [["--every", "0"], ["--every", "1.5"], ["--rate", "0"], ["--rate"], ["more"]])
def test_words_that_are_no_usage(program, folder, words):
    assert piped(program, b"", folder / "model.tflite", *words)[0] == 2


def of_line(image):
    """ "a" or "b" of the darker or lighter left and right half, a blank between them, and a letter that is no ASCII."""
    halves = [tf.reduce_mean(tf.cast(part, tf.float32)) > 128 for part in (image[:, 4:12, :24], image[:, 4:12, 24:])]
    first, last = (tf.cast(is_light, tf.int32) for is_light in halves)
    return {
        "labels": tf.stack([first, 2, last, 3, -1])[None],
        "scores": tf.constant([[0.1234567, 0.75, 1.0, 0.5, 0.0]]),
        "boxes_xyxy": tf.constant(
            [[[-3.0, 0, 8, 16], [9, 0, 17, 16], [19.3, 0, 30, 16], [40, 0, 48, 16], [0, 0, 0, 0]]]
        ),
        "count": tf.constant([4]),
        "path_score": tf.constant([0.0462963]),
    }


@pytest.fixture(scope="module")
def lines_file(tmp_path_factory):
    """A recognizer of four classes beside its contract."""
    folder = tmp_path_factory.mktemp("lines")
    (folder / "model.tflite").write_bytes(converted(of_line, STRIP))
    runtime = open_runtime(folder / "model.tflite")
    write_lines(folder, runtime.outputs, ["a", '"b', "\u2423", "\u00e9"])
    return folder / "model.tflite"


def write_lines(folder, outputs, classes, **model):
    contract = described(STRIP, "boxes", outputs, classes) | {"recipe": {"model": model}, "task": "text_recognition"}
    contract["artifacts"][0]["sha256"] = sha256(folder / "model.tflite")
    (folder / "contract.json").write_text(json.dumps(contract))


def test_a_line_of_text_is_told_as_by_the_python_client(program, lines_file, tmp_path, capsys):
    """60 x 10 pixels become 48 x 8 amid gray: 1.25 pixels of the picture are one of the file, and boxes are cut."""
    for name, dark in (("0", slice(30)), ("1", slice(30, 60))):
        pixels = np.full((10, 60, 3), 255, np.uint8)
        pixels[:, dark] = 0
        for kind in ("ppm", "png"):
            Image.fromarray(pixels).save(tmp_path / f"{name}.{kind}")
    code, lines, _ = asked(program, "predict", lines_file, tmp_path / "0.ppm", tmp_path / "1.ppm")
    assert edge(["predict", str(lines_file), *(str(tmp_path / f"{n}.png") for n in "01")]) == code == 0
    mine = answers(lines)
    assert mine == answers(capsys.readouterr().out.splitlines())
    assert [row["prediction"]["text"] for row in mine] == ['a "b\u00e9', '"b a\u00e9']
    first, blank, *_ = mine[0]["prediction"]["characters"]
    assert first == {"text": "a", "score": 0.123457, "box_xyxy": [0.0, 0.0, 10.0, 10.0]} and blank["text"] == " "
    assert mine[0]["prediction"]["score"] == 0.046296


CAPTION = 'Straße, "鳥" \\ 🐦'


def of_caption(image):
    """What it says of any picture, padded with 0."""
    held = CAPTION.encode().ljust(40, b"\0")
    bright = tf.reduce_mean(tf.cast(image, tf.float32), (1, 2, 3)) / 510.0
    return {"text_bytes": tf.constant([list(held)], tf.uint8), "caption_score": bright}


def test_a_caption_is_told_as_by_the_python_client(program, tmp_path, capsys):
    file = tmp_path / "model.tflite"
    file.write_bytes(converted(of_caption, STRIP))
    contract = described(STRIP, "none", open_runtime(file).outputs, [])
    contract["artifacts"][0] |= {"restore": {"rule": "none"}, "sha256": sha256(file)}
    (tmp_path / "contract.json").write_text(json.dumps(contract | {"task": "captioning"}))
    for kind in ("ppm", "png"):
        Image.new("RGB", STRIP[::-1], "white").save(tmp_path / f"0.{kind}")
    code, lines, told = asked(program, "predict", file, tmp_path / "0.ppm")
    assert edge(["predict", str(file), str(tmp_path / "0.png")]) == code == 0, told
    mine = answers(lines)
    assert mine == answers(capsys.readouterr().out.splitlines())
    assert mine[0]["prediction"] == {"text": CAPTION, "score": 0.5}


def test_lines_from_right_to_left_are_left_to_others(program, lines_file, tmp_path, capsys):
    """The client in Python puts them in order, where they have learned by its rules."""
    shutil.copy(lines_file, tmp_path)
    Image.new("RGB", (60, 10)).save(tmp_path / "0.png")
    classes, file = ["\u05d0", "b", "\u2423", "\u05d1"], tmp_path / "model.tflite"
    for model, code, said in (({}, 1, "by other rules than this client's"), ({"placed_by": "uax9"}, 0, "")):
        write_lines(tmp_path, open_runtime(file).outputs, classes, **model)
        assert edge(["predict", str(file), str(tmp_path / "0.png")]) == code
        found = capsys.readouterr()
        assert said in found.err and ("\\u05d1\\u05d0 \\u05d0" in found.out) == (code == 0)
        code, lines, told = asked(program, "predict", file, tmp_path / "0.png")
        assert code == 1 and not lines and len(told) == 1 and "reads from right to left, which this client" in told[0]


def test_every_letter_from_right_to_left_is_in_a_block_that_the_client_knows():
    (blocks,) = re.findall(r"kBlocks.*?= (.*);", (SOURCE / "describing.h").read_text())
    ends = [[int(code, 16) for code in block] for block in re.findall(r"{(0x\w+), (0x\w+)}", blocks)]
    held = [c for c in range(sys.maxunicode + 1) if unicodedata.bidirectional(chr(c)) in ("R", "AL")]
    assert len(held) > 2000 and all(any(low <= c <= high for low, high in ends) for c in held)
