"""Losses of pairs look at the pictures of all replicas: two mirrored ones take the steps of one."""

import json

import pytest
import tensorflow as tf

from kerasvision.ops.gather import gathered
from kerasvision.tasks.embedding._compared import TERMS
from tests.train import tiny


@pytest.fixture(scope="module")
def found():
    """What `pairs_replicas.py` prints."""
    done = tiny.run_python("-m", "tests.train.pairs_replicas")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("term", [*TERMS, "proxy_anchor", "of_words_contrastive", "of_words_sigmoid"])
def test_two_replicas_train_as_one(found, term):
    assert found[term]["loss"] < 1e-6
    assert found[term]["weights"] < 1e-6
    assert found[term]["between replicas"] == 0.0
    assert found[term]["moved"] > 1e-3


def test_without_gathering_they_would_not(found):
    assert found["not gathered"]["weights"] > 1e-4


def test_rows_of_all_replicas_and_what_all_losses_say_of_each(found):
    rows, places, gradients, integers = found["gathered"]
    assert rows == [[1.0, 10.0, 2.0, 20.0]] * 2 and integers == [[1, 10, 2, 20]] * 2
    assert places == [[0, 1], [2, 3]]
    assert gradients == [[2.0, 4.0], [6.0, 8.0]]


def test_one_replica_has_all_rows():
    rows = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    every, places = gathered(rows)
    assert every is rows and places.numpy().tolist() == [0, 1]
