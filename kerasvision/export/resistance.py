"""Whether a file stands what the trained model stands, and explains itself as it does, where the recipe's budget asks.

Each question is dear, and is asked only where its bound is set: `Budget.corrupted_drop`, `attacked_drop`,
`coverage_gap`, `explanation_overlap`. As of accuracy, a file is refused when the whole 95 % interval lies beyond.
"""

import dataclasses
import typing

import numpy as np
import scipy.stats

from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create
from kerasvision.explain.base import Explainable, explainable
from kerasvision.explain.judging import compared
from kerasvision.export.verdict import change_of, gained
from kerasvision.inference.evaluation import as_numpy
from kerasvision.robustness.asking import Asked
from kerasvision.robustness.attacks.classifier import AskedClassifier, Classifier, check
from kerasvision.robustness.attacks.report import attacked
from kerasvision.robustness.corruptions.base import chosen, listed

SEVERITY = 3  # of the corruptions, the middle one
HEATS = 20  # examples of which heats are compared
STEPS = 20  # of the attack, `pgd` of radius 8/255
ATTACKED = 200  # examples at most


@dataclasses.dataclass(frozen=True)
class _Answering:
    """The trained model as `kerasvision.load` would give it."""

    arch: typing.Any
    classes: tuple
    recipe: typing.Any
    answer: typing.Callable

    def __call__(self, inputs):
        return self.answer(inputs)


def check_budget(budget, arch):
    """UsageError, before anything is written, where a bound is set that says nothing of an architecture."""
    if budget.attacked_drop is not None:
        check(arch)
    if budget.corrupted_drop is not None and "image" not in arch.serving_inputs():
        raise UsageError(f"budget.corrupted_drop: {arch.registered_name} takes no image that could be corrupted")
    if budget.explanation_overlap is not None:
        arch.targets()


def checked(trained):
    """The `Served` of a `Trained`, whose budget says something of it. Raises UsageError as `check_budget` does."""
    check_budget(trained.recipe.budget, trained.arch)
    return trained.served()


def stressed(written, artifacts, runners, trained, split, limit=None):
    """The artifacts with what refuses them by the recipe's budget, and with notes of what was measured.

    written: [(exporter, path)]. runners: open, in the same order. trained: a `Trained`. split: a name. limit: examples
    at most.
    """
    budget, served = trained.recipe.budget, trained.served()
    bounds = (budget.corrupted_drop, budget.attacked_drop, budget.coverage_gap, budget.explanation_overlap)
    if all(bound is None for bound in bounds):
        return artifacts
    model = _Answering(served.arch, served.classes, trained.recipe, lambda inputs: as_numpy(served.serve(inputs)))
    asked, held = [], list(zip(written, runners, strict=True))
    if budget.corrupted_drop is not None:
        asked.append(_Corrupted(model, split, limit, budget.corrupted_drop))
    if budget.attacked_drop is not None:
        asked.append(_Attacked(model, explainable(trained), split, limit, budget.attacked_drop))
    if budget.explanation_overlap is not None:
        asked.append(_Explained(model, explainable(trained), split, budget.explanation_overlap))
    found = []
    for artifact, ((exporter, path), runner) in zip(artifacts, held, strict=True):
        rows = [] if artifact.failures else [one.of(exporter, path, runner) for one in asked]
        if budget.coverage_gap is not None and not artifact.failures:
            rows.append(covered(artifact, budget.coverage_gap))
        notes = (*artifact.notes, *(note for note, _ in rows))
        failures = (*artifact.failures, *(failure for _, failure in rows if failure))
        found.append(dataclasses.replace(artifact, notes=notes, failures=failures))
    return found


class _Corrupted:
    """The metric's mean under ImageNet-C's corruptions that the ground truth can follow, at the middle severity."""

    def __init__(self, model, split, limit, drop):
        self._drop, self._asked = drop, Asked(model, split, limit)
        self._kinds = [held for name, held in listed().items() if name in chosen() and not held.moves]
        self._theirs = self._mean(model)

    def _mean(self, answer):
        cells = [self._asked.cell(kind, SEVERITY, answer) for kind in self._kinds]
        folds = [None if None in row else float(np.mean(row)) for row in zip(*(c["folds"] for c in cells), strict=True)]
        return float(np.mean([cell["value"] for cell in cells])), folds

    def of(self, exporter, path, runner):
        """(note, what refuses the file or "")."""
        (ours, our_folds), (theirs, their_folds) = self._mean(runner), self._theirs
        metric, many = self._asked.metric, self._asked.size * len(self._kinds)
        pair = (ours, theirs, our_folds, their_folds)
        agreement = change_of(metric, self._asked.direction, *pair, 0 if ours == theirs else 1, many)
        note = f"{metric} under corruption {ours:.4f}, of the trained model {theirs:.4f}"
        return note, _refusal(agreement, f"{metric} under corruption", "corrupted_drop", self._drop)


