"""Damaged files that decoders read differently: which are refused, and by what rule the others are read."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.data.decode import decode, decode_present, look, on_host
from tests.data.by_pillow import chunk, expected, is_unfinished, segment, written
from tests.data.fuzzing import compared

GRAYS = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLORS = np.random.default_rng(0).integers(1, 256, (256, 3), dtype=np.uint8)
UNCLEAR = "a PNG whose transparency does not go with its palette; write it anew"


def decoded(data):
    return on_host(decode)(tf.constant(data)).numpy()


def problem(data):
    """Why the header is refused; `decode` must refuse and read by the same rule."""
    said = on_host(look)(tf.constant(data))["problem"].numpy().decode()
    if said:
        with pytest.raises(tf.errors.InvalidArgumentError, match="kerasvision says: the image cannot be decoded"):
            decoded(data)
    return said


def palette_png(parts, bits=8, entries=4):
    """A PNG of 3 x 4 pixels, each row 0 1 2 3, of these chunks: P, T<size> and D for palette, transparency, pixels."""
    row = {8: b"\0\0\1\2\3", 2: b"\0\x1b"}[bits]
    made = {"P": chunk(b"PLTE", COLORS[:entries].tobytes()), "D": chunk(b"IDAT", zlib.compress(row * 3))}
    made |= {f"T{size}": chunk(b"tRNS", bytes([0, 90, 255, 30, 0, 7, 60][:size])) for size in range(8)}
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 3, bits, 3, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(made[part] for part in parts) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("parts", "bits", "entries", "is_read"),
    [
        (["P", "T3", "D"], 8, 4, True),
        (["P", "T4", "D"], 8, 4, True),
        (["P", "T5", "D"], 8, 4, False),  # more than the palette has
        (["P", "T4", "D"], 2, 4, True),
        (["P", "T5", "D"], 2, 6, False),  # more than two bits can say
        (["P", "T0", "D"], 8, 4, True),
        (["P", "D", "T4"], 8, 4, False),
        (["T4", "P", "D"], 8, 4, False),
        (["P", "T4", "T3", "D"], 8, 4, False),
        (["P", "D"], 8, 4, True),
    ],
)
def test_transparency_of_a_palette_has_one_place(parts, bits, entries, is_read):
    data = palette_png(parts, bits, entries)
    assert problem(data) == ("" if is_read else UNCLEAR)
    if not is_read:
        return
    size = sum(int(part[1:]) for part in parts if part[0] == "T")
    alpha = np.array([0, 90, 255, 30][:size], int)
    alpha = np.concatenate([alpha, np.full(4 - size, 255)])
    want = (COLORS[:4] * alpha[:, None] + 255 * (255 - alpha[:, None]) + 127) // 255
    np.testing.assert_array_equal(decoded(data), np.stack([want] * 3))
    np.testing.assert_array_equal(decoded(data), expected(data))
    np.testing.assert_array_equal(on_host(decode_present)(tf.constant(data))["present"][0], alpha > 0)


def test_decoders_read_such_transparency_differently():
    """Why it is refused: TensorFlow passes over what Pillow takes."""
    for parts in (["P", "T5", "D"], ["P", "D", "T4"], ["T4", "P", "D"]):
        data = palette_png(parts)
        alone = tf.io.decode_png(data, channels=4).numpy()[..., 3]
        image = Image.open(io.BytesIO(data))
        image.load()
        assert (alone == 255).all() and np.asarray(image.convert("RGBA"))[0, 0, 3] == 0, parts


def test_a_color_key_is_ignored_wherever_it_stands():
    data = written(Image.fromarray(GRAYS), "PNG")
    for at in (33, len(data) - 12):
        keyed = data[:at] + chunk(b"tRNS", b"\0\x14") + data[at:]
        np.testing.assert_array_equal(decoded(keyed)[..., 0], GRAYS)
        np.testing.assert_array_equal(expected(keyed)[..., 0], GRAYS)


def bmp(palette, colors=256, start=54 + 4 * 256):
    """A BMP of `GRAYS` as indices. colors, start: what the header says of its palette's and its pixels' place."""
    image = Image.fromarray(GRAYS)
    image.putpalette(palette.tobytes())
    data = bytearray(written(image, "BMP"))
    data[54 : 54 + 4 * 256] = np.pad(palette[:, ::-1], [(0, 0), (0, 1)]).astype(np.uint8).tobytes()
    del data[start : 54 + 4 * 256]
    data[10:14], data[46:50] = struct.pack("<I", start), struct.pack("<I", colors)
    return bytes(data)


@pytest.mark.parametrize(("start", "is_read"), [(54, False), (57, False), (58, True), (54 + 4 * 221, True)])
def test_a_bmp_without_room_for_its_palette_is_refused(start, is_read):
    """Pillow moves the pixels of the first behind a palette, which then is made of them."""
    data = bmp(COLORS, colors=(start - 54) // 4 or 1, start=start)
    assert problem(data) == ("" if is_read else "cut off or damaged")
    if is_read:
        room = (start - 54) // 4
        want = np.where((room > GRAYS)[..., None], COLORS[GRAYS], 0)
        np.testing.assert_array_equal(decoded(data), want)
        np.testing.assert_array_equal(expected(data), want)


def test_a_bmp_of_24_bits_needs_no_room():
    data = written(Image.fromarray(COLORS[GRAYS]), "BMP")
    assert data[10] == 54 and problem(data) == ""
    np.testing.assert_array_equal(decoded(data), COLORS[GRAYS])


@pytest.mark.parametrize("colors", [3, 60, 61, 220, 221, 256, 0])
@pytest.mark.parametrize("is_ramp", [False, True])
def test_a_pixel_beyond_a_bmp_palette_is_black(colors, is_ramp):
    palette = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1) if is_ramp else COLORS
    data = bmp(palette, colors)
    want = np.where(((colors or 256) > GRAYS)[..., None], palette[GRAYS], 0)
    np.testing.assert_array_equal(decoded(data), want)
    np.testing.assert_array_equal(expected(data), want)
    by_number = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert (by_number == want).all() == (not is_ramp or not 0 < colors < 221)  # the rule above is not Pillow's own


@pytest.mark.parametrize(("size", "is_whole"), [(0, False), (8, False), (11, False), (12, True), (13, True)])
def test_the_marker_of_adobe_has_twelve_bytes(size, is_whole):
    """A shorter one is none: the inks are then as they are stored."""
    data = written(Image.new("CMYK", (16, 16), (200, 100, 0, 50)), "JPEG", quality=100, subsampling=0)
    at = data.index(b"\xff\xee")
    behind = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    held = (data[at + 4 : behind] + b"\0")[:size]
    data = data[:at] + segment(0xEE, held) + data[behind:]
    inks = np.array([200, 100, 0, 50]) if is_whole else 255 - np.array([200, 100, 0, 50])
    want = (255 - inks[:3]) * (255 - inks[3]) / 255
    assert np.abs(decoded(data) - want).max() <= 3 and np.abs(expected(data) - want).max() <= 3
    assert compared(data) == ("equal", "")


def test_what_stands_behind_the_end_of_a_jpeg_does_not_finish_it():
    rough = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8))
    whole = written(rough.resize((53, 37), Image.Resampling.BICUBIC), "JPEG", progressive=True)
    scans = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    assert len(scans) == 10 and not is_unfinished(whole)
    for at in scans[1:]:
        ended = whole[:at] + b"\xff\xd9" + whole[at:]
        assert is_unfinished(ended) and is_unfinished(whole[:at] + b"\xff\xd9")
        assert compared(ended)[0] in ("equal", "guessed")
        np.testing.assert_array_equal(decoded(ended), decoded(whole[:at] + b"\xff\xd9"))
    assert not is_unfinished(whole + whole[scans[-1] :])
