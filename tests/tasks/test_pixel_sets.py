"""What each pixel may be: risks by hand, coverage of drawn images, both sides of a threshold, and bad input."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.drawing.showing.segments import SegmentsShowing
from kerasvision.metrics.covered import PixelCoverage
from kerasvision.metrics.segmentation import Segmentation
from kerasvision.tasks.pixel_sets import LEVELS, PixelSets

CLASSES = ("background", "cat", "dog")


def drawn(images, seed, side=8):
    """(probabilities [N, h, w, 3], masks uint8 [N, h, w]), of images that differ in how hard they are."""
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, 3, (images, side, side)).astype(np.uint8)
    sure = rng.uniform(0.5, 4, (images, 1, 1, 1))
    logits = sure * np.eye(3)[masks] + rng.gumbel(size=(images, side, side, 3))
    p = np.exp(logits)
    return np.float32(p / p.sum(-1, keepdims=True)), masks


def missed(sets, probabilities, masks):
    return np.stack([sets.missed(p, m) for p, m in zip(probabilities, masks, strict=True)])


def kept(sets, probabilities, masks):
    evaluator = PixelCoverage(CLASSES, sets.of)
    evaluator.update({"may_be": sets.members(tf.constant(probabilities)).numpy()}, {"mask": masks})
    return evaluator.result()


def test_what_a_threshold_misses_by_hand():
    probabilities = np.float32([[[0.5, 0.25, 0.25], [0.125, 0.625, 0.25]], [[0.25, 0.5, 0.25], [0, 0, 1]]])
    mask = np.uint8([[1, 1], [0, 255]])

    def at(of, level):
        found = PixelSets(0.9, of).missed(probabilities, mask)
        return found[:, np.searchsorted(LEVELS, level)].tolist()

    above = LEVELS[np.searchsorted(LEVELS, 0.25) + 1]
    assert at("foreground", 0.25) == [0.0] and at("foreground", above) == [0.5]  # 0.25 of two pixels of class 1
    assert at("image", 0.25) == [0.0] and at("image", above) == [pytest.approx(2 / 3)]
    found = at("each_class", above)
    assert found[:2] == [1.0, 0.5] and np.isnan(found[2])
    risk = PixelSets(0.9).missed(probabilities, mask)[0]
    assert (np.diff(risk) >= 0).all() and risk[0] == 0 and risk[-1] == 1


@pytest.mark.parametrize("of", ("foreground", "image", "each_class"))
def test_what_is_promised_holds_on_average(of):
    """40 draws of 60 images: each share of a new image has a deviation below 0.2, their mean one of 0.01."""
    shares, sets = [], PixelSets(0.9, of)
    for seed in range(40):
        probabilities, masks = drawn(120, seed)
        fitted = sets.fitted(missed(sets, probabilities[:60], masks[:60]))
        assert len(fitted.thresholds) == (3 if of == "each_class" else 1) and fitted.examples == 60
        shares.append(kept(fitted, probabilities[60:], masks[60:])["coverage"])
    # no less than promised, and no more than 1 / (n + 1) and the step of a level above it
    assert 0.9 - 0.01 < np.mean(shares) < 0.9 + 1 / 61 + 0.015


def test_the_coverage_that_is_told_is_the_one_of_the_sets():
    probabilities, masks = drawn(40, 3)
    for of in ("foreground", "image"):
        sets = PixelSets(0.8, of)
        risk = missed(sets, probabilities, masks)
        fitted = sets.fitted(risk)
        assert fitted.covered(risk) == pytest.approx(kept(fitted, probabilities, masks)["coverage"], abs=1e-6)
        # on the images that it was fitted on, the next threshold would miss too much: (n r + 1) / (n + 1) > 0.2
        at = np.searchsorted(LEVELS, np.float32(fitted.thresholds[0]))
        bounds = (40 * risk.mean(0)[0, at : at + 2] + 1) / 41
        assert bounds[0] <= 0.2 < bounds[1]


def test_a_class_may_be_from_its_threshold_on():
    least = np.float32(0.25)
    below = np.nextafter(least, np.float32(0))
    sets = PixelSets(0.9, thresholds=(0.25,), examples=9)
    assert sets.members(tf.constant([[least, below, 0.5]])).numpy().tolist() == [[1, 0, 1]]
    own = dataclasses.replace(sets, of="each_class", thresholds=(0.5, 0.25, 0.125))
    assert own.members(tf.constant([[0.4, 0.3, 0.2]])).numpy().tolist() == [[0, 1, 1]]


def test_few_images_and_promises_that_nobody_can_keep():
    with pytest.raises(UsageError, match="pixel_sets.coverage=1; allowed: above 0 and below 1"):
        PixelSets(1.0)
    sets = PixelSets(0.95)
    with pytest.raises(UsageError, match="coverage=0.95 needs 19 held-out images or more .* there are 18"):
        sets.require(18)
    sets.require(19)
    probabilities, masks = drawn(19, 0)
    masks[0] = 0
    with pytest.raises(KerasVisionError, match="needs 19 held-out images with any foreground, and there are 18"):
        sets.fitted(missed(sets, probabilities, masks))
    masks[masks == 2] = 1
    each = PixelSets(0.9, "each_class")
    with pytest.raises(KerasVisionError, match="needs 9 held-out images with class 2, and there are 0"):
        each.fitted(missed(each, probabilities, masks))
    fitted = PixelSets(0.9).fitted(missed(PixelSets(0.9), probabilities, masks))
    assert fitted.is_fitted and fitted.examples == 18  # one picture has no foreground
    with pytest.raises(KerasVisionError, match="needs 19 held-out images with any annotated pixel, and there are 18"):
        PixelSets(0.95, "image").fitted(missed(PixelSets(0.95, "image"), probabilities[1:], masks[1:]))


def fitted_unet(**fields):
    sets = PixelSets(0.9, thresholds=(0.25,), examples=30)
    return create("semantic_segmentation/unet", num_classes=3, image_size=(32, 32), pixel_sets=sets, **fields)


@pytest.mark.parametrize("fields", ({}, {"resize": "windows"}, {"flips": (1,)}))
def test_a_files_answer_becomes_the_prediction(fields):
    """Of probabilities that a file gives with its own threshold: that one counts, not the trained model's."""
    arch, rng = fitted_unet(**fields), np.random.default_rng(0)
    given = rng.dirichlet((1, 1, 1), (1, 32, 32)).astype(np.float32)
    image = {"image": tf.zeros((1, 32, 32, 3), tf.uint8)}
    prepared, geometry = ({k: v.numpy() for k, v in part.items()} for part in arch.geometry(image))
    for least in (0.25, 0.5):
        answer = {"probabilities": given, "least_probability": np.full((1, 3), least, np.float32)}
        found = arch.predict_through(lambda _, answer=answer: answer, prepared, geometry)
        assert list(found) == list(arch.outputs) and found["may_be"].dtype == np.uint8
        share = found["may_be"].mean()
        assert abs(share - (given >= least).mean()) < 0.1  # flips average two answers
        if "flips" not in fields:
            np.testing.assert_array_equal(found["may_be"], given >= least)


