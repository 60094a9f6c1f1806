"""What the verbs share: finding a recipe and a trained run from the words on the command line."""

import importlib.util
import pathlib

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import architectures


def load_recipe(path):
    """The object `recipe` of a Python file (another one by `FILE.py:NAME`), or the recipe of a JSON file."""
    text, _, name = str(path).partition(".py:")
    path = pathlib.Path(f"{text}.py" if name else path)
    name = name or "recipe"
    if not path.exists():
        raise UsageError(f"no recipe at {path}; name a .py file that defines `recipe`, or a recipe.json")
    if path.suffix == ".json":
        return Recipe.loads(path.read_text(encoding="utf-8"))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, NameError, ImportError, TypeError) as error:
        raise KerasVisionError(f"{path} cannot be read as Python: {error}") from error
    if not isinstance(getattr(module, name, None), Recipe):
        raise KerasVisionError(f"{path} defines no `{name}`; write: {name} = Recipe(name=..., model=..., data=...)")
    return getattr(module, name)


def recipe_for(what, data, skip_unreadable=False):
    """A recipe from a file, or, for the name of an architecture and a data source, one with sensible defaults."""
    if what.endswith((".py", ".json")) or ".py:" in what:
        if data:
            raise UsageError(f"--data goes with the name of an architecture; {what} names its own data")
        return load_recipe(what)
    if what not in architectures:
        raise UsageError(f"no architecture or recipe file named {what!r}; {close_matches(what, architectures)}")
    if not data:
        raise UsageError(f"train {what} needs data: --data FOLDER, --data FILE.csv, --data tfds:NAME or --data digits")
    from kerasvision.train.plan import plan

    return plan(what, data, skip_unreadable)
