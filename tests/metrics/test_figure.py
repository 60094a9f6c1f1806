"""Some figures alone are those among all, and no other is computed: a thousand resamples ask for one."""

import numpy as np
import pytest

from kerasvision.core.registry import architectures
from kerasvision.metrics.captions import Captions, packed
from kerasvision.metrics.classification import MultiLabel, SingleLabel
from kerasvision.metrics.covered import BoxCoverage, PixelCoverage
from kerasvision.metrics.detection import Detection
from kerasvision.metrics.following import Following
from kerasvision.metrics.image_text import ImageTextRetrieval
from kerasvision.metrics.instances import Instances
from kerasvision.metrics.known_classes import KnownClasses
from kerasvision.metrics.pages import PageReading
from kerasvision.metrics.quads import Quads
from kerasvision.metrics.reading import Reading
from kerasvision.metrics.regression import Numbers
from kerasvision.metrics.representation import Representation
from kerasvision.metrics.restoration import Restoration
from kerasvision.metrics.retrieval import Retrieval
from kerasvision.metrics.segmentation import Segmentation
from kerasvision.metrics.tracking import Tracking
from kerasvision.ops.text import hash_of
from tests.contract.cases import CASES as ARCHITECTURES
from tests.metrics.test_instances import scenes

RNG = np.random.default_rng(3)
COUNT = 30


def single_label():
    scores = RNG.random((COUNT, 7))
    prediction = {"probabilities": scores, "in_set": (scores > 0.6).astype(np.int32)}
    return SingleLabel(tuple("abcdefg"), has_sets=True), prediction, {"label": RNG.integers(0, 7, COUNT)}


def multi_label():
    scores, ground_truth = RNG.random((COUNT, 4)), RNG.random((COUNT, 4)) < 0.4
    return MultiLabel(tuple("abcd")), {"probabilities": scores, "present": scores > 0.5}, {"present": ground_truth}


def numbers():
    targets = RNG.normal(size=(COUNT, 2))
    values = targets + RNG.normal(0, 0.3, targets.shape)
    prediction = {"values": values, "deviation": np.full_like(values, 0.3)}
    prediction["quantiles"] = np.stack([values - 0.5, values, values + 0.5], -1)
    prediction["interval"] = np.stack([values - 0.3, values + 0.3], -1)
    return Numbers(("w", "h"), (0.05, 0.5, 0.95), promised=0.8), prediction, {"targets": targets}


def restoration():
    whole, present = RNG.integers(0, 256, (COUNT, 4, 4, 3)).astype(np.uint8), RNG.integers(0, 2, (COUNT, 4, 4))
    return Restoration(), {"picture": whole + RNG.normal(0, 9, whole.shape)}, {"whole": whole, "present": present}


def segmentation():
    true, found = (RNG.integers(0, 3, (COUNT, 12, 12)).astype(np.uint8) for _ in range(2))
    names, may_be = ("background", "a", "b"), RNG.integers(0, 2, (COUNT, 12, 12, 3)).astype(np.uint8)
    coverage = PixelCoverage(names, "each_class")
    judge = Segmentation(names, boundaries=True, surfaces=True, coverage=coverage)
    return judge, {"mask": found, "may_be": may_be}, {"mask": true}


def detection():
    corners = RNG.uniform(0, 50, (COUNT, 5, 2))
    boxes = np.concatenate([corners, corners + RNG.uniform(5, 40, (COUNT, 5, 2))], -1).astype(np.float32)
    labels = RNG.integers(0, 3, (COUNT, 5)).astype(np.int32)
    found = {"boxes_xyxy": boxes + RNG.normal(0, 2, boxes.shape).astype(np.float32), "labels": labels}
    found |= {"scores": RNG.random((COUNT, 5)).astype(np.float32), "count": np.full(COUNT, 5, np.int32)}
    bands = {"occlusion": RNG.uniform(0, 1, (COUNT, 5)), "illumination": RNG.uniform(-2, 2, COUNT)}
    found |= {"outer_xyxy": found["boxes_xyxy"] + np.float32([-4, -4, 4, 4]), "outer_count": RNG.integers(0, 6, COUNT)}
    judge = Detection(tuple("abc"), coverage=BoxCoverage(0.5))
    return judge, found, {"boxes_xyxy": boxes, "labels": labels} | bands


def instances():
    prediction, ground_truth, _ = scenes(0)
    return Instances(("a", "b")), prediction, ground_truth


def captions():
    words = ("a", "bird", "coin", "left", "of", "two")
    said, true = (RNG.integers(-1, 6, (COUNT, 7)).astype(np.int32) for _ in range(2))
    true[:, 0] = 0
    hashes = np.int32([0, *(hash_of(word.encode()) for word in words)])
    judge = Captions(words, ("bird", "coin"), packed([[int(hashes[1])]]))
    return judge, {"words": said}, {"references": hashes[true + 1][:, None]}


def reading():
    true, read = (RNG.integers(-1, 3, (COUNT, 8)) for _ in range(2))
    read = np.where(RNG.random((COUNT, 8)) < 0.5, true, read)
    return Reading(tuple("ab\u2423")), {"labels": read}, {"characters": true}


def quads():
    corners = np.float64([[0, 0], [30, 0], [30, 10], [0, 10]]) + 40 * np.arange(5)[:, None, None]
    true = np.broadcast_to(corners, (COUNT, 5, 4, 2))
    found = true + RNG.normal(0, 4, (COUNT, 5, 1, 2))
    return Quads(), {"quads_xy": found, "count": RNG.integers(1, 6, COUNT)}, {"quads_xy": true}


