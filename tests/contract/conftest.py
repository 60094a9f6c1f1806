"""The toys are registered while the contract tests run, and no longer."""

import pytest

from kerasvision.core.registry import architectures, sources

pytest.register_assert_rewrite("tests.contract.contracts")  # so that a broken contract shows its values


@pytest.fixture(scope="package", autouse=True)
def _toys_registered():
    from tests.contract.cases import CaseSamples
    from tests.contract.toys import TOYS

    sources.register("contract_case")(CaseSamples)
    for name, toy in TOYS.items():
        architectures.register(name)(toy)
    yield
    sources._parts.pop("contract_case")
    for name in TOYS:
        architectures._parts.pop(name)
