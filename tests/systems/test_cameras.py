"""Two cameras: who is who in the other video, by closed forms, and in drawn films from the command line."""

import re

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.data import motchallenge
from kerasvision.data.video import VideoWriter
from kerasvision.metrics.reidentification import reidentification
from kerasvision.ops.colors import BINS, color_looks
from kerasvision.systems.cameras import load_looks, renumbered, same_as, save_looks, together
from kerasvision.systems.looked import Colors, fingerprint, same_model
from tests.systems.test_appearance import UNIT, turned

COLORS = [(200, 40, 40), (40, 40, 200), (40, 200, 40), (210, 200, 30), (200, 60, 210)]


@pytest.mark.parametrize(("degrees", "is_same"), [(41.0, True), (42.0, False)])
def test_who_looks_alike_is_the_same(degrees, is_same):
    """cos 41.41 degrees is 0.75."""
    assert same_as({4: turned(degrees)}, {9: UNIT[0], 8: UNIT[2]}, 0.75) == ({4: 9} if is_same else {})


def test_nobody_is_two():
    """1 is nearest to 5, and 2 too; the largest sum gives 2 to 6."""
    found = same_as({1: turned(0), 2: turned(10)}, {5: turned(2), 6: turned(30)}, 0.5)
    assert found == {1: 5, 2: 6}
    assert same_as({}, {1: UNIT[0]}, 0.5) == same_as({1: UNIT[0]}, {}, 0.5) == {}
    assert renumbered({1, 2, 7}, {2: 5}, [5, 6]) == {1: 7, 2: 5, 7: 8}
    middle = together({5: turned(0), 7: UNIT[2]}, {5: turned(60), 6: UNIT[3]})
    np.testing.assert_allclose([middle[5], middle[6], middle[7]], [turned(30), UNIT[3], UNIT[2]], atol=1e-12)


def test_a_histogram_of_colors_in_closed_form():
    """Half of a box at a knot, half a quarter of the way to the next one: roots of 0.5 (1 and 0.75 + 0.25)."""
    step = 255.0 / (BINS - 1)
    image = np.zeros((1, 40, 40, 3), np.float32)
    image[:, :, :20] = [step, 0, 0]
    image[:, :, 20:] = [1.25 * step, 0, 0]
    looks = color_looks(image, np.float32([[[0, 0, 40, 40], [0, 0, 18, 40], [-30, -9, -5, 70]]])).numpy()[0]
    wanted = np.zeros((3, BINS, BINS, BINS))
    wanted[0, 1, 0, 0], wanted[0, 2, 0, 0], wanted[1:, 1, 0, 0] = np.sqrt(0.875), np.sqrt(0.125), 1.0
    np.testing.assert_allclose(looks, wanted.reshape(3, -1), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(looks, axis=1), 1.0, atol=1e-5)
    assert color_looks(image, np.zeros((1, 0, 4), np.float32)).shape == (1, 0, BINS**3)
    crop = image[:, :, :18].astype(np.uint8)
    np.testing.assert_allclose(Colors()({"image": crop})["embedding"][0], looks[1], atol=1e-6)


def test_looks_are_kept_in_a_file(tmp_path):
    save_looks(tmp_path / "a.npz", {3: UNIT[0], 1: UNIT[1]}, 4, "x")
    looks, last = load_looks(tmp_path / "a.npz", "x")
    assert last == 4 and list(looks) == [3, 1] and looks[3].tobytes() == UNIT[0].tobytes()
    with pytest.raises(UsageError, match="has what another model saw"):
        load_looks(tmp_path / "a.npz", "y")
    (tmp_path / "b.npz").write_bytes(b"none")
    with pytest.raises(UsageError, match=r"holds no looks; write them with --looks OUT.npz"):
        load_looks(tmp_path / "b.npz", "x")


def says(*degrees):
    """The fingerprint of an embedder whose vector of each drawn picture is turned so far, and three long."""
    vectors = iter(3 * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]).T[:, None])
    return fingerprint(lambda _: {"embedding": next(vectors)})


@pytest.mark.parametrize(
    ("degrees", "is_same"),
    [
        ((0.5, -0.3, 0.1, 0.0), True),
        ((25.5,) * 4, True),
        ((26.2,) * 4, False),
        ((53.0, 0, 0, 0), True),
        ((54.0, 0, 0, 0), False),
        ((np.nan,) * 4, False),
    ],
)
def test_machines_that_round_otherwise_are_one_embedder(tmp_path, degrees, is_same):
    """cos 25.84 degrees is 0.9, and three of 1 with cos 53.13 degrees, 0.6, have that mean."""
    whole, other = says(0, 0, 0, 0), says(*degrees)
    assert whole != other and same_model(whole, other) == same_model(other, whole) == is_same
    save_looks(tmp_path / "a.npz", {3: UNIT[0]}, 4, whole)
    if is_same:
        assert load_looks(tmp_path / "a.npz", other)[1] == 4
    else:
        with pytest.raises(UsageError, match="has what another model saw; look at both videos with the same"):
            load_looks(tmp_path / "a.npz", other)


