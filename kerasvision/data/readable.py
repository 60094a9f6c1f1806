"""Which image files can be read: a cheap look at both ends of each, and a real decode where that is in doubt."""

import concurrent.futures
import io
import os
import pathlib
import struct

import tensorflow as tf
from PIL import Image

from kerasvision.core.errors import said
from kerasvision.data.decode import decode, look, on_host

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
UNSUPPORTED = (
    ".tif",
    ".tiff",
    ".heic",
    ".heif",
    ".avif",
    ".jxl",
    ".jp2",
    ".ico",
    ".psd",
    ".svg",
    ".dng",
    ".cr2",
    ".nef",
)

_DAMAGED = "cut off or damaged"
FULL_FILES, FULL_BYTES = 5_000, 2**30  # up to here every file is decoded once; beyond, only those in doubt

_NOT_READ = (  # (where the mark stands, the mark, name of the format)
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyp", "HEIC or a video"),
    (4, b"JXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"8BPS", "PSD"),
    (0, b"%PDF", "PDF"),
)


def sniff(head):
    """ "jpeg", "png", "gif", "bmp", "webp", or None, by the first bytes of a file."""
    if head[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return {b"GIF8": "gif"}.get(head[:4]) or {b"BM": "bmp"}.get(head[:2])


def ends(path):
    """(first 64 bytes, last 16 bytes, size in bytes)."""
    with pathlib.Path(path).open("rb") as file:
        head = file.read(64)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 16, 0))
        return head, file.read(), size


def glance(path):
    """(reason that it cannot be read or None, whether it is in doubt). Looks at the ends of the file only."""
    try:
        head, tail, size = ends(path)
    except OSError as error:
        return (error.strerror or str(error)).lower(), False
    if size == 0:
        return "0 bytes", False
    kind = sniff(head)
    if kind is None:
        return _stranger(head), False
    whole = {
        "bmp": lambda: False,  # its kind is read where it is decoded
        "jpeg": lambda: _jpeg_ends(tail),
        "png": lambda: tail[-8:-4] == b"IEND",
        "gif": lambda: tail.endswith(b";"),
        "webp": lambda: struct.unpack("<I", head[4:8])[0] + 8 <= size and head[12:16] != b"VP8X",
    }[kind]
    return None, not whole()


def _stranger(head):
    for at, magic, name in _NOT_READ:
        if head[at : at + len(magic)] == magic:
            return f"{name} is not supported; convert it to JPEG or PNG"
    text = all(b in b"\t\r\n\f" or b >= 32 for b in head)
    return "text, not an image" if text else "not an image"


def decode_problem(path):
    """Why training could not decode this file, or None."""
    try:
        return bytes_problem(pathlib.Path(path).read_bytes())
    except OSError as error:
        return (error.strerror or str(error)).lower()


def bytes_problem(image_bytes):
    """Why training could not decode these bytes, or None.

    Pillow judges a JPEG that ends as it should and whose header `look` passes: it is built on the same libjpeg-turbo,
    decodes to an eighth of the size (every bit is read, most arithmetic is spared), and does not print to stderr as
    TensorFlow does.
    """
    encoded = tf.constant(image_bytes)
    try:
        problem = on_host(look)(encoded)["problem"].numpy().decode()
        if problem or (sniff(image_bytes) == "jpeg" and _jpeg_ends(image_bytes[-16:])):
            return problem or _jpeg_problem(image_bytes)
        on_host(decode)(encoded)
    except tf.errors.InvalidArgumentError as error:
        return (said(error) or _DAMAGED).removeprefix("the image cannot be decoded: ")
    return None


def _jpeg_problem(image_bytes):
    try:
        with Image.open(io.BytesIO(image_bytes)) as image:
            image.draft("RGB", (image.width // 8, image.height // 8))
            image.load()
    except Image.DecompressionBombError:
        return None  # too large for Pillow's taste, which `look` has not found too large
    except Exception:  # Pillow raises OSError, SyntaxError, ValueError, struct.error ...
        return _DAMAGED
    return None


_TURNS = (  # of Pillow's, by EXIF orientation from 2 on
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)


def upright(image, image_bytes):
    """A Pillow image with stored pixels, as `decode` turns them. image_bytes: what it was read from."""
    tag = orientation(image_bytes)
    return image if tag == 1 else image.transpose(_TURNS[tag - 2])


def orientation(image_bytes):
    """The EXIF orientation, 1 to 8, as `decode` reads it; 1 of what is no image."""
    try:
        return int(on_host(look)(tf.constant(image_bytes))["orientation"])
    except tf.errors.InvalidArgumentError:
        return 1


def _jpeg_ends(tail):
    return tail.rstrip(b"\0\r\n").endswith(b"\xff\xd9")


def unreadable(paths, full_files=FULL_FILES, full_bytes=FULL_BYTES, progress=lambda done: None):
    """path -> reason, in the order of the paths, for every file that cannot be read.

    All files are glanced at. If they are at most `full_files` with `full_bytes` in all, each is decoded too; else only
    those whose end looks wrong. progress: called with the number of files done.
    """
    for function in (look, decode):
        on_host(function).get_concrete_function()  # traced here: threads would hinder one another
    threads = min(32, 2 * (os.cpu_count() or 1))
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        seen = list(pool.map(glance, paths))
        few = len(paths) <= full_files and sum(_size(p) for p in paths) <= full_bytes
        doubtful = [p for p, (reason, doubt) in zip(paths, seen, strict=True) if reason is None and (few or doubt)]
        found = {p: reason for p, (reason, _) in zip(paths, seen, strict=True) if reason}
        progress(len(paths) - len(doubtful))
        for done, (path, reason) in enumerate(zip(doubtful, pool.map(decode_problem, doubtful), strict=True), 1):
            if reason:
                found[path] = reason
            progress(len(paths) - len(doubtful) + done)
    return {p: found[p] for p in paths if p in found}


def _size(path):
    try:
        return pathlib.Path(path).stat().st_size
    except OSError:
        return 0
