"""A package that is a verb too: `kerasvision.train` is a folder, and `kerasvision.train(recipe, out)` trains."""

import importlib
import sys
import types


def make_callable(package, module):
    """Calling the package calls the function of its name in `module`, which is imported then.

    Python binds a subpackage's name in its parent when it is first imported, over whatever the parent's `__getattr__`
    would say, so the verb must be the package itself.
    """

    class Verb(types.ModuleType):
        @property
        def __call__(self):
            return getattr(importlib.import_module(module), package.rpartition(".")[2])

    sys.modules[package].__class__ = Verb
