"""Lines of text from folders and tables: what is read, how it is spelled, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.core.characters import BLANK, text_of
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.data.sources._detect import detect, detected

TEXTS = {"a": "caf\u0065\u0301  au lait ", "b": "\ufeffno 7", "c": "le th\u00e9", "d": "tea", "e": "at", "f": "net"}


def lay(root, texts=TEXTS):
    root.mkdir(parents=True, exist_ok=True)
    for number, (name, text) in enumerate(texts.items()):
        Image.fromarray(np.full((9, 20 + number, 3), 40 * number, np.uint8)).save(root / f"{name}.png")
        (root / f"{name}.txt").write_bytes(text.encode("utf-8"))
    return root


def texts_of(opened):
    """{name of the picture: its text as samples have it}."""
    held = {}
    for split in opened.splits.values():
        for sample in split.records.map(split.read).as_numpy_iterator():
            name = sample["path"].decode().rsplit("/", 1)[1].removesuffix(".png")
            held[name] = text_of([opened.classes[k] for k in sample["characters"]])
    return held


def refusal(**fields):
    with pytest.raises(KerasVisionError) as raised:
        create("sources/text_lines", **fields).open()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_folder_holds_a_text_beside_each_picture(tmp_path):
    source = detect(lay(tmp_path / "lines"))
    assert source.registered_name == "sources/text_lines"
    opened = source.open()
    expected = {"a": "caf\u00e9 au lait", "b": "no 7", "c": "le th\u00e9", "d": "tea", "e": "at", "f": "net"}
    assert texts_of(opened) == expected
    assert opened.classes == tuple(sorted({BLANK if c == " " else c for text in expected.values() for c in text}))


def test_a_table_says_the_same(tmp_path):
    lay(tmp_path / "lines")
    rows = [f"lines/{name}.png,{text.strip()!r}".replace("'", '"') for name, text in TEXTS.items() if name != "b"]
    (tmp_path / "list.csv").write_text("\n".join(["file,text", *rows, 'lines/b.png,"no 7"']), encoding="utf-8")
    source = detect(tmp_path / "list.csv")
    assert source.registered_name == "sources/text_lines"
    assert texts_of(source.open()) == texts_of(create("sources/text_lines", path=str(tmp_path / "lines")).open())


def test_boxes_beside_pictures_are_no_lines(tmp_path):
    """A YOLO label has five numbers a line, or more; three may be a text."""
    lay(tmp_path / "boxes", dict.fromkeys("abc", "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.1 0.1\n"))
    assert "text_lines" not in detected(tmp_path / "boxes")
    lay(tmp_path / "numbers", dict.fromkeys("abc", "12 345 67"))
    assert "text_lines" in detected(tmp_path / "numbers")


def test_what_is_no_text_is_refused_by_name(tmp_path):
    root = lay(tmp_path / "empty", TEXTS | {"b": " \n"})
    assert refusal(path=str(root)).endswith("1 of 6 lines have no text: b.png; write it, or remove them")
    (root / "b.txt").unlink()
    assert "1 of 6 pictures have no .txt of their name: b.png; write those, or remove" in refusal(path=str(root))


def test_an_alphabet_says_what_is_beyond_it(tmp_path):
    root = lay(tmp_path / "lines")
    line = refusal(path=str(root), classes=(*"acfulthnoei7", BLANK))
    assert "characters beyond the alphabet of 13: " in line
    assert "'\u00e9' 2 times" in line and "in a.png, c.png" in line and f"a blank as {BLANK!r}" in line
    held = create("sources/text_lines", path=str(root), classes=(*"acfulthnoei7\u00e9z", BLANK)).open()
    assert held.classes[-2:] == ("z", BLANK) and texts_of(held)["d"] == "tea"


def test_a_check_counts_characters(tmp_path, capsys):
    """An alphabet is no set of names that might be meant otherwise: a and A are two classes."""
    lay(tmp_path / "lines", TEXTS | {"d": "TEA"})
    assert main(["data", "check", str(tmp_path / "lines"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["looked_at"]["labels"] == {"characters": 12 + 4 + 6 + 3 + 2 + 3}
    assert not [f for f in report["findings"] if f["kind"] == "names"]
