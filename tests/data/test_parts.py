"""Photographs that are part of others are found and named: cropped, framed, captioned; each decision on both sides of
its threshold.
"""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from kerasvision.cli.main import main
from kerasvision.data.inspect import candidates, copies, parts
from kerasvision.data.inspect.parts import Points, named, points_of, related

data = pytest.importorskip("skimage.data")
NAMES = ("astronaut", "chelsea", "coffee", "rocket")


def photograph(name):
    photo = Image.fromarray(getattr(data, name)())
    return photo.resize((480, 480 * photo.height // photo.width), Image.Resampling.LANCZOS)


def captioned(photo):
    made = Image.new("RGB", (photo.width, int(photo.height * 1.2)), (255, 255, 255))
    made.paste(photo)
    text = "a caption of the picture, by someone who saw it"
    ImageDraw.Draw(made).text((10, int(photo.height * 1.05)), text, fill=(0, 0, 0))
    return made


def framed(photo):
    made = Image.new("RGB", (int(photo.width * 1.16), int(photo.height * 1.2)), (90, 60, 30))
    made.paste(photo, (int(photo.width * 0.08), int(photo.height * 0.1)))
    return made


def cropped(photo):
    w, h = photo.size
    return photo.crop((w // 10, h // 8, w * 17 // 20, h * 9 // 10))


def corner(photo):
    """Half of each side, at another size."""
    part = photo.crop((0, 0, photo.width // 2, photo.height // 2))
    return part.resize((part.width * 3 // 4, part.height * 3 // 4), Image.Resampling.LANCZOS)


DISGUISES = {"cropped": cropped, "framed": framed, "captioned": captioned, "corner": corner}


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts") / "album"
    folder.mkdir()
    for name in NAMES:
        photo = photograph(name)
        photo.save(folder / f"{name}.png")
        for kind, disguise in DISGUISES.items():
            disguise(photo).save(folder / f"{name}_{kind}.jpg", quality=70)
    Image.fromarray(data.page()).save(folder / "alone.png")
    return folder


def test_every_disguise_is_found_and_named_and_the_original_is_kept(album, capsys):
    assert main(["data", "duplicates", str(album), "--parts", "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)["groups"]
    assert [group["keep"] for group in groups] == [str(album / f"{name}.png") for name in NAMES]
    for name, group in zip(NAMES, groups, strict=True):
        said = {row["file"].rsplit("_", 1)[-1]: row["is"] for row in group["copies"]}
        expected = {f"{kind}.jpg": kind.replace("corner", "cropped") for kind in DISGUISES}
        if name == "rocket":  # whose corner is a dark sky: few points of it stand out, too few agree
            assert len(points_of(corner(photograph(name))).bits) < parts.POINTS / 2
            del expected["corner.jpg"]
        assert said == expected, name
    assert main(["data", "duplicates", str(album), "--json"]) == 0
    assert not json.loads(capsys.readouterr().out)["groups"], "which fingerprints of whole pictures do not tell"


def test_a_frame_that_is_there_twice_is_kept_neither_time(album, tmp_path, capsys):
    for name, of in (("a.jpg", "coffee_framed.jpg"), ("b.jpg", "coffee_framed.jpg"), ("o.png", "coffee.png")):
        (tmp_path / name).write_bytes((album / of).read_bytes())
    assert main(["data", "duplicates", str(tmp_path), "--parts", "--json"]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert group["keep"] == str(tmp_path / "o.png")
    assert {row["file"][-5:]: row["is"] for row in group["copies"]} == {"a.jpg": "framed", "b.jpg": "framed"}


def test_matches_of_a_pattern_are_looked_at_in_bounded_number(monkeypatch):
    """All of 150 points agree with all: of 22,500 matches a square of each against each would be 8 GB."""
    asked = []
    monkeypatch.setattr(parts, "_fitted", lambda a, b, ours, theirs: asked.append(len(ours)))
    first, second = (grid.ravel() for grid in np.meshgrid(np.arange(150), np.arange(150)))
    assert related(None, None, first, second) is None and 500 < asked[0] <= parts.MOST_VOTES
    assert related(None, None, first[:1000], second[:1000]) is None and asked[1] == 1000


def test_what_was_looked_at_is_said(album, tmp_path, capsys, monkeypatch):
    (tmp_path / "two").mkdir()
    for name in ("coffee.png", "coffee_framed.jpg"):
        (tmp_path / "two" / name).write_bytes((album / name).read_bytes())
    assert main(["data", "duplicates", str(tmp_path / "two")]) == 0
    assert "not at what is cropped or framed (--parts), or recolored" in capsys.readouterr().out
    assert main(["data", "duplicates", str(tmp_path / "two"), "--parts"]) == 0
    assert "in upright parts of others; not at what is recolored" in capsys.readouterr().out
    monkeypatch.setattr(copies.parts, "MOST_PICTURES", 1)
    assert main(["data", "duplicates", str(tmp_path / "two"), "--parts"]) == 2
    assert "--parts: 2 pictures; allowed: up to 1" in capsys.readouterr().err


def test_windows_that_share_nothing_are_not_related():
    """Sixteen quarters of the four photographs."""
    every = []
    for name in NAMES:
        photo = photograph(name)
        w, h = photo.width // 2, photo.height // 2
        every += [points_of(photo.crop((x, y, x + w, y + h))) for x in (0, w) for y in (0, h)]
    assert min(len(points.bits) for points in every[:12]) > 20, "nothing to compare"
    assert candidates.found(every).pairs == []


def blank(width, height, gray=None):
    none = np.zeros(0)
    held = np.full((height, width), 128, np.uint8) if gray is None else gray
    return Points(held, np.array([width, height], float), none.reshape(0, 2), none, none.astype(np.uint64))


@pytest.mark.parametrize(
    ("margins", "says"),  # left, top, right, bottom, in parts of the second's sides, beyond the first
    [
        ((0.024, 0.024, 0.024, 0.024), (False, "nearly equal")),
        ((0.1, 0.1, 0.1, 0.1), (False, "framed")),
        ((0.0, 0.0, 0.0, 0.1), (False, "captioned")),
        ((0.0, 0.026, 0.0, 0.0), (False, "captioned")),
        ((0.1, 0.0, 0.0, 0.0), (False, "framed")),  # a band at a side is no caption
        ((-0.1, -0.1, -0.1, -0.1), (True, "framed")),  # the first is the larger, and plain around
        ((0.1, -0.1, 0.0, 0.0), (False, "cropped, or framed, on different sides")),
        ((0.1, -0.024, 0.0, 0.0), (False, "framed")),
    ],
)
def test_borders_tell_what_a_copy_is(margins, says):
    left, top, right, bottom = margins
    second = blank(1000, 1000)
    shift = np.array([1000.0 * left, 1000.0 * top])
    scale = np.array([1 - left - right, 1 - top - bottom])
    first = blank(*(int(round(v)) for v in 1000 * scale))
    assert named(first, second, 1.0, shift) == says


@pytest.mark.parametrize(
    ("share", "level", "says"),
    [(0.65, 117, (False, "framed")), (0.55, 117, (True, "cropped")), (0.55, 116, (False, "framed"))],
)
def test_a_border_is_a_frame_where_it_is_plain(share, level, says):
    """Of each side that share has its median, 100, and the rest a level beyond 16 of it, or within."""
    busy = np.random.default_rng(0).random((200, 200)) >= share
    second = blank(200, 200, np.where(busy, level, 100).astype(np.uint8))
    assert named(blank(160, 160), second, 1.0, np.array([20.0, 20.0])) == says


def test_bits_votes_shares_and_pixels_on_both_sides_of_their_thresholds():
    one = np.uint64(0xF0F0F0F0F0F0F0F0)
    for apart, there in ((10, 1), (11, 0)):  # bits of the second half, so that a part of them is equal
        other = one ^ np.uint64((1 << apart) - 1)
        first, _, _ = candidates.matches(np.array([one, other]), np.array([0, 1]), 0)
        assert len(first) == there, apart
    rng = np.random.default_rng(1)
    places = np.float32(rng.uniform(20, 280, (5, 2)))
    a = Points(blank(300, 300).gray, np.array([300.0, 300.0]), places, np.full(5, 4.0), np.zeros(5, np.uint64))
    for count, found in ((5, True), (4, False)):
        held = np.arange(5)[:count]
        assert (parts._fitted(a, a, held, held) is not None) == found
    noise = blank(300, 300, rng.integers(0, 256, (300, 300)).astype(np.uint8))
    for shown, alike in ((0.21, True), (0.19, False)):  # of the area, by a shift along one side
        moved = np.roll(noise.gray, int(300 * (1 - shown)), 1)
        fit = np.array([0.0, 300.0 * (1 - shown), 0.0])
        assert (parts._alike(noise, blank(300, 300, moved), fit) > 0.9) == alike


def test_pixels_must_agree_on_both_sides_of_the_threshold():
    """A stripe over the copy: the wider, the less do both agree, as numpy's correlation of their means says."""
    photo, seen = photograph("coffee"), []
    whole = points_of(photo)
    for width in range(0, 60, 3):
        changed = photo.copy()
        changed.paste((0, 0, 0), (200, 0, 200 + width, photo.height))
        small = [np.asarray(p.convert("L").resize((40, 40), Image.Resampling.BOX)).ravel() for p in (photo, changed)]
        alike = np.corrcoef(*small)[0, 1]
        if abs(alike - parts.MIN_CORRELATION) < 0.004:
            continue  # the two may round to either side
        seen.append(alike >= parts.MIN_CORRELATION)
        other = points_of(changed)
        owner = np.repeat([0, 1], [len(whole.bits), len(other.bits)])
        first, second, _ = candidates.matches(np.concatenate([whole.bits, other.bits]), owner, 0)
        said = related(whole, other, first, second - len(whole.bits))
        assert said == ((False, "nearly equal") if seen[-1] else None), (width, alike)
    assert 3 <= sum(seen) <= len(seen) - 3
