"""Detectors joined: their boxes fused in this process and in files, as by numpy, and what cannot be joined."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kerasvision.api import load
from kerasvision.cli.main import main
from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.export.targets.tflite import convert
from kerasvision.inference.served import Served
from kerasvision.ops import geometry as geo
from kerasvision.ops.nms import Suppression
from kerasvision.ops.slots import Slots
from kerasvision.systems import joining
from kerasvision.systems.detector_ensemble import DetectorEnsemble
from kerasvision.systems.joining import merged
from kerasvision.tasks.outer_boxes import OuterBoxes
from kerasvision.train.run import Trained, load_run, save_run
from tests.contract import contracts
from tests.contract.detection_cases import CASES
from tests.data.drawn import draw_coco
from tests.ops.test_fusion import from_the_paper
from tests.ops.test_nms import greedy

SIDE = 64
RULE = Suppression(0.5, 0.3, 12)
KINDS = ("yolo", "ssd")
# of the untrained kernels of classes: logits of about -2 to 2; scores that are 1 to the last bit would have no order
SPREAD = {"yolo": 3.0, "ssd": 0.3}


def member(kind, **fields):
    """A detector of a kind of its own, of 4 classes."""
    return dataclasses.replace(CASES[f"detection/{kind}"].make(), suppression=RULE, **fields)


def detected(seed):
    """[(member of a kind, raw outputs for two images)]: three objects in each, a pixel or two beside one another."""
    every = []
    for number, kind in enumerate(KINDS):
        arch = member(kind)
        rng = np.random.default_rng(seed)  # the same objects
        low, labels = rng.uniform(0, 40, (2, 3, 2)), rng.integers(0, 4, (2, 3)).astype(np.int32)
        own = np.random.default_rng(10 * seed + number)
        sides, low = rng.uniform(12, 22, (2, 3, 2)), low + own.normal(0, 1.0, (2, 3, 2))
        boxes = np.clip(np.concatenate([low, low + sides], -1), 0, SIDE).astype(np.float32)
        samples = [{"boxes_xyxy": tf.constant(b), "labels": tf.constant(k)} for b, k in zip(boxes, labels, strict=True)]
        raw = arch.ideal_raw(tf.nest.map_structure(lambda *rows: tf.stack(rows), *map(arch.encode, samples)))
        sure = raw["classes"] * tf.constant(own.uniform(-0.03, 0.1, raw["classes"].shape), tf.float32)
        every.append((arch, raw | {"classes": tf.where(raw["classes"] > 0, sure, -4.0)}))
    return every


def in_ensemble(members):
    return {f"member{n}_{key}": value for n, (_, raw) in enumerate(members) for key, value in raw.items()}


def identity():
    return geo.identity(tf.constant([[SIDE, SIDE]] * 2))


def test_boxes_are_fused_as_numpy_fuses_the_members():
    members = detected(0)
    arch = DetectorEnsemble(tuple(a for a, _ in members))
    found = arch.decode(in_ensemble(members), identity())
    each = [a.decode(raw, identity()) for a, raw in members]
    assert all((one["count"].numpy() >= 2).all() for one in each)
    for i in range(2):
        boxes, scores, labels = (
            np.concatenate([one[k][i] for one in each]) for k in ("boxes_xyxy", "scores", "labels")
        )
        rows = from_the_paper(boxes, scores, labels, 2, arch.iou_threshold)[: RULE.max_detections]
        assert int(found["count"][i]) == len(rows) < (scores > 0).sum()
        np.testing.assert_allclose(found["boxes_xyxy"][i, : len(rows)], [r[0] for r in rows], atol=1e-3)
        np.testing.assert_allclose(found["scores"][i, : len(rows)], [r[1] for r in rows], rtol=1e-5)


@pytest.mark.parametrize(("fuse", "sigma"), [("nms", 0.0), ("soft_nms", 0.5)])
def test_the_union_is_suppressed_as_by_the_definition(fuse, sigma):
    members = detected(1)
    arch = DetectorEnsemble(tuple(a for a, _ in members), fuse)
    found = arch.decode(in_ensemble(members), identity())
    rule = dataclasses.replace(RULE, soft_sigma=sigma)
    assert arch.suppression == rule
    each = [a.candidates(raw) for a, raw in members]
    for i in range(2):
        boxes = np.concatenate([np.clip(b[i], 0, SIDE) for b, _ in each])
        scores = np.concatenate([s[i] for _, s in each])
        pairs = np.argwhere(scores >= rule.score_threshold)
        kept = greedy(boxes[pairs[:, 0]], scores[tuple(pairs.T)], pairs[:, 1], rule)
        assert int(found["count"][i]) == len(kept)
        np.testing.assert_allclose(found["scores"][i, : len(kept)], [s for _, s in kept], rtol=1e-4)
        wanted = boxes[pairs[[k for k, _ in kept], 0]]
        np.testing.assert_allclose(found["boxes_xyxy"][i, : len(kept)], wanted, atol=1e-3)


@pytest.mark.parametrize("fuse", ["wbf", "nms"])
def test_a_box_of_the_next_place_is_told_by_its_score(fuse):
    """With one place, a file that gives the second best differs by how far the two scores are apart, not by a box."""
    members = detected(2)
    raw, (first, second) = in_ensemble(members), (a for a, _ in members)
    one = dataclasses.replace(first, suppression=dataclasses.replace(RULE, max_detections=1))
    arch = DetectorEnsemble((one, second), fuse)
    judged = {k: v.numpy() for k, v in arch.judged(raw, identity()).items()}
    assert judged["count"].tolist() == [1, 1]
    if fuse == "wbf":  # the first member has one place for boxes of its own, too
        boxes, scores, labels = (judged[f"candidate{k}"] for k in ("s_xyxy", "_scores", "_labels"))
        more = {"boxes_xyxy": boxes, "scores": scores, "labels": labels}
    else:
        more = {k: v.numpy() for k, v in DetectorEnsemble((first, second), fuse).decode(raw, identity()).items()}
    other = {k: more[k][:, 1:2] for k in ("boxes_xyxy", "scores", "labels")} | {"count": judged["count"]}
    apart = judged["scores"][:, 0] - other["scores"][:, 0]
    assert (apart > 0).all()
    np.testing.assert_allclose(arch.compare(judged, other)[0], apart, atol=1e-5)
    moved = other | {"boxes_xyxy": other["boxes_xyxy"] + np.float32(SIDE)}
    assert (arch.compare(judged, moved)[0] > 0.4).all()


def test_what_cannot_be_joined_is_one_line():
    first = member("yolo")
    for fields, message in (
        ({"num_classes": 7}, "member 2 has 7 classes and the first 4; take runs on the same classes"),
        ({"resize": "stretch"}, "member 2 has other preprocessing than the first: resize stretch and not letterbox"),
    ):
        with pytest.raises(KerasVisionError, match=message):
            DetectorEnsemble((first, dataclasses.replace(first, **fields)))
    masks = create("instance_segmentation/mask_rcnn", num_classes=4)
    with pytest.raises(KerasVisionError, match="instance_segmentation/mask_rcnn is none"):
        DetectorEnsemble((masks, masks))
    with pytest.raises(UsageError, match="iou_threshold=0; allowed: above 0, to 1"):
        DetectorEnsemble((first, first), iou_threshold=0.0)
    arch = DetectorEnsemble((first, member("ssd")))
    assert from_json(to_json(arch)) == arch
    with pytest.raises(KerasVisionError, match=r"takes fuse='nms'"):
        arch.suppression  # noqa: B018
    with pytest.raises(KerasVisionError, match="explain the run of a member"):
        arch.targets()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A YOLO's and an SSD's run, untrained, which therefore see something everywhere: `Trained`, with their folders."""
    root = tmp_path_factory.mktemp("detectors")
    draw_coco(root / "shapes", 12, (48, 80))
    data = create("sources/coco", path=str(root / "shapes"))
    classes, every = data.open().classes, []
    for number, kind in enumerate(KINDS):
        arch = dataclasses.replace(member(kind), num_classes=len(classes), suppression=Suppression(0.5, 0.35, 12))
        graph = contracts.built(arch, number)
        for layer in graph.layers:
            if re.fullmatch(r"classes_(out_\w+|\d+)", layer.name):  # no prior: half of all places are something
                kernel, bias = layer.get_weights()
                layer.set_weights([SPREAD[kind] * kernel, 0 * bias])
        (root / kind).mkdir()
        every.append(Trained(Recipe(kind, arch, data), graph, classes, {}, root / kind))
        save_run(every[-1])
    return every


