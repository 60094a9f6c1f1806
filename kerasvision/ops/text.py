"""UTF-8 bytes -> ids of words, pairs of words and n-grams of characters, by integer operators that every runtime has.

A text is uint8 [B, L], padded with 0. Its rules, which a second program needs no more than these lines for:

- Characters are those of UTF-8. A byte 0x80..0xBF belongs to the byte before it that is none, at most three back.
- Lower case: of characters below U+0800 (ASCII, Latin, Greek, Cyrillic, Armenian) whose lower case, by Python's
  `str.lower`, is one character that takes as many bytes. Beyond, letters stay as they are.
- A word is a run of letters, digits, combining marks and apostrophes (below U+0800 by Unicode's category, beyond by
  blocks of 64 characters, `ALONE`). White space and control characters end a word; any other character is a word of
  its own: punctuation, emoji and everything else of four bytes, and the letters of scripts that put no space between
  words (Han, Kana, Thai, Lao, Khmer, Myanmar).
- The hash of the bytes b[0..n) is the sum of b[j] * m ** j modulo 2 ** 32, as int32. The hash of a word within a text
  is the difference of two running sums, times an inverse power of m, so the multiplier m is odd.

Everything is exact: int32 that wraps, comparisons, look-ups in constants. So ids are equal in TensorFlow, LiteRT and
ONNX. Rabin-Karp fingerprints: Karp, Rabin 1987, doi:10.1147/rd.312.0249; hashed features: Weinberger et al. 2009,
arXiv:0902.2206.
"""

import dataclasses
import functools
import unicodedata

import numpy as np
import tensorflow as tf

MULTIPLIER = 0x01000193  # FNV's prime; the first that is tried
MOST_BYTES = 2**20  # of a text that is sent
_STEP = 2  # to the next one: odd numbers stay odd
_PAIR, _MIX = 0x2C1B3C6D, 0x297A2D39  # odd; pairs of words, and bits of a hash among one another
SEPARATOR, LETTER, OWN, WITHIN = range(4)  # what a byte is: `WITHIN` belongs to the byte before it
PAD, UNKNOWN, FIRST = 0, 1, 2  # ids of nothing, of a word that is not in the vocabulary, and of its first word
ROWS_OF_TWO = 256  # where characters of two bytes begin in the tables,
_THREE = ROWS_OF_TWO + 32 * 64  # and where blocks of those of three do
ALONE = (  # blocks of characters of three bytes each of which is a word, (first, last): no spaces, or no letters
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2000, 0x2BFF), (0x2E00, 0x9FFF)),
    (0xE000, 0xFFFF),
)


@functools.cache
def tables():
    """int32 arrays. By a byte: `code`, where its character's row begins; `reaches`, 1 where the next byte says which
    row it is; `low`, what a byte adds to the row of the one before it. By a row: `kind`, and the lower-cased bytes
    `first` and `second`, the latter 0 unless a character has two.
    """
    byte = np.arange(256)
    lead2, lead3 = (byte >= 0xC0) & (byte < 0xE0), (byte >= 0xE0) & (byte < 0xF0)
    code = np.where(lead2, ROWS_OF_TWO + (byte & 31) * 64, np.where(lead3, _THREE + (byte & 15) * 64, byte))
    low = np.where((byte >= 0x80) & (byte < 0xC0), byte & 63, 0)
    rows = _THREE + 16 * 64
    kind, first, second = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    kind[:256] = [_kind_of(chr(b)) if b < 128 else WITHIN if b < 192 else OWN for b in range(256)]
    first[:256] = [ord(lowered(chr(b))) if b < 128 else b for b in range(256)]
    for point in range(0x800):
        row, low_case = ROWS_OF_TWO + point, ord(lowered(chr(point)))
        kind[row], first[row], second[row] = _kind_of(chr(point)), 0xC0 | low_case >> 6, 0x80 | low_case & 63
    for block in range(16 * 64):
        kind[_THREE + block] = OWN if any(a <= block * 64 <= b for a, b in ALONE) else LETTER
        first[_THREE + block] = 0xE0 | block >> 6
    held = {"code": code, "reaches": lead2 | lead3, "low": low, "kind": kind, "first": first, "second": second}
    return {name: np.asarray(values, np.int32) for name, values in held.items()}


def lowered(character):
    """The lower case of a character as the module's rules have it."""
    low = character.lower()
    return (
        low if ord(character) < 0x800 and len(low) == 1 and len(low.encode()) == len(character.encode()) else character
    )


def _kind_of(character):
    """Of a character below U+0800."""
    category = unicodedata.category(character)
    if category[0] in "LNM" or character == "'":
        return LETTER
    return SEPARATOR if category[0] in "ZC" else OWN


def hash_of(data, multiplier=MULTIPLIER):
    """The hash of bytes, as a signed 32-bit int."""
    total = 0
    for byte in reversed(data):
        total = (total * multiplier + byte) & 0xFFFFFFFF
    return signed(total)


def signed(number):
    """A number modulo 2 ** 32 as int32 holds it."""
    return (number + 0x80000000) % 0x100000000 - 0x80000000


