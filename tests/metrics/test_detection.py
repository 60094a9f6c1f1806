"""Average precision against pycocotools' own summary, and cases whose figure is known by hand."""

import contextlib
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics import curves
from kerasvision.metrics.detection import Detection

CLASSES = ("ant", "bee", "cat", "dog")
H, W = 150, 180


def boxes(rng, count):
    corner = rng.uniform(0, 90, (count, 2))
    return np.hstack([corner, corner + rng.uniform(12, 150, (count, 2))]).astype(np.float32)


def box_mask(box):
    x1, y1, x2, y2 = np.round(box).astype(int)
    mask = np.zeros((H, W), np.uint8)
    mask[max(y1, 0) : y2, max(x1, 0) : x2] = 1
    return mask


def scene(rng, count, slots=30):
    """(truth, prediction) of an image: near hits, wrong classes and noise; slots beyond `count` hold rubbish."""
    truth = {
        "boxes_xyxy": boxes(rng, count),
        "labels": rng.integers(0, 3, count).astype(np.int32),  # no dog
        "is_crowd": rng.random(count) < 0.15,
    }
    kept = rng.random(count) < 0.8
    found = np.concatenate([truth["boxes_xyxy"][kept] + rng.normal(0, 2, (kept.sum(), 4)), boxes(rng, 5)])
    labels = np.concatenate([truth["labels"][kept], rng.integers(0, 4, 5)])
    labels = np.where(rng.random(len(labels)) < 0.2, rng.integers(0, 4, len(labels)), labels)
    pad = slots - len(found)
    prediction = {
        "boxes_xyxy": np.concatenate([found, np.full((pad, 4), 7.0)]).astype(np.float32),
        "scores": np.concatenate([rng.random(len(found)), np.ones(pad)]).astype(np.float32),
        "labels": np.concatenate([labels, np.zeros(pad)]).astype(np.int32),
        "count": np.int32(len(found)),
    }
    return truth, prediction


def scenes(seed, images=25, most=6):
    rng = np.random.default_rng(seed)
    return [scene(rng, n) for n in (0, *rng.integers(0, most, images - 1))]


def with_masks(truth, prediction):
    truth = truth | {"instance_masks": np.array([box_mask(b) for b in truth["boxes_xyxy"]]).reshape(-1, H, W)}
    return truth, prediction | {"masks": np.array([box_mask(b) for b in prediction["boxes_xyxy"]])}


def fed(pairs, masks=False):
    evaluator = Detection(CLASSES, masks)
    for start in range(0, len(pairs), 4):
        truths, predictions = zip(*pairs[start : start + 4], strict=True)
        rows = {}
        for key in truths[0]:  # as `evaluation_data` stacks truths of unequal length
            rows[key] = np.empty(len(truths), object)
            for number, truth in enumerate(truths):
                rows[key][number] = truth[key]
        evaluator.update({k: np.stack([p[k] for p in predictions]) for k in predictions[0]}, rows)
    return evaluator


