"""Boxes that hold objects whole: margins by hand, the promise over drawn images, both steps, and bad input."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.drawing.showing.objects import ObjectsShowing
from kerasvision.metrics.covered import BoxCoverage, contained, found_by
from kerasvision.ops import conformal
from kerasvision.tasks.outer_boxes import MARGINS, SCORES, OuterBoxes, margins

MOST = 6  # detections of an image


def drawn(images, seed, hard=0.1):
    """(predictions, ground truths) of images with one to three objects. Scores and errors of boxes differ; `hard` of
    the objects are never found.
    """
    rng = np.random.default_rng(seed)
    predictions = {
        "boxes_xyxy": np.zeros((images, MOST, 4), np.float32),
        "scores": np.zeros((images, MOST), np.float32),
        "labels": np.full((images, MOST), -1, np.int32),
        "count": np.zeros(images, np.int32),
    }
    truths = {"boxes_xyxy": np.empty(images, object), "labels": np.empty(images, object)}
    for number in range(images):
        count = int(rng.integers(1, 4))
        corner, sides = rng.uniform(5, 40, (count, 2)), rng.uniform(10, 40, (count, 2))
        boxes, labels = np.hstack([corner, corner + sides]), rng.integers(0, 2, count)
        found = boxes + rng.normal(0, 0.06, (count, 4)) * np.tile(sides, 2)
        scores = np.where(rng.uniform(size=count) < hard, 0.0, rng.beta(3, 2, count))
        order = np.argsort(-scores)[: (scores > 0).sum()]
        rows = slice(0, len(order))
        predictions["boxes_xyxy"][number, rows], predictions["scores"][number, rows] = found[order], scores[order]
        predictions["labels"][number, rows], predictions["count"][number] = labels[order], len(order)
        truths["boxes_xyxy"][number], truths["labels"][number] = np.float32(boxes), labels
    return predictions, truths


def half(parts, which):
    return tuple({k: v[which] for k, v in part.items()} for part in parts)


def answered(outer, predictions):
    """The predictions with what the graph adds to them."""
    count = outer.count(tf.constant(predictions["scores"])).numpy()
    wider = outer.wider(tf.constant(predictions["boxes_xyxy"])).numpy()
    return predictions | {"outer_count": count, "outer_xyxy": wider}


def coverage(outer, predictions, truths):
    judge = BoxCoverage(outer.least_iou)
    judge.update(answered(outer, predictions), truths)
    return judge.result()["coverage"]


def test_margins_by_hand():
    box = [[10.0, 10.0, 20.0, 30.0]]
    objects = [[9.0, 11.0, 20.0, 29.0], [12.0, 8.0, 25.0, 30.0], [11.0, 11.0, 12.0, 12.0]]
    np.testing.assert_allclose(margins(box, objects), [[0.1, 0.5, 0.0]])
    assert np.isinf(margins([[5.0, 5.0, 5.0, 9.0]], objects)).all()
    outer = OuterBoxes(0.9, thresholds=(0.5, 0.25), examples=30)
    np.testing.assert_allclose(outer.wider(tf.constant(box)), [[7.5, 5.0, 22.5, 35.0]])
    below = np.nextafter(np.float32(0.5), np.float32(0))
    assert outer.count(tf.constant([[0.9, 0.5, below, 0.0]])).numpy() == [2]
    every = dataclasses.replace(outer, thresholds=(0.0, 0.25))
    assert every.count(tf.constant([[0.9, 0.1, 0.0]])).numpy() == [2]  # rows without a detection


def test_what_is_found_and_contained():
    """IoU of half a box and the box is 0.5; another class finds nothing."""
    objects, labels = np.array([[0.0, 0.0, 10.0, 10.0]]), np.array([1])
    boxes = np.array([[0.0, 0.0, 10.0, 5.0], [0.0, 0.0, 10.0, 4.99], [0.0, 0.0, 10.0, 10.0]])
    assert found_by(boxes, [1, 1, 0], objects, labels, 0.5)[:, 0].tolist() == [True, False, False]
    found = {"boxes_xyxy": boxes[:1], "labels": np.array([1])}
    for high, holds in ((10.0, True), (9.9, False)):
        outer = np.array([[-2.0, -1.0, 12.0, high]])
        assert contained(found | {"outer_xyxy": outer}, objects, labels, 0.5).tolist() == [holds]


@pytest.mark.parametrize("not_found", (0.3, 0.5, 0.8))
def test_what_is_promised_holds_on_average(not_found):
    """40 draws of 80 images: the mean of 3200 images' shares, each with a deviation below 0.35."""
    shares = []
    for seed in range(40):
        every = drawn(160, seed, hard=0.02)
        outer = OuterBoxes(0.7, not_found=not_found).fitted(*half(every, slice(None, 80)))
        shares.append(coverage(outer, *half(every, slice(80, None))))
    assert np.mean(shares) > 0.7 - 0.01
    assert np.mean(shares) < 0.7 + 0.3 * (1 - not_found) + 0.05  # what the first step leaves over, the second takes


