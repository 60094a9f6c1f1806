"""The ladder: what is tried for an int8 file that must not lose more than a bound, the cheapest first.

Equalization across layers, bias correction, calibration images that cover the others, other ranges, the least set of
layers in float, float16, and where it may train a run with rounding in its graph (`learning.py`). Each rung is judged
on the validation split and what helped is kept for the next. The smallest file wins whose metric keeps the bound with
the whole 95 % interval of its change.
"""

import dataclasses
import hashlib
import math
import typing

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.pipeline import splits_of, thinned
from kerasvision.export.base import from_spec
from kerasvision.export.calibration import calibration_inputs
from kerasvision.export.repair.learning import why_not
from kerasvision.export.repair.workshop import Plan
from kerasvision.export.targets.tflite import TFLite, convert, workshop
from kerasvision.export.trials import Trials
from kerasvision.inference.evaluation import as_numpy

SPEC = "tflite:int8"
RANKED_ON = 64  # examples on which single layers are ranked
HINT = "quantization-aware training may help: --qat FOLDER"
REGROWN = 16  # layers of a set, the least harmful, that are tried in integers again


@dataclasses.dataclass(frozen=True)
class Target:
    """What a file must keep: the largest fall of the metric, and bytes and milliseconds or None."""

    drop: float
    size_bytes: int | None = None
    latency_ms: float | None = None

    def __post_init__(self):
        if not 0 < self.drop < math.inf:
            raise UsageError(f"--max-drop {self.drop:g}; allowed: above 0, as in 0.005")

    def fits(self, trial):
        """Whether a `Trial` has no more bytes and milliseconds."""
        is_small = self.size_bytes is None or trial.size_bytes <= self.size_bytes
        return is_small and (self.latency_ms is None or trial.latency_ms <= self.latency_ms)

    def keeps(self, trial):
        """Whether it fits and its metric is known to fall by no more."""
        return self.fits(trial) and trial.low > -self.drop

    def may_keep(self, trial):
        """Whether it fits, and more examples could tell that its metric falls by no more."""
        return self.fits(trial) and trial.change > -self.drop


@dataclasses.dataclass(frozen=True)
class Attempt:
    """A file that was tried: its spec, its `Plan`, the way of choosing calibration images, its `Trial` and its sum.
    learned: of a run with rounding in its graph, which has learned its ranges.
    """

    spec: str
    plan: Plan
    calibration: str
    trial: object
    sha256: str
    learned: bool = False

    @property
    def steps(self):
        """What was done: the steps of the plan, or `qat`."""
        return ("qat",) if self.learned else self.plan.steps()

    @property
    def is_whole(self):
        """Whether all of its layers are in integers."""
        return self.spec == SPEC and not self.plan.floats

    def to_json(self, target, front):
        """Its row in contract.json. front: whether no other attempt is better in all that counts."""
        held = self.trial
        return {
            "kind": self.spec,
            "steps": list(self.steps),
            "calibration": self.calibration,
            "change": held.agreement["metric_change"],
            "interval": held.agreement["metric_change_interval"],
            "flips": held.agreement["flips"],
            "size_bytes": held.size_bytes,
            "latency_ms": round(held.latency_ms, 4),
            "kept": target.keeps(held),
            "front": front,
        }


@dataclasses.dataclass(frozen=True)
class Repaired:
    """What the ladder ends with. exporter: of the chosen file. calibration: see `export.calibration`. record: for
    contract.json. sha256: of the chosen file, which a replay must have. learned: the `Trained` run with rounding in its
    graph that the file is of; None: the run that was given.
    """

    exporter: TFLite
    calibration: str
    record: dict
    sha256: str
    learned: typing.Any = None

    @property
    def is_whole(self):
        """Whether all layers of the chosen file are in integers."""
        return self.exporter.spec == SPEC and not any(step.startswith("float=") for step in self.exporter.repair)


