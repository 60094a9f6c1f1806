"""What is measured of exported files: metrics, agreement with the trained model, operators, size and latency.

The examples pass once: the trained model and every file predict each batch, and what stays in memory is a few numbers
an example and what the evaluators keep, not the predictions.
"""

import dataclasses
import hashlib
import pathlib
import statistics
import tempfile
import time
import typing

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import raw_examples
from kerasvision.export.base import files_below, gzip_bytes, size_bytes
from kerasvision.export.loops import doubts_of
from kerasvision.export.profile import Profile
from kerasvision.export.rounding import Rounding
from kerasvision.export.verdict import (
    change_of,
    coverage_of,
    examples_needed,
    failures_of,
    not_finite,
    notes_of,
    require_finite,
    units_of,
)
from kerasvision.inference.evaluation import as_numpy, evaluator_of, examples_at, gallery_of, show_gallery
from kerasvision.inference.folds import fold_metrics

LATENCY_RUNS = 30
DRAWN_EXAMPLES = 8  # for which rounding is drawn beforehand, spread over the split
LOOKED_AT = 4  # of the examples that are furthest off: rounding is drawn for each of them


@dataclasses.dataclass(frozen=True)
class Artifact:
    """What was measured of one exported file. agreement: with the trained model, over `examples` real examples.

    signature: what the file itself says it takes and gives. gzip_bytes: of all its files, each compressed by gzip -9:
    what a download weighs. zeros: share of zeros among the weights of kernels, None where a format does not tell.

    agreement holds `max_error` (largest difference of a score), `max_relative_error` (the largest over the examples of
    that difference in parts of the trained model's largest score for the example; where that is 0, of 1), `tolerance`
    (what rounding explains of `max_error`; None: no bound can be derived for integer arithmetic), `flips` and
    `flip_rate` (changed decisions), `metric_change` (metric minus the trained model's; of one with a target, of their
    distances from it) with `metric_change_interval` (95 %), `examples_needed` (0: those measured were enough to tell
    whether the budget is kept) and `worst` (the example of the largest difference).

    functions: of each of the architecture's further functions in it its `inputs` and `outputs`, `max_error` (largest
    difference from the trained graph, relative to an output's largest number), `tolerance` and `latency_ms`; of one
    that goes from frame to frame `closed_loop` in place of the first two (`export.loops`): `frames`, `objects` that got
    an id in them, `same_ids` (share of frames with the Python tracker's ids), `least_iou` of their boxes, and
    `left_out`. promise:
    what the file promises of its answers (`Architecture.promise`), fitted to its own scores. explanation: of a file
    that gives its `heat`, how like the trained model's that is: see `heat.kept`. coverage: how often what it promises
    holds: see `verdict.coverage_of`. repair: by which steps it loses less (`repair.ladder`), {} where there were none.
    """

    kind: str
    path: pathlib.Path
    sha256: str
    size_bytes: int
    gzip_bytes: int
    zeros: float | None
    latency_ms: float
    metrics: dict
    agreement: dict
    signature: dict
    ops: dict
    notes: tuple
    failures: tuple
    functions: dict = dataclasses.field(default_factory=dict)
    explanation: dict = dataclasses.field(default_factory=dict)
    promise: dict = dataclasses.field(default_factory=dict)
    coverage: dict = dataclasses.field(default_factory=dict)
    repair: dict = dataclasses.field(default_factory=dict)

    @property
    def verdict(self):
        """`pass`; `FAIL` where the evidence is against it; `unclear` where the examples are too few to tell, or a
        function's ids were compared with nothing.
        """
        if self.failures:
            return "FAIL"
        return "unclear" if self.agreement["examples_needed"] or doubts_of(self.functions) else "pass"

    @property
    def select_ops(self):
        """Operators that a plain TFLite interpreter lacks."""
        return [op for op in self.ops if op.startswith(("Flex", "Custom"))]


@dataclasses.dataclass(frozen=True)
class Reference:
    """The trained model on the evaluation split: its metrics, the one that decides without each fold, what inputs and
    answers looked like (`export.profile`), and what was decided (`Evaluator.decisions`).
    """

    split: str
    size: int
    metrics: dict
    folds: list
    profile: dict
    decisions: typing.Sequence = ()


