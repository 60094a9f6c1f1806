"""Labels written in each format and read back are the same labels."""

import itertools
import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import sources
from kerasvision.data.inspect.convert import convert
from kerasvision.data.sources._records import encoded

WHOLE = {"validation_fraction": 0.0, "test_fraction": 0.0}
W, H = 44, 36
NAMES = ("zebra", "ant", "big dog")  # not sorted: the order must survive


def rle(rng):
    packed = coco_mask.encode(np.asfortranarray(rng.random((H, W)) < 0.3, np.uint8))
    return {"size": [H, W], "counts": packed["counts"].decode()}


def annotations(rng, image_id, count):
    for number in range(count):
        x, y, w, h = (*rng.uniform(0, 15, 2), *rng.uniform(5, 14, 2))
        polygon = [x, y, x + w, y, x + w / 2, y + h]
        shapes = ([polygon], [polygon, [v + 15 for v in polygon]], rle(rng))
        yield {
            "image_id": image_id,
            "category_id": int(rng.integers(3)),
            "bbox": [x, y, w, h] if number % 4 else [x + 0.5, y, w - 1, h],
            "iscrowd": int(number % 3 == 2),
            "segmentation": shapes[number % 3],
            "area": float(rng.uniform(5, 100)),
            "occlusion": float(rng.random()),
        }


