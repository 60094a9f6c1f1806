"""Defensive distillation by its formulas, and a defense through `train`: with quantization, a guard, the last epoch."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import jensenshannon
from scipy.special import expit, log_softmax, softmax

from kerasvision.core.errors import UsageError
from kerasvision.core.graphs import is_quantized
from kerasvision.core.registry import create
from kerasvision.data.pipeline import training_data
from kerasvision.losses.divergence import spread_of_answers
from kerasvision.train.techniques.distill import SEEN
from tests.contract.cases import CASES
from tests.train import steps, tiny
from tests.undrawn import train

RNG = np.random.default_rng(2)
ARCH = tiny.classifier(num_classes=3)


def test_a_teacher_learns_labels_at_the_temperature():
    """T times the cross-entropy of z / T, whose slope by the logits is softmax(z / T) - y, as large as a plain one."""
    logits, labels = RNG.normal(0, 5, (6, 3)).astype(np.float32), np.eye(3, dtype=np.float32)[[0, 1, 2, 2, 1, 0]]
    technique = create("techniques/defensive_distillation", temperature=10.0)
    assert technique.observer(ARCH, None) is None
    raw = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        terms = technique.objective(steps.objective, ARCH)({"logits": labels}, {"logits": raw})
    expected = -10 * (labels * log_softmax(logits / 10, 1)).sum(1)
    np.testing.assert_allclose(terms["class"], expected, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(terms["class"], raw), softmax(logits / 10, 1) - labels, atol=1e-6)


def test_a_student_learns_the_teacher_s_answers_at_the_temperature_and_no_labels():
    """T KL(p || softmax(z / T)), whose slope is softmax(z / T) - p."""
    logits, seen = RNG.normal(0, 5, (6, 3)).astype(np.float32), softmax(RNG.normal(size=(6, 3)), 1).astype(np.float32)
    technique = create("techniques/defensive_distillation", teacher="a/run", temperature=10.0)
    raw = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        terms = technique.objective(steps.objective, ARCH)({f"{SEEN}softmax/logits": seen}, {"logits": raw})
    expected = 10 * (seen * (np.log(seen) - log_softmax(logits / 10, 1))).sum(1)
    assert list(terms) == ["distill"]
    np.testing.assert_allclose(terms["distill"], expected, rtol=1e-4)
    np.testing.assert_allclose(tape.gradient(terms["distill"], raw), softmax(logits / 10, 1) - seen, atol=1e-5)


def test_what_cannot_be_distilled_so():
    with pytest.raises(UsageError, match="defensive_distillation.temperature=0.5; allowed: 1 or more"):
        create("techniques/defensive_distillation", temperature=0.5)
    part = create("techniques/defensive_distillation")
    for name in ("detection/ssd", "classification/multi_label", "regression/regressor"):
        with pytest.raises(UsageError, match="defensive_distillation is for classes that exclude one another"):
            part.fit_statistics(CASES[name].make(), None)


def test_a_run_with_quantization_keeps_its_last_epoch_and_says_what_its_guard_saw(tmp_path):
    parts = (create("techniques/fast_adversarial", radius=0.02), create("techniques/qat"))
    recipe = tiny.recipe(model=tiny.smooth_classifier(), techniques=parts, epochs=2)
    trained = train(recipe, tmp_path / "run")
    assert is_quantized(trained.graph)
    with (tmp_path / "run" / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    shares = [float(row["validation/one_step_share"]) for row in rows]
    assert len(shares) == 2 and all(0 < share < 1.5 for share in shares)
    assert json.loads((tmp_path / "run" / "phase-1" / "best.json").read_text())["epoch"] == 2
    assert trained.recipe.phases()[0].techniques[0].first_epoch_to_keep(5) == 4


def test_an_epoch_that_is_taken_back_is_not_the_best_one(tmp_path, capsys):
    """Its figures are of weights that are gone: the row has none, and `best.json` has the later epoch's own."""
    parts = (create("techniques/fast_adversarial", radius=0.02, least_share=0.99),)
    trained = train(tiny.recipe(techniques=parts, epochs=2), tmp_path / "run")
    assert "epoch 1: catastrophic overfitting" in capsys.readouterr().err
    with (tmp_path / "run" / "history.csv").open(newline="") as file:
        gone, own = csv.DictReader(file)
    assert gone["validation/accuracy"] == "" and float(gone["validation/one_step_share"]) < 0.99
    assert own["validation/accuracy"] and not gone.get("chosen_by/accuracy")
    best = json.loads((tmp_path / "run" / "phase-1" / "best.json").read_text())
    assert best == {"validation/accuracy": pytest.approx(float(own["validation/accuracy"]), abs=1e-6), "epoch": 2}
    assert trained.metrics["validation/accuracy"] == pytest.approx(best["validation/accuracy"], abs=1e-6)


