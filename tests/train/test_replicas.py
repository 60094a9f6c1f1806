"""One replica and two mirrored ones compute the same loss and take the same steps, to 1e-6."""

import json

import pytest

from tests.train import tiny

CASES = ("sgd", "regularized", "plain norms", "factors")


@pytest.fixture(scope="module")
def found():
    """What `replicas.py` prints."""
    done = tiny.run_python("-m", "tests.train.replicas")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_two_replicas_train_as_one(found, case):
    assert found[case]["loss"] < 1e-6  # of each of eight steps, regularizers included
    assert found[case]["weights"] < 1e-6  # after eight steps, moving averages included
    assert found[case]["moved"] > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_replicas_stay_equal(found, case):
    assert found[case]["between replicas"] == 0.0


def test_train_is_the_same_under_two_replicas(found):
    assert found["train"]["weights"] < 1e-6
    assert found["train"]["loaded"] == 0.0
    assert found["train"]["frozen"] == 0.0
    assert found["train"]["learned"] > 1e-4
