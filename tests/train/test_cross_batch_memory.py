"""A memory of earlier batches, against pytorch-metric-learning 2.9.0 and numpy step by step."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.tasks.embedding._compared import PairLoss
from kerasvision.train.learner import Learner
from tests.train import tiny

HELD = dict(np.load(pathlib.Path(__file__).parents[1] / "goldens" / "cross_batch_memory.npz"))
STEPS, BATCH, SIZE = HELD["embeddings"].shape
PLACES = 2 * BATCH


def pairs(**terms):
    backbone = create("backbones/convnet", width=4, blocks=(1,))
    objective = PairLoss(**{"contrastive": 0.0} | terms)
    return create("embedding/pairs", image_size=(8, 8), dimension=SIZE, backbone=backbone, objective=objective)


def identity():
    """A graph whose embedding is its input, times a factor that learns."""
    rows = keras.Input((SIZE,), name="rows")
    factor = keras.layers.Dense(SIZE, use_bias=False, kernel_initializer="identity", name="embedding")(rows)
    return keras.Model({"rows": rows}, {"embedding": factor})


def steps(arch, technique):
    """Of each step: the terms of the loss, and the gradient of the memory's mean by the embeddings; and the memory."""
    memory, loss = technique.observer(arch, identity()), technique.objective(arch.loss, arch)
    terms, gradients = [], []
    for rows, labels in zip(HELD["embeddings"].astype(np.float32), HELD["labels"].astype(np.int32), strict=True):
        targets, raw = memory({}, {"label": tf.constant(labels)}), {"embedding": tf.constant(rows)}
        for _ in range(2):  # as where a step computes its loss twice
            memory.answered(targets, raw)
        with tf.GradientTape() as tape:
            tape.watch(raw)
            found = {name: tf.reduce_mean(term) for name, term in loss(targets, raw).items()}
            (kept,) = (value for name, value in found.items() if name.startswith("memory_"))
        terms.append({name: float(value) for name, value in found.items()})
        gradients.append(tape.gradient(kept, raw)["embedding"].numpy())
    return terms, np.array(gradients), memory


@pytest.mark.parametrize("name", ["contrastive", "circle"])
def test_values_and_gradients_are_those_of_the_peer(name):
    technique = create("techniques/cross_batch_memory", size=PLACES, start_step=0)
    terms, gradients, _ = steps(pairs(**{name: 1.0}), technique)
    np.testing.assert_allclose([t[f"memory_{name}"] for t in terms], HELD[name], rtol=1e-5)
    np.testing.assert_allclose(gradients, HELD[f"{name}_g"], rtol=1e-4, atol=1e-4 * np.abs(HELD[f"{name}_g"]).max())


def contrastive(rows, labels, others, of_others, itself):
    """Khosla et al. 2020, equation 2, in loops. itself: number of the other that each row is."""
    found = []
    for row, label, own in zip(rows, labels, itself, strict=True):
        scores = others @ row / 0.1
        every = [k for k in range(len(others)) if k != own]
        total = np.log(sum(np.exp(scores[k]) for k in every))
        found.append(np.mean([total - scores[k] for k in every if of_others[k] == label]))
    return np.mean(found)


def test_the_memory_begins_late_and_holds_the_latest_batches():
    technique = create("techniques/cross_batch_memory", size=PLACES, start_step=1, weight=0.5)
    terms, gradients, memory = steps(pairs(contrastive=1.0), technique)
    unit = HELD["embeddings"] / np.linalg.norm(HELD["embeddings"], axis=-1, keepdims=True)
    for step, term in enumerate(terms):
        first = max(1, step - PLACES // BATCH + 1)  # the batch's own rows are of the memory
        own = contrastive(unit[step], HELD["labels"][step], unit[step], HELD["labels"][step], range(BATCH))
        assert term["contrastive"] == pytest.approx(own, rel=1e-5)
        if step == 0:
            assert term["memory_contrastive"] == 0 and not gradients[0].any()
            continue
        others, labels = (HELD[key][first : step + 1] for key in ("embeddings", "labels"))
        others = (others / np.linalg.norm(others, axis=-1, keepdims=True)).reshape(-1, SIZE)
        itself = len(others) - BATCH + np.arange(BATCH)
        kept = contrastive(unit[step], HELD["labels"][step], others, labels.ravel(), itself)
        assert term["memory_contrastive"] == pytest.approx(0.5 * kept, rel=1e-5)
    held = HELD["embeddings"][[3, 2]]  # the ring: steps 1, 2, and 3 in the place of 1
    np.testing.assert_allclose(memory.rows, held.reshape(-1, SIZE), rtol=1e-6)
    assert memory.labels.numpy().tolist() == HELD["labels"][[3, 2]].ravel().tolist()


def test_a_learner_steps_with_it_and_backs_it_up():
    """Of a step that computes its gradients twice: the memory goes on by one batch."""
    arch, graph = pairs(contrastive=1.0), identity()
    technique = create("techniques/cross_batch_memory", size=PLACES, start_step=0)
    twice = create("techniques/sam").around_step(arch, graph)
    learner = Learner(graph, technique.objective(arch.loss, arch), [technique.observer(arch, graph)], twice)
    learner.compile(optimizer=keras.optimizers.SGD(0.0))
    rows, labels = HELD["embeddings"].astype(np.float32), HELD["labels"].astype(np.int32)
    learner.fit(tf.data.Dataset.from_tensor_slices(({"rows": rows}, {"label": labels})), verbose=0)
    (memory,) = learner.observers
    assert len(learner.observer_variables) == 3 and int(memory.steps) == STEPS
    assert memory.labels.numpy().tolist() == labels[[2, 3]].ravel().tolist()
    assert set(learner.get_metrics_result()) == {"loss", "contrastive", "memory_contrastive"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"size": 0}, "allowed: 1 or more"),
        ({"weight": 0.0}, "allowed: above 0"),
        ({"start_step": -1}, "allowed: 0 or more steps"),
    ],
)
def test_settings_that_remember_nothing_are_refused(fields, said):
    with pytest.raises(UsageError, match=said):
        create("techniques/cross_batch_memory", **fields)


def test_what_it_cannot_serve_is_refused():
    technique = create("techniques/cross_batch_memory", size=12, start_step=0)
    with pytest.raises(UsageError, match="classification/classifier compares no pictures"):
        technique.fit_statistics(tiny.classifier(), None)
    assert technique.fit_statistics(pairs(contrastive=1.0), None) is technique
    with pytest.raises(UsageError, match="set a multiple of 8"):
        steps(pairs(contrastive=1.0), technique)
