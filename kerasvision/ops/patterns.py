"""Patterns of texts, such as dates and plates, as automata: by derivatives of regular expressions (Brzozowski 1964,
doi:10.1145/321239.321249).

Of Python's `re` it has characters, `\\d`, `.`, `[a-z]`, `[^a-z]`, groups, `|`, `?`, `*`, `+`, `{2}`, `{2,}`, `{2,4}`,
and a backslash before a character that means something otherwise; the whole text has to match.
"""

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.ops.automata import Automaton

MOST_STATES = 5000
MOST_TIMES = 100  # of {m,n}
MOST_WRITTEN = 1000  # parts of what is repeated, written out
_MEANS = "\\.[]()|?*+{}^$"
NOTHING, EMPTY = ("nothing",), ("empty",)


def automaton_of(pattern, characters):
    """The `Automaton` of a pattern over an alphabet, strings in the order of their classes. Raises UsageError, one
    line, of a pattern that cannot be read, that no text matches, or that needs too many states.
    """
    try:
        return _automaton_of(pattern, characters)
    except RecursionError:
        raise UsageError(
            f"a pattern of {len(pattern)} characters is too long or too deep to be followed; write a simpler one"
        ) from None


def _automaton_of(pattern, characters):
    first = _Parser(pattern).parsed()
    numbers, rows, waiting = {first: 0}, [], [first]
    while waiting:
        expression, row = waiting.pop(0), []
        for character in characters:
            after = _derivative(expression, character)
            if after != NOTHING and after not in numbers:
                numbers[after] = len(numbers)
                waiting.append(after)
            row.append(-1 if after == NOTHING else numbers[after])
        rows.append(row)
        if len(numbers) > MOST_STATES:
            raise UsageError(f"pattern {pattern!r} needs more than {MOST_STATES} states; write a simpler one")
    following = np.array(rows).reshape(len(rows), len(characters))
    accepting = np.array([_matches_empty(e) for e in numbers])
    alive = _alive(following, accepting)
    if not alive[0]:
        raise UsageError(f"pattern {pattern!r}: no text of the alphabet of {len(characters)} matches it")
    return Automaton(np.where(alive[following] & (following >= 0), following, -1), accepting)


def _alive(following, accepting):
    """bool [S]: states from which an end can be reached."""
    alive = accepting.copy()
    while True:
        more = alive | (alive[following] & (following >= 0)).any(1)
        if (more == alive).all():
            return alive
        alive = more


def _is_longer(e, most):
    """Whether an expression has more than `most` parts."""
    waiting, count = [e], 0
    while waiting and count <= most:
        held, count = waiting.pop(), count + 1
        waiting += [part for part in held[1:] if isinstance(part, tuple)]
        if held[0] == "or":
            waiting += held[1]
    return count > most


def _matches_empty(e):
    kind = e[0]
    if kind in ("empty", "star"):
        return True
    if kind == "then":
        return _matches_empty(e[1]) and _matches_empty(e[2])
    return kind == "or" and any(_matches_empty(part) for part in e[1])


def _derivative(e, character):
    """What has to follow where the expression begins with a character."""
    kind = e[0]
    if kind == "one":
        return EMPTY if (character in e[1]) == e[2] else NOTHING
    if kind == "or":
        return _either(*(_derivative(part, character) for part in e[1]))
    if kind == "star":
        return _then(_derivative(e[1], character), e)
    if kind == "then":
        first = _then(_derivative(e[1], character), e[2])
        return _either(first, _derivative(e[2], character)) if _matches_empty(e[1]) else first
    return NOTHING


def _then(a, b):
    if NOTHING in (a, b):
        return NOTHING
    if a == EMPTY:
        return b
    if a[0] == "then":  # one form for each, so that equal states are found
        return _then(a[1], _then(a[2], b))
    return a if b == EMPTY else ("then", a, b)


def _either(*parts):
    flat = frozenset(p for part in parts for p in (part[1] if part[0] == "or" else (part,)) if p != NOTHING)
    return next(iter(flat)) if len(flat) == 1 else ("or", flat) if flat else NOTHING


class _Parser:
    def __init__(self, pattern):
        self._pattern, self._at = pattern, 0

    def parsed(self):
        found = self._alternatives()
        return found if self._at == len(self._pattern) else self._refuse("a ) without its (")

    def _refuse(self, why):
        raise UsageError(f"pattern {self._pattern!r}, character {self._at + 1}: {why}; as in '\\d{{2}}\\.\\d{{2}}'")

    def _seen(self):
        return self._pattern[self._at] if self._at < len(self._pattern) else ""

    def _take(self):
        self._at += 1
        return self._pattern[self._at - 1]

    def _alternatives(self):
        found = [self._row()]
        while self._seen() == "|":
            self._take()
            found.append(self._row())
        return _either(*found)

    def _row(self):
        found = EMPTY
        while self._seen() and self._seen() not in "|)":
            found = _then(found, self._repeated(self._atom()))
        return found

    def _atom(self):
        seen = self._take()
        if seen == "(":
            inner = self._alternatives()
            if self._seen() != ")":
                self._refuse("a ( without its )")
            self._take()
            return inner
        if seen == "[":
            return self._set()
        if seen == ".":
            return ("one", frozenset(), False)
        if seen in "?*+{]}^$":
            self._at -= 1
            self._refuse(f"{seen} has nothing before it; write \\{seen} for the character")
        return ("one", self._escaped() if seen == "\\" else frozenset(seen), True)

    def _escaped(self):
        if not self._seen():
            self._refuse("a backslash at the end")
        seen = self._take()
        if seen == "d":
            return frozenset("0123456789")
        if seen not in _MEANS and seen not in "-/ ":
            self._at -= 1
            self._refuse(f"\\{seen} is not known; allowed: \\d and \\ before {_MEANS}")
        return frozenset(seen)

    def _set(self):
        positive = self._seen() != "^"
        if not positive:
            self._take()
        held = set()
        while self._seen() != "]":
            if not self._seen():
                self._refuse("a [ without its ]")
            seen = self._take()
            if seen == "\\":
                held |= self._escaped()
            elif self._seen() == "-" and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
                self._take()
                last = self._take()
                if last < seen:
                    self._refuse(f"{seen}-{last} goes backwards")
                held |= {chr(c) for c in range(ord(seen), ord(last) + 1)}
            else:
                held.add(seen)
        self._take()
        return ("one", frozenset(held), positive)

    def _repeated(self, e):
        while self._seen() and self._seen() in "?*+{":
            kind = self._take()
            least, most = {"?": (0, 1), "*": (0, None), "+": (1, None)}.get(kind) or self._times()
            found = ("star", e) if most is None else EMPTY
            for _ in range(0 if most is None else most - least):
                found = _either(EMPTY, _then(e, found))
            for _ in range(least):
                found = _then(e, found)
            e = found
            if _is_longer(e, MOST_WRITTEN):
                self._refuse(f"written out it has more than {MOST_WRITTEN} characters; write a simpler one")
        return e

    def _times(self):
        end = self._pattern.find("}", self._at)
        least, comma, most = self._pattern[self._at : end].partition(",")
        if end < 0 or not least.isdecimal() or (most and not most.isdecimal()):
            self._refuse("{ needs {2}, {2,} or {2,4}")
        self._at = end + 1
        least, most = int(least), (int(most) if most else None) if comma else int(least)
        if max(least, most or 0) > MOST_TIMES or (most is not None and most < least):
            self._refuse(f"allowed: times that rise, up to {MOST_TIMES}")
        return least, most
