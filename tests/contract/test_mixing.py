"""Every architecture with every augmentation of a batch: refused in one line, or the mixed targets are valid."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import augmentations, create
from kerasvision.data.augment.base import BatchAugmentation
from kerasvision.data.pipeline import check_augmentations
from kerasvision.tasks._dense import DenseLoss
from tests.contract import contracts
from tests.contract.cases import CASES, names
from tests.undrawn import train

PARTS = [n for n in augmentations.names() if issubclass(augmentations[n], BatchAugmentation)]
MAY = {  # family -> augmentations that have a meaning for it
    "classification": {"batch/mixup", "batch/cutmix"},
    "regression": {"batch/mixup"},
    "semantic_segmentation": {"batch/cutmix"},
}
BY_PAIRS = {"classification/nearest_class"}  # learns of pairs of one class, and of two labels there is no mean


def noisy(prepared):
    """The same with images of noise, in which each pixel tells whose it is."""
    rng = np.random.default_rng(0)
    return prepared | {"image": tf.constant(rng.integers(0, 256, prepared["image"].shape, np.uint8))}


def mixed(name, part, seed):
    """(architecture, prepared inputs and targets before, after)."""
    arch = CASES[name].make()
    prepared, _, targets = contracts.batch_of(arch, CASES[name])
    before = noisy(prepared), targets
    return arch, before, part(*before, tf.constant([seed, 5]), arch.mixes)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", names())
def test_targets_are_mixed_as_they_may_be_or_not_at_all(name, part):
    augment, arch = create(f"augmentations/{part}"), CASES[name].make()
    wanted = part in MAY.get(name.split("/")[0], ()) and "present" not in arch.serving_inputs()
    if not wanted or name in BY_PAIRS:
        with pytest.raises(UsageError) as raised:
            check_augmentations([augment], arch)
        said = str(raised.value)
        assert "\n" not in said and part in said and name in said
        return
    check_augmentations([augment], arch)
    for seed in range(3):
        arch, (inputs, targets), (after_inputs, after) = mixed(name, augment, seed)
        assert after.keys() == targets.keys() and contracts.forms(after) == contracts.forms(targets)
        sources = whose(inputs["image"].numpy(), after_inputs["image"].numpy())
        for key, how in arch.mixes.items():
            CHECKS[how](targets[key].numpy(), after[key].numpy(), sources)
        raw = tf.nest.map_structure(tf.zeros_like, arch.ideal_raw(targets))
        for term, loss in arch.loss(after, raw).items():
            assert np.isfinite(loss).all(), term
            assert (loss.numpy() >= 0).all(), term


def whose(before, after):
    """[B, H, W]: the number of the example whose pixel an image has; -1 where it is a blend of two."""
    out = np.full(after.shape[:3], -1)
    for number, image in enumerate(before):
        out[(after == image[None]).all(-1)] = number
    return out


def probabilities(before, after, sources):
    """Between 0 and 1, with sums as the examples have; of pasted pixels, their very shares. A blend of which no pixel
    tells has a weight within half of one of 255 levels (and noise differs by 250 somewhere).
    """
    assert after.min() >= 0 and after.max() <= 1 + 1e-6
    low, high = before.sum(-1).min(), before.sum(-1).max()
    assert (after.sum(-1) >= low - 1e-5).all() and (after.sum(-1) <= high + 1e-5).all()
    for row, source in zip(after, sources, strict=True):
        if (source >= 0).all():
            share = np.bincount(source.ravel(), minlength=len(before)) / source.size
            np.testing.assert_allclose(row, np.tensordot(share, before, 1), atol=0.5 / 250)


def numbers(before, after, sources):
    assert (after >= before.min(0) - 1e-5).all() and (after <= before.max(0) + 1e-5).all()


def pixels(before, after, sources):
    """Each pixel's row is that of the example whose pixel the image has there: never two masks, never a blend."""
    assert (sources >= 0).all() and (sources != np.arange(len(before))[:, None, None]).any()
    rows, columns = np.indices(sources.shape[1:])
    for row, source in zip(after, sources, strict=True):
        np.testing.assert_array_equal(row, before[source, rows, columns])
    assert set(np.unique(after)) <= {0.0, 1.0}


CHECKS = {"probabilities": probabilities, "numbers": numbers, "pixels": pixels}


def test_ignored_pixels_stay_ignored_where_they_are_pasted():
    arch = CASES["semantic_segmentation/unet"].make()
    h, w = arch.image_size
    images = np.random.default_rng(1).integers(0, 256, (4, h, w, 3), np.uint8)
    masks = np.stack([np.full((h, w), k) for k in (0, 1, 255, 255)])
    targets = {"logits": tf.one_hot(masks, arch.num_classes)}
    part = augmentations["batch/cutmix"]()
    inputs, after = part({"image": tf.constant(images)}, targets, tf.constant([1, 2]), arch.mixes)
    source = whose(images, inputs["image"].numpy())
    assert (source != np.arange(4)[:, None, None]).any()
    known = after["logits"].numpy().sum(-1)
    np.testing.assert_array_equal(known, (source < 2).astype(np.float32))


def test_distances_to_a_boundary_are_not_pasted():
    arch = CASES["semantic_segmentation/unet"].make()
    with_boundary = dataclasses.replace(arch, objective=DenseLoss(boundary=0.1))
    with pytest.raises(UsageError, match="batch/cutmix mixes probabilities and pixels, and .*none can be mixed"):
        check_augmentations([augmentations["batch/cutmix"]()], with_boundary)


def test_a_target_of_which_nothing_is_said_is_refused_where_it_is_met():
    part, images = augmentations["batch/cutmix"](), tf.zeros([2, 4, 4, 3], tf.uint8)
    seed = tf.constant([0, 0])
    with pytest.raises(KerasVisionError, match="cannot mix the target 'b' .nothing is said of it."):
        part({"image": images}, {"a": tf.ones([2, 3]), "b": tf.ones([2, 3])}, seed, {"a": "probabilities"})
    with pytest.raises(KerasVisionError, match="'a' of .2, 2. into images of .4, 4."):
        part({"image": images}, {"a": tf.ones([2, 2, 2, 3])}, seed, {"a": "pixels"})


def test_training_refuses_before_its_first_phase(tmp_path):
    """Also what only a later phase would do."""
    name = "detection/retinanet"
    recipe = contracts.recipe_of(name, CASES[name].make())
    later = Phase(1, recipe.optimizer, (create("augmentations/batch/mixup"),))
    with pytest.raises(UsageError, match="batch/mixup mixes probabilities and numbers, and .*retinanet.*combining/"):
        train(dataclasses.replace(recipe, then=(later,)), tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())
