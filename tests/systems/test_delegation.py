"""An architecture that lets another one answer for it."""

from kerasvision.systems.delegation import delegating, public_names
from kerasvision.systems.ensemble import Ensemble
from kerasvision.tasks.base import Architecture
from tests.contract.cases import CASES


def test_nothing_public_of_an_architecture_is_forgotten(monkeypatch):
    """What an ensemble does not say itself is its first member's, also what is added to the contract later."""
    first, second = (CASES["classification/classifier"].make() for _ in range(2))
    ensemble = Ensemble((first, second))
    own = {
        "build",
        "embedding",
        "for_classes",
        "tune",
        "functions",
        "for_data",
        "load_pretrained",
        "mixes",
        "after_training",
        "asking",
        "with_promise",
    }
    for name in sorted(public_names() - own - {"registered_name", "embedding"}):
        held, wanted = getattr(ensemble, name), getattr(first, name)
        assert getattr(held, "__self__", None) is first or held == wanted, name
    monkeypatch.setattr(Architecture, "added_later", lambda self: self, raising=False)
    renewed = delegating("_first")(type("Renewed", (Architecture,), {"_first": first}))
    assert "added_later" in vars(renewed) and "geometry" in vars(renewed)
