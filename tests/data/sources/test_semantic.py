"""Masks of classes out of sources of objects, against masks painted here."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from pycocotools import mask as coco_mask

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import augmentations, sources
from kerasvision.data.inspect.check import check
from kerasvision.data.pipeline import augmented, stream_seed

H, W = 36, 44
WHOLE = {"validation_fraction": 0.0, "test_fraction": 0.0}


def square(x, y, side):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def rle(x, y, side, compressed):
    pixels = np.zeros((H, W), np.uint8, order="F")
    pixels[y : y + side, x : x + side] = 1
    if compressed:
        return {"size": [H, W], "counts": coco_mask.encode(pixels)["counts"].decode()}
    edges = np.flatnonzero(np.diff(pixels.ravel("F"), prepend=0, append=0))
    return {"size": [H, W], "counts": np.diff(edges, prepend=0, append=H * W).tolist()}


def thing(category, x, y, side, shape=None, **extra):
    """A square: a polygon, or RLE of either kind."""
    held = square(x, y, side) if shape is None else rle(x, y, side, shape == "compressed")
    return {"category_id": category, "bbox": [x, y, side, side], "segmentation": held} | extra


CAT, DOG = 4, 9  # labels 0 and 1, ids 1 and 2
# objects as they stand in the file, and (value, x, y, side) in the order in which they are painted
PICTURES = [
    ([], []),
    ([thing(CAT, 4, 4, 8), thing(DOG, 2, 2, 20, "runs")], [(2, 2, 2, 20), (1, 4, 4, 8)]),
    ([thing(DOG, 2, 2, 20, "compressed"), thing(CAT, 4, 4, 8, "runs")], [(2, 2, 2, 20), (1, 4, 4, 8)]),
    ([thing(CAT, 5, 5, 10), thing(DOG, 9, 9, 10)], [(1, 5, 5, 10), (2, 9, 9, 10)]),  # equally large: the later
    (
        [thing(CAT, 10, 6, 25), thing(DOG, 6, 6, 12, "compressed", iscrowd=1)],
        [(255, 6, 6, 12), (1, 10, 6, 25)],
    ),  # a crowd is under what is marked, small as it is
    (
        [thing(DOG, 3, 3, 6, "runs", difficult=1), thing(CAT, 1, 1, 20), thing(DOG, 3, 3, 3)],
        [(1, 1, 1, 20), (255, 3, 3, 6), (2, 3, 3, 3)],
    ),
]


def painted(rows):
    mask = np.zeros((H, W), np.uint8)
    for value, x, y, side in rows:
        mask[y : y + side, x : x + side] = value
    return mask


@pytest.fixture
def coco(tmp_path, noise):
    """coco(difficult, names): `sources/coco` of the pictures."""

    def make(difficult=True, names=("cat", "dog")):
        rows = []
        for number, (things, _) in enumerate(PICTURES):
            noise(number, (W, H)).save(tmp_path / f"{number}.png")
            for held in things:
                extra = {"difficult": 0} | held if difficult else {k: v for k, v in held.items() if k != "difficult"}
                rows.append({"id": len(rows), "image_id": number, "iscrowd": 0} | extra)
        images = [{"id": n, "file_name": f"{n}.png", "height": H, "width": W} for n in range(len(PICTURES))]
        categories = [{"id": i, "name": n} for i, n in zip((CAT, DOG), names, strict=True)]
        document = {"images": images, "annotations": rows, "categories": categories}
        (tmp_path / "train.json").write_text(json.dumps(document))
        return sources["coco"](path=str(tmp_path), **WHOLE)

    return make


def samples(source, split="train"):
    held = source.open().splits[split]
    return list(held.records.map(held.read).as_numpy_iterator())


def test_smaller_objects_lie_on_larger_ones_and_crowds_below(coco):
    source = sources["semantic"](of=coco())
    assert source.open().classes == ("background", "cat", "dog")
    held = samples(source)
    for sample, (_, rows) in zip(held, PICTURES, strict=True):
        np.testing.assert_array_equal(sample["mask"], painted(rows))
        assert sample["mask"].dtype == np.uint8
        assert set(sample) == {"image_bytes", "path", "image_id", "mask"}
    assert {v for s in held for v in np.unique(s["mask"])} == {0, 1, 2, 255}


def test_without_word_of_difficult_objects_all_are_learned(coco):
    values = np.unique(samples(sources["semantic"](of=coco(difficult=False)))[-1]["mask"])
    assert values.tolist() == [0, 1, 2]


@pytest.fixture
def cut_paste(tmp_path):
    """Scenes of red balls and blue cubes over gray: the picture itself says what is on top."""
    for name, color in (("ball", (220, 20, 20)), ("cube", (20, 20, 220))):
        (tmp_path / "objects" / name).mkdir(parents=True)
        for i in "abc":
            picture = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
            picture.paste((*color, 255), (10, 10, 70, 70))
            picture.putpixel((20, 20 + ord(i) % 7), (*color, 254))
            picture.save(tmp_path / "objects" / name / f"{name}_{i}.png")
    (tmp_path / "grounds").mkdir()
    for i, level in enumerate((90, 120, 150)):
        Image.new("RGB", (150, 120), (level,) * 3).save(tmp_path / "grounds" / f"{'abc'[i]}.png")
    plain = {"rotation_deg": 0.0, "exposure_ev": (0.0, 0.0), "gradient_ev": 0.0, "tint_ev": 0.0, "side": (0.2, 0.5)}
    fields = {"scenes": (8, 2, 2), "image_size": (100, 120), "objects": (3, 6), "cache": str(tmp_path / "cache")}
    return sources["cut_paste"](
        path=str(tmp_path / "objects"), backgrounds=(str(tmp_path / "grounds"),), **(plain | fields)
    )


def test_scenes_show_what_the_mask_says(cut_paste):
    source = sources["semantic"](of=cut_paste)
    opened = source.open()
    assert opened.classes == ("background", "ball", "cube")
    assert {n: s.size for n, s in opened.splits.items()} == {"train": 8, "validation": 2, "test": 2}
    agreed, overlaps = [], 0
    for sample, objects in zip(samples(source), samples(cut_paste), strict=True):
        image = tf.io.decode_jpeg(sample["image_bytes"]).numpy().astype(int)
        red_over_blue = image[..., 0] - image[..., 2]
        ground_truth = np.where(red_over_blue > 60, 1, np.where(red_over_blue < -60, 2, 0))
        agreed.append((ground_truth == sample["mask"]).mean())
        assert set(sample) == {"image_bytes", "path", "image_id", "illumination", "mask"}
        overlaps += (objects["occlusion"] > 0.1).sum()
    assert overlaps > 5
    assert min(agreed) > 0.95  # blended borders and JPEG


def test_affine_moves_the_mask_with_the_image_and_drops_nothing(cut_paste):
    split = sources["semantic"](of=cut_paste).open().splits["train"]
    affine = augmentations["geometric/affine"](degrees=45.0, mask_fill=255)
    changed = 0
    for number, record in enumerate(split.records):
        plain = augmented(split.read(record), [], stream_seed(0, number))
        moved = augmented(split.read(record), [affine], stream_seed(0, number))
        image, mask = moved["image"].numpy().astype(int), moved["mask"].numpy()
        red_over_blue = image[..., 0] - image[..., 2]
        ground_truth = np.where(red_over_blue > 60, 1, np.where(red_over_blue < -60, 2, 0))
        seen = mask != 255
        assert seen.mean() > 0.3
        assert (ground_truth == mask)[seen].mean() > 0.93
        changed += (mask != plain["mask"].numpy()).mean() / 8
    assert changed > 0.1


def test_leniency_reaches_the_inner_source(coco):
    source = sources["semantic"](of=coco())
    pathlib.Path(source.path, "1.png").write_text("no picture")
    with pytest.raises(KerasVisionError, match="1 of 6 files cannot be read"):
        source.open()
    assert len(samples(sources["semantic"](of=source.of, skip_unreadable=True))) == 5
    report = check(source)
    assert [f["examples"] for f in report["findings"] if f["kind"] == "unreadable"] == [["1.png (text, not an image)"]]


def test_check_counts_pixels(coco):
    report = check(sources["semantic"](of=coco()))
    values = np.bincount(np.concatenate([painted(rows).ravel() for _, rows in PICTURES]), minlength=256)
    classes = dict(zip(("background", "cat", "dog"), values[:3].tolist(), strict=True))
    assert report["pixels"] == {"train": {"classes": classes, "ignored": int(values[255])}}
    assert report["splits"]["train"]["classes"] == {"background": 6, "cat": 5, "dog": 4}
    assert not [f for f in report["findings"] if "/" in str(f["examples"])]  # names are relative to the folder


def test_refusals(coco, tmp_path):
    with pytest.raises(UsageError, match="it has no masks; allowed: coco, cut_paste, moving, voc, yolo"):
        sources["semantic"](of=sources["digits"]()).open()
    with pytest.raises(KerasVisionError, match="a class is named 'background'"):
        sources["semantic"](of=coco(names=("cat", "background"))).open()
    source = coco()
    document = json.loads((tmp_path / "train.json").read_text())
    document["categories"] += [{"id": 100 + i, "name": f"c{i}"} for i in range(253)]
    (tmp_path / "train.json").write_text(json.dumps(document))
    with pytest.raises(KerasVisionError, match="255 classes; allowed: 254 or fewer"):
        sources["semantic"](of=source).open()
    del document["annotations"][0]["segmentation"]
    (tmp_path / "train.json").write_text(json.dumps(document))
    with pytest.raises(KerasVisionError, match="no segmentation; masks=True needs one"):
        sources["semantic"](of=source).open()


def test_recipe_json_round_trip(coco):
    source = sources["semantic"](of=coco())
    assert from_json(to_json(source)) == source