def repair(trained, target, limit=None, tell=None, learn=None, warn=None):
    """The `Repaired` of a `Trained` model for a `Target`.

    limit: at most so many validation examples. tell: called with each `Attempt` as it comes. learn: called without
    arguments where no file of integers alone keeps the bound; it gives a `Trained` model with rounding in its graph, or
    None where there can be none, and its file is judged against `trained` like the others. warn: called with one line
    if that file cannot be made, so that the others still count; without it this is raised. Raises UsageError where
    there are no validation examples, or too few to tell whether any file keeps the bound; KerasVisionError, with the
    best that was found and what it costs, where no file is known to keep it.
    """
    splits = splits_of(trained.recipe, "train", "validation")
    served = trained.served()
    splits["ranking"] = thinned(splits["validation"], RANKED_ON)
    trials = _trials(trained, served, splits, "validation", limit)
    fewest = math.floor(3 / target.drop) + 1
    if trials.units < fewest:
        raise UsageError(
            f"{trials.units} validation examples are too few to tell a fall of {target.drop:g}: {fewest} are needed, "
            "where no decision changes; bring more, or allow more by --max-drop"
        )
    ladder = Ladder(served, splits, target, trials, tell)
    ladder.climb(lambda: _trials(trained, served, splits, "ranking", None))
    learned = learn() if learn is not None and not ladder.has_whole() else None
    try:
        if learned is not None:
            ladder.add_learned(learned.served())
    except KerasVisionError as error:
        if warn is None:
            raise
        warn(str(error))
    return ladder.chosen(learned, "" if learn or why_not(trained) else HINT)


def _trials(trained, served, splits, name, limit):
    def answer(inputs):
        return as_numpy(served.judge(inputs))

    return Trials(served.arch, served.classes, splits, name, answer, trained.recipe.metric, limit)


