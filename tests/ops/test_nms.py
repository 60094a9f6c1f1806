"""Suppression against torchvision and loops over the definition; its TFLite and ONNX forms against TensorFlow."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import UsageError
from kerasvision.ops import boxes as box_ops
from kerasvision.ops.anchors import Anchors
from kerasvision.ops.nms import Suppression, nms, tflite_boxes, tflite_detections, top_candidates

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "goldens" / "detection_ops.npz")
SIDE = 128


def scene(count, batch=2, classes=None, seed=0):
    """Crowded boxes [batch, count, 4] and scores, [batch, count] or [batch, count, classes]."""
    rng = np.random.default_rng(seed)
    center, side = rng.uniform(0, SIDE, (batch, count, 2)), np.exp(rng.uniform(2, 4.5, (batch, count, 2)))
    scores = rng.uniform(0, 1, (batch, count) if classes is None else (batch, count, classes))
    return np.concatenate([center - side / 2, center + side / 2], -1).astype(np.float32), scores.astype(np.float32)


def iou(box, others):
    """float32, as a threshold decides by it."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.maximum(high - low, np.float32(0)).prod(1)
    areas = [(x[..., 2] - x[..., 0]) * (x[..., 3] - x[..., 1]) for x in (box, others)]
    return shared / np.maximum(areas[0] + areas[1] - shared, np.float32(1e-8))


def greedy(boxes, scores, labels, rule):
    """Indices and scores that stay, by the definition (soft: Bodla et al., figure 2); a point is no box."""
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(-1)
    live = {i: float(s) for i, s in enumerate(scores) if s >= rule.score_threshold and s > 0 and has_area[i]}
    kept = []
    while live and len(kept) < rule.max_detections:
        best = max(live, key=lambda i: (live[i], -i))
        kept.append((best, live.pop(best)))
        overlaps = iou(boxes[best], boxes)
        for i in list(live):
            overlap = overlaps[i]
            if rule.class_aware and labels[i] != labels[best]:
                continue
            if rule.soft_sigma:
                live[i] *= np.exp(-(overlap**2) / rule.soft_sigma)
            if live[i] < rule.score_threshold or (not rule.soft_sigma and overlap > rule.iou_threshold):
                del live[i]
    return kept


def assert_padded(found, most):
    for key, tail in (("boxes_xyxy", (4,)), ("scores", ()), ("labels", ()), ("index", ())):
        if key in found:
            assert found[key].shape[1:] == (most, *tail), key
    for i, count in enumerate(found["count"].numpy()):
        assert not found["boxes_xyxy"][i, count:].numpy().any() and not found["scores"][i, count:].numpy().any()
        assert (found["labels"][i, count:].numpy() == -1).all() and (found["labels"][i, :count].numpy() >= 0).all()


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("kind", ["agnostic", "aware", "many"])
def test_nms_is_torchvision_s(kind, threshold):
    boxes, scores, labels = (GOLDEN[f"nms/{k}"][None] for k in ("boxes", "scores", "labels"))
    labels = labels % 4 if kind == "aware" else labels
    found = nms(boxes, scores, labels, Suppression(threshold, 0.0, 150, kind != "agnostic"))
    expected = GOLDEN[f"nms/{kind}_{threshold}"]
    assert found["count"].numpy().tolist() == [len(expected)]
    np.testing.assert_array_equal(found["index"][0, : len(expected)], expected)
    np.testing.assert_array_equal(found["labels"][0, : len(expected)], labels[0, expected])


