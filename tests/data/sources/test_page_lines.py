"""Lines cut out of annotated pages: the right pixels, the right texts, and what is left out."""

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.characters import text_of
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.data.inspect import findings
from tests.data.sources.test_text_places import PAGE, SQUARE

HW = (90, 120)


def ramp(number=0):
    """uint8 [90, 120, 3]: red is the column, green the row, so that a cut says by its colors where it is from."""
    y, x = np.mgrid[: HW[0], : HW[1]]
    return np.stack([x, y, np.full(HW, number)], -1).astype(np.uint8)


def turned(center, sides, degrees):
    angle, half = np.radians(degrees), np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * sides / 2
    return half @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]] + center


def row(quad, text):
    return ",".join(f"{v:.3f}" for v in np.ravel(quad)) + f",{text}"


def lay(root, pages):
    """A ramp for each page, and its gt_NAME.txt."""
    root.mkdir(parents=True, exist_ok=True)
    for number, (name, rows) in enumerate(pages.items()):
        Image.fromarray(ramp(number)).save(root / f"{name}.png")
        (root / f"gt_{name}.txt").write_text("\n".join(rows), encoding="utf-8")
    return root


def opened(root, **fields):
    fields = {"validation_fraction": 0.0, "test_fraction": 0.0} | fields
    return create("sources/page_lines", path=str(root), **fields).open()


def cut(opened, split="train"):
    """[(page number by its blue, text, uint8 [H, W, 3])]."""
    held = opened.splits[split]
    samples = held.records.map(held.read).as_numpy_iterator()
    return [
        (int(s["image"][0, 0, 2]), text_of([opened.classes[k] for k in s["characters"]]), s["image"]) for s in samples
    ]


def listed(opened, split="train"):
    """[(picture of the page, text)], without reading a picture."""
    rows = opened.splits[split].records.as_numpy_iterator()
    name = [(r["path"].decode().rsplit("/", 1)[1], text_of([opened.classes[k] for k in r["characters"]])) for r in rows]
    return sorted(name)


def said(opened):
    """Lines of `data check` about what opening found."""
    held = findings.of_lines(opened.dropped)
    return [
        line for kind, found in held.items() if found for line in findings.spelled(findings.finding(kind, found, 0))
    ]


def test_a_line_is_the_rectangle_of_its_quad(tmp_path, margin=0.25):
    """At the middle of a pixel of the cut the colors are the coordinates of its place in the page, less half a pixel,
    for which the rows' and columns' numbers stand; on the border they go on as they end.
    """
    quads = [turned((60, 45), (50, 20), 30), turned((60, 45), (40, 16), -90), turned((2, 45), (30, 10), 0)]
    root = lay(tmp_path, {"a": [row(quad, f"w{n}") for n, quad in enumerate(quads)]})
    found = cut(opened(root, margin=margin))
    assert [text for _, text, _ in found] == ["w0", "w1", "w2"]
    for (_, _, image), quad, (wide, high) in zip(found, quads, [(50, 20), (40, 16), (30, 10)], strict=True):
        edge = margin * high
        width, height = round(wide + 2 * edge), round(high + 2 * edge)
        assert image.shape == (height, width, 3)
        along, down = (quad[1] - quad[0]) / wide, (quad[3] - quad[0]) / high
        u, v = np.meshgrid((np.arange(width) + 0.5) - edge, (np.arange(height) + 0.5) - edge)
        place = quad[0] + u[..., None] * along + v[..., None] * down - 0.5
        wanted = np.clip(place, 0, [HW[1] - 1, HW[0] - 1])
        assert np.abs(image[..., :2] - wanted).max() <= 0.51


def test_pages_do_not_part_and_what_says_nothing_is_left_out(tmp_path):
    def rows(n):
        return [row(turned((60, y), (40, 12), 2), f"ab{n}" if y < 40 else "b a") for y in (20, 60)]

    pages = {f"p{n}": rows(n) for n in range(9)}
    pages["p0"] += [f"{SQUARE},###", f"{SQUARE},"]
    held = opened(lay(tmp_path, pages), validation_fraction=0.3, test_fraction=0.2)
    seen = [name for split in held.splits for name, _ in listed(held, split)[::2]]
    assert sorted(seen) == [f"p{n}.png" for n in range(9)] and len(held.splits) == 3
    assert sum(split.size for split in held.splits.values()) == 18
    assert all(len(set(split.groups)) * 2 == split.size for split in held.splits.values())
    assert "illegible: p0.png, 1 marked ###" in held.dropped
    assert any(line.startswith("left out: 1 pages with places without a text") for line in said(held))
    assert held.classes == (*"012345678ab", "\u2423")
    seen = "".join(text for _, text in listed(held))
    unlearned = [c for c in held.classes[:-1] if c not in seen]
    assert f"    {len(unlearned)} of 12: {', '.join(map(repr, unlearned))}" in said(held) and unlearned


def test_page_files_give_lines_and_words(tmp_path):
    for name in "ab":
        Image.fromarray(ramp()[:30, :40]).save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.xml").write_text(PAGE.replace("one  two", f"one {name}"), encoding="utf-8")
    assert listed(opened(tmp_path)) == [("a.png", "one a"), ("b.png", "one b")]
    words = cut(opened(tmp_path, unit="word"))
    assert [(text, image.shape) for _, text, image in words] == [("one", (5, 4, 3))] * 2
    np.testing.assert_array_equal(words[0][2], ramp()[3:8, 2:6])


def test_quads_of_stored_pixels_cut_stored_pixels(tmp_path):
    """EXIF says that the picture is shown on its side, where other pixels stand at this place."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(ramp()).save(tmp_path / "a.png", exif=exif)
    (tmp_path / "gt_a.txt").write_text("10,20,50,30,ab")
    np.testing.assert_array_equal(cut(opened(tmp_path, orientation="stored"))[0][2], ramp()[20:30, 10:50])


def test_what_cannot_be_cut_is_one_line(tmp_path):
    good = [row(turned((60, 45), (50, 20), 0), "ab")]
    with pytest.raises(KerasVisionError, match="margin=2; allowed: -0.25 to 1"):
        opened(lay(tmp_path, {"a": good}), margin=2.0)
    with pytest.raises(KerasVisionError, match=r"beyond the alphabet of 1: 'b' 1 times; in .*a.png \(place 1\); add"):
        opened(tmp_path, classes=("a",))
    lay(tmp_path, {"a": [*good, row(turned((300, 45), (50, 20), 0), "ab")]})
    with pytest.raises(KerasVisionError, match=r"1 quads cannot be used: a.png \(quad 2 is outside of its picture\)"):
        opened(tmp_path)
    held = opened(tmp_path, skip_bad_quads=True)
    assert held.splits["train"].size == 1
    assert any(line.startswith("left out: 1 places that cannot be used") for line in said(held))
    with pytest.raises(KerasVisionError, match="no training page has a text; write the texts of its places"):
        opened(lay(tmp_path, {"a": [f"{SQUARE},###"]}))
