"""`split_by="class"`: embedders are judged by classes that training has not seen."""

import shutil

import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data.pipeline import with_validation
from kerasvision.data.sources.base import Opened


@pytest.fixture
def ten(tmp_path, fill):
    """Ten classes of four pictures."""
    for n in range(10):
        fill(tmp_path / f"class_{n}", 4, n)
    return tmp_path


def classes_of(held):
    """Split -> the classes of its records."""
    return {
        name: {int(record["label"]) for record in split.records.map(split.read).as_numpy_iterator()}
        for name, split in held.splits.items()
    }


def opened(path, name="image_folder", **fields):
    return sources[name](path=str(path), split_by="class", **fields).open()


def test_no_class_is_in_two_splits_and_shares_are_of_pictures(ten):
    held = opened(ten, validation_fraction=0.1, test_fraction=0.3)
    found = classes_of(held)
    assert {name: len(own) for name, own in found.items()} == {"train": 6, "validation": 1, "test": 3}
    assert len(set.union(*found.values())) == 10, "each class once"
    assert {name: split.size for name, split in held.splits.items()} == {"train": 24, "validation": 4, "test": 12}
    assert "unseen: 4 classes have no training image, for embedders to find again" in held.dropped
    assert classes_of(opened(ten, validation_fraction=0.1, test_fraction=0.3)) == found
    others = [classes_of(opened(ten, test_fraction=0.3, validation_fraction=0.1, seed=s))["test"] for s in (1, 2, 3)]
    assert any(other != found["test"] for other in others)


def test_classes_that_share_a_picture_stay_together(ten):
    for n in range(0, 10, 2):  # pairs of classes with one picture of equal bytes
        first = sorted((ten / f"class_{n}").glob("*.png"))[0]
        shutil.copy(first, ten / f"class_{n + 1}" / "again.png")
    for split, own in classes_of(opened(ten, validation_fraction=0.2, test_fraction=0.2)).items():
        assert {n // 2 for n in own if n % 2} == {n // 2 for n in own if n % 2 == 0}, split


def test_a_table_says_which_classes_are_unseen(ten):
    rows = [f"class_{n}/{file.name},{n},{'test' if n > 6 else 'train'}" for n in range(10)
            for file in sorted((ten / f"class_{n}").glob("*.png"))]  # fmt: skip
    (ten / "rows.csv").write_text("\n".join(["file,label,split", *rows]))
    found = classes_of(opened(ten / "rows.csv", "manifest", validation_fraction=0.25))
    assert found["test"] == {7, 8, 9} and not found["train"] & found["validation"]
    with pytest.raises(KerasVisionError, match="no training image of '7', '8'"):
        sources["manifest"](path=str(ten / "rows.csv")).open()


def test_one_class_is_too_few_to_train_on(tmp_path, fill):
    for n in range(3):
        fill(tmp_path / f"class_{n}", 4, n)
    with pytest.raises(KerasVisionError, match="split_by='class' leaves 1 class to train on; an embedder needs two"):
        opened(tmp_path, validation_fraction=0.3, test_fraction=0.3)
    assert len(classes_of(opened(tmp_path, validation_fraction=0, test_fraction=0.3))["train"]) == 2


def refused(says, path, *args, **fields):
    with pytest.raises(KerasVisionError, match=says) as raised:
        opened(path, *args, **fields)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (
            {},
            "no class for validation and test: the 10 of train are linked .* into 1 that .* set validation_fraction=0",
        ),
        ({"test_fraction": 0}, "no class for validation: .*, or set validation_fraction=0 or split_by='picture'"),
    ],
)
def test_classes_that_are_all_linked_cannot_be_parted(ten, fields, says):
    rows = [f"{file.relative_to(ten)},{file.parent.name},g{n % 4}" for n, file in enumerate(sorted(ten.rglob("*.png")))]
    (ten / "rows.csv").write_text("\n".join(["file,label,group", *rows]))
    for n in range(1, 10):
        shutil.copy(sorted((ten / "class_0").glob("*.png"))[0], ten / f"class_{n}" / "again.png")
    refused(says, ten, **fields)
    refused(says, ten / "rows.csv", "manifest", **fields)
    held = opened(ten, validation_fraction=0, test_fraction=0)
    with pytest.raises(KerasVisionError, match="in 1 groups that must not part"):
        with_validation(held, 0.1)


def test_two_linked_halves_are_enough_for_one_other_split(ten):
    for n in range(10):
        shutil.copy(sorted((ten / f"class_{n % 2}").glob("*.png"))[0], ten / f"class_{n}" / "again.png")
    refused("no class for test: the 5 of train are linked", ten)
    found = classes_of(opened(ten, validation_fraction=0))
    assert {len({n % 2 for n in own}) for own in found.values()} == {1} and set(found) == {"train", "test"}


@pytest.mark.parametrize("name", ["test", "val"])
def test_folders_of_the_same_classes_are_refused(tmp_path, fill, name):
    for n in range(3):
        fill(tmp_path / "train" / f"class_{n}", 4, n)
        fill(tmp_path / name / f"class_{n}", 2, 10 + n)
    full = {"val": "validation"}.get(name, name)
    refused(f"train and {full} share 3 classes: 'class_0', 'class_1', 'class_2'; give each class one split", tmp_path,
            validation_fraction=0, test_fraction=0)  # fmt: skip
    picture = {"path": str(tmp_path), "validation_fraction": 0, "test_fraction": 0}
    assert set(sources["image_folder"](**picture).open().splits) == {"train", full}


@pytest.mark.parametrize("many", [4, 1])
def test_what_a_recipe_holds_out_is_whole_classes(tmp_path, fill, many):
    for n in range(10):
        fill(tmp_path / f"class_{n}", many, n)
    held = opened(tmp_path, validation_fraction=0, test_fraction=0.3)
    assert set(held.splits) == {"train", "test"}
    found = classes_of(Opened(held.classes, with_validation(held, 0.3)))
    assert {name: len(own) for name, own in found.items()} == {"train": 5, "validation": 2, "test": 3}
    assert len(set.union(*found.values())) == 10, "each class once"
    assert classes_of(Opened(held.classes, with_validation(held, 0.0))) == classes_of(held)


@pytest.mark.parametrize(("classes", "is_enough"), [(3, True), (2, False)])
def test_two_classes_are_left_to_train_on(tmp_path, fill, classes, is_enough):
    for n in range(classes):
        fill(tmp_path / f"class_{n}", 4, n)
    held = opened(tmp_path, validation_fraction=0, test_fraction=0)
    if is_enough:
        found = classes_of(Opened(held.classes, with_validation(held, 0.4)))
        assert {name: len(own) for name, own in found.items()} == {"train": 2, "validation": 1}
        return
    with pytest.raises(KerasVisionError, match="validation_fraction=0.4 holds out whole classes .* leaves one"):
        with_validation(held, 0.4)


def test_several_labels_and_numbers_have_no_class(ten):
    files = sorted(ten.rglob("*.png"))
    for column, cells, fields in (("labels", "a;b", {}), ("degrees", "3", {"target_columns": ("degrees",)})):
        rows = [f"{file.relative_to(ten)},{cells}" for file in files]
        (ten / "rows.csv").write_text("\n".join([f"file,{column}", *rows]))
        with pytest.raises(UsageError, match="split_by='class' is of one class an image; set split_by='picture'"):
            opened(ten / "rows.csv", "manifest", **fields)