class _Attacked:
    """The share that is right on pictures made on the trained model and, where it has gradients, on the file itself."""

    def __init__(self, model, trained, split, limit, drop):
        self._model, self._drop, self._trained = model, drop, trained
        self._asked = {"split": split, "examples": min(limit or ATTACKED, ATTACKED)}
        self._white = Classifier(model.arch, trained)
        self._theirs = self._right(self._white)

    def _right(self, model, judge=None):
        attack = create("attacks/pgd", steps=STEPS)
        _, arrays = attacked(model, self._model.recipe, self._model.classes, attack, judge=judge, **self._asked)
        return arrays["after"] == arrays["labels"]

    def of(self, exporter, path, runner):
        """(note, what refuses the file or "")."""
        if not runner.takes_prepared:
            return "has the trained model's own weights, and was not attacked by itself", ""
        file = AskedClassifier(self._model.arch, runner.infer)
        ours = self._right(self._white, file)
        white = _file_inside(exporter, path, self._trained)
        if white:
            ours = ours & self._right(Classifier(self._model.arch, white), file)
        note = f"{ours.mean():.4f} right under attack, of the trained model {self._theirs.mean():.4f}"
        return note, attack_refusal(ours, self._theirs, self._drop)


class _Explained:
    """The share of the hottest tenth of Grad-CAM that a file has in common with the trained model."""

    def __init__(self, model, trained, split, least):
        self._trained, self._least = trained, least
        asked = Asked(model, split, HEATS)
        self._inputs = [
            {key: value[i] for key, value in inputs.items()}
            for inputs, _ in asked.batches()
            for i in range(len(inputs["image"]))
        ]

    def of(self, exporter, path, runner):
        """(note, what refuses the file or "")."""
        file = _file_inside(exporter, path, self._trained)
        if file is None:
            return "has no gradients of its own, so how it explains itself is not known", ""
        methods = {"grad_cam": create("explainers/grad_cam")}
        row = compared(self._trained, file, methods, self._inputs)["grad_cam"]
        if "why" in row:
            return f"how it explains itself is not known: {row['why']}", ""
        return overlap_refusal(row["hottest_shared"], self._least)


def _file_inside(exporter, path, trained):
    """An `Explainable` of a .tflite's own arithmetic, or None of other files."""
    if ".tflite" not in exporter.suffixes:
        return None
    try:
        held = exporter.look_inside(path, trained.graph)
    except UsageError:  # an operator that the twin does not know
        return None
    return Explainable(trained.arch, trained.graph, trained.classes, held)


def attack_refusal(ours, theirs, drop):
    """What refuses a file that is right on `ours` where the trained model is on `theirs`, both bool [N], or "". The
    interval is that of a mean of paired differences.
    """
    change = ours.astype(float) - theirs
    spread = 1.96 * change.std(ddof=1) / np.sqrt(len(change)) if change.any() else min(1.0, 3 / len(change))
    held = {"metric_change": change.mean(), "direction": "max"}
    agreement = held | {"metric_change_interval": (change.mean() - spread, change.mean() + spread)}
    return _refusal(agreement, "the share right under attack", "attacked_drop", drop)


def overlap_refusal(shared, least):
    """(note, what refuses a file whose heats share so much of the hottest tenth, or ""). shared: {"mean", "low",
    "high"}.
    """
    said = f"shares {shared['mean']:.4f} of the hottest tenth of heats with the trained model"
    if shared["high"] >= least:
        return said, ""
    return said, f"explains itself otherwise: it {said}; budget.explanation_overlap is {least:g}"


def covered(artifact, gap):
    """(note, what refuses a file that holds less of what is right in its sets than it promises, or "").

    Of a promise for each class or number the one decides that is surest to be short; intervals hold for all together.
    """
    promised, found = artifact.promise.get("coverage"), artifact.coverage
    if promised is None or not found:
        return "promises no sets, so budget.coverage_gap says nothing of it", ""
    least, told = promised - gap, {}
    for name, row in found.items():
        if row["examples"] and (least <= 0 or _ends(0.0, row["examples"], len(found)).high < least):
            told[name] = _ends(row["coverage"], row["examples"], len(found))
    unknown = [f"{name or 'it'} ({row['examples']})" for name, row in found.items() if name not in told]
    few = f"; too few examples to tell of {', '.join(unknown)}" if unknown else ""
    if not told:
        return f"promises {promised:g}{few}", ""
    worst = min(told, key=lambda name: told[name].high)
    own, ends = found[worst], told[worst]
    of = f" of {worst}, the worst of {len(told)}," if worst else ""
    share = f"{own['coverage']:.4f} ({ends.low:.4f} to {ends.high:.4f}, {own['examples']} examples)"
    note = f"holds {share} of what is right{of} in its sets, and promises {promised:g}"
    return note + few, f"{note}; budget.coverage_gap is {gap:g}" if ends.high < least else ""


def _ends(share, examples, groups):
    """The 95 % interval of a share, for so many groups together: each has a part of what may be missed (Bonferroni).
    Exact (Clopper, Pearson 1934, doi:10.1093/biomet/26.4.404): few examples are not taken for more than they are.
    """
    found = scipy.stats.binomtest(round(share * examples), examples)
    return found.proportion_ci(1 - 0.05 / groups, method="exact")


def _refusal(agreement, what, bound, drop):
    """The line that refuses a file whose change lies beyond a bound with all of its interval, or ""."""
    _, high, gain = gained(agreement)
    if high >= -drop:
        return ""
    falls = {"max": "falls", "min": "rises"}.get(str(agreement["direction"]), "moves away from its target")
    return f"{what} {falls} by {-gain:.4f}; budget.{bound} is {drop:g}"
