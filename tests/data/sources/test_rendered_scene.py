"""Rendered scenes: quads stand around the ink, scenes follow from their seeds, and bad fields are one line."""

import numpy as np
import pytest
from PIL import Image, ImageFont

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data.sources import _signs
from kerasvision.data.sources._lines import fonts_below
from kerasvision.ops import polygons

SANS = next(path for path in fonts_below("") if path.endswith("DejaVuSans.ttf"))


def wall(**fields):
    held = {
        "fonts": (SANS,),
        "backgrounds": (),
        "image_size": (160, 200),
        "size": (18, 26),
        "rotation_deg": 45.0,
        "contrast": 90,
        "blur": 0.0,
        "noise": 0.0,
        "quality": 100,
    }
    return _signs.Wall(**held | fields)


def depth_of(quad, points):
    """Of points [P, 2] inside of a clockwise quad: the least distance from its sides."""
    sides = np.roll(quad, -1, 0) - quad
    away = points[None] - quad[:, None]
    turns = sides[:, None, 0] * away[..., 1] - sides[:, None, 1] * away[..., 0]
    return (turns / np.linalg.norm(sides, axis=1)[:, None]).min(0)


@pytest.fixture
def plain(monkeypatch):
    """Scenes on white, in black."""
    monkeypatch.setattr(_signs, "_plain", lambda h, w, rng: np.full((h, w, 3), 255, np.float32))
    monkeypatch.setattr(_signs, "_ink", lambda below, contrast, rng: np.zeros(3, np.float32))


@pytest.mark.parametrize("rotation", [0.0, 45.0, 180.0])
def test_all_ink_is_inside_of_its_quad_and_reaches_all_its_sides(plain, rotation):
    for seed in range(12):
        image, quads, texts = _signs.render(wall(rotation_deg=rotation), ["Hxg,"], [seed])
        assert texts == ["Hxg,"] and quads.shape == (1, 4, 2)
        (quad,) = quads.astype(float)
        y, x = np.nonzero(image.mean(-1) < 128)
        points = np.stack([x, y], 1) + 0.5
        depths = depth_of(quad, points)
        assert depths.min() > -0.5
        width, height = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
        along, down = (quad[1] - quad[0]) / width, (quad[3] - quad[0]) / height
        u, v = (points - quad[0]) @ along, (points - quad[0]) @ down
        margin = 0.08 / 1.16 * height + 2.0  # half a pixel to its center, a faint outer one, a smooth edge
        assert u.min() < margin and width - u.max() < margin and v.min() < margin and height - v.max() < margin


def test_the_first_corner_is_the_text_s_own_upper_left(plain):
    """An L has its stem at the left and its foot below, however it is turned."""
    for seed in range(12):
        image, (quad,), _ = _signs.render(wall(rotation_deg=180.0), ["L"], [seed])
        y, x = np.nonzero(image.mean(-1) < 128)
        middle = np.array([x.mean(), y.mean()]) + 0.5
        nearest = np.linalg.norm(quad - middle, axis=1).argmin()
        assert nearest == 3 and polygons.area(quad) > 0  # the lower left, and clockwise


def test_lines_are_inside_and_apart():
    for seed in range(8):
        _, quads, texts = _signs.render(wall(), ["one", "two words", "three", "four"], [seed])
        assert len(quads) == len(texts) > 0
        assert quads.min() >= 0 and (quads <= [200, 160]).all()
        overlap = polygons.pairwise_iou(quads, quads)
        assert not overlap[~np.eye(len(quads), dtype=bool)].any()


def test_a_line_that_is_too_long_is_left_out():
    assert _signs.render(wall(), ["a line that is much too long for this", "ok"], [1])[2] == ["ok"]


def samples(opened, split="train"):
    held = opened.splits[split]
    return list(held.records.map(held.read).as_numpy_iterator())


def source(**fields):
    held = {"scenes": (4, 2, 2), "image_size": (96, 128), "size": (10, 16), "length": (2, 8)}
    return create("sources/rendered_scene", **held | fields)


def test_scenes_follow_from_their_numbers():
    once, again = (samples(source().open()) for _ in range(2))
    for a, b in zip(once, again, strict=True):
        assert all(np.array_equal(a[k], b[k]) for k in a)
    assert not np.array_equal(once[0]["image"], samples(source(seed=1).open())[0]["image"])
    more = samples(source(scenes=(6, 2, 2)).open())
    assert np.array_equal(more[0]["quads_xy"], once[0]["quads_xy"]), "further scenes do not change the first ones"


def test_splits_have_words_of_their_own(tmp_path):
    words = [f"w{i:03d}" for i in range(300)]
    (tmp_path / "words.txt").write_text(" ".join(words))
    opened = source(texts=(str(tmp_path / "words.txt"),), scenes=(20, 10, 10)).open()
    seen = {
        name: {word for s in samples(opened, name) for text in s["texts"] for word in text.decode().split()}
        for name in opened.splits
    }
    assert seen["train"] and seen["test"] and not seen["train"] & (seen["test"] | seen["validation"])


def test_photographs_lie_behind(tmp_path):
    for number in range(3):
        (tmp_path / "photos").mkdir(exist_ok=True)
        color = [0, 0, 0]
        color[number] = 200
        Image.new("RGB", (300, 200), tuple(color)).save(tmp_path / "photos" / f"{'abc'[number]}.png")
    opened = source(backgrounds=(str(tmp_path / "photos"),), noise=0.0, quality=100, blur=0.0).open()
    grounds = {name: {tuple(np.median(s["image"], (0, 1))) for s in samples(opened, name)} for name in opened.splits}
    assert sum(len(held) for held in grounds.values()) == 3, "none is in two splits"


@pytest.mark.parametrize(
    "fields",
    [
        {"scenes": (0, 1, 1)},
        {"image_size": (31, 64)},
        {"lines": (2, 1)},
        {"length": (0, 4)},
        {"size": (5, 9)},
        {"rotation_deg": 181.0},
        {"contrast": 111},
        {"blur": -0.1},
        {"noise": -1.0},
        {"quality": 0},
    ],
)
def test_bad_fields_are_one_line(fields):
    name = next(iter(fields))
    with pytest.raises(UsageError, match=f"rendered_scene: {name}=.*; allowed: "):
        source(**fields).open()


def test_a_folder_that_is_not_there_is_one_line():
    with pytest.raises(UsageError, match="rendered_scene: backgrounds: nowhere; allowed: folders of photographs"):
        source(backgrounds=("nowhere",)).open()
    with pytest.raises(KerasVisionError, match="hardly a line of 2 to 8 characters"):
        source(classes=("q",)).open()


def test_quads_have_a_little_margin():
    """A twelfth of a line's height around its ink, which is in the middle of the patch."""
    font = ImageFont.truetype(SANS, 20, layout_engine=ImageFont.Layout.BASIC)
    patch, size = _signs._patch("Hallo", font)
    y, x = np.nonzero(np.asarray(patch))
    width, height = np.ptp(x) + 1, np.ptp(y) + 1
    np.testing.assert_allclose(size, [width + 0.16 * height, 1.16 * height])
    np.testing.assert_allclose([x.min() + x.max() + 1, y.min() + y.max() + 1], patch.size)
