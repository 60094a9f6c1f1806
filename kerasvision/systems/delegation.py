"""A system is an architecture whose methods are those of one of its members, but for the few that it defines."""

import abc

from kerasvision.tasks.base import Architecture


def delegating(to, own=()):
    """A class decorator: every public name of `Architecture` that the class does not define becomes a property that
    reads it from the attribute `to`. own: names that stay as the abstract classes have them.
    """

    def filled(part):
        held = vars(part).keys() | set(own)
        for name in public_names() - held:
            setattr(part, name, _of(to, name))
        return abc.update_abstractmethods(part)

    return filled


def public_names():
    """The set of names of an `Architecture`'s public methods, properties and class variables."""
    classes = [c for c in Architecture.__mro__ if c.__module__.startswith("kerasvision.tasks.")]
    held = {name for c in classes for name in (*vars(c), *getattr(c, "__annotations__", ()))}
    return {name for name in held if not name.startswith("_")} - {"kind"}


def _of(to, name):
    def get(self):
        return getattr(getattr(self, to), name)

    get.__doc__ = f"`{name}` of {to.lstrip('_')}."
    return property(get)
