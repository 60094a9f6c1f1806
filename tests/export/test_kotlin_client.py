"""The Kotlin client: the phone's own code, compiled and run here on a JVM, answers as the Python client does; the app
compiles against the classes of Android that it uses, and its manifest and resources are whole.

Needs Kotlin's compiler (`kotlinc` on the path, or KERASVISION_KOTLINC: that of npm's package kotlin-compiler) and Java
22 or newer (JAVA_HOME, or `java` on the path); Android's `aapt2` and its framework's resources where they are.
"""

import json
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from kerasvision.edge.main import main as edge
from tests.edge import kotlin
from tests.edge.kotlin import asked, needs_kotlin
from tests.export.wrong_packages import WRONG, misjudge, told_as_labels

STUBS = pathlib.Path(__file__).parents[1] / "edge" / "android_stubs"
RESOURCES = pathlib.Path("/usr/share/android-framework-res/framework-res.apk")
EVERYWHERE = ("kotlin.", "java.nio", "java.util", "java.math", "java.security")  # on Android as on a desktop
ANDROID = "{http://schemas.android.com/apk/res/android}"


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    return kotlin.program(tmp_path_factory.mktemp("kotlin") / "edge.jar")


@pytest.fixture
def folder(digits_exports, tmp_path):
    return shutil.copytree(digits_exports[2] / "tflite" / "models" / "digits", tmp_path / "digits")


@needs_kotlin
def test_its_lines_are_those_of_the_python_client(program, folder, capsys):
    code, lines, said = asked(program, "verify", folder)
    assert edge(["verify", str(folder)]) == code == 0 and not said
    assert lines == capsys.readouterr().out.splitlines() and len(lines) == 5


@needs_kotlin
@pytest.mark.parametrize("how", [{"top_k": 3}, {"thresholds": [0.02] * 10}])
def test_labels_are_told_as_by_the_python_client(program, folder, how, capsys):
    photo = told_as_labels(folder, how)
    code, lines, said = asked(program, "predict", folder / "model.tflite", photo)
    assert edge(["predict", str(folder / "model.tflite"), str(photo)]) == code == 0 and not said
    mine, theirs = json.loads(lines[0])["prediction"], json.loads(capsys.readouterr().out)["prediction"]
    assert [row["index"] for row in mine["labels"]] == [row["index"] for row in theirs["labels"]]
    assert 0 < len(mine["labels"]) < 10


@needs_kotlin
@pytest.mark.nightly
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_one_line(program, folder, what):
    spoil, line = WRONG[what]
    spoil(folder)
    code, lines, said = asked(program, "verify", folder)
    assert code == 1 and not lines and len(said) == 1 and line in said[0]


@needs_kotlin
@pytest.mark.nightly
def test_an_answer_beyond_its_tolerance_fails(program, folder):
    misjudge(folder)
    code, lines, _ = asked(program, "verify", folder)
    assert code == 1 and [line.endswith("FAIL") for line in lines] == [False, True, False, False, False]


@needs_kotlin
def test_usage_and_a_library_without_the_functions(program, folder):
    assert asked(program, "verify")[0] == asked(program, "predict", folder / "none.tflite", "a.png")[0] == 2
    for library, says in (("none.so", "LiteRT cannot be opened"), ("libm.so.6", "has no LiteRtCreateEnvironment")):
        code, _, said = asked([*program[:-1], library], "verify", folder)
        assert code == 1 and len(said) == 1 and says in said[0]


@needs_kotlin
@pytest.mark.nightly
def test_the_app_compiles(tmp_path):
    kotlin.compiled(
        tmp_path / "app.jar", kotlin.SOURCE / "core" / "src", kotlin.SOURCE / "app" / "src", STUBS, target="11"
    )


def test_the_core_knows_neither_android_nor_the_desktop():
    sources = sorted((kotlin.SOURCE / "core").rglob("*.kt"))
    assert len(sources) > 8
    for path in sources:
        imports = re.findall(r"^import (\S+)", path.read_text(), re.MULTILINE)
        assert all(
            name.startswith(("kotlin.", "java.nio", "java.util", "java.math", "java.security")) for name in imports
        )


def test_names_of_resources_and_of_the_activity_are_those_that_there_are():
    main = kotlin.SOURCE / "app" / "src" / "main"
    names = {row.get("name") for row in ET.parse(main / "res" / "values" / "strings.xml").getroot()}
    sources = "\n".join(path.read_text() for path in main.rglob("*.kt"))
    assert names == set(re.findall(r"const val (\w+)", (STUBS / "resources.kt").read_text()))
    assert set(re.findall(r"(?<!android\.)R\.string\.(\w+)", sources)) == names - {"app_name"}
    manifest = ET.parse(main / "AndroidManifest.xml").getroot()
    activity = manifest.find("application/activity").get(f"{ANDROID}name")
    assert (main / "kotlin" / (activity.replace(".", "/") + ".kt")).is_file()


@pytest.mark.skipif(not (shutil.which("aapt2") and RESOURCES.exists()), reason="no aapt2 or no resources of Android")
def test_androids_own_tool_takes_manifest_and_resources(tmp_path):
    main = kotlin.SOURCE / "app" / "src" / "main"
    text = (main / "AndroidManifest.xml").read_text()
    held = tmp_path / "AndroidManifest.xml"
    held.write_text(text.replace("<manifest ", '<manifest package="io.kerasvision.edge.app" '))  # Gradle's namespace
    linked = ["-I", RESOURCES, "--manifest", held, "--min-sdk-version", "26", "-o", tmp_path / "app.apk"]
    for words in (
        ["compile", "--dir", main / "res", "-o", tmp_path / "res.zip"],
        ["link", *linked, tmp_path / "res.zip"],
    ):
        done = subprocess.run(list(map(str, ["aapt2", *words])), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
