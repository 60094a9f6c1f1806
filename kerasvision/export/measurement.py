"""What is measured of an exported file: metrics, agreement with the trained model, operators, size and latency."""

import dataclasses
import hashlib
import pathlib
import statistics
import time

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import raw_examples
from kerasvision.export.arithmetic import arithmetic_of
from kerasvision.export.base import files_below, gzip_bytes, size_bytes
from kerasvision.export.profile import Profile

FOLDS = 20  # of the jackknife
LATENCY_RUNS = 30


@dataclasses.dataclass(frozen=True)
class Artifact:
    """What was measured of one exported file. agreement: with the trained model, over `examples` real examples.

    signature: what the file itself says it takes and gives. gzip_bytes: of all its files, each compressed by gzip -9:
    what a download weighs. zeros: share of zeros among the weights of kernels, None where a format does not tell.

    agreement holds `max_error` (largest difference of a score), `tolerance` (None: no bound can be derived for integer
    arithmetic), `flips` and `flip_rate` (changed decisions), `metric_change` (metric minus the trained model's) with
    `metric_change_interval` (95 %, jackknife), `worst` (the example of the largest difference).
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

    @property
    def verdict(self):
        """`pass`; `FAIL` where the evidence is against it; `unclear` where the examples are too few to tell."""
        if self.failures:
            return "FAIL"
        return "unclear" if any("too few" in note for note in self.notes) else "pass"

    @property
    def select_ops(self):
        """Operators that a plain TFLite interpreter lacks."""
        return [op for op in self.ops if op.startswith(("Flex", "Custom"))]


@dataclasses.dataclass(frozen=True)
class Reference:
    """The trained model on the evaluation split: its predictions in order, its metrics, the scale of its raw, and what
    inputs and answers looked like (`export.profile`).
    """

    split: str
    size: int
    predictions: list
    metrics: dict
    folds: list
    arithmetic: object
    profile: dict


def reference_of(served, graph, split, split_name, limit):
    held, scale = [], 0.0
    evaluator, profile = served.arch.evaluator(served.classes), Profile()
    raw_scale = _raw_scale(served)
    for inputs, truth, _ in raw_examples(split, served.arch, limit=limit):
        prediction = {k: v.numpy() for k, v in served.serve(inputs).items()}
        scale = max(scale, float(raw_scale(inputs)))
        held.append(prediction)
        evaluator.update(prediction, truth)
        profile.see(inputs, prediction, served.features(inputs)["features"].numpy() if served.features else None)
    size = sum(_count(p) for p in held)
    folds, arithmetic = _folds(evaluator, size), arithmetic_of(graph, scale)
    return Reference(split_name, size, held, evaluator.result(), folds, arithmetic, profile.result())


def _raw_scale(served):
    """A function: serving inputs -> the largest magnitude in raw, of what becomes scores: pixels (`_xyxy`) do not."""

    def largest(inputs):
        prepared, _ = served.arch.geometry(inputs)
        raw = served.apply_graph(served.arch.normalize(served.arch.own_size(prepared)))
        return tf.reduce_max(
            [tf.reduce_max(tf.abs(tf.cast(v, tf.float32))) for k, v in raw.items() if not k.endswith("_xyxy")]
        )

    return tf.function(largest, input_signature=[served.arch.serving_inputs()], autograph=False)


def _count(prediction):
    return len(next(iter(prediction.values())))


def _folds(evaluator, size):
    """The metrics of all examples but each fold's: None where that leaves nothing to evaluate."""
    fold = np.arange(size) % FOLDS
    return [_result(evaluator, np.flatnonzero(fold != k)) for k in range(FOLDS)]


def _result(evaluator, examples):
    try:
        return evaluator.result(examples) if len(examples) else None
    except ValueError:
        return None


