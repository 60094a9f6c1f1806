"""One replica or two: the same weights after the same steps."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.contract.cases import CASES, graded

# Two trainings each, of which one is traced for two replicas; the rest is nightly, and what finds points stands for
# detectors. `test_contracts.py` holds for every architecture that a loss is one number an example, which is all that
# replicas need to know of it. A classifier: tests/train/test_replicas.py.
DEFAULT = ("toys/points",)
ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outcome(request, tmp_path_factory):
    """Of those architectures that this run of pytest asks for."""
    asked = [item.callspec.params["name"] for item in request.session.items if item.module is request.module]
    command = [sys.executable, "-m", "tests.contract.replicas", str(tmp_path_factory.mktemp("replicas")), *asked]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_NUM_")}  # replicas wait for each other
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", graded(DEFAULT))
def test_two_replicas_train_as_one_does(name, outcome):
    assert name in CASES and outcome[name]["moved"] > 1e-3, "nothing was trained"
    assert outcome[name]["apart"] < CASES[name].replicas_apart
    assert outcome[name]["statistics"] < 10 * CASES[name].replicas_apart  # variances amplify what rounding leaves
