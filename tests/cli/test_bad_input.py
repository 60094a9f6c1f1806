"""Whatever a person gets wrong is one clear line on stderr, with an exit code and nothing half-written."""

import io
import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main


@pytest.fixture
def folder(tmp_path):
    """Two classes of eight small pictures."""
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(8):
            pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{i}.png")
    return tmp_path / "data"


def _train(folder, out, *more):
    return ["train", "classification/classifier", "--data", str(folder), "--out", str(out), *more]


def _one_line(capsys):
    """The single line of an error; no traceback."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kerasvision: ")]
    assert len(lines) == 1, lines
    return lines[0]


def test_empty_folder(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    assert main(_train(tmp_path / "data", tmp_path / "run")) in (1, 2)
    assert "data" in _one_line(capsys)
    assert not (tmp_path / "run").exists()


def test_one_class_only(folder, tmp_path, capsys):
    shutil.rmtree(folder / "dog")
    assert main(_train(folder, tmp_path / "run")) == 1
    assert "class" in _one_line(capsys)


@pytest.mark.parametrize("kind", ["text", "truncated", "empty"])
def test_unreadable_files_are_listed_and_refused_unless_skipped(folder, tmp_path, capsys, kind):
    bad = folder / "cat" / "bad.jpg"
    if kind == "text":
        bad.write_text("I am no picture")
    elif kind == "empty":
        bad.touch()
    else:
        buffer = io.BytesIO()
        Image.new("RGB", (64, 64), "red").save(buffer, "JPEG")
        bad.write_bytes(buffer.getvalue()[:-200])
    assert main(_train(folder, tmp_path / "run")) == 1
    line = _one_line(capsys)
    assert "bad.jpg" in line
    assert "skip-unreadable" in line
    assert not (tmp_path / "run").exists()
    if kind != "truncated":  # one training tells of all three what is left out
        return
    settings = ["epochs=1", "exports=()", 'backbone={"@": "backbones/convnet", "width": 8, "blocks": [1]}']
    assert main([*_train(folder, tmp_path / "run"), "--skip-unreadable", "--set", *settings]) == 0
    assert "left out" in capsys.readouterr().err
    assert all((tmp_path / "run" / f"{drawn}.png").is_file() for drawn in ("confusion", "worst", "curves"))


@pytest.mark.parametrize("verb", ["check", "train"])
def test_pictures_that_are_nowhere_are_named(tmp_path, capsys, verb):
    """COCO's JSON with addresses of pages for file names; `data check` looks at what training would refuse."""
    root = tmp_path / "coco"
    root.mkdir()
    held = {
        "images": [
            {"id": i, "file_name": f"http://example.invalid/{i}.png", "width": 9, "height": 9} for i in range(8)
        ],
        "annotations": [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 4, 4]} for i in range(8)],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (root / "all.json").write_text(json.dumps(held))
    words = ["train", "detection/yolo", "--data", str(root), "--out", str(tmp_path / "run")]
    assert main(["data", "check", str(root)] if verb == "check" else words) == 1
    line = _one_line(capsys)
    assert "http://example.invalid/0.png (no such file or directory)" in line and " and 5 more" in line


@pytest.mark.parametrize("text", ["[{}]", '{"id": 1, "bbox": [1, 1, 4, 4]}\n{"id": 2, "bbox": [1, 1, 4, 4]}'])
def test_json_beside_flat_pictures_that_is_not_coco_s_is_named(folder, capsys, text):
    """Results or lines in place of a document: the pictures alone would be asked for class folders."""
    (folder / "cat" / "found.json").write_text(text)
    assert main(["data", "check", str(folder / "cat")]) == 1
    line = _one_line(capsys)
    assert "images without a class" in line
    assert line.endswith("; found.json: not read, COCO's JSON has images, annotations and categories")
    (folder / "cat" / "found.json").unlink()
    assert main(["data", "check", str(folder / "cat")]) == 1
    assert _one_line(capsys).endswith("as in cats/1.jpg")


def test_labels_beyond_the_class_list(folder, tmp_path, capsys):
    assert main(_train(folder, tmp_path / "run", "--set", "model.num_classes=5")) == 1
    line = _one_line(capsys)
    assert "2 classes" in line
    assert "num_classes=2" in line


