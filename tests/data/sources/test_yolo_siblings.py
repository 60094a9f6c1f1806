"""Formats that share YOLO's label files, and lines of a few files that are unlike the others."""

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.registry import sources
from kerasvision.data.inspect.check import check
from kerasvision.data.inspect.findings import FINDINGS

W, H = 24, 20  # of `noise`
COUNT = 10


@pytest.fixture
def labeled(tmp_path, noise):
    """labeled(lines, yaml): an image and a label file for each list of lines."""

    def write(files, yaml="", names="[cat, dog]"):
        for kind in ("images", "labels"):
            (tmp_path / kind).mkdir(exist_ok=True)
        for i, lines in enumerate(files):
            noise(i).save(tmp_path / "images" / f"{i}.png")
            (tmp_path / "labels" / f"{i}.txt").write_text("".join(f"{line}\n" for line in lines))
        (tmp_path / "data.yaml").write_text(f"train: images\n{yaml}\nnames: {names}\n")
        return tmp_path

    return write


def opened(path, **fields):
    return sources["yolo"](path=str(path), **({"validation_fraction": 0.0, "test_fraction": 0.0} | fields)).open()


def boxes(found):
    return np.concatenate([found.splits["train"].read(r)["boxes_xyxy"] for r in found.splits["train"].records])


def refusal(path, **fields):
    with pytest.raises(KerasVisionError) as error:
        opened(path, **fields)
    assert "\n" not in str(error.value)
    return str(error.value)


def numbers(*values):
    return " ".join(f"{v:.6g}" for v in values)


def pose(i, keypoints, size, seen=2):
    """A box of a quarter of the sides around (0.3 + 0.04 i, 0.5), and points within it."""
    rng = np.random.default_rng(i)
    cx, cy = 0.3 + 0.04 * i, 0.5
    points = np.column_stack([rng.uniform(-0.1, 0.1, (keypoints, 2)) + [cx, cy], np.full(keypoints, seen)])
    return numbers(0, cx, cy, 0.25, 0.25, *points[:, :size].ravel())


def pose_boxes():
    cx = 0.3 + 0.04 * np.arange(COUNT)
    return np.stack([(cx - 0.125) * W, np.full(COUNT, 0.375 * H), (cx + 0.125) * W, np.full(COUNT, 0.625 * H)], 1)


@pytest.mark.parametrize(("keypoints", "size"), [(4, 3), (3, 3), (3, 2), (17, 3), (1, 2), (2, 2)])
def test_boxes_of_keypoints_are_the_boxes(labeled, keypoints, size):
    place = labeled([[pose(i, keypoints, size)] for i in range(COUNT)], f"kpt_shape: [{keypoints}, {size}]")
    found = opened(place)
    np.testing.assert_allclose(boxes(found), pose_boxes(), rtol=1e-4)
    assert found.dropped == ("keypoints: 10 lines in 10 label files, such as labels/0.txt",)
    assert "no segmentation; masks=True needs one" in refusal(place, masks=True)


@pytest.mark.parametrize(("keypoints", "size", "seen"), [(4, 3, 2), (4, 3, 1), (3, 3, 2), (3, 2, 2), (5, 2, 2)])
def test_keypoints_that_nobody_has_named_are_not_taken_for_polygons(labeled, keypoints, size, seen):
    place = labeled([[pose(i, keypoints, size, seen)] for i in range(COUNT)])
    assert f"kpt_shape: [{keypoints}, {size}]" in refusal(place)
    np.testing.assert_allclose(boxes(opened(place, lines="keypoints")), pose_boxes(), rtol=1e-4)


def test_keypoints_beyond_their_box_are_keypoints(labeled):
    line = "0 0.3 0.3 0.1 0.1 " + " ".join(f"{x} 0.7 1" for x in (0.6, 0.7, 0.8, 0.9))
    assert "kpt_shape: [4, 3]" in refusal(labeled([[line]]))


def test_one_file_of_keypoints_among_polygons_is_named(labeled):
    files = [[polygon(i, 5)] for i in range(COUNT)]
    files[7] = [pose(7, 4, 3, 1)]
    assert "1 of 10 long lines look like boxes with keypoints (x y visible), in labels/7.txt" in refusal(labeled(files))


