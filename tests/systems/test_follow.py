"""Following by a model whose answers are known: it moves the box by one pixel of its frame at each step."""

import dataclasses

import numpy as np
import pytest

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.systems.base import Session, load_state, save_state
from kerasvision.systems.follow import Follow, identity_of
from kerasvision.systems.slots import same_identity


@dataclasses.dataclass
class Arch:
    frame_size: tuple = (40, 80)
    registered_name: str = "tracking/drawn"


class Drifting:
    """Remembers the mean of the frame, moves on by (1, 0), and is not sure once it has seen 3 frames."""

    arch = Arch()

    def call(self, name, inputs):
        assert inputs["image"].shape == (1, 40, 80, 3)
        if name == "remember":
            return {"memory": np.float32([[inputs["image"].mean()]]), "box": inputs["box"], "lost": np.zeros((1, 1))}
        assert name == "follow"
        memory = inputs["memory"] * np.float32(0.9) + np.float32(0.1) * np.float32(inputs["image"].mean())
        there = np.float32([inputs["lost"][0, 0] < 3])
        box = inputs["box"] + np.float32([[1, 0, 1, 0]])
        return {"memory": memory, "box": box, "lost": inputs["lost"] + 1, "score": there, "present": there}


def frame(number, size=(80, 80)):
    return np.random.default_rng(number).integers(0, 256, (*size, 3)).astype(np.uint8)


def session():
    return Session(Follow(), {"follower": Drifting()})


def begin(held, box=(10, 20, 30, 40)):
    return held.step({"time": 0.0, "image": frame(0), "box_xyxy": np.array(box)})


def test_boxes_are_in_pixels_of_the_video():
    """80 x 80 becomes 40 x 40 in the middle of 40 x 80: a pixel of the frame is two of the video."""
    held = session()
    first = begin(held)
    assert first["box_xyxy"].tolist() == [10, 20, 30, 40]
    np.testing.assert_allclose(held.state["box"], [[25, 10, 35, 20]])  # half, and 20 to the right
    found = held.step({"time": 0.1, "image": frame(1)})
    np.testing.assert_allclose(found["box_xyxy"], [12, 20, 32, 40], atol=1e-4)
    assert [bool(held.step({"time": t, "image": frame(1)})["present"]) for t in (0.2, 0.3, 0.4)] == [True, True, False]


def test_saved_and_resumed_it_goes_on_to_the_last_bit(tmp_path):
    whole, half = session(), session()
    begin(whole)
    begin(half)
    wanted = [whole.step({"time": t, "image": frame(t)}) for t in range(1, 9)]
    seen = [half.step({"time": t, "image": frame(t)}) for t in range(1, 5)]
    save_state(tmp_path / "state.npz", half.system, half.state, {"next": 5})
    other = session()
    other.state, beside = load_state(tmp_path / "state.npz", other.system)
    assert beside == {"next": 5}
    seen += [other.step({"time": t, "image": frame(t)}) for t in range(5, 9)]
    for a, b in zip(wanted, seen, strict=True):
        assert {k: v.tobytes() for k, v in a.items()} == {k: v.tobytes() for k, v in b.items()}
    assert {k: v.tobytes() for k, v in whole.state.items()} == {k: v.tobytes() for k, v in other.state.items()}


def test_two_videos_do_not_mix():
    alone, one, two = session(), session(), session()
    begin(alone)
    begin(one)
    begin(two, (40, 40, 60, 60))
    for t in range(1, 5):
        wanted = alone.step({"time": t, "image": frame(t)})
        found = one.step({"time": t, "image": frame(t)})
        two.step({"time": t, "image": frame(50 + t)})
        assert wanted["box_xyxy"].tobytes() == found["box_xyxy"].tobytes()


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((10, 10, 10, 20), r"box 10,10,10,20 has no area; give x0,y0,x1,y1 in pixels with x0 < x1 and y0 < y1"),
        ((20, 10, 10, 20), "has no area"),
        ((np.nan, 10, 30, 20), "has no area"),
        ((80, 10, 90, 20), "is outside of a frame of 80 x 80 pixels"),
        ((-9, 10, 0, 20), "is outside of a frame of 80 x 80 pixels"),
    ],
)
def test_bad_boxes_are_one_line(box, words):
    with pytest.raises(KerasVisionError, match=words) as error:
        begin(session(), box)
    assert "\n" not in str(error.value)


def test_a_box_that_only_reaches_beyond_the_frame_is_taken():
    assert bool(begin(session(), (79, -5, 90, 20))["present"])


def test_bad_frames_are_one_line():
    held = session()
    with pytest.raises(UsageError, match="nothing is remembered yet; give the first frame with box_xyxy"):
        held.step({"time": 0.0, "image": frame(0)})
    begin(held)
    with pytest.raises(KerasVisionError, match="a frame of 60 x 80 pixels after frames of 80 x 80; a video"):
        held.step({"time": 1.0, "image": frame(1, (80, 60))})
    with pytest.raises(KerasVisionError, match="a frame of 0 s after one of 0 s; time goes on"):
        held.step({"time": 0.0, "image": frame(1)})
    held.state["memory"] = held.state["memory"] * np.nan
    with pytest.raises(KerasVisionError, match="what the model says at 1 s is not finite"):
        held.step({"time": 1.0, "image": frame(1)})


def test_a_model_that_follows_nothing_is_said():
    class Classifier:
        @dataclasses.dataclass
        class arch:  # noqa: N801
            registered_name = "classification/classifier"

    held = Session(Follow(), {"follower": Classifier()})
    with pytest.raises(UsageError, match=r"\(classification/classifier\) follows nothing; give a run or a file"):
        begin(held)


class Projecting:
    """Remembers products of the frame with a matrix, each off by as much of another one."""

    def __init__(self, off=0.0, size=24, arch=None):
        rng = np.random.default_rng(0)
        own, other = rng.normal(size=(2, 40 * 80 * 3, size))
        self.arch, self._matrix = arch or Arch(), own + off * other

    def call(self, name, inputs):
        held = (inputs["image"].reshape(1, -1) / 255.0 - 0.5) @ self._matrix
        return {"first": np.float32(held), "memory": np.float32(held), "box": inputs["box"]}


def test_a_model_is_known_by_what_it_remembers_and_not_by_its_bytes():
    """Off by t, the mean cosine is about 1 / sqrt(1 + t^2): 0.9 at 0.48. Other shapes and frames are other models."""
    own = identity_of(Projecting())
    for off, is_same in ((0.0, True), (0.01, True), (0.2, True), (1.0, False), (5.0, False)):
        assert same_identity(own, identity_of(Projecting(off))) == is_same, off
    assert not same_identity(own, identity_of(Projecting(size=25)))
    wide = identity_of(Projecting(arch=Arch(frame_size=(80, 40))))
    assert not same_identity(own, wide)
    assert not same_identity("0f" * 32, own)  # of a version that compared bytes
