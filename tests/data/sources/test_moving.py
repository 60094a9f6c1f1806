"""Films whose truth is known: squares of one color each on paths over grounds of one gray each."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.component import from_json, to_json
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import sources
from kerasvision.data.sources._films import _texture

OBJECTS, SIZE, SIDE_PX = 6, (96, 120), 24
# nothing but place differs
PLAIN = {"turn_deg": 0.0, "growth": 0.0, "swing_ev": 0.0, "blur_px": 0.0, "pan": 0.0, "zoom": 0.0, "shake": 0.0}
PLAIN |= {"side": (0.25, 0.25), "exits": 0.0, "twins": 0.0, "occluders": (0, 0)}


def color(number):
    """One of six hues."""
    hue = Image.new("HSV", (1, 1), (number * 255 // OBJECTS, 220, 220))
    return np.array(hue.convert("RGB").getpixel((0, 0)))


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    root = tmp_path_factory.mktemp("material")
    (root / "objects" / "square").mkdir(parents=True)
    (root / "grounds").mkdir()
    for i in range(OBJECTS):
        picture = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
        picture.paste((*color(i).tolist(), 255), (6, 6, 54, 54))
        picture.save(root / "objects" / "square" / f"{'abcdef'[i]}.png")
        Image.new("RGB", (200, 160), (50 + 30 * i,) * 3).save(root / "grounds" / f"{'abcdef'[i]}.png")
    return root


@pytest.fixture
def source(material):
    def make(**fields):
        given = {"path": str(material / "objects"), "backgrounds": (str(material / "grounds"),)}
        return sources["moving"](**(given | {"films": (3, 1, 1), "frames": 4, "image_size": SIZE} | PLAIN | fields))

    return make


def colored(image):
    """bool [H, W] of each of the six colors; grounds are gray."""
    apart = np.abs(image[None].astype(int) - np.array([color(i) for i in range(OBJECTS)])[:, None, None]).max(-1)
    return apart < 40


def samples(source, split="train"):
    held = source.open().splits[split]
    return list(held.records.map(held.read).as_numpy_iterator())


def frames(source, count, film=0, step=1):
    shown = source.film("train", film)
    return [source.frame_of(shown, number) for number in range(0, count * step, step)]


def test_boxes_are_where_the_pixels_are(source):
    seen = 0
    for number in range(3):
        for held in frames(source(objects=(1, 1), speed=(0.5, 1.0)), 6, number, 9):
            mask = colored(held["image"]).any(0)
            ys, xs = np.nonzero(mask)
            assert held["boxes_xyxy"].shape == (1, 4)
            np.testing.assert_allclose(
                held["boxes_xyxy"][0], [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], atol=1.01
            )
            assert abs(np.ptp(xs) + 1 - SIDE_PX) <= 2
            seen += 1
    assert seen == 18


def test_an_id_keeps_its_picture_and_masks_are_what_is_seen(source):
    by_id = {}
    for held in frames(source(objects=(4, 4), speed=(0.5, 1.0), masks=True), 10, step=7):
        whose = colored(held["image"])
        for i, mask, hidden in zip(held["ids"], held["instance_masks"], held["occlusion"], strict=True):
            np.testing.assert_allclose(1 - hidden, mask.sum() / SIDE_PX**2, atol=0.1)
            if mask.sum() > 100:
                by_id.setdefault(int(i), set()).add(int(whose[:, mask > 0].sum(1).argmax()))
        assert held["instance_masks"].sum(0).max(initial=0) <= 1
    assert len(by_id) == 4
    assert all(len(found) == 1 for found in by_id.values())


def test_twins_share_a_picture_and_have_ids_of_their_own(source):
    held = frames(source(objects=(3, 3), twins=1.0, speed=(0.5, 1.0)), 1)[0]
    assert colored(held["image"]).any((1, 2)).sum() == 1
    assert held["ids"].tolist() == sorted(set(held["ids"].tolist()))
    assert len(held["ids"]) > 1


def test_what_leaves_comes_back(source):
    many = frames(source(objects=(1, 1), exits=1.0, speed=(0.8, 0.8)), 60, step=5)
    there = np.array([len(held["ids"]) for held in many])
    assert 0 < there.mean() < 1
    changes = np.diff(there)
    assert (changes == -1).any()  # it left
    assert (changes[np.flatnonzero(changes == -1)[0] :] == 1).any()  # and returned
    for held in many:
        assert colored(held["image"]).any() == bool(len(held["ids"])) or colored(held["image"]).sum() < 60
        assert ((held["boxes_xyxy"] >= 0) & (held["boxes_xyxy"] <= [120, 96, 120, 96])).all()


def test_an_occluder_hides_and_its_part_is_said(source):
    hidden = []
    for number in range(3):
        for held in frames(source(objects=(1, 1), occluders=(3, 3), speed=(0.8, 0.8), masks=True), 20, number, 6):
            seen = colored(held["image"]).any(0).sum() / SIDE_PX**2
            assert (len(held["ids"]) == 0) == (seen < 0.1) or 0.05 < seen < 0.15
            hidden += held["occlusion"].tolist()
            np.testing.assert_allclose(1 - held["occlusion"], [seen] * len(held["ids"]), atol=0.15)
    assert min(hidden) < 0.05
    assert 0.5 < max(hidden) <= 0.9


def test_a_camera_moves_what_stands_still(source):
    for fields, moves in (({"pan": 0.4}, True), ({"shake": 0.05}, True), ({}, False)):
        boxes = [h["boxes_xyxy"] for h in frames(source(objects=(1, 1), speed=(0.0, 0.0), **fields), 6, step=10)]
        assert bool(np.ptp(np.concatenate(boxes), 0).max() > 1) == moves, fields
    sides = [
        np.ptp(h["boxes_xyxy"].reshape(-1, 2, 2), 1).max()
        for h in frames(source(objects=(1, 1), zoom=0.5, speed=(0.0, 0.0)), 8, step=20)
    ]
    assert max(sides) > 1.15 * min(sides)


def test_an_example_is_a_function_of_its_seed(source):
    first, again = samples(source(masks=True)), samples(source(masks=True))
    for a, b in zip(first, again, strict=True):
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])
    other = samples(source(masks=True, seed=1))
    assert any(not np.array_equal(a["image"], b["image"]) for a, b in zip(first, other, strict=True))
    more = samples(source(masks=True, films=(5, 1, 1)))
    assert len(more) == 20
    np.testing.assert_array_equal(more[5]["image"], first[5]["image"])


def test_frames_of_a_film_are_a_group(source):
    opened = source().open()
    assert opened.splits["train"].groups == (0,) * 4 + (1,) * 4 + (2,) * 4
    assert [int(s["sequence"]) for s in samples(source())] == list(opened.splits["train"].groups)


def test_objects_are_of_their_classes_or_all_of_one(source, material, tmp_path):
    rows = [f"{material}/objects/square/{name}.png,{'ab'[n % 2]}\n" for n, name in enumerate("abcdef")]
    (tmp_path / "objects.csv").write_text("".join(["file,label\n", *rows]))
    given = {"path": str(tmp_path / "objects.csv"), "objects": (4, 4), "frames": 1}
    held, one = source(**given), source(**given, one_class="thing")
    assert (held.open().classes, one.open().classes) == (("a", "b"), ("thing",))
    held, one = samples(held), samples(one)
    for before, after in zip(held, one, strict=True):
        assert set(after["labels"]) <= {0}
        for key in ("image", "boxes_xyxy", "ids"):
            np.testing.assert_array_equal(after[key], before[key])
    assert {int(k) for s in held for k in s["labels"]} == {0, 1}


def test_no_object_is_in_two_splits(source):
    found = {}
    for split in ("train", "validation", "test"):
        held = samples(source(films=(8, 4, 4), validation_fraction=0.3, test_fraction=0.3), split)
        found[split] = {int(n) for s in held for n in np.flatnonzero(colored(s["image"]).sum((1, 2)) > 60)}
    assert all(found.values())
    assert not found["train"] & found["validation"]
    assert not found["train"] & found["test"]


def within(image, box):
    x1, y1, x2, y2 = np.round(box).astype(int)
    return colored(image)[:, max(0, y1) : y2, max(0, x1) : x2].sum((1, 2))


def test_pairs_show_one_object_twice_or_not_at_all(source):
    held = samples(source(give="pairs", films=(20, 1, 1), frames=2, objects=(1, 1), speed=(0.3, 0.8), absent=0.4))
    there = [int(s["present"]) for s in held]
    assert 0.3 < np.mean(there) < 0.8
    for sample in held:
        target = within(sample["exemplar"]["image"], sample["exemplar_box"]).argmax()
        search = sample["search"]["image"]
        if sample["present"]:
            inside = within(search, sample["box_xyxy"])[target]
            assert inside == colored(search)[target].sum() > 0  # all of it is in its box
            area = np.prod(sample["box_xyxy"][2:] - sample["box_xyxy"][:2])
            assert inside > 0.05 * area
        x1, y1, x2, y2 = sample["search_box"]
        assert 0 <= (x1 + x2) / 2 <= SIZE[1]
        assert 0 <= (y1 + y2) / 2 <= SIZE[0]


def test_what_is_left_out_of_a_pair_is_nowhere(source):
    for sample in samples(source(give="pairs", films=(12, 1, 1), frames=1, objects=(1, 1), absent=1.0)):
        target = within(sample["exemplar"]["image"], sample["exemplar_box"]).argmax()
        assert not sample["present"]
        assert colored(sample["search"]["image"])[target].sum() == 0


def test_it_is_its_json(source):
    assert from_json(to_json(source(give="pairs"))) == source(give="pairs")
    named = sources["moving"].from_text("cuts.csv,a,b")
    assert (named.path, named.backgrounds) == ("cuts.csv", ("a", "b"))
    with pytest.raises(UsageError, match="write moving:CUTOUTS,BACKGROUNDS, further folders after commas"):
        sources["moving"].from_text("cuts.csv")


WRONG = {
    "films": (0, 1, 1), "frames": 0, "image_size": (8, 100), "objects": (0, 3), "side": (0.5, 0.2), "speed": (2.0, 1.0),
    "exits": 1.5, "twins": -0.1, "occluders": (2, 1), "growth": 2.0, "turn_deg": 200.0, "pan": 2.0, "zoom": -1.0,
    "shake": 0.5, "swing_ev": 9.0, "blur_px": -1.0, "rate": 0.0, "max_occlusion": 1.0, "absent": 2.0, "span_s": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("field", WRONG)
def test_fields_out_of_their_range_are_one_line(source, field):
    with pytest.raises(UsageError, match=rf"moving .*: {field}=.*; allowed: ") as error:
        source(**{field: WRONG[field]}).open()
    assert "\n" not in str(error.value)


def test_missing_folders_and_splits_without_objects_are_said(source, tmp_path):
    with pytest.raises(UsageError, match="backgrounds: .*nowhere"):
        source(films=(1, 1, 1)).__class__(path=source().path, backgrounds=(str(tmp_path / "nowhere"),)).open()
    with pytest.raises(KerasVisionError, match="no square for test"):
        source(test_fraction=0.0).open()
    with pytest.raises(KerasVisionError, match=r"no such folder or \.csv file"):
        dataclasses.replace(source(), path=str(tmp_path / "none")).open()


@pytest.mark.parametrize("side", [147, 281, 294])
def test_a_strip_longer_than_its_photograph_is_cut_within_it(tmp_path, side):
    """80 / 147 * 147 is more than 80 by one bit, which Pillow refuses."""
    assert 80 / side * side > 80
    ramp = np.tile(np.arange(80, dtype=np.uint8)[:, None, None], (1, 80, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    strip = _texture(str(tmp_path / "ramp.png"), (side, 20), (0.3, 0.3))
    assert strip.shape == (side, 20, 4)
    assert strip[0, 0, 0] <= 1 and strip[-1, 0, 0] >= 78
