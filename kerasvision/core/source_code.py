"""A recipe as an editable Python file."""

import dataclasses
import json

from kerasvision.core.component import Component, hints

_HEAD = '''"""A recipe. Edit it and run: kerasvision train THIS_FILE --out RUN"""

from kerasvision import Budget, Phase, Recipe, create

recipe = '''


def recipe_source(recipe):
    """Python text that makes an equal recipe. Fields at their default are left out."""
    return _HEAD + _code(recipe, 0) + "\n"


def _code(value, depth):
    pad = "    " * (depth + 1)
    if isinstance(value, Component):
        given = [f"{k}={_code(v, depth + 1)}" for k, v in _given(value)]
        name = type(value).registered_name
        if name in ("recipe", "phase", "budget"):
            head, arguments = name.capitalize(), given
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
