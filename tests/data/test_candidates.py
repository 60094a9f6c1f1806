"""Work for each picture is bounded when parts are looked for: frames of a fixed camera, a crowd of crops, and points
that very many pictures have; what was left out is counted, on both sides of each bound.
"""

import json

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.data.inspect import candidates
from kerasvision.data.inspect.parts import points_of

data = pytest.importorskip("skimage.data")
SIZE = (320, 214)


def photograph(name="coffee"):
    return Image.fromarray(getattr(data, name)()).resize(SIZE, Image.Resampling.LANCZOS)


def film(count):
    """Frames of a fixed camera: noise, and a small thing that goes through them."""
    rng, still = np.random.default_rng(0), np.asarray(photograph(), np.float32)
    frames = []
    for number in range(count):
        frame = still + rng.normal(0, 3, still.shape)
        x = 10 + 290 * number // count
        frame[100:112, x : x + 12] = (250, 40, 40)
        frames.append(Image.fromarray(np.uint8(np.clip(frame, 0, 255))))
    return frames


@pytest.fixture(scope="module")
def frames():
    return film(16)


def counted(monkeypatch):
    """Pairs that are looked at, as they are."""
    asked, look = [], candidates.related
    monkeypatch.setattr(candidates, "related", lambda *given: asked.append(1) or look(*given))
    return asked


def test_frames_of_a_fixed_camera_are_one_group_by_work_that_grows_with_their_number(frames, monkeypatch):
    asked = counted(monkeypatch)
    found = candidates.found([points_of(frame) for frame in frames])
    one_crowd = {number for one, other, _ in found.pairs for number in (one, other)}
    assert one_crowd == set(range(16)) and {told for _, _, told in found.pairs} == {"nearly equal"}
    assert found.aside == 16 - 1 - candidates.MOST_TWINS and found.crowded == found.common == 0
    first = candidates.MOST_TWINS + 1  # of which each is compared with each
    assert len(asked) == first * (first - 1) // 2 + found.aside, "a further one with one alone"
    few = candidates.found([points_of(frame) for frame in frames[:first]])
    assert few.aside == 0 and len(few.pairs) == first * (first - 1) // 2


def test_a_crop_of_a_frame_is_found_beside_the_film(frames, tmp_path, capsys):
    for number, frame in enumerate(frames[:12]):
        frame.save(tmp_path / f"{number:02}.png")
    frames[0].crop((30, 20, 280, 190)).save(tmp_path / "part.png")
    assert main(["data", "duplicates", str(tmp_path), "--parts", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (group,) = answer["groups"]
    said = {row["file"][-8:]: row["is"] for row in group["copies"]}
    assert len(said) == 12 and said.pop("part.png") == "cropped" and set(said.values()) == {"nearly equal"}
    assert answer["left_out"] == {"twins": 1, "crowded": 0, "common": 0}
    assert main(["data", "duplicates", str(tmp_path), "--parts"]) == 0
    assert "nearly equal to 10 others or more, 1 were not searched for parts" in capsys.readouterr().out


def test_of_many_partners_those_of_most_points_are_compared(tmp_path, monkeypatch, capsys):
    """Windows along one picture: each shares points with all before it."""
    whole = Image.fromarray(data.coffee())
    held = [points_of(whole.crop((x, 0, x + 330, 400))) for x in (0, 45, 90, 135, 180)]
    monkeypatch.setattr(candidates, "MOST_PARTNERS", 4)
    free = candidates.found(held)
    assert free.crowded == 0 and len(free.pairs) == 10
    monkeypatch.setattr(candidates, "MOST_PARTNERS", 3)
    bounded = candidates.found(held)
    left = {tuple(sorted(pair[:2])) for pair in free.pairs} - {tuple(sorted(pair[:2])) for pair in bounded.pairs}
    assert bounded.crowded == 1 and left == {(0, 4)}, "the farthest window shares the fewest"
    monkeypatch.setattr(candidates, "MOST_PARTNERS", 0)
    photo = photograph()
    photo.save(tmp_path / "whole.png")
    photo.crop((20, 20, 300, 200)).save(tmp_path / "part.png")
    assert main(["data", "duplicates", str(tmp_path), "--parts"]) == 0
    assert "1 pictures share points with more than 0 others" in capsys.readouterr().out


def test_matches_are_those_of_all_pairs():
    """Against every pair of points: at most 10 bits apart, and a part of five equal."""
    rng = np.random.default_rng(1)
    some = rng.integers(0, 2**63, 30, np.uint64)
    flips = [np.bitwise_or.reduce(np.uint64(1) << rng.permutation(64)[:9].astype(np.uint64)) for _ in range(90)]
    bits, owner = np.concatenate([some, np.repeat(some, 3) ^ np.array(flips)]), np.repeat(np.arange(12), 10)
    apart = np.bitwise_count(bits[:, None] ^ bits[None])
    shares = np.zeros(apart.shape, bool)
    for part in np.array_split(np.arange(64), 5):
        mask = np.uint64(sum(1 << int(n) for n in part))
        shares |= ((bits[:, None] ^ bits[None]) & mask) == 0
    wanted = np.argwhere((apart <= 10) & shares & (owner[:, None] < owner[None]))
    for start in (0, 50):
        first, second, common = candidates.matches(bits, owner, start)
        found = sorted(zip(first.tolist(), second.tolist(), strict=True))
        assert found == sorted(tuple(row) for row in wanted.tolist() if row[1] >= start) and not len(common)


@pytest.mark.parametrize(("most", "common"), [(7, []), (6, [7])])
def test_a_point_that_many_have_is_compared_with_the_latest(monkeypatch, most, common):
    monkeypatch.setattr(candidates, "MOST_SAME", most)
    bits, owner = np.full(8, 0xABCDEF0123456789, np.uint64), np.arange(8)
    first, second, found = candidates.matches(bits, owner, 0)
    assert found.tolist() == common
    assert sorted(first[second == 7].tolist()) == list(range(7 - most, 7))


def test_what_one_part_has_too_many_of_is_found_by_another(monkeypatch):
    """Twenty points share their lowest 13 bits; the first and the last are equal in all."""
    monkeypatch.setattr(candidates, "MOST_SAME", 5)
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**63, 20, np.uint64) >> np.uint64(13) << np.uint64(13)
    bits[-1] = bits[0]
    first, second, _ = candidates.matches(bits, np.arange(20), 0)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 19)]
