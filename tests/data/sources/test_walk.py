"""Folders as they lie on disks: hidden ones, links, and others beside those that count."""

import pathlib

import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data import splits
from kerasvision.data.sources._walk import below, folders

HIDDEN = [
    *(".ipynb_checkpoints/0.png", ".thumbnails/0.png", "@eaDir/0.png", "__MACOSX/._0.png", ".AppleDouble/0.png"),
    *("lost+found/0.png", "$RECYCLE.BIN/0.png", "._0.png", "Thumbs.db", "desktop.ini", ".DS_Store"),
]


def opened(path, **fields):
    return sources["image_folder"](path=str(path), **fields).open()


def sizes(held):
    return {name: split.size for name, split in held.splits.items()}


def refusal(path):
    with pytest.raises(KerasVisionError) as error:
        opened(path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def pets(tmp_path, fill):
    """Six cats and six dogs."""
    for seed, name in enumerate(("cat", "dog")):
        fill(tmp_path / "pets" / name, 6, seed)
    return tmp_path / "pets"


def lay(root, *splits_of, fill, count=4):
    for seed, name in enumerate(splits_of):
        for more, label in enumerate(("cat", "dog")):
            fill(root / name / label, count, 100 + 10 * seed + more)
    return root


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("place", ["", "cat", "cat/deep"])
def test_hidden_things_do_not_train_and_are_counted(pets, name, place):
    file = pets / place / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"no picture at all")  # read, it would be refused
    held = opened(pets, test_fraction=0.0, validation_fraction=0.0)
    assert held.classes == ("cat", "dog")
    assert sizes(held) == {"train": 12}
    top = pathlib.Path(place, *pathlib.Path(name).parts[:1])
    count = " (1 files)" if "/" in name else ""
    assert held.dropped == (f"hidden: {top}{count}",)


def test_links_are_followed_once(pets, tmp_path, fill):
    fill(tmp_path / "else" / "more", 5, 50)
    fill(tmp_path / "else" / "bird", 4, 51)
    (pets / "bird").symlink_to(tmp_path / "else" / "bird")
    (pets / "cat" / "more").symlink_to(tmp_path / "else" / "more")
    (pets / "cat" / "again").symlink_to(tmp_path / "else" / "more")
    (pets / "cat" / "up").symlink_to(pets)
    (pets / "cat" / "self").symlink_to(pets / "cat")
    (pets / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (pets / "dog" / "one.png").symlink_to(tmp_path / "else" / "more" / "00.png")
    found = below(pets / "cat")
    assert len(found.files) == 6 + 5
    assert sorted(found.lines(pets)) == [
        "links: cat/gone.png (leads nowhere)",
        *(f"links: cat/{n} (leads to a folder that is looked at already)" for n in ("more", "self", "up")),
    ]
    assert [f.name for f in folders(pets)] == ["bird", "cat", "dog"]
    held = opened(pets, test_fraction=0.0, validation_fraction=0.0)
    assert sizes(held) == {"train": 11 + 7 + 4}
    assert "deep: 5 in cat/again" in held.dropped


def test_a_class_that_leads_back_up_is_refused(pets):
    (pets / "bird").symlink_to(pets)
    assert "bird is a link that leads back to a folder above it" in refusal(pets)


def test_images_beside_class_folders_are_counted(pets, fill):
    fill(pets, 3, 60)
    (pets / "list.csv").write_text("by hand")
    (pets / "cat" / "old.zip").touch()
    held = opened(pets, test_fraction=0.0, validation_fraction=0.0)
    assert sizes(held) == {"train": 12}
    assert sorted(held.dropped) == [
        *(f"loose: {i:02d}.png" for i in range(3)),
        *(f"not an image by its name: {n}" for n in ("cat/old.zip", "list.csv")),
    ]


@pytest.mark.parametrize("other", ["pred", "annotations", "val_images", "images"])
@pytest.mark.parametrize("count", [0, 3])
def test_folders_beside_splits_are_no_classes(tmp_path, fill, other, count):
    fill(lay(tmp_path, "train", "test", fill=fill) / other, count, 90)
    held = opened(tmp_path, validation_fraction=0.0)
    assert held.classes == ("cat", "dog")
    assert sizes(held) == {"train": 8, "test": 8}
    assert held.dropped == (f"folders: {other} ({count} images)",)


@pytest.mark.parametrize("other", ["pred", "extra"])
def test_a_folder_beside_splits_that_holds_classes_is_refused(tmp_path, fill, other):
    lay(tmp_path, "train", "test", other, fill=fill)
    assert f"{other} holds class folders (cat, dog), stands beside test, train" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(("dev", "validation"), ("eval", "validation"), ("Valid", "validation"), ("validation", "validation")),
        *(("testing", "test"), ("TEST", "test"), ("val_images", "validation"), ("test_set", "test")),
    ],
)
def test_other_words_for_splits(tmp_path, fill, name, split):
    lay(tmp_path, "Train", name, fill=fill)
    held = opened(tmp_path, validation_fraction=0.0, test_fraction=0.0)
    assert held.classes == ("cat", "dog")
    assert sizes(held) == {"train": 8, split: 8}
    guessed = name not in ("Valid", "validation", "testing", "TEST")
    assert held.dropped == ((f"splits: {name!r} is read as {split}",) if guessed else ())


@pytest.mark.parametrize("name", ["train", "training_set", "images_train", "train2017", "Train-Images"])
def test_a_name_that_says_train(name):
    assert (splits.ALIASES.get(name) or splits.spelled(name)) == "train"


@pytest.mark.parametrize("name", ["trainer", "test_tube", "plane", "set", "train_test", "2017", "dataset"])
def test_a_name_that_says_no_split(name):
    assert splits.ALIASES.get(name) is None and splits.spelled(name) is None


def test_flat_splits_are_no_classes(tmp_path, fill):
    for seed, name in enumerate(("train", "test", "pred")):
        fill(tmp_path / name, 4, seed)
    assert "images without a class; put them into one folder a class" in refusal(tmp_path)


def test_one_class_named_like_a_split_is_said(tmp_path, fill):
    from kerasvision.data.inspect.check import check

    for seed, name in enumerate(("train", "plane")):
        fill(tmp_path / name, 8, seed)
    report = check(sources["image_folder"](path=str(tmp_path)))
    assert report["classes"] == ["plane", "train"]
    assert [f["examples"] for f in report["findings"] if f["kind"] == "names"] == [["'train' is the name of a split"]]


def test_classes_that_differ_in_case_between_splits(tmp_path, fill):
    for seed, name in enumerate(("train/cat", "train/dog", "test/Cat", "test/Dog")):
        fill(tmp_path / name, 4, seed)
    assert "test holds classes that train has not: Cat, Dog; train spells them otherwise (cat, dog)" in refusal(
        tmp_path
    )


def test_masks_walk_alike(tmp_path, noise):
    from PIL import Image

    whole = {"validation_fraction": 0.0, "test_fraction": 0.0}
    for i in range(4):
        for name in ("images", "masks", "masks/.thumbnails"):
            (tmp_path / "masks" / name).mkdir(parents=True, exist_ok=True)
            drawn = Image.new("L", (24, 20))
            drawn.paste(1, (2, 2, 9 + i, 9))
            picture = noise(i, (24, 20)) if name == "images" else drawn
            picture.save(tmp_path / "masks" / name / f"{i}.png")
    held = sources["image_mask"](path=str(tmp_path / "masks"), **whole).open()
    assert sizes(held) == {"train": 4}
    assert held.dropped == ("hidden: masks/.thumbnails (4 files)",)
