"""Where images and masks lie, how they are split, and what becomes of them further on."""

import shutil

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import augmentations, sources
from kerasvision.data.inspect.check import check
from kerasvision.data.inspect.sheet import TILE_PX, write_sheet
from kerasvision.data.pipeline import augmented, stream_seed
from kerasvision.data.sources._detect import detect
from kerasvision.drawing.pictures import color_of

H, W = 18, 22
COLORS, VOID = ((0, 0, 0), (200, 10, 10), (10, 200, 10), (200, 10, 200)), (224, 224, 192)
NO_SPLITS = {"validation_fraction": 0.0, "test_fraction": 0.0}


@pytest.fixture
def lay(tmp_path, noise):
    """lay(*[(image, mask, number)]): files below tmp_path; the mask of picture `number` is `mask_of(number)`."""

    def make(*rows):
        for image, mask, number in rows:
            for name in (n for n in (image, mask) if n):
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            if image:
                noise(number, (W, H)).save(tmp_path / image)
            if mask:
                Image.fromarray(mask_of(number)).save(tmp_path / mask)
        return tmp_path

    return make


def mask_of(number):
    """Ids 0 to 2; 1 stands in every fourth mask only. No two are equal."""
    mask = np.zeros((H, W), np.uint8)
    mask[:9, : 1 + number % W] = 2
    mask[17, number // W] = 2
    mask[10:12] = number % 4 == 0
    return mask


def opened(path, **fields):
    return sources["image_mask"](path=str(path), **(NO_SPLITS | fields)).open()


def where(held, root):
    """{image below the root: split}; each sample has its own mask."""
    found = {}
    for name, split in held.splits.items():
        for sample in split.records.map(split.read).as_numpy_iterator():
            image = sample["path"].decode().removeprefix(f"{root}/")
            assert image not in found
            number = int("".join(c for c in image if c.isdigit()))
            np.testing.assert_array_equal(sample["mask"], mask_of(number))
            found[image] = name
        assert sum(v == name for v in found.values()) == split.size
    return found


def refusal(path, kind=KerasVisionError, **fields):
    with pytest.raises(kind) as error:
        opened(path, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


LAYOUTS = [
    ("images/{split}/{n}.png", "masks/{split}/{n}.png"),
    ("Img/{split}/{n}.jpg", "labels/{split}/{n}.png"),
    ("{split}/image/{n}.png", "{split}/Annotations/{n}.png"),
    ("{split}/images/street/{n}.bmp", "{split}/mask/street/{n}.png"),
]


@pytest.mark.parametrize(("image", "mask"), LAYOUTS)
def test_layouts_with_splits(lay, image, mask):
    folders = {"train": range(6), "val": range(6, 8), "Test": range(8, 11)}
    rows = [(image.format(split=s, n=n), mask.format(split=s, n=n), n) for s, held in folders.items() for n in held]
    root = lay(*rows)
    expected = {image.format(split=s, n=n): s for s, held in folders.items() for n in held}
    names = {"train": "train", "val": "validation", "Test": "test"}
    for fields in (NO_SPLITS, {"validation_fraction": 0.4, "test_fraction": 0.4}):
        assert where(opened(root, **fields), root) == {k: names[s] for k, s in expected.items()}
    assert detect(root) == sources["image_mask"](path=str(root))


def test_one_file_a_class_with_splits(lay):
    """A class may be named like a split."""
    files = {"train": [(0, "cat"), (1, "train")], "validation": [(2, "cat"), (3, "train")]}
    rows = [(f"images/{s}/{n}.png", f"masks/{s}/{c}/{n}.png", n) for s, held in files.items() for n, c in held]
    root = lay(*rows)
    held = opened(root)
    assert held.classes == ("background", "cat", "train")
    for split, expected in files.items():
        read = held.splits[split].records.map(held.splits[split].read)
        for (number, name), sample in zip(expected, read.as_numpy_iterator(), strict=True):
            np.testing.assert_array_equal(sample["mask"], held.classes.index(name) * (mask_of(number) > 0))
    lay(("", "masks/validation/cat/9.png", 0))
    assert "1 masks without an image: masks/validation/cat/9.png" in refusal(root)


def test_cut_splits(lay):
    root = lay(*[(f"images/{n}.png", f"masks/{n}.png", n) for n in range(40)])
    fractions = {"validation_fraction": 0.2, "test_fraction": 0.2}
    one = where(opened(root, **fractions), root)
    assert one == where(opened(root, **fractions), root) != where(opened(root, seed=1, **fractions), root)
    for seed in range(4):
        found = where(opened(root, seed=seed, **fractions), root)
        rare = [s for name, s in found.items() if int(name[7:-4]) % 4 == 0]  # ten images show class 1
        assert [rare.count(s) for s in ("train", "validation", "test")] == [6, 2, 2]
        assert list(found.values()).count("test") == 8
    assert set(where(opened(root), root).values()) == {"train"}


@pytest.mark.parametrize("seed", range(3))
def test_equal_images_stay_in_one_split(lay, seed):
    root = lay(*[(f"images/{n}.png", f"masks/{n}.png", n) for n in range(20)])
    for n in range(10):  # another mask, the same picture
        shutil.copy(root / "images" / f"{n}.png", root / "images" / f"{n + 10}.png")
    found = where(opened(root, seed=seed, validation_fraction=0.3, test_fraction=0.3), root)
    assert all(found[f"images/{n}.png"] == found[f"images/{n + 10}.png"] for n in range(10))
    assert set(found.values()) == {"train", "validation", "test"}


def test_a_copy_of_a_test_image_does_not_train(lay):
    rows = [(f"images/{s}/{n}.png", f"masks/{s}/{n}.png", n) for s, held in SPLITS for n in held]
    root = lay(*rows, ("images/train/99.png", "masks/train/99.png", 5))
    assert "images/train/99.png" not in where(opened(root), root)
    line = "copy: images/train/99.png has the same bytes as images/test/5.png, which is in test"
    assert opened(root).dropped == (line,)


SPLITS = [("train", range(4)), ("test", range(4, 6))]


def test_csv(lay, tmp_path):
    lay(*[(f"a/{n}.png", f"b/m{n}.png", n) for n in range(8)])
    lines = [f"a/{n}.png, b/m{n}.png,{'val' if n == 6 else ''},{'g' if n in (5, 6) else ''}" for n in range(8)]
    file = tmp_path / "list.csv"
    file.write_text("\n".join(["file,mask,split,group", *lines]))
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    held = opened(file)
    assert held.classes == ("sky", "road", "car")
    found = where(held, tmp_path)
    assert [n for n, s in found.items() if s == "validation"] == ["a/5.png", "a/6.png"]  # 5 follows its group
    assert len(found) == 8
    assert detect(file) == sources["image_mask"](path=str(file))
    for text, said in (
        ("file,label\na/1.png,x", "no rows with file and mask"),
        ("file,mask", "no rows; write a header file,mask and one row an image"),
        ("file,mask\na/1.png,", "line 2: no mask"),
        ("file,mask,split\na/1.png,b/m1.png,dv", "line 2: split 'dv'; allowed: train, validation, test or empty"),
        ("file,mask\na/1.png,b/1.png", "1 of 2 files do not exist: b/1.png; paths are relative to the CSV"),
        ("file,mask\na/1.png,b/m1.png\na/1.png,b/m2.png", "1 images stand in several rows"),
        ("file,mask,split,group\na/1.png,b/m1.png,val,g\na/2.png,b/m2.png,test,g", "more than one split: g"),
    ):
        file.write_text(text)
        assert said in refusal(file)


def test_partners_are_missing(lay):
    root = lay(("images/1.png", "masks/1.png", 1), ("images/2.png", "", 2), ("", "masks/3.png", 3))
    line = "1 images without a mask: images/2.png; 1 masks without an image: masks/3.png; a mask has its image's name"
    assert line in refusal(root)
    lay(("images/1.bmp", "", 1))
    assert "images/1.bmp and images/1.png have one name" in refusal(root)


def test_folders_that_are_no_pairs(lay, tmp_path):
    assert "no such folder or file" in refusal(tmp_path / "gone")
    (tmp_path / "a.txt").touch()
    assert "no folder and no .csv file" in refusal(tmp_path / "a.txt")
    assert "no folders images and masks; put images into images/ and" in refusal(tmp_path)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    assert "no images in images; put" in refusal(tmp_path)
    lay(("images/1.png", "masks/1.png", 1), ("", "labels/1.png", 1))
    assert "labels, masks for one thing; keep one" in refusal(tmp_path)
    (tmp_path / "labels" / "1.png").rename(tmp_path / "labels" / "1.txt")  # of boxes
    assert opened(tmp_path, classes=("a", "b", "c")).splits["train"].size == 1
    lay(("images/train/2.png", "", 1))
    assert "images and masks do not both have a folder for train" in refusal(tmp_path)
    lay(("", "masks/train/2.png", 1))
    assert "images: 1.png beside folders of splits" in refusal(tmp_path)
    lay(("val/images/1.png", "", 1))
    shutil.rmtree(tmp_path / "images")
    assert "no folders images and masks in val; put" in refusal(tmp_path)


def test_other_files_are_told_of(lay):
    root = lay(("images/1.png", "masks/1.png", 1), ("images/4.png", "masks/4.png", 4))
    (root / "masks" / "notes.md").touch()
    (root / "images" / ".DS_Store").touch()
    assert opened(root).dropped == ("hidden: images/.DS_Store", "not an image by its name: masks/notes.md")
    (root / "images" / "4.png").write_bytes(b"no picture")
    assert "1 of 2 files cannot be read: images/4.png (text, not an image)" in refusal(root, classes=tuple("abc"))
    held = opened(root, skip_unreadable=True, classes=tuple("abc"))
    assert held.dropped[0] == "unreadable: images/4.png (text, not an image)"


def test_affine_moves_the_mask_with_the_image(lay):
    """The picture is the mask in gray, so that both must stay equal away from edges."""
    root = lay(*[("", f"masks/{n}.png", n) for n in (1, 4)])
    (root / "images").mkdir()
    for n in (1, 4):
        Image.fromarray(100 * mask_of(n).repeat(8, 0).repeat(8, 1)).save(root / "images" / f"{n}.png")
        Image.fromarray(mask_of(n).repeat(8, 0).repeat(8, 1)).save(root / "masks" / f"{n}.png")
    split = opened(root).splits["train"]
    affine = augmentations["geometric/affine"](degrees=40.0, mask_fill=255)
    changed = 0
    for number, record in enumerate(split.records):
        plain = augmented(split.read(record), [], stream_seed(3, number))
        moved = augmented(split.read(record), [affine], stream_seed(3, number))
        mask, gray = moved["mask"].numpy(), moved["image"].numpy()[..., 0].astype(int)
        assert mask.shape == plain["mask"].shape and mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 1, 2, 255} and (mask == 255).any()
        assert (np.abs(gray - 100.0 * mask)[mask != 255] <= 50).mean() > 0.97
        changed += (mask != plain["mask"].numpy()).mean() / 2
    assert changed > 0.1


def test_check_counts_pixels(lay, capsys):
    root = lay(*[(f"images/{n}.png", f"masks/{n}.png", n) for n in range(8)], ("images/8.png", "masks/8.png", 0))
    other = mask_of(0)  # of the same picture, with the same classes
    other[13:16] = 255
    Image.fromarray(other).save(root / "masks" / "8.png")
    source = sources["image_mask"](path=str(root), classes=("background", "cat", "dog"), **NO_SPLITS)
    report = check(source)
    ground_truth = np.bincount(np.concatenate([other.ravel(), *(mask_of(n).ravel() for n in range(8))]))[:3]
    pixels = {"classes": dict(zip(("background", "cat", "dog"), ground_truth.tolist(), strict=True)), "ignored": 3 * W}
    assert report["pixels"] == {"train": pixels}
    assert report["splits"]["train"] == {"size": 9, "classes": {"background": 9, "cat": 3, "dog": 9}}
    found = {f["kind"]: f["examples"] for f in report["findings"]}
    assert found["contradiction"] == ["images/0.png = images/8.png"]
    assert main(["data", "check", f"image_mask:{root}"]) == 0
    assert "class_2" in capsys.readouterr().out


def test_every_line_that_is_dropped_has_a_finding(lay):
    root = lay(*[(f"images/{n}.png", "", n) for n in range(3)])
    (root / "masks").mkdir()
    for n in range(3):
        Image.fromarray(255 * (mask_of(n) > 0).astype(np.uint8)).save(root / "masks" / f"{n}.png")
    (root / "masks" / "2.png").write_bytes(b"text")
    (root / "masks" / "notes.md").touch()
    report = check(sources["image_mask"](path=str(root), **NO_SPLITS))
    assert {"binary", "unreadable", "not"} <= {f["kind"] for f in report["findings"]}


def test_a_sheet_covers_classes_and_grays_what_is_ignored(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (TILE_PX, TILE_PX, 3), np.uint8)
    mask = np.zeros((TILE_PX, TILE_PX), np.uint8)
    mask[50:100], mask[100:] = 1, 255
    covered = 0.5 * image + 0.5 * np.array([color_of(1)])
    for classes, first in (
        (("background", "cat"), image),
        (("road", "cat"), 0.5 * image + 0.5 * np.array(color_of(0))),
    ):
        write_sheet([{"image": image, "mask": mask}], tmp_path / "sheet.png", 1, classes)
        drawn = np.asarray(Image.open(tmp_path / "sheet.png"))[6 : 6 + TILE_PX, 6 : 6 + TILE_PX].astype(float)
        for rows, wanted in ((slice(50), first), (slice(50, 100), covered), (slice(100, None), image / 2 + 64)):
            assert np.abs(drawn[rows] - wanted[rows]).max() <= 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"values": (0, 1), "colors": COLORS[:2]}, "values and colors"),
        ({"colors": COLORS, "ignore": (3,)}, "say which with ignore_colors"),
        ({"ignore_colors": (VOID,)}, "ignore_colors without colors"),
        ({"values": (1, 1)}, "values: one stands there twice"),
        ({"classes": ("a", "a")}, "classes: one stands there twice"),
        ({"values": (0, 5), "ignore": (5,)}, "5 is a class and ignored"),
        ({"values": (0, 70000)}, "allowed: 0 to 65535"),
        ({"ignore": (-1,)}, "allowed: 0 to 65535"),
        ({"colors": ((0, 0, 256), (0, 0, 0))}, "allowed: 0 to 255"),
        ({"values": (0, 1, 2), "classes": ("a", "b")}, r"3 values for 2 classes \(a, b\); give one each"),
        ({"validation_fraction": 1.0}, "together below 1"),
    ],
)
def test_fields_that_do_not_fit(lay, fields, said):
    root = lay(("images/1.png", "masks/1.png", 1))
    with pytest.raises(UsageError, match=said):
        opened(root, **fields)


def test_recipe_json_round_trip():
    source = sources["image_mask"](path="a", colors=COLORS, classes=("a", "b", "c", "d"), ignore_colors=(VOID,))
    assert from_json(to_json(source)) == source
    source = sources["image_mask"](path="a", ignore=(255, 3))
    assert from_json(to_json(source)) == source