def pages():
    corners = np.float64([[0, 0], [30, 0], [30, 10], [0, 10]]) + 40 * np.arange(5)[:, None, None]
    orders = [RNG.permutation(5)[: RNG.integers(1, 6)] for _ in range(COUNT)]
    found = {"words": [list("abcde")[: len(o)] for o in orders], "word_quads_xy": [corners[o] for o in orders]}
    return PageReading(), found, {"words": [list("abcde")] * COUNT, "word_quads_xy": [corners] * COUNT}


def retrieval():
    vectors = RNG.normal(size=(COUNT, 4))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return Retrieval(), {"embedding": vectors.astype(np.float32)}, {"label": RNG.integers(0, 4, COUNT)}


def representation():
    vectors = RNG.normal(size=(COUNT, 4))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    truth = {"label": RNG.integers(0, 4, COUNT)}
    return Representation(labeled=True), {"embedding": vectors.astype(np.float32)}, truth


def image_text():
    pair = RNG.normal(size=(2, COUNT, 4))
    pair /= np.linalg.norm(pair, axis=-1, keepdims=True)
    found = dict(zip(("embedding", "text_embedding"), pair.astype(np.float32), strict=True))
    return ImageTextRetrieval(), found, {"text": RNG.integers(0, 12, COUNT)}


def tracking():
    corners = np.arange(5)[:, None] * 40 + RNG.uniform(0, 5, (COUNT, 5, 2))
    boxes = np.concatenate([corners, corners + 30], -1)
    ids = np.where(RNG.random((COUNT, 5)) < 0.8, np.arange(5), -1)
    found = {
        "boxes_xyxy": boxes + RNG.normal(0, 2, boxes.shape),
        "ids": np.where(RNG.random((COUNT, 5)) < 0.8, ids, -1),
    }
    return Tracking(), found, {"boxes_xyxy": boxes, "ids": ids, "sequence": np.arange(COUNT) // 6}


def following():
    corners = RNG.uniform(0, 50, (COUNT, 2))
    true = np.concatenate([corners, corners + 40], -1)
    found = {"box_xyxy": true + RNG.normal(0, 9, true.shape), "present": RNG.integers(0, 2, COUNT)}
    of_film = {"present": RNG.integers(0, 2, COUNT), "sequence": np.arange(COUNT) // 6}
    return Following(), found, {"box_xyxy": true} | of_film


def known_classes():
    _, prediction, ground_truth = single_label()
    label = np.where(RNG.random(COUNT) < 0.8, prediction["probabilities"].argmax(1), -1)
    return KnownClasses(tuple("abcdefg")), prediction | {"label": label}, ground_truth


CASES = (
    *(
        single_label,
        multi_label,
        numbers,
        restoration,
        segmentation,
        detection,
        instances,
        captions,
        reading,
        retrieval,
    ),
    quads,
    pages,
    tracking,
    following,
    known_classes,
    representation,
    image_text,
)


def test_every_architecture_s_evaluator_is_among_them():
    held = {type(make()[0]) for make in CASES}
    made = [(ARCHITECTURES[name].make(), ARCHITECTURES[name].classes) for name in architectures]
    of_systems = {Tracking, Following, PageReading}
    assert {type(arch.evaluator(classes)) for arch, classes in made} | of_systems == held, (
        "give a new evaluator a case here"
    )


def recorded(evaluator):
    """A list of the names of the figures that are computed from now on."""
    computed, figures = [], evaluator.figures

    def noting(name, compute):
        computed.append(name)
        return compute()

    def noted(examples=None):
        return {k: lambda k=k, f=f: noting(k, f) for k, f in figures(examples).items()}

    evaluator.figures = noted
    return computed


@pytest.mark.parametrize("make", CASES)
def test_figures_alone_are_those_among_all_and_no_other_is_computed(make):
    evaluator, prediction, ground_truth = make()
    evaluator.update(prediction, ground_truth)
    computed = recorded(evaluator)
    size = len(next(iter(ground_truth.values())))
    for examples in (None, np.arange(0, size, 2), np.array([0])):
        whole = evaluator.result(examples)
        assert list(whole) == [name for name in computed if name in whole], "shown in their order"
        for name in whole:
            computed.clear()
            assert evaluator.result(examples, only=(name,)) == {name: whole[name]}
            assert computed == [name]
        computed.clear()
        pair = tuple(whole)[-1], tuple(whole)[0]
        assert evaluator.result(examples, only=pair) == {name: whole[name] for name in pair}
        assert sorted(computed) == sorted(pair)
        computed.clear()
    assert evaluator.result(only=("no such figure",)) == {} and not computed


def test_one_figure_of_a_detector_accumulates_one_table(monkeypatch):
    """Those of bands of occlusion and light, and of masks, are left alone: folds cost a twentieth."""
    evaluator, prediction, ground_truth = detection()
    evaluator.update(prediction, ground_truth)
    asked, tables = [], Detection._tables
    monkeypatch.setattr(Detection, "_tables", lambda self, *given: asked.append(given[:2]) or tables(self, *given))
    evaluator.result(only=("ap", "ap50"))
    assert asked == [("bbox", None)]
    asked.clear()
    evaluator.result()
    assert len(asked) == 1 + 3 + 3


def test_no_interval_is_drawn_for_the_mean_alone(monkeypatch):
    from kerasvision.metrics import resampling

    evaluator, prediction, ground_truth = segmentation()
    evaluator.update(prediction, ground_truth)
    drawn, means = [], resampling.resampled_means
    monkeypatch.setattr(resampling, "resampled_means", lambda *given: drawn.append(0) or means(*given))
    evaluator.result(only=("case_dice", "miou", "hd95", "boundary_f"))
    assert not drawn
    evaluator.result(only=("case_dice_low", "case_dice_high"))
    assert len(drawn) == 1
