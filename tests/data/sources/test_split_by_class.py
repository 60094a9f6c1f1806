"""`split_by="class"`: embedders are judged by classes that training has not seen."""

import shutil

import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources


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


def test_several_labels_and_numbers_have_no_class(ten):
    files = sorted(ten.rglob("*.png"))
    for column, cells, fields in (("labels", "a;b", {}), ("degrees", "3", {"target_columns": ("degrees",)})):
        rows = [f"{file.relative_to(ten)},{cells}" for file in files]
        (ten / "rows.csv").write_text("\n".join([f"file,{column}", *rows]))
        with pytest.raises(UsageError, match="split_by='class' is of one class an image; set split_by='picture'"):
            opened(ten / "rows.csv", "manifest", **fields)
