"""Strips of text for a recognizer of one size: where long ones are cut, and what was read of the parts put together."""

import dataclasses
import unicodedata

import numpy as np

from kerasvision.edge.pages.bidi import places
from kerasvision.edge.pages.characters import BLANK

GRAY = 114  # of a letterbox
QUIET = 0.25  # of the contrast of columns with ink; columns with less are between letters
WORD_GAP = 0.18  # heights of quiet columns in a row, from which on they part words
MOST_PARTS = 64  # of a strip; a longer one is made less long
MIRRORED = str.maketrans("()[]{}<>\u00ab\u00bb\u2039\u203a", ")(][}{><\u00bb\u00ab\u203a\u2039")
_LEFT_TO_RIGHT, _RIGHT_TO_LEFT = ("L", "EN", "AN"), ("R", "AL")  # classes of unicodedata.bidirectional


@dataclasses.dataclass(frozen=True)
class Part:
    """Columns of a strip. blank: whether words are parted where it begins."""

    first: int
    behind: int
    blank: bool


@dataclasses.dataclass(frozen=True)
class Character:
    """name: a class. x: the middle of its frames, in columns of the strip."""

    name: str
    score: float
    x: float


def width_of(aspect, height, most):
    """Columns of a strip that is `aspect` times as long as high."""
    return int(np.clip(round(aspect * height), 1, most * MOST_PARTS))


