"""Probes of frozen features against scikit-learn, and the whole table of a run."""

import json

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestCentroid

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.experiments import probe
from tests import store
from tests.train import tiny

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 80)
FEATURES = (np.eye(6)[LABELS] * 1.5 + RNG.normal(size=(80, 6)) * [1, 1, 2, 1, 5, 0.2]).astype(np.float32)
QUERIES = RNG.normal(size=(200, 6)).astype(np.float32)


def press(penalty):
    """The squared error of each example predicted by scikit-learn's ridge regression on the others."""
    x = (FEATURES - FEATURES.mean(0)) / FEATURES.std(0)
    wanted, total = np.eye(3)[LABELS], 0.0
    for left_out in range(len(x)):
        others = np.arange(len(x)) != left_out
        fitted = Ridge(penalty).fit(x[others], wanted[others])
        total += ((fitted.predict(x[left_out : left_out + 1]) - wanted[left_out]) ** 2).sum()
    return total


def test_linear_is_the_ridge_regression_that_predicts_each_example_best_from_the_others():
    penalty = min(probe.PENALTIES * len(FEATURES), key=press)
    mean, deviation = FEATURES.mean(0), FEATURES.std(0)
    peer = Ridge(penalty).fit((FEATURES - mean) / deviation, np.eye(3)[LABELS])
    wanted = peer.predict((QUERIES - mean) / deviation).argmax(1)
    np.testing.assert_array_equal(probe.linear(FEATURES, LABELS, QUERIES), wanted)


def test_nearest_class_is_scikit_learn_s_centroid_of_directions():
    """Of centroids of length 1 the largest cosine is the least distance."""
    unit = FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True)
    peer = NearestCentroid().fit(unit, LABELS)
    centroids = peer.centroids_ / np.linalg.norm(peer.centroids_, axis=1, keepdims=True)
    wanted = (QUERIES @ centroids.T).argmax(1)
    np.testing.assert_array_equal(probe.nearest_class(FEATURES, LABELS, QUERIES), wanted)


def test_labels_are_drawn_by_class_and_at_least_one_of_each():
    labels = np.repeat([0, 1, 2], [90, 9, 1])
    assert [probe.counted(a, labels) for a in ("10%", "100%", 30, "1%")] == [10, 100, 30, 3]
    chosen = probe.drawn(labels, 10, 0)
    assert np.bincount(labels[chosen]).tolist() == [9, 1, 1] and len(set(chosen)) == 11
    assert not np.array_equal(chosen, probe.drawn(labels, 10, 1))
    for amount in ("0%", "101%", "101", "many"):
        with pytest.raises(UsageError, match="allowed"):
            probe.counted(amount, labels)


def test_parts_of_a_map_are_means():
    levels = np.arange(2 * 4 * 4 * 3, dtype=np.float32).reshape(2, 4, 4, 3)
    np.testing.assert_allclose(probe.pooled(levels, 1), levels.mean((1, 2)))
    four = probe.pooled(levels, 2).reshape(2, 2, 2, 3)
    np.testing.assert_allclose(four[1, 0, 1], levels[1, :2, 2:].mean((0, 1)))
    np.testing.assert_array_equal(probe.pooled(levels, 24), levels.reshape(2, -1))


def test_the_table_of_a_run_stands_beside_random_weights_and_pixels(capsys):
    """Of a classifier of digits, with 50 labels and with all; pixels alone tell digits apart."""
    run = str(store.trained(tiny.recipe()))
    capsys.readouterr()
    words = ["probe", run, "--data", "digits", "--labels", "50", "100%", "--json"]
    assert main(words) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = {"run weights", "run weights, 2 x 2", "random weights", "random weights, 2 x 2", "raw pixels"}
    assert {r["features"] for r in rows} == names and {r["probe"] for r in rows} == set(probe.PROBES)
    assert len(rows) == 2 * len(names) * len(probe.PROBES)
    assert all(r["low"] <= r["accuracy"] <= r["high"] for r in rows)
    found = {(r["features"], r["labels"], r["probe"]): r["accuracy"] for r in rows}
    few, all_ = sorted({r["labels"] for r in rows})
    assert found["raw pixels", all_, "linear"] > 0.85
    assert 0.5 < found["raw pixels", few, "linear"] < found["raw pixels", all_, "linear"]
    assert main(["probe", run, "--data", "digits", "--labels", "50", "--split", "judging"]) == 2


def test_data_without_labels_is_refused(tmp_path):
    from tests.contract.source_cases import picture

    for i in range(4):
        picture(i).save(tmp_path / f"{i}.png")
    source = create("sources/pictures", path=str(tmp_path), validation_fraction=0.0, test_fraction=0.25)
    with pytest.raises(UsageError, match="the train split has no labels"):
        probe.probed(store.trained(tiny.recipe()), source, ["100%"])