@pytest.mark.parametrize("aware", [True, False])
@pytest.mark.parametrize("soft_sigma", [0.0, 0.5])
@pytest.mark.parametrize("most", [7, 40])
def test_nms_is_the_definition(most, soft_sigma, aware):
    boxes, scores = scene(30, batch=3)
    scores[2] = 0.01  # nothing counts
    boxes[1, 3], scores[1, 5] = np.nan if soft_sigma else 5.0, np.nan
    scores[1, 3] = 0.0 if soft_sigma else 0.99  # a point
    labels = np.random.default_rng(1).integers(0, 40, (3, 30)) // 10
    rule = Suppression(0.4, 0.2, most, aware, soft_sigma)
    found = nms(boxes, scores, labels, rule)
    assert_padded(found, most)
    for i in range(3):
        kept = greedy(boxes[i], scores[i], labels[i], rule)
        assert found["count"][i] == len(kept)
        np.testing.assert_array_equal(found["index"][i, : len(kept)], [k for k, _ in kept])
        np.testing.assert_allclose(found["scores"][i, : len(kept)], [s for _, s in kept], rtol=1e-5)
        np.testing.assert_array_equal(found["boxes_xyxy"][i, : len(kept)], boxes[i][[k for k, _ in kept]])


def test_soft_nms_is_tensorflow_s():
    """TensorFlow's sigma is half of the paper's."""
    boxes, scores = scene(60, batch=1, seed=3)
    rule = Suppression(score_threshold=0.1, max_detections=25, class_aware=False, soft_sigma=0.6)
    found = nms(boxes, scores, np.zeros((1, 60), int), rule)
    index, kept = tf.image.non_max_suppression_with_scores(boxes[0], scores[0], 25, 1.0, 0.1, soft_nms_sigma=0.3)
    np.testing.assert_array_equal(found["index"][0, : len(index)], index)
    np.testing.assert_allclose(found["scores"][0, : len(kept)], kept, rtol=1e-5)


def test_thresholds_include_the_score_and_exclude_the_iou():
    boxes = np.float32([[[0, 0, 10, 10], [0, 0, 10, 20], [50, 50, 60, 60], [80, 80, 90, 90]]])  # 0 and 1: exactly 0.5
    scores = np.float32([[0.9, 0.8, 0.25, 0.2499]])
    labels = np.zeros((1, 4), int)
    assert nms(boxes, scores, labels, Suppression(0.5, 0.25, 4))["index"].numpy().tolist() == [[0, 1, 2, 0]]
    assert nms(boxes, scores, labels, Suppression(0.4999, 0.25, 4))["count"].numpy().tolist() == [2]
    equal = np.float32([[0.5, 0.5, 0.5, 0.5]])
    assert nms(boxes, equal, labels, Suppression(0.4, 0.5, 4))["index"].numpy().tolist() == [[0, 2, 3, 0]]


def test_every_label_has_a_place_of_its_own():
    boxes, labels = np.tile(np.float32([[[5, 5, 90, 70]]]), (1, 100, 1)), np.arange(100)[None]
    assert nms(boxes, np.full((1, 100), 0.9, np.float32), labels, Suppression())["count"].numpy().tolist() == [100]


def test_top_candidates_are_the_best_pairs():
    boxes, scores = scene(9, classes=3)
    scores[0, 4, 1] = np.nan
    found, best, labels, anchor = top_candidates(boxes, scores, 12, 0.5)
    for i in range(2):
        pairs = sorted(((-s if s >= 0.5 else 0, a, c) for a, row in enumerate(scores[i]) for c, s in enumerate(row)))[
            :12
        ]
        real = [(a, c) for s, a, c in pairs if s < 0]
        seen = list(zip(anchor[i].numpy().tolist(), labels[i].numpy().tolist(), strict=True))
        assert seen[: len(real)] == real
        np.testing.assert_allclose(best[i], [-p[0] for p in pairs])
        np.testing.assert_array_equal(found[i], boxes[i][anchor[i]])
    assert top_candidates(boxes, scores, 100)[1].shape == (2, 27)


@pytest.mark.parametrize(
    "fields", [{"iou_threshold": 0.0}, {"score_threshold": 1.5}, {"max_detections": 0}, {"soft_sigma": -1.0}]
)
def test_wrong_rules_are_one_clear_error(fields):
    with pytest.raises(UsageError, match=f"{next(iter(fields))}={next(iter(fields.values()))}"):
        Suppression(**fields)
    assert from_json(to_json(Suppression(0.6))) == Suppression(0.6)