def test_the_two_steps_by_their_formulas():
    predictions, truths = drawn(60, 5)
    outer = OuterBoxes(0.7).fitted(predictions, truths)
    score, margin = outer.thresholds
    rows = [(np.max(s, 0, initial=-1), s, m) for s, m in outer._rows(predictions, truths)]

    def not_found(level):
        return np.mean([(best < level).mean() for best, _, _ in rows])

    def lost(level, reach):
        return np.mean([1 - ((s >= level) & (m <= reach)).any(0).mean() for _, s, m in rows])

    above = SCORES[np.searchsorted(SCORES, np.float32(score)) + 1]
    assert (60 * not_found(score) + 1) / 61 <= 0.15 < (60 * not_found(above) + 1) / 61
    bold = max(s for s in SCORES if 60 * not_found(s) / 61 <= 0.15)
    assert bold >= score
    less = MARGINS[np.searchsorted(MARGINS, np.float32(margin)) - 1]
    assert (60 * lost(bold, margin) + 1) / 61 <= 0.3 < (60 * lost(bold, less) + 1) / 61
    assert outer.covered(predictions, truths) == pytest.approx(coverage(outer, predictions, truths), abs=1e-6)
    assert outer.examples == 60 and outer.promise()["thresholds"] == [score, margin]


def test_crowds_difficult_objects_and_empty_images_do_not_count():
    predictions, truths = drawn(40, 1)
    plain = OuterBoxes(0.7).fitted(predictions, truths)
    far = np.float32([[200, 200, 210, 210]])
    more = {k: v.copy() for k, v in truths.items()}
    flags = np.empty(40, object)
    for number in range(40):
        flags[number] = np.arange(len(truths["labels"][number]) + 1) >= len(truths["labels"][number])
        more["boxes_xyxy"][number] = np.concatenate([truths["boxes_xyxy"][number], far])
        more["labels"][number] = np.append(truths["labels"][number], 0)
    for key in ("is_crowd", "is_difficult"):
        assert OuterBoxes(0.7).fitted(predictions, more | {key: flags}) == plain
    more["boxes_xyxy"][0], more["labels"][0] = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    flags[0] = np.zeros(0, bool)
    assert OuterBoxes(0.7).fitted(predictions, more | {"is_crowd": flags}).examples == 39


def test_few_images_and_promises_that_nobody_can_keep():
    with pytest.raises(UsageError, match="outer_boxes.coverage=1; allowed: above 0 and below 1"):
        OuterBoxes(1.0)
    for fields in ({"least_iou": 0.05}, {"not_found": 1.0}, {"not_found": 0.0}):
        with pytest.raises(UsageError, match="allowed: least_iou of 0.1 to 1, not_found above 0 and below 1"):
            OuterBoxes(0.9, **fields)
    with pytest.raises(UsageError, match="coverage=0.9 with not_found=0.5 needs 19 held-out images .* there are 18"):
        OuterBoxes(0.9).check(18)
    OuterBoxes(0.9).check(19)
    with pytest.raises(UsageError, match="not_found=0.1 needs 99 held-out images"):
        OuterBoxes(0.9, not_found=0.1).check(98)
    with pytest.raises(KerasVisionError, match=r"0.9 .* 80 .* on average [67]\d.\d % .* are found at no score"):
        OuterBoxes(0.9).fitted(*drawn(80, 0, hard=0.7))
    with pytest.raises(UsageError, match='outer_boxes with resize="center_crop"'):
        create("detection/retinanet", resize="center_crop", outer_boxes=OuterBoxes(0.9))


