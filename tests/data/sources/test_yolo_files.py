"""data.yaml, class names, text codings and places of the yolo source."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.sources._yolo_files import read_yaml

COUNT = 4
LINE = "0 0.5 0.5 0.25 0.5\n"


@pytest.fixture
def place(tmp_path, noise):
    """place(yaml, root): images/train, images/val and their labels; the images of each root are its own."""

    def write(yaml, root="set", seed=0):
        root = tmp_path / root
        for number, split in enumerate(("train", "val")):
            for kind in ("images", "labels"):
                (root / kind / split).mkdir(parents=True, exist_ok=True)
            for i in range(COUNT):
                noise(1000 * seed + 100 * number + i).save(root / "images" / split / f"{i}.png")
                (root / "labels" / split / f"{i}.txt").write_text(LINE)
        (root / "data.yaml").write_text(yaml) if isinstance(yaml, str) else (root / "data.yaml").write_bytes(yaml)
        return root

    return write


SPLITS = "train: images/train\nval: images/val\n"


def opened(path, **fields):
    return sources["yolo"](path=str(path), **({"validation_fraction": 0.0, "test_fraction": 0.0} | fields)).open()


def refusal(path, **fields):
    with pytest.raises(KerasVisionError) as error:
        opened(path, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("[yes, no]", ("yes", "no")),
        ("{0: on, 1: off}", ("on", "off")),
        ("[007, 1.10]", ("007", "1.10")),
        ("[null, ~]", ("null", "~")),
        ("[1e3, 0x10]", ("1e3", "0x10")),
        ("[2024-01-01, 12:30]", ("2024-01-01", "12:30")),
        ("\n- .inf\n- 'it''s'", (".inf", "it's")),
        ('["\\u00e4", "a: b"]', ("ä", "a: b")),
        ("\n  '0': cat\n  1: dog", ("cat", "dog")),
        ("\n  1: dog\n  0: cat", ("cat", "dog")),
    ],
)
def test_names_stay_as_they_are_written(place, names, wanted):
    assert opened(place(SPLITS + f"names: {names}\n")).classes == wanted


@pytest.mark.parametrize(
    ("yaml", "line"),
    [
        ("nc: 5\nnames: [cat, dog]", "nc is 5 and names has 2"),
        ("names: {1: cat, 2: dog}", "names are numbered 1, 2; allowed: 0, 1, 2, ... without gaps"),
        ("names: {0: cat, 2: dog}", "names are numbered 0, 2"),
        ("names: {0: cat, 0: dog}", "'0' stands there twice"),
        ("names: [cat, dog]\nnames: [a, b]", "'names' stands there twice"),
        ("names: [cat, cat]", "classes 0 and 1 are both 'cat'"),
        ("names: [cat, '']", "class 1 is '': empty"),
        ("names: [cat, [dog]]", "class 1 is ['dog']: no text"),
        ('names: [cat, "a\\u2028b"]', "a line break or control character within it"),
        ("names: classes.txt", "names is the text 'classes.txt'"),
        ("nc: 2", "no names"),
        ("names: &a [*a]", "no YAML"),
        ("names: [cat", "no YAML"),
    ],
)
def test_names_that_cannot_be(place, yaml, line):
    assert line in refusal(place(SPLITS + yaml + "\n"))


def test_nothing_is_made_of_tags(tmp_path):
    (tmp_path / "a.yaml").write_text("a: !!python/object/apply:os.getcwd []\nb: !!int 5\n")
    assert read_yaml(tmp_path / "a.yaml", "a") == {"a": [], "b": "5"}


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_in_no_name(place, coding):
    root = place((SPLITS + "names: [Käse, dog]\r\n").encode(coding))
    (root / "labels" / "train" / "0.txt").write_bytes(LINE.encode(coding))
    assert opened(root).classes == ("Käse", "dog")
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_bytes("Käse\r\ndog\r\n\r\n".encode(coding))
    assert opened(root).classes == ("Käse", "dog")


def test_another_coding_is_one_line(place):
    root = place((SPLITS + "names: [Käse, dog]\n").encode("cp1252"))
    assert "data.yaml: line 3 is no UTF-8 (byte 0xe4), in Windows-1252 it would be" in refusal(root)
    (root / "data.yaml").unlink()
    (root / "classes.txt").write_text("cat\n\ndog\n")
    assert "classes.txt: line 2 of 3 is blank" in refusal(root)


def first_pixel(found):
    record = next(iter(found.splits["train"].records))
    return found.splits["train"].read(record)["path"].numpy().decode()


@pytest.mark.parametrize("base", ["", "path: .\n", "path: nowhere/at/all\n"])
def test_the_current_folder_is_not_looked_into(place, monkeypatch, base):
    mine = place(base + SPLITS + "names: [cat, dog]\n", "mine")
    other = place(SPLITS + "names: [cat, dog]\n", "other", 1)
    monkeypatch.chdir(other)
    assert first_pixel(opened(mine)).startswith(str(mine))
    assert first_pixel(opened("../mine")).startswith("../mine")


def test_a_path_that_is_only_in_the_current_folder_is_refused(place, monkeypatch):
    mine = place("train: elsewhere\nnames: [cat, dog]\n", "mine")
    other = place(SPLITS + "names: [cat, dog]\n", "other", 1)
    (other / "images" / "train").rename(other / "elsewhere")
    monkeypatch.chdir(other)
    assert "'elsewhere' is not in" in refusal(mine)


def test_a_path_that_leads_nowhere_is_said(place):
    root = place("path: ../datasets/mine\n" + SPLITS + "names: [cat, dog]\n")
    said = opened(root).dropped
    assert len(said) == 2 and said[0].startswith("elsewhere: 'images/train' of path '../datasets/mine' is not there;")
    place(SPLITS + "names: [cat, dog]\n", "datasets/mine", 2)
    found = opened(root)
    assert "datasets/mine/images/train" in first_pixel(found) and "several places" in found.dropped[0]


@pytest.mark.parametrize(
    "train",
    [
        "[images/train]",
        "train.txt",
        "images/tr*",
        "images/train/*.png",
        "images\\train",
        "{root}/images/train",
        "list_windows.txt",
        "./images/train/",
    ],
)
def test_spellings_of_train(place, train):
    root = place("")
    (root / "train.txt").write_text("".join(f"./images/train/{i}.png\n" for i in range(COUNT)))
    (root / "list_windows.txt").write_text("".join(f"images\\train\\{i}.png\r\n" for i in range(COUNT)))
    (root / "data.yaml").write_text(f"train: {train.format(root=root)}\nval: images/val\nnames: [cat, dog]\n")
    found = opened(root)
    assert {k: v.size for k, v in found.splits.items()} == {"train": COUNT, "validation": COUNT}
    assert found.dropped == ()


def test_folders_of_other_case_and_what_tools_leave(place, noise):
    root = place("train: Images/train\nnames: [cat, dog]\n")
    (root / "images").rename(root / "Images")
    (root / "labels").rename(root / "Labels")
    (root / "Labels" / "train" / "0.txt").rename(root / "Labels" / "train" / "0.TXT")
    for name in (".ipynb_checkpoints/0.png", "@eaDir/0.png", "._0.png"):
        (root / "Images" / "train" / name).parent.mkdir(exist_ok=True)
        noise(77).save(root / "Images" / "train" / name)
    (root / "Labels" / "train" / "gone.txt").write_text(LINE)
    found = opened(root)
    assert found.splits["train"].size == COUNT
    hidden = ["hidden: Images/train/._0.png", "hidden: Images/train/.ipynb_checkpoints (1 files)"]
    hidden += ["hidden: Images/train/@eaDir (1 files)", "unlisted: 1 label files without an image: gone.txt"]
    assert found.dropped == tuple(hidden)


def test_a_label_file_of_two_images_is_said(place, noise):
    root = place("train: images/train\nnames: [cat, dog]\n")
    noise(77).save(root / "images" / "train" / "0.jpg")
    assert opened(root).dropped == ("shared: 0.txt",)


def test_splits_without_objects_are_said(place):
    root = place(SPLITS + "names: [cat, dog]\n")
    for file in (root / "labels" / "val").iterdir():
        file.write_text("")
    assert opened(root).dropped == (f"empty: validation, {COUNT} images without an object",)


def test_boxes_are_those_of_the_closed_form(place):
    found = opened(place(SPLITS + "names: [cat, dog]\n"))
    sample = found.splits["train"].read(next(iter(found.splits["train"].records)))
    np.testing.assert_allclose(sample["boxes_xyxy"], [[9, 5, 15, 15]], rtol=1e-6)  # of 24 x 20 pixels
