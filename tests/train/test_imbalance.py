"""Techniques for classes of unequal size: their formulas, what they refuse, and two steps of each."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.special import log_softmax, softmax

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.pipeline import with_validation
from kerasvision.data.sampling import class_counts
from kerasvision.train.run import load_run
from tests import store
from tests.train import tiny
from tests.undrawn import train

TAIL = create("sources/long_tail", of=tiny.recipe().data, ratio=8)
COUNTS = (60, 30, 6)
ARCH = tiny.classifier(num_classes=3)
SEVERAL = create("classification/multi_label", num_classes=3, image_size=(8, 8), label_smoothing=0.1)
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (6, 3)).astype(np.float32)
LABELS = np.array([0, 1, 2, 2, 0, 1])
TARGETS = {"logits": np.eye(3, dtype=np.float32)[LABELS]}
COSTS = ((0.0, 1.0, 5.0), (2.0, 0.0, 1.0), (9.0, 3.0, 0.0))
ROWS = np.log(softmax(LOGITS.astype(float), 1))


def small(size):
    """A cost matrix of so many classes."""
    return tuple(tuple(float(abs(i - j)) for j in range(size)) for i in range(size))


def asked(technique, arch=ARCH, targets=TARGETS):
    """name -> [B], of the technique around the architecture's loss."""
    values = technique.objective(arch.loss, arch)({k: tf.constant(v) for k, v in targets.items()}, {"logits": LOGITS})
    return {k: v.numpy() for k, v in values.items()}


def test_inverse_weights_have_a_mean_of_one_over_examples():
    technique = create("techniques/class_weights", counts=COUNTS)
    weights = technique.weights()
    np.testing.assert_allclose(weights * COUNTS, np.full(3, 96 / 3))  # each class weighs the same in all
    assert weights @ COUNTS / sum(COUNTS) == pytest.approx(1)
    got = asked(technique)["cross_entropy"]
    np.testing.assert_allclose(got, -weights[LABELS] * ROWS[np.arange(6), LABELS], rtol=1e-5)


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.999, 0.9999999])
def test_effective_numbers_are_those_of_the_paper(beta):
    """Cui et al., proposition 1: E_n = (E_{n-1}) beta + 1, the expected volume of n samples."""
    effective = []
    for count in COUNTS:
        volume = 0.0
        for _ in range(count):
            volume = volume * beta + 1
        effective.append(1 / volume)
    expected = np.array(effective) * sum(COUNTS) / (np.array(effective) @ COUNTS)
    got = create("techniques/class_weights", scheme="effective_number", beta=beta, counts=COUNTS).weights()
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_several_or_mixed_classes_weigh_their_mean():
    technique = create("techniques/class_weights", counts=COUNTS)
    weights = technique.weights()
    targets = np.float32([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 0], [1, 0, 0]])
    plain = SEVERAL.loss({"logits": targets}, {"logits": LOGITS})["cross_entropy"]
    each = [weights[[0, 2]].mean(), 1, weights.mean(), weights[1], 1, weights[0]]
    np.testing.assert_allclose(asked(technique, SEVERAL, {"logits": targets})["cross_entropy"], each * plain, rtol=1e-5)
    mixed = {"logits": 0.25 * TARGETS["logits"] + 0.75 * TARGETS["logits"][::-1]}
    plain = ARCH.loss(mixed, {"logits": LOGITS})["cross_entropy"]
    each = 0.25 * weights[LABELS] + 0.75 * weights[LABELS[::-1]]
    np.testing.assert_allclose(asked(technique, ARCH, mixed)["cross_entropy"], each * plain, rtol=1e-5)


def test_logit_adjustment_is_equation_10():
    for tau in (0.0, 1.0, 1.7):
        technique = create("techniques/logit_adjustment", tau=tau, counts=COUNTS)
        adjusted = log_softmax(LOGITS.astype(float) + tau * np.log(np.array(COUNTS) / 96), 1)
        np.testing.assert_allclose(asked(technique)["cross_entropy"], -adjusted[np.arange(6), LABELS], rtol=1e-5)


