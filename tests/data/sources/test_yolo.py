"""The yolo source on hand-written files."""

import numpy as np
import pytest
import skimage.draw

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources

W, H = 24, 20  # of `noise`


def yolo(path, **fields):
    return sources["yolo"](path=str(path), **({"validation_fraction": 0.0, "test_fraction": 0.0} | fields))


def samples(split):
    return list(split.records.map(split.read).as_numpy_iterator())


@pytest.fixture
def place(tmp_path, noise):
    """place(stem, lines, split): writes both files of an image; no lines, no label file."""
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames:\n  0: cat\n  1: big dog\n")

    def write(stem, *lines, split="train"):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True, exist_ok=True)
        noise(len(list((tmp_path / "images").rglob("*.png")))).save(tmp_path / "images" / split / f"{stem}.png")
        if lines:
            (tmp_path / "labels" / split / f"{stem}.txt").write_text("\n".join(lines))

    write("v", "1 0.5 0.5 1 1", split="val")
    return write


def test_boxes_polygons_and_empty_images(tmp_path, place):
    place("a", "1 0.5 0.25 0.5 0.5", "", "0 0.1 0.2 0.9 0.25 0.8 0.75")
    place("b", "")
    place("c")
    opened = yolo(tmp_path).open()
    assert opened.classes == ("cat", "big dog")
    mixed = "mixed: 1 lines are polygons and 2 boxes, in labels/train/a.txt"
    assert opened.dropped == (mixed, "unlabeled: c.png")
    a, b, c = samples(opened.splits["train"])
    np.testing.assert_allclose(a["boxes_xyxy"], [[6, 0, 18, 10], [2.4, 4, 21.6, 15]], rtol=1e-6)
    assert a["labels"].tolist() == [1, 0]
    assert b["boxes_xyxy"].shape == c["boxes_xyxy"].shape == (0, 4)
    assert samples(opened.splits["validation"])[0]["boxes_xyxy"].tolist() == [[0, 0, W, H]]


def test_masks_are_the_polygons(tmp_path, noise):
    noise(1, (200, 300)).save(tmp_path / "a.png")
    points = np.array([[0.1, 0.2], [0.9, 0.25], [0.8, 0.75], [0.3, 0.6]])
    (tmp_path / "a.txt").write_text("0 " + " ".join(map(str, points.ravel())))
    (tmp_path / "classes.txt").write_text("cat\n")
    mask = samples(yolo(tmp_path, masks=True).open().splits["train"])[0]["instance_masks"][0]
    expected = skimage.draw.polygon2mask((300, 200), points[:, ::-1] * [300, 200] - 0.5)
    assert mask.shape == (300, 200)
    assert (mask != expected).sum() < 0.01 * expected.sum()  # they differ in which border pixels are inside


@pytest.mark.parametrize(
    "text",
    [
        "path: .\ntrain: images/train\nval: images/val\nnames: [cat, big dog]\n",
        "train: ../images/train\nvalid: [images/val]\nnames: ['cat', 'big dog']\n",
        "train: train.txt\nval: images/val\nnames: {0: cat, 1: big dog}\n",
    ],
)
def test_spellings_of_data_yaml(tmp_path, place, text):
    place("a", "1 0.5 0.25 0.5 0.5")
    (tmp_path / "train.txt").write_text("images/train/a.png\n")
    (tmp_path / "data.yaml").write_text(text)
    for path in (tmp_path, tmp_path / "data.yaml"):
        opened = yolo(path).open()
        assert opened.classes == ("cat", "big dog")
        assert {k: v.size for k, v in opened.splits.items()} == {"train": 1, "validation": 1}


def test_classes_txt_with_split_folders(tmp_path, place):
    place("a", "1 0.5 0.25 0.5 0.5")
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "classes.txt").write_text("cat\nbig dog\n")
    assert {k: v.size for k, v in yolo(tmp_path).open().splits.items()} == {"train": 1, "validation": 1}


