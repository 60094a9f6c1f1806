"""A line's characters as a recognizer sees them, from left to right, and in the order in which a person reads them."""

import itertools

from kerasvision.edge.pages.characters import BLANK, text_of
from kerasvision.edge.pages.strips import as_read, as_seen, in_order, runs_from_right_to_left, vote_of


def line_as_seen(names):
    """Class names of a line's characters in reading order -> from left to right, as they stand in the picture. Without
    letters of a script from right to left nothing changes. The line begins at the right where most of its letters are
    of such scripts; numbers and other scripts within go from left to right, and brackets are as they look.
    """
    return _turned(names, as_seen)


def line_as_read(names):
    """What `line_as_seen` takes, of what it gives; a word of it may be any that a recognizer says."""
    return _turned(names, lambda word: as_read(word) if runs_from_right_to_left(text_of(word)) else word)


def _turned(names, of_word):
    names = list(names)
    if not runs_from_right_to_left(text_of(names)):
        return names
    words = [list(run) for is_blank, run in itertools.groupby(names, BLANK.__eq__) if not is_blank]
    rows = in_order([(text_of(word), of_word(word)) for word in words], vote_of(text_of(names)) > 0)
    found = []
    for _, word in rows:
        found += [BLANK, *word] if found else word
    return found
