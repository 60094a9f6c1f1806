"""A long tail out of a balanced source: exact counts in training, all else untouched."""

import numpy as np
import pytest

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.inspect.check import check
from kerasvision.data.sampling import class_counts


def pixels(split):
    return np.stack([r["image"] for r in split.records.as_numpy_iterator()])


def test_counts_fall_exponentially_and_other_splits_stay():
    whole, tail = create("sources/digits").open(), create("sources/long_tail", of="digits", ratio=20).open()
    before, after = (class_counts(o.splits["train"], 10) for o in (whole, tail))
    exact = before.max() * 20.0 ** (-np.arange(10) / 9)
    np.testing.assert_array_equal(after, np.minimum(before, np.round(exact)))
    assert before.max() / after[-1] == pytest.approx(20, rel=0.1)
    assert tail.splits["train"].size == after.sum() == len(pixels(tail.splits["train"]))
    assert tail.classes == whole.classes
    for name in ("validation", "test"):
        np.testing.assert_array_equal(pixels(tail.splits[name]), pixels(whole.splits[name]))


def test_each_class_keeps_one_example_and_ratio_one_keeps_all():
    counts = class_counts(create("sources/long_tail", of="digits", ratio=1e6).open().splits["train"], 10)
    assert counts.min() == 1
    whole = create("sources/digits").open().splits["train"]
    alike = class_counts(create("sources/long_tail", of="digits", ratio=1).open().splits["train"], 10)
    np.testing.assert_array_equal(alike, class_counts(whole, 10))


def test_the_seed_decides_who_stays():
    first, again, other = (
        pixels(create("sources/long_tail", of="digits", seed=s).open().splits["train"]) for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_files_and_unreadable_ones(tmp_path, noise):
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for i in range(10):
            noise(10 * len(list(tmp_path.rglob("*.png"))) + i, (8, 8)).save(tmp_path / name / f"{i}.png")
    folder = create("sources/image_folder", path=str(tmp_path), validation_fraction=0.0, test_fraction=0.2)
    source = create("sources/long_tail", of=folder, ratio=4)
    assert class_counts(source.open().splits["train"], 2).tolist() == [8, 2]
    (tmp_path / "ant" / "0.png").write_text("no picture")
    with pytest.raises(KerasVisionError, match="cannot be read"):
        source.open()
    report = check(source)
    unreadable = [f for f in report["findings"] if f["kind"] == "unreadable"]
    assert [f["examples"] for f in unreadable] == [["ant/0.png (text, not an image)"]]
    assert source.path == str(tmp_path)


def test_refusals(tmp_path):
    with pytest.raises(UsageError, match="long_tail.ratio: got 0.5; allowed: 1"):
        create("sources/long_tail", of="digits", ratio=0.5)
    with pytest.raises(UsageError, match="long_tail.seed: got -1"):
        create("sources/long_tail", of="digits", seed=-1)


def test_recipe_json_round_trip():
    source = create("sources/long_tail", of="digits", ratio=50)
    assert from_json(to_json(source)) == source
