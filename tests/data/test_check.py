"""`data check`: the report against a folder whose oddities were put there, and its command line."""

import json
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.inspect import check as checking
from kerasvision.data.sources._detect import detect


@pytest.fixture(scope="module")
def folder(tmp_path_factory, zoo):
    """Two classes of noise, with one of everything odd."""
    import numpy as np

    root = tmp_path_factory.mktemp("odd")
    rng = np.random.default_rng(7)
    for split, count in (("train", 6), ("test", 3)):
        for label in ("a", "b"):
            (root / split / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (20 + i, 30, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / label / f"{i}.png")
    train = root / "train" / "a"
    for name in ("rotated.jpg", "gray.jpg", "cmyk.jpg", "deep.png", "rgba.png", "animated.gif"):
        shutil.copy(zoo[name], train / name)
    shutil.copy(train / "0.png", root / "train" / "b" / "equal.png")
    shutil.copy(train / "1.png", train / "equal.png")
    shutil.copy(root / "test" / "a" / "0.png", train / "leak.png")
    smooth = Image.open(root / "test" / "b" / "0.png").resize((300, 200), Image.Resampling.BICUBIC)
    smooth.save(root / "test" / "b" / "large.png")
    smooth.save(train / "nearly.jpg", quality=60)
    (train / "empty.jpg").touch()
    (train / "notes.txt").write_text("by hand")
    return root


@pytest.fixture(scope="module")
def report(folder):
    return checking.check(sources["image_folder"](path=str(folder), validation_fraction=0.0))


def found(report, kind):
    return next((f for f in report["findings"] if f["kind"] == kind), {"count": 0, "examples": []})


def test_counts_and_sizes(report):
    assert report["classes"] == ["a", "b"]
    assert report["splits"] == {
        "train": {"size": 21, "classes": {"a": 14, "b": 7}},
        "test": {"size": 7, "classes": {"a": 3, "b": 4}},
    }
    assert report["image_size"]["height"] == {"min": 20, "median": 22.5, "max": 200}
    assert report["formats"] == {"gif": 1, "jpeg": 4, "png": 23}


def test_findings(report):
    expected = {
        "unreadable": ["train/a/empty.jpg (0 bytes)"],
        "copy": ["train/a/leak.png has the same bytes as test/a/0.png, which is in test"],
        "not": ["train/a/notes.txt"],
        "contradiction": ["train/a/0.png = train/b/equal.png"],
        "exact_duplicates": ["train/a/0.png = train/b/equal.png", "train/a/1.png = train/a/equal.png"],
        "exif_orientation": ["train/a/rotated.jpg"],
        "cmyk": ["train/a/cmyk.jpg"],
        "sixteen_bit": ["train/a/deep.png"],
        "alpha": ["train/a/rgba.png"],
        "animated": ["train/a/animated.gif"],
        "grayscale": ["train/a/deep.png", "train/a/gray.jpg"],
        "leak": [],
    }
    for kind, examples in expected.items():
        assert sorted(found(report, kind)["examples"]) == examples, kind
        assert found(report, kind)["count"] == len(examples)
    assert any("nearly.jpg" in e and "large.png" in e for e in found(report, "near_leak")["examples"])
    assert all(f["training"] for f in report["findings"])


def test_every_line_that_a_source_drops_has_a_finding(folder):
    opened = sources["image_folder"](path=str(folder), skip_unreadable=True).open()
    assert {line.replace(":", " ").split()[0] for line in opened.dropped} == {"unreadable", "copy", "not"}


def test_digits_have_no_duplicates_and_progress_reaches_the_end():
    seen = {}
    report = checking.check(detect("digits"), lambda task, done, total: seen.update({task: (done, total)}))
    assert seen["images"] == (1797, 1797)
    assert seen["near duplicates"][0] == seen["near duplicates"][1]
    assert [f["kind"] for f in report["findings"]] == ["grayscale"]
    assert sum(sum(s["classes"].values()) for s in report["splits"].values()) == 1797


def test_several_labels_count_each(tmp_path, fill):
    fill(tmp_path, 6, 1)
    lines = [f"{i:02d}.png,{'x;y' if i % 2 else 'y'},{'test' if i > 3 else 'train'}" for i in range(6)]
    (tmp_path / "list.csv").write_text("\n".join(["file,labels,split", *lines]))
    report = checking.check(sources["manifest"](path=str(tmp_path / "list.csv"), validation_fraction=0.0))
    assert report["splits"]["train"]["classes"] == {"x": 2, "y": 4}
    assert report["splits"]["test"]["classes"] == {"x": 1, "y": 2}
    assert report["findings"] == []


def test_command_prints_json_only(folder, capsys):
    assert main(["data", "check", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == ["a", "b"]


def test_command_prints_a_line_for_each_finding(folder, capsys):
    assert main(["data", "check", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "1 images with an EXIF orientation: applied in training and serving" in text
    assert "1 CMYK images: converted to RGB" in text
    assert "height: 20 to 200 pixels" in text


def test_command_on_nothing(tmp_path, capsys):
    assert main(["data", "check", str(tmp_path)]) == 1
    assert main(["data", "check", str(tmp_path / "gone")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 2
    with pytest.raises(KerasVisionError, match="no images"):
        checking.check(detect(tmp_path))


def test_the_verb_imports_no_tensorflow():
    code = "import sys, kerasvision.cli.data; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
