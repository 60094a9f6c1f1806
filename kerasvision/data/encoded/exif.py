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

import tensorflow as tf

from kerasvision.data.encoded.strings import big, cut, head, little

UPRIGHT = 1
_TAG, _SHORT, _LONG = 0x0112, 3, 4
_ENTRY = 12  # bytes


def of_tiff(tiff):
    """int32 1..8 of a TIFF header with its directories; 1 where there is no such tag or it is ill-formed.

    A tag is a SHORT (or two, of which the first counts) or a LONG of 1 to 8. Of several entries the last counts, and a
    directory that is cut off counts as far as it goes, as in Pillow.
    """
    tiff = tf.strings.regex_replace(tiff, r"^(?:Exif\x00\x00)+", "", replace_global=False)
    is_little = tf.equal(cut(tiff, 0, 4), b"II*\0")
    is_big = tf.equal(cut(tiff, 0, 4), b"MM\0*")

    def number(values, at, size):
        return tf.where(is_little, little(values, at, size), big(values, at, size))

    start = number(head(tiff, 0, 8), 4, 4)
    start = tf.where((start < 0) | (start > tf.strings.length(tiff)), tf.strings.length(tiff), start)
    count = tf.minimum(number(head(tiff, start, 2), 0, 2), (tf.strings.length(tiff) - start - 2) // _ENTRY)
    count = tf.where(is_little | is_big, tf.maximum(count, 0), 0)
    raw = tf.io.decode_raw(cut(tiff, start + 2, _ENTRY * count), tf.uint8)
    rows = tf.concat([tf.zeros([1, _ENTRY], tf.int32), tf.reshape(tf.cast(raw, tf.int32), [-1, _ENTRY])], 0)
    found = tf.cast(tf.equal(number(rows, 0, 2), _TAG), tf.int32)
    row = rows[tf.reduce_max(found * tf.range(tf.shape(rows)[0]))]  # row 0 is no entry
    kind = number(row, 2, 2)
    value = tf.where(tf.equal(kind, _SHORT), number(row, 8, 2), number(row, 8, 4))
    count = number(row, 4, 4)
    fits = tf.equal(count, 1) & (tf.equal(kind, _SHORT) | tf.equal(kind, _LONG))
    fits |= tf.equal(count, 2) & tf.equal(kind, _SHORT)  # four bytes hold two: the first counts
    return tf.where(fits & (value >= 1) & (value <= 8), value, UPRIGHT)


def exchanges(orientation):
    """Whether rows become columns. bool of int32."""
    return orientation > 4


def _flips(orientation):
    """(top to bottom, left to right): what is done after rows and columns have perhaps been exchanged."""

    def one_of(*tags):
        return tf.reduce_any(tf.equal(orientation, tags))

    return one_of(3, 4, 7, 8), one_of(2, 3, 6, 7)


def turned(image, orientation):
    """Stored pixels [H, W, C] -> upright ones, [W, H, C] where rows and columns are exchanged."""

    def turn():
        upright = tf.cond(exchanges(orientation), lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        return tf.reverse(upright, tf.where(tf.stack(_flips(orientation)))[:, 0])

    return tf.cond(tf.equal(orientation, UPRIGHT), lambda: image, turn)


def turned_hw(hw, orientation):
    """int32 [2] of the stored picture -> of the upright one."""
    return tf.where(exchanges(orientation), hw[::-1], hw)


def stored_window(window, hw, orientation):
    """A window of upright pixels, int32 [4] (y, x, height, width) -> the same of stored ones. hw: stored, int32 [2]."""
    y, x, height, width = tf.unstack(tf.cast(window, tf.int32), num=4)
    upright = turned_hw(hw, orientation)
    down, across = _flips(orientation)
    y = tf.where(down, upright[0] - y - height, y)
    x = tf.where(across, upright[1] - x - width, x)
    return tf.where(exchanges(orientation), tf.stack([x, y, width, height]), tf.stack([y, x, height, width]))