def rows_of(predictions):
    """What the paper makes of the members' predictions for one image, in its pixels."""
    held = (np.concatenate([np.asarray(p[k])[0] for p in predictions]) for k in ("boxes_xyxy", "scores", "labels"))
    return from_the_paper(*held, len(predictions), 0.55)[:12]


def assert_answers(found, boxes):
    assert int(found["count"][0]) == len(boxes) > 1
    np.testing.assert_allclose(found["boxes_xyxy"][0, : len(boxes)], boxes, atol=0.01)


@pytest.mark.nightly
def test_tensorflow_and_tflite_fuse_alike_also_at_the_border_of_a_letterbox(runs):
    """Of a picture with an empty band above and below, into which boxes of the members reach."""
    arch = DetectorEnsemble(tuple(run.arch for run in runs))
    served = Served(arch, merged(arch, [run.graph for run in runs]), runs[0].classes)
    image = tf.constant(np.random.default_rng(3).integers(0, 256, (1, 40, 80, 3)).astype(np.uint8))
    prepared, geometry = arch.geometry({"image": image})
    rows = rows_of([run.served().fixed()(prepared) for run in runs])
    boxes = np.stack([r[0] for r in rows])
    assert (boxes[:, 1] < 15).any()  # 64 x 32 pixels of 64 x 64: the band has 16
    interpreter = Interpreter(model_content=convert(served, "float32", "mixed", ()))
    assert not [o for o in interpreter._get_ops_details() if o["op_name"].startswith(("Flex", "CUSTOM"))]
    assert_answers(interpreter.get_signature_runner()(image=prepared["image"].numpy()), boxes)
    original = (boxes - [0, 16, 0, 16]) * (80 / 64)
    assert_answers(served.serve({"image": image}), np.clip(original, 0, [80, 40, 80, 40]))
    assert_answers(served.predict(prepared, geometry), np.clip(original, 0, [80, 40, 80, 40]))


