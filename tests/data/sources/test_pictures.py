"""Pictures without labels: what counts, which split it is in, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create


def draw(folder, count, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        pixels = np.random.default_rng(i).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


def opened(path, **fields):
    return create("sources/pictures", path=path, **fields).open()


def paths(split):
    return {s["path"].decode() for s in split.records.map(split.read).as_numpy_iterator()}


def test_folders_within_are_no_classes_and_equal_files_stay_in_one_split(tmp_path):
    draw(tmp_path / "cats", 10)
    draw(tmp_path / "dogs" / "old", 5, first=5)  # five of them are copies
    (tmp_path / "notes.txt").write_text("no picture")
    held = opened(str(tmp_path), validation_fraction=0.2, test_fraction=0.2)
    assert held.classes == () and set(held.splits) == {"train", "validation", "test"}
    assert any("notes.txt" in line for line in held.dropped)
    found = {name: {p.rsplit("/")[-1] for p in paths(split)} for name, split in held.splits.items()}
    assert sum(split.size for split in held.splits.values()) == 15 and set().union(*found.values()) == {
        f"{i}.png" for i in range(10)
    }
    assert not found["train"] & found["test"] and not found["train"] & found["validation"]
    assert set(held.splits["train"].read_spec) == {"image_bytes", "path"}
    again = opened(str(tmp_path), validation_fraction=0.2, test_fraction=0.2)
    assert paths(again.splits["test"]) == paths(held.splits["test"])


def test_folders_named_like_splits_are_splits(tmp_path):
    draw(tmp_path / "train", 4)
    draw(tmp_path / "test", 2, first=4)
    held = opened(str(tmp_path), validation_fraction=0.0)
    assert {name: split.size for name, split in held.splits.items()} == {"train": 4, "test": 2}


@pytest.mark.parametrize(
    ("count", "copies", "said"),
    [(0, 0, "no pictures; allowed: .*png"), (1, 0, "one picture to train on"), (1, 3, "all 4 pictures are one file")],
)
def test_what_nothing_can_be_compared_in_is_refused(count, copies, said, tmp_path):
    draw(tmp_path, count)
    for i in range(copies):
        (tmp_path / f"copy{i}.png").write_bytes((tmp_path / "0.png").read_bytes())
    with pytest.raises(KerasVisionError, match=said):
        opened(str(tmp_path), validation_fraction=0.0)


def test_no_folder_is_said(tmp_path):
    with pytest.raises(KerasVisionError, match="is not there"):
        opened(str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="no folder; name one"):
        opened(())


def test_a_damaged_file_is_named_or_left_out(tmp_path):
    draw(tmp_path, 4)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(KerasVisionError, match=r"1 of 5 files cannot be read: .*bad\.png"):
        opened(str(tmp_path))
    assert sum(s.size for s in opened(str(tmp_path), skip_unreadable=True).splits.values()) == 4