def test_the_answer_names_the_promise():
    arch = fitted_unet()
    prediction = {"mask": np.uint8([[0, 1]]), "may_be": np.uint8([[[1, 0, 0], [0, 1, 1]]])}
    described = arch.describe(prediction, CLASSES)
    expected = {"classes": {"background": 1, "cat": 1, "dog": 1}, "coverage": 0.9, "of": "an image's foreground"}
    assert described["may_be"] == expected
    said = SegmentsShowing().in_words(described)
    assert said.endswith("; to hold 90 % of an image's foreground: background 1 px, cat 1 px, dog 1 px")
    assert arch.promise()["thresholds"] == [0.25]
    assert create("semantic_segmentation/unet", num_classes=3).promise() == {}


def test_the_evaluator_counts_what_is_annotated():
    judge = Segmentation(CLASSES, coverage=PixelCoverage(CLASSES, "each_class"))
    mask = np.uint8([[[0, 1, 255]], [[2, 2, 0]]])
    may_be = np.uint8([[[[1, 1, 0], [0, 0, 1], [0, 0, 0]]], [[[0, 0, 1], [0, 1, 0], [1, 1, 1]]]])
    judge.update({"mask": np.zeros_like(mask), "may_be": may_be}, {"mask": mask})
    found = judge.result()
    assert found["coverage/background"] == 1 and found["coverage/cat"] == 0 and found["coverage/dog"] == 0.5
    assert found["coverage"] == 0.5 and found["set_size"] == pytest.approx((1.5 + 5 / 3) / 2)