def oracle(pairs, kind="bbox"):
    """The twelve figures of pycocotools' summary, from JSON-like results as its own example makes them."""
    truths, found = [], []
    for image, (truth, prediction) in enumerate(pairs):
        for number, (x1, y1, x2, y2) in enumerate(truth["boxes_xyxy"].tolist()):
            row = {"id": len(truths) + 1, "image_id": image, "category_id": int(truth["labels"][number]) + 1}
            row |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
            if kind == "segm":
                row["segmentation"] = coco_mask.encode(np.asfortranarray(truth["instance_masks"][number]))
                row["area"] = float(coco_mask.area(row["segmentation"]))
            truths.append(row | {"iscrowd": int(truth["is_crowd"][number])})
        for number in range(prediction["count"]):
            x1, y1, x2, y2 = prediction["boxes_xyxy"][number].tolist()
            row = {"image_id": image, "category_id": int(prediction["labels"][number]) + 1}
            row["score"] = float(prediction["scores"][number])
            if kind == "segm":
                row["segmentation"] = coco_mask.encode(np.asfortranarray(prediction["masks"][number]))
            else:
                row["bbox"] = [x1, y1, x2 - x1, y2 - y1]
            found.append(row)
    held = COCO()
    held.dataset = {
        "images": [{"id": i, "height": H, "width": W} for i in range(len(pairs))],
        "annotations": truths,
        "categories": [{"id": k + 1} for k in range(len(CLASSES))],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        held.createIndex()
        done = COCOeval(held, held.loadRes(found), kind)
        done.evaluate()
        done.accumulate()
        done.summarize()
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar")
    return dict(zip(names, done.stats.tolist(), strict=False)), done.eval["precision"][..., 0, -1]


@pytest.mark.parametrize("seed", range(3))
def test_boxes_equal_pycocotools(seed, capsys):
    pairs = scenes(seed)
    expected, precision = oracle(pairs)
    result = fed(pairs).result()
    assert 0.05 < result["ap"] < 0.95
    for name in ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar"):
        assert result[name] == pytest.approx(expected[name], abs=1e-12), name
    for k, name in enumerate(CLASSES[:3]):
        assert result[f"ap/{name}"] == pytest.approx(precision[..., k].mean(), abs=1e-12)
    assert "ap/dog" not in result
    assert capsys.readouterr().out == ""


def test_masks_equal_pycocotools():
    pairs = [with_masks(*pair) for pair in scenes(5, images=10)]
    expected, _ = oracle(pairs, "segm")
    result = fed(pairs, masks=True).result()
    for name in ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar"):
        assert result[f"mask_{name}"] == pytest.approx(expected[name], abs=1e-12), name


def test_masks_wider_than_the_image_are_cut():
    pairs = [with_masks(*pair) for pair in scenes(5, images=4)]
    padded = [(t, p | {"masks": np.pad(p["masks"], ((0, 0), (0, 9), (0, 5)), constant_values=1)}) for t, p in pairs]
    assert fed(padded, masks=True).result() == fed(pairs, masks=True).result()


def exact(truth, **changes):
    """The prediction that repeats the truth."""
    count = len(truth["labels"])
    given = {"boxes_xyxy": truth["boxes_xyxy"], "labels": truth["labels"], "scores": np.full(count, 0.9, np.float32)}
    return given | {"count": np.int32(count)} | changes


def test_perfect_and_empty():
    truths = [t | {"is_crowd": np.zeros(len(t["labels"]), bool)} for t, _ in scenes(1) if len(t["labels"]) == 3]
    perfect = Detection(CLASSES)
    nothing = Detection(CLASSES)
    for truth in truths:
        rows = {k: v[None] for k, v in truth.items()}  # a plain array with a batch axis, as `raw_examples` gives
        perfect.update({k: np.asarray(v)[None] for k, v in exact(truth).items()}, rows)
        nothing.update({k: np.asarray(v)[None] for k, v in exact(truth, count=np.int32(0)).items()}, rows)
    result = perfect.result()
    assert min(result.values()) == pytest.approx(1.0)
    assert set(nothing.result().values()) == {0.0}
    assert set(nothing.result()) == set(result)


def test_no_truth_at_all():
    empty = {"boxes_xyxy": np.zeros((0, 4)), "labels": np.zeros(0)}
    truth, prediction = scenes(1)[1]
    assert fed([(empty, prediction)]).result() == {"ap": 0.0, "ap50": 0.0, "ap75": 0.0}
    assert Detection(CLASSES).result() == {"ap": 0.0, "ap50": 0.0, "ap75": 0.0}


def one(found, **truth):
    """AP50 of one image with two objects, of which the first is found first; found: boxes with falling scores."""
    given = {"boxes_xyxy": np.array([[0, 0, 50, 50], [60, 60, 120, 120.0]]), "labels": np.zeros(2, int)} | truth
    prediction = {"boxes_xyxy": np.array(found, float), "labels": np.zeros(len(found), int)}
    prediction |= {"scores": np.linspace(0.9, 0.1, len(found)), "count": len(found)}
    return fed([(given, prediction)])


def test_difficult_objects_neither_count_nor_cost():
    found = [[0, 0, 50, 50], [60, 60, 120, 120]]
    assert one(found[:1]).result()["ap50"] == pytest.approx(51 / 101)
    assert one(found, is_difficult=np.array([True, False])).result()["ap50"] == pytest.approx(1.0)
    assert one(found[1:], is_difficult=np.array([True, False])).result()["ap50"] == pytest.approx(1.0)


def test_a_crowd_takes_any_number_of_detections():
    found = [[60, 60, 90, 90], [90, 90, 118, 118], [0, 0, 50, 50]]
    assert one(found, is_crowd=np.array([False, True])).result()["ap50"] == pytest.approx(1.0)
    assert one(found).result()["ap50"] < 0.5


def test_occlusion_bands():
    """Only the hidden object is missed; a detection of nothing counts in each band."""
    result = one([[0, 0, 50, 50]], occlusion=np.array([0.0, 0.4])).result()
    assert result["ap_occlusion_none"] == pytest.approx(1.0)
    assert result["ap_occlusion_heavy"] == 0.0
    assert "ap_occlusion_partial" not in result
    noisy = one([[130, 0, 150, 20], [0, 0, 50, 50], [60, 60, 120, 120]], occlusion=np.array([0.0, 0.349])).result()
    assert noisy["ap_occlusion_none"] == noisy["ap_occlusion_partial"] == pytest.approx(0.5)


def test_illumination_bands_are_those_images_alone():
    rng = np.random.default_rng(0)
    pairs = [(t | {"illumination": np.float32(rng.uniform(-2, 1))}, p) for t, p in scenes(4, images=30)]
    result = fed(pairs).result()
    for band, low, high in (("dark", -9, -1), ("normal", -1, 0.5), ("bright", 0.5, 9)):
        inside = [(t, p) for t, p in pairs if low <= t["illumination"] < high]
        assert len(inside) > 2
        assert result[f"ap_illumination_{band}"] == pytest.approx(oracle(inside)[0]["ap"], abs=1e-12)


def test_the_area_may_be_that_of_the_object():
    small = one([[0, 0, 50, 50], [60, 60, 120, 120]], area_px=np.array([500.0, 3000.0])).result()
    assert small["ap_small"] == small["ap_medium"] == pytest.approx(1.0)
    assert "ap_small" not in one([[0, 0, 50, 50]]).result()


def test_some_examples_alone():
    pairs = scenes(2)
    evaluator = fed(pairs)
    kept = np.array([1, 4, 5, 9, 16, 20])
    assert evaluator.result(kept) == fed([pairs[i] for i in kept]).result()
    before = evaluator.result()
    evaluator.update(*({k: np.asarray(v)[None] for k, v in part.items()} for part in pairs[3][::-1]))
    assert evaluator.result() != before  # what is held is matched anew
    assert evaluator.result() == fed([*pairs, pairs[3]]).result()


def test_truths_as_the_pipeline_stacks_them():
    """Ragged batches: also an image without objects, and masks of unequal size."""
    from kerasvision.inference.evaluation import rows_of

    pairs = [with_masks(*pair) for pair in scenes(7, images=6, most=3)]
    shapes = {"boxes_xyxy": [None, 4], "labels": [None], "is_crowd": [None], "instance_masks": [None] * 3}
    types = {k: tf.TensorSpec(shape, pairs[0][0][k].dtype) for k, shape in shapes.items()}
    data = tf.data.Dataset.from_generator(lambda: ({k: t[k] for k in shapes} for t, _ in pairs), output_signature=types)
    evaluator = Detection(CLASSES, masks=True)
    for number, batch in enumerate(data.ragged_batch(3)):
        predictions = [p for _, p in pairs[3 * number : 3 * number + 3]]
        truth = {k: rows_of(v) for k, v in batch.items()}
        evaluator.update({k: np.stack([p[k] for p in predictions]) for k in predictions[0]}, truth)
    assert evaluator.result() == fed(pairs, masks=True).result()


@pytest.mark.parametrize("key", ["boxes_xyxy", "scores"])
def test_predictions_that_are_not_finite(key):
    truth, prediction = scenes(1)[3]
    prediction[key][0] = np.nan
    with pytest.raises(KerasVisionError, match="not finite"):
        fed([(truth, prediction)])


def test_precision_recall_is_pycocotools_table():
    pairs = scenes(0)
    recall, found = curves.precision_recall(fed(pairs), 0.75)
    assert list(found) == list(CLASSES[:3])
    np.testing.assert_array_equal(recall, np.linspace(0, 1, 101))
    for k, name in enumerate(CLASSES[:3]):
        np.testing.assert_allclose(found[name], oracle(pairs)[1][5, :, k], atol=1e-12)


def test_false_alarms_say_what_is_wrong():
    truth = {"boxes_xyxy": np.array([[0, 0, 50, 50], [60, 60, 120, 120.0]]), "labels": np.array([0, 1])}
    found = {
        "hit": ([0, 0, 50, 48], 0, 0.99),
        "twice": ([0, 0, 48, 50], 0, 0.6),
        "wrong class": ([60, 60, 120, 118], 2, 0.9),
        "misplaced": ([80, 80, 140, 140], 1, 0.7),
        "background": ([140, 0, 160, 20], 3, 0.8),
    }
    rows, labels, scores = zip(*found.values(), strict=True)
    prediction = {
        "boxes_xyxy": np.array(rows, float),
        "labels": np.array(labels),
        "scores": np.array(scores),
        "count": 5,
    }
    evaluator = fed([(truth, prediction)])
    more = scenes(0, images=3)
    evaluator.update(
        {k: np.stack([p[k] for _, p in more]) for k in prediction}, {k: [t[k] for t, _ in more] for k in truth}
    )
    alarms = curves.false_alarms(evaluator, most=100)
    assert [a.kind for a in alarms if a.example == 0] == ["wrong class", "background", "misplaced", "twice"]
    assert alarms == sorted(alarms, key=lambda a: -a.score)
    assert next(a for a in alarms if a.kind == "wrong class").other == 1
    assert len(curves.false_alarms(evaluator, most=3)) == 3


def test_pictures_are_drawn(tmp_path):
    pairs = scenes(0, images=6)
    evaluator = fed(pairs)
    images = {i: np.full((H, W, 3), 40 * i, np.uint8) for i in range(6)}
    curves.draw_precision_recall(evaluator, tmp_path / "curves.png")
    alarms = curves.false_alarms(evaluator, most=6)
    curves.draw_false_alarms(alarms, images, CLASSES, tmp_path / "alarms.png")
    curves.draw_false_alarms([], images, CLASSES, tmp_path / "none.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["alarms.png", "curves.png", "none.png"]
    red = np.asarray(Image.open(tmp_path / "alarms.png").convert("RGB")).astype(int)
    assert (np.abs(red - [214, 39, 40]).sum(-1) < 12).sum() > 500  # boxes of what was said
    assert Image.open(tmp_path / "curves.png").size == (1200, 500)