def test_focal_takes_the_cross_entropy_s_place_with_its_smoothing():
    p = softmax(LOGITS.astype(float), 1)[np.arange(6), LABELS]
    got = asked(create("techniques/focal", gamma=3.0))
    assert list(got) == ["focal"]
    np.testing.assert_allclose(got["focal"], -((1 - p) ** 3) * np.log(p), rtol=1e-4, atol=1e-7)
    plain = SEVERAL.loss(TARGETS, {"logits": LOGITS})["cross_entropy"]
    np.testing.assert_allclose(asked(create("techniques/focal", gamma=0), SEVERAL)["focal"], plain, rtol=1e-5)


def test_costs_stand_beside_the_cross_entropy_or_in_its_place():
    expected = 0.5 * (np.array(COSTS)[LABELS] * softmax(LOGITS, 1)).sum(1)
    beside = asked(create("techniques/cost_matrix", costs=COSTS, weight=0.5))
    np.testing.assert_allclose(beside["expected_cost"], expected, rtol=1e-5)
    np.testing.assert_allclose(beside["cross_entropy"], -ROWS[np.arange(6), LABELS], rtol=1e-5)
    alone = asked(create("techniques/cost_matrix", costs=COSTS, weight=0.5, replaces=True))
    assert list(alone) == ["expected_cost"]


def test_costs_follow_the_counts_where_none_are_given():
    split = with_validation(TAIL.open(), 0.0)["train"]
    seen = create("techniques/cost_matrix", rarity=0.7).fit_statistics(tiny.classifier(num_classes=10), split)
    counts, costs = class_counts(split, 10), np.array(seen.costs)
    np.testing.assert_allclose(costs, np.outer((counts.max() / counts) ** 0.7, np.ones(10)) * (1 - np.eye(10)))


def test_what_takes_the_loss_s_place_comes_first():
    weights = create("techniques/class_weights", counts=COUNTS)
    focal = create("techniques/focal")
    both = weights.objective(focal.objective(ARCH.loss, ARCH), ARCH)(TARGETS, {"logits": LOGITS})["focal"]
    np.testing.assert_allclose(both, weights.weights()[LABELS] * asked(focal)["focal"], rtol=1e-5)
    for technique in (focal, create("techniques/cost_matrix", replaces=True)):
        with pytest.raises(UsageError, match="put it first among the techniques"):
            technique.objective(weights.objective(ARCH.loss, ARCH), ARCH)


def test_counts_come_from_the_training_split_and_not_into_the_recipe():
    split = with_validation(TAIL.open(), 0.0)["train"]
    arch = tiny.classifier(num_classes=10)
    for name in ("class_weights", "logit_adjustment"):
        technique = create(f"techniques/{name}")
        seen = technique.fit_statistics(arch, split)
        assert seen.counts == tuple(class_counts(split, 10)) and technique.counts == ()
        assert from_json(to_json(seen)) == seen


BAD = [
    ("class_weights", {"beta": 1.0}, r"class_weights.beta: got 1.0; allowed: 0 <= beta < 1"),
    ("class_weights", {"counts": (3, 0)}, r"class_weights.counts: got \(3, 0\); allowed: 1 or more"),
    ("oversample", {"ratio": 0.5}, r"oversample.ratio: got 0.5; allowed: 1 \(all classes alike\) or more"),
    ("oversample", {"seed": -1}, r"oversample.seed: got -1"),
    ("undersample", {"ratio": 0.0}, r"undersample.ratio: got 0.0"),
    ("logit_adjustment", {"tau": -1.0}, r"logit_adjustment.tau: got -1.0"),
    ("logit_adjustment", {"counts": (0,)}, r"logit_adjustment.counts"),
    ("focal", {"gamma": -0.1}, r"focal.gamma: got -0.1"),
    ("cost_matrix", {"costs": ((0.0, 1.0), (1.0,))}, r"got 2 rows of 1, 2; allowed: K rows of K costs"),
    ("cost_matrix", {"costs": ((0.0, -1.0), (1.0, 0.0))}, r"costs\[0\]\[1\]: got -1.0; allowed: 0 or more"),
    ("cost_matrix", {"costs": ((0.0, 1.0), (1.0, 2.0))}, r"costs\[1\]\[1\]: got 2.0; allowed: 0, a right answer"),
    ("cost_matrix", {"costs": ((0.0,),)}, r"got 1 rows of 1; allowed: K rows of K costs"),
    ("cost_matrix", {"rarity": -1.0}, r"cost_matrix.rarity: got -1.0"),
    ("cost_matrix", {"costs": small(2), "weight": 0.0}, r"cost_matrix.weight: got 0.0"),
]


