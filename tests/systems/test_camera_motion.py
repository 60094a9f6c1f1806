"""A camera that jumps between frames of a photograph: what stands still keeps its number, by what the pictures say."""

import numpy as np
import pytest
from skimage import data

from kerasvision.core.errors import UsageError
from kerasvision.systems import _tracks as tracks_of
from kerasvision.systems.base import Session, load_state, save_state
from kerasvision.systems.trackers import tracker_of

WORLD = np.array([[60.0, 80, 76, 100], [150, 120, 166, 140], [240, 60, 256, 80]])  # of the photograph


def frames(count=12):
    """Yields what a step takes: windows of a photograph, up to 20 pixels apart, and three boxes that stand in it."""
    rng = np.random.default_rng(4)
    for number in range(count):
        x, y = rng.integers(0, 21, 2)
        image = data.astronaut()[y : y + 200, x : x + 320]
        yield {
            "time": number / 25,
            "image": image,
            "boxes_xyxy": WORLD - [x, y, x, y],
            "scores": np.full(3, 0.9),
            "labels": np.zeros(3, np.int64),
        }


def ids_of(tracker):
    session = Session(tracker, {})
    return [session.step(held)["ids"].tolist() for held in frames()]


def test_pictures_tell_where_the_camera_went():
    assert ids_of(tracker_of("bytetrack", ["camera=True", "pictures=True"])) == [[1, 2, 3]] * 12
    assert ids_of(tracker_of("bytetrack"))[-1] != [1, 2, 3]  # jumps are wider than boxes


def test_the_picture_before_is_a_part_of_the_state(tmp_path):
    tracker = tracker_of("bytetrack", ["camera=True", "pictures=True"])
    whole, half = Session(tracker, {}), Session(tracker, {})
    held = list(frames())
    wanted = [whole.step(one) for one in held]
    for one in held[:5]:
        half.step(one)
    save_state(tmp_path / "state.npz", tracker, half.state, {})
    other = Session(tracker, {})
    other.state, _ = load_state(tmp_path / "state.npz", tracker)
    for one, answer in zip(held[5:], wanted[5:], strict=True):
        assert {k: v.tobytes() for k, v in other.step(one).items()} == {k: v.tobytes() for k, v in answer.items()}


def test_tracks_turn_with_the_camera():
    """A quarter turn and twice the size: x becomes y, sides and deviations double."""
    noise = tracker_of("sort").noise
    found = {"observed": np.array([[10.0, 4, 6, 8]]), "score": np.ones(1), "label": np.zeros(1, np.int64)}
    tracks = tracks_of.born(found, 0.0, noise)
    tracks["mean"][0, :, 1] = [3.0, 1.0, 0.0, 0.0]
    turned = tracks_of.turned(tracks, np.array([[0.0, -2.0, 5.0], [2.0, 0.0, 7.0]]))
    np.testing.assert_allclose(turned["mean"][0, :, 0], [-3, 27, 12, 16])
    np.testing.assert_allclose(turned["mean"][0, :, 1], [-2, 6, 0, 0])
    np.testing.assert_allclose(turned["observed"][0], [-3, 27, 12, 16])
    np.testing.assert_allclose(turned["boxes"][0, -1], [-3, 27, 12, 16])
    np.testing.assert_allclose(turned["covariance"], 4 * tracks["covariance"])


def test_pictures_that_are_missing_are_said():
    session = Session(tracker_of("bytetrack", ["camera=True", "pictures=True"]), {})
    held = next(frames())
    with pytest.raises(UsageError, match="pictures=True needs the picture of each frame; give a VIDEO"):
        session.step({k: v for k, v in held.items() if k != "image"})
