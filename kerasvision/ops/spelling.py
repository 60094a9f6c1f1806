"""Numbers of words -> the UTF-8 bytes of a text, by integer operators that every runtime has: the way back of
`ops/text.py`, so that no client needs a vocabulary.
"""

import dataclasses

import numpy as np
import tensorflow as tf

_BEFORE = frozenset(".,;:!?)]}%-/\u2026\u3001\u3002\uff0c\uff1a\uff01\uff1f")  # no space before these
_BEHIND = frozenset("([{-/\u00bf\u00a1")  # nor behind these
_TIGHT = (  # scripts that put no space between words, (first, last) code points
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0xA4CF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF)),
    (0x20000, 0x3FFFF),
)
_SPACE = 32


@dataclasses.dataclass(frozen=True)
class Spelling:
    """words: how each of them is written. A space stands between two, but for punctuation (none before "," and none
    behind "("; none on either side of "-" and "/") and between two words of a script without spaces. So a number with a
    point or a comma within comes apart ("3. 5"), and quotation marks stand between spaces.
    """

    words: tuple[str, ...]

    def bytes_of(self, count):
        """How many bytes `count` words may take, at most."""
        return count * (1 + max((len(word.encode()) for word in self.words), default=0))

    def utf8(self, numbers, length):
        """uint8 [B, length], padded with 0, of numbers int32 [B, T], -1 beyond the last word. length: as `bytes_of`
        gives it, or less: what is beyond is cut.
        """
        spelled = [word.encode() for word in self.words]
        sizes = np.int32([len(word) for word in spelled])
        starts = np.int32(np.cumsum(sizes) - sizes)
        table = tf.constant(np.frombuffer(b"".join(spelled), np.uint8).astype(np.int32))
        present, held = numbers >= 0, tf.maximum(numbers, 0)
        space = tf.where(present, self._spaces(held), 0)
        ends = tf.cumsum(space + tf.where(present, tf.gather(tf.constant(sizes), held), 0), axis=1)
        place = tf.range(length)
        # the word that a byte is of: as many have ended before it
        word = tf.reduce_sum(tf.cast(ends[:, None] <= place[None, :, None], tf.int32), 2)
        is_text, word = word < numbers.shape[1], tf.minimum(word, numbers.shape[1] - 1)
        begins = tf.pad(ends, [[0, 0], [1, 0]])[:, :-1]
        at = place[None] - tf.gather(begins, word, batch_dims=1) - tf.gather(space, word, batch_dims=1)
        first = tf.gather(tf.constant(starts), tf.gather(held, word, batch_dims=1))
        byte = tf.gather(table, tf.minimum(first + tf.maximum(at, 0), table.shape[0] - 1))
        byte = tf.where(at < 0, _SPACE, byte)
        return tf.cast(tf.where(is_text, byte, 0), tf.uint8)

    def _spaces(self, held):
        """int32 [B, T]: 1 where a space stands before the word."""
        before, behind, tight = (
            tf.constant(np.int32([rule(word) for word in self.words]))
            for rule in (lambda w: w in _BEFORE, lambda w: w in _BEHIND, _is_tight)
        )
        last = held[:, :-1]
        joined = tf.gather(behind, last) + tf.gather(tight, last) * tf.gather(tight, held[:, 1:])
        joined += tf.gather(before, held[:, 1:])
        return tf.pad(1 - tf.minimum(joined, 1), [[0, 0], [1, 0]])


def _is_tight(word):
    return any(first <= ord(word[0]) <= last for first, last in _TIGHT)
