"""What a client writes and reads by itself: tensors in JSON, run lengths, decisions, figures of time."""

import ast
import json
import statistics
import sys

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from kerasvision.data.kinds.image import SUFFIXES
from kerasvision.edge import bench, describing, golden, main, tensors
from kerasvision.edge.errors import EdgeError
from kerasvision.edge.run_lengths import run_lengths
from tests.test_architecture import PRODUCT, tree

RNG = np.random.default_rng(0)
NEEDS = {"numpy", "PIL", "ai_edge_litert", "onnxruntime", "kerasvision"}  # what `tflite/python` installs, and itself


def test_the_client_needs_nothing_else():
    for path in sorted((PRODUCT / "edge").rglob("*.py")):
        for node in ast.walk(tree(path)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "")]
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert {n.split(".")[0] for n in names} <= NEEDS | sys.stdlib_module_names, f"{path}: {names}"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "float32", "float64", "bool"])
def test_a_tensor_is_little_endian_base64_and_comes_back(dtype):
    values = (RNG.random((2, 3, 4)) * 200 - 50).astype(dtype)
    row = json.loads(json.dumps(tensors.packed(values)))
    back = tensors.unpacked(row)
    assert back.dtype == values.dtype and np.array_equal(back, values)


def test_bytes_of_a_tensor_are_those_of_its_numbers():
    assert tensors.packed(np.int32([1, 256]))["data"] == "AQAAAAABAAA="  # 01 00 00 00, 00 01 00 00


def test_of_a_large_tensor_every_nth_position_is_held():
    values = RNG.random((1, 40, 30, 5)).astype(np.float32)
    row = tensors.packed(values, most=1000)
    assert row["every"] == 7  # 6000 / 1000, made odd
    assert np.array_equal(tensors.unpacked(row), values.reshape(-1, 5)[::7])
    assert "every" not in tensors.packed(values, most=6000)


@pytest.mark.parametrize("damage", [{"data": "AQ"}, {"shape": [3]}, {"dtype": "none"}])
def test_a_damaged_tensor_is_one_line(damage):
    with pytest.raises(EdgeError, match="damaged.*export the model again"):
        tensors.unpacked(tensors.packed(np.int32([1, 2])) | damage)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (100, 70), (3, 2000)])
def test_run_lengths_are_those_of_coco(share, shape):
    mask = RNG.random(shape) < share
    theirs = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    assert run_lengths(mask) == {"size": list(shape), "counts": theirs["counts"].decode()}


def test_run_lengths_of_whole_shapes():
    mask = np.zeros((200, 300), bool)
    mask[20:170, 40:260] = True
    assert run_lengths(mask)["counts"] == coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()


OBJECTS = {
    "rule": "objects",
    "keys": {"boxes_xyxy": "boxes", "labels": "labels", "scores": "scores", "count": "count"},
    "order": "xyxy",
}


def found(boxes, labels, scores):
    rows = {"boxes": np.float32([boxes]), "labels": np.int32([labels]), "scores": np.float32([scores])}
    return rows | {"count": np.int32([len(labels)])}


def test_objects_are_alike_up_to_their_limits():
    one = found([[0, 0, 100, 100], [50, 50, 60, 60]], [1, 2], [0.9, 0.2])
    for shift, alike in ((0.4, True), (0.6, False)):  # IoU 0.992 and 0.988
        moved = found([[shift, 0, 100 + shift, 100], [0, 0, 1, 1]], [1, 3], [0.9, 0.2])
        assert golden.decides_alike(one, moved, OBJECTS, score=0.05) is alike
    for score, alike in ((0.86, True), (0.84, False)):
        assert golden.decides_alike(one, found([[0, 0, 100, 100]], [1], [score]), OBJECTS, score=0.05) is alike
    assert not golden.decides_alike(one, found([[0, 0, 100, 100]], [2], [0.9]), OBJECTS, score=0.05)
    assert not golden.decides_alike(one, found([[0, 0, 100, 100], [0, 0, 9, 9]], [1, 1], [0.9, 0.5]), OBJECTS)


