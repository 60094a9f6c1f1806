"""The Python packages of this process."""

import functools
import importlib.metadata
import re


def installed():
    """{name: version} of every installed package, by name; of one that is there twice the one that is imported. Looked
    up once in a process, which goes on with what it has imported.
    """
    return dict(_found())


@functools.cache
def _found():
    found = {}
    for held in importlib.metadata.distributions():
        name = held.metadata["Name"]  # None where an installation has broken off
        if name:
            found.setdefault(plain(name), (name, held.version))
    return dict(found[key] for key in sorted(found))


def plain(name):
    """A name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