def test_numbers_that_do_not_fit_kpt_shape(labeled):
    place = labeled([[pose(i, 4, 3)] for i in range(COUNT)], "kpt_shape: [17, 3]")
    assert "labels/0.txt, line 1: 17 numbers; allowed: 5 or 56, as kpt_shape [17, 3] in data.yaml says" in refusal(
        place
    )
    for shape in ("[17]", "[0, 3]", "[17, 4]", "many", "[a, b]"):
        assert "kpt_shape is" in refusal(labeled([["0 0.5 0.5 0.2 0.2"]], f"kpt_shape: {shape}"))


def polygon(i, points):
    """A regular polygon around places all over the image."""
    rng = np.random.default_rng(i)
    angles = 2 * np.pi * (np.arange(points) + rng.uniform()) / points
    center = [0.15 + 0.075 * i, 0.85 - 0.075 * i]
    return numbers(1, *(0.1 * np.column_stack([np.cos(angles), np.sin(angles)]) + center).ravel())


@pytest.mark.parametrize("points", [3, 4, 5, 8])
def test_polygons_of_equally_many_points_stay_polygons(labeled, points):
    found = opened(labeled([[polygon(i, points)] for i in range(COUNT)]), masks=True)
    for i, box in enumerate(boxes(found)):
        xy = np.array(polygon(i, points).split()[1:], float).reshape(-1, 2) * [W, H]
        np.testing.assert_allclose(box, [*xy.min(0), *xy.max(0)], rtol=1e-4)


def test_polygons_in_one_quarter_are_asked_about(labeled):
    """Small polygons near the middle would all do as boxes with keypoints inside."""
    small = [numbers(0, *(np.array([0, 0, 0.05, 0, 0.06, 0.05, 0.02, 0.07, -0.01, 0.04]) + 0.4)) for _ in range(COUNT)]
    place = labeled([[line] for line in small])
    assert "kpt_shape: [3, 2]" in refusal(place) and "lines='polygons'" in refusal(place)
    assert boxes(opened(place, lines="polygons")).shape == (COUNT, 4)


def test_turned_boxes_give_the_box_around_them(labeled):
    """A square of side s, turned by 45 degrees, has a hull of side s * sqrt(2)."""
    lines = []
    for i in range(COUNT):
        cx, r = 0.2 + 0.06 * i, 0.1
        lines.append([numbers(0, cx - r, 0.5, cx, 0.5 - r, cx + r, 0.5, cx, 0.5 + r)])
    found = opened(labeled(lines))
    cx = 0.2 + 0.06 * np.arange(COUNT)
    wanted = np.stack([(cx - 0.1) * W, np.full(COUNT, 0.4 * H), (cx + 0.1) * W, np.full(COUNT, 0.6 * H)], 1)
    np.testing.assert_allclose(boxes(found), wanted, rtol=1e-4)
    assert found.dropped == ("oriented: 10 label files, such as labels/0.txt",)


def test_upright_corners_lose_nothing(labeled):
    found = opened(labeled([[numbers(0, 0.1, 0.2, 0.3, 0.2, 0.3, 0.5, 0.1, 0.5)] for _ in range(COUNT)]))
    np.testing.assert_allclose(boxes(found), np.tile([0.1 * W, 0.2 * H, 0.3 * W, 0.5 * H], (COUNT, 1)), rtol=1e-4)
    assert found.dropped == ()


@pytest.mark.parametrize("tail", ["0.93", "17"])
def test_a_confidence_or_a_track_is_refused(labeled, tail):
    assert "is the last a confidence or a track?" in refusal(labeled([[f"0 0.5 0.5 0.25 0.5 {tail}"]]))


def test_pixels_in_all_files_are_refused_also_by_data_check(labeled):
    place = labeled([[f"0 {10 + i} 12 6 8"] for i in range(COUNT)])
    line = "10 of 10 lines hold values above 1, in 10 label files: labels/0.txt (10), labels/1.txt (11)"
    assert line in refusal(place) and line in refusal(place, skip_bad_boxes=True)
    with pytest.raises(KerasVisionError, match="Are they pixels"):
        check(sources["yolo"](path=str(place)))


