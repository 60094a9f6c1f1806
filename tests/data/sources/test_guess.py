"""What 255 in masks is taken for: by files drawn here, and on both sides of every threshold."""

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.sources._guess import rare, reading, smooth

H, W = 20, 24
WHITE, PLAIN, FIRM = {0: 900, 255: 100}, {0: 900, 1: 100}, {0: 800, 1: 100, 255: 100}
STRAY = {0: 900, 1: 1, 255: 101}  # just below 1 %
ZERO = {0: 1000}


def masks(*kinds):
    """Name -> pixels; kinds: (pixels, how many)."""
    return {f"{i}.png": pixels for i, pixels in enumerate(p for p, n in kinds for _ in range(n))}


@pytest.mark.parametrize(
    ("kinds", "is_white", "said"),
    [
        ([(WHITE, 10)], True, "in 10 of 10 files; ignore"),
        ([(WHITE, 9), (ZERO, 1)], True, "in 9 of 10 files; ignore"),
        ([(WHITE, 9), (PLAIN, 1)], True, "in 9 of 10 files; 1 file has 1, read as 'foreground': 9.png"),
        ([(WHITE, 3), (PLAIN, 2)], True, "in 3 of 5 files; 2 files have 1, read as 'foreground': 3.png, 4.png"),
        ([(WHITE, 9), (STRAY, 1)], True, "1 file has 1, read as 'foreground': 9.png"),
        ([(WHITE, 1), (STRAY, 9)], True, "9 files have 1"),
        ([(FIRM, 10)], False, "255, in 10 of 10 masks; say"),
        ([(FIRM, 1), (PLAIN, 9)], False, "255, in 1 of 10 masks (0.png); say"),
        ([(FIRM, 1), (WHITE, 1)], False, "255, in 2 of 2 masks; in 1 file it is all there is beside 0: 1.png"),
        ([(PLAIN, 9), (STRAY, 1)], False, "255, in 1 of 10 masks (9.png); say"),
    ],
)
def test_readings(kinds, is_white, said):
    found = reading(masks(*kinds), (), "here")
    assert found.is_white == is_white
    assert said in found.lines[0]


