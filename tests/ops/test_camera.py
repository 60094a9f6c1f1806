"""How a camera moved, of photographs that Pillow moved by a known similarity."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from kerasvision.ops.camera import STAY, gray_of, in_pixels, motion, moved, similarity

SIZE = (200, 280)


def view(turn_deg=0.0, scale=1.0, shift=(0.0, 0.0)):
    """(uint8 [200, 280, 3] out of a photograph, its similarity from pixels of the photograph)."""
    angle = np.deg2rad(turn_deg)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([256.0, 256.0])
    offset = np.array([140, 100]) + shift - turn @ middle
    back = np.linalg.inv(turn)
    # Pillow counts from pixels' corners, we from their centers
    inverse = np.concatenate([back, (back @ (-offset - 0.5 + turn @ [0.5, 0.5]) + 0.0)[:, None]], 1)
    image = Image.fromarray(data.astronaut()).transform(
        SIZE[::-1], Image.Transform.AFFINE, inverse.ravel().tolist(), Image.Resampling.BICUBIC
    )
    return np.asarray(image), np.concatenate([turn, offset[:, None]], 1)


def between(first, second):
    """The similarity from the pixels of one view to those of another."""
    whole = [np.vstack([s, [0, 0, 1]]) for s in (first, second)]
    return (whole[1] @ np.linalg.inv(whole[0]))[:2]


GRID = np.stack(np.meshgrid(np.linspace(20, 260, 5), np.linspace(20, 180, 5)), -1).reshape(-1, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"shift": (0.0, 0.0)},
        {"shift": (9.5, -4.25)},
        {"turn_deg": 3.0, "shift": (5.0, 3.0)},
        {"scale": 1.05, "shift": (-6.0, 2.0)},
        {"turn_deg": -2.0, "scale": 0.97, "shift": (3.0, -7.0)},
    ],
)
def test_a_known_movement_is_found(change):
    (before, a), (after, b) = view(), view(**change)
    found = motion(gray_of(before)[0], gray_of(after)[0])
    np.testing.assert_allclose(moved(found, GRID), moved(between(a, b), GRID), atol=0.5)


def test_what_moves_by_itself_is_outvoted_or_left_out():
    (before, a), (after, b) = view(), view(shift=(6.0, 2.0))
    before, after = before.copy(), after.copy()
    look = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    before[60:120, 60:140], after[75:135, 45:125] = look, look
    for apart in ((), [[60, 60, 140, 120]]):
        found = motion(gray_of(before)[0], gray_of(after)[0], apart)
        np.testing.assert_allclose(moved(found, GRID), moved(between(a, b), GRID), atol=0.5)


def test_where_nothing_can_be_seen_the_camera_is_taken_to_stay():
    flat = np.full(SIZE, 90, np.float32)
    np.testing.assert_array_equal(motion(flat, flat), STAY)
    noise = [np.random.default_rng(s).uniform(0, 255, SIZE).astype(np.float32) for s in (0, 1)]
    np.testing.assert_array_equal(motion(*noise), STAY)  # a cut to another scene
    whole = [[0, 0, 280, 200]]
    np.testing.assert_array_equal(motion(gray_of(view()[0])[0], gray_of(view(shift=(5, 5))[0])[0], whole), STAY)


def test_a_similarity_through_points_is_exact():
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 100, (12, 2))
    wanted = np.array([[0.9, -0.2, 5.0], [0.2, 0.9, -3.0]])
    np.testing.assert_allclose(similarity(points, moved(wanted, points)), wanted, atol=1e-9)


def test_a_large_picture_is_looked_at_small_and_answered_in_its_own_pixels():
    image = np.random.default_rng(0).integers(0, 256, (480, 1280, 3)).astype(np.uint8)
    gray, step = gray_of(image)
    assert (gray.shape, step) == ((120, 320), 4)
    similar = np.array([[0.98, -0.1, 3.0], [0.1, 0.98, -2.0]])
    points = np.array([[10.0, 20.0], [200.0, 60.0]])  # centers of blocks: 4 x + 1.5 in the picture's own pixels
    np.testing.assert_allclose(moved(in_pixels(similar, 4), 4 * points + 1.5), 4 * moved(similar, points) + 1.5)
