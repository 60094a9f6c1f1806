"""What `data check` says of boxes, against a folder whose oddities were put there."""

import json
import types

import numpy as np
import pytest

from kerasvision.core.registry import create
from kerasvision.data.inspect import objects
from kerasvision.data.inspect.check import check
from tests.data.drawn import draw_coco


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """(COCO's document, its folder)."""
    root = tmp_path_factory.mktemp("odd")
    held = draw_coco(root, 20, (60, 90), seed=3)
    first = held["images"][0]  # an empty one

    def add(image, box, category=1):
        row = {"id": 1000 + len(held["annotations"]), "image_id": image["id"], "category_id": category, "iscrowd": 0}
        held["annotations"].append(row | {"bbox": box, "area": box[2] * box[3]})

    add(first, [5, 6, 2, 40])  # tiny, and 20 times as long as wide
    add(held["images"][5], [0, 0, held["images"][5]["width"], held["images"][5]["height"]])
    add(held["images"][10], [10, 10, 30, 30])
    add(held["images"][10], [10, 10, 30, 29])
    add(held["images"][15], [10, 10, 30, 30], 1)
    add(held["images"][15], [10, 10, 30, 29], 2)  # another class
    held["categories"].append({"id": 3, "name": "ghost"})
    (root / "annotations" / "train.json").write_text(json.dumps(held))
    return held, root


@pytest.fixture(scope="module")
def report(document):
    return check(create("sources/coco", path=str(document[1]), validation_fraction=0.0, test_fraction=0.0))


def test_counts_and_sizes(document, report):
    held, _ = document
    rows = held["annotations"]
    sides = np.sqrt([r["bbox"][2] * r["bbox"][3] for r in rows])
    counts = [sum(r["image_id"] == i["id"] for r in rows) for i in held["images"]]
    train = report["objects"]["train"]
    assert train["count"] == len(rows)
    assert train["images_without"] == counts.count(0) == 0
    assert train["per_image"] == {"mean": round(np.mean(counts), 2), "max": max(counts)}
    assert train["side_px"] == {
        "min": round(sides.min(), 1),
        "median": round(float(np.median(sides)), 1),
        "max": round(sides.max(), 1),
    }
    assert train["sizes"] == {"small": (sides < 32).sum(), "medium": ((sides >= 32) & (sides < 96)).sum(), "large": 0}
    for number, name in enumerate(("box", "disk"), 1):
        mine = [r for r in rows if r["category_id"] == number]
        own = train["classes"][name]
        assert own["count"] == report["splits"]["train"]["classes"][name] == len(mine)
        assert own["images"] == len({r["image_id"] for r in mine})
        assert own["median_side_px"] == round(float(np.median([(r["bbox"][2] * r["bbox"][3]) ** 0.5 for r in mine])), 1)
    assert train["classes"]["ghost"] == {"count": 0, "images": 0, "median_side_px": None}
    json.dumps(report)


def test_odd_boxes_are_found_and_named(report):
    found = {f["kind"]: f["examples"] for f in report["findings"]}
    assert found["tiny"] == ["train/00.png (box 2 x 40 at 5, 6)"]
    assert found["long"] == found["tiny"]
    assert [line.split()[0] for line in found["whole"]] == ["train/05.png"]
    assert found["twins"] == ["train/10.png (box 30 x 29 at 10, 10)"]
    assert found["absent"] == ["train: ghost"]
    assert all(f["training"] for f in report["findings"])


@pytest.mark.parametrize(
    ("sides", "size"),
    [
        ((31, 33), "small"),  # an area of 1023
        ((32, 32), "medium"),
        ((16, 64), "medium"),
        ((95, 97), "medium"),  # 9215
        ((96, 96), "large"),
        ((1, 1), "small"),
        ((2000, 3000), "large"),
    ],
)
def test_sizes_change_at_an_area_of_32_and_of_96_squared(sides, size):
    """COCO's areas: small below 32**2, large from 96**2 on, as pycocotools has them but for its closed upper ends."""
    box = np.array([[5.0, 7.0, 5.0 + sides[0], 7.0 + sides[1]]], np.float32)
    seen = [types.SimpleNamespace(split="train", boxes_xyxy=box, labels=[0])]
    sizes = objects.report(seen, ("thing",))["objects"]["train"]["sizes"]
    assert sizes == {name: int(name == size) for name in ("small", "medium", "large")}


def test_sources_without_boxes_say_nothing_of_objects():
    assert "objects" not in check(create("sources/digits"))