@pytest.mark.parametrize(("name", "fields", "line"), BAD)
def test_fields_are_checked(name, fields, line):
    with pytest.raises(UsageError, match=line) as error:
        create(f"techniques/{name}", **fields)
    assert "\n" not in str(error.value)


SINGLE_ONLY = ("oversample", "undersample", "logit_adjustment", "cost_matrix")


@pytest.mark.parametrize("name", [*SINGLE_ONLY, "class_weights", "focal"])
def test_other_architectures_are_refused(name):
    technique = create(f"techniques/{name}")
    split = with_validation(TAIL.open(), 0.0)["train"]
    others = [create("semantic_segmentation/unet", num_classes=3), *([SEVERAL] if name in SINGLE_ONLY else [])]
    for arch in others:
        with pytest.raises(UsageError, match=f"{name} is for architectures of one class an example"):
            technique.fit_statistics(arch, split).records(split, arch)


@pytest.mark.parametrize("name", ["class_weights", "focal"])
def test_combinations_of_classes_are_refused(name):
    arch = create("classification/label_powerset", num_classes=3, label_sets=((0,), (1, 2)))
    with pytest.raises(UsageError, match=f"{name}: the logits of classification/label_powerset are of combinations"):
        create(f"techniques/{name}").fit_statistics(arch, None)


@pytest.mark.parametrize("chains", [1, 2])
def test_chains_are_weighed_and_focused_as_one_example(chains):
    """With equal logits in every chain, the loss is that of a model without chains."""
    arch = create("classification/classifier_chain", num_classes=3, chains=chains, label_smoothing=0.1)
    present = tf.constant(RNG.integers(0, 2, (5, 3)), tf.float32)
    logits = tf.constant(RNG.normal(size=(5, 3)), tf.float32)
    many = [tf.tile(v[:, None], [1, chains, 1]) for v in (present, logits)]
    for technique in (create("techniques/class_weights", counts=(1, 5, 20)), create("techniques/focal")):
        alone = technique.objective(SEVERAL.loss, SEVERAL)({"logits": present}, {"logits": logits})
        found = technique.objective(arch.loss, arch)({"logits": many[0]}, {"logits": many[1]})
        assert found.keys() == alone.keys()
        for term, value in alone.items():
            np.testing.assert_allclose(found[term], value, rtol=1e-6)


def test_counts_that_do_not_fit_are_refused():
    split = with_validation(TAIL.open(), 0.0)["train"]
    with pytest.raises(UsageError, match="class_weights.counts has 3 values for 10 classes"):
        create("techniques/class_weights", counts=COUNTS).fit_statistics(tiny.classifier(num_classes=10), split)
    with pytest.raises(UsageError, match="cost_matrix.costs has 3 rows for 10 classes"):
        create("techniques/cost_matrix", costs=COSTS).fit_statistics(tiny.classifier(num_classes=10), split)
    few = dataclasses.replace(
        split, records=split.records.filter(lambda r: r["label"] < 9), classes=tuple("abcdefghij")
    )
    with pytest.raises(KerasVisionError, match="logit_adjustment: no training example of class 'j'; add some"):
        create("techniques/logit_adjustment").fit_statistics(tiny.classifier(num_classes=10), few)


