"""What a tracker said frame by frame, said again once the whole video is known: tracks joined, gaps filled, smoothed.

A track that ends is joined to one that begins later by where both were going, and by what they look like: all pairs are
chosen at once, so that their total gain is the largest (as of tracklets in Huang et al. 2008,
doi:10.1007/978-3-540-88688-4_58). What is between is where the smoother of Rauch, Tung and Striebel expects it
(doi:10.2514/3.3166), which knows what was seen before and after.
"""

import dataclasses
import itertools

import numpy as np

from kerasvision.core.component import Component, plain
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.ops.slots import Noise
from kerasvision.systems import _kalman as kalman
from kerasvision.systems._association import paired, to_center, to_corners
from kerasvision.systems._tracks import side

_LATE_S = 1e-6  # by which times of frames are rounded


@plain("offline")
@dataclasses.dataclass(frozen=True)
class Offline(Component):
    """join_s: seconds at most from the end of a track to the beginning of what it is joined to. gate: standard
    deviations that place and speed of the two may be apart, when one is taken forward and the other back in time.
    Tracks that look alike by `least_likeness` are joined wherever they are, and those by less than `unlike` nowhere.
    across_classes: whether an object may change its label. fill_s: seconds of the longest gap that is filled. smooth:
    whether boxes that were seen are smoothed too.
    """

    join_s: float = 2.0
    gate: float = 3.0
    least_likeness: float = 0.75
    unlike: float = 0.4
    across_classes: bool = False
    fill_s: float = 2.0
    smooth: bool = True

    def __post_init__(self):
        super().__post_init__()
        if not (self.join_s >= 0 and self.fill_s >= 0 and self.gate >= 0):
            seen = f"join_s {self.join_s:g}, fill_s {self.fill_s:g}, gate {self.gate:g}"
            raise UsageError(f"{seen}; allowed: 0 or more")
        if not -1 <= self.unlike <= self.least_likeness <= 1:
            seen = f"unlike {self.unlike:g}, least_likeness {self.least_likeness:g}"
            raise UsageError(f"{seen}; allowed: -1 to 1, the second no less than the first")


@dataclasses.dataclass(frozen=True, eq=False)
class _Track:
    """at: int [n], which frames of the record it was seen in; time [n]; box [n, 4], center, width and height; score
    [n]; label [n]; look: [D], a unit vector, or zeros where nothing is known.
    """

    id: int
    at: np.ndarray
    time: np.ndarray
    box: np.ndarray
    score: np.ndarray
    label: np.ndarray
    look: np.ndarray

    @property
    def unit(self):
        """Pixels: the median of its mean sides."""
        return float(np.median(side(self.box)))


@dataclasses.dataclass(frozen=True, eq=False)
class Revised:
    """frames: [(number, time, answer)] of all frames; an answer has "boxes_xyxy", "ids" (of the earliest track),
    "scores", "labels" and bool "filled" [M], and the score of a filled box is the lesser of those at both ends of its
    gap. joined: how many tracks now belong to an earlier one; filled: how many boxes were not seen. looks: {id: unit
    vector} of those that anything is known of.
    """

    frames: list
    joined: int
    filled: int
    looks: dict


class Record:
    """Final. The answers of a tracker, of one whole video. noise: of the tracker's filter."""

    def __init__(self, noise=None):
        self._noise, self._frames, self._rows = noise or Noise(), [], {}

    def add(self, number, time, answer):
        """One frame, in order. number: of the frame; time: seconds; answer: of `MultiObject`, whose boxes should be
        those of the detections (`smooth=False`), or they are smoothed twice.
        """
        if self._frames and time <= self._frames[-1][1]:
            raise KerasVisionError(
                f"a frame of {time:g} s after one of {self._frames[-1][1]:g} s; time goes on from frame to frame"
            )
        looks = answer.get("looks", np.zeros((len(answer["ids"]), 0)))
        rows = zip(to_center(answer["boxes_xyxy"]), answer["scores"], answer["labels"], looks, strict=True)
        for name, row in zip(answer["ids"].tolist(), rows, strict=True):
            self._rows.setdefault(name, []).append((len(self._frames), *row))
        self._frames.append((number, float(time)))

    def revised(self, settings):
        """What is known at the end, a `Revised`."""
        tracks = [self._track(name, rows) for name, rows in sorted(self._rows.items())]
        chains = joined(tracks, settings, self._noise)
        rows = [[] for _ in self._frames]
        for chain in sorted(chains, key=lambda chain: chain[0].id):
            for part in self._stretches(chain, settings):
                for at, *row in self._followed(part, settings):
                    rows[at].append((chain[0].id, *row))
        answers = [(*frame, _answer(held)) for frame, held in zip(self._frames, rows, strict=True)]
        filled = sum(int(answer["filled"].sum()) for *_, answer in answers)
        looks = {chain[0].id: _look_of([track.look for track in chain], [len(t.at) for t in chain]) for chain in chains}
        known = {name: look for name, look in looks.items() if look.any()}
        return Revised(answers, len(tracks) - len(chains), filled, known)

    def _track(self, name, rows):
        at, box, score, label, looks = zip(*rows, strict=True)
        at = np.array(at)
        time = np.array([self._frames[n][1] for n in at])
        look = _look_of(looks, [1] * len(looks))
        return _Track(name, at, time, np.array(box), np.array(score), np.array(label), look)

    def _stretches(self, chain, settings):
        """[[track, ...]]: parts of a chain that motion joins. Where looks alone did, an object has been anywhere
        meanwhile, so that nothing is filled or smoothed between.
        """
        parts = [[chain[0]]]
        for before, after in itertools.pairwise(chain):
            ends = _end_of(before, self._noise, 1), _end_of(after, self._noise, -1)
            if _apart(*ends, after.time[0] - before.time[-1], before.unit, self._noise) <= settings.gate:
                parts[-1].append(after)
            else:
                parts.append([after])
        return parts

    def _followed(self, chain, settings):
        """Yields (place in the record, box of corners, score, label, whether it was filled) of tracks in a row."""
        at, box, score, label = (
            np.concatenate([getattr(track, key) for track in chain]) for key in ("at", "box", "score", "label")
        )
        first, last = int(at[0]), int(at[-1])
        times = np.array([time for _, time in self._frames[first : last + 1]])
        observed = np.full((len(times), 4), np.nan)
        observed[at - first] = box
        found = kalman.smoothed(observed, times, np.median(side(box)), self._noise)[..., 0]
        row = np.searchsorted(at, np.arange(first, last + 1), side="right") - 1  # the last one seen
        for n in range(len(times)):
            is_seen = not np.isnan(observed[n]).any()
            before = row[n]
            if is_seen:
                here = found[n] if settings.smooth else observed[n]
                yield first + n, here, score[before], label[before], False
            elif times[at[before + 1] - first] - times[at[before] - first] <= settings.fill_s + _LATE_S:
                yield first + n, found[n], min(score[before : before + 2]), label[before], True


