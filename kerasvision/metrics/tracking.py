"""Identities judged over whole sequences: HOTA (Luiten et al. 2021, arXiv:2009.07736), MOTA, IDF1 and their parts."""

import collections

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.metrics import trajectories
from kerasvision.metrics.base import Evaluator
from kerasvision.ops.overlaps import overlaps

_LESS = ("switches", "fragments", "mostly_lost")


class Tracking(Evaluator):
    """Final. `update` takes frames, in order: predictions with `boxes_xyxy` [B, D, 4] and `ids` int [B, D], ground
    truths with `boxes_xyxy` [B, G, 4], `ids` [B, G] and `sequence` [B], a name or number. An id below 0 is padding.
    Examples are frames, and sequences their groups: whoever resamples draws them whole.

    carried: how MOTA pairs, see `metrics.trajectories.clear`. Raises KerasVisionError where an id stands twice in a
    frame.
    """

    def __init__(self, carried="step"):
        self._carried = carried
        self._frames, self._sequences = [], []
        self._sums = {}

    @property
    def groups(self):
        return tuple(self._sequences)

    @property
    def directions(self):
        better = ("HOTA", "DetA", "AssA", "LocA", "MOTA", "MOTP", "IDF1", "recall", "precision", "mostly_tracked")
        return dict.fromkeys(better, "max") | dict.fromkeys(_LESS, "min") | {"objects": "none"}

    def update(self, prediction, ground_truth):
        for n, sequence in enumerate(ground_truth["sequence"]):
            sides = []
            for what, held in (("ground truth", ground_truth), ("prediction", prediction)):
                kept = held["ids"][n] >= 0
                ids = np.asarray(held["ids"][n])[kept]
                if len(set(ids.tolist())) < len(ids):
                    twice = collections.Counter(ids.tolist()).most_common(1)[0][0]
                    raise KerasVisionError(
                        f"id {twice} stands twice in frame {len(self._frames)} of the {what} (sequence {sequence}); "
                        "an object is in one place at a time"
                    )
                sides.append((ids, np.asarray(held["boxes_xyxy"][n])[kept]))
            (true, a), (ids, b) = sides
            self._frames.append((true, ids, overlaps(a.reshape(-1, 4), b.reshape(-1, 4))))
            self._sequences.append(sequence)

    def figures(self, examples=None):
        parts = collections.defaultdict(list)
        for n in range(len(self._frames)) if examples is None else np.asarray(examples).tolist():
            parts[self._sequences[n]].append(n)
        computed = {}

        def value(name):
            if not computed:
                computed.update(trajectories.figures(self._added([tuple(held) for held in parts.values()])))
            return computed[name]

        return {name: lambda name=name: value(name) for name in self.directions}

    def _added(self, parts):
        """The sums of sequences, each a tuple of numbers of frames; one that was drawn k times counts k times."""
        whole = trajectories.counted([])
        for held in parts:
            frames = tuple(dict.fromkeys(held))
            if frames not in self._sums:
                self._sums[frames] = trajectories.counted([self._frames[n] for n in frames], self._carried)
            times = len(held) / len(frames)
            whole = {key: whole[key] + times * value for key, value in self._sums[frames].items()}
        return whole