@pytest.fixture
def origin(tmp_path, noise):
    """A COCO folder with everything: polygons of one and two parts, crowds, folders in names, equal stems."""
    rng = np.random.default_rng(0)
    root = tmp_path / "origin"
    for split, first in (("train", 100), ("val", 200)):
        names = [f"{split}/sub/a.png", f"{split}/a.png", f"{split}/a.jpg", f"{split}/b.png"]
        images = [
            {"id": first + i, "file_name": n, "width": W, "height": H, "illumination": float(rng.normal())}
            for i, n in enumerate(names)
        ]
        rows = [a for i in range(3) for a in annotations(rng, first + i, 4 - i)]
        for i, image in enumerate(images):
            path = root / image["file_name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            noise(first + i, (W, H)).save(path)
        held = {
            "images": images,
            "annotations": [r | {"id": i} for i, r in enumerate(rows)],
            "categories": [{"id": i, "name": n} for i, n in enumerate(NAMES)],
        }
        (root / f"{split}.json").write_text(json.dumps(held))
    return sources["coco"](path=str(root), **WHOLE)


def reopened(kind, folder):
    return sources[kind](path=str(folder), **WHOLE)


def masks(thing, hw):
    return None if thing.segmentation is None else coco_mask.decode(encoded(thing.segmentation, hw))


def assert_equal(one, other, box_px):
    assert one.classes == other.classes
    assert list(one.splits) == list(other.splits)
    for name in one.splits:
        left, right = (sorted(held.splits[name], key=lambda p: p.image_id) for held in (one, other))
        for a, b in zip(left, right, strict=True):
            assert (a.image_id, a.illumination, a.image_hw) == (b.image_id, b.illumination, b.image_hw)
            with open(a.path, "rb") as first, open(b.path, "rb") as second:  # noqa: PTH123
                assert first.read() == second.read()
            for s, t in zip(a.things, b.things, strict=True):
                np.testing.assert_allclose(s.box_xyxy, t.box_xyxy, rtol=0, atol=box_px)
                for field in ("label", "is_crowd", "is_difficult", "is_truncated", "area_px", "occlusion"):
                    assert getattr(s, field) == getattr(t, field), field
                np.testing.assert_array_equal(masks(s, a.image_hw), masks(t, a.image_hw))


# stated: 1e-6 px in VOC, 1e-8 of a side in YOLO; float64 in COCO
ROUNDING_PX = {"coco": 1e-12, "voc": 1e-6, "yolo": 1e-6}


@pytest.mark.parametrize("kinds", list(itertools.permutations(ROUNDING_PX, 2)), ids="-".join)
def test_there_and_back_loses_nothing(origin, tmp_path, kinds):
    source, rounding = origin, 1e-9
    for number, kind in enumerate((*kinds, "coco")):
        source = reopened(kind, convert(source, kind, tmp_path / f"{number}_{kind}"))
        rounding += ROUNDING_PX[kind]
    assert_equal(origin.arranged(), source.arranged(), rounding)


def test_voc_s_own_flags_survive(tmp_path, noise):
    root = tmp_path / "voc"
    root.mkdir()
    noise(0).save(root / "a.png")
    (root / "a.xml").write_text(
        "<annotation><object><name>cat</name><truncated>1</truncated><bndbox><xmin>3</xmin><ymin>2</ymin>"
        "<xmax>9</xmax><ymax>8</ymax></bndbox></object></annotation>"
    )
    origin = reopened("voc", root)
    source = origin
    for kind in ("coco", "yolo", "voc"):
        source = reopened(kind, convert(source, kind, tmp_path / f"to_{kind}"))
        thing = source.arranged().splits["train"][0].things[0]
        assert (thing.is_truncated, thing.is_difficult) == (True, False)
        np.testing.assert_allclose(thing.box_xyxy, (2, 1, 9, 8), rtol=0, atol=1e-6)
    text = (tmp_path / "to_voc" / "Annotations" / "a.xml").read_text()
    assert "<xmin>3</xmin>" in text
    assert "<ymax>8</ymax>" in text


def test_pycocotools_reads_what_is_written(origin, tmp_path):
    folder = convert(origin, "coco", tmp_path / "out")
    held = COCO(folder / "annotations" / "train.json")
    assert sorted(held.anns) == list(range(1, 10))
    arranged = origin.arranged()
    for picture in arranged.splits["train"]:
        rows = held.loadAnns(held.getAnnIds(imgIds=picture.image_id))
        for row, thing in zip(rows, picture.things, strict=True):
            assert held.cats[row["category_id"]]["name"] == NAMES[thing.label]
            np.testing.assert_array_equal(held.annToMask(row), masks(thing, picture.image_hw))


def test_yolo_files_mean_the_same_to_their_other_readers(origin, tmp_path):
    """Ultralytics takes every line of a file with polygons as one, so none may be a box; hulls are the boxes."""
    folder = convert(origin, "yolo", tmp_path / "out")
    arranged = origin.arranged()
    for split, short in (("train", "train"), ("validation", "val")):
        for file in sorted((folder / "labels" / short).glob("*.txt")):
            lines = [line.split() for line in file.read_text().splitlines()]
            assert all(len(words) >= 7 and len(words) % 2 for words in lines)
            image = next((folder / "images" / short).glob(f"{file.stem}.*")).read_bytes()
            picture = next(p for p in arranged.splits[split] if open(p.path, "rb").read() == image)  # noqa: PTH123, SIM115
            for words, thing in zip(lines, picture.things, strict=True):
                assert int(words[0]) == thing.label
                points = np.array(words[1:], float).reshape(-1, 2) * [W, H]
                if isinstance(thing.segmentation, list):
                    expected = np.concatenate(thing.segmentation).reshape(-1, 2)
                else:
                    expected = np.array(thing.box_xyxy).reshape(2, 2)
                np.testing.assert_allclose(points.min(0), expected.min(0), atol=1e-6)
                np.testing.assert_allclose(points.max(0), expected.max(0), atol=1e-6)
            joined = [w for w, t in zip(lines, picture.things, strict=True) if isinstance(t.segmentation, list)]
            for words, thing in zip(
                joined, [t for t in picture.things if isinstance(t.segmentation, list)], strict=True
            ):
                drawn = coco_mask.decode(
                    encoded([(np.array(words[1:], float).reshape(-1, 2) * [W, H]).ravel().tolist()], (H, W))
                )
                meant = masks(thing, (H, W))
                assert (drawn != meant).sum() <= 0.15 * meant.sum() + 4


def test_boxes_alone_are_five_numbers(tmp_path, noise):
    root = tmp_path / "yolo"
    root.mkdir()
    noise(0).save(root / "a.png")
    (root / "classes.txt").write_text("cat\ndog\n")
    (root / "a.txt").write_text("1 0.5 0.25 0.5 0.5\n")
    folder = convert(reopened("yolo", root), "yolo", tmp_path / "out")
    assert (folder / "labels" / "train" / "a.txt").read_text() == "1 0.5 0.25 0.5 0.5\n"


def test_links_and_refusals(origin, tmp_path):
    folder = convert(origin, "voc", tmp_path / "out", link=True)
    assert all(p.is_symlink() and p.is_file() for p in (folder / "JPEGImages").iterdir())
    with pytest.raises(UsageError, match="is there already"):
        convert(origin, "voc", tmp_path / "out")
    with pytest.raises(UsageError, match="allowed: coco, voc, yolo"):
        convert(origin, "kitti", tmp_path / "kitti")
    with pytest.raises(UsageError, match="sources/digits holds no boxes"):
        convert(sources["digits"](), "coco", tmp_path / "digits")
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_names_that_lead_out_of_the_folder_stay_inside(tmp_path, noise):
    root = tmp_path / "deep" / "er"
    (root / "images").mkdir(parents=True)
    noise(5).save(tmp_path / "deep" / "out.png")
    held = {
        "images": [{"id": 1, "file_name": "../../out.png"}],
        "annotations": [],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (root / "train.json").write_text(json.dumps(held))
    source = sources["coco"](path=str(root), images="images", **WHOLE)
    for kind in ("coco", "voc", "yolo"):
        folder = convert(source, kind, tmp_path / kind)
        assert [p.name for p in folder.rglob("*.png")] == ["out.png"]