ANCHORS = Anchors(strides=(16, 32), sizes=((24.0,), (48.0, 64.0)))((SIDE, SIDE))


def heads(batch, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    deltas = rng.normal(0, 2, (batch, len(ANCHORS), 4)).astype(np.float32)
    deltas[0, :3, 2:] = 60.0  # beyond the limit of a decoded side
    scores = rng.uniform(0, 1, (batch, len(ANCHORS), classes)).astype(np.float32) ** 3
    scores[:, 7] = 0.0
    return deltas, scores


def in_pixels(boxes, labels, scores, count):
    """What the operator gives, as `nms` has it, but for `index`."""
    assert {t.dtype for t in (boxes, labels, scores, count)} == {tf.float32}
    real = tf.range(labels.shape[1])[None] < tf.cast(count, tf.int32)[:, None]
    return {
        "boxes_xyxy": tf.where(real[..., None], tf.gather(boxes, [1, 0, 3, 2], axis=-1) * SIDE, 0.0),
        "scores": tf.where(real, scores, 0.0),
        "labels": tf.where(real, tf.cast(labels, tf.int32), -1),
        "count": tf.cast(count, tf.int32),
    }


def postprocess(deltas, scores, rule):
    return in_pixels(*tflite_detections(deltas, scores, ANCHORS, (SIDE, SIDE), rule))


@pytest.mark.parametrize(
    "rule", [Suppression(0.5, 0.3, 20), Suppression(0.3, 0.0, 400), Suppression(0.6, 0.2, 15, False)]
)
def test_postprocess_decodes_and_suppresses(rule):
    deltas, scores = heads(2)
    found = postprocess(deltas, scores, rule)
    assert_padded(found, rule.max_detections)
    boxes = box_ops.decode(deltas, ANCHORS).numpy()
    for i in range(2):
        pairs = np.array([(a, c) for a in range(len(ANCHORS)) for c in range(5)])
        if not rule.class_aware:
            pairs = np.stack([np.arange(len(ANCHORS)), scores[i].argmax(1)], 1)
        kept = greedy(boxes[i][pairs[:, 0]], scores[i][tuple(pairs.T)], pairs[:, 1], rule)
        assert found["count"][i] == len(kept)
        anchor, label = pairs[[k for k, _ in kept]].T
        np.testing.assert_array_equal(found["labels"][i, : len(kept)], label)
        np.testing.assert_array_equal(found["scores"][i, : len(kept)], [np.float32(s) for _, s in kept])
        np.testing.assert_allclose(found["boxes_xyxy"][i, : len(kept)], boxes[i][anchor], rtol=1e-5, atol=1e-4)


def test_postprocess_without_anchors_is_nms():
    boxes, scores = scene(50, classes=3, seed=5)
    rule = Suppression(0.5, 0.4, 30)
    found = in_pixels(*tflite_boxes(boxes, scores, (SIDE, SIDE), rule))
    expected = nms(*top_candidates(boxes, scores, 150)[:3], rule)
    for key in ("count", "labels", "scores"):
        np.testing.assert_array_equal(found[key], expected[key])
    np.testing.assert_allclose(found["boxes_xyxy"], expected["boxes_xyxy"], atol=2e-4)


def test_postprocess_refuses_soft_suppression():
    with pytest.raises(UsageError, match="soft_sigma=0.5"):
        postprocess(*heads(1), Suppression(soft_sigma=0.5))


def converted(function, specs, custom=False):
    """(operator names, run) of a function in TFLite."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    module = tf.Module()
    module.answer = tf.function(function, input_signature=specs, autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.answer.get_concrete_function()], module)
    converter.allow_custom_ops = custom
    interpreter = litert.Interpreter(model_content=converter.convert())
    return {op["op_name"] for op in interpreter._get_ops_details()}, interpreter.get_signature_runner()


def assert_same(seen, expected):
    assert sorted(seen) == sorted(expected)
    for key in seen:
        exact = key not in ("boxes_xyxy", "scores")
        np.testing.assert_allclose(
            seen[key], expected[key], rtol=0 if exact else 1e-5, atol=0 if exact else 2e-4, err_msg=key
        )


@pytest.mark.parametrize("soft_sigma", [0.0, 0.5])
def test_nms_converts_to_builtin_operators(soft_sigma):
    rule = Suppression(0.5, 0.3, 20, True, soft_sigma)

    def answer(boxes, scores):
        return nms(*top_candidates(boxes, scores, 64)[:3], rule)

    specs = [tf.TensorSpec([1, 50, 4], name="raw_boxes"), tf.TensorSpec([1, 50, 4], name="raw_scores")]
    ops, run = converted(answer, specs)
    assert not [op for op in ops if op.startswith("Flex") or "PostProcess" in op]
    for seed in range(3):
        boxes, scores = scene(50, 1, 4, seed)
        assert_same(run(raw_boxes=boxes, raw_scores=scores), answer(boxes, scores))
    empty = run(raw_boxes=boxes, raw_scores=0 * scores)
    assert empty["count"].tolist() == [0] and (empty["labels"] == -1).all()


@pytest.mark.parametrize("rule", [Suppression(0.5, 0.3, 20), Suppression(0.6, 0.2, 15, False)])
def test_postprocess_becomes_the_tflite_operator(rule):
    def answer(deltas, scores):
        return postprocess(deltas, scores, rule)

    specs = [
        tf.TensorSpec([1, len(ANCHORS), 4], name="raw_deltas"),
        tf.TensorSpec([1, len(ANCHORS), 5], name="raw_scores"),
    ]
    ops, run = converted(answer, specs, custom=True)
    assert "TFLite_Detection_PostProcess" in ops and not ops & {"WHILE", "NON_MAX_SUPPRESSION_V4"}
    for seed in range(3):
        deltas, scores = heads(1, seed=seed)
        assert_same(run(raw_deltas=deltas, raw_scores=scores), answer(deltas, scores))
    few = np.where(scores > 0.99, scores, 0)
    assert 0 < answer(deltas, few)["count"] < rule.max_detections
    assert_same(run(raw_deltas=deltas, raw_scores=few), answer(deltas, few))


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, None])
@pytest.mark.parametrize("form", ["nms", "soft", "postprocess"])
def test_onnx_agrees(form, batch):
    tf2onnx, runtime = pytest.importorskip("tf2onnx"), pytest.importorskip("onnxruntime")
    rule = Suppression(0.5, 0.3, 20, True, 0.5 if form == "soft" else 0.0)

    def answer(deltas, scores):
        if form == "postprocess":
            return postprocess(deltas, scores, rule)
        return nms(*top_candidates(box_ops.decode(deltas, ANCHORS), scores, 64)[:3], rule)

    specs = [
        tf.TensorSpec([batch, len(ANCHORS), 4], name="raw_deltas"),
        tf.TensorSpec([batch, len(ANCHORS), 5], name="raw_scores"),
    ]
    traced = tf.function(answer, input_signature=specs, autograph=False)
    model, _ = tf2onnx.convert.from_function(traced, input_signature=specs, opset=17)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    deltas, scores = heads(batch or 3)
    seen = session.run(names, {"raw_deltas": deltas, "raw_scores": scores})
    assert_same(dict(zip(names, seen, strict=True)), answer(deltas, scores))


def test_a_saved_model_answers_any_batch(tmp_path):
    rule, module = Suppression(0.5, 0.3, 20), tf.Module()
    specs = [tf.TensorSpec([None, len(ANCHORS), 4]), tf.TensorSpec([None, len(ANCHORS), 5])]
    module.answer = tf.function(lambda d, s: postprocess(d, s, rule), input_signature=specs, autograph=False)
    expected = module.answer(*heads(3))
    tf.saved_model.save(module, str(tmp_path))
    assert_same(tf.saved_model.load(str(tmp_path)).answer(*heads(3)), expected)