def test_a_folder_is_cut(tmp_path, noise):
    (tmp_path / "classes.txt").write_text("cat\n")
    for i in range(20):
        noise(i).save(tmp_path / f"{i}.png")
        (tmp_path / f"{i}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    opened = sources["yolo"](path=str(tmp_path)).open()
    assert {k: v.size for k, v in opened.splits.items()} == {"train": 14, "validation": 3, "test": 3}


def refusal(source):
    with pytest.raises(KerasVisionError) as error:
        source.open()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 -0.1 0.2", "is reversed"),
        ("0 0.5 0.5 0 0.2", "has no area"),
        ("0 1.5 0.5 0.2 0.2", "has 1.5, and parts of a side are 0 to 1: pixels?"),
        ("0 -0.5 0.5 0.2 0.2", "lies outside the image"),
        ("0 nan 0.5 0.2 0.2", "is not finite"),
        ("0 0.1 0.1 nan 0.2 0.3 0.3", "is not finite"),
    ],
)
def test_bad_boxes(tmp_path, place, line, reason):
    place("a", "1 0.5 0.25 0.5 0.5", line)
    assert f"a.png (box 2 {reason})" in refusal(yolo(tmp_path))
    opened = yolo(tmp_path, skip_bad_boxes=True).open()
    assert opened.dropped[-1] == f"boxes: a.png (box 2 {reason})"
    assert samples(opened.splits["train"])[0]["labels"].tolist() == [1]


def test_clipped_and_repeated_boxes(tmp_path, place):
    place("a", "1 0.5 0.25 0.5 0.7", "0 0.5 0.5 1 1", "0 0.5 0.5 1 1")
    opened = yolo(tmp_path).open()
    assert opened.dropped == ("margins: a.png (1 boxes, by up to 2.0 px)", "repeated: a.png (box 3)")
    np.testing.assert_allclose(samples(opened.splits["train"])[0]["boxes_xyxy"][0], [6, 0, 18, 12], rtol=1e-6)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.5 0.5 0.1 0.2", "a.txt, line 1: class 2; allowed: 0 to 1"),
        ("-1 0.5 0.5 0.1 0.2", "class -1; allowed"),
        ("0.5 0.5 0.5 0.1 0.2", "class 0.5; allowed"),
        ("0 0.5 0.5 0.1", "4 numbers; allowed"),
        (
            "0 0.5 0.5 0.1 0.1 0.9",
            "6 numbers; allowed: class cx cy w h, or class and x y of three points or more; is the",
        ),
        ("cat 0.5 0.5 0.1 0.1", "'cat 0.5 0.5 0.1 0.1' is not all numbers"),
    ],
)
def test_lines_that_cannot_be_read(tmp_path, place, line, message):
    place("a", line)
    assert message in refusal(yolo(tmp_path))


def test_refusals(tmp_path, place):
    place("a", "0 0.5 0.5 0.5 0.5", "1 0.5 0.5 0.5 0.5")
    assert "a.png has 2; set max_objects=2, or 0 for any number" in refusal(yolo(tmp_path, max_objects=1))
    assert "a.png, object 1: no segmentation" in refusal(yolo(tmp_path, masks=True))
    (tmp_path / "list.txt").write_text("images/train/a.png\nimages/train/a.png\n")
    spoiled = {
        "train: list.txt\nnames: [a, b]": "1 images stand there twice: a.png",
        "train: images\nnames: [a, a]": "classes 0 and 1 are both 'a'",
        "train: gone\nnames: [a, b]": "'gone' is not in",
        "val: images/val\nnames: [a, b]": "no train",
        "train: images/train": "no names",
        "train: images/train\nnames: {1: a, 2: b}": "names are numbered 1, 2; allowed: 0, 1, 2",
        "train: [": "no YAML",
    }
    for text, message in spoiled.items():
        (tmp_path / "data.yaml").write_text(text)
        assert message in refusal(yolo(tmp_path))
    (tmp_path / "list.txt").write_text("images/train/a.png\nimages/train/b.png\n")
    (tmp_path / "data.yaml").write_text("train: list.txt\nnames: [a, b]")
    assert "b.png (no such file or directory)" in refusal(yolo(tmp_path))
    assert yolo(tmp_path, skip_unreadable=True).open().splits["train"].size == 1
    (tmp_path / "data.yaml").unlink()
    assert "neither data.yaml nor classes.txt" in refusal(yolo(tmp_path))
    assert "no such file or folder" in refusal(yolo(tmp_path / "gone"))


def test_a_split_without_any_label_file_is_told(tmp_path, place):
    place("a")
    assert "no label file for any of 1 images; sought" in refusal(yolo(tmp_path))


def test_recipe_json_round_trip():
    source = sources["yolo"](path="x", masks=True)
    assert from_json(to_json(source)) == source
