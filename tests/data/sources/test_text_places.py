"""Places of texts from ICDAR's, PAGE's and ALTO's files: what is read, what is left out, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import create
from kerasvision.data.sources import _text_places as forms
from kerasvision.data.sources._detect import detect, detected
from kerasvision.edge.pages.page import Page, TextLine, Word
from kerasvision.systems.page_files import to_alto

SQUARE = "2,3,12,4,11,9,1,8"
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"><Page imageFilename="x.png"
 imageWidth="40" imageHeight="30"><TextRegion id="r"><Coords points="0,0 39,0 39,29 0,29"/>
<TextLine id="a"><Coords points="1,8 2,3 12,4 11,9"/><Word id="w"><Coords points="2,3 6,3 6,8 2,8"/>
<TextEquiv><Unicode>one</Unicode></TextEquiv></Word>
<TextEquiv index="1"><Unicode>other</Unicode></TextEquiv><TextEquiv index="0"><Unicode>one  two</Unicode></TextEquiv>
</TextLine><TextLine id="b"><Coords><Point x="20" y="20"/><Point x="30" y="20"/><Point x="30" y="24"/>
<Point x="26" y="25"/><Point x="20" y="25"/></Coords></TextLine></TextRegion></Page></PcGts>"""


def lay(root, files, size_hw=(30, 40)):
    """A picture of its own color for each file of ground truth, gt_NAME.txt or NAME.xml, and the files."""
    for number, (name, text) in enumerate(files.items()):
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        stem = place.stem.removeprefix("gt_")
        Image.fromarray(np.full((*size_hw, 3), 20 * number, np.uint8)).save(place.parent / f"{stem}.png")
    return root


def found(opened):
    """{name of the picture: (texts, quads as lists)}."""
    held = {}
    for split in opened.splits.values():
        for sample in split.records.map(split.read).as_numpy_iterator():
            name = sample["path"].decode().rsplit("/", 1)[1].removesuffix(".png")
            held[name] = [t.decode() for t in sample["texts"]], sample["quads_xy"].tolist()
    return held


def opened(root, **fields):
    return create("sources/text_places", path=str(root), **fields).open()


def refusal(root, **fields):
    with pytest.raises(KerasVisionError) as raised:
        opened(root, **fields)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_icdar_has_corners_or_boxes_and_commas_in_texts(tmp_path):
    files = {
        "gt_a.txt": f"\ufeff{SQUARE},one, two\n\n{SQUARE},###\n",
        "gt_b.txt": '1, 2, 11, 8, "say ""yes"""',
        "gt_c.txt": '1 2 11 8 "e\u0301"',
        "gt_d.txt": "",
        "gt_e.txt": f"{SQUARE},Latin,a\n{SQUARE},Arabic,b",
        "gt_f.txt": "1,8,11,9,12,4,2,3,back",  # the other way around
    }
    root = lay(tmp_path, files)
    source = detect(root)
    assert source.registered_name == "sources/text_places" and detected(root) == ["text_places"]
    held = found(source.open())
    corners = [[2, 3], [12, 4], [11, 9], [1, 8]]
    box = [[1, 2], [11, 2], [11, 8], [1, 8]]
    assert held["a"] == (["one, two"], [corners])
    assert held["b"] == (['say ""yes""'], [box]) and held["c"] == (["\u00e9"], [box])
    assert held["d"] == ([], [])
    assert held["e"][0] == ["a", "b"], "a script before each text is no part of it"
    assert held["f"] == (["back"], [[[1, 8], [2, 3], [12, 4], [11, 9]]])
    said = source.open().dropped
    assert "illegible: a.png, 1 marked ###" in said
    assert found(opened(root, keep_unreadable=True))["a"] == (["one, two", ""], [corners, corners])


