"""How well tracks and detections go together: what the stages of a multi-object tracker compare.

Each takes (tracker, tracks, detections), where tracker has the settings of `multi_object.MultiObject`, and gives
(float64 [N, M], the more, the better; bool [N, M], whether a track may be what was detected at all).
"""

import numpy as np

from kerasvision.ops.overlaps import overlaps
from kerasvision.systems import _looks as looks_of
from kerasvision.systems import _tracks as tracks_of
from kerasvision.systems._association import to_corners, turns
from kerasvision.systems._kalman import distances


def by_motion(tracker, own, found):
    """By where tracks are expected, where they go, and what they look like."""
    share = overlaps(to_corners(own["mean"][..., 0]), to_corners(found["observed"]), tracker.overlap)
    value = share * found["score"] if tracker.weigh_by_score else share
    allowed = value >= tracker.least_overlap
    if tracker.direction_weight:
        straight = turns(*tracks_of.direction(own, tracker.lookback_s), found["observed"][:, :2])
        value = value + tracker.direction_weight * straight * found["score"]
    return _with_looks(tracker, own, found, share, value, allowed)


def by_last_place(tracker, own, found):
    """By where tracks were last seen, and what they look like."""
    share = overlaps(to_corners(own["observed"]), to_corners(found["observed"]), tracker.overlap)
    return _with_looks(tracker, own, found, share, share, share >= tracker.least_overlap)


def by_overlap_low(tracker, own, found):
    """By overlap alone, of detections with little score."""
    return _by_overlap(tracker, own, found, tracker.least_overlap_low)


def by_overlap_new(tracker, own, found):
    """By overlap alone, of tracks that are not confirmed."""
    return _by_overlap(tracker, own, found, tracker.least_overlap_new)


def by_look(tracker, own, found):
    """By what tracks look like alone, from anywhere."""
    cosines, known = looks_of.likeness(own, found, tracker.look_quality)
    return cosines, known & (cosines >= tracker.least_likeness)


def by_distance(tracker, own, found):
    """By how far lost tracks are from where they may be by now."""
    unit = tracks_of.side(own["observed"])
    apart = distances(own["mean"], own["covariance"], found["observed"], unit, tracker.noise)
    ratio = np.log(tracks_of.side(found["observed"])[None] / unit[:, None])
    allowed = (apart <= tracker.return_gate) & (np.abs(ratio) <= np.log(2))
    if tracker.appearance:
        allowed = allowed & _may_be(own, *looks_of.likeness(own, found, tracker.look_quality), tracker.unlike)
    return -apart, allowed


def _by_overlap(tracker, own, found, least):
    value = overlaps(to_corners(own["mean"][..., 0]), to_corners(found["observed"]), tracker.overlap)
    return value, value >= least


def _with_looks(tracker, own, found, share, value, allowed):
    """share: [N, M] overlaps, as they are; value: what the looks are to be seen beside."""
    if not tracker.appearance:
        return value, allowed
    cosines, known = looks_of.likeness(own, found, tracker.look_quality)
    may_be = _may_be(own, cosines, known, tracker.unlike)
    if tracker.fusion == "sum":
        return value + tracker.appearance * cosines, allowed & may_be
    counts = known & (cosines >= tracker.least_likeness) & (share >= tracker.least_near)
    return np.where(counts, np.maximum(value, (1 + cosines) / 2), value), (allowed | counts) & may_be


def _may_be(own, cosines, known, unlike):
    """Not what looks like another; a track that was seen in the frame before is never refused."""
    return ~known | (cosines >= unlike) | (own["missed"] == 0)[:, None]
