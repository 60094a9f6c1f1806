"""What the page makes of a file's answers in JavaScript, against numpy and closed forms. Under node."""

import numpy as np
import pytest

from kerasvision.edge import golden as goldens
from kerasvision.edge.describing import describe
from kerasvision.edge.independent import paste, restore
from kerasvision.edge.independent.windows import blended, mirrored
from kerasvision.edge.tensors import packed
from tests.export.page_modules import called, needs_node, picture, tensor

pytestmark = needs_node

GEOMETRY = {"scale": [0.5, 0.75], "offset": [4.0, -2.5], "height": 70, "width": 90}


def given(geometry):
    return {
        "scale_xy": np.float32(geometry["scale"]),
        "offset_xy": np.float32(geometry["offset"]),
        "image_hw": np.array([geometry["height"], geometry["width"]], np.int32),
    }


def boxes_of(rng, count=6, most=9):
    low = rng.uniform(-5, 30, (most, 2))
    return {
        "boxes_xyxy": np.float32(np.concatenate([low, low + rng.uniform(1, 40, (most, 2))], 1)),
        "scores": np.float32(np.sort(rng.uniform(0, 1, most))[::-1]),
        "labels": rng.integers(0, 3, most).astype(np.int32),
        "count": np.int32([count]),
        "masks": np.float32(rng.uniform(0, 1, (most, 7, 7))),
    }


@pytest.mark.parametrize("form", ["xyxy_pixels", "tlbr_shares"])
def test_boxes_and_masks_come_back_as_by_numpy(form):
    outputs = boxes_of(np.random.default_rng(0))
    if form == "tlbr_shares":
        outputs["boxes_xyxy"] /= 64
    keys = {key: key for key in outputs}
    row = {"restore": {"rule": "boxes", "keys": keys, "format": form, "size_hw": [48, 64], "least_side_px": 1e-4}}
    (mine,) = called(("restoring.js", "restore", row, {k: tensor(v) for k, v in outputs.items()}, GEOMETRY))
    theirs = restore(row, outputs | {"count": outputs["count"][0]}, given(GEOMETRY))
    for key in ("boxes_xyxy", "scores", "labels"):
        np.testing.assert_allclose(mine[key]["values"], theirs[key].ravel(), rtol=1e-6, err_msg=key)
    count = mine["count"]
    assert count == theirs["count"] == 6 and mine["image_hw"] == [70, 90]
    masks = mine["masks"]["values"].reshape(9, 7, 7)
    np.testing.assert_allclose(masks[:count], theirs["masks"][:count], atol=2e-5)
    classes = ["a", "b", "c"]
    (rows,) = called(("describing.js", "describe", mine, classes))
    assert rows["objects"] == describe({k: v for k, v in theirs.items() if k != "masks"}, classes)["objects"]


def test_masks_are_pasted_as_by_numpy():
    rng = np.random.default_rng(1)
    masks, boxes = rng.uniform(0, 1, (5, 9, 9)).astype(np.float32), rng.uniform(-5, 40, (5, 4))
    boxes[:, 2:] = boxes[:, :2] + rng.uniform(0.5, 30, (5, 2))
    calls = [("restoring.js", "paste", m, 9, b.tolist(), 33, 44) for m, b in zip(masks, boxes, strict=True)]
    mine = [held.reshape(33, 44) for held in called(*calls)]
    assert np.array_equal(mine, paste(masks, boxes, (33, 44))) and 0 < np.mean(mine) < 1


def test_a_caption_is_the_text_that_python_says():
    held = np.zeros(40, np.uint8)
    held[: len("Straße, 鳥 🐦".encode())] = list("Straße, 鳥 🐦".encode())
    outputs = {"text_bytes": held, "caption_score": np.float32([0.25]), "count": np.int32([3])}
    (rows,) = called(("describing.js", "describe", {k: tensor(v) for k, v in outputs.items()}, []))
    assert rows == describe(outputs | {"caption_score": 0.25}, []) == {"text": "Straße, 鳥 🐦", "score": 0.25}


LABELS = [
    ({"thresholds": [0.5, 0.25, 0.9, 0.1, 0.7]}, [1, 1, 0, 1, 0]),
    ({"thresholds": [1.0] * 5}, [0] * 5),
    ({"top_k": 3}, [1, 1, 0, 0, 1]),
]


@pytest.mark.parametrize(("how", "wanted"), LABELS)
def test_labels_are_those_that_numpy_finds(how, wanted):
    """0.1 as a double is above its float32, which reaches it; of two equal ones the first is likelier."""
    scores = np.float32([0.5, 0.8, 0.5, 0.1, 0.7 - 1e-6])
    row = {"restore": {"rule": "labels", "probabilities": "p", **how}}
    (mine,) = called(("restoring.js", "restore", row, {"p": tensor(scores)}, GEOMETRY))
    theirs = restore(row, {"p": scores}, {})
    assert mine["present"]["values"].tolist() == theirs["present"].tolist() == wanted
    (rows,) = called(("describing.js", "describe", mine, list("abcde")))
    assert rows == describe(theirs, list("abcde"))