def test_page_has_polygons_of_lines_and_words(tmp_path):
    root = lay(tmp_path, {"x.xml": PAGE, "y.xml": PAGE.replace("one  two", "three"), "z.xml": PAGE})
    texts, quads = found(opened(root))["x"]
    assert texts == ["one two", ""] and detected(root) == ["text_places"]
    assert quads[0] == [[2, 3], [12, 4], [11, 9], [1, 8]], "from the corner whose side goes to the right"
    np.testing.assert_allclose(quads[1], [[20, 20], [30, 20], [30, 25], [20, 25]], atol=1e-5)
    assert found(opened(root, unit="word"))["x"] == (["one"], [[[2, 3], [6, 3], [6, 8], [2, 8]]])
    wrong = lay(tmp_path / "wrong", {"x.xml": PAGE.replace('imageWidth="40"', 'imageWidth="41"'), "y.xml": PAGE})
    assert "x.png has 40 x 30 pixels and its file says 41 x 30; mend the files" in refusal(wrong)


def test_what_read_writes_as_alto_is_read_back(tmp_path):
    """Each line and word with its polygon, turned a little."""
    one, two = ((2.0, 3.0), (12.0, 4.0), (11.5, 9.0), (1.5, 8.0)), ((14.0, 4.5), (24.0, 5.5), (23.5, 10.5), (13.5, 9.5))
    line = (one[0], two[1], two[2], one[3])
    page = Page((40, 30), ((TextLine((Word("caf\u00e9", 0.9, one), Word("<&>", 0.8, two)), 0.7, line),),))
    content = to_alto([page], "x.png")
    root = lay(tmp_path, dict.fromkeys(("x.xml", "y.xml", "z.xml"), content))
    texts, quads = found(opened(root))["x"]
    assert texts == ["caf\u00e9 <&>"]
    np.testing.assert_allclose(quads, [line], atol=1e-5)
    texts, quads = found(opened(root, unit="word"))["x"]
    assert texts == ["caf\u00e9", "<&>"]
    np.testing.assert_allclose(quads, [one, two], atol=1e-5)
    inches = lay(tmp_path / "inches", {"x.xml": content.replace(">pixel<", ">inch1200<")})
    assert "x.xml: MeasurementUnit is inch1200; allowed: pixel" in refusal(inches)


def test_the_smallest_rectangle_is_that_of_a_fine_search():
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = rng.uniform(-1, 1, (rng.integers(5, 9), 2)) * rng.uniform(1, 9, 2)
        quad = forms.smallest_rectangle(points)
        sides = np.linalg.norm(np.roll(quad, -1, 0) - quad, axis=1)
        angles = np.linspace(0, np.pi / 2, 20001)
        turned = points @ np.moveaxis(
            np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]), -1, 0
        )
        areas = np.ptp(turned, axis=1).prod(1)
        assert sides[0] * sides[1] <= areas.min() * (1 + 1e-9) and sides[0] * sides[1] >= areas.min() * 0.99


@pytest.mark.parametrize(
    ("corners", "reason"),
    [
        ("2,3,12,3,12,3,2,3", "has no area"),
        ("2,3,12,9,12,3,2,9", "crosses itself or is not convex"),
        ("2,3,12,3,5,5,2,9", "crosses itself or is not convex"),
        ("40,3,50,3,50,9,40,9", "is outside of its picture"),
        ("39.5,3,50,3,50,9,39.5,9", None),
        ("0,3,300,3,300,9,0,9", "is far larger than its picture"),  # 40 x 30: four diagonals are 200
        ("0,3,199,3,199,9,0,9", None),
    ],
)
def test_a_quad_that_cannot_be_used_is_refused_or_left_out(tmp_path, corners, reason):
    good = dict.fromkeys(("gt_b.txt", "gt_c.txt"), f"{SQUARE},x")
    root = lay(tmp_path, {"gt_a.txt": f"{SQUARE},x\n{corners},y"} | good)
    if reason is None:
        assert found(opened(root))["a"][0] == ["x", "y"]
        return
    assert refusal(root).endswith(
        f"1 quads cannot be used: a.png (quad 2 {reason}); mend them, or leave them out with skip_bad_quads=True"
    )
    held = opened(root, skip_bad_quads=True)
    assert found(held)["a"][0] == ["x"] and f"quads: a.png (quad 2 {reason}) was left out" in held.dropped


