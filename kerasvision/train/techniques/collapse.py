"""A watch on collapse: learning without labels can fail in silence, with all pictures on one point or on a line.

What is measured is named in `ops.spread`. Complete collapse: "Exploring Simple Siamese Representation Learning" (Chen,
He 2020, arXiv:2011.10566, section 4.1); dimensional collapse: "Understanding Dimensional Collapse in Contrastive
Self-supervised Learning" (Jing, Vincent, LeCun, Tian 2021, arXiv:2110.09348).
"""

import dataclasses
import sys

import numpy as np
import tf_keras as keras

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import techniques
from kerasvision.ops import spread
from kerasvision.train.strategy import is_chief
from kerasvision.train.techniques.base import Technique

KINDS = ("none", "dimensional", "complete", "clusters")  # the column `validation/collapse` has their numbers
ONE = "projections_largest_share"  # near 1 where a line is left, however far its middle is from zero
WATCHED = {"embedding": "features", "projection": "projections"}  # raw key -> what its columns are called
SIZE = "projections_size"  # the root of their mean variance, where the loss compares more than directions
CLUSTERS = "projections_clusters"  # how many prototypes are named, where projections are cosines with them
HELP = {
    "dimensional": "a larger weight of what keeps dimensions apart, a wider projector, stronger augmentation, or a "
    "smaller optimizer.learning_rate helps",
    "complete": "a smaller optimizer.learning_rate, a teacher of more momentum, larger batches, or a method with "
    "negatives (self_supervised/simclr) helps",
    "clusters": "techniques/centering, a larger model.teacher_temperature, or a smaller optimizer.learning_rate helps",
}


@techniques.register("collapse")
@dataclasses.dataclass(frozen=True)
class Collapse(Technique):
    """Of views of validation pictures, after each epoch, columns of history.csv: of the features and of the projections
    `deviation`, `rank` and `largest_share`, of the projections `alignment` and `uniformity` too, and `collapse`.

    What collapses is told against the phase's own start, as features of random weights lie close to one line already.
    `complete` (2): the deviation of one of both has fallen below `share` of what it was at the start, or the size of
    projections (`size`), where the loss compares more than directions. `clusters` (3): the number of prototypes that
    pictures name (`clusters`, the exponential of the entropy of their mean share) has, above 1. `dimensional` (1): the
    effective rank above 1 has, or of projections that are no cosines with prototypes the share of variance beyond the
    largest eigenvalue. Where an epoch of any is followed by others, `patience` in all, training ends, and says what
    usually helps; 0: it goes on. Needs a validation split, and no label.
    """

    share: float = 0.2
    patience: int = 2

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.share < 1:
            raise UsageError(f"collapse.share={self.share:g}; allowed: above 0, below 1")
        if self.patience < 0:
            raise UsageError(f"collapse.patience={self.patience}; allowed: 0 (never stop) or more")

    def watch(self, arch, graph, views):
        means = getattr(arch, "compares_lengths", False), getattr(arch, "assignment_temperature", 0.0)
        return _Watch(self, graph, views, arch, means)

    def kind_of(self, start, now):
        """One of `KINDS`. start, now: figures as `measured` gives them."""
        keys = [what for what in WATCHED.values() if f"{what}_deviation" in start]
        spreads = [f"{k}_deviation" for k in keys] + [SIZE] * (SIZE in start)
        if any(now[k] < self.share * start[k] for k in spreads):
            return "complete"
        if CLUSTERS in start and now[CLUSTERS] - 1 < self.share * (start[CLUSTERS] - 1):
            return "clusters"
        if any(now[f"{k}_rank"] - 1 < self.share * (start[f"{k}_rank"] - 1) for k in keys):
            return "dimensional"
        if ONE in start and CLUSTERS not in start and 1 - now[ONE] < self.share * (1 - start[ONE]):
            return "dimensional"
        return "none"


def measured(raw, compares_lengths=False, temperature=0.0):
    """name -> float. raw: key of `WATCHED` -> float32 [2 N, D], the views of a picture one after the other.
    compares_lengths: whether the size of projections means something. temperature: of projections that are cosines with
    prototypes; 0: they are none.
    """
    found = {}
    for key, rows in raw.items():
        what, each = WATCHED[key], rows[::2]
        found[f"{what}_deviation"] = spread.deviation(each)
        found[f"{what}_rank"] = spread.effective_rank(spread.unit(each))
        found[f"{what}_largest_share"] = spread.largest_share(each)
    if "projection" in raw:
        rows = raw["projection"]
        found["projections_alignment"] = spread.alignment(rows[::2], rows[1::2])
        found["projections_uniformity"] = spread.uniformity(rows[::2])
        found |= {SIZE: float(np.sqrt(rows[::2].var(0, dtype=np.float64).mean()))} if compares_lengths else {}
        found |= {CLUSTERS: spread.named(rows[::2] / temperature)} if temperature else {}
    return found


def _large(rows, arch):
    """[N views, D] without the small views of each record."""
    views, small = arch.views, arch.small_views
    return rows.reshape(-1, views, rows.shape[-1])[:, : views - small].reshape(-1, rows.shape[-1]) if small else rows


class _Watch(keras.callbacks.Callback):
    def __init__(self, technique, graph, views, arch, means):
        super().__init__()
        self._means, self._arch = means, arch
        self._technique, self._graph, self._views = technique, graph, views
        self._keys = [key for key in WATCHED if key in graph.output]
        if not self._keys:
            raise UsageError(f"collapse watches {' and '.join(WATCHED)}, and the model has {', '.join(graph.output)}")
        self._found = 0  # epochs of collapse that follow one another

    def on_train_begin(self, logs=None):
        if self._graph is not self.model.graph:
            self._graph.set_weights(self.model.graph.get_weights())
        self._start = self._measure()

    def on_epoch_end(self, epoch, logs=None):
        found = self._measure()
        kind = self._technique.kind_of(self._start, found)
        logs |= {f"validation/{k}": v for k, v in found.items() if v is not None}
        logs["validation/collapse"] = float(KINDS.index(kind))
        self._found = self._found + 1 if kind != "none" else 0
        if self._technique.patience and self._found >= self._technique.patience:
            self.model.stop_training = True
            if is_chief(self.model.distribute_strategy):
                print(self._line(epoch + 1, kind, found), file=sys.stderr, flush=True)

    def _measure(self):
        rows = {key: [] for key in self._keys}
        for inputs, _ in self._views():
            raw = self._graph(inputs, training=False)
            for key, held in rows.items():
                held.append(_large(raw[key].numpy().astype(np.float32), self._arch))
        return measured({key: np.concatenate(held) for key, held in rows.items()}, *self._means)

    def _line(self, epoch, kind, found):
        told = ", ".join(
            f"{name} {self._start[name]:.3g} -> {found[name]:.3g}"
            for name in found
            if name.endswith(("_deviation", "_rank", "_size", "_clusters"))
        )
        return f"stopped after epoch {epoch}: {kind} collapse ({told}); {HELP[kind]}"