@functools.lru_cache(maxsize=64)
def multiplier_of(words):
    """The first multiplier that gives the words, a tuple of lower-cased strings, hashes that all differ."""
    encoded, multiplier = [word.encode() for word in words], MULTIPLIER
    while len({hash_of(word, multiplier) for word in encoded}) < len(set(encoded)):
        multiplier += _STEP
    return multiplier


@dataclasses.dataclass(frozen=True, eq=False)
class Words:
    """The words of texts. values: int32 [B, L + 1], the lower-cased bytes behind a separator that all texts begin with.
    kinds: what each is part of. begins: bool, where a character begins. sums: int32 [B, L + 2], running sums of the
    bytes times powers. starts, ends: int32 [B, T], where each word begins, and behind its last byte; L + 1 where there
    is none. hashes: int32 [B, T].
    """

    values: tf.Tensor
    kinds: tf.Tensor
    begins: tf.Tensor
    sums: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    hashes: tf.Tensor
    multiplier: int

    @property
    def present(self):
        """bool [B, T]: whether there is a word."""
        return self.starts < self.values.shape[1]


def words_of(text_bytes, count, multiplier=MULTIPLIER):
    """The first `count` words of texts, `Words`. text_bytes: uint8 [B, L], of a known length, or another dtype with
    whole numbers 0..255.
    """
    held = {name: tf.constant(values) for name, values in tables().items()}
    length = text_bytes.shape[1] + 1
    byte = shifted(tf.cast(text_bytes, tf.int32), 1, length)
    after = shifted(byte, -1)
    row = tf.gather(held["code"], byte) + tf.gather(held["reaches"], byte) * tf.gather(held["low"], after)
    own, second = tf.gather(held["kind"], row), shifted(tf.gather(held["second"], row), 1)
    values = tf.where((second > 0) & (own == WITHIN), second, tf.gather(held["first"], row))
    kinds = own
    for back in (1, 2, 3):
        kinds = tf.where(kinds == WITHIN, shifted(own, back), kinds)
    kinds, begins = tf.where(kinds == WITHIN, SEPARATOR, kinds), own != WITHIN
    starts = begins & (kinds != SEPARATOR) & ((kinds == OWN) | (shifted(kinds, 1) != LETTER))
    next_starts = shifted(tf.cast(starts, tf.int32), -1) > 0
    last = (kinds != SEPARATOR) & (next_starts | (shifted(kinds, -1) == SEPARATOR))
    sums = shifted(tf.cumsum(values * powers(multiplier, length), axis=1), 1, length + 1)
    first, behind = _places(starts, count), tf.minimum(_places(last, count) + 1, length)
    hashes = hashes_between(sums, first, behind, multiplier)
    return Words(values, kinds, begins, sums, first, behind, hashes, multiplier)


def powers(multiplier, count):
    """int32 [count]: m ** j modulo 2 ** 32."""
    return tf.constant([signed(pow(multiplier, j, 1 << 32)) for j in range(count)], tf.int32)


def hashes_between(sums, first, behind, multiplier):
    """The hash of the bytes from `first` to `behind`, int32 [B, N], by running sums [B, M]; 0 where there are none."""
    inverse = pow(multiplier, -1, 1 << 32)
    return (taken(sums, behind) - taken(sums, first)) * tf.gather(powers(inverse, sums.shape[1]), first)


def taken(values, places):
    """values [B, M] at places [B, N] of the same row."""
    return tf.gather(values, places, batch_dims=1)


def shifted(values, by, length=None):
    """[B, M] -> [B, length], M unless given: each value `by` places further on, 0 where none comes from."""
    size = values.shape[1]
    length = length or size
    padded = tf.pad(values, [[0, 0], [max(by, 0), max(length - size - by, 0)]])
    return padded[:, max(-by, 0) :][:, :length]


def _places(where, count):
    """int32 [B, count]: the first places of bool [B, M] that are true, in order; M where there are no more."""
    length = where.shape[1]
    falling = length - tf.range(length)
    return length - tf.math.top_k(tf.where(where, falling, 0), count).values


@functools.lru_cache(maxsize=64)
def vocabulary_table(words, multiplier):
    """int32 [2 ** k]: the hashes of a vocabulary in its own order, which `in_order` has made a rising one."""
    hashes = [hash_of(word.encode(), multiplier) for word in words]
    size = 1 << max(1, (len(words)).bit_length())
    return np.int32(hashes + [2**31 - 1] * (size - len(words)))


def in_order(words):
    """A vocabulary as models hold it: each word once, by rising hash, so that a word's place is its rank."""
    words = tuple(sorted(set(words)))
    multiplier = multiplier_of(words)
    return tuple(sorted(words, key=lambda word: hash_of(word.encode(), multiplier)))