def test_vectors_of_other_lengths_and_none_are_of_other_embedders():
    whole = says(0, 0, 0, 0)
    assert not same_model(whole, fingerprint(lambda _: {"embedding": np.ones((1, 3))}))
    assert not same_model(whole, fingerprint(lambda _: {"embedding": np.zeros((1, 2))}))
    assert not same_model(whole, "") and not same_model("", whole) and same_model("", "")
    assert same_model(fingerprint(Colors()), fingerprint(Colors()))


def film(folder, name, order, light):
    """name.mp4 and name.txt: squares of `COLORS` in rows, in this order, which move to the right under a light."""
    rows = []
    with VideoWriter(folder / f"{name}.mp4", 10.0) as writer:
        for n in range(12):
            pixels = np.full((240, 160, 3), 120, np.uint8)
            for row, which in enumerate(order):
                x, y = 10 + 4 * n, 8 + 46 * row
                pixels[y : y + 30, x : x + 30] = COLORS[which]
                pixels[y + 10 : y + 20, x + 10 : x + 20] = COLORS[which - 1]
                rows.append(f"{n + 1},-1,{x},{y},30,30,0.9\n")
            writer.add((pixels * light).clip(0, 255).astype(np.uint8), n / 10)
    (folder / f"{name}.txt").write_text("".join(rows))


def of_rows(path):
    """Ids in the last frame, from above."""
    held = motchallenge.read_boxes(path)[11]
    return held["ids"][np.argsort(held["boxes_xyxy"][:, 1])].tolist()


def test_identities_of_one_camera_are_known_by_the_other(tmp_path, capsys):
    """The second one is darker, sees them in another order, and one that the first has not seen."""
    film(tmp_path, "a", (0, 1, 2, 3), 1.0)
    film(tmp_path, "b", (2, 4, 0, 1), 0.85)
    words = ["--appearance", "colors", "--offline", "--tracker", "kerasvision", "--mot"]

    def track(name, *more):
        return main(["track", str(tmp_path / f"{name}.txt"), str(tmp_path / f"{name}.mp4"), *words, *map(str, more)])

    assert track("a", tmp_path / "a.out.txt", "--looks", tmp_path / "a.npz") == 0
    numbers = dict(zip((0, 1, 2, 3), of_rows(tmp_path / "a.out.txt"), strict=True))
    assert sorted(numbers.values()) == [1, 2, 3, 4]
    assert track("b", tmp_path / "b.out.txt", "--same-as", tmp_path / "a.npz", "--looks", tmp_path / "ab.npz") == 0
    assert re.search(r"4 objects; 3 of them as in .*a\.npz", capsys.readouterr().err)
    assert of_rows(tmp_path / "b.out.txt") == [numbers[2], 5, numbers[0], numbers[1]]
    both = np.load(tmp_path / "ab.npz")
    assert sorted(both["ids"].tolist()) == [1, 2, 3, 4, 5]
    assert track("a", tmp_path / "x.txt", "--looks", tmp_path / "a.txt") == 2
    assert "the same file is read, or written too" in capsys.readouterr().err
    assert track("a", tmp_path / "x.txt", "--same-as", tmp_path / "none.npz") == 2
    assert "no such file; write one with --looks OUT.npz" in capsys.readouterr().err
    without = [w for w in words if w != "--offline"]
    assert main(["track", str(tmp_path / "a.txt"), str(tmp_path / "a.mp4"), *without, "x.txt", "--looks", "y.npz"]) == 2
    assert "--looks is of what objects look like when all is seen; give --offline" in capsys.readouterr().err


def test_rank_and_map_of_colors_under_another_light():
    """Patches of two photographs, seen darker: colors find most of them, and fewer where it is much darker."""
    from skimage import data

    image = np.concatenate([data.astronaut()[:512], data.coffee()[:400].repeat(2, 0)[:512]], 1)
    rng = np.random.default_rng(0)
    places = np.stack([rng.integers(0, 440, 50), rng.integers(0, image.shape[1] - 70, 50)], 1)
    looks = {}
    for light in (1.0, 0.9, 0.5):
        crops = (image[y + 3 * (light < 1) :, x:][:64, :64] * light for y, x in places)
        looks[light] = np.array([Colors()({"image": c.astype(np.uint8)[None]})["embedding"][0] for c in crops])
    ids = np.arange(50)
    near, far = (reidentification(looks[1.0], ids, looks[light], ids) for light in (0.9, 0.5))
    assert near["rank-1"] > far["rank-1"] and near["mAP"] > far["mAP"] > 1 / 50
