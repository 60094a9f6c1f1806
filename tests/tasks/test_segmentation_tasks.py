"""Semantic segmentation between photographs and masks: sizes, ignored pixels, terms of the loss, JSON and pictures."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from pycocotools import mask as coco_mask

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import architectures, create
from kerasvision.drawing.files import write_mask
from kerasvision.drawing.pictures import save
from kerasvision.drawing.showing.base import picture_of
from kerasvision.losses import segmentation as losses
from kerasvision.ops.dense import IGNORE
from kerasvision.tasks._dense import TERMS, DenseLoss
from tests.contract.cases import CASES

NAMES = architectures.names("semantic_segmentation/*")


def unet(**fields):
    return dataclasses.replace(CASES["semantic_segmentation/unet"].make(), **fields)


def blocks(hw, classes):
    """uint8 [H, W] in vertical stripes."""
    return np.broadcast_to((np.arange(hw[1]) * classes // hw[1]).astype(np.uint8), hw)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center_crop"])
@pytest.mark.parametrize("hw", [(64, 64), (50, 90), (130, 70)])
def test_a_perfect_graph_gives_the_mask_back(hw, resize):
    """Of other sizes all but the edges between classes; of a center crop what it shows."""
    arch = unet(resize=resize)
    mask = blocks(hw, 5)
    sample = {"image": tf.zeros([*hw, 3], tf.uint8), "mask": tf.constant(mask)}
    prepared, geometry, moved = arch.prepare_sample(sample)
    targets = {k: v[None] for k, v in arch.encode(moved).items()}
    found = arch.decode(arch.ideal_raw(targets), {k: v[None] for k, v in geometry.items()})
    seen = found["mask"][0].numpy()
    assert seen.shape == hw and seen.dtype == np.uint8
    right = seen == mask
    assert right.all() if hw == (64, 64) else right[hw[0] // 2, hw[1] // 4 : -hw[1] // 4].mean() > 0.9


def test_padding_and_unlabeled_pixels_teach_nothing():
    arch = unet(resize="letterbox")
    mask = np.full((32, 64), IGNORE, np.uint8)
    mask[:, :20] = 1
    _, _, moved = arch.prepare_sample({"image": tf.zeros([32, 64, 3], tf.uint8), "mask": tf.constant(mask)})
    known = arch.encode(moved)["logits"].numpy().sum(-1)
    assert known[16:48, :20].all() and known.sum() == 32 * 20


@pytest.mark.parametrize("name", TERMS)
def test_each_term_is_its_loss_times_its_weight(name):
    rng = np.random.default_rng(0)
    true = tf.one_hot(rng.integers(0, 3, (2, 8, 8)), 3)
    logits = tf.constant(rng.normal(size=(2, 8, 8, 3)).astype(np.float32))
    objective = DenseLoss(**dict.fromkeys(TERMS, 0.0) | {name: 2.0})
    one = objective.targets(true[0])
    assert ("distances" in one) == (name == "boundary")
    targets = {k: tf.stack([objective.targets(t)[k] for t in true]) for k in one}
    extra = {"tversky": (0.3, 0.7), "focal_tversky": (0.3, 0.7, 4 / 3)}.get(name, ())
    function = getattr(losses, "lovasz_softmax" if name == "lovasz" else name)
    expected = 2.0 * function(targets["distances"] if name == "boundary" else true, logits, *extra)
    seen = objective(targets, logits)
    assert list(seen) == [name]
    np.testing.assert_allclose(seen[name], expected, rtol=1e-6)


def test_losses_without_a_term_and_weights_for_other_classes_are_refused():
    with pytest.raises(UsageError, match="one above 0"):
        DenseLoss(cross_entropy=0.0, dice=0.0)
    with pytest.raises(UsageError, match="-1; give weights of 0 or more|dice=-1"):
        DenseLoss(dice=-1.0)
    with pytest.raises(UsageError, match="2 values for 3 classes"):
        DenseLoss(class_weights=(1.0, 2.0))({"logits": tf.zeros([1, 4, 3])}, tf.zeros([1, 4, 3]))


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_built_is_said(name):
    with pytest.raises(KerasVisionError, match="num_classes=0; set model.num_classes"):
        create(name).build()


def test_an_image_size_that_strides_do_not_divide_is_refused():
    with pytest.raises(KerasVisionError, match=r"image_size=\(63, 64\)|multiples of 32"):
        unet(image_size=(63, 64)).build()


def test_deeplab_checks_its_strides():
    with pytest.raises(UsageError, match="low_stride below the output_stride"):
        create("semantic_segmentation/deeplabv3plus", low_stride=16, output_stride=16)


def test_json_counts_pixels_and_holds_every_class():
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 30:50] = 2
    told = unet().describe({"mask": mask}, ("background", "cat", "dog"))
    assert told["classes"] == {"background": 2200, "dog": 200}
    assert [(row["label"], row["index"]) for row in told["segments"]] == [("background", 0), ("dog", 2)]
    np.testing.assert_array_equal(coco_mask.decode(told["segments"][1]["mask"]), mask == 2)


def test_masks_are_drawn_over_photographs_and_written_with_their_ids(tmp_path, photographs):
    photo = photographs["chelsea"]
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[100:200, 150:300] = 1
    told = unet().describe({"mask": mask}, ("background", "cat"))
    save(picture_of([unet().showing.view(photo, "chelsea.png", {}, told, ())]), tmp_path / "seen.png")
    plain = {"classes": {"background": mask.size}, "segments": told["segments"][:1]}
    save(picture_of([unet().showing.view(photo, "chelsea.png", {}, plain, ())]), tmp_path / "plain.png")
    seen, without = (np.asarray(Image.open(tmp_path / f"{n}.png").convert("RGB"), int) for n in ("seen", "plain"))
    rows, columns = np.nonzero(np.abs(seen - without).sum(-1)[60:])  # below the titles
    share = len(rows) / seen[..., 0].size
    assert 0.06 < share < 0.14, "15,000 of 135,300 pixels are covered"
    path = tmp_path / "masks" / "chelsea.png"
    write_mask(mask, path)
    with Image.open(path) as written:
        assert written.mode == "P"
        np.testing.assert_array_equal(np.asarray(written), mask)


def test_a_flip_is_more_than_one_in_ten_thousand_pixels_of_another_class():
    mask, confidence = np.zeros((3, 100, 100), np.uint8), np.full((3, 100, 100), 0.75, np.float32)
    other = {"mask": mask.copy(), "confidence": confidence.copy()}
    other["mask"][1, 0, :1] = other["mask"][2, 0, :2] = 1
    other["confidence"][1, 0, 0] = 0.1  # of another class: no error, but a step towards a flip
    other["confidence"][2, 5, 5] = 0.5
    error, flipped = unet().compare({"mask": mask, "confidence": confidence}, other)
    np.testing.assert_allclose(error, [0, 0, 0.25])
    assert list(flipped) == [False, False, True]
