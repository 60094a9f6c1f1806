"""Encoded pictures to pixels by the rules "kv1" of a contract. Pillow and numpy.

JPEG (accurate integer DCT), PNG, BMP, GIF, WebP. Gray becomes three equal channels, CMYK becomes RGB, 16 bits keep
their high byte, transparency is composited over white, of an animation the first frame counts. A PNG's color key and a
BMP's alpha are ignored; a GIF's transparent pixels are black.
"""

import io

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
ORIENTATION = 0x0112  # the tag, in EXIF 2.3, table 4
# orientation -> what shows the picture upright
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(encoded, exif_orientation="ignored"):
    """Bytes -> uint8 [H, W, 3], RGB. exif_orientation: "ignored" (stored pixels count) or "applied"."""
    image = _opened(encoded)
    return _upright(_colors(image), image, exif_orientation)


def decode_present(encoded, exif_orientation="ignored"):
    """Bytes -> (uint8 [H, W, 3], uint8 [H, W]): 0 in the second where a pixel is wholly transparent; its color is 0.
    A GIF's pixels are all present.
    """
    image = _opened(encoded)
    if _has_alpha(image) and image.format != "GIF":
        present = np.uint8(np.asarray(image.convert("RGBA"))[..., 3] > 0)
    else:
        present = np.ones(image.size[::-1], np.uint8)
    colors = _colors(image) * present[..., None]
    return _upright(colors, image, exif_orientation), _upright(present, image, exif_orientation)


def _opened(encoded):
    image = Image.open(io.BytesIO(encoded), formats=FORMATS)
    image.load()
    return image


def _has_alpha(image):
    """A color key (PNG's tRNS without palette) is no alpha."""
    return image.mode in ("RGBA", "LA", "PA") or (image.mode == "P" and "transparency" in image.info)


def _colors(image):
    if image.mode.startswith("I"):
        high = (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)
        return np.stack([high] * 3, axis=-1)
    if image.format == "BMP" or not _has_alpha(image):
        image.info.pop("transparency", None)
        return np.array(image.convert("RGB"))
    stored = np.asarray(image.convert("RGBA")).astype(np.int64)
    ground = 0 if image.format == "GIF" else 255
    color, alpha = stored[..., :3], stored[..., 3:]
    return ((color * alpha + ground * (255 - alpha) + 127) // 255).astype(np.uint8)


def _upright(pixels, image, rule):
    exif = image.info.get("exif")
    if rule == "ignored" or not exif:
        return pixels
    tags = Image.Exif()
    try:
        tags.load(exif)
        turn = UPRIGHT.get(tags.get(ORIENTATION))
    except Exception:  # whatever a damaged segment makes Pillow raise: no orientation can be read from it
        turn = None
    return pixels if turn is None else np.array(Image.fromarray(pixels).transpose(turn))
