"""How words are put together, in plain Python: beside `ops/spelling.py`, which does it within a graph."""

import itertools

BEFORE = ".,;:!?)]}%-/\u2026\u3001\u3002\uff0c\uff1a\uff01\uff1f"  # no space before these
BEHIND = "([{-/\u00bf\u00a1"  # nor behind these
TIGHT = (  # scripts that put no space between words, (first, last) code points
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0xA4CF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF)),
    (0x20000, 0x3FFFF),
)


def text_of(words, numbers):
    """The text of numbers of words."""
    held = [words[number] for number in numbers]
    rest = [word if is_joined(before, word) else f" {word}" for before, word in itertools.pairwise(held)]
    return "".join([*held[:1], *rest])


def is_joined(first, second):
    """Whether no space stands between two words."""
    tight = [any(low <= ord(word[0]) <= high for low, high in TIGHT) for word in (first, second)]
    return (len(second) == 1 and second in BEFORE) or (len(first) == 1 and first in BEHIND) or all(tight)
