"""Labels of a table as people and programs write them: what is no label is refused, and what is doubtful is said.

| what | what happens |
|---|---|
| `nan`, `null`, `None`, `NA`, `''`, `[]` and the like | refused: a row without a label; unless `classes` names it |
| `['cat', 'dog']` | refused: a list as Python prints it |
| `cat,dog` among several labels | refused: they are separated by ; or a bar |
| `cat dog`, `cat/dog`, `cat,dog` where `cat` and `dog` are labels too | refused among several labels, else said |
| `0` and `0.0`, `1` and `01` | refused: one number, two classes; unless `classes` names both |
"""

import collections
import re

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import class_names
from kerasvision.data.sources._files import named

_APART = re.compile(r"\s*[,/+&\s]\s*")
_LISTS = ("[]", "()", "{}")


def check(rows, classes, several, what):
    """Lines about doubtful labels, as `Opened.dropped` has them. rows: [(line, [labels])]; classes: those declared."""
    lines = collections.defaultdict(list)
    for line, labels in rows:
        for label in labels:
            if label not in classes:
                lines[label].append(line)
    declare = "if it is a class, name all of them with classes"
    missing = [label for label in lines if class_names.is_missing(label)]
    if missing:
        seen = f"{_rows_of(missing, lines)} have {named(map(repr, missing))} for a label, which says that none is known"
        raise KerasVisionError(f"{what}: {seen}; label or remove them; {declare}")
    lists = [label for label in lines if label[:1] + label[-1:] in _LISTS]
    if lists:
        form = "write cat;dog" if several else "write the label alone, or a column labels with cat;dog"
        raise KerasVisionError(f"{what}: {_rows_of(lists, lines)} have a list for a label, {lists[0]!r}; {form}")
    twice = class_names.equal_numbers([*classes, *lines])
    if twice and any(label in lines for label in twice[0]):
        counted = ", ".join(f"{label!r} in {len(lines[label])} rows" for label in twice[0] if label in lines)
        raise KerasVisionError(
            f"{what}: {class_names.named_all(twice[0])} are one number written in two ways ({counted}), and would be "
            "two classes; write them alike"
        )
    return _joined(lines, several, what)


def _joined(lines, several, what):
    """Labels that look like several."""
    joined = [label for label in lines if _parts(label) and (several and "," in label or _parts(label) <= set(lines))]
    if not joined:
        return []
    seen = f"{_rows_of(joined, lines)} have {named(map(repr, joined))}"
    if several:
        raise KerasVisionError(
            f"{what}: {seen}, which looks like several labels; separate them by ; as in cat;dog, or name all classes "
            "with classes"
        )
    return [f"joined: {seen}, read as one class; for several labels name the column labels and separate them by ;"]


def _parts(label):
    """The words of a label that has several, a set; empty for one."""
    words = [w for w in _APART.split(label) if w]
    return set(words) if len(words) > 1 else set()


def _rows_of(labels, lines):
    held = sorted(line for label in labels for line in lines[label])
    more = ", ..." if len(held) > 3 else ""
    return f"{len(held)} rows (line {', '.join(map(str, held[:3]))}{more})"
