"""The Kotlin client: the phone's own code, compiled and run here on a JVM, answers as the Python client does; the app
compiles against the classes of Android that it uses, and its manifest and resources are whole.

Needs Kotlin's compiler (`kotlinc` on the path, or KERASVISION_KOTLINC: that of npm's package kotlin-compiler) and Java
22 or newer (JAVA_HOME, or `java` on the path); Android's `aapt2` and its framework's resources where they are.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from kerasvision.edge.main import main as edge
from tests import store
from tests.contract import brief
from tests.export.wrong_packages import WRONG

SOURCE = pathlib.Path(__file__).parents[2] / "tflite" / "android"
STUBS = pathlib.Path(__file__).parents[1] / "edge" / "android_stubs"
LIBRARY = pathlib.Path(__import__("ai_edge_litert").__file__).parent / "libLiteRt.so"
RESOURCES = pathlib.Path("/usr/share/android-framework-res/framework-res.apk")
LEAST_JAVA, CLOSE = 22, 2e-6  # CLOSE: of a number with six digits behind the point
EVERYWHERE = ("kotlin.", "java.nio", "java.util", "java.math", "java.security")  # on Android as on a desktop
ANDROID = "{http://schemas.android.com/apk/res/android}"


def java():
    """The Java to run with, or None: where it is too old."""
    named = pathlib.Path(os.environ.get("JAVA_HOME", "/nowhere"), "bin", "java")
    path = str(named) if named.exists() else shutil.which("java")
    said = subprocess.run([path, "-version"], capture_output=True, text=True).stderr if path else ""
    found = re.search(r'version "(\d+)', said)
    return path if found and int(found[1]) >= LEAST_JAVA else None


def compiler():
    return os.environ.get("KERASVISION_KOTLINC") or shutil.which("kotlinc")


needs_kotlin = pytest.mark.skipif(
    not (compiler() and java()), reason="no Kotlin compiler (KERASVISION_KOTLINC) or no Java 22 (JAVA_HOME)"
)


def compiled(jar, *folders, target):
    words = [compiler(), *folders, "-jvm-target", target, "-include-runtime", "-d", jar]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert done.returncode == 0 and "warning:" not in done.stderr, done.stderr


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    jar = tmp_path_factory.mktemp("kotlin") / "edge.jar"
    compiled(jar, SOURCE / "core" / "src", SOURCE / "desktop" / "src", target="22")
    return [java(), "--enable-native-access=ALL-UNNAMED", "-jar", str(jar), "--litert", str(LIBRARY)]


@pytest.fixture
def folder(digits_exports, tmp_path):
    return shutil.copytree(digits_exports[2] / "tflite" / "models" / "digits", tmp_path / "digits")


def asked(program, *words):
    """(exit code, lines of stdout, what the client itself says on stderr)."""
    done = subprocess.run([*program, *map(str, words)], capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if line.startswith(("kerasvision-edge", "usage", "Exception"))]
    return done.returncode, done.stdout.splitlines(), said


@needs_kotlin
def test_its_lines_are_those_of_the_python_client(program, folder, capsys):
    code, lines, said = asked(program, "verify", folder)
    assert edge(["verify", str(folder)]) == code == 0 and not said
    assert lines == capsys.readouterr().out.splitlines() and len(lines) == 5


def photographs(folder):
    """Of many sizes, turned by EXIF, gray, of a palette, transparent, with 16 bits; one that is none."""
    random, paths = np.random.default_rng(0), []
    ramp = np.add.outer(np.arange(211), np.arange(307))[..., None] * np.array([1, 2, 3]) % 256
    color = Image.fromarray((ramp * 0.8 + random.integers(0, 50, ramp.shape)).astype(np.uint8))
    clear = Image.merge("RGBA", (*color.split(), color.split()[0]))
    held = {f"size{i}.png": color.resize(size) for i, size in enumerate([(33, 47), (500, 375), (97, 640), (8, 8)])}
    held |= {"gray.png": color.convert("L"), "palette.png": color.convert("P"), "bits.png": color.convert("1")}
    held |= {"clear.png": clear, "clear gray.png": clear.convert("LA"), "plain.bmp": color, "photo.jpg": color}
    held["deep.png"] = Image.fromarray(random.integers(0, 65536, (50, 60)).astype(np.uint16))
    for name, image in held.items():
        image.save(folder / name)
        paths.append(folder / name)
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        for suffix in ("png", "jpg"):
            paths.append(folder / f"turn{turn}.{suffix}")
            color.save(paths[-1], exif=exif)
    paths.append(folder / "none.png")
    paths[-1].write_bytes(b"none")
    return paths


def same(mine, theirs):
    if isinstance(theirs, dict):
        return mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    if isinstance(theirs, float):
        return abs(mine - theirs) <= CLOSE * max(1.0, abs(theirs))
    return mine == theirs


KINDS = ("detection/retinanet", "instance_segmentation/mask_rcnn", "semantic_segmentation/fpn", "embedding/proxies")


@needs_kotlin
@pytest.mark.nightly
@pytest.mark.parametrize("name", KINDS)
def test_photographs_are_told_alike(program, name, tmp_path, capsys):
    recipe = brief.recipe_of(name)
    out = store.exported(recipe, brief.case_of(name).exports, None)[2]
    paths = photographs(tmp_path)
    for file in sorted((out / "tflite" / "models" / recipe.name).glob("*.tflite")):
        code, lines, said = asked(program, "predict", file, *paths)
        assert edge(["predict", str(file), *map(str, paths)]) == code == 1 and not said
        theirs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(lines) == len(theirs) == len(paths)
        assert "error" in theirs[-1] and json.loads(lines[-1])["error"].startswith("the image cannot be decoded")
        for mine, other in zip(map(json.loads, lines[:-1]), theirs, strict=False):
            assert same(mine, other), other["input"]


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
    golden = json.loads((folder / "golden.json").read_text())
    row = golden["artifacts"][1]
    row["tolerance"] = dict.fromkeys(row["tolerance"], 0)
    row["answers"][0], row["answers"][1] = row["answers"][1], row["answers"][0]
    (folder / "golden.json").write_text(json.dumps(golden))
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
    compiled(tmp_path / "app.jar", SOURCE / "core" / "src", SOURCE / "app" / "src", STUBS, target="11")


def test_the_core_knows_neither_android_nor_the_desktop():
    sources = sorted((SOURCE / "core").rglob("*.kt"))
    assert len(sources) > 8
    for path in sources:
        imports = re.findall(r"^import (\S+)", path.read_text(), re.MULTILINE)
        assert all(
            name.startswith(("kotlin.", "java.nio", "java.util", "java.math", "java.security")) for name in imports
        )


def test_names_of_resources_and_of_the_activity_are_those_that_there_are():
    main = SOURCE / "app" / "src" / "main"
    names = {row.get("name") for row in ET.parse(main / "res" / "values" / "strings.xml").getroot()}
    sources = "\n".join(path.read_text() for path in main.rglob("*.kt"))
    assert names == set(re.findall(r"const val (\w+)", (STUBS / "resources.kt").read_text()))
    assert set(re.findall(r"(?<!android\.)R\.string\.(\w+)", sources)) == names - {"app_name"}
    manifest = ET.parse(main / "AndroidManifest.xml").getroot()
    activity = manifest.find("application/activity").get(f"{ANDROID}name")
    assert (main / "kotlin" / (activity.replace(".", "/") + ".kt")).is_file()


@pytest.mark.skipif(not (shutil.which("aapt2") and RESOURCES.exists()), reason="no aapt2 or no resources of Android")
def test_androids_own_tool_takes_manifest_and_resources(tmp_path):
    main = SOURCE / "app" / "src" / "main"
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
