"""HOTA of our settings by simulated boxes, and of those of `trackers` (with `supervision`) where it is installed."""

import numpy as np
import pytest

from kerasvision.metrics.tracking import Tracking
from kerasvision.systems.base import Session
from kerasvision.systems.simulated import KINDS, frames_of, seen_boxes
from kerasvision.systems.trackers import SETTINGS, tracker_of

pytestmark = pytest.mark.benchmark
SEEDS = range(3)


def ours(name):
    session = Session(tracker_of(name, ["pictures=False"]), {})
    return session.step


def with_looks(name):
    """The same with simulated embeddings beside the boxes, which `trackers` do not take."""
    session = Session(tracker_of(name, ["appearance=1", "pictures=False"]), {})
    return session.step


def theirs(name):
    supervision, trackers = pytest.importorskip("supervision"), pytest.importorskip("trackers")
    tracker = getattr(trackers, name)()

    def step(frame):
        found = supervision.Detections(
            xyxy=np.float32(frame["boxes_xyxy"]),
            confidence=np.float32(frame["scores"]),
            class_id=np.zeros(len(frame["scores"]), int),
        )
        found = tracker.update(found)
        ids = np.asarray(found.tracker_id if found.tracker_id is not None else [], int)
        return {"ids": ids, "boxes_xyxy": np.float64(found.xyxy).reshape(-1, 4)}

    return step


@pytest.mark.parametrize(
    ("make", "name"),
    [(ours, name) for name in SETTINGS]
    + [(with_looks, name) for name in ("bytetrack", "botsort", "kerasvision")]
    + [(theirs, f"{name}Tracker") for name in ("SORT", "ByteTrack", "OCSORT")],
)
def test_identities_are_kept(make, name):
    row = []
    for kind in KINDS:
        judge = Tracking()
        for seed in SEEDS:
            step = make(name)
            for frame, true in frames_of(kind, seed, looks=make is with_looks):
                seen_boxes(judge, step(frame), true, seed)
        figures = judge.result()
        row.append(f"{kind} {figures['HOTA']:.3f} ({figures['switches']:.0f} switches)")
        assert figures["DetA"] > 0.5 or kind == "shaken"
    print(f"\n{name}{' by looks' if make is with_looks else ''}: {', '.join(row)}")
