"""The evaluator of what follows one object: where it says that it is, and whether it is there at all."""

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics.base import Evaluator, chosen
from kerasvision.ops.overlaps import overlaps

_DIGITS = 6  # of an overlap: boxes in float32 have no more
FOUND, BACK_FRAMES = 0.5, 15  # overlap with which it is found again, and within how many frames it is to be
FAILED, FAILED_FRAMES = 0.1, 10  # below which overlap, for how many frames, a tracker has lost it for good (VOT2020)
PRECISE_PX = 20.0  # of the center, the distance that counts as found (Wu et al. 2013, doi:10.1109/CVPR.2013.312)


class Following(Evaluator):
    """Final. Examples are frames. prediction: `box_xyxy` [B, 4] pixels and `present` [B]; ground_truth: the same, and
    `sequence` [B] where frames are of several, which are then drawn whole.

    Over frames in which the object is there: `success_auc`, the area under the share of frames whose overlap (IoU)
    exceeds a threshold from 0 to 1, which is the mean overlap (Cehovin et al. 2014, arXiv:1502.05803); toolkits add up
    21 thresholds. `precision`: the share whose center is at most 20 pixels off. `normalized_precision`: the area under
    the share whose center is less than 0 to 0.5 of the true sides off, over 0.5 (Mueller et al. 2018,
    arXiv:1803.10794). A frame of which the object is said to be absent counts as 0 in all three. `presence_f1`: of what
    is said to be there. `silence`: the share of the frames without the object of which nothing is said to be there.

    Over films, where frames name theirs, in their order: `robustness`, the share of the frames with the object that
    come before a tracker has lost it for good: before ten in a row of an overlap below 0.1 (VOT2020: Kristan et al.,
    "The Eighth Visual Object Tracking VOT2020 Challenge Results", ECCV workshops 2020). `returned`: of the times that
    the object comes back, the share in which it is found, by an overlap of 0.5 or more, within 15 frames and before it
    goes again; `return_frames`: after how many frames, 0 being the first, on average over all times in which it is
    found.
    """

    def __init__(self):
        self._rows, self._sequences = [], []

    @property
    def groups(self):
        return tuple(self._sequences) or self.split_groups

    @property
    def directions(self):
        names = ("success_auc", "precision", "normalized_precision", "presence_f1", "silence")
        names += ("robustness", "returned")
        return dict.fromkeys(names, "max") | {"return_frames": "min"}

    def update(self, prediction, ground_truth):
        boxes, true = (np.asarray(held["box_xyxy"], np.float64) for held in (prediction, ground_truth))
        said, there = (np.asarray(held["present"]) > 0 for held in (prediction, ground_truth))
        size = np.maximum(true[:, 2:] - true[:, :2], 1e-9)
        off = (boxes[:, :2] + boxes[:, 2:] - true[:, :2] - true[:, 2:]) / 2
        share = np.array([overlaps(a[None], b[None])[0, 0] for a, b in zip(boxes, true, strict=True)]).round(_DIGITS)
        near = np.linalg.norm(off, axis=1) <= PRECISE_PX
        area = np.maximum(0.0, 1 - np.linalg.norm(off / size, axis=1) / 0.5)
        self._rows.append(np.stack([there, said, share * said, near * said, area * said], 1).astype(np.float64))
        self._sequences += np.asarray(ground_truth.get("sequence", ())).tolist()

    def figures(self, examples=None):
        there, said, *held = chosen([*self._rows, np.zeros((0, 5))], examples).T
        there, said = there > 0, said > 0

        def mean(values, which):
            return float(values[which].mean()) if which.any() else None

        def f1():
            total = int(there.sum()) + int(said.sum())
            return 2 * int((there & said).sum()) / total if total else None

        names = ("success_auc", "precision", "normalized_precision")
        parts = {name: lambda values=values: mean(values, there) for name, values in zip(names, held, strict=True)}
        lasts, waits = chosen([self._over_films()], examples).T
        parts |= {"presence_f1": f1, "silence": lambda: mean(~said, ~there)}
        return parts | {
            "robustness": lambda: mean(lasts, there & ~np.isnan(lasts)),
            "returned": lambda: mean(waits < BACK_FRAMES, ~np.isnan(waits)),
            "return_frames": lambda: mean(waits, np.isfinite(waits)),
        }

    def _over_films(self):
        """float [N, 2] of all frames: 1 before the object is lost for good, and `waits_of`; NaN without films."""
        rows = np.concatenate([*self._rows, np.zeros((0, 5))])
        held, places = np.full((len(rows), 2), np.nan), {}
        if self._sequences and len(self._sequences) != len(rows):
            raise KerasVisionError(
                f"following: {len(rows)} frames, and the films of {len(self._sequences)}; name all or none"
            )
        for number, name in enumerate(self._sequences):
            places.setdefault(name, []).append(number)
        for where in places.values():
            there, share = rows[where, 0] > 0, rows[where, 2]
            held[where] = np.stack([_lasts(there, share), waits_of(there, share)], 1)
        return held


def _lasts(there, share):
    """float [N] of a film: 1 until the first frame from which on the object is missed for good."""
    low, run = np.flatnonzero(there), 0
    for at, number in enumerate(low):
        run = run + 1 if share[number] < FAILED else 0
        if run == FAILED_FRAMES:
            return (np.arange(len(there)) < low[at - FAILED_FRAMES + 1]).astype(float)
    return np.ones(len(there))


def waits_of(there, share):
    """float [N] of a film: at each frame in which the object comes back, after how many it is found; infinite where it
    goes again before; NaN at all others. there: bool [N]; share: overlaps [N], 0 where it is said to be absent.
    """
    waits, since = np.full(len(there), np.nan), None
    for number, is_there in enumerate(there):
        if not is_there:
            since = None
        elif number and not there[number - 1]:
            since, waits[number] = number, np.inf
        if since is not None and share[number] >= FOUND:
            waits[since], since = number - since, None
    return waits
