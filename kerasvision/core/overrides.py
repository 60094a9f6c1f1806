"""`--set key=value`: strict, type-checked changes of a recipe's fields."""

import ast
import dataclasses
import json
import typing

from kerasvision.core.component import from_json, hints, kind_of, spell
from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.registry import KINDS


def override(recipe, settings):
    """The recipe with `["epochs=1", "model.num_classes=3"]` set; a bare field of the model needs no `model.`."""
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise UsageError(f"--set {setting!r}: write KEY=VALUE, as in --set epochs=1")
        head = path.split(".")[0]
        own, model = hints(type(recipe)), hints(type(recipe.model))
        if head not in own:
            if head not in model:
                known = [*own, *(f"model.{m}" for m in model)]
                raise UsageError(f"--set {path}: no such field; {close_matches(path, known)}")
            path = f"model.{path}"
        recipe = _set(recipe, path.split("."), text, path)
    return recipe


def with_field(part, name, text):
    """A part with one field set from text. name: of a field, or of one of a part in it: `slots.count`."""
    return _set(part, name.split("."), text, name)


def with_fields(part, settings, flag, example):
    """A part with several of its own fields set from texts such as "steps=40", checked together and not one after the
    other.

    settings: [text]. flag: behind which they were typed, such as --set; example: one that could be typed. Raises
    UsageError, one line, of a field that is not there or values that cannot be.
    """
    fields, values = hints(type(part)), {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"{flag} {setting!r}: write KEY=VALUE, as in {flag} {example}")
        if name not in fields:
            raise UsageError(
                f"{flag} {name}: {type(part).__name__} has no field {name!r}; {close_matches(name, fields)}"
            )
        values[name] = _parse(text, fields[name], getattr(part, name), name)
    try:
        return dataclasses.replace(part, **values)
    except KerasVisionError as error:
        raise UsageError(f"{flag} {' '.join(settings)}: {error}") from None


def with_settings(part, settings, example):
    """A part with fields set from texts such as "steps=40". example: one that could be typed."""
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {setting!r}: write KEY=VALUE, as in --set {example}")
        part = with_field(part, key, text)
    return part


def _set(part, keys, text, path):
    if not dataclasses.is_dataclass(part):
        raise UsageError(f"--set {path}: {part!r} has no fields")
    key, *rest = keys
    fields = hints(type(part))
    if key not in fields:
        raise UsageError(f"--set {path}: {type(part).__name__} has no field {key!r}; {close_matches(key, fields)}")
    held = getattr(part, key)
    value = _set(held, rest, text, path) if rest else _parse(text, fields[key], held, path)
    try:
        return dataclasses.replace(part, **{key: value})
    except KerasVisionError as error:
        raise UsageError(f"--set {path}={text}: {error}") from None


def _parse(text, hint, held, path):
    """Text as Python would read it; a bare word stays a string, JSON of a part becomes the part."""
    if text.startswith("{"):
        try:
            return from_json(json.loads(text), typed=True)
        except json.JSONDecodeError as error:
            raise UsageError(f"--set {path}={text}: not JSON: {error}") from None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = _fraction(text) if hint is float else {"true": True, "false": False}.get(text, text)
    if hint is str and not isinstance(value, str):
        return text
    if isinstance(held, tuple) and not isinstance(value, (tuple, list)):
        raise UsageError(f"--set {path}={text}: allowed: {spell(hint)}{_example(hint, path)}")
    return value


def _fraction(text):
    """The number that `8/255` is; other words as they are."""
    above, _, below = text.partition("/")
    try:
        return float(above) / float(below)
    except (ValueError, ZeroDivisionError):
        return text


def _example(hint, path):
    """How a tuple of such elements is typed; "" for those that cannot be."""
    element = next(iter(typing.get_args(hint)), None)
    if kind_of(element) in KINDS:
        value = f'("{KINDS[kind_of(element)].names()[0]}",)'
    else:
        value = {int: "(64, 64)", float: "(0.5, 0.5)"}.get(element, "")
    return f", as in --set '{path}={value}'" if value else ""
