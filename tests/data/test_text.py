"""Text files as people and their tools write them."""

import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.data import text


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, coding):
    (tmp_path / "a.txt").write_bytes("Käse\r\n写真\n".encode(coding))
    assert text.read_text(tmp_path / "a.txt", "a") == "Käse\r\n写真\n"
    assert text.read_class_names(tmp_path / "a.txt", "a") == ("Käse", "写真")


@pytest.mark.parametrize(
    "data, says",
    [
        (
            "dog\nkäse\n".encode("cp1252"),
            r"^a: line 2 is no UTF-8 \(byte 0xe4\), in Windows-1252 it would be 'käse'",
        ),
        (b"\xef\xbb\xbfdog\r\nk\xe4se", r"^a: line 2 is no UTF-8 \(byte 0xe4\)"),
        ("dog\n".encode("utf-16-le"), "^a: has zero bytes: UTF-16 without"),
        ("dog\n".encode("utf-16")[:-1], "^a: begins with the byte-order mark of UTF-16 and is none: truncated"),
    ],
)
def test_another_coding_is_one_line(data, says):
    with pytest.raises(KerasVisionError, match=says) as caught:
        text.decode_text(data, "a")
    assert "\n" not in str(caught.value)


def test_a_line_ends_where_an_editor_ends_it():
    assert text.lines("a\u2028b\r\nc\x85\rd\x0c\n\ne\n") == ["a\u2028b", "c\x85", "d\x0c", "", "e"]
    assert text.lines("") == [] and text.lines("\n") == [""]


def test_lines_keep_their_numbers(tmp_path):
    (tmp_path / "a.txt").write_text("\n x \n\ny")
    assert text.read_lines(tmp_path / "a.txt", "a") == [(2, "x"), (4, "y")]


def test_a_file_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(KerasVisionError, match="^a: cannot be read: no such file or directory$"):
        text.read_text(tmp_path / "a.txt", "a")


@pytest.mark.parametrize("held", ["{", "[" * 100_000, "9" * 5000])
def test_json_that_is_none_is_one_line(tmp_path, held):
    (tmp_path / "a.json").write_text(held)
    with pytest.raises(KerasVisionError, match="^a: no JSON: "):
        text.read_json(tmp_path / "a.json", "a")


def test_json_and_tables_with_a_mark(tmp_path):
    (tmp_path / "a.json").write_bytes('{"a": "ü"}'.encode("utf-8-sig"))
    assert text.read_json(tmp_path / "a.json", "a") == {"a": "ü"}
    (tmp_path / "a.csv").write_bytes('file, label\r\n1.png, "a\u2028b, c"\r\n'.encode("utf-16"))
    assert text.read_text(tmp_path / "a.csv", "a").splitlines()[0] == "file, label"


def test_blank_lines_only_at_the_end_of_class_names(tmp_path):
    (tmp_path / "a.txt").write_text("cat\ndog \n\n \n")
    assert text.read_class_names(tmp_path / "a.txt", "a") == ("cat", "dog")
    (tmp_path / "a.txt").write_text("cat\n\ndog\n")
    with pytest.raises(KerasVisionError, match="^a: line 2 of 3 is blank"):
        text.read_class_names(tmp_path / "a.txt", "a")
    (tmp_path / "a.txt").write_text("\n")
    with pytest.raises(KerasVisionError, match="^a: no class names"):
        text.read_class_names(tmp_path / "a.txt", "a")


@pytest.mark.parametrize(
    "name", [None, 1, True, ["a"], "", " ", "a ", "a\nb", "a\u2028b", "a\x85b", "a\x0cb", "a\x1b[2J", "\ud800", "cat"]
)
def test_names_that_cannot_be_told_or_written(name):
    with pytest.raises(KerasVisionError, match="^a: class"):
        text.check_class_names(["cat", name], "a")


def test_names_that_are_names():
    names = ["cat", "Cat", "cat,dog", "nan", "None", "yes", "007", "1.10", "Käse", "写真", "a  b"]
    assert text.check_class_names(names, "a") == tuple(names)
    assert text.alike(["cat", "Cat", "dog", "a  b", "A b", "STRASSE", "straße"]) == [
        ("cat", "Cat"),
        ("a  b", "A b"),
        ("STRASSE", "straße"),
    ]
