"""The coco source against pycocotools, and every kind of bad input."""

import json
import zlib

import numpy as np
import pytest
import tensorflow as tf
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create, sources
from kerasvision.data.inspect.check import check
from kerasvision.data.pipeline import augmented, stream_seed
from kerasvision.data.sources._records import counts_of, decode_runs, mask_runs

H, W = 36, 44


def document(pictures=6, seed=0, first=10):
    """Random polygons, RLE and crowds; categories 7 and 3, so that ids are neither dense nor sorted."""
    rng = np.random.default_rng(seed)
    images = [{"id": first + 5 * i, "file_name": f"{i:02d}.png", "height": H, "width": W} for i in range(pictures)]
    annotations = []
    for image in images[1:]:  # the first has no objects
        for _ in range(rng.integers(1, 4)):
            x, y = rng.uniform(0, 20, 2)
            w, h = rng.uniform(4, 15, 2)
            polygon = [x, y, x + w, y + 1, x + w - 2, y + h, x + 1, y + h - 1]
            pixels = np.asfortranarray(rng.random((H, W)) < 0.2, np.uint8)
            packed = coco_mask.encode(pixels)
            counts = [[int(c) for c in counts_of(packed["counts"])], packed["counts"].decode()][rng.integers(2)]
            crowd = int(rng.integers(3) == 0)
            shape = (
                {"size": [H, W], "counts": counts}
                if crowd
                else [polygon, [v + 3 for v in polygon]][: 1 + len(annotations) % 2]
            )
            row = {"id": len(annotations) + 1, "image_id": image["id"], "category_id": int(rng.choice([7, 3]))}
            row |= {"bbox": [x, y, w, h], "area": float(w * h / 2), "iscrowd": crowd, "segmentation": shape}
            annotations.append(row)
    categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def write(root, held, noise, name="annotations/instances_train2017.json", folder="train2017"):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(held))
    (root / folder).mkdir(parents=True, exist_ok=True)
    for image in held["images"]:
        noise(zlib.crc32(f"{folder}{image['file_name']}".encode()), (W, H)).save(root / folder / image["file_name"])
    return file


@pytest.fixture
def one(tmp_path, noise):
    """A folder with a training file only, and a way to change it: one(change) -> the source of the changed file."""
    held = document()
    file = write(tmp_path, held, noise)

    def make(change=lambda held: None, **fields):
        change(held)
        file.write_text(json.dumps(held))
        fields = {"validation_fraction": 0.0, "test_fraction": 0.0} | fields
        return sources["coco"](path=str(tmp_path), **fields)

    make.file = file
    return make


def samples(split):
    return list(split.records.map(split.read).as_numpy_iterator())


def test_boxes_labels_masks_and_crowds_are_those_of_pycocotools(one):
    opened = one(masks=True).open()
    assert opened.classes == ("cat", "dog")
    ground_truth = COCO(one.file)
    seen = samples(opened.splits["train"])
    assert [s["image_id"] for s in seen] == [10, 15, 20, 25, 30, 35]
    assert len(seen[0]["labels"]) == 0
    assert seen[0]["instance_masks"].shape == (0, H, W)
    crowds = 0
    for s in seen:
        rows = ground_truth.loadAnns(ground_truth.getAnnIds(imgIds=int(s["image_id"])))
        boxes = np.array([r["bbox"] for r in rows]).reshape(-1, 4)
        np.testing.assert_allclose(s["boxes_xyxy"], np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]), rtol=1e-6)
        assert [opened.classes[i] for i in s["labels"]] == [{7: "dog", 3: "cat"}[r["category_id"]] for r in rows]
        assert s["is_crowd"].tolist() == [bool(r["iscrowd"]) for r in rows]
        np.testing.assert_allclose(s["area_px"], [r["area"] for r in rows], rtol=1e-6)
        for mask, row in zip(s["instance_masks"], rows, strict=True):
            np.testing.assert_array_equal(mask, ground_truth.annToMask(row))
        crowds += s["is_crowd"].sum()
    assert crowds and sum(len(s["labels"]) for s in seen) == len(ground_truth.anns)
    types = {"boxes_xyxy": "float32", "labels": "int32", "is_crowd": "bool", "area_px": "float32"}
    types |= {"instance_masks": "uint8"}
    assert {k: v.dtype.name for k, v in seen[1].items() if isinstance(v, np.ndarray)} == types
    assert seen[0]["image_id"].dtype == "int64"


