"""What is said of data: what equal images must agree in, what nothing found means, and the same before training."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.inspect import check as checking
from kerasvision.data.inspect import findings
from kerasvision.data.sources.base import Opened, Split

IMAGES = np.random.default_rng(3).integers(0, 256, (6, 20, 24, 3), np.uint8)
WHOLE = {"validation_fraction": 0.0, "test_fraction": 0.0}


def in_memory(images=IMAGES, **labels):
    """An opened source of arrays. labels: key of a sample -> a value an image."""
    columns = {"image": tf.constant(images)}
    columns |= {k: tf.ragged.constant(v) if k == "labels" else tf.constant(np.array(v)) for k, v in labels.items()}

    def read(record):
        return {k: tf.convert_to_tensor(v) for k, v in record.items()}

    split = Split(tf.data.Dataset.from_tensor_slices(columns), read, len(images))
    return Opened(("a", "b", "c"), {"train": split})


def of(opened, **options):
    return checking.examined(sources["digits"](), opened, **options)


def found(report, kind):
    return next((f["examples"] for f in report["findings"] if f["kind"] == kind), [])


def disk(x):
    mask = np.zeros((20, 24), np.uint8)
    mask[5:10, x : x + 5] = 1
    return mask


BOXES = [[1.0, 1.0, 5.0, 5.0], [2.0, 3.0, 9.0, 9.0]]
TRUTHS = {  # key -> (labels of an image, equal ones, other ones)
    "a class": ({"label": np.int32(0)}, {"label": np.int32(0)}, {"label": np.int32(1)}),
    "a mask of other classes": ({"mask": disk(3)}, {"mask": disk(3)}, {"mask": 2 * disk(3)}),
    "a mask that is moved, of as many pixels": ({"mask": disk(3)}, {"mask": disk(3)}, {"mask": disk(9)}),
    "a mask that ignores more": ({"mask": disk(3)}, {"mask": disk(3)}, {"mask": np.maximum(disk(3), 255 * disk(12))}),
    "numbers": ({"targets": np.float32([1, 2])}, {"targets": np.float32([1, 2])}, {"targets": np.float32([1, 3])}),
    "a box that is moved": (
        {"labels": [0, 1], "boxes_xyxy": np.float32(BOXES)},
        {"labels": [1, 0], "boxes_xyxy": np.float32(BOXES[::-1])},
        {"labels": [0, 1], "boxes_xyxy": np.float32([BOXES[0], [2, 3, 9, 8]])},
    ),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_equal_images_contradict_each_other_by_any_label(name):
    one, same, other = TRUTHS[name]
    images = IMAGES.copy()
    images[3] = images[1]
    for rows, contradicts in (([one, one, one, same], False), ([one, one, one, other], True)):
        labels = {k: [r[k] for r in rows] for k in one}
        report = of(in_memory(images[:4], **labels))
        pair = ["train[1] = train[3]"]
        assert found(report, "contradiction") == (pair if contradicts else [])
        assert found(report, "exact_duplicates") == pair


def test_equal_images_with_other_masks_on_disk(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(4):
        Image.fromarray(IMAGES[0 if number == 2 else number]).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(disk(number)).save(tmp_path / "masks" / f"{number}.png")
    source = sources["image_mask"](path=str(tmp_path), **WHOLE)
    assert found(checking.check(source), "contradiction") == ["images/0.png = images/2.png"]
    Image.fromarray(disk(0)).save(tmp_path / "masks" / "2.png")
    assert found(checking.check(source), "contradiction") == []


def test_nothing_odd_says_what_was_looked_at():
    report = of(in_memory(label=np.int32([0, 1, 2, 0, 1, 2])))
    assert report["findings"] == []
    (line,) = findings.told(report)
    assert line.startswith("nothing odd was found: looked at 6 images (6 labels) for files that cannot be decoded, ")


def test_a_set_without_a_label_is_odd():
    empty = {"labels": [[]] * 6, "boxes_xyxy": np.zeros((6, 0, 4), np.float32)}
    assert found(of(in_memory(**empty)), "empty") == ["train (6 images)"]
    report = of(in_memory(mask=[disk(3)] * 6))
    assert found(report, "unseen") == ["train: c"]
    assert not found(of(in_memory(mask=[np.full((20, 24), 255, np.uint8)] * 6)), "unseen")
    assert found(of(in_memory(mask=[np.full((20, 24), 255, np.uint8)] * 6)), "empty") == ["train (6 images)"]
    assert found(of(in_memory(label=np.int32([0, 0, 1, 0, 1, 1]))), "unseen") == ["train: c"]


def test_many_images_are_looked_at_in_part():
    report = of(in_memory(label=np.int32([0, 1, 2, 0, 1, 2])), most=3)
    assert (report["looked_at"]["images"], report["looked_at"]["of"]) == (3, 6)
    assert (
        "looked at 3 images of 6, evenly chosen; `kerasvision data check` looks at all"
        in list(findings.told(report))[-1]
    )
    assert of(in_memory(label=np.int32([0, 1, 2, 0, 1, 2])), most=6)["looked_at"]["images"] == 6


@pytest.fixture
def odd(tmp_path, fill):
    """Class folders with a copy, a gray picture, a hidden folder, a file that is no picture and one beside them."""
    for seed, name in enumerate(("cat", "dog")):
        fill(tmp_path / name, 10, seed)
    fill(tmp_path / "cat" / ".thumbnails", 2, 9)
    fill(tmp_path, 1, 10)
    (tmp_path / "dog" / "notes.txt").touch()
    Image.open(tmp_path / "cat" / "01.png").convert("L").save(tmp_path / "cat" / "gray.png")
    return tmp_path


def test_training_says_what_check_finds(odd, capsys):
    assert main(["data", "check", str(odd)]) == 0
    lines = capsys.readouterr().out.splitlines()
    source = sources["image_folder"](path=str(odd))
    checking.tell_of(source, source.open())
    told = capsys.readouterr().err.splitlines()
    assert told == lines[-len(told) :]
    left = [line for line in told if line.startswith("left out: ")]
    assert [line.split()[3] for line in left] == ["files", "hidden", "images"]
    assert any(line.startswith("1 gray images") for line in told)
    assert told[-1].startswith("looked at 21 images (21 labels) for ")
    checking.tell_of(source, source.open())
    assert capsys.readouterr().err == ""  # once in a process


def test_training_calls_it_before_it_starts(odd, capsys, tmp_path_factory):
    from kerasvision.core.recipe import Recipe
    from kerasvision.core.registry import create
    from kerasvision.train.fit import train

    model = create("classification/classifier", image_size=(8, 8), num_classes=5)  # refused, right after
    with pytest.raises(KerasVisionError, match="2 classes"):
        train(
            Recipe("a", model, sources["image_folder"](path=str(odd), seed=5)), tmp_path_factory.mktemp("out") / "run"
        )
    assert "left out: 1 hidden files and folders" in capsys.readouterr().err


@pytest.mark.parametrize("most", [5, 0])
def test_a_file_that_breaks_after_opening_stops_training(odd, monkeypatch, most):
    source = sources["image_folder"](path=str(odd))
    opened = source.open()
    path = next(iter(opened.splits["train"].records))["path"].numpy().decode()
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"\x89PNG\r\n\x1a\n")
    monkeypatch.setattr(checking, "MOST_BEFORE_TRAINING", most or 2000)
    with pytest.raises(KerasVisionError, match="1 files of the data cannot be decoded: "):
        checking.said_before_training(source, opened)


def test_what_is_left_out_on_request_is_called_so(odd, capsys):
    (odd / "cat" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main(["data", "check", str(odd), "--json"]) == 0
    rows = {f["kind"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert not rows["unreadable"]["left_out"] and "training refuses them" in rows["unreadable"]["training"]
    source = sources["image_folder"](path=str(odd), skip_unreadable=True)
    wrapping = sources["noisy_labels"](of=source)
    for one in (source, wrapping):
        lines = checking.said_before_training(one, one.open())
        assert "left out: 1 files that cannot be decoded: as skip_unreadable=True asks for" in lines


def test_every_kind_of_line_is_known():
    for kind in findings.FINDINGS:
        row = findings.finding(kind, ["x"], sources["digits"]())
        first, second = findings.spelled(row)
        assert row["training"] in first and second == "    x"
        assert first.startswith("left out: ") == row["left_out"]
