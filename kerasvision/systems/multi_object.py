"""Many objects followed by detection: boxes of every frame in, the same boxes with identities out.

SORT (Bewley et al. 2016, arXiv:1602.00763), ByteTrack (Zhang et al. 2022, arXiv:2110.06864) and OC-SORT (Cao et al.
2023, arXiv:2203.14360) and BoT-SORT (Aharon et al. 2022, arXiv:2206.14651) are settings of one tracker (`trackers`).
Time is in seconds, so frames may be missing or come at any rate.
"""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import systems
from kerasvision.metrics.tracking import Tracking
from kerasvision.ops import camera
from kerasvision.ops.slots import Noise
from kerasvision.systems import _gains as gains
from kerasvision.systems import _looks as looks_of
from kerasvision.systems import _tracks as tracks_of
from kerasvision.systems._association import common_shift, paired, to_corners
from kerasvision.systems._detections import read_boxes
from kerasvision.systems.base import System

_LATE_S = 1e-6  # by which times of frames are rounded
_CORE, _PARTS = ("observed", "score", "label"), ("boxes_xyxy", "scores", "labels")


@systems.register("multi_object")
@dataclasses.dataclass(frozen=True)
class MultiObject(System):
    """Final. `step` takes {"time": seconds, "boxes_xyxy" [N, 4] pixels, "scores" [N], perhaps "labels" int [N]} and
    answers {"boxes_xyxy" float64 [M, 4], "ids" int64 [M], from 1, "scores" [M], "labels" [M]} of the objects that are
    seen, by rising id; by appearance also "looks" [M, D], the unit vector that stands for each, zeros of one without
    a good look. Boxes without an area are left out. Raises KerasVisionError where time does not go on, or a number is
    not finite.

    high_score: detections from here on are matched first, and those from low_score on with what is left of the tracks
    (second_stage, ByteTrack); birth_score: from where a detection that no track explains begins one, which is reported
    once it was seen `confirm` times in a row. overlap: what is compared; least_overlap, least_overlap_low and
    least_overlap_new: from where two boxes may be one object, in the two stages and for tracks that are not confirmed.
    weigh_by_score: multiplies the first with the score. direction_weight: of going straight on, from where a track was
    `lookback_s` before. recover: whether tracks are also looked for where they were last seen; reupdate: whether one
    that comes back is filtered anew over its gap (OC-SORT). return_gate: how many standard deviations from where it is
    expected a lost track may come back without an overlap; 0: never. keep_s: seconds until a lost one is forgotten.
    appearance: weight of what objects look like beside the overlap, the cosine of "embeddings" [N, D], which `step`
    then takes too, to the mean of a track's last looks; 0: none. A lost track comes back from anywhere for `remember_s`
    seconds where it looks alike by `least_likeness`, and nowhere where by less than `unlike`. look_quality: of a look
    that counts, the score times the share of the box that no other box covers. fusion: `sum` adds the cosine times
    `appearance` to the overlap; `best` takes (1 + cosine) / 2 in its place where that is more, of boxes that overlap by
    `least_near` and look alike by `least_likeness` (BoT-SORT, equations 12 and 13). momentum: above 0, one look stands
    for a track in place of the mean of its last ones, so much of it kept at each further look (equation 11).
    camera: whether what all boxes do together is taken for a movement of the camera. pictures: whether that is found in
    the pictures instead, which `step` then takes as "image" uint8 [H, W, 3] (`ops.camera`).
    across_classes: whether an object may change its label. greedy: pairs the best first, in place of the best of all
    pairings. smooth: whether the answer has the filter's boxes or those of the detections. noise_...: see `Noise`.
    """

    models = ()
    called = "tracker"

    high_score: float = 0.5
    low_score: float = 0.1
    birth_score: float = 0.6
    confirm: int = 2
    second_stage: bool = True
    overlap: typing.Literal["iou", "giou", "diou", "ciou"] = "iou"
    least_overlap: float = 0.2
    least_overlap_low: float = 0.5
    least_overlap_new: float = 0.3
    weigh_by_score: bool = False
    direction_weight: float = 0.2
    lookback_s: float = 0.1
    recover: bool = True
    reupdate: bool = True
    return_gate: float = 3.0
    keep_s: float = 3.0
    appearance: float = 0.0
    least_likeness: float = 0.75
    unlike: float = 0.4
    look_quality: float = 0.5
    remember_s: float = 30.0
    fusion: typing.Literal["sum", "best"] = "sum"
    least_near: float = 0.5
    momentum: float = 0.0
    camera: bool = True
    pictures: bool = False
    across_classes: bool = False
    greedy: bool = False
    smooth: bool = True
    noise_position: float = Noise.position
    noise_velocity: float = Noise.velocity
    noise_seen: float = Noise.seen

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.low_score <= self.high_score <= self.birth_score <= 1:
            raise UsageError(
                f"low_score {self.low_score:g}, high_score {self.high_score:g}, birth_score {self.birth_score:g}; "
                "allowed: 0 to 1, none less than the one before"
            )
        if self.confirm < 1 or not (self.keep_s >= 0 and self.remember_s >= 0):
            seconds = f"keep_s {self.keep_s:g}, remember_s {self.remember_s:g}"
            raise UsageError(f"confirm {self.confirm}, {seconds}; allowed: 1 or more, 0 or more, 0 or more")
        if self.appearance < 0 or not -1 <= self.unlike <= self.least_likeness <= 1 or not 0 <= self.look_quality <= 1:
            raise UsageError(
                f"appearance {self.appearance:g}, unlike {self.unlike:g}, least_likeness {self.least_likeness:g}, "
                f"look_quality {self.look_quality:g}; allowed: 0 or more, -1 to 1, none less than that, 0 to 1"
            )
        if not (0 <= self.momentum < 1 and 0 <= self.least_near <= 1):
            seen = f"momentum {self.momentum:g}, least_near {self.least_near:g}"
            raise UsageError(f"{seen}; allowed: 0 or more and below 1, 0 to 1")

    def start(self):
        whole = {"time": np.array(-np.inf), "next_id": np.array(1), "steps": np.array(0)} | self._no_tracks()
        return whole | ({"gray": np.zeros((0, 0), np.float32)} if self.pictures else {})

    def step(self, models, state, inputs):
        time, found = self._read(state, inputs)
        own = {key: state[key] for key in self._no_tracks()}
        own = own | (looks_of.fitted(own, found["look"].shape[1]) if self.appearance else {})
        own = tracks_of.rows(own, time - own["seen"] <= self._longest + _LATE_S)
        if len(own["id"]):
            own = tracks_of.moved_on(own, time - float(state["time"]), self.noise)
            if self.camera and not self.pictures:
                own = tracks_of.shifted(own, self._shift(own, found))
        own, kept = self._seen_from(own, state, inputs) if self.pictures else (own, {})
        pairs = self._associated(own, found, time - own["seen"] - _LATE_S)
        seen = self._seen_again(tracks_of.rows(own, pairs[:, 0]), tracks_of.rows(found, pairs[:, 1]), time)
        rest = tracks_of.rows(own, _without(len(own["id"]), pairs[:, 0]))
        rest = rest | {"missed": rest["missed"] + 1}
        rest = tracks_of.rows(rest, rest["id"] > 0)
        free = np.zeros(len(found["score"]), bool)
        free[_without(len(free), pairs[:, 1])] = True
        new = self._born(tracks_of.rows(found, free & (found["score"] >= self.birth_score)), time)
        now, next_id = self._confirmed(tracks_of.joined(seen, new), int(state["next_id"]), int(state["steps"]))
        whole = {"time": np.array(time), "next_id": np.array(next_id), "steps": state["steps"] + 1}
        return whole | kept | tracks_of.joined(now, rest), self._answer(now)

    def evaluator(self):
        """What judges the answers against ground truth, a new one."""
        return Tracking()

    @property
    def noise(self):
        """How sure the filter is of what, a `Noise`."""
        return Noise(self.noise_position, self.noise_velocity, self.noise_seen)

    @property
    def _longest(self):
        """Seconds until nothing of a lost track is known any more."""
        return max(self.keep_s, self.remember_s) if self.appearance else self.keep_s

    def _no_tracks(self):
        return tracks_of.none() | (looks_of.none() if self.appearance else {})

    def _seen_again(self, own, found, time):
        core = {key: found[key] for key in _CORE}
        seen = tracks_of.seen_again(own, core, time, self.noise, self.reupdate)
        if not self.appearance:
            return seen
        is_back = time - own["seen"] > self.keep_s + _LATE_S  # from anywhere: of its way nothing is known
        fresh = tracks_of.begun_again(seen, tracks_of.born(core, time, self.noise), is_back)
        return fresh | looks_of.added(own, found, self.look_quality, self.momentum)

    def _born(self, found, time):
        new = tracks_of.born({k: found[k] for k in _CORE}, time, self.noise)
        return new | (looks_of.begun(found, self.look_quality) if self.appearance else {})

    def _read(self, state, inputs):
        """(the time, the detections that may count: `observed`, `score`, `label`, perhaps `look` and `quality`)."""
        time, found, counts = read_boxes(inputs, float(state["time"]), self.low_score)
        looks = looks_of.read(inputs, counts, found["observed"], found["score"]) if self.appearance else {}
        return time, found | looks

    def _shift(self, own, found):
        seen = (own["id"] > 0) & (own["missed"] == 0)
        return common_shift(own["mean"][seen, :, 0], found["observed"][found["score"] >= self.high_score])

    def _seen_from(self, own, state, inputs):
        """(the tracks as the camera shows them now, what is kept of the picture)."""
        if inputs.get("image") is None:
            raise UsageError("pictures=True needs the picture of each frame; give a VIDEO")
        before, (gray, step) = state["gray"], camera.gray_of(np.asarray(inputs["image"]))
        if len(own["id"]) and before.shape == gray.shape:
            apart = to_corners(own["observed"]) / step
            own = tracks_of.turned(own, camera.in_pixels(camera.motion(before, gray, apart), step))
        return own, {"gray": gray}

    def _associated(self, own, found, away_s):
        """int [P, 2]: numbers of tracks and of their detections. away_s: for how long tracks were not seen."""
        high = found["score"] >= self.high_score
        is_confirmed, is_lost = own["id"] > 0, own["missed"] > 0
        pairs = np.zeros((0, 2), np.int64)
        for rows, columns, gain in self._stages(is_confirmed, is_lost, away_s, high):
            rows = np.setdiff1d(np.flatnonzero(rows), pairs[:, 0])
            columns = np.setdiff1d(np.flatnonzero(columns), pairs[:, 1])
            if len(rows) and len(columns):
                value, allowed = gain(self, tracks_of.rows(own, rows), tracks_of.rows(found, columns))
                a, b = paired(value, allowed & self._same_class(own, found, rows, columns), self.greedy)
                pairs = np.concatenate([pairs, np.stack([rows[a], columns[b]], 1)])
        return pairs

    def _stages(self, is_confirmed, is_lost, away_s, high):
        """Yields (which tracks, which detections, what says how well they go together), the surest first."""
        is_expected = is_confirmed & (away_s <= self.keep_s)
        yield is_expected, high, gains.by_motion
        if self.second_stage:
            yield is_confirmed & ~is_lost, ~high, gains.by_overlap_low
        if self.recover:
            yield is_expected, high, gains.by_last_place
        if self.appearance:
            yield is_confirmed & is_lost & (away_s <= self.remember_s), high, gains.by_look
        if self.return_gate:
            yield is_expected & is_lost, high, gains.by_distance
        yield ~is_confirmed, high, gains.by_overlap_new

    def _same_class(self, own, found, rows, columns):
        return self.across_classes | (own["label"][rows][:, None] == found["label"][columns][None])

    def _confirmed(self, now, next_id, steps):
        """(the tracks seen now, with ids for those seen often enough, the next id). In the first step all are: nothing
        has been there before them.
        """
        due = (now["id"] == 0) & ((now["hits"] >= self.confirm) | (steps == 0))
        ids = now["id"].copy()
        ids[due] = next_id + np.arange(due.sum())
        return now | {"id": ids}, next_id + int(due.sum())

    def _answer(self, now):
        shown = np.flatnonzero(now["id"] > 0)
        shown = shown[np.argsort(now["id"][shown])]
        boxes = to_corners((now["mean"][..., 0] if self.smooth else now["observed"])[shown])
        answer = {"boxes_xyxy": boxes} | {k: now[v][shown] for k, v in ANSWERS.items()}
        return answer | ({"looks": looks_of.standing(now)[shown]} if self.appearance else {})


