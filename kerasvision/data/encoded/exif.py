"""The EXIF orientation: what a tag says, and how stored pixels become upright ones and windows the way back.

CIPA DC-008 (Exif 3.0), tag 0x0112 of the first directory of a TIFF header:

| tag | shown as |
|---|---|
| 1 | stored |
| 2, 4 | mirrored left to right, top to bottom |
| 3 | turned by half |
| 6, 8 | turned by a quarter, clockwise and counterclockwise |
| 5, 7 | with rows and columns exchanged, along the main and the other diagonal |
"""

import itertools
import struct

import numpy as np
import tensorflow as tf

from kerasvision.data.encoded.strings import cut, padded

UPRIGHT = 1
_TAG, _SHORT, _LONG = 0x0112, 3, 4
_ENTRY = 12  # bytes
# of each tag (top to bottom, left to right): what is done after rows and columns have perhaps been exchanged
_FLIPS = [(tag in (3, 4, 7, 8), tag in (2, 3, 6, 7)) for tag in range(9)]


def _well_formed():
    """(uint16 [N, 6]: every entry that counts, low bytes first; bool [N, 6]: what of it is not asked; int32 [N]: what
    it says). A tag is a SHORT (or two, of which the first counts) or a LONG of 1 to 8.
    """
    forms = (("HHIHH", _SHORT, 1), ("HHIHH", _SHORT, 2), ("HHII", _LONG, 1))
    every = list(itertools.product("<>", forms, range(1, 9)))
    entries = b"".join(
        struct.pack(order + code, _TAG, kind, count, *([value, 0] if kind == _SHORT else [value]))
        for order, (code, kind, count), value in every
    )
    unasked = [[False] * 5 + [kind == _SHORT] for _, (_, kind, _), _ in every]
    return np.frombuffer(entries, "<u2").reshape(-1, 6).astype(np.int32), unasked, [value for *_, value in every]


_ENTRIES, _UNASKED, _VALUES = _well_formed()
_MOST_ENTRIES = 24  # that are looked at in a short cut; cameras write 9 to 17
MOST_BYTES = 10 + _ENTRY * _MOST_ENTRIES


def _says_upright():
    """A regular expression of the front of a TIFF header, whose bytes are characters: the first directory stands at its
    usual place, has `_MOST_ENTRIES` at most, and each entry is of another tag or a SHORT of 1. `of_tiff` is 1 then; of
    many other files, too.
    """

    def spelled(number, size, order):
        return "".join(f"\\x{byte:02x}" for byte in number.to_bytes(size, order))

    found = []
    for magic, order in (("MM\\x00\\x2a", "big"), ("II\\x2a\\x00", "little")):
        tag, short = spelled(_TAG, 2, order), spelled(_SHORT, 2, order)
        first, second = tag[:4], tag[4:]
        of_one = f"{tag}{short}{spelled(1, 4, order)}{spelled(UPRIGHT, 2, order)}.."
        entry = f"(?:[^{first}].{{11}}|{first}[^{second}].{{10}}|{of_one})"
        # the number of entries and as many of them: of the most, or of one less, and so on
        directory = spelled(_MOST_ENTRIES, 2, order)
        for number in reversed(range(_MOST_ENTRIES)):
            directory = f"(?:{directory}{entry}|{spelled(number, 2, order)})"
        found.append(f"{magic}{spelled(8, 4, order)}{directory}")
    return "|".join(found)


SAYS_UPRIGHT = _says_upright()


def of_tiff(tiff):
    """int32 1..8 of a TIFF header with its directories; 1 where there is no such tag or it is ill-formed.

    Of several entries the first counts, and a directory that is cut off counts as far as it goes, as in Pillow 13.
    """
    tiff = tf.strings.regex_replace(tiff, r"^(?:Exif\x00\x00)+", "", replace_global=False)
    magic = tf.strings.substr(tiff, 0, 4)
    is_little, is_big = tf.equal(magic, b"II*\0"), tf.equal(magic, b"MM\0*")
    end = tf.strings.length(tiff)
    start = _number(tiff, 4, tf.int32, is_little)
    start = tf.where((is_little | is_big) & (start >= 0), start, end)  # at the end there is no entry
    count = tf.minimum(_number(tiff, start, tf.uint16, is_little), (end - start - 2) // _ENTRY)
    # low bytes first, whatever the order, as in the table of entries
    raw = tf.io.decode_raw(cut(tiff, start + 2, _ENTRY * count), tf.uint16)
    rows = tf.reshape(tf.cast(raw, tf.int32), [-1, _ENTRY // 2])
    tagged = tf.equal(tf.unstack(rows, axis=1)[0], tf.where(is_little, _TAG, _TAG % 256 * 256 + _TAG // 256))
    row = tf.pad(tf.gather_nd(rows, tf.where(tagged)), [[0, 1], [0, 0]])[0]  # of zeros where there is none
    is_this = tf.reduce_all(tf.equal(row, _ENTRIES) | _UNASKED, 1)
    return tf.reduce_max(tf.where(is_this, _VALUES, UPRIGHT))


def _number(tiff, at, dtype, is_little):
    """int32: of the bytes at this place in the file's order; 0 stands behind the end."""
    # padded: the operator is not asked for bytes beyond those that it is given
    held = padded(tiff, at, dtype.size)
    low, high = (tf.io.decode_raw(held, dtype, little_endian=o, fixed_length=dtype.size) for o in (True, False))
    return tf.cast(tf.squeeze(tf.where(is_little, low, high), 0), tf.int32)


def exchanges(orientation):
    """Whether rows become columns. bool of int32."""
    return orientation > 4


def turned(image, orientation):
    """Stored pixels [H, W, C] -> upright ones, [W, H, C] where rows and columns are exchanged."""

    def turn():
        is_exchanged = exchanges(orientation)
        down, across = tf.unstack(tf.gather(_FLIPS, orientation))
        # whole rows are copied ten times as fast as pixels: what will be mirrored across as columns, is so as rows
        rows = _rows(image, tf.where(is_exchanged, across, down))
        return tf.cond(
            is_exchanged,
            lambda: _rows(tf.transpose(rows, [1, 0, 2]), down),
            lambda: tf.reverse(rows, tf.squeeze(tf.where([False, across]), 1)),
        )

    return tf.cond(tf.equal(orientation, UPRIGHT), lambda: image, turn)


def _rows(image, is_reversed):
    """The rows of an image, the last one first where it is said."""
    places = tf.range(tf.shape(image)[0])
    return tf.gather(image, tf.where(is_reversed, tf.reverse(places, [0]), places))


def turned_hw(hw, orientation):
    """int32 [2] of the stored picture -> of the upright one."""
    return tf.where(exchanges(orientation), tf.reverse(hw, [0]), hw)


def stored_window(window, hw, orientation):
    """A window of upright pixels, int32 [4] (y, x, height, width) -> the same of stored ones. hw: stored, int32 [2]."""
    y, x, height, width = tf.unstack(tf.cast(window, tf.int32), num=4)
    upright = turned_hw(hw, orientation)
    down, across = tf.unstack(tf.gather(_FLIPS, orientation))
    y = tf.where(down, upright[0] - y - height, y)
    x = tf.where(across, upright[1] - x - width, x)
    return tf.where(exchanges(orientation), tf.stack([x, y, width, height]), tf.stack([y, x, height, width]))
