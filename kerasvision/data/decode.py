"""Encoded image -> RGB pixels, the same in training and in the SavedModel's bytes signature. Pure TensorFlow.

JPEG, PNG, BMP, GIF and WebP become uint8 [H, W, 3] by these rules, which a client without TensorFlow can repeat:

* Upright pixels count: an EXIF orientation is applied, as Pillow's `ImageOps.exif_transpose` does it, and sizes and
  windows are of the upright picture. The tag stands in a JPEG's first APP1 segment of EXIF before its first scan, a
  PNG's chunk `eXIf` (before or behind the pixels), or a WebP's chunk `EXIF` that its header announces. Anything
  ill-formed is orientation 1; XMP and text chunks are not asked. `stored` takes the tag away.
* Gray becomes three equal channels. CMYK JPEG becomes RGB, within one level of Pillow's: inverted, as Adobe writes it,
  where Adobe's marker stands, all 12 bytes of it, and as it is where none does (Pillow inverts both). 16 bits keep
  their high byte, so that a file of 16 bits which uses the low 8 only is black.
* A pixel beyond a palette is black. Pillow has the gray of its number where the palette of a BMP is grays in turn.
* Transparency (PNG, WebP) is composited over white, as a browser shows it: colors below full transparency are whatever
  the writer left there. Pillow: `Image.alpha_composite(Image.new("RGBA", size, "white"), image.convert("RGBA"))`.
* Of an animation, the first frame. A GIF's is laid on its screen; what it leaves free is black where it has a
  transparent color, else the palette's color 0. A WebP's must cover its canvas; any other is refused.
* A PNG's color key is ignored, a GIF's transparent pixels become black, a BMP's alpha is dropped: TensorFlow hands out
  none of these, and the fourth byte of a BMP pixel is mostly unused.
* JPEG uses the accurate integer DCT, which is also libjpeg-turbo's default in Pillow and Android: equal to the bit.
  TensorFlow's own default is the fast one, up to 12 levels off. What a progressive JPEG does not say before its marker
  EOI is guessed by libjpeg from the blocks around, whose versions differ in it by some levels.

Native decoders trust headers, so these are read first, here and by `look`, which servers and readers ask. Refused in
one line: what is none of the five formats; more than 178,956,970 pixels (Pillow's limit); a JPEG of more than 100
scans where they would take long; a PNG whose palette has a transparency that decoders read differently (longer than it,
behind the pixels, or twice); a BMP that TensorFlow would misread (fewer than 8 or 16 bits, compressed, OS/2, masks of
its own) or that has no room for its palette; a WebP whose header denies the transparency that it holds; a file that is
shorter than it says.

The graph is kept small, and what only some files need is in functions that are prepared when the first such file comes:
see `test_the_graph_is_small`.
"""

import functools

import tensorflow as tf

from kerasvision.data.encoded import bmp, exif, gif, jpeg, png, webp
from kerasvision.data.encoded.strings import MOST_PIXELS, TEXT, on_host, refused, refused_unless

__all__ = ["MOST_PIXELS", "decode", "decode_present", "image_hw", "look", "on_host", "still", "stored"]

_MAGICS = [png.MAGIC, b"RIFF\0\0\0\0WEBP", b"GIF8", b"BM", b"\xff\xd8\xff", b""]  # in the order of `_kind`; 0: any
_WEBP = 1  # of `_kind`
_IMAGE, _NUMBER = tf.TensorSpec([None, None, None], tf.uint8), tf.TensorSpec([], tf.int32)
_WINDOW = tf.TensorSpec([4], tf.int32)
_NO_IMAGE = "it is no JPEG, PNG, GIF, BMP or WebP"


def decode(image_bytes, window=None):
    """One encoded image -> uint8 [H, W, 3].

    image_bytes: string scalar. window: int32 [4] (y, x, height, width) inside the upright image, or a function that
    gives it for the image's int32 [2] (height, width). It is cut while a JPEG is decoded; other formats are decoded,
    then cut. Bytes that are no such image are a `tf.errors.InvalidArgumentError`.
    """
    image = tf.cond(
        tf.io.is_jpeg(image_bytes),
        lambda: _decode_jpeg(image_bytes, window),
        lambda: _cut(on_host(_colors)(image_bytes), window),
    )
    return tf.ensure_shape(image, [None, None, 3])


