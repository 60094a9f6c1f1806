"""Boxes and masks go where drawn pixels go, and what is covered is as large as it is said to be."""

import numpy as np
import pytest
from skimage.transform import AffineTransform, warp

from kerasvision.core.errors import UsageError
from kerasvision.robustness.corruptions.base import SEVERITIES, listed
from kerasvision.robustness.corruptions.geometry import homography
from kerasvision.robustness.moving import check_moves, moved

MOVING = [name for name, held in listed().items() if held.moves and held.wants != "size"]
SHRINKING = [name for name, held in listed().items() if held.wants == "size"]


def scene():
    """(image uint8 [90, 120, 3], two boxes, a mask of 0, 1, 2): a white and a red rectangle on black."""
    image, mask, boxes = np.zeros((90, 120, 3), np.uint8), np.zeros((90, 120), np.uint8), []
    for number, (color, (left, top, right, bottom)) in enumerate(
        (((255, 255, 255), (40, 30, 60, 50)), ((255, 0, 0), (64, 34, 84, 60)))
    ):
        image[top:bottom, left:right], mask[top:bottom, left:right] = color, number + 1
        boxes.append((left, top, right, bottom))
    return image, np.array(boxes, np.float32), mask


def seen(image, channel):
    """The box around what is seen of the white (channel 2) or, where red alone is bright, the red rectangle."""
    shown = image[..., 2] > 127 if channel == 2 else (image[..., 0] > 127) & (image[..., 2] <= 127)
    rows, columns = np.where(shown)
    return np.array((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_boxes_and_masks_go_where_the_pixels_go(name, severity):
    image, boxes, mask = scene()
    made, places = listed()[name].corrupt(image, severity, np.random.default_rng(severity))
    truth = {"boxes_xyxy": boxes, "labels": np.array((4, 7)), "is_crowd": np.array((False, True))}
    found = moved(truth | {"area_px": np.ones(2)}, places)
    assert found["labels"].tolist() == [4, 7] and found["is_crowd"].tolist() == [False, True]
    assert found["boxes_xyxy"].dtype == np.float32 and "area_px" not in found
    for box, channel in zip(found["boxes_xyxy"], (2, 0), strict=True):
        np.testing.assert_allclose(box, seen(made, channel), atol=1.01)
    shown = moved({"mask": mask}, places)["mask"]
    white = made[..., 2] > 127
    assert ((shown == 1) != white).mean() < 0.004
    by_mask = moved(truth | {"instance_masks": np.stack([mask == 1, mask == 2])}, places)
    np.testing.assert_array_equal(by_mask["instance_masks"][0], shown == 1)


def test_a_turn_is_that_of_another_library():
    image, places = listed()["rotation"].corrupt(scene()[0], 5, np.random.default_rng(0))
    turns = []
    for degrees in (30, -30):
        middle = np.array((119, 89)) / 2
        turn = (
            AffineTransform(translation=-middle)
            + AffineTransform(rotation=np.deg2rad(degrees))
            + AffineTransform(translation=middle)
        )
        turns.append(np.abs(255 * warp(scene()[0] / 255, turn, order=1) - image).max())
    assert min(turns) < 1.5 < max(turns)


def test_four_points_go_to_four_others():
    start, end = np.array(((0, 0), (0, 9), (7, 9), (8, 1.0))), np.array(((1, 2), (0, 8), (9, 9), (7, 0.5)))
    found = np.c_[start, np.ones(4)] @ homography(start, end).T
    np.testing.assert_allclose(found[:, :2] / found[:, 2:], end, atol=1e-9)


def test_what_leaves_the_image_is_no_object_and_what_enters_is_not_annotated():
    _, boxes, mask = scene()
    places = np.stack(np.meshgrid(np.arange(90) + 45.0, np.arange(120), indexing="ij"), -1)
    found = moved({"boxes_xyxy": boxes, "labels": np.array((4, 7)), "mask": mask}, places)
    assert found["boxes_xyxy"].tolist() == [[40, 0, 60, 5], [64, 0, 84, 15]]
    assert (found["mask"][45:] == 255).all() and (found["mask"][:45] == mask[45:]).all()
    gone = moved({"boxes_xyxy": boxes, "labels": np.array((4, 7))}, places + (30, 0))
    assert gone["boxes_xyxy"].shape == (0, 4) and gone["labels"].tolist() == []
    none = moved({"boxes_xyxy": np.zeros((0, 4), np.float32), "labels": np.zeros(0, int)}, places)
    assert none["boxes_xyxy"].shape == (0, 4)


@pytest.mark.parametrize("name", SHRINKING)
def test_clients_shrink_to_what_covers_the_graph(name):
    image, boxes, _ = scene()
    made, places = listed()[name].corrupt(image, 1, np.random.default_rng(0), (45, 45))
    assert made.shape == (45, 60, 3)
    np.testing.assert_allclose(
        moved({"boxes_xyxy": boxes, "labels": np.array((4, 7))}, places)["boxes_xyxy"], boxes / 2
    )
    np.testing.assert_array_equal(made[17:23, 22:28], 255)
    same, _ = listed()[name].corrupt(image, 1, np.random.default_rng(0), (300, 300))
    assert same is image


@pytest.mark.parametrize(
    ("name", "shares"), [("occlusion", (0.05, 0.1, 0.2, 0.3, 0.4)), ("missing_patches", (0.1, 0.2, 0.3, 0.45, 0.6))]
)
def test_as_much_is_covered_as_is_said(name, shares):
    image = np.full((160, 240, 3), 200, np.uint8)
    for severity, share in zip(SEVERITIES, shares, strict=True):
        for seed in range(3):
            made = listed()[name](image, severity, np.random.default_rng(seed))
            assert (made != image).all(-1).mean() == pytest.approx(share, abs=0.01)
            assert set(np.unique(made)) == {200, {"occlusion": 128, "missing_patches": 0}[name]}


def test_a_piece_of_another_picture_covers_an_ellipse():
    image, other = np.full((160, 240, 3), 200, np.uint8), np.full((7, 9, 3), 30, np.uint8)
    made = listed()["objects"](image, 5, np.random.default_rng(1), other)
    assert (made == 30).all(-1).mean() == pytest.approx(0.4 * np.pi / 4, abs=0.01) and set(np.unique(made)) == {30, 200}


def test_light_is_halved_by_a_stop():
    image = np.full((8, 8, 3), 200, np.uint8)
    for severity in (2, 4):
        made = listed()["underexposure"](image, severity, np.random.default_rng(0))
        assert made[0, 0, 0] == pytest.approx(200 * 2 ** (-severity / 2 / 2.2), abs=0.5)
    dark = listed()["shadow"](image, 5, np.random.default_rng(0))
    assert {int(dark.min()), int(dark.max())} == {round(200 * 0.1 ** (1 / 2.2)), 200}


def test_what_cannot_go_along_is_named():
    class Architecture:
        registered_name = "generation/inpainting"

    with pytest.raises(UsageError, match="generation/inpainting: whole cannot go along with pixels that move"):
        check_moves(Architecture, ("whole", "label"))
    check_moves(Architecture, ("mask", "label"))
