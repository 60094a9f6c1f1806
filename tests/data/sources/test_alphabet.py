"""Rare characters in rendered lines: as often as asked for, with few other lines, and named where they cannot be."""

import collections
import shutil

import pytest
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.data.inspect.check import check
from kerasvision.data.sources._lines import fonts_below

SANS = next(path for path in fonts_below("") if path.endswith("DejaVuSans.ttf"))


def source(folder, text, **fields):
    (folder / "words.txt").write_text(text, encoding="utf-8")
    shutil.copy(SANS, folder)  # of one font: all of matplotlib's take a while to be looked at
    held = {"fonts": str(folder), "texts": (str(folder / "words.txt"),), "lines": (60, 10, 10), "length": (4, 14)}
    return create("sources/rendered_text", **held | fields)


def lines_of(opened, split="train"):
    return [row["line"].decode() for row in opened.splits[split].records.as_numpy_iterator()]


def counts_of(lines):
    return collections.Counter("".join(lines))


# x once in the middle of the training part, q three times, and z at the end, which is the test's part
TEXT = " ".join(["some", "more", "text", "here"] * 60 + ["tax", "quay"] + ["a", "remote", "store"] * 80 + ["zoo"])
TEXT = TEXT.replace("text", "team", 59)


def test_each_character_stands_there_as_often_as_asked(tmp_path):
    plain, asked = (source(tmp_path, TEXT, least=least).open() for least in ((0, 0, 0), (7, 0, 0)))
    before, after = counts_of(lines_of(plain)), counts_of(lines_of(asked))
    assert min(before[c] for c in "xquy") < 7 <= min(after[c] for c in set(TEXT.replace("z", "")))
    assert all(4 <= len(line) <= 14 and line in TEXT for line in lines_of(asked))
    assert lines_of(asked) == lines_of(source(tmp_path, TEXT, least=(7, 0, 0)).open())
    assert lines_of(asked) != lines_of(source(tmp_path, TEXT, least=(7, 0, 0), seed=1).open())
    for split in ("validation", "test"):
        assert lines_of(asked, split) == lines_of(plain, split)


def test_no_more_lines_are_others_than_need_be(tmp_path):
    plain, asked = (lines_of(source(tmp_path, TEXT, least=(n, 0, 0)).open()) for n in (0, 4))
    assert len(plain) == len(asked)
    others = [line for line, old in zip(asked, plain, strict=True) if line != old]
    assert all(set(line) & set("xquy") for line in others) and 0 < len(others) <= 3 * 4
    enough = min(counts_of(asked).values())
    assert lines_of(source(tmp_path, TEXT, least=(1, 0, 0)).open()) != asked and enough >= 4


def test_a_line_with_a_character_is_found_wherever_it_begins(tmp_path):
    """x stands at the end of one line of 12 to 14 characters alone, the one that begins four words before."""
    text = "elongated " * 6 + "ab cd ef gh x incomprehensible " + "so is this one here " * 30
    held = lines_of(source(tmp_path, text, lines=(40, 0, 0), length=(12, 14), least=(2, 0, 0)).open())
    assert held.count("ab cd ef gh x") >= 2


def test_characters_are_known_without_a_picture(tmp_path, monkeypatch):
    opened = source(tmp_path, TEXT).open()
    monkeypatch.setattr("kerasvision.data.sources.rendered_text.render", None)
    split = opened.splits["train"]
    assert len(list(split.records.map(lambda r: split.read(r)["characters"]).as_numpy_iterator())) == 60


def test_too_few_lines_are_one_line(tmp_path):
    """One line more than two characters that never meet can do with, and one less."""
    text = "ab " * 40 + "cd " * 40
    assert lines_of(source(tmp_path, text, lines=(6, 0, 0), length=(1, 2), least=(3, 0, 0)).open())
    with pytest.raises(KerasVisionError) as raised:
        source(tmp_path, text, lines=(5, 0, 0), length=(1, 2), least=(3, 0, 0)).open()
    assert "rendered_text: train: 5 lines are too few for each of 4 characters to stand there 3 times: " in str(raised)
    assert "2 times" in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(KerasVisionError, match="rendered_text: least="):
        source(tmp_path, text, least=(-1, 0, 0)).open()


def test_what_no_line_has_is_said(tmp_path):
    """z stands in the test's words alone, and a long word with k in it fits into no line."""
    said = source(tmp_path, TEXT + " kkkkkkkkkkkkkkkk", least=(2, 0, 1)).open().dropped
    count = len(set(TEXT)) + 1
    assert f"unlearned: 2 of {count}: 'k', 'z'" in said
    assert "unseen: test: k" in said and "unseen: test: q" in said


def test_a_check_names_characters_that_are_never_learned(tmp_path):
    for number, text in enumerate(("ab", "ba", "aab", "bb")):
        (tmp_path / "train").mkdir(exist_ok=True)
        Image.new("L", (9 + number, 8), 40 * number).save(tmp_path / "train" / f"{number}.png")
        (tmp_path / "train" / f"{number}.txt").write_text(text)
    fields = {"path": str(tmp_path), "classes": ("a", "b"), "validation_fraction": 0.0, "test_fraction": 0.0}
    assert not create("sources/text_lines", **fields).open().dropped
    fields["classes"] = ("b", "a", "\u00e9")
    found = {f["kind"]: f["examples"] for f in check(create("sources/text_lines", **fields))["findings"]}
    assert found["unlearned"] == ["1 of 3: '\u00e9'"] and "unseen" not in found
