"""PNG files -> class ids: what the masks of `sources/image_mask` may hold, and how they are read on the host.

TensorFlow's `decode_png` gives the gray of a palette's color, not its index, and stretches 1, 2 and 4 bits to 8; so
masks are read here once, with Pillow, and travel as zlib's bytes of their ids.
"""

import collections
import dataclasses
import functools
import io
import pathlib
import zlib

import numpy as np
from PIL import Image

from kerasvision.data.readable import sniff, upright
from kerasvision.ops.dense import IGNORE

_UNKNOWN = -1
_STRETCH = {2: 85, 4: 17}  # Pillow stretches gray of so many bits to 8
_LEVEL = 1  # of zlib: five times as fast as its default, for half as many bytes again
_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Coding:
    """What is stored for a class: values[i] or colors[i] for class i; without either a value is its own class.

    ignore: values, or with colors colors, that mean `IGNORE`. ordered: where the files of two classes overlap, the
    class with the larger id is on top; else an overlap is a fault. is_upright: an EXIF orientation of a mask's own is
    applied, as that of an image is; else neither counts.
    """

    values: tuple[int, ...] = ()
    colors: tuple[tuple[int, int, int], ...] = ()
    ignore: tuple = ()
    ordered: bool = False
    is_upright: bool = True

    @functools.cached_property
    def table(self):
        """int16: class id by stored value of 16 bits, or by color of 24; `_UNKNOWN` for what means nothing."""
        table = np.full(1 << (24 if self.colors else 16), _UNKNOWN, np.int16)
        if not self.values and not self.colors:
            table[:IGNORE] = np.arange(IGNORE)
        for stored, number in [*((v, IGNORE) for v in self.ignore), *zip(self._meant, range(IGNORE), strict=False)]:
            table[_packed(stored) if self.colors else stored] = number
        return table

    @property
    def _meant(self):
        return self.colors or self.values


@dataclasses.dataclass(frozen=True)
class Mask:
    """hw: its size. data: zlib's bytes of uint8 [H, W] ids. pixels: how many have each id that it holds,
    `IGNORE` among them. is_soft: one of its files, of a class each, holds more values than two.
    """

    hw: tuple[int, int]
    data: bytes
    pixels: dict
    is_soft: bool = False

    @property
    def ids(self):
        """Those it holds, sorted."""
        return tuple(self.pixels)


@dataclasses.dataclass(frozen=True)
class Fault:
    """Why a mask cannot be used. kind: "unreadable", "size" or "value"."""

    kind: str
    reason: str


class _FaultError(Exception):
    def __init__(self, kind, reason):
        super().__init__(reason)
        self.fault = Fault(kind, reason)


def read_mask(files, image_hw, coding):
    """`Mask` or `Fault`. files: one path; or {class id: path of what it covers}. image_hw: None when not known."""
    try:
        if isinstance(files, dict):
            ids, is_soft = _covers(files, coding, image_hw)
        else:
            ids, is_soft = _coded(files, coding, image_hw), False
    except _FaultError as error:
        return error.fault
    counts = Image.fromarray(ids).histogram()  # much faster than np.bincount
    pixels = {i: count for i, count in enumerate(counts) if count}
    return Mask(ids.shape, zlib.compress(ids.tobytes(), _LEVEL), pixels, is_soft)


def _coded(path, coding, image_hw):
    pixels = _stored(path, image_hw, bool(coding.colors), coding.is_upright)
    keys = _packed_pixels(pixels) if coding.colors else _values(pixels)
    ids = coding.table[keys]
    strange = ids == _UNKNOWN
    if strange.any():
        most = collections.Counter(keys[strange].tolist()).most_common()
        spelled = [str((k >> 16, k >> 8 & 255, k & 255) if coding.colors else k) for k, _ in most[:_SHOWN]]
        more = ", ..." if len(most) > _SHOWN else ""
        raise _FaultError("value", f"{'color' if coding.colors else 'value'} {', '.join(spelled)}{more}")
    return ids.astype(np.uint8)


def _covers(files, coding, image_hw):
    ids, is_soft = None, False
    for number in sorted(files):
        try:
            pixels = _stored(files[number], image_hw, False, coding.is_upright)
        except _FaultError as error:
            folder = pathlib.Path(files[number]).parent.name
            raise _FaultError(error.fault.kind, f"{folder}: {error.fault.reason}") from None
        where = pixels.any(-1) if pixels.ndim == 3 else pixels > 0
        is_soft |= bool((pixels[where] != pixels.max()).any())
        ids = np.zeros(where.shape, np.uint8) if ids is None else ids
        if where.shape != ids.shape:
            raise _FaultError("size", f"its files have {_spelled(ids.shape)} and {_spelled(where.shape)} pixels")
        if not coding.ordered and ids[where].any():
            raise _FaultError("value", f"{np.count_nonzero(ids[where])} pixels of two classes")
        ids[where] = number
    return ids, is_soft


def _stored(path, image_hw, by_color, is_upright):
    """[H, W] of bool, uint8 or uint16, or uint8 [H, W, 3], as the file has it."""
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise _FaultError("unreadable", (error.strerror or str(error)).lower()) from None
    kind = sniff(data[:64])
    if kind != "png":
        is_kind = f"{kind.upper() if kind else 'no PNG'}; a mask must be a PNG, which keeps every value"
        raise _FaultError("unreadable", is_kind if data else "0 bytes")
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except Exception:  # Pillow raises OSError, SyntaxError, ValueError, struct.error ...
        raise _FaultError("unreadable", "cut off or damaged") from None
    image = upright(image, data) if is_upright else image
    if image_hw is not None and image.size != (image_hw[1], image_hw[0]):
        raise _FaultError("size", f"{_spelled(image.size[::-1])} pixels, its image {_spelled(image_hw)}")
    return _pixels(image, data[24], by_color)


def _pixels(image, bits, by_color):
    """bits: a channel, of the file. A palette's indices are its values; by color, a palette is what it shows."""
    if image.mode in ("LA", "RGBA"):
        if image.getchannel("A").getextrema()[0] < 255:
            raise _FaultError("value", "transparent pixels, which are no class")
        image = image.convert(image.mode[:-1])
    if image.mode.startswith("I"):
        if by_color:
            raise _FaultError("value", "gray of 16 bits in place of colors")
        return np.asarray(image).astype(np.uint16)
    if by_color:
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image)
    return pixels // _STRETCH[bits] if image.mode == "L" and bits in _STRETCH else pixels


def _values(pixels):
    """[H, W] of a picture whose channels are equal: gray values are often stored as RGB."""
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    if pixels.ndim == 2:
        return pixels
    colored = (pixels != pixels[..., :1]).any(-1)
    if colored.any():
        color = tuple(pixels[colored][0].tolist())
        raise _FaultError("value", f"color {color}; colors=((r, g, b), ...) would say which class each is")
    return pixels[..., 0]


def _packed_pixels(pixels):
    red, green, blue = (pixels[..., i].astype(np.int32) for i in range(3))
    return red << 16 | green << 8 | blue


def _packed(color):
    return color[0] << 16 | color[1] << 8 | color[2]


def _spelled(hw):
    return f"{hw[1]} x {hw[0]}"