ANSWERS = {"ids": "id", "scores": "score", "labels": "label"}  # key of the answer -> of the tracks


@systems.register("multi_object/detected")
@dataclasses.dataclass(frozen=True)
class Detected(System):
    """Final. A detector, or segmenter of instances, and a tracker (`MultiObject`, or `looked.Looked`): `step` takes
    {"time": seconds, "image": uint8 [H, W, 3]}. Frames are detected one by one: a batch may round otherwise.
    """

    tracker: System = MultiObject()

    @property
    def models(self):
        """The detector and those of the tracker."""
        return ("detector", *self.tracker.models)

    def start(self):
        return self.tracker.start()

    def step(self, models, state, inputs):
        given = boxes_in(models["detector"], np.asarray(inputs["image"]))
        return self.tracker.step(models, state, given | {key: inputs[key] for key in ("time", "image")})

    def evaluator(self):
        """What judges the answers against ground truth, a new one."""
        return self.tracker.evaluator()


def boxes_in(detector, image):
    """{"boxes_xyxy" [N, 4], "scores" [N], "labels" [N]} of what a model finds in uint8 [H, W, 3]. Raises UsageError of
    a model that finds no boxes.
    """
    found = detector({"image": image[None]})
    if not set(_PARTS) <= set(found):
        raise UsageError(f"the model answers {', '.join(sorted(found))}; following needs a detector, with boxes")
    count = int(found["count"][0])
    return {key: found[key][0, :count] for key in _PARTS}


def _without(count, taken):
    return np.setdiff1d(np.arange(count), taken)
