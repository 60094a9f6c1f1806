"""What a detector does with odd scenes: nothing in them, too much in them, crowds, and pictures of odd shapes."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import architectures, create
from kerasvision.inference.served import Served
from kerasvision.ops.nms import Suppression
from tests.contract import contracts
from tests.contract.cases import CASES, CaseSamples
from tests.undrawn import train

DETECTORS = [*architectures.names("detection/*"), *architectures.names("instance_segmentation/*")]
PADDED = [n for n in DETECTORS if CASES[n].assigns_in_loss]


@functools.cache
def made(name):
    """(architecture, its graph), built once. Tests must not change the graph."""
    arch = CASES[name].make()
    return arch, contracts.built(arch)


@pytest.fixture(scope="module", autouse=True)
def _forgotten():
    yield
    made.cache_clear()


def targets_of(arch, sample):
    """Targets of one sample with a batch axis."""
    _, _, moved = arch.prepare_sample({k: tf.constant(v) for k, v in sample.items()})
    return {k: tf.convert_to_tensor(v)[None] for k, v in arch.encode(moved).items()}


def sample_of(boxes, labels, image_hw=(64, 64), is_crowd=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    masks = np.zeros((len(boxes), *image_hw), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.astype(int), strict=True):
        mask[y1:y2, x1:x2] = 1
    sample = {"image": np.zeros((*image_hw, 3), np.uint8), "boxes_xyxy": boxes, "labels": np.array(labels, np.int32)}
    crowd = {} if is_crowd is None else {"is_crowd": np.array(is_crowd)}
    return sample | {"instance_masks": masks} | crowd


@pytest.mark.parametrize("name", DETECTORS)
def test_an_image_without_boxes_teaches_the_background(name):
    arch, graph = made(name)
    targets = targets_of(arch, sample_of([], []))
    with tf.GradientTape() as tape:
        losses = arch.loss(targets, graph({"image": tf.ones([1, 64, 64, 3])}, training=True))
        total = tf.add_n([tf.reduce_sum(v) for v in losses.values()])
    assert 0 < float(total) < 1e4
    gradients = [g for g in tape.gradient(total, graph.trainable_variables) if g is not None]
    assert gradients and all(np.isfinite(g.numpy()).all() for g in map(tf.convert_to_tensor, gradients))


@pytest.mark.parametrize("name", PADDED)
def test_more_objects_than_max_objects_are_said(name):
    arch = dataclasses.replace(CASES[name].make(), max_objects=2)
    boxes = [(1, 1, 20, 20), (30, 30, 60, 60), (5, 40, 20, 60)]
    with pytest.raises(tf.errors.InvalidArgumentError, match="max_objects=2; set model.max_objects to"):
        targets_of(arch, sample_of(boxes, [0, 1, 2]))
    assert targets_of(arch, sample_of(boxes[:2], [0, 1]))["valid"].numpy().all()


def test_training_on_too_many_objects_ends_in_one_line(tmp_path):
    from kerasvision.core.registry import sources

    arch = dataclasses.replace(CASES["detection/yolo"].make(), max_objects=2)
    sources.register("contract_case")(CaseSamples)
    try:
        with pytest.raises(KerasVisionError) as caught:
            train(contracts.recipe_of("detection/yolo", arch), tmp_path / "run")
    finally:
        sources._parts.pop("contract_case")
    assert str(caught.value) == "an example has more objects than max_objects=2; set model.max_objects to 3"


@pytest.mark.parametrize("name", DETECTORS)
def test_a_crowd_is_neither_learned_nor_background(name):
    """Whatever the head says inside of a crowd costs nothing: the loss is that of a head that finds nothing there."""
    arch = CASES[name].make()
    one = (4.0, 4.0, 20.0, 20.0)
    crowded = targets_of(arch, sample_of([one, (24, 24, 64, 64)], [1, 2], is_crowd=[False, True]))
    alone = targets_of(arch, sample_of([one, one], [1, 1], is_crowd=[False, True]))
    both = targets_of(arch, sample_of([one, (32, 32, 62, 62)], [1, 3], is_crowd=[False, False]))
    said = arch.ideal_raw(both)  # finds an object of another class where the crowd is
    with_crowd, without, right = (
        {k: float(v[0]) for k, v in arch.loss(targets, said).items()} for targets in (crowded, alone, both)
    )
    for term, least in right.items():
        assert with_crowd[term] <= least + 0.01, (
            f"{term} learns from the crowd: {with_crowd[term]:.3g}, not {least:.3g}"
        )
    assert sum(without.values()) > sum(right.values()) + 1, "the same head costs nothing where there is no crowd"


@pytest.mark.parametrize("name", DETECTORS)
def test_what_is_said_of_an_object_goes_with_its_box(name):
    """A crop of 32 px about the center leaves three of six boxes; labels, crowds and masks stay in line with them."""
    arch = dataclasses.replace(CASES[name].make(), resize="center_crop", crop_fraction=0.5)
    boxes = [(0, 0, 10, 10), (20, 20, 30, 40), (50, 50, 64, 64), (10, 40, 22, 60), (2, 20, 14, 44), (40, 18, 60, 30)]
    labels, is_crowd = [0, 1, 2, 3, 0, 2], [True, False, True, True, False, True]
    left = [1, 3, 5]
    sample = {k: tf.constant(v) for k, v in sample_of(boxes, labels, is_crowd=is_crowd).items()}
    moved = arch.prepare_sample(sample)[2]
    expected = np.clip((np.array(boxes, float)[left] - 16) * 2, 0, 64)  # graphs of these cases have 64 px
    np.testing.assert_allclose(moved["boxes_xyxy"], expected, atol=1e-4)
    assert moved["labels"].numpy().tolist() == [labels[i] for i in left]
    assert moved["is_crowd"].numpy().tolist() == [is_crowd[i] for i in left]
    if "box_masks" in moved:  # each box is filled by its mask
        assert len(moved["box_masks"]) == len(left) and moved["box_masks"].numpy().mean() > 0.9


@pytest.mark.parametrize("name", DETECTORS)
def test_pictures_of_odd_shapes_have_an_answer_within_them(name):
    arch, graph = made(name)
    arch = dataclasses.replace(arch, suppression=Suppression(score_threshold=0.0))
    served = Served(arch, graph, CASES[name].classes)
    for image_hw in ((1, 1), (40, 10_000), (10_000, 40)):
        image = np.random.default_rng(0).integers(0, 256, (1, *image_hw, 3), np.uint8)
        answer = {k: v.numpy() for k, v in served.serve({"image": image}).items()}
        boxes = answer["boxes_xyxy"][0, : answer["count"][0]]
        assert len(boxes) and np.isfinite(boxes).all() and (boxes >= 0).all(), image_hw
        assert (boxes <= np.tile(image_hw[::-1], 2)).all(), image_hw
        arch.describe({k: v[0] for k, v in answer.items()}, CASES[name].classes)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_graph_without_classes_is_refused(name):
    with pytest.raises(KerasVisionError, match="num_classes=0; set model.num_classes"):
        create(name).build()


@pytest.mark.parametrize("name", [n for n in DETECTORS if n != "detection/yolo"])
def test_anchors_that_do_not_fit_the_levels_are_refused(name):
    held = CASES[name].make()
    arch = dataclasses.replace(held, anchors=dataclasses.replace(held.anchors, strides=(8, 16, 64)))
    with pytest.raises(KerasVisionError, match=r"anchors.strides=\(8, 16, 64\), and the levels .* have \("):
        arch.build()


# one of one stage and one of two
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if n in ("detection/yolo", "detection/faster_rcnn") else pytest.mark.nightly)
        for n in DETECTORS
    ],
)
def test_mixed_precision_keeps_boxes_in_float32(name):
    """The technique rewrites every layer's configuration."""
    arch, plain = made(name)
    graph = create("techniques/mixed_precision", dtype="bfloat16").graph(arch, plain)
    raw = graph({"image": tf.zeros([1, 64, 64, 3])})
    for key in ("proposals_xyxy", "regions_xyxy"):
        assert key not in raw or raw[key].dtype == tf.float32
    assert all(np.isfinite(tf.cast(v, tf.float32)).all() for v in raw.values())
