"""Techniques for unequal classes: two mirrored replicas take the steps of one."""

import json

import pytest

from tests.train import tiny


@pytest.fixture(scope="module")
def found():
    """What `imbalance_replicas.py` prints."""
    done = tiny.run_python("-m", "tests.train.imbalance_replicas")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", ["class_weights", "logit_adjustment", "focal", "cost_matrix"])
def test_two_replicas_train_as_one(found, case):
    assert found[case]["loss"] < 1e-6
    assert found[case]["weights"] < 1e-6
    assert found[case]["between replicas"] == 0.0
    assert found[case]["moved"] > 1e-3


def test_oversampling_and_smote_are_the_same_under_two_replicas(found):
    assert found["train"]["backbone"] < 1e-5
    assert found["train"]["head"] < 1e-3 < found["train"]["head size"]
