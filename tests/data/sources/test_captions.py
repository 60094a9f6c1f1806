"""`sources/captions`: texts of a picture in several rows and columns, what is left out, and what is refused."""

import pytest
from PIL import Image

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        Image.new("RGB", (6, 5), (number, 0, 0)).save(tmp_path / f"{number}.png")
    return tmp_path


def opened(folder, rows, header="file,text,german", **fields):
    (folder / "captions.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    fields = {"text_columns": ("text", "german"), "validation_fraction": 0.0, "test_fraction": 0.0} | fields
    return create("sources/captions", path=str(folder / "captions.csv"), **fields).open()


def samples(split):
    return {s["path"].decode()[-5:]: s for s in split.records.map(split.read).as_numpy_iterator()}


def test_texts_of_rows_and_columns_are_each_there_once(folder):
    rows = ["0.png,a ring,ein Ring", "1.png,,eine Öse", "0.png,a circle,ein Ring", "2.png,,"]
    found = opened(folder, rows)
    held = samples(found.splits["train"])
    assert [t.decode() for t in held["0.png"]["texts"]] == ["a ring", "ein Ring", "a circle"]
    assert [t.decode() for t in held["1.png"]["texts"]] == ["eine Öse"] == [held["1.png"]["text"].decode()]
    assert set(held) == {"0.png", "1.png"} and found.classes == ()
    assert found.dropped == ("blank: 1 pictures have no text",)


def test_json_lines_and_splits(folder):
    lines = ['{"file": "0.png", "text": "one", "split": "train"}', '{"file": "1.png", "text": "two", "split": "test"}']
    (folder / "captions.jsonl").write_text("\n".join(lines))
    found = create("sources/captions", path=str(folder / "captions.jsonl"), validation_fraction=0.0).open()
    assert {name: split.size for name, split in found.splits.items()} == {"train": 1, "test": 1}


def test_a_list_in_a_json_line_is_several_texts(folder):
    lines = ['{"file": "0.png", "text": ["a red; round box", " a box "]}', '{"file": "1.png", "text": "two"}']
    (folder / "captions.jsonl").write_text("\n".join(lines))
    found = create("sources/captions", path=str(folder / "captions.jsonl"), validation_fraction=0.0).open()
    held = {name: row for split in found.splits.values() for name, row in samples(split).items()}
    assert [text.decode() for text in held["0.png"]["texts"]] == ["a red; round box", "a box"]


def test_pictures_of_equal_bytes_stay_in_one_split(folder):
    (folder / "3.png").write_bytes((folder / "0.png").read_bytes())
    rows = ["0.png,one,,train", "1.png,two,,train", "3.png,one again,,test"]
    found = opened(folder, rows, "file,text,german,split")
    assert {name: set(samples(split)) for name, split in found.splits.items()} == {
        "train": {"1.png"},
        "test": {"3.png"},
    }
    assert found.dropped[0].startswith("copy: 0.png has the same bytes as 3.png")


@pytest.mark.parametrize(
    ("rows", "fields", "says"),
    [
        (["0.png,,", "1.png,,"], {}, "no picture has a text; text, german are empty"),
        (["9.png,one,"], {}, "1 of 1 files do not exist: 9.png; paths are relative to the table"),
        ([",one,"], {}, "line 2: no file"),
        (["0.png,one,"], {"text_columns": ("english",)}, "no column 'english'"),
        (["0.png,one,"], {"text_columns": ()}, r"text_columns=\(\); name one column of texts or more"),
    ],
)
def test_what_is_no_table_of_captions_is_one_line(folder, rows, fields, says):
    with pytest.raises((KerasVisionError, UsageError), match=says):
        opened(folder, rows, **fields)


def test_rows_of_a_picture_that_disagree_are_refused(folder):
    rows = ["0.png,one,,train", "1.png,two,,train", "0.png,another,,test"]
    with pytest.raises(KerasVisionError, match="line 4: 0.png is in split test, group none, and before in split train"):
        opened(folder, rows, "file,text,german,split")


def test_what_is_no_picture_is_refused_or_left_out(folder):
    (folder / "2.png").write_bytes(b"no picture")
    rows = ["0.png,one,", "2.png,two,"]
    with pytest.raises(KerasVisionError, match="1 of 2 files cannot be read: 2.png"):
        opened(folder, rows)
    found = opened(folder, rows, skip_unreadable=True)
    assert set(samples(found.splits["train"])) == {"0.png"}
    assert found.dropped[0].startswith("unreadable: 2.png")
