"""Fields are checked against their types when a part is made."""

import dataclasses
import typing

import pytest

from kerasvision.core.component import Component, part
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create


@dataclasses.dataclass(frozen=True)
class Sample(Component):
    whole: int = 1
    real: float = 0.5
    text: str = "a"
    yes: bool = False
    choice: typing.Literal["a", "b", 3] = "a"
    pair: tuple[int, float] = (1, 2.0)
    many: tuple[str, ...] = ()
    maybe: int | None = None
    either: tuple[int, int] | float = 1.0
    technique: part("techniques") = dataclasses.field(default_factory=lambda: create("techniques/freeze"))


@pytest.mark.parametrize(
    ("field", "given", "held"),
    [
        ("whole", 3, 3),
        ("real", 3, 3.0),
        ("real", 1e-9, 1e-9),
        ("yes", True, True),
        ("choice", 3, 3),
        ("pair", [4, 5], (4, 5.0)),
        ("many", ["x", "y"], ("x", "y")),
        ("maybe", None, None),
        ("maybe", 7, 7),
        ("either", (1, 2), (1, 2)),
        ("either", 2, 2.0),
        ("technique", "qat", create("techniques/qat")),
    ],
)
def test_a_fitting_value_is_held_in_the_type_of_the_field(field, given, held):
    seen = getattr(Sample(**{field: given}), field)
    assert seen == held
    assert type(seen) is type(held)
    if isinstance(held, tuple):
        assert [type(v) for v in seen] == [type(v) for v in held]


@pytest.mark.parametrize(
    ("field", "given", "allowed"),
    [
        ("whole", 1.0, "int"),
        ("whole", True, "int"),
        ("whole", "1", "int"),
        ("real", "fast", "float"),
        ("real", True, "float"),
        ("text", 3, "str"),
        ("yes", 1, "bool"),
        ("choice", "c", "'a', 'b', 3"),
        ("pair", (1,), "(int, float)"),
        ("pair", (1, 2, 3), "(int, float)"),
        ("pair", 5, "(int, float)"),
        ("many", ("x", 1), "(str, ...)"),
        ("many", "xy", "(str, ...)"),
        ("maybe", 0.5, "int or None"),
        ("either", "1", "(int, int) or float"),
        ("technique", create("optimizers/sgd"), "one of "),
    ],
)
def test_a_value_that_does_not_fit_says_what_was_seen_and_what_is_allowed(field, given, allowed):
    with pytest.raises(UsageError) as caught:
        Sample(**{field: given})
    assert str(caught.value).startswith(f"Sample.{field}: got {given!r} ({type(given).__name__}); allowed: {allowed}")


def test_a_part_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sample().whole = 2
