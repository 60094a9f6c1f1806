"""Pictures that a native decoder must not see as they are: what is refused, and what is read in their place."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.api import read_image
from kerasvision.core.errors import KerasVisionError
from kerasvision.data import readable
from kerasvision.data.decode import MOST_PIXELS, decode, image_hw, look, on_host
from kerasvision.data.encoded import webp
from kerasvision.data.inspect import check as checking
from kerasvision.data.sources.image_folder import ImageFolder
from tests.data.by_pillow import chunk, expected, interlaced, riff, seeds, small_frame, top_down, written


def frames(count, size=(40, 56), alpha=False, seed=0):
    rng = np.random.default_rng(seed)
    return [Image.fromarray(rng.integers(0, 256, (*size, 4 if alpha else 3), dtype=np.uint8)) for _ in range(count)]


def animated(count, **options):
    size, alpha = options.pop("size", (40, 56)), options.pop("alpha", False)
    first, *others = frames(count, size, alpha)
    return written(first, "WEBP", save_all=True, append_images=others, **options)


def decoded(data):
    return on_host(decode)(tf.constant(data)).numpy()


def problem(data):
    return on_host(look)(tf.constant(data))["problem"].numpy().decode()


@pytest.mark.parametrize("count", [2, 8])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_an_animated_webp_is_its_first_frame(count, lossless, alpha):
    """Without alpha it corrupts the heap where it reaches TensorFlow's decoder."""
    data = animated(count, lossless=lossless, alpha=alpha)
    np.testing.assert_array_equal(decoded(data), expected(data))
    np.testing.assert_array_equal(on_host(image_hw)(tf.constant(data)), (40, 56))


def test_no_graph_gives_animated_bytes_to_a_decoder():
    """What `decode_image` gets is a still picture, whatever a file holds behind its first frame."""
    data = animated(3, size=(512, 512), lossless=True)
    still = on_host(webp.still)(tf.constant(data)).numpy()
    assert struct.unpack("<I", still[4:8])[0] == len(still) - 8
    assert b"ANMF" not in still[:64] and not still[20] & 2
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(still)).convert("RGB")), expected(data))


def test_an_animated_webp_whose_first_frame_is_smaller_is_refused():
    data = bytearray(animated(2))
    at = data.index(b"ANMF")
    for place, value in ((at + 8, 2), (at + 14, 20)):  # its left side, its width
        odd = bytearray(data)
        odd[place] = value
        assert problem(bytes(odd)).startswith("an animated WebP whose first frame does not cover it")
        with pytest.raises(tf.errors.InvalidArgumentError, match="kerasvision says: the image cannot be decoded"):
            decoded(bytes(odd))
        with pytest.raises(KerasVisionError, match="the image cannot be decoded: an animated WebP whose first frame"):
            read_image(bytes(odd))
        assert readable.bytes_problem(bytes(odd)).startswith("an animated WebP whose first frame")
    flag_alone = b"RIFF\x16\0\0\0WEBP" + riff(b"VP8X", b"\2" + bytes(3) + b"\x37\0\0\x27\0\0")
    assert problem(flag_alone).startswith("an animated WebP without a whole frame")


@pytest.mark.parametrize("corner", [(0, 0), (5, 3), (8, 7)])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_gif_is_as_large_as_its_screen(corner, transparent):
    palette = frames(1, (37, 53))[0].convert("P", palette=Image.Palette.ADAPTIVE, colors=40)
    palette.info = {"transparency": 3} if transparent else {}
    data = small_frame(palette, (61, 44), corner)
    want = expected(data)
    assert want.shape == (44, 61, 3)
    np.testing.assert_array_equal(decoded(data), want)
    np.testing.assert_array_equal(on_host(image_hw)(tf.constant(data)), (44, 61))


def test_a_gif_frame_beyond_its_screen_makes_it_larger():
    palette = frames(1, (37, 53))[0].convert("P", palette=Image.Palette.ADAPTIVE, colors=40)
    data = small_frame(palette, (20, 20), (5, 3))
    assert expected(data).shape == (40, 58, 3)
    np.testing.assert_array_equal(decoded(data), expected(data))


def test_a_gif_whose_data_are_damaged_is_refused():
    """TensorFlow's own decoder gives memory that it has not written for pixels of such a frame."""
    palette = frames(1, (37, 53))[0].convert("P", palette=Image.Palette.ADAPTIVE, colors=40)
    data = bytearray(written(palette, "GIF"))
    at = data.index(b"," + bytes(4)) + 10 + 1  # the first part of its data
    assert data[at] > 50
    data[at + 30 : at + 34] = b"\xff\xff\xff\xff"
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoded(bytes(data))


@pytest.mark.parametrize("name", ["png interlaced", "apng", "png icc", "png 16", "png key", "bmp top", "jpeg CMYK"])
def test_flags_of_formats_equal_pillow(name):
    data = seeds(np.random.default_rng(3))[name]
    np.testing.assert_array_equal(decoded(data), expected(data))


def test_what_pillow_does_not_write_is_what_it_reads():
    image = frames(1)[0]
    for data in (interlaced(image), top_down(image)):
        np.testing.assert_array_equal(expected(data), np.asarray(image))


