"""What a stored image is, before anything is done to it: format, size, color mode, EXIF tag and two fingerprints."""

import dataclasses
import hashlib
import io

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasvision.data.decode import look, on_host
from kerasvision.data.readable import bytes_problem, sniff, upright

THUMB = 16  # side of the gray thumbnail, pixels
TURNS = {  # what is said of a copy -> how Pillow makes it
    "nearly equal": None,
    "mirrored": Image.Transpose.FLIP_LEFT_RIGHT,
    "upside down and mirrored": Image.Transpose.FLIP_TOP_BOTTOM,
    "turned by 90 degrees": Image.Transpose.ROTATE_90,
    "turned by 180 degrees": Image.Transpose.ROTATE_180,
    "turned by 270 degrees": Image.Transpose.ROTATE_270,
    "turned by 90 degrees and mirrored": Image.Transpose.TRANSPOSE,
    "turned by 270 degrees and mirrored": Image.Transpose.TRANSVERSE,
}
DARK = 16  # high bytes below: of 16 bits no more than 12 are used


@dataclasses.dataclass(frozen=True)
class Facts:
    """One image. problem: why training cannot decode it, or None.

    digest: SHA-256 of the stored bytes. height, width: 0 when only TensorFlow can read the image. dhash: 64 bits, or
    None for a picture without any structure. thumb: uint8 [THUMB, THUMB], gray.
    """

    digest: bytes
    format: str = ""
    height: int = 0
    width: int = 0
    traits: frozenset = frozenset()
    dhash: int | None = None
    thumb: np.ndarray | None = None
    problem: str | None = None


def of_bytes(image_bytes):
    """Facts of an encoded image. Pillow looks; where Pillow fails, TensorFlow's decoder says whether training would."""
    digest = hashlib.sha256(image_bytes).digest()
    try:
        with Image.open(io.BytesIO(image_bytes)) as image:
            kind, seen = image.format.lower(), on_host(look)(tf.constant(image_bytes))
            height, width = seen["hw"].numpy().tolist()
            traits = set(_stored_traits(image, image_bytes)) | (
                {"exif_orientation"} if seen["orientation"] > 1 else set()
            )
            flat, clear = _shrunk(image)
            dhash, thumb = fingerprint(upright(flat, image_bytes))
            if "sixteen_bit" in traits and max(e[1] for e in _extrema(flat)) < DARK:
                traits.add("dark_sixteen_bit")
    except Exception:  # Pillow's plug-ins raise OSError, SyntaxError, ValueError, struct.error ...
        return Facts(digest, sniff(image_bytes) or "", problem=bytes_problem(image_bytes))
    return Facts(digest, kind, height, width, frozenset(traits | clear), dhash, thumb)


def of_array(image):
    """Facts of decoded pixels. image: uint8 [H, W, 3]."""
    image = np.ascontiguousarray(image)
    traits = {"grayscale"} if (image == image[..., :1]).all() else set()
    dhash, thumb = fingerprint(Image.fromarray(image))
    digest = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
    return Facts(digest, "pixels", *image.shape[:2], frozenset(traits), dhash, thumb)


def _stored_traits(image, image_bytes):
    """Names of the properties that stand in the header and that training treats in a way worth telling."""
    if image.mode in ("1", "L", "LA", "I", "I;16", "I;16B"):
        yield "grayscale"
    if image.mode == "CMYK":
        yield "cmyk"
    if image.format == "PNG" and image_bytes[24] == 16:  # IHDR: length, type, width, height, bit depth
        yield "sixteen_bit"
    if getattr(image, "is_animated", False):
        yield "animated"


def _extrema(image):
    """[(least, largest)] of each channel of a Pillow image."""
    found = image.getextrema()
    return found if isinstance(found[0], tuple) else [found]


def _shrunk(image, side=8 * THUMB):
    """As `_flatten`, of a smaller picture, no smaller than `side`, where a JPEG can be decoded so."""
    image.draft("L" if image.mode == "L" else "RGB", (side, side))
    return _flatten(image)


def as_seen(image_bytes, side):
    """A Pillow image of an encoded picture as training sees it, nearly; no smaller than `side` by what is saved in
    decoding a JPEG.
    """
    with Image.open(io.BytesIO(image_bytes)) as image:
        return upright(_shrunk(image, side)[0], image_bytes).convert("RGB")


def fingerprints(image_bytes):
    """[(dHash, thumbnail)] of an encoded picture as it is seen, and then mirrored and turned, in the order of TURNS."""
    with Image.open(io.BytesIO(image_bytes)) as image:
        gray = upright(_shrunk(image)[0], image_bytes).convert("L")
    return [fingerprint(gray if turn is None else gray.transpose(turn)) for turn in TURNS.values()]


def _flatten(image):
    """(the picture as training sees it, nearly; the kind of transparency that is really used, a set)."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)), set()
    if not image.has_transparency_data or image.format == "BMP":
        return image, set()
    rgba = image.convert("RGBA")
    if rgba.getchannel("A").getextrema()[0] == 255:
        return image, set()
    if image.format == "PNG" and image.mode not in ("P", "LA", "PA", "RGBA", "La", "RGBa"):
        return image, {"color_key"}
    if image.format == "GIF":
        return Image.alpha_composite(Image.new("RGBA", image.size, "black"), rgba), {"gif_transparency"}
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgba), {"alpha"}


def fingerprint(image):
    """(dHash, thumbnail) of a Pillow image.

    dHash: N. Krawetz, Kind of Like That (2013): 9 x 8 gray pixels, a bit for each that is darker than its right
    neighbor. Unchanged by scaling, re-encoding and brightness. None where no neighbor differs visibly.
    """
    gray = image.convert("L")
    small = np.asarray(gray.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    thumb = np.asarray(gray.resize((THUMB, THUMB), Image.Resampling.BOX))
    steps = small[:, 1:] - small[:, :-1]
    if np.abs(steps).max() <= 2:
        return None, thumb
    return int.from_bytes(np.packbits(steps > 0).tobytes(), "big"), thumb
