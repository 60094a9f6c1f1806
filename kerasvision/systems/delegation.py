"""A system that is an architecture: what it does not say itself, one of its members says for it."""

import abc

from kerasvision.tasks.base import Architecture


def delegating(to, own=()):
    """Class decorator: every public name of `Architecture` that the class does not define is that of its attribute
    `to`. own: names that stay as the abstract classes have them.
    """

    def filled(part):
        held = vars(part).keys() | set(own)
        for name in public_names() - held:
            setattr(part, name, _of(to, name))
        return abc.update_abstractmethods(part)

    return filled


def public_names():
    """Names of the methods, properties and class variables that an `Architecture` answers to."""
    classes = [c for c in Architecture.__mro__ if c.__module__.startswith("kerasvision.tasks.")]
    held = {name for c in classes for name in (*vars(c), *getattr(c, "__annotations__", ()))}
    return {name for name in held if not name.startswith("_")} - {"kind"}


def _of(to, name):
    def get(self):
        return getattr(getattr(self, to), name)

    get.__doc__ = f"`{name}` of {to.lstrip('_')}."
    return property(get)
