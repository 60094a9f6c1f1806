"""SMOTE on embeddings: what is invented lies between neighbors, and the last layer is the optimum on it."""

import dataclasses
import sys

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.recipe import Phase
from kerasvision.core.registry import create
from kerasvision.data.pipeline import with_validation
from kerasvision.data.sampling import class_counts
from kerasvision.data.sources.base import Split
from kerasvision.inference.served import Served
from kerasvision.train.run import load_run
from kerasvision.train.techniques.smote import softmax_regression
from tests.train import tiny
from tests.undrawn import train

pytest.importorskip("imblearn")
DIGITS = create("sources/digits", validation_fraction=0.05, test_fraction=0.5)
TAIL = create("sources/long_tail", of=DIGITS, ratio=8)


def clusters(counts, seed=0, apart=3.0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    return (rng.normal(0, 1, (len(labels), 4)) + apart * np.eye(4)[labels]).astype(np.float32), labels


@pytest.mark.parametrize("variant", ["smote", "borderline", "svm", "adasyn"])
def test_invented_examples_follow_the_real_ones_and_balance_classes(variant):
    features, labels = clusters((80, 40, 12), apart=1.0)
    technique = create("techniques/smote", variant=variant, seed=3)
    more, of = technique.balanced(features, labels)
    np.testing.assert_array_equal(more[: len(features)], features)
    low, high = {"smote": (80, 80), "borderline": (80, 80), "adasyn": (72, 88), "svm": (45, 80)}[variant]
    counts = np.bincount(of)
    assert counts[0] == 80 and low <= counts[1:].min() and counts[1:].max() <= high
    np.testing.assert_array_equal(technique.balanced(features, labels)[0], more)
    assert not np.array_equal(dataclasses.replace(technique, seed=4).balanced(features, labels)[0], more)


def test_smote_draws_on_the_line_to_one_of_the_nearest():
    """Chawla et al., figure 3: x + u (neighbor - x), 0 <= u <= 1."""
    features, labels = clusters((60, 10))
    more, of = create("techniques/smote", neighbors=3).balanced(features, labels)
    own = features[labels == 1].astype(float)
    distances = np.linalg.norm(own[:, None] - own[None], axis=-1)
    nearest = np.argsort(distances, 1)[:, 1:4]
    segments = [(own[i], own[j] - own[i]) for i in range(10) for j in nearest[i]]
    invented = more[len(features) :]
    assert len(invented) == 50 and (of[len(features) :] == 1).all()
    for point in invented:
        along = [(start, step, (point - start) @ step / (step @ step)) for start, step in segments]
        off = [np.linalg.norm(start + np.clip(u, 0, 1) * step - point) for start, step, u in along]
        assert min(off) < 1e-5


@pytest.mark.parametrize("counts", [(50, 30), (50, 30, 20, 10)])
def test_softmax_regression_is_where_the_gradient_vanishes(counts):
    features, labels = clusters(counts)
    features = np.concatenate([features * [1, 10, 0.1, 1], np.full((len(labels), 1), 7.0)], 1)  # the last is constant
    l2 = 1e-2
    kernel, bias = softmax_regression(features, labels, l2)
    assert (kernel[-1] == 0).all()
    logits = features @ kernel + bias
    p = np.exp(logits - logits.max(1, keepdims=True))
    error = p / p.sum(1, keepdims=True) - np.eye(len(counts))[labels]
    mean, scale = features[:, :4].mean(0), features[:, :4].std(0)
    gradient = ((features[:, :4] - mean) / scale).T @ error / len(labels) + l2 * kernel[:4] * scale[:, None]
    np.testing.assert_allclose(gradient, 0, atol=1e-4)
    np.testing.assert_allclose(error.mean(0), 0, atol=1e-4)


def test_only_the_last_layer_changes_and_the_run_is_loaded_as_it_is(tmp_path):
    fields = {"data": TAIL, "batch_size": 32, "model": tiny.classifier(), "epochs": 2}
    plain = train(tiny.recipe(**fields), tmp_path / "plain")
    trained = train(tiny.recipe(techniques=(create("techniques/smote", neighbors=3),), **fields), tmp_path / "run")
    before, after = ({v.name: v.numpy() for v in t.graph.variables} for t in (plain, trained))
    assert {k for k in before if (before[k] != after[k]).any()} == {"logits/kernel:0", "logits/bias:0"}
    loaded = {v.name: v.numpy() for v in load_run(tmp_path / "run").graph.variables}
    for name, value in after.items():
        np.testing.assert_array_equal(loaded[name], value)
    again = {v.name: v.numpy() for v in train(trained.recipe, tmp_path / "run", resume=True).graph.variables}
    for name, value in after.items():  # fitted again from the backed-up weights, to the same
        np.testing.assert_array_equal(again[name], value)
    assert trained.metrics["test/balanced_accuracy"] > plain.metrics["test/balanced_accuracy"]


def test_volumes_have_embeddings_too():
    """An untrained graph tells bright halves from dark ones once its last layer is fitted."""
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], [30, 8]).astype(np.int32)
    volumes = rng.normal(0, 1, (38, 8, 8, 8, 1)).astype(np.float32)
    volumes[labels == 1, :4] += 3.0
    samples = {"volume": volumes, "label": labels, "spacing_mm": np.ones((38, 3), np.float32)}
    split = Split(tf.data.Dataset.from_tensor_slices(samples), lambda record: record, 38)
    arch = create("volume_classification/cnn3d", num_classes=2, volume_size=(8, 8, 8), width=4, strides=((2, 2, 2),))
    graph = arch.build()
    kernels = [v.numpy() for v in graph.variables[:-2]]
    graph = create("techniques/smote").fit_statistics(arch, split).strip(arch, graph)
    for before, after in zip(kernels, graph.variables[:-2], strict=True):
        np.testing.assert_array_equal(before, after)
    predictions = Served(arch, graph, ("dark", "bright")).serve({k: samples[k] for k in ("volume", "spacing_mm")})
    np.testing.assert_array_equal(predictions["probabilities"].numpy().argmax(1), labels)