def test_pixels_in_one_file_are_named(labeled):
    files = [["0 0.5 0.5 0.25 0.5"] for _ in range(COUNT)]
    files[3] = ["0 10 12 6 8"]
    place = labeled(files)
    odd = "3.png (box 1 has 10, and parts of a side are 0 to 1: pixels?)"
    assert odd in refusal(place)
    assert opened(place, skip_bad_boxes=True).dropped == (f"boxes: {odd}",)


@pytest.mark.parametrize(("value", "is_refused"), [(1.000001, False), (1.0099, False), (1.0101, True)])
def test_rounding_is_no_pixel(labeled, value, is_refused):
    """Ultralytics' rule: from 1.01 on a value is no part of a side."""
    files = [["0 0.5 0.5 0.25 0.5"] for _ in range(COUNT)]
    files[0] = [f"0 0.5 0.5 {value} 0.5"]
    place = labeled(files)
    if is_refused:
        assert f"has {value:g}" in refusal(place)
    else:
        np.testing.assert_allclose(boxes(opened(place))[0], [0, 0.25 * H, W, 0.75 * H], rtol=1e-6)


def corners(i):
    """Two corners all over the image, that of a box of a fifth of the sides."""
    x, y = 0.05 + 0.07 * i, 0.7 - 0.07 * i
    return x, y, x + 0.2, y + 0.2


def test_two_corners_are_not_taken_for_a_center_and_a_size(labeled):
    place = labeled([[numbers(0, *corners(i))] for i in range(COUNT)])
    assert "the 10 lines would be boxes as class x1 y1 x2 y2" in refusal(place)
    wanted = np.array([corners(i) for i in range(COUNT)]) * [W, H, W, H]
    np.testing.assert_allclose(boxes(opened(place, lines="corners")), wanted, rtol=1e-4)
    assert len(boxes(opened(place, lines="boxes"))) == COUNT


def test_one_odd_line_decides_for_no_other(labeled):
    """One box that cannot be two corners among thirty, and one polygon of another length among keypoints."""
    lines = [numbers(0, *corners(i % COUNT)) for i in range(30)]
    assert "x1 y1 x2 y2" in refusal(labeled([[*lines, "0 0.5 0.5 0.2 0.2"]]))
    lines = [pose(i % COUNT, 3, 2) for i in range(30)]
    assert "kpt_shape: [3, 2]" in refusal(labeled([[*lines, polygon(3, 7)]]))


def test_two_corners_that_would_do_as_boxes_are_said(labeled):
    place = labeled([[numbers(0, 0.2 + 0.01 * i, 0.25, 0.35, 0.4)] for i in range(COUNT)])
    assert opened(place).dropped[0].startswith("corners: the 10 lines would be boxes as class x1 y1 x2 y2 too")


def test_large_objects_in_the_middle_are_nothing_odd(labeled):
    place = labeled([[numbers(0, 0.48 + 0.004 * i, 0.5, 0.8, 0.9)] for i in range(COUNT)])
    assert opened(place).dropped == ()


def test_classes_as_floats_tabs_and_empty_lines(labeled):
    found = opened(labeled([["", "1.0\t0.5\t0.5\t0.25\t0.5", "  ", "0  0.25 0.25 0.1 0.1 "]]))
    assert found.splits["train"].read(next(iter(found.splits["train"].records)))["labels"].numpy().tolist() == [1, 0]


def test_data_check_prints_what_the_source_says(labeled, noise):
    files = [[numbers(0, 0.2 + 0.01 * i, 0.25, 0.35, 0.4)] for i in range(COUNT)]
    place = labeled(files, "path: gone", "[cat, Cat]")
    noise(77).save(place / "images" / "0.jpg")
    (place / "labels" / "more.txt").write_text("")
    source = sources["yolo"](path=str(place), validation_fraction=0.0, test_fraction=0.0)
    said = [line.partition(": ") for line in source.open().dropped]
    found = {f["kind"]: f["examples"] for f in check(source)["findings"]}
    assert [kind for kind, _, _ in said] == ["elsewhere", "corners", "unlisted", "shared"]
    for kind, _, text in said:
        assert found[kind] == [text]


def test_every_finding_has_its_words():
    kinds = "keypoints oriented mixed corners elsewhere unlisted shared alike empty hulls filename zero_based shapes"
    assert set(kinds.split()) <= set(FINDINGS)
