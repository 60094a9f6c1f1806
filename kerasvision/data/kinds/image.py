"""Pictures, and which of their pixels are there."""

import dataclasses
import io
import pathlib
import typing

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasvision.core.errors import KerasVisionError, said
from kerasvision.core.registry import input_kinds
from kerasvision.data.decode import decode, decode_present, on_host
from kerasvision.data.kinds.base import InputKind

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
SHOWN_PX = 256  # larger pictures are looked at in this size
STATISTICS = ("brightness", "contrast", "sharpness", "height", "width")


@input_kinds.register("image")
@dataclasses.dataclass(frozen=True)
class ImageInput(InputKind):
    """uint8 [H, W, 3], RGB. With `present` uint8 [H, W], 0 where a pixel is missing: where a PNG or WebP is wholly
    transparent.
    """

    suffixes: typing.ClassVar[tuple[str, ...]] = SUFFIXES
    what: typing.ClassVar[str] = "the path or the bytes of a picture, or uint8 [H, W, 3]"
    is_encoded: typing.ClassVar[bool] = True

    def read(self, item, inputs):
        key = next(iter(inputs))
        present = _present_key(inputs)
        if isinstance(item, Image.Image):
            item = _encoded(item)
        if isinstance(item, np.ndarray):
            pixels = read_image(item)
            held = {key: pixels} | ({present: np.ones(pixels.shape[:2], np.uint8)} if present else {})
            return held, pixels
        if present:
            held = decoded(decode_present, item)
            return {key: held["image"], present: held["present"]}, held["image"]
        pixels = read_image(item)
        return {key: pixels}, pixels

    def decode(self, encoded, inputs):
        key = next(iter(inputs))
        present = _present_key(inputs)
        if not present:
            return {key: decode(encoded)}
        held = decode_present(encoded)
        return {key: held["image"], present: held["present"]}

    def encode(self, values):
        pixels, *present = values.values()
        picture = Image.fromarray(pixels)
        for held in present:
            picture.putalpha(Image.fromarray(np.uint8(held > 0) * 255))
        return _encoded(picture)

    def statistics(self, value):
        """Of uint8 [H, W, 3]: mean and deviation of gray, the logarithm of the variance of its Laplacian (Pech-Pacheco
        et al. 2000, doi:10.1109/ICPR.2000.903548), height and width.
        """
        height, width = value.shape[:2]
        step = -(-max(height, width) // SHOWN_PX)
        gray = np.asarray(Image.fromarray(value).convert("L").reduce(step), np.float32)
        inner = 4 * gray[1:-1, 1:-1] - gray[:-2, 1:-1] - gray[2:, 1:-1] - gray[1:-1, :-2] - gray[1:-1, 2:]
        sharpness = float(np.log1p(inner.var())) if inner.size else 0.0
        numbers = (float(gray.mean()), float(gray.std()), sharpness, float(height), float(width))
        return dict(zip(STATISTICS, numbers, strict=True))


def _present_key(inputs):
    return next((key for key, held in inputs.items() if held.kind == "present"), None)


def read_image(image):
    """uint8 [H, W, 3] from a path, encoded bytes or an array, decoded as in training and in the SavedModel."""
    if not isinstance(image, np.ndarray):
        return decoded(decode, image)
    pixels = image
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[-1] != 3:
        raise KerasVisionError(f"an image is uint8 [H, W, 3]; seen: {pixels.dtype} {list(pixels.shape)}")
    return pixels


def _encoded(picture):
    """PNG of a Pillow image."""
    held = io.BytesIO()
    (picture if picture.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else picture.convert("RGB")).save(
        held, format="PNG", exif=picture.getexif()
    )
    return held.getvalue()


def decoded(function, image):
    """What one of `data.decode`'s functions makes of a path or of encoded bytes, on the host."""
    try:
        encoded = image if isinstance(image, bytes) else pathlib.Path(image).read_bytes()
    except OSError as error:
        raise KerasVisionError(f"{image} cannot be read: {error.strerror}") from None
    name = "the image" if isinstance(image, bytes) else image
    if not encoded:
        raise KerasVisionError(f"{name} is empty (0 bytes)")
    try:
        return tf.nest.map_structure(lambda t: t.numpy(), on_host(function)(tf.constant(encoded)))
    except tf.errors.InvalidArgumentError as error:
        reason = (said(error) or "cut off or damaged").removeprefix("the image cannot be decoded: ")
        raise KerasVisionError(f"{name} cannot be decoded: {reason}") from None
