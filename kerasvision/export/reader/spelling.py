"""The characters of lines as strings in the order in which they are read, within a graph.

What `edge.pages.strips` does by `words_of`, `as_read` and `in_order`, for all lines at once: each word is an interval
of a list of characters as they are seen from left to right, and what changes their order is a key that they are sorted
by.
"""

import unicodedata

import tensorflow as tf

from kerasvision.edge.pages.strips import MIRRORED, runs_from_right_to_left, vote_of

_KINDS = ("L", "EN", "AN", "R", "AL", "CS", "ES", "ET")  # of unicodedata.bidirectional that matter
_L, _EN, _AN, _R, _AL, _CS, _ES, _ET = range(len(_KINDS))
_NEITHER = len(_KINDS)


class Alphabet:
    """Final. What the order of a line's characters depends on. names: the text of each class, a blank's too. is_back:
    which of them are of scripts from right to left.
    """

    def __init__(self, names):
        kinds = [unicodedata.bidirectional(name[0]) for name in names]
        self._names, self._mirrored = list(names), [name.translate(MIRRORED) for name in names]
        self._kinds = [_KINDS.index(kind) if kind in _KINDS else _NEITHER for kind in kinds]
        self.is_back = [runs_from_right_to_left(name) for name in names]
        self._is_left = [any(unicodedata.bidirectional(point) == "L" for point in name) for name in names]
        self._votes = [vote_of(name) for name in names]

    def votes(self, words):
        """int32 [N]: of the `Words` of N lines, `strips.vote_of`."""
        own = tf.gather(self._votes, words.ids)
        return tf.math.unsorted_segment_sum(own, tf.gather(words.line, words.word), words.lines)

    def texts(self, words, right_to_left):
        """string [N] of the `Words` of N lines, a blank between each two. right_to_left: bool [N], of lines."""
        back, run, kept = self._within(words)
        place = self._places(words, back, right_to_left)
        count = tf.cast(tf.size(words.ids), tf.int64)
        is_back = tf.gather(back, words.word)
        key = tf.cast(tf.gather(place, words.word), tf.int64) * (count + 1)
        order = tf.argsort(key + tf.where(is_back, count - tf.cast(run, tf.int64), 0), stable=True)
        names = tf.gather(self._names, words.ids)
        names = tf.where(is_back & ~kept, tf.gather(self._mirrored, words.ids), names)
        word = tf.gather(words.word, order)
        line = tf.gather(words.line, word)
        blank = tf.where(_is_new(word) & ~_is_new(line), " ", "")
        return tf.strings.unsorted_segment_join(tf.strings.join([blank, tf.gather(names, order)]), line, words.lines)

    def _within(self, words):
        """(bool [W]: words that run from right to left; int [M], numbers of runs of characters that keep their order;
        bool [M], which ones do), as `strips.as_read`.
        """
        kind, word = tf.gather(self._kinds, words.ids), words.word
        back = _any(tf.gather(self.is_back, words.ids), word, tf.size(words.line))
        is_arabic = tf.gather(_any(kind == _AL, word, tf.size(words.line)), word)
        forward = kind <= _AN
        is_strong = kind <= _AL
        before, after = _neighbors(is_strong, word)
        ends = [tf.gather(kind, tf.maximum(place, 0)) for place in (before, after)]
        between = (before >= 0) & (after >= 0) & (ends[0] <= _AN) & (ends[1] <= _AN)
        sign = (after - before == 2) & ((kind == _CS) | ((kind == _ES) & ~is_arabic))
        kept = forward | (~is_strong & between & ((ends[0] == _L) | (ends[1] == _L) | sign))
        # a row of signs such as % belongs to a number beside it
        near = [(p >= 0) & (tf.gather(kind, tf.maximum(p, 0)) == _EN) for p in _neighbors(kind != _ET, word)]
        kept |= (kind == _ET) & (near[0] | near[1]) & ~is_arabic
        return back, _runs(kept, word), kept

    def _places(self, words, back, right_to_left):
        """int [W]: the place of each word among all, as `strips.in_order`."""
        line, count = words.line, tf.size(words.line)
        is_left = _any(tf.gather(self._is_left, words.ids), words.word, count) & ~back
        before, after = _neighbors(back | is_left, line)
        amid = [(place >= 0) & tf.gather(back, tf.maximum(place, 0)) for place in (before, after)]
        within = back | (~is_left & amid[0] & amid[1]) | tf.gather(right_to_left, line)
        group = _runs(within, line)
        key = tf.cast(group, tf.int64) * (tf.cast(count, tf.int64) + 1) - tf.cast(_runs(~back, group), tf.int64)
        order = tf.argsort(key, stable=True)
        return tf.scatter_nd(order[:, None], tf.range(count), tf.shape(order))


class Words:
    """Final. The characters of N lines in words, without blanks, as they are seen from left to right.

    ids: int [M], classes. word: int [M], numbers of words from 0. line: int [W], of each word. lines: N.
    """

    def __init__(self, ids, word, line, lines):
        self.ids, self.word, self.line, self.lines = ids, word, line, lines

    def counts(self):
        """int32 [N]: words of each line."""
        return tf.math.unsorted_segment_sum(tf.ones_like(self.line), self.line, self.lines)


def words_of(ids, piece, is_blank, fresh, owner, lines):
    """`Words`. ids: int [C], classes of all pieces of lines, one after the other. piece: int [C], of each. is_blank:
    bool [C]. fresh: bool [P], whether words are parted where a piece begins. owner: int [P], the line of each piece.
    """
    parted = tf.cumsum(tf.cast(fresh | _is_new(owner), tf.int32))
    at = tf.gather(parted, piece) + tf.cumsum(tf.cast(is_blank, tf.int32))
    ids, at, piece = (tf.boolean_mask(values, ~is_blank) for values in (ids, at, piece))
    begins = _is_new(at)
    return Words(ids, tf.cumsum(tf.cast(begins, tf.int32)) - 1, tf.gather(owner, tf.boolean_mask(piece, begins)), lines)


def _is_new(values):
    """bool [N]: whether a value is the first one, or another one than that before it."""
    return tf.concat([tf.ones_like(values[:1], tf.bool), values[1:] != values[:-1]], 0)


def _runs(joins, owner):
    """int32 [N]: numbers of runs of true values of one owner; whatever is false is a run by itself."""
    goes_on = tf.concat([tf.zeros_like(joins[:1]), joins[1:] & joins[:-1]], 0) & ~_is_new(owner)
    return tf.cumsum(tf.cast(~goes_on, tf.int32))


def _neighbors(flags, owner):
    """int32 [N] two times: of each place the nearest one before it, and behind it, that has a flag and the same owner;
    -1 where there is none.
    """
    places = tf.cast(tf.where(flags)[:, 0], tf.int32)
    padded, ranks = tf.concat([[-1], places, [-1]], 0), tf.cumsum(tf.cast(flags, tf.int32))
    found = [tf.gather(padded, rank) for rank in (ranks - tf.cast(flags, tf.int32), ranks + 1)]
    return [tf.where(tf.gather(owner, tf.maximum(place, 0)) == owner, place, -1) for place in found]


def _any(flags, owner, count):
    """bool [count]: whether a place of each owner has a flag."""
    return tf.math.unsorted_segment_sum(tf.cast(flags, tf.int32), owner, count) > 0
