"""One replica and two mirrored ones compute the same loss and take the same steps, to 1e-6."""

import json

import pytest

from tests.train import tiny

# two of them one by one at night: by day they are one, and adaptive steps go with normalizations of our own
AT_NIGHT = ("sgd", "regularized", "plain norms")
NAMES = [
    *(pytest.param(name, marks=pytest.mark.nightly) for name in AT_NIGHT),
    "regularized and plain norms",
    "factors",
]


@pytest.fixture(scope="module")
def found(request):
    """What `replicas.py` prints of the comparisons that this run of pytest asks for."""
    asked = [i.callspec.params for i in request.session.items if i.module is request.module and hasattr(i, "callspec")]
    done = tiny.run_python("-m", "tests.train.replicas", *(params["name"] for params in asked))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", NAMES)
def test_two_replicas_train_as_one_and_stay_equal(found, name):
    assert found[name]["loss"] < 1e-6  # of each of eight steps, regularizers included
    assert found[name]["weights"] < 1e-6  # after eight steps, moving averages included
    assert found[name]["moved"] > 1e-3
    assert found[name]["between replicas"] == 0.0


def test_train_is_the_same_under_two_replicas(found):
    assert found["train"]["weights"] < 1e-6
    assert found["train"]["loaded"] == 0.0
    assert found["train"]["frozen"] == 0.0
    assert found["train"]["learned"] > 1e-4
