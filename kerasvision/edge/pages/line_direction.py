"""A line's characters as a recognizer sees them, from left to right, and in the order in which a person reads them."""

import itertools

from kerasvision.edge.pages.characters import BLANK, text_of
from kerasvision.edge.pages.strips import as_read, in_order, placed, runs_from_right_to_left, vote_of

RULES = "uax9"  # name of those of `line_as_seen`, which recognizers go by that have learned so


def line_as_seen(names):
    """Class names of a line's characters in reading order -> from left to right, as they stand in the picture (`bidi`).
    Without letters of a script from right to left nothing changes. The line begins at the right where most of its
    letters are of such scripts; brackets are as they look.
    """
    names, text = list(names), text_of(names)
    return placed(names, vote_of(text) > 0) if runs_from_right_to_left(text) else names


def line_as_read(names):
    """What `line_as_seen` takes, of what it gives; a word of it may be any that a recognizer says. Of a line that mixes
    directions several may be seen alike, and this is the one word by word: numbers in a row, and punctuation between
    two directions, may come back in another order.
    """
    names = list(names)
    if not runs_from_right_to_left(text_of(names)):
        return names
    words = [list(run) for is_blank, run in itertools.groupby(names, BLANK.__eq__) if not is_blank]
    rows = [(word, as_read(word) if runs_from_right_to_left(text_of(word)) else word) for word in words]
    rows = in_order([(text_of(word), read) for word, read in rows], vote_of(text_of(names)) > 0)
    found = []
    for _, word in rows:
        found += [BLANK, *word] if found else word
    return found
