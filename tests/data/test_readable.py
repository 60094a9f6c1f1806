"""Which files can be read."""

import pytest
from PIL import Image

from kerasvision.data import readable

WHOLE = [
    "rgb.jpg",
    "cmyk.jpg",
    "rgb.png",
    "deep.png",
    "rgb.bmp",
    "palette.bmp",
    "rgb.gif",
    "animated.gif",
    "rgb.webp",
    "animated.webp",
]


@pytest.mark.parametrize("full_files", [0, 5_000])
def test_whole_files_are_readable(zoo, full_files):
    assert readable.unreadable([zoo[n] for n in WHOLE], full_files) == {}


@pytest.mark.parametrize("full_files", [0, 5_000])
@pytest.mark.parametrize("name", ["rgb.jpg", "progressive.jpg", "rgb.png", "rgb.gif", "rgb.webp"])
def test_files_that_are_cut_off(zoo, tmp_path, name, full_files):
    content = zoo[name].read_bytes()
    paths = []
    for kept in (len(content) - 5, len(content) // 2, 100):
        paths.append(tmp_path / f"{kept}{name}")
        paths[-1].write_bytes(content[:kept])
    assert readable.unreadable(paths, full_files) == dict.fromkeys(paths, "cut off or damaged")


def test_a_cut_bmp_is_found_by_decoding(zoo, tmp_path):
    path = tmp_path / "cut.bmp"
    path.write_bytes(zoo["rgb.bmp"].read_bytes()[:-400])
    assert readable.unreadable([path]) == {path: "cut off or damaged"}


def test_damage_in_the_middle_is_found_by_decoding(zoo, tmp_path):
    path, content = tmp_path / "hit.png", bytearray(zoo["rgb.png"].read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(content)
    assert readable.unreadable([path]) == {path: "cut off or damaged"}
    assert readable.unreadable([path], full_files=0) == {}  # the ends look right: not opened among very many


@pytest.mark.parametrize("full_files", [0, 5_000])
def test_bytes_after_the_end_of_a_jpeg_are_fine(zoo, tmp_path, full_files):
    """Phones append a film or a depth map."""
    path = tmp_path / "motion.jpg"
    path.write_bytes(zoo["rgb.jpg"].read_bytes() + b"MotionPhoto" * 20)
    assert readable.unreadable([path], full_files) == {}


def test_strangers_are_named(zoo, photo, tmp_path):
    contents = {
        "empty.jpg": (b"", "0 bytes"),
        "text.jpg": (b"this is no picture\n", "text, not an image"),
        "binary.png": (bytes(range(30)) + b"\x80" * 40, "not an image"),
        "heic.jpg": (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC or a video is not supported; convert it to JPEG or PNG"),
        "pdf.png": (b"%PDF-1.7 ...", "PDF is not supported; convert it to JPEG or PNG"),
    }
    for name, (content, _) in contents.items():
        (tmp_path / name).write_bytes(content)
    photo.save(tmp_path / "scan.tif")
    want = {tmp_path / name: reason for name, (_, reason) in contents.items()}
    want |= {
        tmp_path / "scan.tif": "TIFF is not supported; convert it to JPEG or PNG",
        tmp_path / "gone.jpg": "no such file or directory",
        zoo["one_bit.bmp"]: "BMP of 1 bits a pixel is not supported; convert it to PNG",
    }
    assert readable.unreadable([*want, zoo["rgb.png"]]) == want


def test_a_name_that_lies_about_the_format_is_fine(photo, tmp_path):
    photo.save(tmp_path / "really_a_png.jpg", "PNG")
    assert Image.open(tmp_path / "really_a_png.jpg").format == "PNG"
    assert readable.unreadable([tmp_path / "really_a_png.jpg"]) == {}


def test_progress_reaches_the_number_of_files(zoo):
    seen = []
    readable.unreadable([zoo[n] for n in WHOLE], progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(WHOLE)