def decode_present(image_bytes):
    """One encoded image with transparency -> `image` uint8 [H, W, 3], and `present` uint8 [H, W]: 0 where a pixel is
    wholly transparent, whose color is 0. Without transparency every pixel is present.
    """
    held = tf.cond(tf.io.is_jpeg(image_bytes), lambda: _decode_jpeg(image_bytes, None), lambda: _upright(image_bytes))
    alpha = tf.where(tf.equal(tf.shape(held)[-1] % 2, 0), held[..., -1:], tf.constant(255, tf.uint8))
    present = tf.cast(alpha > 0, tf.uint8)
    return {"image": tf.ensure_shape(_flatten(held) * present, [None, None, 3]), "present": present[..., 0]}


def image_hw(image_bytes):
    """int32 [2] (height, width) of the upright image, from the file's header; the same errors as `decode`'s for what
    a header shows.
    """
    seen = on_host(look)(image_bytes)
    with tf.control_dependencies([refused(seen["problem"])]):
        return tf.identity(seen["hw"])


def look(image_bytes):
    """What the header of an encoded image says, without decoding it.

    {"hw": int32 [2] of the upright image, "orientation": int32 1..8, "problem": why `decode` refuses it, or ""}. A JPEG
    whose header cannot be read is a `tf.errors.InvalidArgumentError`.
    """

    def of_upright(part):
        hw, problem = part.look(image_bytes)
        return hw, tf.constant(exif.UPRIGHT), problem

    def of_png():
        hw, problem = png.look(image_bytes)
        return hw, png.orientation(image_bytes), problem

    def of_webp():
        header = webp.read_header(image_bytes)
        return header["hw"], webp.orientation(image_bytes, header), webp.problem(image_bytes, header)

    def of_jpeg():
        hw = jpeg.hw(image_bytes)
        return hw, jpeg.orientation(image_bytes), tf.where(jpeg.has_many_scans(image_bytes), jpeg.MANY_SCANS, "")

    def of_none():
        return tf.zeros([2], tf.int32), tf.constant(exif.UPRIGHT), tf.constant(_NO_IMAGE)

    formats = [of_png, of_webp, lambda: of_upright(gif), lambda: of_upright(bmp), of_jpeg, of_none]
    hw, orientation, problem = tf.switch_case(_kind(image_bytes), formats)
    return {"hw": exif.turned_hw(hw, orientation), "orientation": orientation, "problem": problem}


def stored(image_bytes):
    """The bytes without their EXIF orientation, so that stored pixels count."""
    taken = [lambda part=part: part.without_exif(image_bytes) for part in (png, webp, jpeg)]
    same = [lambda: tf.identity(image_bytes)] * 2
    return tf.switch_case(_kind(image_bytes), [*taken[:2], *same, taken[2], same[0]])


def still(image_bytes):
    """The bytes, or of an animated WebP those of its first frame, which any decoder may have. Only where `look` finds
    no problem.
    """
    is_webp = tf.equal(_kind(image_bytes), _WEBP)
    return tf.cond(is_webp, lambda: webp.still(image_bytes), lambda: tf.identity(image_bytes))


def _kind(image_bytes):
    """int32: of the branches of `look`; by the first bytes, as `tf.io.decode_image` tells formats apart."""
    size = max(map(len, _MAGICS))
    asked = [list(magic.ljust(size, b"\0")) for magic in _MAGICS]
    first = tf.io.decode_raw(tf.strings.substr(image_bytes, 0, size), tf.uint8, fixed_length=size)
    same = tf.equal(first, tf.constant(asked, tf.uint8)) | [[byte == 0 for byte in magic] for magic in asked]
    return tf.argmax(tf.reduce_all(same, 1), output_type=tf.int32)


