"""Odd values in COCO's JSON: every one gives pycocotools' answer or one line when the file is opened."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources

W, H = 24, 20  # of `noise`
COUNT = 6


def document():
    """Boxes of 6 x 8 pixels with their outlines, in turns of a cat and a dog."""
    x = [1 + 2 * i for i in range(COUNT)]
    outlines = [[v, 4, v + 6, 4, v + 6, 12, v, 12] for v in x]
    return {
        "images": [{"id": i + 1, "file_name": f"{i}.png", "width": W, "height": H} for i in range(COUNT)],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": i + 1, "image_id": i + 1, "category_id": 1 + i % 2, "bbox": [x[i], 4, 6, 8], "area": 48}
            | {"iscrowd": 0, "segmentation": [outlines[i]]}
            for i in range(COUNT)
        ],
    }


@pytest.fixture
def changed(tmp_path, noise):
    """changed(change) -> the folder; change(document) in place, or returns the text of the file."""

    def write(change=lambda held: None, folder="."):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for i in range(COUNT):
            noise(i).save(tmp_path / folder / f"{i}.png")
        held = document()
        text = change(held)
        (tmp_path / "ann.json").write_text(text if isinstance(text, str) else json.dumps(held), encoding="utf-8")
        return tmp_path

    return write


def each(kind, /, **values):
    """Every row of a list with new values, functions of the old ones."""

    def change(held):
        for row in held[kind]:
            row |= {key: make(row.get(key)) for key, make in values.items()}

    return change


def row(kind, number, /, **values):
    return lambda held: held[kind][number].update(values)


def both(*changes):
    return lambda held: [change(held) for change in changes] and None


def opened(path, **fields):
    return sources["coco"](path=str(path), **({"validation_fraction": 0.0, "test_fraction": 0.0} | fields)).open()


def refusal(path, **fields):
    with pytest.raises(KerasVisionError) as error:
        opened(path, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        each("annotations", category_id=float, image_id=float),
        both(each("images", id=str), each("annotations", image_id=str)),
        both(each("categories", id=str), each("annotations", category_id=str)),
        each("images", width=str, height=float),
        each("images", width=lambda v: None, height=lambda v: 0),
        each("images", file_name=lambda v: f"./{v}", license=lambda v: [1], date_captured=lambda v: None),
        each("images", file_name=lambda v: v.replace("png", "PNG")),
        lambda held: "\ufeff" + json.dumps(held),
        lambda held: json.dumps(held | {"info": None, "licenses": {}}),
    ],
)
def test_what_means_the_same_is_read_as_pycocotools_reads_it(changed, change):
    found = opened(changed(change))
    assert found.classes == ("cat", "dog") and found.dropped == ()
    plain = changed() / "ann.json"
    ground_truth = COCO(plain)
    for number, record in enumerate(found.splits["train"].records):
        sample = found.splits["train"].read(record)
        (annotation,) = ground_truth.loadAnns(ground_truth.getAnnIds(imgIds=number + 1))
        x, y, w, h = annotation["bbox"]
        np.testing.assert_array_equal(sample["boxes_xyxy"], [[x, y, x + w, y + h]])
        assert found.classes[int(sample["labels"][0])] == ground_truth.loadCats(annotation["category_id"])[0]["name"]


@pytest.mark.parametrize(("folder", "name"), [("images", "images\\{}"), ("a/b", "a\\b\\{}"), ("sub", "sub/{}")])
def test_windows_separators_in_file_names(changed, folder, name):
    found = opened(changed(each("images", file_name=name.format), folder))
    assert found.splits["train"].size == COUNT


def test_unicode_of_a_mac(changed):
    """ö as one code point in the JSON, and as o with two dots on the disk."""
    place = changed(row("images", 0, file_name="\u00f6.png"))
    (place / "0.png").rename(place / "o\u0308.png")
    assert opened(place).splits["train"].size == COUNT


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            row("categories", 1, id="2"),
            "categories: 1 of 2 id are texts, the others numbers ([0] has 1 and [1] has '2')",
        ),
        (row("annotations", 3, image_id="4"), "1 of 6 image_id are texts, the others numbers"),
        (
            each("annotations", category_id=str),
            "category '1' is none of the categories (6 of 6 annotations); there is 1",
        ),
        (each("annotations", image_id=str), "no image has the id '1' (6 of 6 annotations); there is 1: write both"),
        (row("annotations", 0, category_id=[1]), "annotations[0]: category_id is [1]; allowed: a whole number"),
        (row("annotations", 0, category_id=True), "category_id is True"),
        (row("annotations", 0, category_id=1.5), "category_id is 1.5"),
        (row("annotations", 0, category_id=None), "category_id is None"),
        (row("annotations", 0, category_id=float("nan")), "category_id is nan"),
        (row("categories", 0, id={"a": 1}), "categories[0]: id is {'a': 1}"),
        (row("categories", 0, id=2**63 + 1), "categories[0]: id is 9223372036854775809"),
        (row("images", 2, id=2**63 + 1), "images[2]: id is 9223372036854775809"),
        (row("images", 2, id=10**400), "images[2]: id is 1000"),
        (row("images", 2, id=""), "images[2]: id is ''"),
        (row("categories", 0, name=None), "class 0 is None: no text"),
        (row("categories", 0, name=7), "class 0 is 7: no text"),
        (row("categories", 0, name="dog"), "classes 0 and 1 are both 'dog'"),
        (row("categories", 0, name="a\nb"), "a line break or control character within it"),
        (row("categories", 0, name=" "), "class 0 is ' ': empty"),
        (lambda h: h.update(categories=[]), "no categories"),
        (lambda h: h.update(categories={"1": "cat"}), "no list 'categories'"),
        (lambda h: h["annotations"].append("x"), "annotations[6] is 'x'; allowed: an object"),
        (lambda h: h["annotations"].append(None), "annotations[6] is None; allowed: an object"),
        (row("annotations", 0, bbox=["1", "4", "6", "8"]), "bbox is ['1', '4', '6', '8']; allowed"),
        (row("annotations", 0, bbox=[1, 4, 6, 8, 0.9]), "bbox is [1, 4, 6, 8, 0.9]; allowed"),
        (row("annotations", 0, bbox=[True, 4, 6, 8]), "bbox is [True, 4, 6, 8]"),
        (row("annotations", 0, bbox=[None, 4, 6, 8]), "bbox is [None, 4, 6, 8]"),
        (row("annotations", 0, bbox=[10**400, 4, 6, 8]), "bbox is [1000"),
        (row("annotations", 0, bbox=[1, 4, -6, 8]), "0.png (box 1 is reversed)"),
        (row("annotations", 0, iscrowd="0"), "iscrowd is '0'; allowed: 0 or 1"),
        (row("annotations", 0, iscrowd=2), "iscrowd is 2; allowed: 0 or 1"),
        (row("annotations", 0, area="48"), "area is '48'; allowed: a number from 0 on"),
        (row("annotations", 0, area=-1), "area is -1; allowed"),
        (row("annotations", 0, area=float("inf")), "area is inf; allowed"),
        (
            each("images", width=lambda v: 640.0, height=lambda v: 480.0),
            "0.png has 24 x 20 pixels and its labels say 640 x",
        ),
        (
            each("images", width=lambda v: "640", height=lambda v: "480"),
            "6 images of another size than their labels say",
        ),
        (row("images", 1, height=None, width=23), "1.png has 24 x 20 pixels and its labels say 23 x 20"),
        (row("images", 1, width=24.5), "1.png: width is 24.5; allowed: a whole number"),
        (row("images", 1, width="24px"), "1.png: width is '24px'"),
        (row("images", 1, width=True), "1.png: width is True"),
        (row("images", 1, width=float("inf")), "1.png: width is inf"),
        (row("images", 1, width=[24]), "1.png: width is [24]"),
        (row("images", 0, file_name=3), "images[0]: file_name is 3"),
        (row("images", 0, file_name="a\0b"), "images[0]: file_name is 'a\\x00b'"),
        (row("images", 0, file_name="http://example.invalid/0.png"), "1 of 6 files cannot be read: http://example"),
        (row("images", 0, illumination="bright"), "illumination is 'bright'; allowed: a number"),
        (row("images", 1, id=1), "1 image ids stand there twice: 1"),
        (lambda h: json.dumps(h)[:-9], "no JSON"),
    ],
)
def test_what_cannot_be_meant_is_one_line(changed, change, line):
    assert line in refusal(changed(change))


def test_ids_of_digits_are_in_the_order_of_numbers(changed):
    def change(held):
        held["categories"] = [{"id": "10", "name": "dog"}, {"id": "2", "name": "cat"}]
        for number, annotation in enumerate(held["annotations"]):
            annotation["category_id"] = ["2", "10"][number % 2]

    assert opened(changed(change)).classes == ("cat", "dog")


def test_corners_in_bbox_are_refused(changed):
    """As [x1, y1, x2, y2] all lie in the picture; as [x, y, width, height] they reach beyond it."""
    change = each("annotations", bbox=lambda b: [b[0], 8, b[0] + 10, 18])
    assert "the 6 boxes would do as [x1, y1, x2, y2]" in refusal(changed(change))


def test_boxes_beyond_the_image_are_clipped_and_said(changed):
    found = opened(changed(each("annotations", bbox=lambda b: [-3.7, 8.25, 100.5, 60.125], segmentation=lambda s: [])))
    assert found.dropped == tuple(f"margins: {i}.png (1 boxes, by up to 72.8 px)" for i in range(COUNT))
    sample = found.splits["train"].read(next(iter(found.splits["train"].records)))
    np.testing.assert_array_equal(sample["boxes_xyxy"], [[0, 8.25, W, H]])


def test_polygons_elsewhere_than_their_box_are_said(changed):
    """IoU of the hull and the box: 6 px wide, moved by 2 px: 4 / 8 = 0.5, by 2.1: below."""
    moved = [lambda b, d=d: [b[0] + d, *b[1:]] for d in (2, 2.1)]
    assert opened(changed(each("annotations", bbox=moved[0]))).dropped == ()
    assert opened(changed(each("annotations", bbox=moved[1]))).dropped == tuple(
        f"hulls: {i}.png (box 1)" for i in range(COUNT)
    )


def test_no_object_and_pictures_that_no_row_lists_are_said(changed, noise):
    place = changed(lambda held: held.update(annotations=[]))
    noise(99).save(place / "extra.png")
    said = opened(place).dropped
    assert said == (
        "unlisted: 1 images beside those of the JSON: extra.png",
        "empty: train, 6 images without an object",
    )


@pytest.mark.parametrize(
    "shape",
    [
        [1, 4, 7, 4, 7, 12],
        [["1", "4", "7", "4", "7", "12"]],
        {"size": [H, W], "counts": "~~~"},
        {"size": [H, W], "counts": "0é"},
        {"size": [H, W], "counts": [W * H, "a"]},
        {"size": [H, W], "counts": [-5, W * H + 5]},
        {"size": [H, W], "counts": [1.5, W * H - 1.5]},
        {"size": [H, W], "counts": None},
        {"size": [H, W]},
        {"counts": [W * H]},
        "polygon",
        7,
    ],
)
def test_segmentations_that_are_none(changed, shape):
    place = changed(row("annotations", 0, segmentation=shape))
    assert "0.png, object 1: segmentation: " in refusal(place, masks=True)
    assert opened(place).splits["train"].size == COUNT