def test_boxes_of_other_order_are_turned():
    one, turned = found([[0, 10, 100, 50]], [1], [0.9]), found([[10, 0, 50, 100]], [1], [0.9])
    assert not golden.decides_alike(one, turned, OBJECTS)
    boxes, _, _ = golden._objects(turned, OBJECTS | {"order": "yxyx"})
    assert boxes.tolist() == [[0, 10, 100, 50]]


@pytest.mark.parametrize(("changed", "alike"), [(1, True), (2, False)])
def test_masks_are_alike_in_all_but_a_thousandth(changed, alike):
    one = {"p": np.tile(np.float32([0.9, 0.1]), (1000, 1))}
    other = {"p": one["p"].copy()}
    other["p"][:changed] = [0.1, 0.9]
    assert golden.decides_alike(one, other, {"rule": "largest", "key": "p", "share": 0.999}) is alike


@pytest.mark.parametrize(("away", "inside"), [(1, True), (2, False)])
def test_an_integer_answer_may_be_one_step_away(away, inside):
    outputs = {"s": {"dtype": "uint8", "shape": [1, 3], "quantization": [0.25, 10]}}
    row = {"tolerance": {"s": 0.25}, "answers": [{"s": tensors.packed(np.uint8([[10, 11, 12]]))}]}
    parts, difference, _ = golden.apart({"s": np.uint8([[10, 11, 12 + away]])}, row, 0, outputs)
    assert (parts <= 1) is inside and difference == 0.25 * away


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_no_answer(value):
    row = {"tolerance": {"s": 1e9}, "answers": [{"s": tensors.packed(np.float32([[1]]))}]}
    assert golden.apart({"s": np.float32([[value]])}, row, 0, {"s": {"dtype": "float32"}})[0] == np.inf


def test_suffixes_are_those_that_are_read_in_training():
    assert main.SUFFIXES == SUFFIXES


def test_a_prediction_is_described_by_what_it_holds():
    classes = ("cat", "dog")
    scores = np.float32([0.25, 0.75])
    assert describing.describe({"probabilities": scores}, classes)["top"][0] == {
        "label": "dog",
        "index": 1,
        "score": 0.75,
    }
    several = {"probabilities": scores, "present": np.int32([1, 0])}
    assert [row["label"] for row in describing.describe(several, classes)["labels"]] == ["cat"]
    mask = {"mask": np.uint8([[0, 1], [1, 255]]), "confidence": np.ones((2, 2))}
    assert describing.describe(mask, classes)["classes"] == {"cat": 1, "dog": 2}


class Slow:
    """A runtime that works and counts."""

    delegate = "none"

    def __init__(self):
        self.asked = 0

    def infer(self, feed):
        self.asked += 1
        return sum(range(20_000))


def test_timing_repeats_each_by_turns_and_orders_its_figures():
    runtimes = [Slow(), Slow()]
    rows = bench.timed([(f"{n}.tflite", 1, runtime, {}) for n, runtime in enumerate(runtimes)], 9)
    assert [runtime.asked for runtime in runtimes] == [9 + bench.WARM_UP] * 2
    for row in rows:
        assert row.minimum_ms <= row.interval_ms[0] <= row.median_ms <= row.interval_ms[1]
        assert row.minimum_ms <= row.p95_ms and row.processor_ms > 0


def test_the_median_s_interval_is_of_order_statistics():
    """Of 100 sorted numbers those from about the 40th to the 60th: 1.96 deviations of a binomial are 9.8."""
    subject = ("x", 1, Slow(), None)
    row = bench._timing(subject, [float(v) for v in range(100)], [1.0] * 100)
    assert row.interval_ms == (40.0, 59.0) and row.median_ms == statistics.median(range(100))
