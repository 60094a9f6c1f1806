"""Every registered technique under two replicas: the steps of one, to what the order of sums explains."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from kerasvision.core.registry import techniques
from tests.contract.technique_cases import APART, COMPARISONS, FLOAT32, OF_GRAPHS, OF_LOSSES

ROOT = pathlib.Path(__file__).parents[2]
ALONE = "own part"  # differs under replicas, so that the comparison is seen to find it
PARTS = {"losses": (*OF_LOSSES, "adversary", ALONE), "graphs": tuple(OF_GRAPHS)}  # each in a process of its own
# what looks at each example alone, or at weights alone; those that look at a batch, or keep something of it, stay, but
# for the one that needs a model of its own
AT_NIGHT = (
    "generalized",
    "symmetric",
    "bootstrapped",
    "taught",
    "fitted again",
    "adversary",
    "pruned",
    "restored",
    "balanced",
)
# other tests register theirs
OURS = {name for name in techniques.names() if techniques[name].__module__.startswith("kerasvision.")}


def test_every_technique_is_compared_or_says_why_not():
    compared = {name for comparison in COMPARISONS.values() for name in comparison.techniques}
    assert OURS - compared - set(APART) == set(), "name it in tests/contract/technique_cases.py"
    assert compared | set(APART) <= OURS, "no such technique"
    assert not compared & set(APART)
    assert all(len(why.split()) >= 5 for why in APART.values()), "a reason in words"


@pytest.fixture(scope="module")
def found(part, request, tmp_path_factory):
    """What `technique_replicas.py` prints of the comparisons of a part that this run of pytest asks for."""
    asked = [i.callspec.params for i in request.session.items if i.module is request.module and hasattr(i, "callspec")]
    names = [params["name"] for params in asked if params["part"] == part]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_NUM_")}  # replicas wait for each other
    command = [sys.executable, "-m", "tests.contract.technique_replicas", str(tmp_path_factory.mktemp("runs")), *names]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.group_by("part")
@pytest.mark.parametrize(
    ("part", "name"),
    [
        pytest.param(p, n, marks=pytest.mark.nightly if n in AT_NIGHT else ())
        for p, names in PARTS.items()
        for n in names
        if n != ALONE
    ],
    scope="module",
)
def test_two_replicas_step_as_one(part, name, found):
    within = COMPARISONS[name].within if name in COMPARISONS else FLOAT32
    assert found[name]["moved"] > 10 * within, "nothing was trained"
    assert found[name]["apart"] <= within


@pytest.mark.group_by("part")
@pytest.mark.parametrize(("part", "name"), [("losses", ALONE)], scope="module")
def test_a_technique_that_minds_its_own_part_alone_is_found(part, name, found):
    assert found[name]["apart"] > 10 * FLOAT32