class _Subject:
    """One exported file while the examples pass: its runner, its evaluator and its differences so far."""

    def __init__(self, exporter, path, served, split, gallery):
        self.exporter, self.path = exporter, path
        self.runner = exporter.open(path, served.arch)
        self.evaluator = evaluator_of(served.arch, served.classes, split)
        show_gallery(self.runner, [self.evaluator], gallery, served.arch)
        self.errors, self.relative, self.flips, self.unlike = [], [], [], []

    def see(self, judged, inputs, ground_truth, names):
        prediction = self.runner(inputs)
        for key, row in not_finite(prediction):  # NaN is larger than no tolerance, and no metric can be made of it
            raise KerasVisionError(
                f"nothing was exported: {self.exporter.spec} gives {key} that are not finite on {names[row]}"
            )
        errors, flips = self.runner.arch.compare(judged, prediction)
        self.evaluator.update(prediction, ground_truth)
        self.errors.extend(map(float, errors))
        largest = self.runner.arch.magnitude(judged)
        self.relative.extend(map(float, errors / np.where(largest > 0, largest, 1.0)))
        self.flips.extend(map(bool, flips))
        self.unlike.extend(map(bool, self.runner.unlike(inputs)))

    def notes(self):
        """What the file was given otherwise than the trained model, in a line of a tuple; () of most."""
        words = self.runner.unlike_words
        return (f"{sum(self.unlike)} of {len(self.unlike)} {words}",) if words else ()


def drawn_rounding(served, exporters, split):
    """A `Rounding` of the precisions that these exporters are bound by, drawn for a few examples of a split."""
    numbers = np.linspace(0, split.size - 1, min(split.size, DRAWN_EXAMPLES)).astype(int)
    examples = examples_at(split, served.arch, set(numbers.tolist())).values()
    return Rounding(served, {"float32"} | {e.precision for e in exporters} - {None}, examples)


def measure(written, job, splits, split_name, budget, limit, rounding, metric="", job_of=lambda path, job: job):
    """(`Reference`, an `Artifact` and its open `Runner` for each of `written`), on at most `limit` examples of a split.

    written: [(exporter, path of what it wrote)]. job: the `Job` that they were written for. splits: of the data, by
    name. rounding: a `Rounding` that has seen examples. metric: of the recipe.
    """
    served, split, arch = job.served, splits[split_name], job.served.arch
    evaluator = evaluator_of(arch, served.classes, split)
    gallery = gallery_of(evaluator, splits, split_name)
    subjects = [_Subject(exporter, path, served, split, gallery) for exporter, path in written]
    show_gallery(lambda inputs: as_numpy(served.serve(inputs)), [evaluator], gallery, arch)
    profile, names = Profile(arch.input_kinds()), []
    for inputs, ground_truth, batch_names in raw_examples(split, arch, limit=limit):
        judged = as_numpy(served.judge(inputs))
        prediction = {k: v for k, v in judged.items() if k in arch.outputs}
        evaluator.update(prediction, ground_truth)
        profile.see(inputs, prediction, served.features(inputs)["features"].numpy() if served.features else None)
        for subject in subjects:
            subject.see(judged, inputs, ground_truth, batch_names)
        names += batch_names
    metrics, chosen_by = evaluator.result(), arch.chosen_by(metric, served.classes)
    require_finite(metrics, chosen_by[0], "the trained model")
    folds = fold_metrics(evaluator, chosen_by[0], len(names))
    reference = Reference(split_name, len(names), metrics, folds, profile.result(), evaluator.decisions())
    asked = split, rounding, budget, chosen_by
    artifacts = [_artifact(s, reference, names, job_of(s.path, job), *asked) for s in subjects]
    return reference, artifacts, [s.runner for s in subjects]


