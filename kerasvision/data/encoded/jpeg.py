"""JPEG (ITU-T T.81): the EXIF segment, and how often a picture is gone over."""

import tensorflow as tf

from kerasvision.data.encoded import exif
from kerasvision.data.encoded.strings import MOST_STEPS, big, cut, head

MOST_SCANS = 100  # a progressive file has about 10; each scan goes over all coefficients, however few bytes it has
_HARMLESS = 10**11  # pixels x bytes: below, no number of scans takes long
MANY_SCANS = f"a JPEG of more than {MOST_SCANS} scans; write it anew"
_EXIF = b"Exif\0\0"
_APP1, _SOS, _EOI = 0xE1, 0xDA, 0xD9
_DCT = "INTEGER_ACCURATE"


def pixels(image_bytes, window):
    """uint8 [H, W, 3] as stored; window: None or int32 [4] of stored pixels."""
    if window is None:
        return tf.io.decode_jpeg(image_bytes, channels=3, dct_method=_DCT)
    return tf.image.decode_and_crop_jpeg(image_bytes, window, channels=3, dct_method=_DCT)


def hw(image_bytes):
    """int32 [2] as stored."""
    return tf.image.extract_jpeg_shape(image_bytes)[:2]


def has_many_scans(image_bytes, hw):
    """bool: whether it would take long. In coded data 0xFF is never followed by 0xDA, so that scans can be counted."""
    work = tf.reduce_prod(tf.cast(hw, tf.int64)) * tf.cast(tf.strings.length(image_bytes), tf.int64)
    return tf.cond(
        work > _HARMLESS,
        lambda: _count(image_bytes, b"\xff\xda", -1) > MOST_SCANS,
        lambda: tf.constant(False),
    )


def may_be_tagged(image_bytes):
    """False where the bytes of an EXIF segment are nowhere: a tenth of the time that walking would take."""
    return _count(image_bytes, _EXIF, 1) > 0


def _count(image_bytes, part, most):
    """int64: how often `part` stands in the bytes, up to `most` (-1: all)."""
    return tf.raw_ops.StringSplitV2(input=image_bytes[None], sep=part, maxsplit=most).shape[1] - 1


def orientation(image_bytes):
    """int32 1..8, of the first APP1 segment with EXIF that stands before the first scan."""
    exif_at, size = _find_exif(image_bytes)
    return exif.of_tiff(cut(image_bytes, exif_at + 4 + len(_EXIF), size - 2 - len(_EXIF)))


def without_exif(image_bytes):
    """The bytes without that segment."""
    at, size = _find_exif(image_bytes)
    rest = cut(image_bytes, at + 2 + size, tf.strings.length(image_bytes))
    return tf.where(size > 0, tf.strings.join([cut(image_bytes, 0, at), rest]), image_bytes)


def _find_exif(image_bytes):
    """(where its marker stands, its length as the segment says: 0 when there is none)."""
    end = tf.strings.length(image_bytes)

    def step(at, _, found):
        values = head(image_bytes, at, 4)
        marker, size = values[1], big(values, 2, 2)
        is_marker = tf.equal(values[0], 0xFF) & (marker > 0) & (marker < 0xFF)
        alone = (marker >= 0xD0) & (marker <= 0xD8) | tf.equal(marker, 1)  # without a length
        hit = is_marker & tf.equal(marker, _APP1) & tf.equal(cut(image_bytes, at + 4, len(_EXIF)), _EXIF)
        last = is_marker & (tf.equal(marker, _SOS) | tf.equal(marker, _EOI))
        following = at + tf.where(is_marker, tf.where(alone, 2, 2 + tf.maximum(size, 2)), 1)  # else filling
        return tf.where(hit, at, following), hit | last | (following + 4 > end), tf.where(hit, size, found)

    start = (tf.constant(2), tf.constant(False), tf.constant(0))
    at, _, size = tf.while_loop(lambda at, done, size: ~done, step, start, maximum_iterations=MOST_STEPS)
    return at, size