@pytest.mark.parametrize(("form", "answer"), [("softmax", softmax), ("sigmoid", expit)])
def test_consistency_is_the_jensen_shannon_divergence(form, answer):
    """Of two answers scipy's distance, squared; of three the mean divergence from the mean."""
    logits = RNG.normal(0, 2, (3, 5, 4)).astype(np.float32)
    p = answer(logits.astype(np.float64), **({"axis": -1} if form == "softmax" else {}))
    both = p if form == "softmax" else np.stack([p, 1 - p], -1)
    pair = jensenshannon(both[0], both[1], axis=-1) ** 2
    expected = pair if form == "softmax" else pair.mean(-1)
    np.testing.assert_allclose(spread_of_answers(list(logits[:2]), form), expected, atol=1e-5)
    apart = (both * np.log(both / both.mean(0))).sum(-1).mean(0)
    expected = apart if form == "softmax" else apart.mean(-1)
    np.testing.assert_allclose(spread_of_answers(list(logits), form), expected, atol=1e-5)
    parts = [logits[0, :2], logits[1, :2], logits[2, :2]]
    raw = np.stack(parts, 1).reshape(6, 4)  # a picture and its two mixtures, then those of the next
    technique = create("techniques/consistency", weight=2.0)
    labels = np.tile(np.eye(4, dtype=np.float32)[[[1], [2]]], (1, 3, 1)).reshape(6, 4)
    if form == "softmax":
        terms = technique.objective(steps.objective, ARCH)({"logits": labels}, {"logits": tf.constant(raw)})
        np.testing.assert_allclose(terms["consistency"], np.repeat(2 * apart[:2], 3), atol=1e-5)
        own = -(labels[::3] * log_softmax(parts[0], 1)).sum(1)
        np.testing.assert_allclose(terms["class"], np.repeat(own, 3), rtol=1e-5)


def test_a_batch_has_each_picture_and_two_mixtures_of_it():
    """The first of three is the picture; all have its label; and two techniques that do so are refused."""
    recipe = tiny.recipe(techniques=(create("techniques/consistency"),))
    split, arch = recipe.data.open().splits["train"], tiny.classifier(num_classes=10)

    def first(recipe):
        data = training_data(split, arch, recipe.phases()[0], batch_size=4, seed=3)
        return next(iter(data.take(1).as_numpy_iterator()))

    (inputs, targets), (plain, labels) = first(recipe), first(tiny.recipe())
    assert inputs["image"].shape == (12, 8, 8, 3)
    np.testing.assert_array_equal(inputs["image"][::3], plain["image"])
    for number in range(3):
        np.testing.assert_array_equal(targets["logits"][number::3], labels["logits"])
    assert (inputs["image"][1::3] != inputs["image"][2::3]).any()
    twice = tiny.recipe(techniques=recipe.techniques * 2)
    with pytest.raises(UsageError, match="techniques/consistency and techniques/consistency each make several"):
        first(twice)


def test_models_that_consistency_cannot_compare():
    part = create("techniques/consistency")
    with pytest.raises(UsageError, match="consistency.weight=0; allowed: above 0"):
        create("techniques/consistency", weight=0.0)
    with pytest.raises(UsageError, match="consistency compares logits of classes of a picture"):
        part.fit_statistics(CASES["regression/regressor"].make(), None)
    unet = CASES["semantic_segmentation/unet"].make()
    with pytest.raises(UsageError, match="consistency.augmix moves pictures.*give it moves=False"):
        part.fit_statistics(unet, None)
    still = create("techniques/consistency", augmix=create("augmentations/policy/augmix", moves=False))
    assert still.fit_statistics(unet, None) is still