class Ladder:
    """The attempts as they are made. served: the trained model's. splits: by name. trials: of the validation split."""

    def __init__(self, served, splits, target, trials, tell=None):
        self._served, self._splits, self._target, self._trials, self._tell = served, splits, target, trials, tell
        self._shops, self._inputs, self.attempts = {}, {}, []

    def climb(self, ranking):
        """Try rung after rung, until one keeps the target. ranking: gives the `Trials` that layers are ranked by."""
        best = self._try(Plan(), "every")
        if self._target.keeps(best.trial):
            return
        if self._shop("every").has_one_function:
            best = self._shaped(best)
            if self._target.keeps(best.trial):
                return
        if self._target.size_bytes is None or best.trial.size_bytes < self._target.size_bytes:  # floats only add bytes
            self._spare(best, ranking())
        self._add("tflite:float16", Plan(), "every", convert(self._served, "float16", "mixed", ()))

    def has_whole(self):
        """Whether a file of integers alone keeps the target."""
        return any(a.is_whole and self._target.keeps(a.trial) for a in self.attempts)

    def add_learned(self, served):
        """Judge the file of a model with rounding in its graph, which needs no calibration."""
        self._add(SPEC, Plan(), "every", convert(served, "int8", "mixed", ()), learned=True)

    def _shaped(self, best):
        """The best attempt with all layers in integers; the first that keeps the target ends the search."""
        rungs = [("equalize", True)] if self._shop("every").pairs() else []
        rungs += [("bias", True), ("calibration", "cover"), ("ranges", "mse"), ("ranges", "percentile")]
        for name, value in rungs:
            if name == "calibration":
                attempt = self._try(best.plan, value)
            else:
                attempt = self._try(dataclasses.replace(best.plan, **{name: value}), best.calibration)
            best = attempt if _rank(attempt) > _rank(best) else best
            if self._target.keeps(attempt.trial):
                return attempt
        return best

    def _spare(self, best, ranking):
        """Try sets of layers in float: twice as many of the most harmful until the target is kept, then halved between
        the last two, and each of the least harmful put into integers again where that may be.
        """
        shop = self._shop(best.calibration)
        harm = {name: ranking.of(shop.only(name, best.plan)).error for name in shop.layers}
        order = sorted(shop.layers, key=lambda name: -harm[name])

        def tried(names):
            return self._try(dataclasses.replace(best.plan, floats=tuple(sorted(names))), best.calibration)

        few, many = 0, 1
        while not self._target.keeps((attempt := tried(order[:many])).trial):
            if many >= len(order) or not self._target.fits(attempt.trial):
                return
            few, many = many, min(2 * many, len(order))
        while many - few > 1:
            middle = (few + many) // 2
            few, many = (few, middle) if self._target.keeps(tried(order[:middle]).trial) else (middle, many)
        held = order[:many]
        for name in list(reversed(held))[:REGROWN] if many > 1 else ():
            less = [other for other in held if other != name]
            held = less if self._target.keeps(tried(less).trial) else held

    def chosen(self, learned=None, hint=""):
        """The `Repaired` of the smallest file that keeps the target. learned: the `Trained` model of `add_learned`.
        Raises KerasVisionError where none does. hint: what it says then.
        """
        kept = [a for a in self.attempts if self._target.keeps(a.trial)]
        if not kept:
            raise KerasVisionError(self._no(hint))
        best = min(kept, key=lambda a: a.trial.size_bytes)
        exporter = dataclasses.replace(from_spec(best.spec), repair=best.plan.steps())
        of = learned if best.learned else None
        return Repaired(exporter, best.calibration, self._record(best), best.sha256, of)

    def front(self):
        """The attempts than which no other is as small, as fast and as good, and better in one of these."""
        rows = [(a, (a.trial.size_bytes, -a.trial.change, a.trial.latency_ms)) for a in self.attempts]
        return [a for a, mine in rows if not any(_is_beaten(mine, other) for _, other in rows)]

    def _record(self, best):
        front, target = self.front(), self._target
        return {
            "steps": list(best.steps),
            "calibration": best.calibration,
            "target": {"drop": target.drop, "size_bytes": target.size_bytes, "latency_ms": target.latency_ms},
            "split": self._trials.split_name,
            "examples": self._trials.size,
            "metric": self._trials.metric,
            "attempts": [a.to_json(target, a in front) for a in self.attempts],
        }

    def _no(self, hint):
        """One line: the best that was found, what it costs, and what would help."""
        held, metric = self._target, self._trials.metric
        may = [a for a in self.attempts if held.may_keep(a.trial)]
        best = max(may or [a for a in self.attempts if held.fits(a.trial)] or self.attempts, key=_rank)
        low, high = best.trial.low, best.trial.high
        about = (
            f"{' '.join((best.spec, *best.steps))} changes {metric} by {best.trial.change:+.4f} "
            f"({low:+.4f} to {high:+.4f}), with {best.trial.size_bytes} bytes and {best.trial.latency_ms:.2f} ms"
        )
        if may and math.isfinite(needed := best.trial.needed(held.drop)):
            return (
                f"nothing was exported: {self._trials.size} validation examples are too few to tell whether a file "
                f"keeps --max-drop {held.drop:g}, about {needed} would; the best: {about}"
            )
        none = f"nothing was exported: none of {len(self.attempts)} files keeps the target; the best: {about}"
        return f"{none}; {hint}" if hint else none

    def _shop(self, calibration):
        if calibration not in self._shops:
            self._inputs[calibration] = calibration_inputs(self._splits["train"], self._served, calibration)
            self._shops[calibration] = workshop(self._served, self._inputs[calibration])
        return self._shops[calibration]

    def _try(self, plan, calibration):
        known = [
            a for a in self.attempts if (a.spec, a.plan, a.calibration) == (SPEC, plan, calibration) and not a.learned
        ]
        if known:
            return known[0]
        shop = self._shop(calibration)
        plain = () if plan.steps() else (convert(self._served, "int8", "mixed", self._inputs[calibration]),)
        return self._add(SPEC, plan, calibration, *plain or (shop.made(plan),))

    def _add(self, spec, plan, calibration, content, learned=False):
        digest = hashlib.sha256(content).hexdigest()
        self.attempts.append(Attempt(spec, plan, calibration, self._trials.of(content), digest, learned))
        if self._tell:
            self._tell(self.attempts[-1])
        return self.attempts[-1]


def _rank(attempt):
    """Larger is better: the metric first, and the error of scores where that does not tell."""
    return round(attempt.trial.change, 9), -attempt.trial.error


def _is_beaten(mine, other):
    """Whether another row of costs is nowhere larger, and somewhere smaller."""
    return other != mine and all(theirs <= ours for theirs, ours in zip(other, mine, strict=True))