REMEDIES = {
    "class_weights": {},
    "oversample": {"ratio": 2.0},
    "undersample": {"ratio": 4.0},
    "logit_adjustment": {},
    "focal": {},
    "cost_matrix": {"costs": small(10)},
}


PLAIN = tiny.recipe(data=TAIL, batch_size=16, model=tiny.classifier())


@pytest.fixture(scope="module")
def plain_kernel():
    """Weights of the last layer after training without a remedy."""
    return load_run(store.trained(PLAIN)).graph.get_layer("logits").kernel.numpy()


# one that repeats, and two that weigh below; steps with each, on two replicas too: contract/test_technique_replicas.py
BY_DEFAULT = ("oversample",)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in BY_DEFAULT else pytest.mark.nightly) for n in REMEDIES]
)
def test_two_steps_of_training(name, plain_kernel, tmp_path):
    """A step moves all weights otherwise than plain training does, and the metrics are there."""
    technique = create(f"techniques/{name}", **REMEDIES[name])
    trained = train(dataclasses.replace(PLAIN, techniques=(technique,)), tmp_path / "run")
    assert trained.recipe.techniques == (technique,)
    assert all(np.isfinite(v) for v in trained.metrics.values())
    assert {"test/matthews", "test/macro_average_precision", "test/recall/9"} <= set(trained.metrics)
    assert np.abs(trained.graph.get_layer("logits").kernel.numpy() - plain_kernel).max() > 1e-4


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Forty pictures with none to three of the labels a, b and c; c is rare."""
    folder, rng = tmp_path_factory.mktemp("several"), np.random.default_rng(0)
    present = rng.uniform(size=(40, 3)) < [0.6, 0.4, 0.2]
    rows = ["file,labels,split"]
    for number, held in enumerate(present):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        names = ";".join(np.array(["a", "b", "c"])[held])
        rows.append(f"{number}.png,{names},{'train' if number < 32 else 'test'}")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    source = create("sources/manifest", path=str(folder / "list.csv"), validation_fraction=0.0, test_fraction=0.0)
    return source, present[:32].sum(0)


@pytest.mark.nightly
def test_two_steps_with_several_labels(manifest, tmp_path):
    """Weighted and focal."""
    source, counts = manifest
    techniques = (create("techniques/focal"), create("techniques/class_weights"))
    model = create("classification/multi_label", image_size=(8, 8), backbone=tiny.classifier().backbone)
    fields = {"data": source, "model": model, "validation_fraction": 0.0, "batch_size": 16}
    trained = train(tiny.recipe(techniques=techniques, **fields), tmp_path / "run")
    assert all(np.isfinite(v) for v in trained.metrics.values())
    seen = techniques[1].fit_statistics(model.for_classes("abc"), with_validation(source.open(), 0.0)["train"])
    assert seen.counts == tuple(counts)
    plain = train(tiny.recipe(**fields), tmp_path / "plain")
    kernels = [t.graph.get_layer("logits").kernel.numpy() for t in (trained, plain)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-4


def test_factors_are_tuned_after_training_and_served(tmp_path):
    model = tiny.classifier(tune_for="balanced_accuracy")
    trained = train(tiny.recipe(data=TAIL, model=model), tmp_path / "run")
    assert len(trained.arch.class_factors) == 10 and max(trained.arch.class_factors) == 1.0
    image = RNG.integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    served = trained.served().serve({"image": image})["probabilities"].numpy()
    plain = dataclasses.replace(trained, recipe=dataclasses.replace(trained.recipe, model=model.for_classes(range(10))))
    expected = plain.served().serve({"image": image})["probabilities"].numpy() * trained.arch.class_factors
    np.testing.assert_allclose(served, expected / expected.sum(1, keepdims=True), atol=1e-6)
