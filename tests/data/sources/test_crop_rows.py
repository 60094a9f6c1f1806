"""Pictures of words that a gt.txt lists: how rows are written, and what of them is refused or left out."""

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.data.inspect import findings
from kerasvision.data.sources._crop_rows import crops_of, is_crops
from kerasvision.data.sources._detect import detect, detected
from tests.data.sources.test_text_lines import texts_of


def lay(root, text, count=6):
    """Pictures word_1.png and so on, and gt.txt."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        Image.fromarray(np.full((9, 20 + number, 3), 20 * number, np.uint8)).save(root / f"word_{number}.png")
    (root / "gt.txt").write_bytes(text.encode("utf-8"))
    return root


def refusal(path):
    with pytest.raises(KerasVisionError) as raised:
        create("sources/text_lines", path=str(path)).open()
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        ('word_1.png, "Tired"\r\nword_2.png, "a, b"\r\n', ["Tired", "a, b"]),
        ('word_1.png, "say \\"no\\""\nword_2.png, "a\\\\b"', ['say "no"', "a\\b"]),
        ("word_1.png, Tired\n\nword_2.png,a,b ", ["Tired", "a,b"]),
        ("word_1.png,Latin,ab\nword_2.png,Arabic,###", ["ab", None]),
        ('word_1.png, "###"\nword_2.png, "x"', [None, "x"]),
        ("word_1.png\tone two\nword_2.png\tthree", ["one two", "three"]),
        ("a, b.png, c\nd/word_2.JPG,x.png", ["c", "x.png"]),
        ('word_1.png, "\nword_2.png, ""', ['"', '""']),
    ],
)
def test_rows_are_read_as_they_are_written(rows, texts):
    assert [text for _, text in crops_of(rows, "x").crops] == texts and is_crops(rows)


def test_marks_around_some_texts_are_part_of_them_and_said():
    held = crops_of('a.png, "one"\nb.png, two', "text_lines 'x': gt.txt")
    assert [text for _, text in held.crops] == ['"one"', "two"]
    assert held.said == ("columns: 1 of 2 texts of gt.txt stand in quotation marks, which are read as part of them",)


def test_a_folder_of_words_is_detected_and_read(tmp_path):
    texts = ("Tired", "caf\u0065\u0301", "no 7", "###", "eat", "Tidrcaf\u00e9 no7")
    rows = [f'word_{number}.png, "{text}"' for number, text in enumerate(texts, 1)]
    root = lay(tmp_path / "words", "\ufeff" + "\r\n".join(rows[:5] + [rows[5].replace("word_6", "more/word_6")]))
    (root / "more").mkdir()
    (root / "word_6.png").rename(root / "more" / "word_6.png")
    Image.new("RGB", (9, 9)).save(root / "loose.png")
    for place in (root, root / "gt.txt"):
        source = detect(place)
        assert source.registered_name == "sources/text_lines" and detected(place) == ["text_lines"]
        opened = source.open()
        held = texts_of(opened)
        assert held == {f"word_{n}": t.replace("e\u0301", "\u00e9") for n, t in enumerate(texts, 1) if t != "###"}
        assert "illegible: word_4.png" in opened.dropped
        assert ("unlisted: 1 pictures that no row names: loose.png" in opened.dropped) == (place == root)
    held = findings.of_lines(opened.dropped)["illegible"]
    said = list(findings.spelled(findings.finding("illegible", held, source)))
    assert said[0] == "left out: 1 pictures with texts that nobody could read: such texts are no ground truth"


def test_what_is_wrong_with_rows_is_counted_and_named(tmp_path):
    good = "word_1.png,a\nword_2.png,b\n"
    root = lay(tmp_path, f"{good}word_3.png\n4,d\n")
    said = "gt.txt: 2 of 4 rows name no picture and text: line 3 'word_3.png', line 4 '4,d'; allowed: word_1"
    assert said in refusal(root / "gt.txt")
    assert "text_lines" not in detected(root / "gt.txt")
    lay(tmp_path, f"{good}word_9.png,c\nx/word_1.png,d")
    assert "2 of 4 pictures do not exist: word_9.png, x/word_1.png; names are relative to" in refusal(root)
    lay(tmp_path, f"{good}word_1.png,c")
    assert "1 pictures stand in several rows: word_1.png; keep one each" in refusal(root)
    lay(tmp_path, f"{good}word_3.png,")
    assert "1 of 3 lines have no text: word_3.png" in refusal(root)
    lay(tmp_path, "word_1.png,###")
    assert "all 1 texts are ###" in refusal(root)
    (root / "gt.txt").write_bytes("word_1.png,\u00e9".encode("latin-1"))
    assert "save it as UTF-8" in refusal(root)


def test_names_of_classes_are_no_texts_and_a_name_too_long_is_one_that_is_not_there(tmp_path):
    for label in "ab":
        lay(tmp_path / label, "", count=3)
        (tmp_path / label / "gt.txt").unlink()
    (tmp_path / "gt.txt").write_text("a/word_1.png,a\nb/word_2.png,b\n")
    assert detected(tmp_path) == ["image_folder"]
    (tmp_path / "gt.txt").write_text("a/word_1.png,ab\nb/word_2.png,b\n")
    assert "text_lines" in detected(tmp_path)
    root = lay(tmp_path / "long", f"word_1.png,x\n{'n' * 300}.png,y\n", count=1)
    assert "1 of 2 pictures do not exist: nnn" in refusal(root)
