"""No architecture without a case, no case without an architecture, no idle exemption."""

import pytest

from kerasvision.core.registry import architectures
from tests.contract.cases import CASES, EXEMPT_FROM_QAT, TOYS, names


@pytest.mark.parametrize("name", names())
def test_every_registered_architecture_has_a_case_and_every_case_an_architecture(name):
    assert name in CASES, f"{name} is registered; add a tiny instance and real samples to tests/contract/cases.py"
    assert name in architectures, f"tests/contract/cases.py has a case for {name}, which is not registered"
    assert CASES[name].make().registered_name == name


def test_the_toys_are_no_part_of_the_product():
    assert not [n for n in architectures._written() if n in TOYS]


def test_exemptions_name_cases_and_say_why():
    assert set(EXEMPT_FROM_QAT) <= set(CASES)
    assert all(len(reason) > 20 for reason in EXEMPT_FROM_QAT.values())