@pytest.mark.parametrize(
    ("kinds", "named"),
    [
        ([(WHITE, 1), (PLAIN, 9)], "1 of 10 masks hold 0 and 255 only, and 9 hold 1; the fewer are 0.png: mend"),
        ([(WHITE, 2), (PLAIN, 2)], "the fewer are 0.png, 1.png"),
        ([(WHITE, 2), (FIRM, 1)], "the fewer are 2.png"),
        ([(WHITE, 9), ({0: 9, 2: 9}, 1)], "9 of 10 masks hold 0 and 255 only, and 1 hold 2; the fewer are 9.png"),
        ([(WHITE, 9), ({0: 900, 254: 1, 255: 200}, 1)], "1 hold 254; the fewer are 9.png"),
        ([(STRAY, 4)], "in 4 files 255 stands beside a few pixels of 1, 0.png, 1.png, 2.png and 1 more"),
        ([({255: 9}, 4)], "nothing but 255"),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(kinds, named):
    with pytest.raises(KerasVisionError) as error:
        reading(masks(*kinds), (), "here")
    assert named in str(error.value) and "ignore=(255,)" in str(error.value)


def test_a_pixel_in_a_hundred_parts_stray_from_firm():
    for ones, is_firm in ((1, False), (2, True)):  # of 150 pixels that are 255: 1 % lies between
        held = masks(({0: 9, 1: ones, 255: 150}, 1), (WHITE, 1))
        assert reading(held, (), "here").is_white != is_firm


def test_no_255_is_no_guess():
    assert reading(masks((PLAIN, 3), (ZERO, 1)), (), "here").lines == ()


def test_a_value_that_one_mask_alone_holds_is_told():
    assert rare(masks((PLAIN, 9), ({0: 5, 2: 5}, 1))) == ["rare: 2 is in 9.png alone, of 10 masks"]
    assert rare(masks((PLAIN, 9), ({0: 5, 2: 5}, 2))) == []
    assert rare(masks((PLAIN, 3), ({0: 5, 2: 5}, 1))) == []


def test_smoothed_masks_are_called_so():
    edge = dict.fromkeys(range(1, 40), 5)
    assert "smoothed" in smooth(masks(({0: 900, 255: 300} | edge, 1)))
    assert smooth(masks(({0: 100, 255: 100} | edge, 1))) == ""
    assert smooth(masks((FIRM, 3))) == ""


def shape(number):
    mask = np.zeros((H, W), np.uint8)
    mask[4:12, 3 : 12 + number] = 1
    return mask


@pytest.fixture
def folder(tmp_path, noise):
    """folder(*masks, classes): uint8 arrays as masks beside pictures."""

    def make(*drawn, classes=()):
        for name in ("images", "masks"):
            (tmp_path / name).mkdir(exist_ok=True)
        for number, mask in enumerate(drawn):
            noise(number, (W, H)).save(tmp_path / "images" / f"{number}.png")
            Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
        if classes:
            (tmp_path / "classes.txt").write_text("\n".join(classes))
        return sources["image_mask"](path=str(tmp_path), validation_fraction=0.0, test_fraction=0.0)

    return make


def read(source):
    split = source.open().splits["train"]
    return [s["mask"] for s in split.records.map(split.read).as_numpy_iterator()]


@pytest.mark.parametrize("classes", [(), ("bg", "tumor")])
@pytest.mark.parametrize("odd", ["one of 0 and 1", "one stray pixel"])
def test_one_odd_file_among_white_ones_is_read_as_they_are(folder, classes, odd):
    drawn = [255 * shape(i) for i in range(6)]
    if odd == "one stray pixel":
        drawn = [255 * np.kron(shape(i), np.ones((2, 2), np.uint8))[:H, :W] for i in range(6)]
        drawn[2][0, 0] = 1
    else:
        drawn[2] = shape(2)
    source = folder(*drawn, classes=classes)
    for mask, wanted in zip(read(source), drawn, strict=True):
        np.testing.assert_array_equal(mask, wanted > 0)
    (line,) = source.open().dropped
    assert "1 file has 1, read as" in line and "masks/2.png" in line


def test_three_names_for_white_masks_are_refused(folder):
    with pytest.raises(KerasVisionError, match=r"3 classes \(bg, tumor, node\), and masks hold 0 and 255 only"):
        folder(*(255 * shape(i) for i in range(4)), classes=("bg", "tumor", "node")).open()


def test_blank_lines_in_classes_txt(folder):
    source = folder(*(255 * shape(i) for i in range(4)), classes=("bg", "tumor", "", ""))
    assert source.open().classes == ("bg", "tumor")
    with pytest.raises(KerasVisionError, match="line 2 of 3 is blank"):
        folder(*(shape(i) for i in range(4)), classes=("bg", "", "tumor")).open()


def test_a_smoothed_file_of_one_class_is_said(tmp_path, noise):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks" / "cat").mkdir(parents=True)
    for number in range(3):
        noise(number, (W, H)).save(tmp_path / "images" / f"{number}.png")
        mask = Image.fromarray(255 * shape(number))
        mask = mask.resize((W // 2, H // 2), Image.Resampling.BILINEAR).resize((W, H), Image.Resampling.BILINEAR)
        (mask if number == 1 else Image.fromarray(255 * shape(number))).save(tmp_path / "masks/cat" / f"{number}.png")
    held = sources["image_mask"](path=str(tmp_path), validation_fraction=0.0, test_fraction=0.0).open()
    assert held.dropped == ("soft: masks/1",)


def test_masks_that_are_no_pngs_are_called_so(tmp_path, noise):
    from kerasvision.data.sources._detect import detect

    for kind in ("jpg", "tif"):
        root = tmp_path / kind
        for name in ("images", "masks"):
            (root / name).mkdir(parents=True)
            for number in range(3):
                noise(number, (W, H)).save(root / name / f"{number}.{'png' if name == 'images' else kind}")
        source = detect(root)
        assert type(source).registered_name == "sources/image_mask"
        for skip in (False, True):
            with pytest.raises(KerasVisionError, match=r"3 of 3 masks cannot be read: .*a mask must be a PNG"):
                sources["image_mask"](path=str(root), skip_unreadable=skip).open()
