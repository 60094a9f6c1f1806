"""The short cuts of `decode`: what they say of a JPEG's tag and of its scans is what the whole way says, and Pillow."""

import io
import random
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.data.encoded import exif, jpeg
from kerasvision.data.encoded.strings import characters, on_host
from tests.data.by_pillow import exif_of, segment, written

OTHERS = (0x0100, 0x010F, 0x0111, 0x0113, 0x0212, 0x1201, 0x8298, 0x8769, 0xFF12)  # tags, some with bytes of the tag's
UPRIGHT = exif_of(1)


@pytest.fixture(scope="module")
def plain():
    return written(Image.fromarray(np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)), "JPEG")


def tagged(plain, tiff, at=2):
    return plain[:at] + segment(0xE1, b"Exif\0\0" + tiff) + plain[at:]


def is_upright(data):
    return bool(on_host(jpeg.is_untagged)(tf.constant(data)) or on_host(jpeg.says_upright)(tf.constant(data)))


def walked(data):
    """1..8, with and without the short cuts."""
    number = int(on_host(jpeg.walked)(tf.constant(data)))
    assert number == int(on_host(jpeg.orientation)(tf.constant(data)))
    return number


def by_pillow(data):
    """1..8."""
    said = Image.open(io.BytesIO(data)).getexif().get(0x0112, 1)
    return said if said in range(1, 9) else 1


def directory(rng):
    """A TIFF header of entries at random, of which few or none have the orientation's tag."""
    order, kinds = rng.choice("<>"), (1, 2, 3, 4, 7)
    rows = [(rng.choice(OTHERS), rng.choice(kinds), 1, rng.randbytes(4)) for _ in range(rng.randrange(30))]
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        value = struct.pack(order + "HH", rng.choice((1, 1, 1, 6, 0, 9, 256)), rng.choice((0, 0, 7)))
        row = (0x0112, rng.choice((3, 3, 3, 3, 4, 2)), rng.choice((1, 1, 1, 2, 0)), value)
        rows.insert(rng.randrange(len(rows) + 1), row)
    count = max(0, len(rows) + rng.choice((0, 0, 0, -1, 1)))
    entries = b"".join(struct.pack(order + "HHI", *row[:3]) + row[3] for row in rows)
    return {">": b"MM\0*", "<": b"II*\0"}[order] + struct.pack(order + "IH", 8, count) + entries + bytes(4)


def test_what_is_called_upright_is_so(plain):
    """Of 1,500 directories at random, whole and cut off, in the first segment, behind JFIF's, and behind others."""
    rng, counts = random.Random(0), {True: 0, False: 0}
    for number in range(1_500):
        tiff = directory(rng)
        tiff = tiff if number % 3 else tiff[: rng.randrange(len(tiff) + 1)]
        data = tagged(plain, tiff, rng.choice((2, 20)))
        data = tagged(data, exif_of(6), rng.choice((2, 20))) if number % 5 == 0 else data
        said = is_upright(data)
        assert walked(data) == 1 or not said, data.hex()
        counts[said] += 1
    assert min(counts.values()) > 300, counts


@pytest.mark.parametrize("at", [2, 20])
@pytest.mark.parametrize("big", [True, False])
@pytest.mark.parametrize("tag", range(10))
def test_tags_in_the_common_way(plain, tag, big, at):
    data = tagged(plain, exif_of(tag, big, before=((0x010F, 2, 4, 0x41424300), (0x8298, 4, 1, 99))), at)
    assert is_upright(data) == (tag == 1)
    assert walked(data) == by_pillow(data)


@pytest.mark.parametrize("big", [True, False])
@pytest.mark.parametrize(("first", "second"), [(1, 6), (6, 1), (8, 3)])
def test_of_two_tags_the_first_counts(plain, first, second, big):
    """TIFF has no tag twice; Pillow before 13 took the last."""
    data = tagged(plain, exif_of(second, big, before=((0x0112, 3, 1, first),)))
    assert walked(data) == first and not is_upright(data)


@pytest.mark.parametrize(("others", "is_told"), [(0, True), (23, True), (24, False)])
def test_a_directory_of_24_entries_is_the_longest(plain, others, is_told):
    data = tagged(plain, exif_of(1, before=((0x010F, 4, 1, 7),) * others))
    assert is_upright(data) == is_told and by_pillow(data) == 1


def test_no_tag_is_upright_and_other_segments_first_are_left_to_the_walk(plain):
    assert is_upright(plain)
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    assert is_upright(plain[:2] + xmp + plain[2:])
    comment = segment(0xFE, b"Exif\0\0" + UPRIGHT)
    for first in (comment, segment(0xE2, b"Exif\0\0" + UPRIGHT), xmp):
        for tag in (1, 6):
            data = tagged(plain, exif_of(tag))
            data = data[:2] + first + data[2:]
            assert not is_upright(data)
            assert walked(data) == tag == by_pillow(data)


def test_characters_are_bytes():
    every = bytes(range(256)) * 2
    for size in (0, 1, 256, 511, 600):
        assert characters(tf.constant(every), size).numpy().decode() == every[:size].decode("latin-1")


@pytest.mark.parametrize(("size", "is_brief"), [(99_999, True), (100_000, True), (100_001, False)])
def test_scans_are_counted_where_values_times_bytes_are_many(size, is_brief):
    """3e11; of 1,000 x 1,000 pixels of three values. What stands behind the picture counts."""
    jpeg_bytes = written(Image.new("RGB", (1_000, 1_000)), "JPEG")
    data = jpeg_bytes + bytes(size - len(jpeg_bytes))
    assert bool(jpeg.is_brief(tf.constant(data))) == is_brief


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("tag", range(1, 9))
def test_turning_is_numpys(tag, channels):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    want = {
        1: image, 2: image[:, ::-1], 3: image[::-1, ::-1], 4: image[::-1], 5: image.transpose(1, 0, 2),
        6: np.rot90(image, -1), 7: image[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(image),
    }[tag]  # fmt: skip
    np.testing.assert_array_equal(exif.turned(tf.constant(image), tf.constant(tag)), want)