@pytest.mark.parametrize("number", (19, 18))
def test_as_many_images_as_are_needed_do(number):
    predictions, truths = drawn(number, 2, hard=0.0)
    if number == 19:
        assert OuterBoxes(0.9).fitted(predictions, truths).is_fitted
    else:
        assert conformal.needed(0.95) == 19
        with pytest.raises(UsageError, match="there are 18"):
            OuterBoxes(0.9).fitted(predictions, truths)


def fitted_detector(**fields):
    outer = OuterBoxes(0.9, thresholds=(0.5, 0.25), examples=30)
    return create("detection/retinanet", num_classes=2, image_size=(64, 64), outer_boxes=outer, **fields)


def test_the_graph_keeps_and_widens_and_files_are_restored():
    """A picture of 128 x 96 is half as large in the graph; wider boxes end at its borders."""
    arch = fitted_detector()
    boxes = tf.constant([[[10.0, 10, 20, 20], [40, 40, 62, 46], [30, 30, 34, 34]]])
    scores = tf.constant([[[0.9, 0.0], [0.0, 0.6], [0.4, 0.0]]])
    _, geometry = arch.geometry({"image": tf.zeros((1, 96, 128, 3), tf.uint8)})
    found, _ = arch.found(boxes, scores, geometry)
    assert set(found) == set(arch.outputs) and found["outer_count"].numpy() == [2] and found["count"].numpy() == [3]
    shift = np.float32([0, geometry["offset_xy"][0, 1], 0, geometry["offset_xy"][0, 1]])
    first, second, third = found["outer_xyxy"][0, :3].numpy()
    np.testing.assert_allclose(first, 2 * (np.float32([7.5, 7.5, 22.5, 22.5]) - shift).clip(0), atol=1e-4)
    np.testing.assert_allclose(second[2], 128)  # 2 * 67.5 lies beyond
    assert not third.any()
    whole, _ = arch.found(boxes, scores, arch.no_geometry({"image": tf.zeros((1, 64, 64, 3), tf.uint8)}))
    restored = arch.to_original_pixels(
        {k: v.numpy() for k, v in whole.items()}, {k: v.numpy() for k, v in geometry.items()}
    )
    for key, value in found.items():
        np.testing.assert_allclose(restored[key], value, atol=1e-4)
    promised = arch.promised(restored)
    assert np.allclose(promised["outer_xyxy"], restored["outer_xyxy"], atol=1e-4)
    other = dataclasses.replace(arch, outer_boxes=dataclasses.replace(arch.outer_boxes, thresholds=(0.3, 0.25)))
    assert other.promised(restored)["outer_count"] == [3]


def test_the_answer_names_the_promise():
    arch = fitted_detector()
    values = {
        "boxes_xyxy": np.float32([[1, 1, 5, 5], [2, 2, 9, 9]]),
        "scores": np.float32([0.9, 0.4]),
        "labels": np.int32([0, 1]),
        "count": np.int32(2),
        "outer_xyxy": np.float32([[0, 0, 6, 6], [0, 0, 0, 0]]),
        "outer_count": np.int32(1),
    }
    described = arch.describe(values, ("cat", "dog"))
    assert described["outer"] == {"boxes": 1, "coverage": 0.9, "of": "an image's objects"}
    assert described["objects"][0]["outer_xyxy"] == [0, 0, 6, 6] and "outer_xyxy" not in described["objects"][1]
    assert ObjectsShowing().in_words(described).endswith("; to hold 90 % of an image's objects: 1 wider boxes")
    assert create("detection/retinanet").promise() == {}
