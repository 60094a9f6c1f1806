"""Remedies for wrong labels: each objective is its loss, and co-teaching leaves one network of two."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.data.pipeline import with_validation
from kerasvision.losses import noisy_labels as losses
from kerasvision.train.run import load_run
from kerasvision.train.techniques.co_teaching import KEEP, TWIN
from tests.train import tiny
from tests.undrawn import train

EMA, SWA = create("techniques/ema"), create("techniques/swa")
TARGETS = {"logits": tf.one_hot([0, 1, 2, 0], 3)}
RAW = {"logits": tf.constant(np.random.default_rng(0).normal(0, 2, (4, 3)), tf.float32)}


def objective(name, **fields):
    arch = tiny.classifier(num_classes=3)
    return create(f"techniques/{name}", **fields).objective(arch.loss, arch)(TARGETS, RAW)


def test_objectives_are_the_losses():
    t, z = TARGETS["logits"], RAW["logits"]
    (seen,) = objective("generalized_cross_entropy", q=0.5).values()
    np.testing.assert_array_equal(seen, losses.generalized_cross_entropy(t, z, 0.5))
    (seen,) = objective("bootstrap", beta=0.9, hard=False).values()
    np.testing.assert_array_equal(seen, losses.bootstrapped_cross_entropy(t, z, 0.9))
    both = objective("symmetric_cross_entropy", alpha=0.5, beta=2.0, log_zero=-3.0)
    plain = tiny.classifier(num_classes=3).loss(TARGETS, RAW)["cross_entropy"]
    np.testing.assert_allclose(both["cross_entropy"], 0.5 * plain)
    np.testing.assert_allclose(both["reverse_cross_entropy"], 2.0 * losses.reverse_cross_entropy(t, z, -3.0))


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("generalized_cross_entropy", {"q": 0.0}, "generalized_cross_entropy.q=0; allowed: above 0 to 1"),
        ("bootstrap", {"beta": 1.2}, "bootstrap.beta=1.2; allowed: 0 to 1"),
        ("symmetric_cross_entropy", {"log_zero": 1.0}, "log_zero=1; allowed: below 0"),
        ("co_teaching", {"forget_rate": 1.0}, "allowed: a rate below 1, and one epoch or more"),
    ],
)
def test_fields_are_checked(name, fields, says):
    with pytest.raises(UsageError, match=says):
        create(f"techniques/{name}", **fields)


@pytest.mark.parametrize("name", ["generalized_cross_entropy", "symmetric_cross_entropy", "bootstrap", "co_teaching"])
def test_another_task_and_a_smoothed_loss_are_refused(name):
    technique = create(f"techniques/{name}")
    with pytest.raises(UsageError, match="classification/multi_label has another loss; use it with"):
        technique.fit_statistics(create("classification/multi_label", num_classes=3), None)
    with pytest.raises(UsageError, match="model.label_smoothing=0.1 would not count; set model.label_smoothing=0"):
        technique.fit_statistics(tiny.classifier(num_classes=3, label_smoothing=0.1), None)
    assert technique.fit_statistics(tiny.classifier(num_classes=3), None) == technique


def test_co_teaching_s_graph_is_flat_and_the_twin_begins_elsewhere():
    keras.utils.set_random_seed(0)
    arch, technique = tiny.classifier(num_classes=10), create("techniques/co_teaching")
    plain = arch.build()
    both = technique.graph(arch, plain)
    assert not any(isinstance(layer, keras.Model) for layer in both.layers)
    assert set(both.output) == {"logits", TWIN, KEEP}
    image = np.random.default_rng(1).normal(size=(3, 8, 8, 3)).astype(np.float32)
    raw = both({"image": image})
    np.testing.assert_array_equal(raw["logits"], plain({"image": image})["logits"])
    assert np.abs(raw["logits"] - raw[TWIN]).max() > 1e-2
    np.testing.assert_array_equal(raw[KEEP], [1.0, 1.0, 1.0])
    kept = technique.strip(arch, both)
    assert [layer.name for layer in kept.layers] == [layer.name for layer in plain.layers]
    np.testing.assert_array_equal(kept({"image": image})["logits"], raw["logits"])


def test_a_backbone_that_has_learned_goes_into_both_networks():
    arch = tiny.classifier(num_classes=10)
    plain = arch.build()
    mean = next(v for v in plain.variables if "moving_mean" in v.name)
    mean.assign(tf.ones_like(mean))
    both = create("techniques/co_teaching").graph(arch, plain)
    first, second = (both.get_layer(f"{p}backbone_stem_conv").get_weights()[0] for p in ("", "twin_"))
    np.testing.assert_array_equal(first, second)
    assert np.abs(both.get_layer("logits").kernel - both.get_layer("twin_logits").kernel).max() > 1e-2


def test_co_teaching_leaves_out_more_and_more():
    technique = create("techniques/co_teaching", forget_rate=0.4, gradual_epochs=4)
    assert [technique.kept(e) for e in range(6)] == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.6])


def test_co_teaching_trains_sets_its_share_and_the_run_loads(tmp_path, monkeypatch):
    shares = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            shares.append(float(self.model.graph.get_layer("twin_keep").share))

    technique = create("techniques/co_teaching", forget_rate=0.5, gradual_epochs=1)
    hooked = technique.callbacks()
    monkeypatch.setattr(type(technique), "callbacks", lambda self: (*hooked, Watch()))
    trained = train(tiny.recipe(techniques=(technique,), epochs=2), tmp_path / "run")
    assert shares == [1.0, 0.5]
    assert set(trained.graph.output) == {"logits"}
    image = np.zeros((1, 8, 8, 3), np.float32)
    again = load_run(tmp_path / "run").graph
    np.testing.assert_array_equal(again({"image": image})["logits"], trained.graph({"image": image})["logits"])


@pytest.mark.parametrize(
    ("average", "first"),
    [(EMA, False), *(pytest.param(*c, marks=pytest.mark.nightly) for c in ((EMA, True), (SWA, False), (SWA, True)))],
)
def test_an_average_of_weights_leaves_the_share_alone(average, first, tmp_path, monkeypatch):
    shares = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            shares.append(float(self.model.graph.get_layer("twin_keep").share))

    technique = create("techniques/co_teaching", forget_rate=0.5, gradual_epochs=2)
    hooked = technique.callbacks()
    monkeypatch.setattr(type(technique), "callbacks", lambda self: (*hooked, Watch()))
    both = (technique, average) if first else (average, technique)
    train(tiny.recipe(techniques=both, epochs=3), tmp_path / "run")
    assert shares[::8] == shares[7::8] == [1.0, 0.75, 0.5]


def test_logits_of_both_networks_are_adjusted_and_costs_are_refused():
    split = with_validation(create("sources/digits").open(), 0.0)["train"]
    arch = tiny.classifier(num_classes=10)
    logits = tf.random.normal([8, 10], seed=1)
    raw = {"logits": logits, TWIN: logits, KEEP: tf.fill([8], 0.5)}
    targets = {"logits": tf.one_hot(tf.range(8), 10)}
    taught = create("techniques/co_teaching").objective(arch.loss, arch)
    adjusted = create("techniques/logit_adjustment", counts=tuple(range(1, 11))).objective(taught, arch)(targets, raw)
    np.testing.assert_allclose(adjusted["cross_entropy"], adjusted["twin"])
    costs = create("techniques/cost_matrix").fit_statistics(arch, split)
    with pytest.raises(UsageError, match="cost_matrix knows nothing of co_teaching's choice"):
        costs.objective(taught, arch)(targets, raw)


# steps with each of them, on two replicas too: tests/contract/test_technique_replicas.py; by day their objectives are
# what their losses say, and a training takes any objective: test_imbalance.py
@pytest.mark.nightly
@pytest.mark.parametrize("name", ["generalized_cross_entropy", "symmetric_cross_entropy", "bootstrap"])
def test_they_train(name, tmp_path):
    trained = train(tiny.recipe(techniques=(create(f"techniques/{name}"),), epochs=2), tmp_path / "run")
    assert trained.metrics["test/accuracy"] > 0.12  # above chance after 16 steps; what they are worth is a pipeline's
