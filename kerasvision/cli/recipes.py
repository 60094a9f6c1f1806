"""What the verbs share: finding a recipe and a trained run from the words on the command line."""

import contextlib
import importlib.util
import pathlib
import sys

from kerasvision.core.errors import KerasVisionError, UsageError, close_matches
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import architectures
from kerasvision.core.study import Study


def add_settings(parser, about=None):
    """Add `--set KEY=VALUE ...`, which may be given several times: `settings`, a list of what was said. about: help."""
    parser.add_argument(
        "--set", dest="settings", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help=about
    )


def load_recipe(path):
    """The object `recipe` of a Python file (another one by `FILE.py:NAME`), or the recipe of a JSON file."""
    if pathlib.Path(path).suffix == ".json" and pathlib.Path(path).exists():
        return Recipe.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    return _defined(path, Recipe, "recipe", "Recipe(name=..., model=..., data=...)")


def load_study(path):
    """The object `study` of a Python file; another one by `FILE.py:NAME`."""
    return _defined(path, Study, "study", "Study(name=..., recipes=(baseline, ...))")


def _defined(path, cls, name, example):
    text, _, own_name = str(path).partition(".py:")
    path, name = pathlib.Path(f"{text}.py" if own_name else path), own_name or name
    if not path.exists():
        also = ", or a recipe.json" if cls is Recipe else ""
        raise UsageError(f"no {cls.registered_name} at {path}; name a .py file that defines `{name}`{also}")
    if path.suffix != ".py":
        raise UsageError(f"{path} is no Python file; name a .py file that defines `{name}`")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    try:
        with _neighbors(path.resolve().parent):
            spec.loader.exec_module(module)
    except (SyntaxError, NameError, ImportError, TypeError) as error:
        raise KerasVisionError(f"{path} cannot be read as Python: {error}") from error
    if not isinstance(getattr(module, name, None), cls):
        raise KerasVisionError(f"{path} defines no `{name}`; write: {name} = {example}")
    return getattr(module, name)


@contextlib.contextmanager
def _neighbors(folder):
    """Modules that stand beside a recipe can be imported while it is read, behind all that is installed.

    They are forgotten then: a recipe in another folder may have a neighbor of the same name.
    """
    before = set(sys.modules)
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__dict__", {}).get("__file__")  # which wakes no lazy module
            if file and pathlib.Path(file).parent == folder:
                del sys.modules[name]


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
    from kerasvision.experiments.plan import plan

    return plan(what, data, skip_unreadable)
