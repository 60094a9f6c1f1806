"""`--to web`: where LiteRT.js comes from, what is refused, and the list of what a browser keeps."""

import gzip
import hashlib
import json
import shutil
import tarfile

import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.export.base import from_spec
from kerasvision.export.targets.web import check_page
from kerasvision.export.web import runtime as litertjs
from kerasvision.export.web.folder import site_files, write_list, write_page

BACKBONE = create("backbones/convnet", width=4, blocks=(1,))
CONTENT = {place: f"content of {place}".encode() for place in litertjs.FILES} | {
    ("@litertjs/core", "dist/index.js"): b'import { createWasmLib } from "@litertjs/wasm-utils";\n'
}


@pytest.fixture
def small(monkeypatch):
    """Files of a few bytes in place of LiteRT.js, known by their sums."""
    sums = {place: hashlib.sha256(content).hexdigest() for place, content in CONTENT.items()}
    files = {place: (written, sums[place]) for place, (written, _) in litertjs.FILES.items()}
    monkeypatch.setattr(litertjs, "FILES", files)


def unpacked(folder):
    """As `npm install` leaves packages."""
    for (package, name), content in CONTENT.items():
        path = folder / package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def archives(folder):
    """As `npm pack` leaves them."""
    loose = unpacked(folder / "loose")
    for package, archive in litertjs.PACKAGES.items():
        with tarfile.open(folder / f"{archive}-{litertjs.VERSION}.tgz", "w:gz") as tar:
            tar.add(loose / package, "package")
    shutil.rmtree(loose)
    return folder


def below_node_modules(folder):
    unpacked(folder / "node_modules")
    return folder


@pytest.mark.parametrize("made", [unpacked, below_node_modules, archives])
def test_a_folder_of_npm_packages_is_taken_and_its_one_import_becomes_an_address(small, made, tmp_path):
    files = litertjs.runtime_files(made(tmp_path))
    names = {written + ".gz" * written.endswith(".wasm") for written, _ in litertjs.FILES.values()}
    assert set(files) == names and files == litertjs.runtime_files(tmp_path)  # equal inputs are equal files
    assert files.pop("index.js") == b'import { createWasmLib } from "./wasm-utils.js";\n'
    whole = [gzip.decompress(v) if name.endswith(".gz") else v for name, v in files.items()]
    assert sorted(whole) == sorted(v for k, v in CONTENT.items() if k != ("@litertjs/core", "dist/index.js"))


def cut(folder):
    archives(folder)
    path = folder / f"litertjs-core-{litertjs.VERSION}.tgz"
    path.write_bytes(path.read_bytes()[:40])


WRONG = {
    "empty": (lambda folder: None, "has no @litertjs/core/dist/index.js; --runtime is a folder with"),
    "one package": (
        lambda folder: shutil.rmtree(unpacked(folder) / "@litertjs/wasm-utils"),
        "has no @litertjs/wasm-utils/dist/index.js",
    ),
    "other bytes": (
        lambda folder: (unpacked(folder) / "@litertjs/core/wasm/litert_wasm_internal.wasm").write_bytes(b"x"),
        "is not that of version 2.5.3: its sha256 is 2d711642b726... and not",
    ),
    "cut archive": (cut, "litertjs-core-2.5.3.tgz is damaged"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_folder_is_one_line(small, what, tmp_path):
    spoil, words = WRONG[what]
    spoil(tmp_path)
    with pytest.raises(KerasVisionError) as error:
        litertjs.runtime_files(tmp_path)
    assert words in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(UsageError, match="no folder at none"):
        litertjs.runtime_files("none")


NPM = {
    "none": (None, "there is no npm on PATH; run npm pack @litertjs/core@2.5.3 @litertjs/wasm-utils@2.5.3"),
    "no network": ("exit 1", "npm could not fetch @litertjs/core@2.5.3"),
}


@pytest.mark.parametrize("what", NPM)
def test_without_npm_or_network_one_line_says_what_to_do_and_nothing_is_written(
    what, digits_run, tmp_path, monkeypatch, capsys
):
    script, words = NPM[what]
    (tmp_path / "bin").mkdir()
    if script:
        (tmp_path / "bin" / "npm").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert main(["export", str(digits_run.folder), "--to", "web", "--out", str(tmp_path / "out"), "--limit", "20"]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kerasvision: ")]
    assert len(said) == 1 and words in said[0] and "--runtime FOLDER" in said[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (["web:int16x8"], "quantize"),
        (["web:float16:uint8"], "web:float16:uint8 does not exist"),
        (["web:int8:uint8:x"], "web:int8:uint8:x: write web[:QUANTIZE[:IO]]"),
        (["tflite", "--runtime", "here"], "--runtime is for web; seen: --to tflite"),
    ],
)
def test_usage(to, words, capsys):
    assert main(["export", "none", "--to", *to]) == 2
    assert words in capsys.readouterr().err


def test_specs():
    for spec in ("web:float32", "web:int8", "web:int8:uint8", "web:dynamic"):
        assert from_spec(spec).spec == spec
    assert from_spec("web").spec == "web:float32"


def test_what_the_page_cannot_prepare_is_refused():
    size = {"num_classes": 3, "backbone": BACKBONE, "image_size": (16, 16)}
    check_page(create("classification/classifier", **size))
    check_page(create("semantic_segmentation/unet", **size | {"resize": "windows"}))
    takes = {
        "text_bytes": create("text_classification/classifier", num_classes=2),
        "image, present": create("classification/incomplete_classifier", **size),
    }
    for words, arch in takes.items():
        with pytest.raises(KerasVisionError, match=f"takes {words}, and the page prepares whole pictures alone"):
            check_page(arch)


def test_the_list_names_all_that_a_browser_keeps_and_its_sum_tells_exports_apart(tmp_path):
    write_page(tmp_path, {"index.js": b"a"})
    (tmp_path / "model.tflite").write_bytes(b"model")
    (tmp_path / "golden.npz").write_bytes(b"for Python")
    write_list(tmp_path)
    first = json.loads((tmp_path / "files.json").read_text())
    assert set(first["files"]) == {*site_files(), "model.tflite", "runtime/index.js"}
    write_list(tmp_path)
    assert json.loads((tmp_path / "files.json").read_text()) == first
    (tmp_path / "model.tflite").write_bytes(b"another")
    write_list(tmp_path)
    assert json.loads((tmp_path / "files.json").read_text())["sum"] != first["sum"]


def test_pages_load_nothing_from_elsewhere():
    for name, content in site_files().items():
        text = content.decode("utf-8")
        for scheme in ("http://", "https://"):
            lines = [line for line in text.splitlines() if scheme in line and not line.lstrip().startswith("//")]
            assert not lines, (name, lines)
