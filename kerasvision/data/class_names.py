"""Names of classes: what may be one, what is odd about a set of them, and how they are kept as lines of text.

Readers of labels.txt split it in many ways (`str.splitlines`, Java's readLine, C's fgets), and a name that one of them
parts in two shifts all that follow: a model would say banana for cherry. So a name that any of them could part is
refused where a source is opened, and again where names are written.
"""

import re
import unicodedata

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_text
from kerasvision.data.splits import ALIASES
from kerasvision.data.text import alike, check_class_names, lines, read_text

MARK = "\ufeff"  # a byte-order mark: it cannot be seen, and makes two names of one
MISSING = ("nan", "null", "none", "na", "n/a", "#n/a", "<na>", "nat", "''", '""', "?", "-", "[]", "()")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def checked(names, what):
    """The names as a tuple. `KerasVisionError`: one is empty, no text, twice there, or cannot be a line of its own."""
    names = check_class_names(names, what)
    marked = [i for i, name in enumerate(names) if MARK in name]
    if marked:
        raise KerasVisionError(
            f"{what}: class {marked[0]} is {names[marked[0]]!r}: a byte-order mark within it; write the name without"
        )
    return names


def as_lines(names, what):
    """The text of a file with one name a line, each of them ended; raises as `checked`. what: begins the message."""
    names = checked(names, what)
    return "".join(f"{name}\n" for name in names)


def of_lines(text, what):
    """The names that `as_lines` wrote, a tuple; raises where the text holds what it cannot have written."""
    return checked(lines(text), what)


def write_names(path, names):
    """One name a line, written beside and renamed; see `as_lines`."""
    write_text(path, as_lines(names, path.name))


def read_names(path):
    """The names of a file that `write_names` wrote."""
    return of_lines(read_text(path, str(path)), str(path))


def oddities(names):
    """One line for each thing about the names that training would take as it is, and a person might not have meant."""
    found = [f"{named_all(group)} differ only in case or white space" for group in alike(names)]
    found += [f"{named_all(group)} look alike, and are written with other characters" for group in _composed(names)]
    found += [f"{named_all(group)} are one number, written in two ways" for group in equal_numbers(names)]
    found += [f"{name!r} is the name of a split" for name in names if name.lower() in ALIASES]
    found += [f"{name!r} often means that a label is missing" for name in names if is_missing(name)]
    return found


def named_all(group):
    """`'a', 'b'` and `'c'`."""
    *first, last = map(repr, group)
    return f"{', '.join(first)} and {last}"


def is_missing(label):
    """Whether a label is a word that programs write where there is none."""
    return label.strip().casefold() in MISSING


def equal_numbers(names):
    """Groups of names that are one number: ("0", "0.0"), ("1", "01")."""
    groups = {}
    for name in names:
        if _NUMBER.fullmatch(name):
            groups.setdefault(float(name), []).append(name)
    return [tuple(held) for held in groups.values() if len(held) > 1]


def _composed(names):
    """Groups that Unicode takes as one: an umlaut is one character on one machine, and two on another."""
    groups = {}
    for name in names:
        groups.setdefault(unicodedata.normalize("NFKC", name), []).append(name)
    return [tuple(held) for held in groups.values() if len(held) > 1]
