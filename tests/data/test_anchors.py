"""Anchors of a data source: sizes against the geometry of training, and the figures against numpy."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.core.component import from_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.inspect import anchors as fitting
from kerasvision.ops import geometry as geo
from kerasvision.ops.anchors import Anchors
from tests.data.drawn import draw_coco


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """(COCO's document, the source): all of it trains."""
    root = tmp_path_factory.mktemp("drawn")
    document = draw_coco(root, 12, (40, 130))
    document["annotations"][0]["iscrowd"] = 1
    (root / "annotations" / "train.json").write_text(json.dumps(document))
    return document, create("sources/coco", path=str(root), validation_fraction=0.0, test_fraction=0.0)


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
def test_sizes_are_those_of_the_boxes_that_training_sees(drawn, size, resize):
    document, source = drawn
    wanted = []
    for image in document["images"]:
        pixels = tf.zeros([1, image["height"], image["width"], 3], tf.uint8)
        geometry = {k: v[0] for k, v in geo.fit_images(pixels, size, resize)[1].items()}
        rows = [a["bbox"] for a in document["annotations"] if a["image_id"] == image["id"] and not a["iscrowd"]]
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32).reshape(-1, 4)
        moved = geo.move_boxes(tf.constant(boxes), geometry).numpy()
        wanted.append(moved[:, 2:] - moved[:, :2])
    found = fitting.graph_sizes(source, size, resize)
    np.testing.assert_allclose(found, np.concatenate(wanted), rtol=1e-4)
    assert len(found) == len(document["annotations"]) - 1  # without the crowd


def mean_best_iou(boxes, shapes):
    best = []
    for w, h in boxes:
        overlaps = [min(w, a) * min(h, b) for a, b in shapes]
        best.append(max(o / (w * h + a * b - o) for o, (a, b) in zip(overlaps, shapes, strict=True)))
    return np.array(best)


def test_report_and_fitted_anchors(drawn):
    fitted = fitting.fit(drawn[1], (128, 128), (8, 16, 32), 7)
    held = fitted.summary
    shapes = [pair for level in fitted.anchors.shapes_wh for pair in level]
    assert [len(level) for level in fitted.anchors.shapes_wh] == [3, 2, 2]
    assert np.all(np.diff([w * h for w, h in shapes]) > 0)
    default = [
        (4 * s * 2 ** (i / 3) / r**0.5, 4 * s * 2 ** (i / 3) * r**0.5)
        for s in (8, 16, 32)
        for i in range(3)
        for r in (0.5, 1, 2)
    ]
    for name, some in (("fitted", shapes), ("default", default)):
        best = mean_best_iou(fitted.boxes_wh, some)
        assert abs(held["mean_best_iou"][name] - best.mean()) < 1e-5
        assert abs(held["covered"][name] - np.mean(best >= 0.5)) < 1e-9
        assert held["count"][name] == len(some)
    assert held["mean_best_iou"]["fitted"] > held["mean_best_iou"]["default"]
    assert sum(a["boxes"] for level in held["levels"] for a in level["anchors"]) == held["boxes"]
    assert eval(held["python"], {"Anchors": Anchors}) == fitted.anchors
    assert from_json(held["json"]) == fitted.anchors
    one = fitting.fit(drawn[1], (128, 128), (16,), 1)
    assert eval(one.summary["python"], {"Anchors": Anchors}) == one.anchors


def test_shapes_are_those_of_the_anchors():
    held = Anchors(strides=(8, 32), shapes_wh=(((3.0, 5.0), (7.0, 2.0)), ((40.0, 20.0),)))
    for level, wanted in zip(fitting.shapes_of(held), held.shapes_wh, strict=True):
        np.testing.assert_allclose(level, wanted)
    np.testing.assert_allclose(np.concatenate(fitting.shapes_of(Anchors()))[0], [32 * 2**0.5, 32 / 2**0.5], rtol=1e-6)
    assert fitting.default_anchors(Anchors().strides) == Anchors()


def test_drawing_shows_the_densest_boxes_darkest(drawn, tmp_path):
    fitting.draw(fitting.fit(drawn[1], (128, 128), (8, 16), 4), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert min(picture.size) > 400
        colors = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colors) > 50
    with pytest.raises(KerasVisionError, match="cannot write"):
        fitting.draw(fitting.fit(drawn[1], (128, 128), (8, 16), 4), tmp_path / "gone" / "a.png")


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"count": 1, "strides": (8, 16)}, "1 anchors for strides 8 16"),
        ({"strides": (16, 8)}, "growing strides"),
        ({"image_hw": (0, 64)}, "image size 0 64"),
        ({"count": 5000}, "different box sizes; ask for fewer"),
    ],
)
def test_wrong_wishes_are_one_clear_line(drawn, options, wanted):
    with pytest.raises(KerasVisionError, match=wanted) as raised:
        fitting.fit(drawn[1], **options)
    assert "\n" not in str(raised.value)


def test_sources_without_boxes():
    with pytest.raises(UsageError, match="digits holds no boxes; allowed: coco, voc, yolo, cut_paste"):
        fitting.fit(create("sources/digits"))