def _decode_jpeg(image_bytes, window):
    """uint8 [H, W, 3]. What most files do not need is one operation here: each costs time even where it is not run.

    Decoding a picture of 500 x 375 and shrinking it to 224, in images/s with this and without: 941 and 977 where there
    is no tag, 940 and 980 where it says 1, 487 and 937 where rows and columns are exchanged (`pytest -n 0 -m benchmark
    -s tests/benchmarks/test_decode_cost.py`, 2 cores, AVX-512 (AMD EPYC), shared with other work).
    What is left of it is a dozen operators, each of which takes 1 to 3 us, and for a tag of 1 a regular expression.
    """
    if callable(window):
        is_stored = jpeg.is_untagged(image_bytes)
        window = window(tf.cond(is_stored, lambda: jpeg.hw(image_bytes), lambda: on_host(_upright_hw)(image_bytes)))
    if window is None:
        careful = functools.partial(on_host(_with_care), image_bytes)
    else:
        window = tf.cast(window, tf.int32)
        careful = functools.partial(on_host(_with_care, TEXT, _WINDOW), image_bytes, window)

    def pixels():
        return jpeg.pixels(image_bytes, window)

    def of_tagged():
        return tf.cond(is_brief & jpeg.says_upright(image_bytes), pixels, careful)

    is_brief = jpeg.is_brief(image_bytes)
    return tf.cond(is_brief & jpeg.is_untagged(image_bytes), pixels, of_tagged)


def _upright_hw(image_bytes):
    return exif.turned_hw(jpeg.hw(image_bytes), jpeg.orientation(image_bytes))


def _with_care(image_bytes, window=None):
    """Of a JPEG that may have to be turned, or to be refused for its scans."""
    hw, orientation = jpeg.hw(image_bytes), jpeg.orientation(image_bytes)
    with tf.control_dependencies([refused_unless(~jpeg.has_many_scans(image_bytes), jpeg.MANY_SCANS)]):
        part = None if window is None else exif.stored_window(window, hw, orientation)
        return _turned(jpeg.pixels(image_bytes, part), orientation)


def _known(window, hw):
    """The window of an image of this size: see `decode`."""
    return window(hw) if callable(window) else window


def _colors(image_bytes):
    """uint8 [H, W, 3], upright, of what is no JPEG."""
    return _flatten(_upright(image_bytes))


def _upright(image_bytes):
    """uint8 [H, W, 1 to 4], upright, of what is no JPEG: gray, gray + alpha, RGB or RGBA."""

    def of_none():
        with tf.control_dependencies([refused_unless(False, _NO_IMAGE)]):
            return tf.zeros([1, 1, 3], tf.uint8)

    # a JPEG or none of the formats is the last branch, as every number beyond it is
    formats = [lambda part=part: on_host(part)(image_bytes) for part in (_png, _webp, gif.pixels, bmp.pixels)]
    held = tf.switch_case(_kind(image_bytes), [*formats, of_none])
    return tf.ensure_shape(held, [None, None, None])


def _png(image_bytes):
    _, problem = png.look(image_bytes)
    return _with_alpha(image_bytes, problem, png.orientation(image_bytes))


def _webp(image_bytes):
    header = webp.read_header(image_bytes)
    problem, orientation = webp.problem(image_bytes, header), webp.orientation(image_bytes, header)
    return _with_alpha(webp.still(image_bytes, header), problem, orientation)


def _with_alpha(image_bytes, problem, orientation):
    with tf.control_dependencies([refused(problem)]):
        safe = tf.identity(image_bytes)
    held = tf.io.decode_image(safe, channels=0, expand_animations=False)
    return _turned(tf.ensure_shape(held, [None, None, None]), orientation)


def _turned(image, orientation):
    return on_host(exif.turned, _IMAGE, _NUMBER)(image, orientation)


def _flatten(held):
    """Gray, gray + alpha, RGB or RGBA, uint8 [H, W, 1 to 4] -> RGB."""
    *_, channels = tf.unstack(tf.shape(held))
    is_clear = tf.equal(channels % 2, 0)
    color = tf.cond(is_clear, lambda: _over_white(held[..., :-1], held[..., -1:]), lambda: held)
    return tf.tile(color, tf.stack([1, 1, tf.where(channels < 3, 3, 1)]))  # by 1: the same memory


def _over_white(color, alpha):
    color, alpha = tf.cast(color, tf.int32), tf.cast(alpha, tf.int32)
    return tf.cast((color * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)


def _cut(image, window):
    window = _known(window, tf.shape(image)[:2])
    return image if window is None else on_host(_part, _IMAGE, _WINDOW)(image, tf.cast(window, tf.int32))


def _part(image, window):
    y, x, height, width = tf.unstack(window)
    bounds = tf.shape(image)
    inside = (y >= 0) & (x >= 0) & (height > 0) & (width > 0) & (y + height <= bounds[0]) & (x + width <= bounds[1])
    with tf.control_dependencies([tf.debugging.Assert(inside, ["window outside the image:", window, bounds])]):
        return tf.identity(image[y : y + height, x : x + width])