@pytest.mark.parametrize("density", [0.0, 0.02, 0.5, 1.0])
def test_runs_decode_to_the_mask_for_every_density(density):
    rng = np.random.default_rng(3)
    masks = (rng.random((4, 300, 41)) < density).astype(np.uint8)  # 300 rows: runs above 255 and long counts
    packed = [coco_mask.encode(np.asfortranarray(m)) for m in masks]
    runs = np.concatenate([mask_runs(p, (300, 41)) for p in packed])
    np.testing.assert_array_equal(decode_runs(tf.constant(runs), 4, (300, 41)), masks)


def test_without_masks_none_are_read(one):
    assert all("instance_masks" not in s for s in samples(one().open().splits["train"]))


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["annotations/instances_train2017.json", "annotations/instances_val2017.json"], ["train2017", "val2017"]),
        (["train/_annotations.coco.json", "valid/_annotations.coco.json"], ["train", "valid"]),
        (["train.json", "val.json"], ["images", "images/val"]),
        (["annotations/train.json", "annotations/validation.json"], ["images/train", "validation/images"]),
    ],
)
def test_layouts_are_found(tmp_path, noise, names, folders):
    for number, (name, folder) in enumerate(zip(names, folders, strict=True)):
        write(tmp_path, document(4 + number), noise, name, folder)
    (tmp_path / "annotations").mkdir(exist_ok=True)
    (tmp_path / "annotations" / "person_keypoints_train2017.json").write_text("{}")
    opened = sources["coco"](path=str(tmp_path), test_fraction=0.0).open()
    assert {k: v.size for k, v in opened.splits.items()} == {"train": 4, "validation": 5}


def test_missing_splits_are_cut_out_of_training(tmp_path, noise):
    write(tmp_path, document(20), noise)
    opened = sources["coco"](path=str(tmp_path)).open()
    ids = {name: {int(s["image_id"]) for s in samples(split)} for name, split in opened.splits.items()}
    assert {k: len(v) for k, v in ids.items()} == {"train": 14, "validation": 3, "test": 3}
    assert len(set.union(*ids.values())) == 20


def test_one_json_file_and_an_images_folder(one, tmp_path):
    source = sources["coco"](path=str(one.file), images=str(tmp_path / "train2017"), test_fraction=0.0)
    assert set(source.open().splits) == {"train", "validation"}


def refusal(source):
    with pytest.raises(KerasVisionError) as error:
        source.open()
    assert "\n" not in str(error.value)
    return str(error.value)


def boxed(number, box):
    def change(held):
        held["annotations"][number]["bbox"] = box

    return change


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ([5, 5, -3, 4], "box 1 is reversed"),
        ([5, 5, 0, 4], "box 1 has no area"),
        ([W + 1, 5, 3, 4], "box 1 lies outside the image"),
        ([-9, 5, 3, 4], "box 1 lies outside the image"),
        ([float("nan"), 5, 3, 4], "box 1 is not finite"),
        ([5, 5, float("inf"), 4], "box 1 is not finite"),
    ],
)
def test_bad_boxes_are_refused_or_left_out(one, box, reason):
    change = boxed(0, box)
    assert f"1 images with boxes that cannot be used: 01.png ({reason})" in refusal(one(change))
    count = sum(a["image_id"] == 15 for a in json.loads(one.file.read_text())["annotations"])
    opened = one(change, skip_bad_boxes=True).open()
    assert opened.dropped == (f"boxes: 01.png ({reason})",)
    assert len(samples(opened.splits["train"])[1]["labels"]) == count - 1


def test_a_box_beyond_the_image_is_clipped(one):
    opened = one(boxed(0, [30, 20, 20.25, 16.3])).open()
    hulls = "hulls: 01.png (box 1)"  # its polygon lies elsewhere
    assert opened.dropped == (hulls, "margins: 01.png (1 boxes, by up to 6.2 px)")
    np.testing.assert_array_equal(samples(opened.splits["train"])[1]["boxes_xyxy"][0], [30, 20, W, H])
    assert one(boxed(0, [30, 20, 14.25, 16.3])).open().dropped == (hulls,)  # a quarter of a pixel is rounding


def test_equal_boxes_count_once(one):
    def twice(held):
        held["annotations"].append(held["annotations"][0] | {"id": 999})

    before = len(samples(one().open().splits["train"])[1]["labels"])
    opened = one(twice).open()
    assert opened.dropped == (f"repeated: 01.png (box {before + 1})",)
    assert len(samples(opened.splits["train"])[1]["labels"]) == before


def test_more_objects_than_allowed(one):
    largest = max(len(s["labels"]) for s in samples(one().open().splits["train"]))
    line = refusal(one(max_objects=largest - 1))
    assert f"more than max_objects={largest - 1} objects" in line
    assert f"set max_objects={largest}, or 0 for any number" in line
    assert one(max_objects=largest).open().splits["train"].size == 6


