"""Odd Pascal VOC XML: codings, names of files, sizes, shapes and flags."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.sources._detect import detect

W, H = 24, 20  # of `noise`
COUNT = 4


def xml(i, filename=None, name="cat", size=f"<width>{W}</width><height>{H}</height>", inside="", head="", box=None):
    corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), box or (3, 4, 9, 12), strict=True))
    corners = "".join(f"<{k}>{v}</{k}>" for k, v in corners.items())
    named = f"<filename>{f'{i}.jpg' if filename is None else filename}</filename>"
    thing = f"<object><name>{name}</name>{inside}<bndbox>{corners}</bndbox></object>"
    return f"{head}<annotation>{named}<size>{size}</size>{thing}</annotation>"


@pytest.fixture
def place(tmp_path, noise):
    """place(make): Annotations of make(i), as text or bytes, and JPEGImages."""

    def write(make=xml, suffix="jpg"):
        for folder in ("Annotations", "JPEGImages"):
            (tmp_path / folder).mkdir(exist_ok=True)
        for i in range(COUNT):
            noise(i).save(tmp_path / "JPEGImages" / f"{i}.{suffix}", "JPEG")
            held = make(i)
            data = held.encode() if isinstance(held, str) else held
            (tmp_path / "Annotations" / f"{i}.xml").write_bytes(data)
        return tmp_path

    return write


def opened(path, **fields):
    return sources["voc"](path=str(path), **({"validation_fraction": 0.0, "test_fraction": 0.0} | fields)).open()


def samples(found):
    return list(found.splits["train"].records.map(found.splits["train"].read).as_numpy_iterator())


def refusal(path, **fields):
    with pytest.raises(KerasVisionError) as error:
        opened(path, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


def coded(coding, declared=None, name="Käse"):
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return lambda i: xml(i, name=name, head=head).encode(coding)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (coded("utf-8"), "Käse"),
        (coded("utf-8-sig"), "Käse"),
        (coded("utf-8-sig", "UTF-8"), "Käse"),
        (coded("utf-16", "UTF-16"), "Käse"),
        (coded("utf-16"), "Käse"),
        (coded("latin-1", "ISO-8859-1"), "Käse"),
        (coded("cp1252", "windows-1252"), "Käse"),
        (coded("gbk", "GBK", "奶酪"), "奶酪"),
        (coded("shift_jis", "Shift_JIS", "チーズ"), "チーズ"),
    ],
)
def test_the_declared_coding_is_read(place, make, name):
    root = place(make)
    assert detect(str(root)).registered_name == "sources/voc"
    found = opened(root)
    assert found.classes == (name,) and found.dropped == ()
    np.testing.assert_array_equal(samples(found)[0]["boxes_xyxy"], [[2, 3, 9, 12]])


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (coded("cp1252"), "0.xml: line 1 is no UTF-8 (byte 0xe4), in Windows-1252 it would be"),
        (coded("cp1252", "UTF-8"), "0.xml: line 1 is no UTF-8 (byte 0xe4)"),
        (coded("utf-8", "ISO-8859-1"), "0.xml: it declares the coding iso-8859-1 and is UTF-8"),
        (coded("utf-8", "klingon"), "0.xml: it declares the coding klingon and is none"),
        (coded("utf-16-le", name="cheese"), "0.xml: has zero bytes: UTF-16 without"),
        (lambda i: "<project><a/></project>", "0.xml: its root is <project>; VOC's is <annotation>"),
        (lambda i: "", "0.xml: no XML"),
    ],
)
def test_another_coding_or_no_annotation_is_one_line(place, make, line):
    assert line in refusal(place(make))


def test_the_image_of_the_xml_s_own_name_wins_and_the_other_is_said(place):
    """As VOC's development kit pairs them; every file here names its neighbor's image."""
    found = opened(place(lambda i: xml(i, f"{(i + 1) % COUNT}.jpg")))
    assert [s["path"].decode()[-5:] for s in samples(found)] == [f"{i}.jpg" for i in range(COUNT)]
    assert found.dropped == tuple(
        f"filename: {i}.xml says {(i + 1) % COUNT}.jpg, {i}.jpg was read" for i in range(COUNT)
    )


def test_one_image_named_by_all_is_said(place):
    found = opened(place(lambda i: xml(i, "0.jpg")))
    assert len(found.dropped) == COUNT - 1 and found.splits["train"].size == COUNT


@pytest.mark.parametrize("filename", ["", "{}", "{}.png", "gone.jpg", "C:\\data\\{}.jpg", "/somewhere/{}.jpg"])
def test_filenames_that_name_nothing_else_are_nothing_odd(place, filename):
    found = opened(place(lambda i: xml(i, filename.format(i)), "JPG"))
    assert found.splits["train"].size == COUNT and found.dropped == ()


def test_filename_finds_what_has_another_name_than_the_xml(place):
    root = place()
    (root / "Annotations" / "0.xml").rename(root / "Annotations" / "first.xml")
    found = opened(root)
    assert found.splits["train"].size == COUNT and found.dropped == ()


@pytest.mark.parametrize(
    ("size", "line"),
    [
        ("<width>640</width><height>480</height>", "4 images of another size than their labels say"),
        ("<width>640.0</width><height>480.0</height>", "0.jpg has 24 x 20 pixels and its labels say 640 x 480"),
        ("<width>x</width><height>20</height>", "0.xml: width is 'x'; allowed: a whole number of pixels"),
        ("<width>24</width><height>20</height></size><size><width>20</width><height>24</height>", "2 different sizes"),
    ],
)
def test_sizes_are_compared_however_they_are_written(place, size, line):
    assert line in refusal(place(lambda i: xml(i, size=size)))


@pytest.mark.parametrize(
    "size", ["", "<width>0</width><height>0</height>", f"<width>{W}.0</width><height> {H} </height>"]
)
def test_sizes_that_say_nothing_or_the_same(place, size):
    assert opened(place(lambda i: xml(i, size=size))).splits["train"].size == COUNT


def test_shapes_beside_and_in_place_of_boxes(place):
    found = opened(place(lambda i: xml(i, inside="<polygon><x1>1</x1></polygon>")))
    assert found.dropped == tuple(f"shapes: {i}.xml" for i in range(COUNT))
    root = place(lambda i: xml(i).replace("bndbox", "robndbox"))
    assert "0.xml: object 1: 0 bndbox (it has robndbox); allowed: one, with xmin" in refusal(root)
    root = place(lambda i: xml(i, inside="<bndbox/>"))
    assert "0.xml: object 1: 2 bndbox; allowed: one" in refusal(root)


@pytest.mark.parametrize(
    ("text", "flag"), [("1", True), ("true", True), ("0", False), ("", False), ("Unspecified", False)]
)
def test_flags_as_tools_write_them(place, text, flag):
    found = opened(place(lambda i: xml(i, inside=f"<difficult>{text}</difficult><truncated>{text}</truncated>")))
    assert samples(found)[0]["is_difficult"].tolist() == samples(found)[0]["is_truncated"].tolist() == [flag]


def test_a_flag_that_is_none(place):
    assert "difficult is 'maybe'; allowed: 0 or 1" in refusal(
        place(lambda i: xml(i, inside="<difficult>maybe</difficult>"))
    )


def test_white_space_around_names_is_said(place):
    found = opened(place(lambda i: xml(i, name=("Cat", "cat ", "cat", "dog")[i])))
    assert found.classes == ("Cat", "cat", "dog")
    assert found.dropped == ("alike: 'cat ' is read as 'cat'",)


def test_corners_of_zero_are_said(place):
    root = place(lambda i: xml(i, box=(0, 0, W, H)))
    assert [line for line in opened(root).dropped if "zero" in line] == [f"zero_based: {i}.xml" for i in range(COUNT)]
    assert opened(root, one_based=False).dropped == ()


def test_lists_with_blanks_and_what_they_leave(place):
    root = place()
    for i in range(COUNT):
        for folder, suffix in (("Annotations", "xml"), ("JPEGImages", "jpg")):
            file = root / folder / f"{i}.{suffix}"
            file.rename(file.with_name(f"img {file.name}"))
    sets = root / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    (sets / "train.txt").write_bytes("\ufeffimg 0\r\nimg 1\r\n".encode())
    found = opened(root)
    assert found.splits["train"].size == 2
    assert found.dropped == ("unlisted: 2 of 4 XML files that no list of ImageSets names: img 2.xml, img 3.xml",)


def test_pictures_without_an_xml_file_are_said(place, noise):
    root = place()
    noise(9).save(root / "JPEGImages" / "more.jpg")
    assert opened(root).dropped == ("unlisted: 1 images without an XML file: more.jpg",)
