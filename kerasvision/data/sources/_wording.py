"""Texts and fonts for sources that render them: shared among splits so that none shows what another shows."""

import pathlib

import numpy as np

from kerasvision.core.characters import BLANK, characters_of, classes_of, normalized
from kerasvision.core.errors import KerasVisionError
from kerasvision.data.sources._files import named
from kerasvision.data.sources._lines import fonts_below, lacking
from kerasvision.data.sources._shaping import check_shaping
from kerasvision.data.text import read_text
from kerasvision.edge.pages.line_direction import line_as_read, line_as_seen
from kerasvision.edge.pages.strips import MIRRORED, runs_from_right_to_left

_MARKS = dict.fromkeys((0x200E, 0x200F, 0x061C))


def words_of(texts, classes, what):
    """(words, alphabet): all words of files, of Python's own reference manual where there are none, that have no
    character beyond `classes`; and these, or where they are empty the characters of all words. Raises KerasVisionError
    of words that Pillow cannot draw here.
    """
    words = [word for text in _read(texts, what) for word in without_marks(normalized(text)).split()]
    turns = any(runs_from_right_to_left(word) for word in words)
    forms = {word: _forms(word, turns) for word in words}
    alphabet = set(classes) or set.union({BLANK}, *forms.values())
    kept = [word for word in words if forms[word] <= alphabet]
    check_shaping(kept, what)
    return kept, alphabet


def without_marks(text):
    """A text without the invisible marks of direction (LRM, RLM, ALM), which no picture shows."""
    return text.translate(_MARKS)


def _forms(word, turns):
    """The classes that a word may show: of lines from right to left brackets also as they look there."""
    names = classes_of(word)
    return {*names, *(name.translate(MIRRORED) for name in names if turns)}


def reordered(texts):
    """A line, beginning with its kind, about texts that are answered in another order than they are written in, though
    they are seen and learned right; () where there are none.
    """
    turned = filter(runs_from_right_to_left, texts)
    mixed = [text for text in turned if line_as_read(seen(text)) != classes_of(text)]
    shown = named((repr(text) for text in mixed), 3)
    return (f"two_directions: {len(mixed)} of {len(texts)} lines: {shown}",) if mixed else ()


def seen(text):
    """The classes of a text's characters from left to right, as they stand in a picture: what a recognizer learns."""
    return line_as_seen(classes_of(text))


def _read(texts, what):
    if not texts:
        from pydoc_data.topics import topics

        return [topics[name] for name in sorted(topics)]
    return [read_text(pathlib.Path(path).expanduser(), f"{what}: {path}") for path in texts]


def parts(words, counts):
    """The words of train, validation and test: a tenth of the text for validation and another for test, where there
    are any. counts: of what is made for each.
    """
    shares = [0.8 + 0.1 * sum(n == 0 for n in counts[1:]), *(0.1 * (n > 0) for n in counts[1:])]
    ends = np.round(np.cumsum([0.0, *shares]) * len(words)).astype(int)
    return [words[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]


def fonts_for(folder, alphabet, what):
    """(paths of the fonts that have every character, lines about the others)."""
    points = sorted({point for name in alphabet for point in name if name != "\u2423"})
    found = {path: lacking(path, points) for path in fonts_below(folder)}
    good = [path for path, missing in found.items() if missing == []]
    if not good:
        seen = named(f"{pathlib.Path(p).name} lacks {''.join(m[:5])!r}" for p, m in found.items() if m)
        raise KerasVisionError(
            f"{what}: none of {len(found)} fonts has all {len(points)} characters: {seen or 'no font'}"
        )
    odd = {pathlib.Path(path).name: missing for path, missing in found.items() if missing != []}
    said = {name: "no letters of its own" if m is None else f"lacks {''.join(m[:8])}" for name, m in odd.items()}
    return good, tuple(f"fonts: {name} ({words})" for name, words in said.items())


def fonts_of(fonts, split):
    """Of the fonts, every fifth is for validation and test; all for all where there are fewer than five."""
    if len(fonts) < 5:
        return tuple(fonts)
    return tuple(font for i, font in enumerate(fonts) if (i % 5 == 4) == (split != "train"))


def line_of(words, length, rng, what):
    """Words in a row from a random place, from the fewest to the most characters."""
    low, high = length
    for _ in range(1000):
        at, wanted = int(rng.integers(max(1, len(words)))), int(rng.integers(low, high + 1))
        line = line_from(words, at, wanted)
        if len(characters_of(line)) >= low:
            return line
    raise KerasVisionError(f"{what}: the texts have hardly a line of {low} to {high} characters; give more text")


def line_from(words, at, most):
    """As many words in a row, from words[at] on, as have `most` characters at most with the blanks between them."""
    line = ""
    for word in words[at : at + most]:
        longer = f"{line} {word}".strip()
        if len(characters_of(longer)) > most:
            break
        line = longer
    return line