def test_refusals(one, tmp_path):
    cases = {
        "category 99 is none of the categories": lambda h: h["annotations"][0].update(category_id=99),
        "no image has the id 4": lambda h: h["annotations"][0].update(image_id=4),
        "bbox is [1, 2, 3]": lambda h: h["annotations"][0].update(bbox=[1, 2, 3]),
        "bbox is None": lambda h: h["annotations"][0].pop("bbox"),
        "1 image ids stand there twice: 15": lambda h: h["images"][2].update(id=15),
        "1 images stand there twice: 01.png": lambda h: h["images"][2].update(file_name="01.png"),
        "03.png has 44 x 36 pixels and its labels say 44 x 30": lambda h: h["images"][3].update(height=30),
        "classes 0 and 1 are both 'cat'": lambda h: h["categories"][0].update(name="cat"),
        "two categories of one id": lambda h: h["categories"][0].update(id=3),
        "annotations[0] has no category_id": lambda h: h["annotations"][0].pop("category_id"),
        "no list 'images'": lambda h: h.pop("images"),
        "1 of 6 files cannot be read: gone.png (no such file or directory)": lambda h: h["images"][3].update(
            file_name="gone.png"
        ),
    }
    whole = one.file.read_text()
    for line, change in cases.items():
        held = json.loads(whole)
        change(held)
        one.file.write_text(json.dumps(held))
        assert line in refusal(sources["coco"](path=str(tmp_path), test_fraction=0.0))
    one.file.write_text("{")
    assert "no JSON" in refusal(sources["coco"](path=str(tmp_path)))
    assert "no such file or folder" in refusal(sources["coco"](path=str(tmp_path / "gone")))
    assert "train='x.json': no such file" in refusal(sources["coco"](path=str(tmp_path), train="x.json"))
    assert "max_objects=-1" in refusal(sources["coco"](path=str(tmp_path), max_objects=-1))


def test_a_missing_image_is_left_out_on_request(one):
    opened = one(lambda h: h["images"][3].update(file_name="gone.png"), skip_unreadable=True).open()
    assert opened.splits["train"].size == 5
    assert opened.dropped[0] == "unreadable: gone.png (no such file or directory)"


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        (None, "no segmentation"),
        ([[1, 2, 3, 4]], "three points or more"),
        ([[1, 2, 3, 4, float("nan"), 6]], "three points or more"),
        ({"size": [H, W + 1], "counts": [H * W + H]}, "its size is"),
        ({"size": [H, W], "counts": [5, 6]}, "do not add up"),
    ],
)
def test_segmentations_that_cannot_be_used(one, shape, line):
    where = "01.png, object 1: "
    message = refusal(one(lambda h: h["annotations"][0].update(segmentation=shape), masks=True))
    assert where in message
    assert line in message


def test_extra_keys_are_there_when_all_state_them(one):
    def state(held):
        for number, annotation in enumerate(held["annotations"]):
            annotation["occlusion"] = number / 100
        for image in held["images"]:
            image["illumination"] = -1.5

    seen = samples(one(state).open().splits["train"])
    np.testing.assert_allclose(
        np.concatenate([s["occlusion"] for s in seen]), np.arange(sum(len(s["labels"]) for s in seen)) / 100
    )
    assert all(s["illumination"] == -1.5 for s in seen)
    partly = one(lambda h: (h["annotations"][0].pop("occlusion"), h["images"][0].pop("illumination")))
    assert not {"occlusion", "illumination"} & set(samples(partly.open().splits["train"])[1])


def test_augmentation_keeps_rows_together(one):
    """A crop drops objects with their rows of every key."""
    opened = one(masks=True).open()
    split = opened.splits["train"]
    part = create("augmentations/geometric/random_crop", size_px=(20, 20))
    seen = 0
    for number, record in enumerate(split.records):
        moved = augmented(split.read(record), [part], stream_seed(0, number))
        count = len(moved["boxes_xyxy"])
        seen += count
        assert all(len(moved[k]) == count for k in ("labels", "is_crowd", "area_px", "instance_masks"))
    assert 0 < seen < sum(len(s["labels"]) for s in samples(split))


def test_data_check_counts_objects(one):
    report = check(one(boxed(0, [5, 5, 0, 4])))
    assert [f["kind"] for f in report["findings"]] == ["boxes"]
    count = len(json.loads(one.file.read_text())["annotations"])
    assert sum(report["splits"]["train"]["classes"].values()) == count - 1


def test_recipe_json_round_trip():
    source = sources["coco"](path="x", masks=True, max_objects=7)
    assert from_json(to_json(source)) == source