def test_what_is_no_truth_is_one_line(tmp_path):
    root = lay(tmp_path, {"gt_a.txt": f"{SQUARE},x", "gt_b.txt": f"{SQUARE},y", "gt_c.txt": "1,2,3,z"})
    assert "gt_c.txt: line 1 is '1,2,3,z'; allowed: x1,y1,x2,y2,x3,y3,x4,y4,text or" in refusal(root)
    assert "text_places" not in detected(root)
    (root / "gt_c.txt").write_bytes("1,2,3,4,\u00e9".encode("latin-1"))
    assert "save it as UTF-8" in refusal(root)
    (root / "gt_c.txt").unlink()
    assert "1 of 3 pictures have no gt_NAME.txt, NAME.txt or NAME.xml: c.png; add them (empty where" in refusal(root)
    (root / "c.xml").write_text("<annotation/>")
    assert "c.xml: its root is <annotation>; allowed: <PcGts> of PAGE or <alto>" in refusal(root)
    (root / "c.xml").write_text("<PcGts>")
    assert "c.xml: no XML" in refusal(root)
    (root / "c.xml").write_text(PAGE.replace("</PcGts>", "<Page/></PcGts>"))
    assert "c.xml: 2 pages; allowed: one" in refusal(root)


def test_truth_may_lie_in_a_folder_of_its_own_and_folders_name_splits(tmp_path):
    for split in ("train", "val"):
        lay(tmp_path / split / "images", {f"gt_{n}.txt": f"{SQUARE},{split} {n}" for n in "ab"}, (30, 40 + len(split)))
        (tmp_path / split / "gt").mkdir()
        for file in (tmp_path / split / "images").glob("gt_*.txt"):
            file.rename(tmp_path / split / "gt" / file.name)
    (tmp_path / "val" / "gt" / "gt_z.txt").write_text(f"{SQUARE},alone")
    held = opened(tmp_path, test_fraction=0.0)
    assert {name: split.size for name, split in held.splits.items()} == {"train": 2, "validation": 2}
    for name, folder in (("train", "train"), ("validation", "val")):
        split = held.splits[name]
        samples = list(split.records.map(split.read).as_numpy_iterator())
        assert sorted(text.decode() for s in samples for text in s["texts"]) == [f"{folder} a", f"{folder} b"]
    assert "unlisted: 1 files of ground truth without a picture: val/gt/gt_z.txt" in held.dropped


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (f"{SQUARE},12,50", "12,50"),
        (f"{SQUARE},1,234,567", "1,234,567"),
        (f"{SQUARE},3.50,4.50 each", "3.50,4.50 each"),
        (f'{SQUARE},"1,2,3,4"', "1,2,3,4"),
        (f"{SQUARE},a\u2028b\x85c\x0cd", "a b c d"),
        (SQUARE, None),
        (f"{SQUARE},70,40,word", None),
        (f"{SQUARE},70,40,30,20", None),
        ("2,3,12,4,11,9,word", None),
    ],
)
def test_numbers_before_a_text_are_a_text_or_corners_too_many(row, text):
    if text is not None:
        assert [place.text for place in forms.icdar(row, "x").places] == [text]
        return
    with pytest.raises(KerasVisionError, match="x: line 1 has more numbers than a quad before its text, or no text"):
        forms.icdar(row, "x")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ('0,"word"', None),
        ('1, "###"', None),
        ('3,"a"', None),
        ('"3,"a""', '3,"a"'),
        ('12,"a"', '12,"a"'),
        ("3,a", "3,a"),
        ('3,a "b"', '3,a "b"'),
    ],
)
def test_a_flag_before_a_text_is_no_part_of_it(said, text):
    if text is not None:
        assert [place.text for place in forms.icdar(f"{SQUARE},{said}", "x").places] == [text]
        return
    with pytest.raises(
        KerasVisionError, match="x: line 2 has a digit before a text in quotation marks: .*RCTW-17"
    ) as raised:
        forms.icdar(f"{SQUARE},word\n{SQUARE},{said}", "x")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("apart", [" ", " " * 200])