@pytest.mark.nightly
def test_joined_they_are_a_run_that_is_exported(runs, tmp_path, capsys):
    words = ["ensemble", *(str(run.folder) for run in runs), "--out", str(tmp_path / "run"), "--name", "both"]
    assert main(words) == 0
    assert "test/ap" in capsys.readouterr().out
    trained = load_run(tmp_path / "run")
    assert trained.arch.fuse == "wbf" and "test/disagreement" not in trained.metrics
    specs = ("saved_model", "tflite:float32")
    artifacts, _ = export(trained, [from_spec(s) for s in specs], tmp_path, limit=4, verbose=False)
    assert [a.verdict for a in artifacts] == ["pass"] * 2
    image = np.random.default_rng(3).integers(0, 256, (1, SIDE, SIDE, 3)).astype(np.uint8)
    boxes = [r[0] for r in rows_of([run.served().serve({"image": image}) for run in runs])]
    for file in ("saved_models/both", "tflite/models/both/model.tflite"):
        assert_answers(load(tmp_path / file)({"image": image}), boxes)


def test_what_members_promise_of_boxes_is_not_the_ensembles(runs, capsys):
    promising = dataclasses.replace(runs[0].arch, outer_boxes=OuterBoxes(0.8, thresholds=(0.1, 0.5), examples=40))
    held = dataclasses.replace(runs[0], recipe=dataclasses.replace(runs[0].recipe, model=promising))
    bare = joining._without_sets("runs/a", held, True)
    assert promising.promise() and "outer_xyxy" in promising.outputs
    assert not bare.arch.promise() and not bare.arch.tunes and "outer_xyxy" not in bare.arch.outputs
    assert capsys.readouterr().err.startswith("runs/a was to promise 80 % (outer_boxes); the ensemble does not")
    assert joining._without_sets("runs/b", runs[1], True) is runs[1] and not capsys.readouterr().err


def test_a_tracker_that_members_have_inside_is_not_the_ensembles_and_that_is_said(runs, capsys):
    arch = dataclasses.replace(runs[0].arch, slots=Slots(count=32))
    member = dataclasses.replace(runs[0], recipe=dataclasses.replace(runs[0].recipe, model=arch))
    bare = joining._without_slots("runs/a", member)
    said = capsys.readouterr().err
    assert said.startswith(
        "runs/a has a tracker of 32 slots inside (model.slots); the ensemble and its files have none"
    )
    assert said.count("\n") == 1 and bare.arch == runs[0].arch
    assert joining._without_slots("runs/b", runs[1]) is runs[1] and not capsys.readouterr().err


def test_other_ways_and_other_classes_are_one_line(runs, tmp_path, monkeypatch):
    """Of runs that need not be read again."""
    held = {"yolo": runs[0], "ssd": runs[1]}
    monkeypatch.setattr(joining, "load_run", lambda folder: held[folder.name])
    folders = [run.folder for run in runs]
    with pytest.raises(UsageError, match=r"--combine mean: allowed: wbf, nms, soft_nms \(of detection\)"):
        joining.join(folders, tmp_path / "mean", "mean")
    held["ssd"] = dataclasses.replace(runs[1], classes=tuple(f"{c}s" for c in runs[1].classes))
    with pytest.raises(KerasVisionError, match="has the classes .* share their classes and their order"):
        joining.join(folders, tmp_path / "out")
