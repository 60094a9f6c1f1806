"""Fields are the configuration: a part is a frozen dataclass whose fields are checked when it is made."""

import dataclasses
import functools
import types
import typing

from kerasvision.core import registry
from kerasvision.core.errors import KerasVisionError, UsageError


class Component:
    """Base of every registered part. `kind` is set by the abstract class of each kind."""

    kind: typing.ClassVar[str] = ""

    def __post_init__(self):
        for name, hint in hints(type(self)).items():
            value = getattr(self, name)
            fitted = fit(value, hint)
            if fitted is _MISFIT:
                raise UsageError(
                    f"{type(self).__name__}.{name}: got {value!r} ({type(value).__name__}); allowed: {spell(hint)}"
                )
            if fitted is not value:
                object.__setattr__(self, name, fitted)


@dataclasses.dataclass(frozen=True)
class Kind:
    """What `part` puts into a hint."""

    name: str


def part(kind):
    """Type hint of a field that holds any part of a kind; the part's name may be given for it."""
    return typing.Annotated[typing.Any, Kind(kind)]


_MISFIT = object()
_BEFORE = "before"  # key of a field's metadata


def since(default, before):
    """A field that parts did not always have. before: what they did without it, which its lack in JSON means."""
    return dataclasses.field(default=default, metadata={_BEFORE: before})


MOST = 8  # names spelled out in a message


@functools.cache
def hints(cls):
    """Field name -> type hint, of a dataclass."""
    every = typing.get_type_hints(cls, include_extras=True)
    return {f.name: every[f.name] for f in dataclasses.fields(cls)}


def fit(value, hint):
    """`value` as `hint` wants it (a list becomes a tuple, an int a float, a name its part), or `_MISFIT`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any:
        return value
    if kind := kind_of(hint):
        if isinstance(value, str):
            return registry.make(registry.KINDS[kind][value], {})
        return value if getattr(type(value), "kind", "") == kind else _MISFIT
    if origin in (typing.Union, types.UnionType):
        fits = (fit(value, a) for a in sorted(args, key=lambda a: a is not type(value)))
        return next((f for f in fits if f is not _MISFIT), _MISFIT)
    if origin is typing.Literal:
        return value if value in args else _MISFIT
    if origin is tuple:
        return _fit_tuple(value, args)
    if hint is float:
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else _MISFIT
    if hint is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else _MISFIT
    return value if isinstance(hint, type) and isinstance(value, hint) else _MISFIT


def kind_of(hint):
    """The kind of part that a hint asks for, or ""."""
    if typing.get_origin(hint) is typing.Annotated:
        return next((m.name for m in hint.__metadata__ if isinstance(m, Kind)), "")
    return getattr(hint, "kind", "") if isinstance(hint, type) else ""


def _fit_tuple(value, args):
    if not isinstance(value, (tuple, list)):
        return _MISFIT
    if len(args) == 2 and args[1] is Ellipsis:
        args = (args[0],) * len(value)
    if not args:
        return tuple(value)
    if len(args) != len(value):
        return _MISFIT
    fitted = tuple(fit(v, a) for v, a in zip(value, args, strict=True))
    if any(f is _MISFIT for f in fitted):
        return _MISFIT
    same = isinstance(value, tuple) and all(f is v for f, v in zip(fitted, value, strict=True))
    return value if same else fitted


def spell(hint):
    """A type hint as a person would write it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return ", ".join(map(repr, args))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(spell(a) for a in args)
    if origin is tuple:
        return "(" + ", ".join("..." if a is Ellipsis else spell(a) for a in args) + ")"
    if kind_of(hint):
        names = registry.KINDS[kind_of(hint)].names()
        more = f", ... ({len(names)} in all)" if len(names) > MOST else ""
        return f"one of {', '.join(names[:MOST])}{more}"
    return getattr(hint, "__name__", str(hint)).replace("NoneType", "None")


def to_json(value):
    """Plain JSON of a component: `{"@": full name, field: value}`; fields at their default are written too."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = getattr(type(value), "registered_name", None)
        if name is None:
            raise KerasVisionError(f"{type(value).__name__} is not registered, so a recipe cannot name it")
        return {"@": name} | {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
    if isinstance(value, (tuple, list)):
        return [to_json(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise KerasVisionError(f"{value!r} ({type(value).__name__}) cannot be written in a recipe")


def from_json(value, typed=False):
    """The component that `to_json` wrote. Unknown names and fields are errors.

    A field that is not there is younger than the JSON, and gets what parts did before it (`since`); unless a person
    typed the JSON, who leaves out what shall have its default.
    """
    if isinstance(value, list):
        return tuple(from_json(v, typed) for v in value)
    if not isinstance(value, dict):
        return value
    if "@" not in value:
        raise KerasVisionError(f'a part in a recipe needs "@", its name; seen: {sorted(value)}')
    cls = _PLAIN.get(value["@"]) or registry.find(value["@"])
    before = {} if typed else {f.name: f.metadata[_BEFORE] for f in dataclasses.fields(cls) if _BEFORE in f.metadata}
    return registry.make(cls, before | {k: from_json(v, typed) for k, v in value.items() if k != "@"})


_PLAIN = {}


def plain(name):
    """Class decorator: a dataclass of a recipe that is no part of a registry."""

    def add(cls):
        cls.registered_name = name
        _PLAIN[name] = cls
        return cls

    return add


def is_plain(cls):
    """Whether a class was declared with `plain`."""
    return _PLAIN.get(getattr(cls, "registered_name", None)) is cls