def _artifact(subject, reference, names, job, split, rounding, budget, chosen_by):
    exporter, path, (metric, direction) = subject.exporter, subject.path, chosen_by
    metrics = subject.evaluator.result()
    require_finite(metrics, metric, exporter.spec)
    folds = fold_metrics(subject.evaluator, metric, len(names))
    tolerance, unexplained = _explained(subject, names, split, job, rounding)
    flips, worst = _flips(subject, reference), int(np.argmax(subject.errors))
    agreement = {
        "examples": len(names),
        "max_error": max(subject.errors),
        "max_relative_error": max(subject.relative),
        "tolerance": tolerance,
        "flips": flips,
        "flip_rate": flips / len(names),
        "worst": names[worst],
    }
    groups = subject.evaluator.groups[: len(names)]
    agreement |= {"groups": len(set(groups))} if len(groups) else {}
    both = metrics[metric], reference.metrics[metric], folds, reference.folds
    units = len(names) if flips else units_of(subject.evaluator, metric, len(names))  # which count without any alone
    agreement |= change_of(metric, direction, *both, flips, units)
    agreement["examples_needed"] = 0 if unexplained else examples_needed(agreement, budget.accuracy_drop)
    size, latency, ops = size_bytes(path), _latency(subject.runner, job.samples[0]), exporter.ops(path)
    failures = (*unexplained, *failures_of(exporter, agreement, size, latency, ops, budget))
    if failures:
        agreement["examples_needed"] = 0
    notes = (*notes_of(agreement, budget, getattr(subject.runner, "delegate", "xnnpack")), *subject.notes())
    weights = gzip_bytes(path), exporter.zeros(path)
    measured = (*weights, latency, metrics, agreement, exporter.signature(path), ops, notes, failures)
    coverage = coverage_of(subject.evaluator, len(names))
    return Artifact(exporter.spec, path, sha256(path), size, *measured, coverage=coverage)


def _flips(subject, reference):
    """How many decisions of a file are not the trained model's."""
    if not len(reference.decisions):
        return sum(subject.flips)
    return sum(bool(a != b) for a, b in zip(subject.evaluator.decisions(), reference.decisions, strict=True))


def _explained(subject, names, split, job, rounding):
    """(what rounding explains of a file's differences, lines about what it does not); (None, ()) of integer files.

    The bound comes from a few examples. Where one differs by more, rounding is drawn for that very example, since some
    decisions are much closer than others; and of a file of rounded weights it is asked whether it is anything else.
    """
    precision = subject.exporter.precision
    if precision is None:
        return None, ()
    errors, tolerance = np.where(subject.unlike, 0.0, subject.errors), rounding.tolerance(precision)
    far = [i for i in np.argsort(-errors, kind="stable")[:LOOKED_AT] if errors[i] > tolerance]
    examples = examples_at(split, job.served.arch, far)
    own = rounding.of(examples, precision)
    beyond = {number: examples[number] for number in far if errors[number] > own[number]}
    for number in _beyond_exact(subject, beyond, job, rounding):
        explained = f"its arithmetic explains {max(own[number], tolerance):.2g}"
        return tolerance, (f"differs from the trained model by {errors[number]:.2g} on {names[number]}; {explained}",)
    return max([tolerance, *(errors[i] for i in far)]), ()


def _beyond_exact(subject, examples, job, rounding):
    """The keys of examples whose difference the rounding of weights does not explain: all, unless it is a file of
    rounded weights and nothing else (`Exporter.exact`), and the same file of exact weights predicts as the trained
    model does, within the bound of float32.

    Where a decision hangs by a thread, no number of draws of what rounding does finds all that it can do.
    """
    content = subject.exporter.exact(subject.path, job) if examples else None
    if content is None:
        return list(examples)
    own, arch = rounding.of(examples, "float32"), job.served.arch
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / subject.path.name
        path.write_bytes(content)
        runner = subject.exporter.open(path, arch)
        apart = {k: arch.compare(as_numpy(job.served.judge(x)), runner(x))[0][0] for k, x in examples.items()}
    return [k for k, error in apart.items() if not error <= max(own[k], rounding.tolerance("float32"))]


def _latency(runner, sample):
    """Median milliseconds of one example through the file, geometry aside, after three runs that are not counted."""
    feed = sample
    if runner.takes_prepared:
        feed = {k: np.asarray(v) for k, v in runner.arch.at_graph_size(runner.prepare(sample)[0]).items()}
    seconds = []
    for _ in range(LATENCY_RUNS + 3):
        start = time.perf_counter()
        runner.infer(feed)
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds[3:])


def sha256(path):
    """Of a file; of a folder, of what `sha256sum` prints of its files, sorted by name.

    A folder's contract.json and preprocess_examples.npz are left out, as in `size_bytes`: the one holds the sum, and
    both are written when it is known. By hand, in the folder, with LC_ALL=C:
    find . -type f ! -name contract.json ! -name preprocess_examples.npz | sort | sed 's|^./||' |
    xargs sha256sum | sha256sum
    """
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    rows = [f"{sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files_below(path)]
    return hashlib.sha256("".join(rows).encode()).hexdigest()
