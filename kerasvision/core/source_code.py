"""A recipe as an editable Python file."""

import dataclasses
import json

from kerasvision.core.component import Component, hints, is_plain

_HEAD = '''"""A recipe. Edit it and run: kerasvision train THIS_FILE --out RUN"""

from kerasvision import Budget, Phase, Recipe, create
'''
_IN_HEAD = ("Recipe", "Phase", "Budget")


def recipe_source(recipe):
    """Python text that makes an equal recipe. Fields at their default are left out."""
    code = _code(recipe, 0)
    imports = sorted(
        f"from {c.__module__} import {c.__name__}\n" for c in _plain_parts(recipe) if f"{c.__name__}(" in code
    )
    return f"{_HEAD}{''.join(imports)}\nrecipe = {code}\n"


def _plain_parts(value):
    """The classes, below a recipe, that no registry holds and that its text has to import."""
    if isinstance(value, tuple):
        return {c for v in value for c in _plain_parts(v)}
    if not isinstance(value, Component):
        return set()
    own = {type(value)} if is_plain(type(value)) and type(value).__name__ not in _IN_HEAD else set()
    return own | {c for name in hints(type(value)) for c in _plain_parts(getattr(value, name))}


def _code(value, depth):
    pad = "    " * (depth + 1)
    if isinstance(value, Component):
        given = [f"{k}={_code(v, depth + 1)}" for k, v in _given(value)]
        name = type(value).registered_name
        if is_plain(type(value)):
            head, arguments = type(value).__name__, given
        else:
            head, arguments = "create", [f'"{name}"', *given]
        flat = f"{head}({', '.join(arguments)})"
        if len(flat) + 4 * depth <= 100 and "\n" not in flat and head != "Recipe":
            return flat
        return f"{head}(\n" + "".join(f"{pad}{a},\n" for a in arguments) + "    " * depth + ")"
    if isinstance(value, tuple) and any(isinstance(v, Component) for v in value):
        return "(\n" + "".join(f"{pad}{_code(v, depth + 1)},\n" for v in value) + "    " * depth + ")"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _given(component):
    for name in hints(type(component)):
        field = next(f for f in dataclasses.fields(component) if f.name == name)
        value = getattr(component, name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if value != default or default is dataclasses.MISSING:
            yield name, value
