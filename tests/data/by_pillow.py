"""The documented rules of `data/decode.py` in Pillow, and files of every format and flag that Pillow writes."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageChops, ImageOps


def expected(image_bytes):
    """uint8 [H, W, 3], upright."""
    image, opened = (Image.open(io.BytesIO(without_animation(image_bytes))) for _ in range(2))
    image.load()  # what stands behind the pixels is known then
    if opened.format == "BMP" and opened.mode in ("1", "L"):
        return _of_ramp(image_bytes, image)
    return pixels_of(ImageOps.exif_transpose(image) if _has_tiff(image) else image, opened)


def without_animation(image_bytes):
    """A PNG without what makes an animation of it: its picture is what `IDAT` holds, as the PNG standard has it, where
    Pillow cuts it to the first frame's size. Other files as they are.
    """
    if image_bytes[:8] != b"\x89PNG\r\n\x1a\n":
        return image_bytes
    kept, at = image_bytes[:8], 8
    while at < len(image_bytes):
        end = at + 12 + int.from_bytes(image_bytes[at : at + 4], "big")
        kept += image_bytes[at:end] if image_bytes[at + 4 : at + 8] not in (b"acTL", b"fcTL", b"fdAT") else b""
        at = end
    return kept


def _has_tiff(image):
    """Whether the EXIF of a file begins as TIFF does: Pillow reads BigTIFF too, which the standard does not know."""
    held = image.info.get("exif", b"").removeprefix(b"Exif\0\0")
    return held[:4] in (b"II*\0", b"MM\0*")


def most_off(image_bytes):
    """Levels by which a decoder may differ: CMYK has no one way to become RGB."""
    return int(Image.open(io.BytesIO(without_animation(image_bytes))).mode == "CMYK")


def is_unfinished(image_bytes):
    """Whether a progressive JPEG ends before its scans have brought every coefficient of every component in full.
    libjpeg then guesses what is missing from the blocks around, and each of its versions guesses in its own way. What
    stands behind the marker EOI is not asked.
    """
    found = {}  # component -> lowest bit that has come, of each of its 64 coefficients; None: nothing has
    at = 2
    while at + 4 <= len(image_bytes):
        if image_bytes[at] != 0xFF or image_bytes[at + 1] in (0, 0xFF) or 0xD0 <= image_bytes[at + 1] <= 0xD8:
            at += 1
            continue
        if image_bytes[at + 1] == 0xD9:
            break
        marker, size = image_bytes[at + 1], int.from_bytes(image_bytes[at + 2 : at + 4], "big")
        held = image_bytes[at + 4 : at + 2 + size]
        if marker in (0xC0, 0xC1):
            return False
        if marker == 0xC2:
            found = {held[6 + 3 * i]: [None] * 64 for i in range(held[5])}
        if marker == 0xDA and held and len(held) >= 4 + 2 * held[0]:
            start, end, low = held[1 + 2 * held[0]], held[2 + 2 * held[0]], held[3 + 2 * held[0]] & 15
            for i in range(held[0]):
                bits = found.setdefault(held[1 + 2 * i], [None] * 64)
                bits[start : end + 1] = [low] * (min(end, 63) + 1 - start)
        at += 2 + size
    return any(bit != 0 for bits in found.values() for bit in bits)


def pixels_of(image, opened):
    """uint8 [H, W, 3] of a Pillow image by its format's rules. opened: as the file opens, whose header is asked."""
    if opened.mode == "CMYK" and not _has_adobe(opened):
        image = ImageChops.invert(image)
    if image.mode.startswith("I"):  # 16 bits: the high byte
        high = (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)
        return np.stack([high] * 3, axis=-1)
    is_keyed = opened.format == "PNG" and opened.mode in ("1", "L", "RGB", "I;16") and "transparency" in image.info
    if opened.format == "BMP" or is_keyed:
        return np.asarray(image.convert("RGB"))
    ground = "black" if opened.format == "GIF" else "white"
    rgba = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, ground), rgba).convert("RGB"))


def _of_ramp(image_bytes, image):
    """A BMP of 8 bits whose palette is black, then each gray in turn. Pillow drops such a palette: a pixel beyond it is
    the gray of its number, where beyond any other palette it is black; and with one color or two, bytes become bits.
    """
    if image.mode == "1":
        raise ValueError("Pillow takes the bytes of this BMP for bits")
    colors = int.from_bytes(image_bytes[46:50], "little") or 256
    pixels = np.asarray(image)
    return np.stack([np.where(pixels < colors, pixels, 0)] * 3, axis=-1)


def _has_adobe(opened):
    """Adobe's marker has 12 bytes (Adobe's Technical Note 5116); Pillow calls what begins like one `adobe` too."""
    return any(name == "APP14" and len(held) >= 12 and held.startswith(b"Adobe") for name, held in opened.applist)


def exif_of(orientation, big=True, kind=3, count=1, before=()):
    """A TIFF header whose first directory holds the orientation. before: (tag, type, count, value) of other entries."""
    order = ">" if big else "<"
    rows = [*before, (0x0112, kind, count, orientation)]
    packed = [
        struct.pack(f"{order}HHI", tag, code, n)
        + struct.pack(f"{order}HH" if code == 3 else f"{order}I", *((value, 0) if code == 3 else (value,)))
        for tag, code, n, value in rows
    ]
    start = b"MM\0*" if big else b"II*\0"
    return start + struct.pack(f"{order}IH", 8, len(rows)) + b"".join(packed) + struct.pack(f"{order}I", 0)


