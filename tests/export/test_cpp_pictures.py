"""Pictures as the C++ client decodes them: turned as cameras say; damaged headers end in one line."""

import io
import shutil
import struct
import subprocess
import zlib

import pytest
from PIL import Image, ImageOps

from tests.export.test_cpp_client import SOURCE

PROGRAM = """
#include <iostream>
#include "pictures.h"
int main(int, char** words) {  // RULE FILE
  try {
    std::ifstream file(words[2], std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    if (!can_decode(bytes)) throw EdgeError("no picture");
    Picture held = decode(bytes, words[1]);
    std::cout << "P6 " << held.width << " " << held.height << " 255\\n";
    std::cout.write(reinterpret_cast<const char*>(held.rgb.data()), held.rgb.size());
  } catch (const EdgeError& error) {
    std::cerr << error.what();
    return 1;
  }
}
"""
BUILDS = {
    "png": ("-DKERASVISION_PNG", "-lpng", "png.h: No such file"),
    "jpeg": ("-DKERASVISION_JPEG", "-ljpeg", "jpeglib.h: No such file"),
}
MOST = "pixels, and this client decodes at most 268435456"

pytestmark = pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler")


@pytest.fixture(scope="module", params=BUILDS)
def built(request, tmp_path_factory):
    """(kind of picture, program that reads it)."""
    folder, (define, library, lacks) = tmp_path_factory.mktemp(request.param), BUILDS[request.param]
    (folder / "main.cpp").write_text(PROGRAM)
    words = ["g++", "-std=c++17", f"-I{SOURCE}", define, folder / "main.cpp"]
    done = subprocess.run([*words, "-o", folder / "program", library], capture_output=True, text=True)
    if lacks in done.stderr or f"cannot find {library}" in done.stderr:
        pytest.skip(f"no lib{request.param}")
    assert done.returncode == 0, done.stderr
    return request.param, folder / "program"


@pytest.fixture
def decoded(built, tmp_path):
    def run(content, rule="applied"):
        """bytes -> (picture or None, what is said)."""
        (tmp_path / "picture").write_bytes(content)
        done = subprocess.run([built[1], rule, tmp_path / "picture"], capture_output=True)
        assert done.returncode in (0, 1), done
        return Image.open(io.BytesIO(done.stdout)) if done.returncode == 0 else None, done.stderr.decode()

    return run


def encoded(kind, **given):
    """A picture of 9 x 6 pixels that looks otherwise from every side."""
    image, held = Image.new("RGB", (9, 6)), io.BytesIO()
    image.putdata([(25 * x, 40 * y, 255 if x < 3 > y else 0) for y in range(6) for x in range(9)])
    image.save(held, kind, **given)
    return held.getvalue()


def with_sides(content, width, height):
    """The same bytes with other sides in their header."""
    if content[1:4] == b"PNG":  # the first chunk is IHDR, and its sum stands behind its 13 bytes
        chunk = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
        return content[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:]
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def test_a_picture_that_says_it_is_enormous_is_refused_before_memory_is_taken(built, decoded):
    whole = encoded(built[0])
    assert decoded(whole)[0].size == (9, 6)
    for sides in ((40000, 40000), (16385, 16384)):
        text = f"the image has {sides[0]} x {sides[1]} {MOST}"
        assert decoded(with_sides(whole, *sides)) == (None, text)
        assert decoded(b"P6 %d %d 255\n123" % sides) == (None, text)
    assert MOST in decoded(b"P6 2147483647 2147483647 255\n123")[1]
    for head in (b"P6 16384 16384 255\n123", b"P6 -1 4 255\n123"):  # 2^28 are allowed, and not there
        assert decoded(head) == (None, "the image cannot be decoded: a PPM is P6 with 8 bits, and whole")
    assert "cannot be decoded" in decoded(whole[: len(whole) // 2])[1]


def tagged(order, orientation, type_=3, count=1):
    """A segment of EXIF: another tag, then the orientation. order: of struct's bytes."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIH", 42, 8, 2)
    value = struct.pack(order + "I", orientation) if type_ == 4 else struct.pack(order + "HH", orientation, 0)
    other = struct.pack(order + "HHIHH", 0x0100, 3, 1, 9, 0)
    return b"Exif\0\0" + head + other + struct.pack(order + "HHI", 0x0112, type_, count) + value + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pictures_are_turned_as_pillow_turns_them(built, decoded, order):
    plain = decoded(encoded(built[0]))[0]
    seen = set()
    for orientation in range(10):  # 0 and 9 are none
        content = encoded(built[0], exif=tagged(order, orientation))
        with Image.open(io.BytesIO(content)) as image:
            plain.getexif()[0x0112] = image.getexif()[0x0112]
        expected, found = ImageOps.exif_transpose(plain), decoded(content)[0]
        assert found.size == expected.size and found.tobytes() == expected.tobytes(), orientation
        assert decoded(content, "ignored")[0].tobytes() == plain.tobytes()
        seen.add((found.size, found.tobytes()))
    assert len(seen) == 8


def test_what_says_no_orientation_leaves_the_picture(built, decoded):
    plain, whole = decoded(encoded(built[0]))[0].tobytes(), tagged("<", 6)
    assert decoded(encoded(built[0], exif=tagged("<", 6, 4)))[0].size == (6, 9)
    cut = [whole[:length] for length in range(7, 40, 4)]  # the tag's twelve bytes end at 40
    for exif in (tagged("<", 6, 2), tagged("<", 6, 3, 2), whole.replace(b"II", b"XX"), *cut):
        assert decoded(encoded(built[0], exif=exif))[0].tobytes() == plain


def test_bytes_that_are_no_picture_are_said_to_be_none(decoded):
    for content in (b"", b"P", b"\x89PN", b"\xff", b"?PNG" + bytes(40)):
        assert decoded(content) == (None, "no picture")
