"""Weights of late fusion: those of a logistic regression over the senses' log-odds, and only of held-out examples."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from kerasvision import api
from kerasvision.core.errors import UsageError
from kerasvision.export.base import from_spec
from kerasvision.export.certificate import export
from kerasvision.fusions.late import MOST, least
from kerasvision.losses.classification import sigmoid_cross_entropy
from kerasvision.tasks.class_sets import ClassSets
from kerasvision.train.calibrate import calibrated, check_promise
from tests.contract import contracts
from tests.contract.cases import CaseSamples
from tests.contract.multi_modal_cases import made
from tests.fusions import reviews
from tests.undrawn import train


def drawn(size=4000):
    """Log-odds [N, 1] of three senses and a label: the first two say the same, the third nothing."""
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, size)
    seen = rng.normal(1.2 * (2 * label - 1), 1.5)[:, None]
    return [np.float32(part) for part in (seen, seen, rng.normal(size=(size, 1)))], label


def test_weights_are_those_of_a_logistic_regression():
    """Of three senses, one missing in half of the examples, by scikit-learn without a penalty; none is below 0."""
    held, label = drawn()
    held[1] = np.float32(np.random.default_rng(2).normal(0.7 * (2 * label - 1), 1.0)[:, None])
    flags = [np.ones((len(label), 1), np.float32) for _ in held]
    flags[1][::2] = 0
    features = np.concatenate([own * there for own, there in zip(held, flags, strict=True)], 1)
    wanted = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8).fit(features, label).coef_[0]
    targets = tf.constant(label[:, None], tf.float32)
    found = least([*held, *flags], tf.zeros([1]), lambda logits: {"": sigmoid_cross_entropy(targets, logits, 0.0)})
    np.testing.assert_allclose(found[:2], wanted[:2], rtol=2e-3)
    assert found[2] == pytest.approx(max(0.0, wanted[2]), abs=2e-3)


def test_senses_that_say_the_same_count_once():
    """Both have half of what one of them alone would have."""
    held, label = drawn()
    ones = [np.ones((len(label), 1), np.float32)] * 3
    targets = tf.constant(label[:, None], tf.float32)

    def loss(logits):
        return {"": sigmoid_cross_entropy(targets, logits, 0.0)}

    both, alone = (least([*own, *ones[: len(own)]], tf.zeros([1]), loss) for own in (held[:2], held[:1]))
    assert both.sum() == pytest.approx(alone[0], rel=2e-3) and both[0] == pytest.approx(both[1], rel=1e-3)
    sure = [np.float32(2 * label - 1)[:, None]]
    assert least([*sure, *ones[:1]], tf.zeros([1]), loss)[0] == MOST  # never wrong, and all the same not infinite


def test_it_is_the_calibration_that_weighs_and_of_half_the_examples_where_sets_need_the_others():
    arch = made("classifier", "late", num_classes=4)
    graph = contracts.built(arch)
    split = CaseSamples("multi_modal/classifier", copies=4).open().splits["train"]
    before = graph.get_layer("logits").factors.numpy()
    assert calibrated(arch, graph, ("a", "b", "c", "d"), split, 8) == arch
    after = graph.get_layer("logits").factors.numpy()
    assert (before == 1).all() and (after != 1).all() and (after >= 0).all()
    sets = dataclasses.replace(arch, class_sets=ClassSets(coverage=0.8))
    found = calibrated(sets, graph, ("a", "b", "c", "d"), split, 8)
    assert found.class_sets.examples == split.size // 2
    with pytest.raises(UsageError, match="fusions/late is weighed on the validation split, and there is none; set val"):
        check_promise(arch, {"train": split})


@pytest.mark.nightly
def test_every_file_has_the_weights(tmp_path):
    """SavedModel, float, int8 and ONNX, with and without a text; `export` has judged each on the test split before."""
    run = train(reviews.recipe(reviews.table(tmp_path, given_away=False), "late"), tmp_path / "run")
    factors = run.graph.get_layer("logits").factors.numpy()
    assert factors[0] > 0.5 and factors[1] < factors[0] and (factors != 1).all()  # what the noise says is not believed
    specs = ("tf_serving", "tflite:float32", "tflite:int8", "onnx")
    artifacts, _ = export(run, [from_spec(s) for s in specs], tmp_path, verbose=False)
    assert len(artifacts) == len(specs)
    for flags in ([1, 1], [1, 0], [0, 1]):
        given = {"text": b"bright", "numbers": [0.3], "senses": flags}
        wanted = api.load(run.folder).predict(given)["probabilities"]
        for artifact in artifacts:
            found = api.load(artifact.path).predict(given)["probabilities"]
            near = 0.02 if artifact.kind == "tflite:int8" else 1e-5
            np.testing.assert_allclose(found, wanted, atol=near, err_msg=f"{artifact.kind} {flags}")