def looked_up(hashes, present, words, multiplier):
    """int32 ids: `FIRST` + the place of the word with this hash, `UNKNOWN`, or `PAD` where none is present."""
    table = tf.constant(vocabulary_table(words, multiplier))
    place, step = tf.zeros_like(hashes), table.shape[0] // 2
    while step:
        place = tf.where(tf.gather(table, place + step) <= hashes, place + step, place)
        step //= 2
    known = (tf.gather(table, place) == hashes) & (place < len(words))
    return tf.where(present, tf.where(known, place + FIRST, UNKNOWN), PAD)


def bucketed(hashes, present, buckets):
    """int32 ids 1..buckets, by hashes whose high bits are brought down first; `PAD` where nothing is present."""
    mixed = hashes * _MIX
    mixed = mixed + tf.math.floordiv(mixed - _remainder(mixed, 65536), 65536)
    return tf.where(present, 1 + _remainder(mixed, buckets), PAD)


def _remainder(numbers, by):
    """0..by - 1. What tf2onnx makes of `floormod` has the sign of the number; with it a division is exact as well, so
    that it does not matter which way a runtime rounds.
    """
    rest = tf.math.floormod(numbers, by)
    return tf.where(rest < 0, rest + by, rest)


def word_buckets(words, buckets):
    """int32 [B, T]: ids of hashed words."""
    return bucketed(words.hashes, words.present, buckets)


def pair_buckets(words, buckets):
    """int32 [B, T - 1]: ids of hashed pairs of neighbors."""
    return bucketed(words.hashes[:, :-1] * _PAIR + words.hashes[:, 1:], words.present[:, 1:], buckets)


def ngram_buckets(words, size, buckets):
    """int32 [B, L + 1]: ids of hashed n-grams of `size` characters, each where it begins.

    They stand within a run without separators, and may begin and end with one, which counts as a space.
    """
    separators = words.kinds == SEPARATOR
    is_text = tf.cast(~separators, tf.int32)
    values = tf.where(separators, 32, words.values)
    length = values.shape[1]
    sums = shifted(tf.cumsum(values * powers(words.multiplier, length), axis=1), 1, length + 1)
    gaps = shifted(tf.cumsum(1 - is_text, axis=1), 1, length + 1)  # separators before each place
    place = tf.range(length) + tf.zeros_like(values)
    beyond = next_characters(words.begins)
    inner = last = taken(beyond, place)
    for _ in range(size - 2):
        last = taken(beyond, last)
    behind = taken(beyond, last)
    whole = words.begins & (last < length) & (taken(gaps, last) == taken(gaps, inner))
    if size == 2:  # nothing lies between its two
        whole &= is_text + taken(is_text, tf.minimum(last, length - 1)) > 0
    return bucketed(hashes_between(sums, place, behind, words.multiplier) + size, whole, buckets)


def next_characters(begins):
    """int32 [B, M + 1]: where the next character begins, at most three bytes of one are looked at; M at the end."""
    length = begins.shape[1]
    later = [shifted(tf.cast(begins, tf.int32), -by) for by in (1, 2, 3)]
    steps = tf.where(later[0] > 0, 1, tf.where(later[1] > 0, 2, tf.where(later[2] > 0, 3, 4)))
    reached = tf.minimum(tf.range(length) + steps, length)
    return tf.pad(reached, [[0, 0], [0, 1]], constant_values=length)


def cut(text, length):
    """string [B], UTF-8 -> uint8 [B, length], cut before a character that does not fit, padded with 0."""
    held = tf.io.decode_raw(text, tf.uint8, fixed_length=length + 1)
    is_within = (held >= 0x80) & (held < 0xC0)
    place = tf.range(length)
    last = tf.reduce_max(tf.where(is_within[:, :-1], 0, place), 1, keepdims=True)  # where the last character begins
    broken = is_within[:, -1:] & (place >= last)
    return tf.ensure_shape(tf.where(broken, tf.constant(0, tf.uint8), held[:, :-1]), [None, length])


def features(words, buckets, pairs, ngrams):
    """int32 [B, N]: ids of hashed words, if wanted their pairs, and n-grams of characters of the given sizes."""
    ids = [word_buckets(words, buckets)] + ([pair_buckets(words, buckets)] if pairs else [])
    return tf.concat([*ids, *(ngram_buckets(words, size, buckets) for size in ngrams)], 1)


def feature_count(length, words, pairs, ngrams):
    """N of `features`, of texts of so many bytes and words."""
    return words + (words - 1) * pairs + (length + 1) * len(ngrams)


def spelled(words):
    """[B][n]: the lower-cased bytes of each word that is there, of `Words` of known values."""
    values, starts, ends = (np.asarray(part) for part in (words.values, words.starts, words.ends))
    rows = [bytes(row.astype(np.uint8)) for row in values]
    return [
        [row[a:b] for a, b in zip(first, behind, strict=True) if a < len(row)]
        for row, first, behind in zip(rows, starts, ends, strict=True)
    ]


def shares(ids):
    """float32 [B, N]: what each id that is not 0 has in their mean; 0 of all where there are none."""
    present = tf.cast(ids > 0, tf.float32)
    return present / tf.maximum(tf.reduce_sum(present, 1, keepdims=True), 1.0)
