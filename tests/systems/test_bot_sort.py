"""BoT-SORT as a setting of the tracker: its costs and its looks by the equations of the paper (arXiv:2206.14651), and a
camera that jumps in front of a photograph.
"""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from kerasvision.core.errors import UsageError
from kerasvision.systems.base import Session
from kerasvision.systems.multi_object import MultiObject
from kerasvision.systems.trackers import tracker_of
from tests.systems.test_appearance import SIZE, UNIT, frame, turned
from tests.systems.test_camera_motion import frames

STILL = tracker_of("botsort", ["appearance=1", "camera=False", "pictures=False"])


def overlap(a, b):
    """IoU of squares of one size, of their upper left corners [N, 2] and [M, 2]."""
    shared = np.prod(np.maximum(SIZE - np.abs(a[:, None] - b[None]), 0), -1)
    return shared / (2 * SIZE**2 - shared)


def test_pairs_are_scipy_s_of_the_papers_costs():
    """Equation 12: half the cosine distance where that is below 0.25 and IoU above 0.5, else 1; equation 13: the lesser
    of it and of 1 - IoU. What costs 0.8 or less may be one.
    """
    rng, changed = np.random.default_rng(0), 0
    for _ in range(40):
        first = 30.0 * np.stack(np.mgrid[:3, :2], -1).reshape(-1, 2) * [0.2, 1.0]  # within 6 px of their neighbors
        second = first + rng.normal(0, 3, (6, 2))
        looks = rng.normal(0, 1, (6, 4))
        again = looks[rng.permutation(6)] + rng.normal(0, 0.1, (6, 4))
        session = Session(STILL, {})
        session.step(frame(0.0, *((*p, v) for p, v in zip(first, looks, strict=True)), scores=[1.0] * 6))
        session.step(frame(1e-3, *((*p, v) for p, v in zip(second, again, strict=True)), scores=[1.0] * 6))
        share, apart = overlap(first, second), cdist(looks, again, "cosine")
        # a look counts where a part of its box is seen that no other box covers
        worth = [(overlap(p, p) - 2 * np.eye(6)).max(1) < 1 for p in (first, second)]
        counts = (apart < 0.25) & (share > 0.5) & worth[0][:, None] & worth[1][None]
        cost = np.minimum(1 - share, np.where(counts, apart / 2, 1.0))
        wanted, plain = assigned(cost), assigned(1 - share)
        changed += wanted != plain
        for row, column in wanted.items():
            observed = session.state["observed"][session.state["id"] == row + 1][0]
            np.testing.assert_allclose(observed[:2], second[column] + SIZE / 2)
    assert changed > 10  # looks decide


def assigned(cost):
    """{row: column} by scipy, of the pairs that cost 0.8 or less, of which each is worth 1 more than the worst."""
    allowed = cost <= 0.8
    gain = np.where(allowed, 1 + cost[allowed].max() - cost, 0.0)
    pairs = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    return {int(row): int(column) for row, column in pairs if allowed[row, column]}


@pytest.mark.parametrize(
    ("shift", "degrees", "by_look"), [(6.5, 41.3, True), (6.8, 41.3, False), (6.5, 41.5, False), (0.5, 0, True)]
)
def test_looks_count_near_by_and_where_alike(shift, degrees, by_look):
    """IoU 0.509 and 0.492 about 0.5; cosines 0.7513 and 0.7490 about 0.75."""
    session = Session(STILL, {})
    session.step(frame(0.0, (0, 0, UNIT[0])))
    other = (0, 3.0, UNIT[2])  # overlaps by 0.74
    answer = session.step(frame(1e-3, (shift, 0, turned(degrees)), other))
    assert answer["ids"].tolist() == [1]
    assert session.state["observed"][session.state["id"] == 1][0, 0] == (SIZE / 2 + shift if by_look else SIZE / 2)


def test_a_look_is_a_running_mean():
    """Equation 11, with 0.9: of unit vectors, and a unit vector."""
    session, mean = Session(STILL, {}), None
    for n, degrees in enumerate((0, 30, 60, 20)):
        look = turned(degrees)
        session.step(frame(n / 30, (0, 0, 3 * look)))
        mean = look if mean is None else 0.9 * mean + 0.1 * look
        mean = mean / np.linalg.norm(mean)
        np.testing.assert_allclose(session.state["looks"][0, -1], mean, atol=1e-12)
    assert session.state["worth"][0].tolist() == [0.0] * 15 + [1.0]
    session.step(frame(0.2, (0, 0, UNIT[1]), scores=[0.5]))  # hardly seen: matched by overlap, and its look is not new
    assert session.state["missed"].tolist() == [0]


def test_the_camera_is_found_in_the_pictures():
    """Three boxes that stand in a photograph, of which windows up to 20 px apart are seen; looks tell nothing."""
    looks = {"embeddings": np.ones((3, 4))}
    ids = {}
    for settings in ((), ("appearance=1",), ("camera=False", "pictures=False")):
        session = Session(tracker_of("botsort", settings), {})
        ids[settings] = [session.step(held | looks)["ids"].tolist() for held in frames()]
    assert ids[()] == ids[("appearance=1",)] == [[1, 2, 3]] * 12
    assert ids[("camera=False", "pictures=False")][-1] != [1, 2, 3]


def test_wrong_fields_are_one_line():
    for fields in ({"momentum": 1.0}, {"momentum": -0.1}, {"least_near": 1.5}):
        with pytest.raises(UsageError, match=r"momentum .*, least_near .*; allowed: 0 or more and below 1, 0 to 1"):
            MultiObject(**fields)
    with pytest.raises(UsageError, match="fusion"):
        MultiObject(fusion="product")
    with pytest.raises(UsageError, match="pictures=True needs the picture of each frame; give a VIDEO"):
        Session(tracker_of("botsort"), {}).step({"time": 0.0, "boxes_xyxy": [[0, 0, 9, 9]], "scores": [0.9]})