def _look_of(looks, weights):
    """The direction of a weighted sum, or zeros; those of no numbers count as nothing."""
    held = [weight * look for look, weight in zip(looks, weights, strict=True) if len(look)]
    total = np.sum(held, axis=0) if held else np.zeros(0)
    length = np.linalg.norm(total)
    return total / length if length else total


def joined(tracks, settings, noise):
    """[[track, ...]]: what is one object, in the order of time."""
    if not tracks:
        return []
    ends, begins = ([_end_of(track, noise, way) for track in tracks] for way in (1, -1))
    gain = np.zeros((len(tracks), len(tracks)))
    allowed = np.zeros(gain.shape, bool)
    for i, earlier in enumerate(tracks):
        for j, later in enumerate(tracks):
            gap = later.time[0] - earlier.time[-1]
            if not 0 < gap <= settings.join_s + _LATE_S:
                continue
            if not settings.across_classes and earlier.label[-1] != later.label[0]:
                continue
            apart = _apart(ends[i], begins[j], gap, earlier.unit, noise)
            is_known = earlier.look.any() and later.look.any()
            likeness = float(earlier.look @ later.look) if is_known else 0.0
            is_near = apart <= settings.gate and (not is_known or likeness >= settings.unlike)
            allowed[i, j] = is_near or (is_known and likeness >= settings.least_likeness)
            gain[i, j] = likeness - min(apart / settings.gate, 1.0) if settings.gate else likeness
    following = dict(zip(*(part.tolist() for part in paired(gain, allowed)), strict=True))
    chains = []
    for first in sorted(set(range(len(tracks))) - set(following.values())):
        chain = [first]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        chains.append([tracks[n] for n in chain])
    return chains


def _end_of(track, noise, way):
    """(mean, covariance) of the filter at the end of a track; way -1: at its beginning, gone back in time."""
    unit, box, time = np.array([track.unit]), track.box[::way], way * track.time[::way]
    state = kalman.started(box[:1], unit, noise)
    for n in range(1, len(box)):
        state = kalman.predicted(*state, unit, time[n] - time[n - 1], noise)
        state = kalman.updated(*state, box[n : n + 1], unit, noise)
    return state


def _apart(end, begin, gap, unit, noise):
    """Standard deviations (Mahalanobis 1936) between the centers and their speeds, of one that is taken forward to when
    the other begins; infinite where one is more than twice as large as the other.
    """
    mean, covariance = kalman.predicted(*end, np.array([unit]), gap, noise)
    back, spread = begin[0] * [1.0, -1.0], begin[1] * [1.0, -1.0, 1.0]  # time runs forward again
    if abs(np.log(side(back[..., 0]) / side(end[0][..., 0]))[0]) > np.log(2):
        return np.inf
    difference = (mean - back)[0, :2]
    total = kalman.as_matrices((covariance + spread)[0, :2])
    return float(np.sqrt((difference * np.linalg.solve(total, difference[..., None])[..., 0]).sum()))


def _answer(rows):
    """rows: [(id, box, score, label, filled)] of one frame, by rising id."""
    ids, boxes, scores, labels, filled = zip(*rows, strict=True) if rows else ((),) * 5
    return {
        "boxes_xyxy": to_corners(np.array(boxes, np.float64).reshape(-1, 4)),
        "ids": np.array(ids, np.int64),
        "scores": np.array(scores, np.float64),
        "labels": np.array(labels, np.int64),
        "filled": np.array(filled, bool),
    }
