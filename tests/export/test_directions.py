"""Promotion and the card look at which way a figure is better, not at its size."""

import json

import pytest

from kerasvision.core.component import to_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.export.directions import directions_in
from kerasvision.export.package import card, versions

CLASSES = ("a", "b", "c", "d", "e")


def contract(metric, value, **figures):
    row = {
        "path": ".",
        "kind": "saved_model",
        "agreement": {"metric": metric, "examples": 500},
        "metrics": {metric: value},
    }
    model = to_json(create("regression/regressor", num_outputs=5))
    return json.loads(
        json.dumps(
            {
                "recipe": {"model": model},
                "classes": CLASSES,
                "task": "regression",
                "inputs": {},
                "outputs": {},
                "artifacts": [row],
                "metrics": {f"test/{k}": v for k, v in figures.items()},
            }
        )
    )


@pytest.mark.parametrize(("metric", "better", "worse"), [("rmse", 1.0, 2.0), ("r2", 0.9, 0.8)])
def test_a_worse_version_is_refused_whichever_way_is_better(metric, better, worse, tmp_path):
    def version(number, value):
        return versions.Version("numbers", number, tmp_path, contract(metric, value), ())

    versions._refuse_worse(version(1, worse), version(2, better), "stable", 0.0)
    versions._refuse_worse(version(1, better), version(2, better), "stable", 0.0)
    with pytest.raises(KerasVisionError, match=f"numbers 2 has {metric} {worse:.4f}"):
        versions._refuse_worse(version(1, better), version(2, worse), "stable", 0.0)
    versions._refuse_worse(version(1, better), version(2, worse), "stable", 1.5)


@pytest.mark.parametrize(
    ("metric", "said"), [("mae", "Worst mae: e 0.50, d 0.40"), ("r2", "Lowest r2: a 0.10, b 0.20")]
)
def test_the_card_names_the_weakest(metric, said):
    figures = {f"{metric}/{name}": (i + 1) / 10 for i, name in enumerate(CLASSES)}
    assert said in card._limits(contract("r2", 0.5, **figures), None, None)


def test_a_contract_of_an_unknown_architecture_says_nothing():
    held = contract("r2", 0.5)
    assert directions_in(held)["r2"] == "max"
    held["recipe"]["model"]["@"] = "architectures/somebody_s"
    assert directions_in(held) == {} == directions_in({"classes": []})