def lied(data, at, code, value):
    data = bytearray(data)
    struct.pack_into(code, data, at, value)
    return bytes(data)


def test_bmps_that_would_be_misread_are_refused():
    bmp = written(frames(1)[0], "BMP")
    for odd, said in (
        (lied(bmp, 14, "<I", 12), "BMP of OS/2 is not supported"),
        (lied(bmp, 28, "<H", 16), "BMP of 16 bits a pixel is not supported; convert it to PNG"),
        (lied(bmp, 30, "<I", 1), "BMP of 24 bits a pixel, compressed, is not supported; convert it to PNG"),
        (lied(bmp, 30, "<I", 3), "BMP with masks of its own is not supported"),
        (lied(bmp, 22, "<i", 41), "cut off or damaged"),
        (lied(bmp, 22, "<i", -(2**31)), "cut off or damaged"),
        (lied(bmp, 18, "<i", -1), "cut off or damaged"),
        (lied(bmp, 10, "<I", 2**31), "cut off or damaged"),
        (bmp[:-1], "cut off or damaged"),
        (bmp[:30], "cut off or damaged"),
    ):
        assert problem(odd).startswith(said), said
        with pytest.raises(tf.errors.InvalidArgumentError, match="kerasvision says"):
            decoded(odd)
    np.testing.assert_array_equal(decoded(bmp + b"\0\0"), expected(bmp))  # some writers pad the file


def test_headers_of_too_many_pixels_are_refused_before_memory_is_asked_for():
    most = int(MOST_PIXELS**0.5)
    png = written(frames(1)[0], "PNG")
    for side, fits in ((most, True), (most + 1, False)):
        header = struct.pack(">II", side, side) + png[24:29]
        data = png[:8] + chunk(b"IHDR", header) + png[33:]
        assert (problem(data) == "") == fits
    gif = bytearray(written(frames(1)[0], "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    webp = b"RIFF\x16\0\0\0WEBP" + riff(b"VP8X", bytes(4) + b"\xff" * 6)
    bmp = lied(lied(written(frames(1)[0], "BMP"), 18, "<i", 2**20), 22, "<i", 2**20)
    for data in (bytes(gif), webp, bmp):
        assert problem(data) == "it has more than 178,956,970 pixels; make it smaller"
        with pytest.raises(tf.errors.InvalidArgumentError, match="178,956,970"):
            decoded(data)


def test_a_jpeg_of_many_scans_is_refused_where_they_take_long():
    """Each goes over all coefficients: 6,000 scans of 11 bytes on 60 million pixels take minutes."""
    jpeg = written(Image.new("L", (6000, 6000)), "JPEG", progressive=True)
    at = jpeg.rindex(b"\xff\xda")
    again = jpeg[at : jpeg.index(b"\xff\xd9", at)]
    assert problem(jpeg) == "" and jpeg.count(b"\xff\xda") < 20
    assert problem(jpeg[:-2] + again * 6_000 + b"\xff\xd9") == "a JPEG of more than 100 scans; write it anew"


@pytest.mark.parametrize("step", [31, pytest.param(7, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", ["jpeg progressive", "png RGBA", "gif", "webp RGBA", "webp animated", "bmp palette"])
def test_cut_off_at_every_byte(name, step):
    """Never a picture of fewer pixels, whatever is missing; all of the header is looked at in either case."""
    data = seeds(np.random.default_rng(3))[name]
    whole = decoded(data)
    for size in (*range(64), *range(64, len(data) - 1, step)):
        try:
            part = decoded(data[:size])
        except tf.errors.InvalidArgumentError:
            continue
        np.testing.assert_array_equal(part, whole)


def test_a_sticker_in_a_data_set(tmp_path):
    """Read, counted and decoded; not a dead process."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(8):
            frames(1, seed=100 * len(name) + ord(name[0]) + 10 * i)[0].save(tmp_path / name / f"{i}.png")
    (tmp_path / "cat" / "sticker.webp").write_bytes(animated(3, lossless=True))
    report = checking.check(ImageFolder(str(tmp_path)))
    found = {f["kind"]: f["examples"] for f in report["findings"]}
    assert [e.rsplit("/", 1)[-1] for e in found["animated"]] == ["sticker.webp"] and "unreadable" not in found


@pytest.mark.parametrize(("bits", "is_dark"), [(8, True), (12, True), (13, False), (16, False)])
def test_sixteen_bits_of_which_few_are_used_are_named(bits, is_dark, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(6):
            pixels = np.random.default_rng(i + 10 * (name == "b")).integers(0, 2**bits, (20, 24)).astype(np.uint16)
            pixels[0, 0] = 2**bits - 1
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    found = {f["kind"]: f for f in checking.check(ImageFolder(str(tmp_path)))["findings"]}
    assert found["sixteen_bit"]["count"] == 12
    assert ("dark_sixteen_bit" in found) == is_dark
    if is_dark:
        assert found["dark_sixteen_bit"]["count"] == 12
        assert decoded((tmp_path / "a" / "0.png").read_bytes()).max() < 16