def parts_of(strip, most):
    """`Part`s, none wider than `most`, of uint8 [h, w, 3]: cut in the second half of what fits, in the middle of the
    longest row of quiet columns, and where none is quiet at the one with the least contrast.
    """
    height, width = strip.shape[:2]
    contrast, quiet = _contrast(strip)
    parts, first, blank = [], 0, False
    while width - first > most:
        low, high = first + (most + 1) // 2, first + most
        runs = [(a, b) for a, b in _runs(quiet) if b > low and a < high]
        if runs:
            a, b = max(runs, key=lambda run: (run[1] - run[0], run[0]))
            cut, after = int(np.clip((a + b) // 2, low, high)), b - a >= WORD_GAP * height
        else:
            cut, after = low + int(contrast[low:high].argmin()), False
        parts.append(Part(first, cut, blank))
        first, blank = cut, after
    return [*parts, Part(first, width, blank)]


def _contrast(strip):
    """(float [w], bool [w]): the deviation of gray within each column, and whether it is quiet."""
    contrast = strip.astype(np.float32).mean(-1).std(0)
    return contrast, contrast < QUIET * np.percentile(contrast, 90)


def _runs(flags):
    """[(first, behind)] of the runs of true values."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True))


def canvas_of(strip, width):
    """(uint8 [h, width, 3], where the strip begins): amid gray, as `ops.geometry` puts a letterbox."""
    offset = (width - strip.shape[1]) // 2
    canvas = np.full((strip.shape[0], width, 3), GRAY, np.uint8)
    canvas[:, offset : offset + strip.shape[1]] = strip
    return canvas, offset


def words_of(strip, parts, read):
    """[(characters of a word, its first column, the one behind it)], from left to right. read: the `Character`s of each
    part.
    """
    words, fresh = [], True
    for part, characters in zip(parts, read, strict=True):
        fresh = fresh or part.blank
        for character in characters:
            if character.name == BLANK:
                fresh = True
                continue
            if fresh:
                words.append([])
            words[-1].append(character)
            fresh = False
    _, quiet = _contrast(strip)
    ends = [(word[0].x, word[-1].x) for word in words]
    found = []
    for number, word in enumerate(words):
        low = (ends[number - 1][1] + ends[number][0]) / 2 if number else 0.0
        high = (ends[number][1] + ends[number + 1][0]) / 2 if number + 1 < len(words) else strip.shape[1]
        found.append((word, *_ink(quiet, low, high, ends[number])))
    return found


def _ink(quiet, low, high, middles):
    """(first, behind): the columns of a word between these borders that hold ink; its characters' middles at least."""
    first, behind = int(np.floor(low)), max(int(np.ceil(high)), int(np.floor(low)) + 1)
    loud = np.flatnonzero(~quiet[first:behind])
    if len(loud):
        first, behind = first + int(loud[0]), first + int(loud[-1]) + 1
    first = min(first, int(np.floor(middles[0])))
    return first, max(behind, int(np.ceil(middles[1])), first + 1)


def runs_from_right_to_left(text):
    """Whether any character of a text is of a script that is written from right to left."""
    return any(unicodedata.bidirectional(point) in _RIGHT_TO_LEFT for point in text)


def vote_of(text):
    """How many more of its characters are of scripts from right to left than of scripts from left to right."""
    kinds = [unicodedata.bidirectional(point) for point in text]
    return sum(kind in _RIGHT_TO_LEFT for kind in kinds) - kinds.count("L")


def as_read(names):
    """The characters of a word of a script that is written from right to left, seen from left to right, in the order in
    which they are read. Letters of other scripts and numbers, with what stands within them (12/34, 3.5, 50%), keep
    theirs, and brackets are those that their mirrored shapes stand for (Unicode's annex 9, rules W2, W4, W5, N1 and L4,
    of one word alone).
    """
    back = names[::-1]
    kept, found, run = _kept(back), [], []
    for name, is_kept in zip(back, kept, strict=True):
        if is_kept:
            run.insert(0, name)
        else:
            found += [*run, name.translate(MIRRORED)]
            run = []
    return found + run


def as_seen(names):
    """The characters of a word in the order in which they are read -> from left to right, what `as_read` takes of most
    words; of one with a letter from right to left as in a line that begins at the right.
    """
    return placed(names, True) if runs_from_right_to_left("".join(names)) else list(names)


def placed(names, is_rtl):
    """Characters in the order in which they are read -> from left to right as they look (`bidi`, and rule L4). names:
    of classes, or code points. is_rtl: whether the line begins at the right.
    """
    order, mirrored = places([" " if name == BLANK else name[0] for name in names], is_rtl)
    return [names[i].translate(MIRRORED) if mirrored[i] else names[i] for i in order]


def _kept(names):
    """[bool]: which characters, in the order of lines from right to left, are in runs from left to right."""
    kinds = [unicodedata.bidirectional(name[0]) for name in names]
    is_arabic = "AL" in kinds  # behind its letters numbers are Arabic ones, of which signs are no part (W2)
    kept = [kind in _LEFT_TO_RIGHT for kind in kinds]
    known = [i for i, kind in enumerate(kinds) if kind in (*_LEFT_TO_RIGHT, *_RIGHT_TO_LEFT)]
    for a, b in zip(known[:-1], known[1:], strict=True):
        ends, between = (kinds[a], kinds[b]), kinds[a + 1 : b]
        if not (kept[a] and kept[b]):
            continue
        if "L" in ends or between == ["CS"] or (between == ["ES"] and not is_arabic):
            kept[a:b] = [True] * (b - a)
    for step in () if is_arabic else (1, -1):
        for i in range(len(kinds))[::step]:
            near = i - step
            if kinds[i] == "ET" and 0 <= near < len(kinds) and kept[near] and kinds[near] in ("EN", "ET"):
                kept[i] = True
    return kept


def logical(words, texts):
    """The words of a line of a script that is written from right to left, seen from left to right, in the order in
    which they are read: runs of words of other scripts and of numbers keep theirs (as of Unicode's annex 9, without its
    levels of embedding).
    """
    found, run = [], []
    for word, text in zip(reversed(words), reversed(texts), strict=True):
        if runs_from_right_to_left(text):
            found += [*reversed(run), word]
            run = []
        else:
            run.append(word)
    return found + list(reversed(run))


def in_order(words, right_to_left):
    """The words of a line, seen from left to right, in the order in which they are read. words: tuples of a text and
    more. right_to_left: of the line; in one from left to right those of other scripts are so among themselves, with the
    numbers between them.
    """
    texts = [word[0] for word in words]
    if right_to_left:
        return logical(words, texts)
    found, at = [], 0
    while at < len(words):
        behind = at + 1
        if runs_from_right_to_left(texts[at]):
            for next_one in range(behind, len(words)):
                if runs_from_right_to_left(texts[next_one]):
                    behind = next_one + 1
                elif any(unicodedata.bidirectional(point) == "L" for point in texts[next_one]):
                    break
        found += logical(words[at:behind], texts[at:behind])
        at = behind
    return found