@pytest.mark.parametrize("enlarge", ["bilinear", "none"])
def test_class_maps_come_back_as_by_numpy(enlarge):
    sides = (24, 40) if enlarge == "bilinear" else (70, 90)
    scores = np.random.default_rng(2).uniform(0, 1, (*sides, 3)).astype(np.float32)
    row = {"restore": {"rule": "class_map", "probabilities": "p", "enlarge": enlarge}}
    (mine,) = called(("restoring.js", "restore", row, {"p": tensor(scores)}, GEOMETRY))
    theirs = restore(row, {"p": scores}, given(GEOMETRY))
    assert np.array_equal(mine["mask"]["values"].reshape(70, 90), theirs["mask"])
    np.testing.assert_allclose(mine["confidence"]["values"], theirs["confidence"].ravel(), rtol=1e-6)


def ramp(part):
    """As `ramp` of the driver: each column times its number."""
    return part * np.float32(np.arange(part.shape[1]) + 1)[:, None]


@pytest.mark.parametrize("side", [(16, 24), (37, 50)])
def test_windows_and_mirrors_are_those_of_numpy(side):
    rule = {"size": [16, 24], "overlap": 0.5, "sigma": 0.125}
    pixels = np.random.default_rng(3).uniform(0, 1, (*side, 2)).astype(np.float32)
    windows, mirrors = called(
        ("windows.js", "blended", "ramp", picture(pixels), rule),
        ("windows.js", "mirrored", "ramp", picture(pixels), [[], [1]]),
    )
    assert windows["shape"] == mirrors["shape"] == [*side, 2]
    np.testing.assert_allclose(windows["values"].reshape(*side, 2), blended(ramp, pixels, rule), rtol=1e-5)
    np.testing.assert_allclose(mirrors["values"].reshape(*side, 2), mirrored(ramp, pixels, [[], [1]]), rtol=1e-5)
    closed = pixels * (side[1] + 1) / 2  # a column's number and that of its mirror are one more than the width
    np.testing.assert_allclose(mirrors["values"].reshape(*side, 2), closed, rtol=1e-5)


def recorded(scores):
    return {"p": packed(np.float32([scores]))}


@pytest.mark.parametrize(("moved", "parts"), [(0.9, 0.9), (1.1, 1.1)])
def test_an_answer_is_held_to_its_tolerance(moved, parts):
    theirs, mine = [0.5, 0.25], np.float32([[0.5, 0.25 + moved * 0.0625]])
    held = {"p": {"shape": [1, 2], "values": np.float32([theirs])}}
    ours = {"p": {"shape": [1, 2], "values": mine}}
    (found,) = called(("golden.js", "apart", ours, held, {"p": 0.0625}, {"p": {"dtype": "float32"}}))
    row = {"tolerance": {"p": 0.0625}, "answers": [recorded(theirs)]}
    expected = goldens.apart({"p": mine}, row, 0, {"p": {"dtype": "float32"}})
    assert found["parts"] == pytest.approx(parts, rel=1e-5)
    assert [found["parts"], found["away"], found["tolerance"]] == pytest.approx(list(expected))


def objects(box, score):
    return {
        "boxes_xyxy": np.float32([[box]]),
        "scores": np.float32([[score]]),
        "labels": np.int32([[1]]),
        "count": np.int32([1]),
    }


@pytest.mark.parametrize(
    ("box", "score", "alike"),
    [
        ([0, 0, 10, 10], 0.5, True),
        ([0, 0, 10, 9.95], 0.5, True),  # IoU 0.995
        ([0, 0, 10, 9.8], 0.5, False),  # IoU 0.98
        ([0, 0, 10, 10], 0.62, False),  # 0.12 from the other, and 0.1 is allowed
        ([0, 0, 10, 10], 0.59, True),
    ],
)
def test_objects_are_found_again_or_not(box, score, alike):
    keys = {key: key for key in ("boxes_xyxy", "labels", "scores", "count")}
    decision = {"rule": "objects", "keys": keys, "order": "xyxy"}
    mine, theirs = objects(box, score), objects([0, 0, 10, 10], 0.5)
    assert goldens.decides_alike(mine, theirs, decision, score=0.1) is alike
    sides = ({k: tensor(v) for k, v in side.items()} for side in (mine, theirs))
    assert called(("golden.js", "decidesAlike", *sides, decision, 0.99, 0.1)) == [alike]
