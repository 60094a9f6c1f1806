"""A model that simplifies its pictures: the same in the run and in its file, and no secret to an honest attack."""

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.api import load
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.explain.base import Explainable
from kerasvision.ops import squeezing
from kerasvision.robustness.attacks.base import Goal
from kerasvision.robustness.attacks.classifier import Classifier
from kerasvision.train.run import load_run
from tests import store
from tests.contract.cases import CASES
from tests.train import tiny

IMAGES = np.random.default_rng(6).integers(0, 256, (8, 8, 8, 3)).astype(np.uint8)
DEFENSES = {"least_side": 0.8, "quality": 60, "median": True, "bits": 3}


def defended(**fields):
    return create("systems/defended", of=tiny.smooth_classifier(num_classes=10), **fields)


@pytest.fixture(scope="module")
def recipe():
    return tiny.recipe(model=create("systems/defended", of=tiny.smooth_classifier(), **DEFENSES), name="defended")


def test_a_run_sees_simplified_pictures(recipe):
    """What its graph answers of pictures that were simplified by hand, in the order that is said."""
    run = load_run(store.trained(recipe))
    pixels = squeezing.placed(tf.constant(IMAGES, tf.float32), 0.8)
    pixels = squeezing.reduced_depth(squeezing.median(squeezing.block_cosines(pixels, 60)), 3)
    logits = run.graph(tiny.smooth_classifier(num_classes=10).normalize({"image": pixels}), training=False)["logits"]
    answer = load(str(run.folder))({"image": IMAGES})["probabilities"]
    np.testing.assert_allclose(answer, tf.nn.softmax(logits), atol=1e-5)
    plain = run.graph({"image": tiny.smooth_classifier().normalize({"image": IMAGES})["image"]}, training=False)
    assert np.abs(answer - tf.nn.softmax(plain["logits"])).max() > 0.01
    assert run.arch.of.num_classes == run.arch.num_classes == 10 and run.arch.registered_name == "systems/defended"


def test_its_file_does_the_same(recipe):
    artifacts, contract, out = store.exported(recipe, ["tflite:float32"], 20)
    file = next(out.rglob("model.tflite"))
    found = load(str(file))({"image": IMAGES})["probabilities"]
    expected = load(str(store.trained(recipe)))({"image": IMAGES})["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert artifacts and contract


def test_its_steps_are_seen_and_passed():
    """Rounding has no slope: asked plainly the gradient is zero, asked rightly it is not."""
    arch = defended(bits=3)
    model = Classifier(arch, Explainable(arch, arch.build(), tuple("abcdefghij")))
    images, goal = IMAGES / np.float32(255), Goal(np.zeros(8, np.int64))
    assert model.steps() == ["Round"]
    assert not np.abs(model.slope(images, goal.loss)[1]).any()
    assert (np.abs(model.straightened().slope(images, goal.loss)[1]).reshape(8, -1).max(1) > 0).all()


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "defended without a defense; set least_side, quality, median or bits"),
        ({"bits": 9}, "defended.least_side=0, quality=0, bits=9; allowed: a share below 1, 1 to 100, 1 to 8"),
        ({"quality": 101}, "quality=101, bits=0; allowed"),
        ({"least_side": 1.0}, "defended.least_side=1, quality=0, bits=0; allowed"),
    ],
)
def test_settings_that_mean_nothing(fields, line):
    with pytest.raises(UsageError, match=line):
        defended(**fields)


def test_what_it_cannot_defend():
    with pytest.raises(UsageError, match="defended simplifies photographs; volume_classification/cnn3d takes none"):
        create("systems/defended", of=CASES["volume_classification/cnn3d"].make(), bits=3)
    unet = CASES["semantic_segmentation/unet"].make()
    with pytest.raises(UsageError, match="least_side moves what is seen, and semantic_segmentation/unet says where"):
        create("systems/defended", of=unet, least_side=0.9)
    assert create("systems/defended", of=unet, median=True).main_metric == unet.main_metric