def measure(exporter, path, job, split, reference, budget, limit):
    arch = job.served.arch
    runner = exporter.open(path, arch)
    evaluator = arch.evaluator(job.served.classes)
    errors, flips, names = [], [], []
    batches = zip(reference.predictions, raw_examples(split, arch, limit=limit), strict=True)
    for expected, (inputs, truth, batch_names) in batches:
        prediction = runner(inputs)
        error, flip = arch.compare(expected, prediction)
        evaluator.update(prediction, truth)
        errors, flips, names = [*errors, *error], [*flips, *flip], [*names, *batch_names]
    _refuse_not_finite(exporter, errors, names)
    metrics, folds = evaluator.result(), _folds(evaluator, len(errors))
    tolerance = exporter.tolerance(reference.arithmetic)
    agreement = _agreement(arch, reference, metrics, folds, np.array(errors), np.array(flips), names, tolerance)
    size, latency = size_bytes(path), _latency(runner, job.samples[0])
    weights = gzip_bytes(path), exporter.zeros(path)
    ops = exporter.ops(path)
    failures = _failures(exporter, agreement, size, latency, ops, budget)
    notes = () if getattr(runner, "delegate", "xnnpack") == "xnnpack" else ("runs without XNNPACK",)
    if not failures and -agreement["metric_change"] > budget.accuracy_drop:
        notes = (*notes, f"{len(errors)} examples are too few to tell whether it keeps the budget")
    signature, digest = exporter.signature(path), sha256(path)
    measured = (*weights, latency, metrics, agreement, signature, ops, notes, failures)
    return Artifact(exporter.spec, path, digest, size, *measured)


def _refuse_not_finite(exporter, errors, names):
    """NaN is larger than no tolerance, and no metric can be made of it."""
    wrong = np.flatnonzero(~np.isfinite(errors))
    if len(wrong):
        raise KerasVisionError(
            f"nothing was exported: {exporter.spec} gives scores that are not finite on {names[wrong[0]]}"
        )


def _agreement(arch, reference, metrics, folds, errors, flips, names, tolerance):
    change = metrics[arch.main_metric] - reference.metrics[arch.main_metric]
    pairs = [(a, b) for a, b in zip(folds, reference.folds, strict=True) if a and b]
    changes = np.array([a[arch.main_metric] - b[arch.main_metric] for a, b in pairs])
    # delete-a-group jackknife: Kott 2001, "The Delete-a-Group Jackknife", J. Official Statistics 17(4), equation 2
    spread = (
        1.96 * np.sqrt((len(changes) - 1) / len(changes) * ((changes - change) ** 2).sum()) if len(changes) else 0.0
    )
    worst = int(errors.argmax())
    return {
        "examples": len(errors),
        "max_error": float(errors.max()),
        "tolerance": tolerance,
        "flips": int(flips.sum()),
        "flip_rate": float(flips.mean()),
        "metric": arch.main_metric,
        "metric_change": float(change),
        "metric_change_interval": [float(change - spread), float(change + spread)],
        "worst": names[worst],
    }


def _failures(exporter, agreement, size, latency, ops, budget):
    failures = []
    if agreement["tolerance"] is not None and agreement["max_error"] > agreement["tolerance"]:
        failures.append(
            f"differs from the trained model by {agreement['max_error']:.2g} on {agreement['worst']}; its arithmetic "
            f"explains {agreement['tolerance']:.2g}"
        )
    if agreement["metric_change_interval"][1] < -budget.accuracy_drop:
        failures.append(
            f"{agreement['metric']} falls by {-agreement['metric_change']:.4f} (worst on {agreement['worst']}); "
            f"budget.accuracy_drop is {budget.accuracy_drop:g}"
        )
    if budget.size_bytes is not None and size > budget.size_bytes:
        failures.append(f"has {size} bytes; budget.size_bytes is {budget.size_bytes}")
    if budget.latency_ms is not None and latency > budget.latency_ms:
        failures.append(f"needs {latency:.2f} ms; budget.latency_ms is {budget.latency_ms:g}")
    flex = [op for op in ops if op.startswith("Flex")]
    if exporter.spec.startswith(("tflite", "mediapipe")) and flex:
        failures.append(f"needs Select-TF operators, which phones lack: {', '.join(flex)}")
    return tuple(failures)


def _latency(runner, sample):
    """Median milliseconds of one example through the file, geometry aside, after three runs that are not counted."""
    feed = sample
    if runner.takes_prepared:
        feed = {k: np.asarray(v) for k, v in runner.arch.own_size(runner.prepare(sample)[0]).items()}
    seconds = []
    for _ in range(LATENCY_RUNS + 3):
        start = time.perf_counter()
        runner.infer(feed)
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds[3:])


def sha256(path):
    """Of a file; of a folder, of what `sha256sum` prints of its files, sorted by name.

    A folder's contract.json is left out, as in `size_bytes`: it holds the sum. By hand, in the folder:
    find . -type f ! -name contract.json | sort | sed 's|^./||' | xargs sha256sum | sha256sum (with LC_ALL=C)
    """
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    rows = [f"{sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files_below(path)]
    return hashlib.sha256("".join(rows).encode()).hexdigest()
