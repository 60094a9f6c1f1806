"""What a tokenizer that cuts at blanks and looks up makes of a text: MediaPipe's, for models with one of their own.

MediaPipe's RegexTokenizer cuts a text at what a regular expression matches and looks the pieces up as they are
written; it knows no lower case, and leaves out what it cuts at. So it cuts at white space and control characters alone,
which are no words here either (`ops.text`), and each line of its vocabulary is a piece as texts write it: `Good`,
`good,`, `well-made`. A piece stands for a row of the table that the file has inside: the ids of the words that it is
made of, by the model's own rules. A text all of whose pieces are listed then has the ids that it has here. A piece that
is not is one unknown word, whatever it is made of.
"""

import collections
import dataclasses
import functools
import re

import numpy as np
import tensorflow as tf

from kerasvision.ops import text

MOST_WORDS = 4  # of a piece
MOST_BYTES = 64  # of a piece
MOST_PIECES = 64_000  # listed
OFTEN, SELDOM = (",", "."), ("!", "?", ":", ";")  # what is put behind each word of the vocabulary
PAD, UNKNOWN = "<PAD>", "<UNKNOWN>"  # pieces by which MediaPipe knows rows 0 and 1
_SPECIAL = {PAD, UNKNOWN, "<START>"}
AT_ONCE = 8192  # pieces
_MARKS = re.compile(r"^[^\w']+|[^\w']+$")


@dataclasses.dataclass(frozen=True, eq=False)
class Spellings:
    """rows: piece -> its row. table: int32 [rows, `MOST_WORDS`], ids of words, 0 behind the last. words: how many ids a
    text has, and how many pieces the file takes.
    """

    rows: dict
    table: np.ndarray
    words: int

    def pieces(self, line):
        """[str] of a text, as many as the file takes."""
        return [piece for piece in _splitter().split(line) if piece][: self.words]

    def tokens(self, line):
        """int32 [words]: what MediaPipe makes of a text, a str."""
        found = [self.rows.get(piece, self.rows[UNKNOWN]) for piece in self.pieces(line)]
        return np.int32(found + [self.rows[PAD]] * (self.words - len(found)))

    def ids(self, tokens):
        """The ids of words that a file makes of `tokens` [B, words], int32 [B, words]: rows of the table one behind the
        other, without what is empty. Integer operators that every TFLite interpreter has.
        """
        spread = tf.reshape(tf.gather(tf.constant(self.table), tokens), [-1, self.words * MOST_WORDS])
        there = tf.cast(spread > 0, tf.int32)
        place = tf.where(there > 0, tf.cumsum(there, axis=1) - 1, -1)
        own = tf.equal(place[:, tf.newaxis], tf.range(self.words)[:, tf.newaxis])
        return tf.reduce_sum(tf.where(own, spread[:, tf.newaxis], 0), 2)

    def lines(self):
        """The text of the vocabulary's file: a piece and its row a line."""
        return "\n".join(f"{piece} {row}" for piece, row in self.rows.items())


def spellings_of(arch, texts):
    """`Spellings` for a model of texts. texts: strings that training has seen, bytes or str.

    Listed are, as far as there is room, the words of the vocabulary small, capitalized and as training spells them,
    these with a comma or a full stop behind, all other pieces that training has, the most frequent first, and words
    with another mark behind.
    """
    count = collections.Counter()
    for line in texts:
        count.update(_splitter().split(line.decode("utf-8", "replace") if isinstance(line, bytes) else line))
    seen = [piece for piece, _ in sorted(count.items(), key=lambda item: (-item[1], item[0]))]
    spelled = _spelled(seen, arch.vocabulary)
    often, seldom = ([word + end for end in ends for word in spelled] for ends in (OFTEN, SELDOM))
    begins = [word.capitalize() for word in arch.vocabulary]  # a sentence
    listed = dict.fromkeys([*arch.vocabulary, *begins, *spelled, *often, *seen, *seldom])
    every = [p for p in listed if p and p not in _SPECIAL and len(p.encode()) <= MOST_BYTES]
    rows, numbers = {PAD: 0, UNKNOWN: 1}, {(text.PAD,) * MOST_WORDS: 0}
    numbers[(text.UNKNOWN, *(text.PAD,) * (MOST_WORDS - 1))] = 1
    for begin in range(0, len(every), AT_ONCE):
        pieces = every[begin : begin + AT_ONCE]
        for piece, ids in zip(pieces, piece_ids(arch, pieces), strict=True):
            if not ids[0] or ids[-1]:  # nothing, or more words than a row has
                continue
            row = numbers.setdefault(tuple(ids[:-1]), len(numbers))
            if row != 1 and len(rows) < MOST_PIECES:  # one unknown word is what a piece is that is not listed
                rows[piece] = row
    table = np.zeros([len(numbers), MOST_WORDS], np.int32)
    table[list(numbers.values())] = list(numbers)
    return Spellings(rows, table[: max(rows.values()) + 1], arch.words)


def _spelled(pieces, vocabulary):
    """The words of a vocabulary as they stand in pieces, without the marks around them."""
    known, found = set(vocabulary), {}
    for piece in pieces:
        bare = _MARKS.sub("", piece)
        if "".join(text.lowered(c) for c in bare) in known:
            found[bare] = True
    return list(found)


def separators():
    """The code points that part words and are none, sorted; all lie below U+0800 (`ops.text`)."""
    kinds = text.tables()["kind"]
    points = [p for p in range(0x80) if kinds[p] == text.SEPARATOR]
    return points + [p for p in range(0x80, 0x800) if kinds[text.ROWS_OF_TWO + p] == text.SEPARATOR]


def pattern():
    """The regular expression, in RE2's syntax, of what MediaPipe cuts at."""
    return "[" + "".join(f"\\x{{{a:x}}}-\\x{{{b:x}}}" for a, b in _ranges(separators())) + "]+"


@functools.cache
def _splitter():
    return re.compile("[" + "".join(f"\\u{a:04x}-\\u{b:04x}" for a, b in _ranges(separators())) + "]+")


def _ranges(points):
    """[(first, last)] of runs of numbers."""
    held = []
    for point in points:
        if held and held[-1][1] == point - 1:
            held[-1][1] = point
        else:
            held.append([point, point])
    return held


def piece_ids(arch, pieces):
    """[[int] * (`MOST_WORDS` + 1)]: the ids of the words of each piece, 0 behind the last."""
    encoded = [piece.encode() for piece in pieces]
    padded = np.stack([np.frombuffer(e.ljust(MOST_BYTES, b"\0"), np.uint8) for e in encoded])
    words = text.words_of(tf.constant(padded), MOST_WORDS + 1, arch.rules.multiplier)
    return arch.rules.vocabulary_ids(words).numpy().tolist()


def texts_of(train, arch, exporters):
    """The texts of a training split, bytes, where an exporter wants them and the model takes one; else ()."""
    if not any(exporter.wants_texts for exporter in exporters) or list(arch.prepared_inputs()) != ["text_bytes"]:
        return ()
    return tuple(train.records.map(lambda record: train.read(record)["text"]).as_numpy_iterator())
