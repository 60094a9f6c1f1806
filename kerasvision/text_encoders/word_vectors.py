"""Pretrained vectors of words, in the layouts in which they are given away, into an encoder's table.

word2vec's text and fastText's `.vec`: a line with the number of vectors and of their numbers, then a line a word.
GloVe's `.txt`: the same without the first line. word2vec's binary, whose name ends in `.bin`: the first line, then of
each word its bytes, a blank and little-endian float32. Each may be packed by gzip (`.gz`).
"""

import dataclasses
import gzip
import itertools
import pathlib
import zlib

import numpy as np

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.ops import text

TABLE = "encoder_words"  # the layer whose rows are words' vectors
GZIP = b"\x1f\x8b"


@dataclasses.dataclass(frozen=True)
class Found:
    """vectors: {word of the vocabulary: float32 [size]}. read: how many the file has."""

    vectors: dict
    read: int

    def in_words(self, wanted):
        """One line: what was found and what was not. wanted: how many words were looked for."""
        missing = wanted - len(self.vectors)
        dropped = self.read - len(self.vectors)
        return f"vectors of {len(self.vectors)} words; {missing} words have none; {dropped} of the file are not needed"


def put(graph, vocabulary, path):
    """Set the rows of an encoder's table; words that the file lacks keep theirs. Returns a line that counts both.

    vocabulary: of the encoder's `Rules`. Raises UsageError of an encoder that looks no words up, or whose vectors have
    another size than the file's; KerasVisionError of a file that is none.
    """
    layers = [layer for layer in graph.layers if layer.name == TABLE]
    if not layers:
        raise UsageError(f"model.vectors={path!r}: the encoder looks no words up; take kim_cnn, gru or transformer")
    (rows,) = layers[0].get_weights()
    found = read(path, vocabulary, rows.shape[1])
    if not found.vectors:
        raise KerasVisionError(f"{path} has none of the {len(vocabulary)} words of the vocabulary; another language?")
    for number, word in enumerate(vocabulary, text.FIRST):
        if word in found.vectors:
            rows[number] = found.vectors[word]
    layers[0].set_weights([rows])
    return found.in_words(len(vocabulary))


def read(path, words, size):
    """`Found` of those words in a file. size: of a vector. A word in the file's own spelling comes before one that
    becomes it in lower case; of equal ones the first.
    """
    path, wanted = pathlib.Path(path), set(words)
    exact, lowered, count = {}, {}, 0
    try:
        with _opened(path) as file:
            for word, vector in _rows(file, path, size):
                count += 1
                low = "".join(map(text.lowered, word))
                if word in wanted:
                    exact.setdefault(word, vector)
                elif low in wanted:
                    lowered.setdefault(low, vector)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is cut off or damaged"
        raise KerasVisionError(f"{path} cannot be read: {reason}") from None
    return Found(lowered | exact, count)


def write(path, words, vectors):
    """Write vectors, float32 [N, size], of N words in word2vec's text layout."""
    lines = [f"{len(words)} {vectors.shape[1]}"]
    lines += [f"{word} {' '.join(f'{v:.7g}' for v in row)}" for word, row in zip(words, vectors, strict=True)]
    pathlib.Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _opened(path):
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    return gzip.open(path, "rb") if packed else path.open("rb")


def _rows(file, path, size):
    """(word, float32 [size]) of each vector."""
    first = file.readline()
    head = first.split()
    stated = None
    if len(head) == 2 and head[0].isdigit() and head[1].isdigit():
        stated, width = int(head[0]), int(head[1])
        if width != size:
            raise UsageError(f"{path} has vectors of {width} numbers, and the encoder of {size}; set its size={width}")
    is_binary = path.name.removesuffix(".gz").endswith(".bin")
    if is_binary and stated is None:
        raise KerasVisionError(f"{path} is no binary of word2vec: it does not begin with two numbers")
    count = 0
    rows = (
        _binary(file, path, size, stated) if is_binary else _lines(file, path, size, first if stated is None else b"")
    )
    for count, row in enumerate(rows, 1):  # noqa: B007 (counted for what follows)
        yield row
    if stated is not None and count != stated:
        raise KerasVisionError(f"{path} says that it has {stated} vectors, and has {count}; it is cut off or changed")


def _lines(file, path, size, first):
    lines = itertools.chain([first] if first else [], file)
    for number, line in enumerate(lines, 1 if first else 2):
        *word, numbers = _parted(line, size)
        if len(numbers) != size or not word or not word[0]:
            raise UsageError(
                f"{path}, line {number}: a word and {size} numbers were expected; set the encoder's size, or mend it"
            )
        try:
            vector = np.array(numbers, np.float32)
        except ValueError:
            raise KerasVisionError(f"{path}, line {number}: not all of it are numbers; mend it") from None
        yield word[0], _finite(vector, path, word[0])


def _parted(line, size):
    """(the word, its numbers): a word of GloVe may have blanks within."""
    parts = line.decode("utf-8", "replace").rstrip().split(" ")
    return " ".join(parts[:-size]), parts[-size:]


def _binary(file, path, size, stated):
    for _ in range(stated):
        word = bytearray()
        while (byte := file.read(1)) not in (b" ", b""):
            word += byte if byte != b"\n" else b""
        held = file.read(4 * size)
        if len(held) < 4 * size:
            return
        spelled = word.decode("utf-8", "replace")
        yield spelled, _finite(np.frombuffer(held, "<f4"), path, spelled)


def _finite(vector, path, word):
    if not np.isfinite(vector).all():
        raise KerasVisionError(f"{path}: the vector of {word!r} has a number that is not finite")
    return vector
