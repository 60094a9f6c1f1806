"""The image_folder source on real small files."""

import shutil

import pytest
import tensorflow as tf

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources


def opened(path, **fields):
    return sources["image_folder"](path=str(path), **fields).open()


def names(split, root):
    """Paths below the root, in the order of the records."""
    records = split.records.as_numpy_iterator()
    return [str(tf.compat.as_text(r["path"])).removeprefix(f"{root}/") for r in records]


def where(held, root):
    """File -> split; a file in two splits is an error."""
    found = [(n, s) for s, split in held.splits.items() for n in names(split, root)]
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.fixture
def animals(tmp_path, fill):
    """20 cats, 20 dogs and 10 eels, one of them in a folder below."""
    for seed, (name, count) in enumerate({"dog": 20, "cat": 20, "eel": 9}.items()):
        fill(tmp_path / name, count, seed)
    fill(tmp_path / "eel" / "river", 1, 77)
    return tmp_path


def test_classes_labels_and_bytes(animals):
    held = opened(animals)
    assert held.classes == ("cat", "dog", "eel")
    assert set(where(held, animals)) == {str(p.relative_to(animals)) for p in animals.rglob("*.png")}
    for split in held.splits.values():
        samples = list(split.records.map(split.read).as_numpy_iterator())
        assert len(samples) == split.size
        for s in samples:
            path = tf.compat.as_text(s["path"])
            with open(path, "rb") as file:  # noqa: PTH123
                assert s["image_bytes"] == file.read()
            assert f"/{held.classes[s['label']]}/" in path
            assert s["label"].dtype == "int32"


def test_cut_splits_are_stratified_and_repeatable(animals):
    one = where(opened(animals), animals)
    assert one == where(opened(animals), animals)
    assert one != where(opened(animals, seed=1), animals)
    for name, share in (("cat", 3), ("dog", 3)):
        for split in ("validation", "test"):
            assert sum(s == split and n.startswith(name) for n, s in one.items()) == share
    assert "test" not in opened(animals, test_fraction=0.0).splits


def test_split_folders_are_taken_as_they_are(tmp_path, fill):
    for seed, (split, count) in enumerate({"Train": 6, "val": 2, "testing": 3}.items()):
        for label in ("a", "b"):
            fill(tmp_path / split / label, count, 10 * seed + ord(label))
    held = opened(tmp_path)
    assert {s: split.size for s, split in held.splits.items()} == {"train": 12, "validation": 4, "test": 6}
    folder = {"train": "Train", "validation": "val", "test": "testing"}
    assert all(n.startswith(folder[s] + "/") for n, s in where(held, tmp_path).items())


def test_a_missing_split_is_cut_out_of_train(tmp_path, fill):
    for label in ("a", "b"):
        fill(tmp_path / "train" / label, 20, ord(label))
        fill(tmp_path / "test" / label, 2, 100 + ord(label))
    held = opened(tmp_path)
    assert {s: split.size for s, split in held.splits.items()} == {"train": 34, "validation": 6, "test": 4}
    assert all(n.startswith("test/") for n, s in where(held, tmp_path).items() if s == "test")


@pytest.mark.parametrize("seed", range(4))
def test_equal_bytes_stay_in_one_split(animals, seed):
    for i in range(8):  # eight pictures, each four times, two of them in another class
        for copy, label in enumerate(("cat", "cat", "dog")):
            shutil.copy(animals / "cat" / f"{i:02d}.png", animals / label / f"copy{i}_{copy}.png")
    found = where(opened(animals, seed=seed), animals)
    for i in range(8):
        copies = [f"cat/{i:02d}.png", f"cat/copy{i}_0.png", f"cat/copy{i}_1.png", f"dog/copy{i}_2.png"]
        assert len({found[c] for c in copies}) == 1
    assert set(found.values()) == {"train", "validation", "test"}


def test_a_copy_of_a_test_image_does_not_train(tmp_path, fill):
    for label in ("a", "b"):
        fill(tmp_path / "train" / label, 5, ord(label))
        fill(tmp_path / "val" / label, 2, 50 + ord(label))
        fill(tmp_path / "test" / label, 2, 100 + ord(label))
    shutil.copy(tmp_path / "test/a/00.png", tmp_path / "train/a/leak.png")
    shutil.copy(tmp_path / "test/a/01.png", tmp_path / "val/a/leak.png")
    shutil.copy(tmp_path / "val/b/00.png", tmp_path / "train/b/leak.png")
    held = opened(tmp_path)
    assert {s: split.size for s, split in held.splits.items()} == {"train": 10, "validation": 4, "test": 4}
    assert held.dropped == (
        "copy: train/a/leak.png has the same bytes as test/a/00.png, which is in test",
        "copy: train/b/leak.png has the same bytes as val/b/00.png, which is in validation",
        "copy: val/a/leak.png has the same bytes as test/a/01.png, which is in test",
    )


