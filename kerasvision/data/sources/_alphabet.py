"""How often the characters of an alphabet stand in lines: lines chosen so that rare ones are there, and what is said of
those that are not.
"""

import collections

import numpy as np

from kerasvision.core.characters import BLANK, characters_of, text_of
from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sources._files import named
from kerasvision.data.sources._wording import line_from, seen

_NAMED = 60  # characters of a line about them


def balanced(lines, words, length, least, rng, what):
    """As many lines, of which as few as need be are others, chosen from the words so that each character of these
    stands in the lines `least` times or more.

    lines: a list of str. words: the text in order; a character that none of their lines of length[0] to length[1]
    characters has stays as it is. The rarest character comes first. rng: which lines are replaced, and by which. Raises
    KerasVisionError where all lines do not suffice.
    """
    counts = collections.Counter(name for line in lines for name in seen(line))
    holders = _holders(words, length[1])
    order, held = rng.permutation(len(lines)), list(lines)
    wanted = set(holders)
    for place in order:
        low = [(counts[name], name) for name in wanted if counts[name] < least]
        line = None
        while low and line is None:
            name = min(low)[1]
            line = _line_with(name, holders[name], words, length, rng)
            if line is None:
                wanted.discard(name)
                low.remove((counts[name], name))
        if line is None:
            return held
        counts.subtract(seen(held[place]))
        counts.update(seen(line))
        held[place] = line
    if low := [f"{text_of([name])!r} {counts[name]} times" for name in sorted(wanted) if counts[name] < least]:
        raise KerasVisionError(
            f"{what}: {len(lines)} lines are too few for each of {len(wanted)} characters to stand there {least} "
            f"times: {named(low, 5)}; set more lines, longer ones, or a lower least"
        )
    return held


def _holders(words, most):
    """{character as a class: indices of the words that have it}, of words that fit into a line of `most` characters."""
    held = collections.defaultdict(list)
    for i, word in enumerate(words):
        names = seen(word)
        if len(names) <= most:
            for name in set(names) | ({BLANK} if i + 1 < len(words) and len(names) < most else set()):
                held[name].append(i)
    return held


def _line_with(name, holders, words, length, rng):
    """A line that has the character, or None where there is none: of a random word that has it, with words before."""
    low, high = length
    for i in rng.permutation(holders):
        first = int(i)
        while first and len(characters_of(" ".join(words[first - 1 : i + 1]))) <= high:
            first -= 1
        starts = rng.permutation(np.arange(first, i + 1))
        for start, most in ((starts[0], int(rng.integers(low, high + 1))), *((start, high) for start in starts)):
            line = line_from(words, start, most)
            if len(characters_of(line)) >= low and name in seen(line):
                return line
    return None


def missing(classes, lines):
    """Lines about characters that a split has none of, each beginning with its kind.

    classes: the alphabet. lines: {split: class indices of each of its lines}.
    """
    said = []
    for split, rows in lines.items():
        seen = {int(k) for row in rows for k in row}
        none = [name for k, name in enumerate(classes) if k not in seen]
        if none and split == "train":
            shown = named((repr(text_of([name])) for name in none), _NAMED)
            said.append(f"unlearned: {len(none)} of {len(classes)}: {shown}")
        elif none:
            said += [f"unseen: {split}: {name}" for name in none]
    return tuple(said)


def refuse_unknown(names, lines, classes, what):
    """Raise KerasVisionError of characters beyond an alphabet: which ones, how often, in which lines.

    names: of the lines, for messages. lines: the classes of each one's characters.
    """
    known = set(classes)
    count = collections.Counter(name for line in lines for name in line if name not in known)
    if not count:
        return
    where = [name for name, line in zip(names, lines, strict=True) if any(c in count for c in line)]
    seen = named((f"{text_of([name])!r} {number} times" for name, number in count.most_common()), 5)
    raise KerasVisionError(
        f"{what}: characters beyond the alphabet of {len(known)}: {seen}; in {named(where)}; add them to classes "
        f"(a blank as {BLANK!r}), or leave classes empty"
    )
