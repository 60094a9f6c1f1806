"""`pipelines/prepare_emoji.py` on drawn packages: which emoji, in which split, on which ground, with which words."""

import collections
import csv
import runpy

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.registry import create
from tests.pipelines.drawn_emoji import SCRIPT, packages, prepared


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("emoji"))


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_unseen_emoji_are_searched_in_the_other_style(folder):
    """Of 39 in both styles 7 are unseen, and 3 of the other 32 are for choosing."""
    found = collections.defaultdict(dict)
    for row in rows_of(folder / "emoji.csv"):
        found[row["label"]][row["file"].split("/")[0]] = row["split"]
    assert len(found) == 39 and "1f600" not in found
    count = collections.Counter((held["google"], held["twitter"]) for held in found.values())
    assert count == {("validation", "test"): 7, ("validation", "validation"): 3, ("train", "train"): 29}
    opened = create("sources/manifest", path=str(folder / "emoji.csv"), split_by="class").open()
    assert [opened.splits[name].size for name in ("train", "validation", "test")] == [58, 13, 7]
    assert "unseen: 10 classes have no training image, for embedders to find again" in opened.dropped


def test_transparency_becomes_white(folder):
    pixels = np.asarray(Image.open(folder / "twitter" / "1f605.png"))
    assert pixels.shape == (64, 64, 3) and pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[20, 10].tolist() == [30, 90, 200]


def test_words_of_unseen_emoji_are_for_testing_alone(folder):
    """Each text stands in a row; the mark of a variant, which the words have not, does not hide them."""
    rows = rows_of(folder / "words.csv")
    splits = {row["file"]: row["split"] for row in rows}
    pictures = collections.Counter(splits.values())
    assert pictures == {"train": 58, "validation": 6, "test": 7}
    assert all(name.startswith("google/") for name, split in splits.items() if split == "test")
    variant = [row for row in rows if row["file"] == "google/1f601-fe0f.png"]
    assert [(row["en"], row["de"]) for row in variant] == [("thing 1", "Ding 1"), ("thing tag 1", "Ding tag 1")]
    opened = create("sources/captions", path=str(folder / "words.csv"), text_columns=("en", "de", "hi")).open()
    assert set(opened.splits) == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"google": "nowhere"}, "--google nowhere has no emoji.json and img/google/64; type: npm pack"),
        ({"words": "nowhere"}, "--words nowhere has no en/data.json; type: npm pack emojibase-data"),
    ],
)
def test_what_is_absent_is_one_line(tmp_path, change, says):
    held = packages(tmp_path / "npm", 12) | change
    words = [part for name, place in held.items() for part in (f"--{name}", place)]
    with pytest.raises(SystemExit, match=says):
        runpy.run_path(str(SCRIPT))["main"]([*words, "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("count", "is_enough"), [(11, True), (10, False)])
def test_ten_emoji_in_both_styles_are_needed(tmp_path, count, is_enough):
    if is_enough:
        assert len(rows_of(prepared(tmp_path, count) / "emoji.csv")) == 20
        return
    with pytest.raises(SystemExit, match="9 emoji have pictures in both styles; 10 are needed"):
        prepared(tmp_path, count)
