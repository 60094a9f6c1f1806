"""A detector and a tracker as one system: any model with boxes, the same answers however videos are mixed."""

import numpy as np
import pytest

from kerasvision.api import Model, ServedRunner
from kerasvision.core.errors import UsageError
from kerasvision.inference.served import Served
from kerasvision.systems.base import Session
from kerasvision.systems.multi_object import Detected, MultiObject
from tests.contract.cases import CASES

ALL = MultiObject(low_score=0.0, high_score=0.0, birth_score=0.0, confirm=1)


def test_a_detector_of_this_library_is_followed_the_same_however_videos_are_mixed():
    """Untrained, so that its boxes are many and near to no decision; the last bit of each counts."""
    arch = CASES["detection/ssd"].make()
    model = Model(arch, ("a",) * arch.num_classes, ServedRunner(Served(arch, arch.build(), ("a",) * arch.num_classes)))
    system, rng = Detected(ALL), np.random.default_rng(0)
    videos = rng.integers(0, 256, (2, 6, 50, 70, 3), np.uint8)
    whole = []
    for video in videos:
        session = Session(system, {"detector": model})
        whole.append([session.step({"image": f, "time": n / 10}) for n, f in enumerate(video)])
        by_hand, found = Session(ALL, {}), [model({"image": f[None]}) for f in video]
        for n, boxes in enumerate(found):
            count = boxes["count"][0]
            held = {key: boxes[key][0, :count] for key in ("boxes_xyxy", "scores", "labels")}
            expected = by_hand.step(held | {"time": n / 10})
            assert all(np.array_equal(expected[k], whole[-1][n][k]) for k in expected)
    assert sum(len(a["ids"]) for a in whole[0]) > 20
    sessions = [Session(system, {"detector": model}) for _ in videos]
    for n in range(6):
        for video, session, answers in zip(videos, sessions, whole, strict=True):
            answer = session.step({"image": video[n], "time": n / 10})
            assert all(np.array_equal(answer[k], answers[n][k]) for k in answer)


def test_a_model_without_boxes_is_one_line():
    session = Session(Detected(), {"detector": lambda inputs: {"probabilities": np.ones((1, 3))}})
    with pytest.raises(UsageError, match="the model answers probabilities; following needs a detector, with boxes"):
        session.step({"image": np.zeros((4, 4, 3), np.uint8), "time": 0.0})