def chunk(kind, data):
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def segment(marker, data):
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def riff(kind, data):
    """A RIFF chunk of WebP, padded to an even length."""
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def written(image, kind, **options):
    """Bytes of a Pillow image."""
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def seeds(rng):
    """Name -> bytes: each format with each of its flags, of small pictures."""
    rough = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    photo = rough.resize((53, 37), Image.Resampling.BICUBIC)
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 53).astype(np.uint8), (37, 1)))
    rgba, la = photo.convert("RGBA"), photo.convert("LA")
    rgba.putalpha(ramp)
    la.putalpha(ramp)
    palette = photo.convert("P", palette=Image.Palette.ADAPTIVE, colors=40)
    others = [photo.rotate(90 * i).resize(photo.size) for i in (1, 2)]
    clear = [o.convert("RGBA") for o in others]
    exif, profile = b"Exif\0\0" + exif_of(6), b"profile" * 40
    small = {"save_all": True, "append_images": others}
    deep = Image.fromarray(np.asarray(photo)[..., 0].astype(np.uint16) * 251 + 99)
    jpeg = {
        "": {}, "q95": {"quality": 95}, "444": {"subsampling": 0}, "422": {"subsampling": 1}, "restart":
        {"restart_marker_blocks": 2}, "progressive": {"progressive": True}, "optimized": {"optimize": True},
        "exif": {"exif": exif}, "icc": {"icc_profile": profile}, "comment": {"comment": b"words"},
    }  # fmt: skip
    found = {f"jpeg {name}": written(photo, "JPEG", **options) for name, options in jpeg.items()}
    for mode in ("L", "CMYK"):
        found[f"jpeg {mode}"] = written(photo.convert(mode), "JPEG")
        found[f"jpeg {mode} progressive"] = written(photo.convert(mode), "JPEG", progressive=True)
    found |= {f"png {mode}": written(photo.convert(mode), "PNG") for mode in ("RGB", "L", "1")}
    found |= {
        "png 16": written(deep, "PNG"), "png RGBA": written(rgba, "PNG", exif=exif), "png LA": written(la, "PNG"),
        "png palette": written(palette, "PNG"), "png bits": written(palette.quantize(4), "PNG", bits=2),
        "png clear": written(palette, "PNG", transparency=3), "png key": written(photo, "PNG", transparency=(1, 2, 3)),
        "png icc": written(photo, "PNG", icc_profile=profile), "apng": written(photo, "PNG", **small),
        "png interlaced": interlaced(photo), "bmp": written(photo, "BMP"), "bmp L": written(photo.convert("L"), "BMP"),
        "bmp palette": written(palette, "BMP"), "bmp RGBA": written(rgba, "BMP"), "bmp 1": written(photo.convert("1"),
        "BMP"), "bmp top": top_down(photo), "gif": written(photo, "GIF"),
        "gif animated": written(photo, "GIF", **small),
        "gif clear": written(palette, "GIF", transparency=3), "gif plain": written(photo, "GIF", interlace=0),
        "gif comment": written(photo, "GIF", comment=b"words " * 60), "gif L": written(photo.convert("L"), "GIF"),
        "gif small frame": small_frame(palette), "webp": written(photo, "WEBP"),
        "webp lossless": written(photo, "WEBP", lossless=True), "webp RGBA": written(rgba, "WEBP"),
        "webp RGBA lossless": written(rgba, "WEBP", lossless=True), "webp exif": written(photo, "WEBP", exif=exif),
        "webp icc": written(photo, "WEBP", icc_profile=profile), "webp animated": written(photo, "WEBP", **small),
        "webp animated lossless": written(photo, "WEBP", lossless=True, **small),
        "webp animated RGBA": written(rgba, "WEBP", save_all=True, append_images=clear),
    }  # fmt: skip
    return found


def interlaced(image):
    """A PNG in Adam7's order, which Pillow reads and does not write: seven small pictures, one after the other."""
    pixels = np.asarray(image.convert("RGB"))
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    raw = b""
    for top, left, down, across in passes:
        raw += b"".join(b"\0" + row.tobytes() for row in pixels[top::down, left::across] if row.size)
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def top_down(image):
    """A BMP whose rows begin at the top."""
    data = bytearray(written(image, "BMP"))
    start, row = struct.unpack("<I", data[10:14])[0], (3 * image.width + 3) // 4 * 4
    rows = [data[start + i * row :][:row] for i in range(image.height)]
    data[22:26] = struct.pack("<i", -image.height)
    return bytes(data[:start]) + b"".join(map(bytes, reversed(rows)))


def small_frame(palette, screen=(61, 44), corner=(5, 3)):
    """A GIF whose one frame is smaller than its screen. palette: a Pillow image of mode P."""
    data = bytearray(written(palette, "GIF"))
    data[6:10] = struct.pack("<HH", *screen)
    at = data.index(b"," + struct.pack("<HHHH", 0, 0, *palette.size))
    data[at + 1 : at + 5] = struct.pack("<HH", *corner)
    return bytes(data)
