"""Tables of texts: columns by name and guessed, rows that are left out, one text in one split."""

import json

import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.data.sources._detect import detect

NEVER = {"validation_fraction": 0.0, "test_fraction": 0.0}


def written(path, rows):
    path.write_text("\n".join(rows), encoding="utf-8")
    return str(path)


def read(source):
    opened = source.open()
    found = {n: list(s.records.map(s.read).as_numpy_iterator()) for n, s in opened.splits.items()}
    return opened, found


def test_a_csv_with_blanks_commas_and_empty_cells(tmp_path):
    rows = ["Text,label", '"one, two", good', "three,bad", ",good", "four,", "fünf,good"]
    opened, found = read(create("sources/table", path=written(tmp_path / "a.csv", rows), **NEVER))
    assert opened.classes == ("bad", "good")
    assert [(s["text"].decode(), s["label"]) for s in found["train"]] == [("one, two", 1), ("three", 0), ("fünf", 1)]
    assert opened.dropped == (
        "blank: 1 rows have no text, the first in line 4",
        "blank: 1 rows have no label, the first in line 5",
    )


def test_columns_are_guessed_and_said(tmp_path):
    rows = ["id,words,mood", *(f"{n},a text of {n} words,{('up', 'down')[n % 2]}" for n in range(12))]
    opened, found = read(create("sources/table", path=written(tmp_path / "a.csv", rows), **NEVER))
    assert opened.classes == ("down", "up") and found["train"][3]["text"] == b"a text of 3 words"
    assert opened.dropped == (
        "columns: 'words' is read as the text; set text_column",
        "columns: 'mood' is read as the label; set label_column",
    )
    named = create("sources/table", path=str(tmp_path / "a.csv"), text_column="words", label_column="mood", **NEVER)
    assert named.open().dropped == ()


def test_json_lines_have_lists_and_numbers(tmp_path):
    rows = [
        {"text": "ein Satz", "labels": ["a", "b"]},
        {"text": "noch einer", "labels": []},
        {"text": "c", "labels": "b"},
    ]
    path = written(tmp_path / "a.jsonl", map(json.dumps, rows))
    opened, found = read(create("sources/table", path=path, **NEVER))
    assert opened.classes == ("a", "b") and [s["labels"].tolist() for s in found["train"]] == [[0, 1], [], [1]]
    assert detect(path) == create("sources/table", path=path)
    rows = [{"text": "x y", "score": 1.5}, {"text": "z", "score": "-2"}]
    path = written(tmp_path / "b.jsonl", map(json.dumps, rows))
    opened, found = read(create("sources/table", path=path, target_columns=("score",), **NEVER))
    assert opened.classes == ("score",) and [s["targets"].tolist() for s in found["train"]] == [[1.5], [-2.0]]


def test_one_text_stays_in_one_split(tmp_path):
    """Blanks and case do not make another text of it; where the table tears it apart, the judging split keeps it."""
    rows = ["text,label,split", "A  rose,a,train", "a rose,a,test", "b,b,train", "c,a,train", "d,b,test"]
    opened, found = read(create("sources/table", path=written(tmp_path / "a.csv", rows), validation_fraction=0.0))
    assert {n: [s["text"].decode() for s in held] for n, held in found.items()} == {
        "train": ["b", "c"],
        "test": ["a rose", "d"],
    }
    assert opened.dropped == ("copy: line 2 has the same text as line 3, which is in test",)
    rows = ["text,label", *(f"text {n // 2},{'ab'[n // 2 % 2]}" for n in range(40))]
    _, found = read(create("sources/table", path=written(tmp_path / "b.csv", rows), seed=3))
    held = [{s["text"] for s in samples} for samples in found.values()]
    assert len(held) == 3 and not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]


@pytest.mark.parametrize(
    ("name", "rows", "fields", "line"),
    [
        ("a.csv", ["text,label", "a,b", "c,d"], {"label_column": "lable"}, "no column 'lable'; .*label"),
        ("a.csv", ["text", "a b", "c d"], {}, "no column of labels; it has text"),
        ("a.csv", ["n,label", "1,b", "2,d"], {}, "no column of texts; it has n, label; set text_column"),
        ("a.csv", ["text,score", "a,1", "b,much"], {"target_columns": ("score",)}, "line 3: score is 'much'"),
        ("a.csv", ["text,label", "a,x", "b,x"], {}, "one class only, 'x'"),
        ("a.csv", ["text,label,split", "a,x,oven", "b,y,"], {}, "line 2: split 'oven'; allowed: train"),
        ("a.csv", ["text,label", "a,x", "b,y"], {"classes": ("x", "z")}, "line 3: label 'y' is none of the classes"),
        ("a.csv", ["text,label", ",x", "b,"], {}, "no row has a text and a label"),
        ("a.jsonl", ['{"text": "a", "label": "x"}', "[1]"], {}, "line 2: no object"),
        ("a.jsonl", ['{"text": "a", "label": "x"'], {}, "line 1: no JSON"),
        ("a.jsonl", ['{"text": {"de": "a"}, "label": "x"}'], {}, "line 1: text is dict; allowed: a text"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line(tmp_path, name, rows, fields, line):
    with pytest.raises(KerasVisionError, match=line) as error:
        create("sources/table", path=written(tmp_path / name, rows), **NEVER, **fields).open()
    assert "\n" not in str(error.value)


def test_a_text_that_is_no_utf_8_names_its_line(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text,label\nna\xefve,x\nb,y\n")
    with pytest.raises(KerasVisionError, match="line 2 is no UTF-8"):
        create("sources/table", path=str(tmp_path / "a.csv")).open()
