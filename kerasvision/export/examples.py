"""preprocess_examples.npz: encoded pictures, or volumes, and what a file is to be given of them, beside contract.json.

They are drawn, so no picture of a data set leaves with a model. Keys, for number 00 to 19 (volumes: 00 to 03):

* `encoded/NN` uint8 [N], the bytes of a picture; or `volume/NN` float32 [D, H, W, C] and `spacing_mm/NN` float32 [3].
* `prepared/NN/<input>`: a window of the prepared input, without batch axis, and `begin/NN/<input>` int64 [axes], where
  it begins in it. Windows lie in the corners and the middle by turns, so that borders and padding are seen; a small
  input is there as a whole. `size/NN/<input>` int64 [axes]: of the whole prepared input.
* `geometry/NN/<key>`: where the original went (scale_xy, offset_xy, image_hw).
"""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasvision.data.kinds.base import groups, kind_of

NAME = "preprocess_examples.npz"
PICTURES, VOLUMES = 20, 4
MOST_NUMBERS = 12_000  # of a window: 20 of them are 240 kB of bytes, before compression
SIZES = ((40, 56), (57, 31), (24, 24), (96, 20), (13, 77), (64, 64), (1, 9), (120, 161))  # (h, w)
FORMATS = ("jpg", "png", "webp", "bmp", "gif", "gray.jpg", "rgba.png", "la.png", "palette.png", "deep.png")


def examples_of(arch):
    """The bytes of the file, or None of an architecture whose inputs are neither a picture nor a volume."""
    inputs = arch.serving_inputs()
    if arch.preprocessing().get("kind") == "volume":
        rows = [_volume(arch, number) for number in range(VOLUMES)]
    elif (
        len(groups(inputs)) == 1
        and kind_of(next(iter(inputs.values()))).is_encoded
        and arch.preprocessing().get("kind") == "image"
    ):
        rows = [_picture(arch, number) for number in range(PICTURES)]
    else:
        return None
    held = {f"{part}/{n:02d}{key}": value for n, row in enumerate(rows) for (part, key), value in row.items()}
    packed = io.BytesIO()
    np.savez_compressed(packed, **held)
    return packed.getvalue()


def _picture(arch, number):
    encoded = drawn(number)
    ((key, group),) = groups(arch.serving_inputs()).items()
    read = kind_of(group[key]).decode(tf.constant(encoded), group)
    return {("encoded", ""): np.frombuffer(encoded, np.uint8)} | _prepared(arch, read, number)


def _volume(arch, number):
    rng = np.random.default_rng(number)
    size = [(6, 20, 18), (9, 12, 25), (14, 14, 14), (5, 31, 8)][number]
    volume = rng.normal(40.0 * number, 60.0, (*size, arch.serving_specs()["volume"].shape[-1])).astype(np.float32)
    spacing = np.float32([(2.0, 1.0, 1.0), (1.5, 0.8, 0.8), (1.0, 1.0, 1.0), (3.0, 0.7, 1.3)][number])
    held = {("volume", ""): volume, ("spacing_mm", ""): spacing}
    return held | _prepared(arch, {"volume": volume, "spacing_mm": spacing}, number)


def _prepared(arch, read, number):
    prepared, geometry = arch.geometry({k: tf.convert_to_tensor(v)[None] for k, v in read.items()})
    held = {("geometry", f"/{k}"): v[0].numpy() for k, v in geometry.items()}
    for key, value in prepared.items():
        begin, part = _window(value[0].numpy(), number)
        held |= {("begin", f"/{key}"): begin, ("prepared", f"/{key}"): part}
        held["size", f"/{key}"] = np.array(value.shape[1:])
    return held


def _window(values, number):
    """A window of at most MOST_NUMBERS: in a corner, or in the middle."""
    size = np.array(values.shape)
    while np.prod(size) > MOST_NUMBERS:
        size[np.argmax(size)] -= max(1, size.max() // 8)
    room = np.array(values.shape) - size
    places = [room * 0, room, room // 2, room * (np.arange(values.ndim) == 0), room * (np.arange(values.ndim) == 1)]
    begin = places[number % len(places)]
    return begin, values[tuple(slice(b, b + s) for b, s in zip(begin, size, strict=True))]


def drawn(number):
    """A picture of a size, a format, colors and an EXIF orientation of its own: bytes, the same for a number always."""
    rng = np.random.default_rng(number)
    h, w = SIZES[number % len(SIZES)]
    y, x = np.mgrid[:h, :w]
    ways = np.stack([y * 255 // max(h - 1, 1), x * 255 // max(w - 1, 1), (x + y) * 255 // max(h + w - 2, 1)], -1)
    pixels = np.uint8(np.clip(ways + rng.normal(0, 20, ways.shape), 0, 255))
    pixels[h // 4 : h // 2, w // 4 : w // 2] = rng.integers(0, 256, 3)
    alpha = np.where((y // 8 + x // 8) % 2, 255, np.where(x < w // 2, 0, 120)).astype(np.uint8)
    kind = FORMATS[number % len(FORMATS)]
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 1 + number % 8
    options = {"exif": exif} if kind in ("jpg", "gray.jpg", "png", "webp") else {}
    if kind in ("rgba.png", "la.png"):
        image.putalpha(Image.fromarray(alpha))
        image = image.convert("LA") if kind == "la.png" else image
    elif kind == "gray.jpg":
        image = image.convert("L")
    elif kind == "palette.png":
        image = image.quantize(32)
    elif kind == "deep.png":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 256 + pixels[..., 1])
    packed, suffix = io.BytesIO(), kind.split(".")[-1]
    image.save(packed, format={"jpg": "JPEG"}.get(suffix, suffix.upper()), **options)
    return packed.getvalue()
