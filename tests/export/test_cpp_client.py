"""The C++ client, built here: the same lines as the Python client's, and one line for what is wrong."""

import pathlib
import shutil
import subprocess

import pytest

from kerasvision.edge.main import main as edge
from tests.export.wrong_packages import WRONG, misjudge

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
