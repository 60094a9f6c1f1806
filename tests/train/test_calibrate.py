"""Scaling: the drawn temperature is found, as scikit-learn's logistic regression has it, and a dense layer holds it."""

import dataclasses
import shutil

import numpy as np
import pytest
import tf_keras as keras

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.metrics.classification import expected_calibration_error
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.train.calibrate import check_promise, fitted_scaling, fold
from kerasvision.train.run import load_run


def drawn(factor, size=4000):
    """(logits that are `factor` times too sure, labels)."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (size, 3))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return factor * logits, np.array([rng.choice(3, p=row) for row in p])


def softmax(logits):
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


@pytest.mark.parametrize("factor", (0.5, 1.0, 3.0))
def test_the_drawn_temperature_is_found(factor):
    logits, labels = drawn(factor)
    factors, shifts = fitted_scaling(logits, labels, "temperature")
    assert abs(factors[0] * factor - 1) < 0.05 and not shifts.any() and np.ptp(factors) == 0
    held = softmax(factors * logits)
    assert expected_calibration_error(held.max(1), held.argmax(1) == labels) < 0.02


def test_vector_scaling_is_where_no_neighbor_is_better():
    logits, labels = drawn(2.0)
    factors, shifts = fitted_scaling(logits + [0.0, 1.0, -2.0], labels, "vector")
    moved = shifts + factors * [0.0, 1.0, -2.0]
    np.testing.assert_allclose(factors, 0.5, atol=0.06)
    np.testing.assert_allclose(moved - moved.mean(), 0, atol=0.1)  # what the shifts undo
    p = softmax(factors * (logits + [0.0, 1.0, -2.0]) + shifts)
    # at the least log loss every class is as frequent as it is said to be
    np.testing.assert_allclose(p.mean(0), np.bincount(labels) / len(labels), atol=2e-3)


def test_it_is_folded_into_the_layer_of_the_logits():
    x = keras.Input((5,))
    graph = keras.Model(x, {"logits": keras.layers.Dense(3, bias_initializer="normal", name="logits")(x)})
    given = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    before, factors, shifts = graph(given)["logits"].numpy(), np.array([0.5, 2.0, 1.0]), np.array([1.0, 0.0, -1.0])
    fold(graph, factors, shifts)
    np.testing.assert_allclose(graph(given)["logits"], before * factors + shifts, atol=1e-5)


def test_what_cannot_hold_it_is_one_line():
    x = keras.Input((3,))
    with pytest.raises(KerasVisionError, match="folded into the dense layer of the logits; soft .Softmax. makes them"):
        fold(keras.Model(x, {"logits": keras.layers.Softmax(name="soft")(x)}), np.ones(3), np.zeros(3))
    bare = keras.Model(x, {"logits": keras.layers.Dense(3, use_bias=False, name="logits")(x)})
    with pytest.raises(KerasVisionError, match="logits has no bias that shifts could be folded into"):
        fold(bare, np.ones(3), np.ones(3))
    fold(bare, np.full(3, 2.0), np.zeros(3))


def test_too_few_held_out_examples_are_refused_before_training(digits_run):
    arch = dataclasses.replace(digits_run.arch, class_sets=ClassSets(0.9))
    split = dataclasses.make_dataclass("S", ["size"])
    with pytest.raises(UsageError, match="needs 9 held-out examples or more to be promised, and there are 0"):
        check_promise(arch, {})
    check_promise(arch, {"validation": split(9)})
    scaled = dataclasses.replace(arch, scaling="vector")  # which takes every other one
    with pytest.raises(UsageError, match="there are 8"):
        check_promise(scaled, {"validation": split(17)})
    check_promise(scaled, {"validation": split(18)})
    of_each = dataclasses.replace(arch, class_sets=ClassSets(0.9, by_class=True))
    with pytest.raises(UsageError, match="needs 90 held-out examples or more to be promised, and there are 89"):
        check_promise(of_each, {"validation": split(89)})
    check_promise(of_each, {"validation": split(90)})
    check_promise(digits_run.arch, {})


def test_the_verb_fits_a_trained_run_anew(digits_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(digits_run.folder, run)
    assert main(["calibrate", str(run), "--set", "class_sets.coverage=0.8", "scaling=temperature"]) == 0
    said = capsys.readouterr().out
    assert "promised: 80 % of examples, by 89 held-out examples (which can make it 7" in said
    held = load_run(run)
    assert held.arch.class_sets.examples == 89 and held.arch.class_sets.is_fitted
    assert {"test/coverage", "test/set_size", "validation/coverage"} <= held.metrics.keys()
    assert held.metrics["validation/log_loss"] <= digits_run.metrics["validation/log_loss"] + 1e-6
    kernel, before = (g.get_layer("logits").get_weights()[0] for g in (held.graph, digits_run.graph))
    assert np.ptp(kernel / before) < 1e-4 and abs((kernel / before).mean() - 1) > 1e-3  # one factor
    for setting, line in (
        ("class_sets.coverage=1.0", "coverage=1; allowed: above 0 and below 1"),
        ("class_sets.coverage=0.999", "needs 999 held-out examples or more to be promised, and there are 89"),
        ("dropout=0.5", "of a trained classification/classifier this is fitted: scaling, class_sets"),
    ):
        assert main(["calibrate", str(run), "--set", setting]) == 2
        assert line in capsys.readouterr().err
    assert main(["calibrate", str(run), "--set", "class_sets.coverage=0", "class_sets.method=raps"]) == 0
    said = capsys.readouterr()
    assert "promised" not in said.out and "nothing is promised, for class_sets.coverage is 0" in said.err
