"""JPEG (ITU-T T.81): the EXIF segment, and how often a picture is gone over."""

import tensorflow as tf

from kerasvision.data.encoded import exif
from kerasvision.data.encoded.strings import MOST_STEPS, characters, cut, holds, on_host

MOST_SCANS = 100  # a progressive file has about 10; each scan goes over all coefficients, however few bytes it has
_HARMLESS = 3 * 10**11  # values of pixels x bytes: below, no number of scans takes long
MANY_SCANS = f"a JPEG of more than {MOST_SCANS} scans; write it anew"
_EXIF = "Exif\0\0"
_APP1, _SOS, _EOI = 0xE1, 0xDA, 0xD9
_DCT = "INTEGER_ACCURATE"
_JFIF, _SEGMENT = r"\xff\xd8(?:\xff\xe0\x00\x10.{14})?", r"\xff\xe1..Exif\x00\x00"  # of 16 bytes; of any size
_FRONT = 20 + 10 + exif.MOST_BYTES  # bytes that are looked at: these two and a directory
# the first segment, or that behind JFIF's, says so: what follows does not matter
_SAYS_UPRIGHT = f"(?s){_JFIF}{_SEGMENT}(?:{exif.SAYS_UPRIGHT}).*"
# of each marker: what is passed over, with its length's worth or without. 0 and 0xFF are none, but filling
_PASSED = [(1, 0) if m in (0, 0xFF) else (2, 0 if m == 1 or 0xD0 <= m <= 0xD8 else 1) for m in range(256)]


def pixels(image_bytes, window):
    """uint8 [H, W, 3] as stored; window: None or int32 [4] of stored pixels."""
    if window is None:
        return tf.io.decode_jpeg(image_bytes, channels=3, dct_method=_DCT)
    return tf.image.decode_and_crop_jpeg(image_bytes, window, channels=3, dct_method=_DCT)


def hw(image_bytes):
    """int32 [2] as stored."""
    return tf.image.extract_jpeg_shape(image_bytes)[:2]


def is_brief(image_bytes):
    """bool: whether no number of scans in so many bytes would take long."""
    shape = tf.image.extract_jpeg_shape(image_bytes, output_type=tf.int64)
    return tf.reduce_prod(shape) * tf.cast(tf.strings.length(image_bytes), tf.int64) <= _HARMLESS


def has_many_scans(image_bytes):
    """bool: whether it would take long. In coded data 0xFF is never followed by 0xDA, so that scans can be counted."""
    counted = tf.where(is_brief(image_bytes), "", image_bytes)
    parts = tf.raw_ops.StringSplitV2(input=tf.stack([counted]), sep=b"\xff\xda").values
    return tf.size(parts) > MOST_SCANS + 1


def is_untagged(image_bytes):
    """bool: whether the bytes of an EXIF segment are nowhere."""
    return ~holds(image_bytes, _EXIF)


def says_upright(image_bytes):
    """bool: whether a tag of 1 stands where it mostly stands, so that `orientation` is 1. False is no answer."""
    return tf.strings.regex_full_match(characters(image_bytes, _FRONT), _SAYS_UPRIGHT)


def orientation(image_bytes):
    """int32 1..8, of the first APP1 segment with EXIF that stands before the first scan; 1 without one."""
    is_upright = is_untagged(image_bytes) | says_upright(image_bytes)
    return tf.cond(is_upright, lambda: exif.UPRIGHT, lambda: on_host(walked)(image_bytes))


def walked(image_bytes):
    """`orientation`, by a walk over all segments before the first scan, which takes ten times as long."""
    exif_at, size = _find_exif(image_bytes)
    return on_host(exif.of_tiff)(cut(image_bytes, exif_at + 4 + len(_EXIF), size - 2 - len(_EXIF)))


def without_exif(image_bytes):
    """JPEG, string scalar -> the same without the segment that `orientation` reads; as it is where there is none."""
    at, size = _find_exif(image_bytes)
    rest = cut(image_bytes, at + 2 + size, tf.strings.length(image_bytes))
    return tf.where(size > 0, tf.strings.join([cut(image_bytes, 0, at), rest]), image_bytes)


def _find_exif(image_bytes):
    """(where its marker stands, its length as the segment says); 0, 0 when there is none."""
    end = tf.strings.length(image_bytes)

    def step(at, found, held):
        front = tf.strings.substr(image_bytes, at, 4 + len(_EXIF))  # there are four
        values = tf.cast(tf.io.decode_raw(front, tf.uint8, fixed_length=4), tf.int32)
        first, marker, high, low = tf.unstack(values)
        marker, size = tf.where(tf.equal(first, 0xFF), marker, 0), 256 * high + low
        hit = tf.equal(marker, _APP1) & tf.strings.regex_full_match(front, rf"\C{{4}}{_EXIF}")
        last = tf.reduce_any(tf.equal(marker, [_SOS, _EOI]))
        passed, lengths = tf.unstack(tf.gather(_PASSED, marker))
        following = at + passed + lengths * tf.maximum(size, 2)
        return tf.where(hit | last, end, following), tf.where(hit, at, found), tf.where(hit, size, held)

    start = (tf.constant(2), tf.constant(0), tf.constant(0))
    _, at, size = tf.while_loop(lambda at, *_: at + 4 <= end, step, start, maximum_iterations=MOST_STEPS)
    return at, size
