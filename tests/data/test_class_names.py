"""Names of classes: what may be one, wherever it comes from, and that lines give back what was written."""

import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.class_names import as_lines, oddities, of_lines, read_names, write_names
from kerasvision.data.sources.base import Opened

# every character at which Python's str.splitlines parts a text
BREAKS = [chr(c) for c in range(0x3000) if len(f"a{chr(c)}b".splitlines()) == 2]
BAD = [*(f"big{c}banana" for c in BREAKS), "", " ", "\t", " cat", "cat\u2028", "a\0b", "a\x7fb", "\ufeffcat", "\ud800"]


def test_all_breaks_are_tried():
    assert [hex(ord(c)) for c in BREAKS] == [
        *("0xa", "0xb", "0xc", "0xd", "0x1c", "0x1d", "0x1e", "0x85", "0x2028", "0x2029")
    ]


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_a_name_that_cannot_be_a_line_is_refused_by_every_source_and_file(name, tmp_path):
    classes = ("apple", name, "cherry")
    for refuse in (
        lambda: Opened(classes, {}),
        lambda: as_lines(classes, "labels.txt"),
        lambda: write_names(tmp_path / "labels.txt", classes),
    ):
        with pytest.raises(KerasVisionError, match="class 1 is ") as error:
            refuse()
        assert len(str(error.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_name_twice_is_refused():
    with pytest.raises(KerasVisionError, match="classes 0 and 2 are both 'a'"):
        Opened(("a", "b", "a"), {})


@pytest.mark.parametrize("classes", [("a",), ("größe 写真", "b, c", "'d'", "e;f", "-", "#g", "1.10", "yes")])
def test_names_come_back_as_they_were(classes, tmp_path):
    write_names(tmp_path / "labels.txt", classes)
    assert read_names(tmp_path / "labels.txt") == classes
    text = (tmp_path / "labels.txt").read_bytes().decode("utf-8")
    assert tuple(text.splitlines()) == tuple(text.split("\n")[:-1]) == classes  # as other readers do it
    assert [p.name for p in tmp_path.iterdir()] == ["labels.txt"]


@pytest.mark.parametrize("text", ["a\n\nb\n", "a\nb\na\n", "a\n b\n"])
def test_lines_that_cannot_have_been_written_are_refused(text):
    with pytest.raises(KerasVisionError, match=r"^classes\.txt: class"):
        of_lines(text, "classes.txt")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("Cat", "dog", "cat"), ["'Cat' and 'cat' differ only in case or white space"]),
        (("new york", "new  york"), ["'new york' and 'new  york' differ only in case or white space"]),
        (("u\u0308ber", "\u00fcber"), ["look alike, and are written with other characters"]),
        (("0", "0.0", "1"), ["'0' and '0.0' are one number"]),
        (("1", "01", "2"), ["'1' and '01' are one number"]),
        (("Train", "plane"), ["'Train' is the name of a split"]),
        (("NaN", "cat"), ["'NaN' often means that a label is missing"]),
        (("0", "1", "10", "1a", "tester", "nano"), []),
    ],
)
def test_what_is_doubtful_is_said(names, said):
    found = oddities(names)
    assert len(found) == len(said)
    assert all(text in line for text, line in zip(said, found, strict=True))