def test_unknown_architecture_lists_close_matches(folder, tmp_path, capsys):
    assert main(["train", "classification/clasifier", "--data", str(folder)]) == 2
    assert "classification/classifier" in _one_line(capsys)


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("epoch=1", "epochs"),
        ("epochs=many", "int"),
        ("model.backbone=convnett", "convnet"),
        ("backbone.width=wide", "int"),
        ("model.pooling=averag", "average"),
        ("epochs", "KEY=VALUE"),
    ],
)
def test_settings_are_strict(folder, tmp_path, capsys, setting, wanted):
    assert main(_train(folder, tmp_path / "run", "--set", setting)) == 2
    assert wanted in _one_line(capsys)
    assert not (tmp_path / "run").exists()


def test_missing_data_and_recipe(tmp_path, capsys):
    assert main(["train", "classification/classifier"]) == 2
    assert "--data" in _one_line(capsys)
    assert main(["train", str(tmp_path / "none.py")]) == 2
    assert "none.py" in _one_line(capsys)
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert main(["train", str(tmp_path / "empty.py")]) == 1
    assert "recipe" in _one_line(capsys)


def test_run_folder_that_cannot_be_written(folder, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(_train(folder, tmp_path / "file" / "run")) == 1
    assert "cannot write" in _one_line(capsys)


def test_predict_tries_every_input(tmp_path, capsys, digits_run):
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.png").touch()
    Image.new("RGB", (8, 8), "white").save(tmp_path / "white.png")
    names = [str(tmp_path / n) for n in ("text.jpg", "empty.png", "absent.png", "white.png")]
    assert main(["predict", str(digits_run.folder), *names, "--json"]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["input"] for r in rows] == names
    assert ["error" in r for r in rows] == [True, True, True, False]
    assert len(rows[3]["prediction"]["top"]) == 5


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["predict", "no/such/model", "x.png"], "no model at"),
        (["predict", "imagenet/efficientnet_lite9", "x.png"], "imagenet/efficientnet_lite0"),
        (["export", "no/such/run", "--to", "onnx"], "no/such/run"),
        (["evaluate", "no/such/run"], "no/such/run"),
    ],
)
def test_models_that_are_not_there(arguments, wanted, capsys):
    assert main(arguments) in (1, 2)
    assert wanted in _one_line(capsys)


def test_predict_without_images_and_with_an_odd_picture_name(digits_run, tmp_path, capsys):
    assert main(["predict", str(digits_run.folder)]) == 2
    assert "images" in _one_line(capsys)
    assert main(["predict", str(digits_run.folder), "x.png", "--draw", "out.gif"]) == 2
    assert ".png" in _one_line(capsys)


def test_export_targets_and_versions(digits_run, tmp_path, capsys):
    run = str(digits_run.folder)
    assert main(["export", run, "--to", "tflit", "--out", str(tmp_path)]) == 2
    assert "tflite" in _one_line(capsys)
    assert main(["export", run, "--to", "tflite:int9", "--out", str(tmp_path)]) == 2
    assert "int8" in _one_line(capsys)
    assert main(["export", run, "--to", "saved_model", "--out", str(tmp_path), "--version", "3"]) == 0
    before = sorted(tmp_path.rglob("*"))
    assert main(["export", run, "--to", "saved_model", "--out", str(tmp_path), "--version", "3"]) == 1
    assert "3" in _one_line(capsys)
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "file").touch()
    assert main(["export", run, "--to", "onnx", "--out", str(tmp_path / "file" / "x")]) == 1
    assert "cannot write" in _one_line(capsys)


def test_stdin_and_drawing(digits_run, tmp_path, capsys, monkeypatch):
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7), "black").save(buffer, "PNG")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(buffer.getvalue())))
    picture = tmp_path / "drawn.png"
    assert main(["predict", str(digits_run.folder), "-", "--draw", str(picture)]) == 0
    with Image.open(picture) as drawn:
        assert min(drawn.size) > 100
    assert "0." in capsys.readouterr().out


def test_no_picture_that_is_read_is_drawn_over(digits_run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 7), "black").save("a.png")
    (tmp_path / "link.png").symlink_to("a.png")
    before, run = (tmp_path / "a.png").read_bytes(), str(digits_run.folder)
    for words in (
        *(["predict", run, "a.png", "--draw", name] for name in ("a.png", "./a.png", "link.png")),
        ["predict", run, ".", "--draw", "a.png"],
        ["explain", run, "a.png", "--out", "link.png"],
    ):
        assert main(words) == 2
        assert "the same file is read, or written too; name another one" in _one_line(capsys)
    assert (tmp_path / "a.png").read_bytes() == before
    assert main(["predict", run, "a.png", "--draw", "b.png"]) == 0