def test_too_few_examples_for_the_neighbors():
    split = with_validation(TAIL.open(), 0.0)["train"]
    smallest = class_counts(split, 10)[9]
    technique = create("techniques/smote", neighbors=int(smallest))
    line = f"smote: class '9' has {smallest} training examples; .*neighbors={smallest}: set fewer, or use"
    with pytest.raises(KerasVisionError, match=line):
        technique.fit_statistics(tiny.classifier(num_classes=10), split)
    fewer = dataclasses.replace(technique, neighbors=int(smallest) - 1)
    assert fewer.fit_statistics(tiny.classifier(num_classes=10), split) == fewer


def test_refusals(tmp_path, monkeypatch):
    for fields, line in (({"neighbors": 0}, "smote.neighbors: got 0"), ({"l2": 0.0}, "l2"), ({"seed": -1}, "seed")):
        with pytest.raises(UsageError, match=line):
            create("techniques/smote", **fields)
    several = create("classification/multi_label", num_classes=10)
    with pytest.raises(UsageError, match="smote is for architectures of one class an example"):
        create("techniques/smote").fit_statistics(several, None)
    qat = Phase(1, tiny.sgd(), (), (create("techniques/smote", neighbors=2), create("techniques/qat")))
    recipe = tiny.recipe(data=TAIL, then=(qat,))
    with pytest.raises(
        KerasVisionError, match="logits of the embedding, and the graph has none; with qat, put it into a phase"
    ):
        train(recipe, tmp_path / "run")
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(KerasVisionError, match=r"imbalanced-learn cannot be imported .* 'kerasvision\[imbalance\]'"):
        create("techniques/smote").fit_statistics(tiny.classifier(num_classes=10), None)


def test_classes_that_touch_nowhere_are_one_line():
    features, labels = clusters((60, 30), apart=1000.0)
    with pytest.raises(KerasVisionError, match="smote.variant='adasyn' finds nothing to invent from: ") as error:
        create("techniques/smote", variant="adasyn").balanced(features, labels)
    assert "\n" not in str(error.value)
