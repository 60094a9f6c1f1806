"""The voc source on hand-written files."""

import numpy as np
import pytest

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources

W, H = 24, 20  # of `noise`

OBJECT = """<object><name>{name}</name><pose>Left</pose><truncated>{truncated}</truncated>
<difficult>{difficult}</difficult><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox>
<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></part></object>"""


def thing(name, box, truncated=0, difficult=0):
    return OBJECT.format(name=name, box=box, truncated=truncated, difficult=difficult)


def text(*things, filename="", size=(W, H)):
    name = f"<filename>{filename}</filename>" if filename else ""
    dimensions = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    return f"<annotation>{name}{dimensions}{''.join(things)}</annotation>"


@pytest.fixture
def place(tmp_path, noise):
    """place(stem, XML): writes both files of an image."""
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)

    def write(stem, xml):
        (tmp_path / "Annotations" / f"{stem}.xml").write_text(xml)
        noise(len(list((tmp_path / "JPEGImages").iterdir()))).save(tmp_path / "JPEGImages" / f"{stem}.jpg")

    return write


@pytest.fixture
def three(place):
    place("a", text(thing("dog", (1, 1, W, H)), thing("cat", (5, 6, 5, 7), 1, 1), filename="a.jpg"))
    place("b", text(size=None))
    place("c", text(thing("dog", ("2.5", "3.25", "9.75", "11")), filename="elsewhere.jpg"))


def voc(path, **fields):
    return sources["voc"](path=str(path), **({"validation_fraction": 0.0, "test_fraction": 0.0} | fields))


def samples(split):
    return list(split.records.map(split.read).as_numpy_iterator())


def test_boxes_flags_and_classes(tmp_path, three):
    opened = voc(tmp_path).open()
    assert opened.classes == ("cat", "dog")
    a, b, c = samples(opened.splits["train"])
    # one-based, the last pixel inside: the whole image, and a box of one by two pixels
    np.testing.assert_array_equal(a["boxes_xyxy"], [[0, 0, W, H], [4, 5, 5, 7]])
    assert a["labels"].tolist() == [1, 0]
    assert a["is_difficult"].tolist() == a["is_truncated"].tolist() == [False, True]
    assert a["area_px"].tolist() == [W * H, 2]
    assert b["boxes_xyxy"].shape == (0, 4)
    np.testing.assert_array_equal(c["boxes_xyxy"], [[1.5, 2.25, 9.75, 11]])
    assert [s["image_id"] for s in (a, b, c)] == [0, 1, 2]
    assert c["path"].decode().endswith("JPEGImages/c.jpg")


def test_zero_based_corners_are_taken_as_they_are(tmp_path, three):
    a = samples(voc(tmp_path, one_based=False, skip_bad_boxes=True).open().splits["train"])[0]
    np.testing.assert_array_equal(a["boxes_xyxy"], [[1, 1, W, H]])  # the other has no width so


def test_image_sets_are_the_splits(tmp_path, three, place):
    for stem in "defg":
        place(stem, text(thing("cat", (2, 2, 9, 9)), thing("dog", (2, 2, 9, 9))))
    sets = tmp_path / "ImageSets" / "Main"
    (sets / "trainval.txt").write_text("a\nb\nd\n")
    (sets / "test.txt").write_text("e\n")
    (sets / "cat_train.txt").write_text("a 1\n")
    names = lambda split: [s["path"].decode()[-5] for s in samples(split)]  # noqa: E731
    opened = voc(tmp_path).open()
    assert {k: names(v) for k, v in opened.splits.items()} == {"train": list("abd"), "test": ["e"]}
    (sets / "train.txt").write_text("a\nd\n")
    (sets / "val.txt").write_text("b\n\n")
    opened = voc(tmp_path).open()
    assert {k: names(v) for k, v in opened.splits.items()} == {"train": ["a", "d"], "validation": ["b"], "test": ["e"]}
    (sets / "test.txt").write_text("e\nx\n")
    assert "1 files of ImageSets are not in Annotations: x.xml" in refusal(voc(tmp_path))