@pytest.fixture
def broken(animals, zoo):
    (animals / "cat" / "empty.jpg").touch()
    (animals / "cat" / "text.jpg").write_text("not a picture\n")
    (animals / "dog" / "cut.jpg").write_bytes(zoo["rgb.jpg"].read_bytes()[:-300])
    (animals / "dog" / "cut.png").write_bytes(zoo["rgb.png"].read_bytes()[:-300])
    (animals / "eel" / "scan.tif").write_bytes(b"II*\0")
    (animals / "eel" / "notes.txt").write_text("caught at dawn")
    (animals / "eel" / ".DS_Store").touch()
    return animals


def test_unreadable_files_are_refused_in_one_line(broken):
    with pytest.raises(KerasVisionError) as error:
        opened(broken)
    line = str(error.value)
    assert "\n" not in line
    assert "5 of 55 files cannot be read" in line
    assert "cat/empty.jpg (0 bytes), cat/text.jpg (text, not an image), dog/cut.jpg (cut off or damaged) and 2" in line
    assert "--skip-unreadable" in line


def test_unreadable_files_are_left_out_on_request(broken):
    held = opened(broken, skip_unreadable=True)
    assert sum(split.size for split in held.splits.values()) == 50
    assert held.dropped == (
        "unreadable: cat/empty.jpg (0 bytes)",
        "unreadable: cat/text.jpg (text, not an image)",
        "unreadable: dog/cut.jpg (cut off or damaged)",
        "unreadable: dog/cut.png (cut off or damaged)",
        "unreadable: eel/scan.tif (TIFF is not supported; convert it to JPEG or PNG)",
        "hidden: eel/.DS_Store",
        "not an image by its name: eel/notes.txt",
        "deep: 1 in eel/river",
    )


def refusal(path, **fields):
    with pytest.raises(KerasVisionError) as error:
        opened(path, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_refusals(tmp_path, fill):
    assert "no such folder" in refusal(tmp_path / "gone")
    (tmp_path / "file").touch()
    assert "not a folder" in refusal(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "no images" in refusal(tmp_path / "empty")
    fill(tmp_path / "flat", 3, 0)
    assert "one folder a class" in refusal(tmp_path / "flat")
    (tmp_path / "hollow" / "a").mkdir(parents=True)
    assert "no images" in refusal(tmp_path / "hollow")
    fill(tmp_path / "one" / "cat", 3, 0)
    assert "one class only, 'cat'" in refusal(tmp_path / "one")
    (tmp_path / "one" / "dog").mkdir()
    assert "class folders without images: dog" in refusal(tmp_path / "one")


def test_a_folder_too_high_up_is_told(tmp_path, fill):
    fill(tmp_path / "PetImages" / "cat", 3, 0)
    fill(tmp_path / "PetImages" / "dog", 3, 1)
    assert f"name '{tmp_path}/PetImages' instead" in refusal(tmp_path)


def test_classes_that_differ_between_splits(tmp_path, fill):
    for label in ("a", "b"):
        fill(tmp_path / "train" / label, 3, ord(label))
    fill(tmp_path / "test" / "a", 3, 9)
    assert "test has no images of b, which train has" in refusal(tmp_path)
    fill(tmp_path / "test" / "b", 3, 10)
    fill(tmp_path / "test" / "c", 3, 11)
    assert "test holds classes that train has not: c" in refusal(tmp_path)
    shutil.rmtree(tmp_path / "train")
    assert "no train folder" in refusal(tmp_path)


def test_a_class_that_loses_every_file_is_told(tmp_path, fill):
    fill(tmp_path / "a", 3, 0)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "empty.jpg").touch()
    assert "no readable image of 'b'" in refusal(tmp_path, skip_unreadable=True)


def test_class_folders_named_like_splits_and_others(tmp_path, fill):
    """A toy shop's train stands beside its plane: these are classes."""
    fill(tmp_path / "train", 6, 0)
    fill(tmp_path / "plane", 6, 1)
    assert opened(tmp_path).classes == ("plane", "train")


def test_recipe_json_round_trip(animals):
    source = sources["image_folder"](path=str(animals), skip_unreadable=True)
    assert from_json(to_json(source)) == source
