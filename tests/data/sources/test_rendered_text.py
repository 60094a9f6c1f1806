"""Rendered lines: what stands there is what is said, in fonts that have it, the same again for the same numbers."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from kerasvision.core.characters import text_of
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.data.sources._lines import Press, fonts_below, lacking, render

SANS = next(path for path in fonts_below("") if path.endswith("DejaVuSans.ttf"))
PLAIN = Press((SANS,), (24, 24), blur=0.0, noise=0.0, rotation_deg=0.0, quality=100, contrast=100)


def ink(pixels):
    """bool [H, W], cut to what is not paper: the corner's color is the paper's."""
    held = np.abs(pixels.astype(int) - pixels[0, 0]).max(-1)
    held = held > held.max() / 2
    rows, columns = (np.flatnonzero(held.any(axis)) for axis in (1, 0))
    return held[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def test_the_letters_are_pillow_s():
    """Drawn here in black on white with the same font, and found again within the picture."""
    page = Image.new("L", (300, 60), 255)
    ImageDraw.Draw(page).text((10, 10), "Hxg 42", 0, ImageFont.truetype(SANS, 24, layout_engine=0))
    expected = ink(np.asarray(page)[..., None])
    for seed in range(5):
        found = ink(render(PLAIN, "Hxg 42", [seed]))
        assert found.shape == expected.shape and (found == expected).mean() > 0.97


def test_it_is_a_function_of_its_numbers():
    wild = Press((SANS,), (18, 30), blur=1.0, noise=12.0, rotation_deg=2.0, quality=50, contrast=60)
    first, again, other = (render(wild, "abc", [3, i]) for i in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_letters_and_paper_are_apart():
    for seed in range(200):
        pixels = render(PLAIN, "M", [seed])
        lightness = pixels.mean(-1)
        assert abs(lightness[0, 0] - lightness[ink_place(pixels)]) >= 99


def ink_place(pixels):
    apart = np.abs(pixels.astype(int) - pixels[0, 0]).sum(-1)
    return np.unravel_index(apart.argmax(), apart.shape)


def test_a_font_without_a_character_is_left_out_and_named(tmp_path):
    assert lacking(SANS, ["a", "\u00e9", " "]) == [] and lacking(SANS, ["\u0939"]) == ["\u0939"]
    (tmp_path / "no.ttf").write_bytes(b"no font")
    assert lacking(str(tmp_path / "no.ttf"), ["a"]) is None
    by_name = {path.rsplit("/", 1)[1]: path for path in fonts_below("")}
    assert lacking(by_name["LastResortHE-Regular.ttf"], ["a"]) is None  # boxes that say which block a letter is of
    assert lacking(by_name["cmex10.ttf"], ["a"]) == ["a"]  # parts of large brackets stand there
    (tmp_path / "text.txt").write_text("\u0939\u093f " * 20, encoding="utf-8")
    with pytest.raises(KerasVisionError, match=r"none of \d+ fonts has all 2 characters: .* lacks"):
        create("sources/rendered_text", texts=(str(tmp_path / "text.txt"),), lines=(2, 0, 0), length=(1, 3)).open()


def test_classes_without_a_blank_are_for_single_words(tmp_path):
    (tmp_path / "text.txt").write_text("12 345 6 78 90 " * 10, encoding="utf-8")
    fields = {"texts": (str(tmp_path / "text.txt"),), "classes": tuple("0123456789"), "lines": (4, 0, 0)}
    with pytest.raises(KerasVisionError, match="classes has no blank .*or set length=.1, 1."):
        create("sources/rendered_text", length=(1, 2), **fields).open()
    assert create("sources/rendered_text", length=(1, 1), **fields).open().splits["train"].size == 4


def test_lines_are_of_the_texts_and_tests_of_other_fonts_and_places(tmp_path):
    words = [f"w{i:03d}" for i in range(400)]
    (tmp_path / "words.txt").write_text(" ".join(words))
    source = create("sources/rendered_text", texts=(str(tmp_path / "words.txt"),), lines=(60, 20, 20), length=(4, 14))
    opened = source.open()
    held = {}
    for name, split in opened.splits.items():
        rows = list(split.records.as_numpy_iterator())
        lines = [text_of([opened.classes[k] for k in row["characters"]]) for row in rows]
        assert lines == [row["line"].decode() for row in rows]
        assert all(4 <= len(line) <= 14 for line in lines)
        held[name] = {word for line in lines for word in line.split()}
    assert not held["train"] & held["test"] and not held["train"] & held["validation"]
    assert all(words.index(word) < 320 for word in held["train"])
    assert "fonts: LastResortHE-Regular.ttf (no letters of its own)" in opened.dropped
    assert any(line.startswith("fonts: STIXNonUni.ttf (lacks ") for line in opened.dropped)


@pytest.mark.parametrize(
    "fields",
    [{"lines": (0, 1, 1)}, {"length": (3, 2)}, {"size": (2, 9)}, {"noise": -1.0}, {"quality": 0}, {"contrast": 200}],
)
def test_bad_fields_are_one_line(fields):
    with pytest.raises(KerasVisionError, match=f"rendered_text: {next(iter(fields))}=.*; allowed: "):
        create("sources/rendered_text", **fields).open()
