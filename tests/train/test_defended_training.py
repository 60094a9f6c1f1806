"""Defensive distillation by its formulas, and a defense through `train`: with quantization, a guard, the last epoch."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from kerasvision.core.errors import UsageError
from kerasvision.core.graphs import is_quantized
from kerasvision.core.registry import create
from kerasvision.train.fit import train
from kerasvision.train.techniques.distill import SEEN
from tests.contract.cases import CASES
from tests.train import steps, tiny

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