def test_files_beside_the_images(tmp_path, noise):
    for number, folder in enumerate(("train", "valid")):
        (tmp_path / folder).mkdir()
        for i in range(3):
            noise(10 * number + i).save(tmp_path / folder / f"{i}.png")
            (tmp_path / folder / f"{i}.xml").write_text(text(thing("cat", (2, 2, 9, 9)), filename=f"{i}.png"))
    assert {k: v.size for k, v in voc(tmp_path).open().splits.items()} == {"train": 3, "validation": 3}
    assert {k: v.size for k, v in voc(tmp_path / "train").open().splits.items()} == {"train": 3}


def refusal(source):
    with pytest.raises(KerasVisionError) as error:
        source.open()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((9, 5, 4, 8), "is reversed"),
        ((9, 5, 8, 8), "has no area"),
        ((W + 1, 5, W + 4, 8), "lies outside the image"),
        (("nan", 5, 9, 8), "is not finite"),
    ],
)
def test_bad_boxes(tmp_path, place, box, reason):
    place("a", text(thing("dog", (2, 2, 9, 9)), thing("dog", box)))
    assert f"a.jpg (box 2 {reason})" in refusal(voc(tmp_path))
    opened = voc(tmp_path, skip_bad_boxes=True).open()
    assert opened.dropped == (f"boxes: a.jpg (box 2 {reason})",)
    assert len(samples(opened.splits["train"])[0]["labels"]) == 1


def test_clipped_and_repeated_boxes(tmp_path, place):
    place("a", text(thing("dog", (0, 2, 9, H + 3)), thing("cat", (2, 2, 9, 9)), thing("cat", (2, 2, 9, 9))))
    opened = voc(tmp_path).open()
    margins, repeated = "margins: a.jpg (1 boxes, by up to 3.0 px)", "repeated: a.jpg (box 3)"
    assert opened.dropped == ("zero_based: a.xml", margins, repeated)
    np.testing.assert_array_equal(samples(opened.splits["train"])[0]["boxes_xyxy"], [[0, 1, 9, H], [1, 1, 9, 9]])


def test_refusals(tmp_path, three, place):
    assert "name 'dog' is none of the classes; did you mean dogs?" in refusal(voc(tmp_path, classes=("cat", "dogs")))
    assert "a.jpg has 2; set max_objects=2, or 0 for any number" in refusal(voc(tmp_path, max_objects=1))
    assert voc(tmp_path, max_objects=2).open().classes == ("cat", "dog")
    place("d", text(thing("dog", (2, 2, 9, 9)), size=(H, W)))
    assert f"d.jpg has {W} x {H} pixels and its labels say {H} x {W}" in refusal(voc(tmp_path))
    place("d", text(thing("dog", (2, 2, "wide", 9))))
    assert "d.xml: object 1: no number in bndbox" in refusal(voc(tmp_path))
    place("d", "<annotation><object>")
    assert "d.xml: no XML" in refusal(voc(tmp_path))
    place("d", text(thing("dog", (2, 2, 9, 9)), filename="a.jpg"))
    (tmp_path / "JPEGImages" / "d.jpg").unlink()
    assert "1 images stand there twice: a.jpg" in refusal(voc(tmp_path))
    place("d", text(thing("dog", (2, 2, 9, 9))))
    (tmp_path / "JPEGImages" / "d.jpg").unlink()
    assert "d.jpg (no such file or directory)" in refusal(voc(tmp_path))
    assert voc(tmp_path, skip_unreadable=True).open().splits["train"].size == 3
    assert "object 1: no segmentation" in refusal(voc(tmp_path, masks=True, skip_unreadable=True))
    assert "no such folder" in refusal(voc(tmp_path / "gone"))
    (tmp_path / "bare").mkdir()
    assert "no .xml files" in refusal(voc(tmp_path / "bare"))


def test_no_object_at_all(tmp_path, place):
    place("a", text())
    assert "name the classes" in refusal(voc(tmp_path))
    opened = voc(tmp_path, classes=("cat",)).open()
    assert samples(opened.splits["train"])[0]["boxes_xyxy"].shape == (0, 4)


def test_recipe_json_round_trip():
    source = sources["voc"](path="x", classes=("a", "b"), one_based=False)
    assert from_json(to_json(source)) == source
