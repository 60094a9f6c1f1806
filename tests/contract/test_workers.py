"""Two workers train a detector as one does."""

import dataclasses

import pytest

from kerasvision.core.registry import create
from kerasvision.core.source_code import recipe_source
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.contract.replicas import STEPS, apart
from tests.train import tiny
from tests.undrawn import train

NAME = "detection/retinanet"
REGISTER = """from kerasvision.core.registry import sources
from tests.contract.cases import CaseSamples

sources.register("contract_case")(CaseSamples)
"""


# of a classifier, and of its restart, by default: tests/train/test_workers.py; of points on replicas: test_replicas.py
@pytest.mark.nightly
@pytest.mark.parametrize("workers", [2])
def test_workers_train_as_one(workers, tmp_path):
    sgd = create("optimizers/sgd", learning_rate=CASES[NAME].sgd_rate, schedule="constant", warmup=0.0)
    recipe = dataclasses.replace(contracts.recipe_of(NAME, CASES[NAME].make(), epochs=STEPS), optimizer=sgd)
    path = tmp_path / "recipe.py"
    path.write_text(REGISTER + recipe_source(recipe))
    command = ["launch", "--workers", str(workers), "--", "train", str(path), "--out", str(tmp_path / "several")]
    done = tiny.run_python("-m", "kerasvision", *command)
    assert done.returncode == 0, done.stderr[-3000:]
    train(recipe, tmp_path / "one")
    one, several = (tiny.weights(tmp_path / f / "model.weights.h5", recipe.model) for f in ("one", "several"))
    fresh = contracts.built(recipe.model, seed=recipe.seed)
    trained = {w.name for w in fresh.trainable_weights}
    for names, most in ((trained, 1), (set(one) - trained, 10)):
        assert apart([one[n] for n in names], [several[n] for n in names]) < most * CASES[NAME].replicas_apart
    assert max(abs(one[w.name] - w.numpy()).max() for w in fresh.trainable_variables) > 1e-3