def test_blanks_between_numbers_are_read_once(apart):
    """A pattern that tries all ways to share them would not end."""
    assert not forms.is_icdar(apart.join("1234567"))
    assert forms.is_icdar(f'{apart.join("1234")}{apart}"x"') and forms.is_icdar(f",{apart}".join("1234x"))


def test_an_index_that_is_no_number_names_its_line(tmp_path):
    root = lay(tmp_path, {"x.xml": PAGE.replace('index="1"', 'index="first"')})
    assert "x.xml: TextLine a: TextEquiv index is 'first'; allowed: 0, 1, 2 ..." in refusal(root)


def test_a_head_of_letters_of_more_bytes_is_cut_at_a_row(tmp_path):
    """4,096 bytes are 2,048 such letters: the row in which they end is none."""
    letter = "\u044f"
    rows = f"{SQUARE},{letter * 2035}\n1,2,11,8,{letter}"
    root = lay(tmp_path, {"gt_a.txt": rows})
    head = rows.encode()[:4096].decode("utf-8", "replace")
    assert len(rows.encode()) > 4096 > len(head) and not forms.is_icdar(head) and head.count("\n") == 1
    assert detected(root) == ["text_places"]
    lay(tmp_path, {"gt_a.txt": f"{SQUARE},{letter * 2000}\n1,2"})
    assert "text_places" not in detected(root), "a whole file of fewer bytes has no row that is cut off"


def drawn(root, pictures, files):
    """Pictures without ground truth, and files of it whose text is their own path."""
    for name in pictures:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30)).save(root / name)
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{SQUARE},{name}", encoding="utf-8")
    return root


def paired(root):
    """{picture: the file that was taken as its ground truth}."""
    held = {}
    for split in opened(root, validation_fraction=0.0, test_fraction=0.0).splits.values():
        for sample in split.records.map(split.read).as_numpy_iterator():
            held[sample["path"].decode().removeprefix(f"{root}/")] = sample["texts"][0].decode()
    return held


def test_folders_of_the_same_names_tell_whose_a_file_is(tmp_path):
    pictures = ["images/train/1.jpg", "images/val/1.jpg"]
    files = ["gt/train/gt_1.txt", "gt/validation/gt_1.txt"]
    assert paired(drawn(tmp_path / "a", pictures, files)) == dict(zip(pictures, files, strict=True))
    pictures, files = ["images/left/1.jpg", "images/right/1.jpg"], ["gt/left/1.txt", "gt/right/1.txt"]
    assert paired(drawn(tmp_path / "b", pictures, files)) == dict(zip(pictures, files, strict=True))
    pictures, files = ["a/1.jpg", "b/1.jpg"], ["a/1.txt", "b/gt/1.txt"]
    assert paired(drawn(tmp_path / "c", pictures, files)) == dict(zip(pictures, files, strict=True)), "the nearest"


@pytest.mark.parametrize(
    ("pictures", "files", "said"),
    [
        (["images/1.jpg"], ["gt/a/1.txt", "gt/b/1.txt"], "images/1.jpg (gt/a/1.txt or gt/b/1.txt); leave one, or put"),
        (["1.jpg"], ["1.txt", "gt_1.txt"], "1.jpg (1.txt or gt_1.txt); leave one, or put it beside"),
        (["a/1.jpg", "b/1.jpg"], ["gt/1.txt"], "gt/1.txt (a/1.jpg or b/1.jpg); give each picture its own, beside it"),
        (["images/val/1.jpg"], ["gt/train/1.txt"], "1 of 1 pictures have no gt_NAME.txt, NAME.txt or NAME.xml: images"),
    ],
)
def test_ground_truth_that_may_be_another_picture_s_is_refused(tmp_path, pictures, files, said):
    assert said in refusal(drawn(tmp_path, pictures, files))
