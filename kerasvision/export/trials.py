"""Many files of one model, each judged on the same prepared examples of a split against what the model answers there.

Examples are read, decoded and fitted once. What is measured is what the certificate measures (`verdict`).
"""

import dataclasses
import pathlib
import tempfile
import time

import numpy as np
import tensorflow as tf

from kerasvision.data.pipeline import raw_examples
from kerasvision.export.targets.tflite import TFLiteRunner
from kerasvision.export.verdict import change_of, examples_needed, gained, require_finite, units_of
from kerasvision.inference.evaluation import as_numpy, evaluator_of, gallery_of, show_gallery
from kerasvision.inference.folds import fold_metrics

TIMED = 30  # calls, of which the median counts


@dataclasses.dataclass(frozen=True)
class Trial:
    """What one file loses on `examples` examples. agreement: as `verdict.change_of` has it, with `flips`. error: mean
    over the examples of the largest difference of a score. size_bytes, latency_ms: of the file.
    """

    agreement: dict
    error: float
    size_bytes: int
    latency_ms: float

    @property
    def change(self):
        """Of the metric, above 0 where the file is better."""
        return gained(self.agreement)[2]

    @property
    def low(self):
        """The lower end of the change's 95 % interval."""
        return gained(self.agreement)[0]

    @property
    def high(self):
        """The upper end of the change's 95 % interval."""
        return gained(self.agreement)[1]

    def needed(self, drop):
        """How many examples would tell whether the metric falls by no more than `drop`, 0 where these do."""
        return examples_needed(self.agreement, drop)


class Trials:
    """The examples, and what the model that files are made of answers to them.

    arch, classes: the model's. splits: of its data, by name; split_name: of the one to judge on. answer: serving inputs
    -> the (judged) prediction, numpy. metric: of the recipe. limit: at most so many examples.

    Raises KerasVisionError where the metric is not finite.
    """

    def __init__(self, arch, classes, splits, split_name, answer, metric="", limit=None):
        self._arch, self._classes, self._split = arch, classes, splits[split_name]
        self.split_name, self.metric, self._direction = split_name, *arch.chosen_by(metric, classes)
        evaluator = evaluator_of(arch, classes, self._split)
        self._gallery = gallery_of(evaluator, splits, split_name)
        show_gallery(lambda inputs: self._plain(answer(inputs)), [evaluator], self._gallery, arch)
        self._held, fit = [], tf.function(arch.geometry, input_signature=[arch.serving_specs()], autograph=False)
        for inputs, ground_truth, _ in raw_examples(self._split, arch, limit=limit):
            judged = answer(inputs)
            evaluator.update(self._plain(judged), ground_truth)
            fitted = map(as_numpy, fit({k: tf.constant(v) for k, v in inputs.items()}))
            self._held.append((*fitted, judged, ground_truth))
        self.size = sum(len(next(iter(judged.values()))) for *_, judged, _ in self._held)
        self.value = self._value(evaluator, "the trained model")
        self._folds, self._decisions = fold_metrics(evaluator, self.metric, self.size), evaluator.decisions()
        self.units = units_of(evaluator, self.metric, self.size)

    def of(self, content):
        """Bytes of a .tflite with prepared inputs -> its `Trial`: what it loses on all examples, its size and time."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.tflite"
            path.write_bytes(content)
            return self.of_runner(TFLiteRunner(path, self._arch), len(content))

    def of_runner(self, runner, size_bytes):
        """The `Trial` of a `Runner` that takes prepared inputs."""
        evaluator = evaluator_of(self._arch, self._classes, self._split)
        show_gallery(runner, [evaluator], self._gallery, self._arch)
        errors, flips = [], []
        for prepared, geometry, judged, ground_truth in self._held:
            prediction = self._arch.predict_through(runner.infer, prepared, geometry)
            apart, flipped = self._arch.compare(judged, prediction)
            errors.extend(map(float, apart))
            flips.extend(map(bool, flipped))
            evaluator.update(prediction, ground_truth)
        value = self._value(evaluator, "a file")
        if len(self._decisions):
            flips = [bool(a != b) for a, b in zip(evaluator.decisions(), self._decisions, strict=True)]
        agreement = self._agreement(evaluator, value, sum(flips))
        return Trial(agreement, float(np.mean(errors)), size_bytes, self._ms(runner))

    def _agreement(self, evaluator, value, flips):
        folds = fold_metrics(evaluator, self.metric, self.size), self._folds
        units = self.size if flips else self.units
        change = change_of(self.metric, self._direction, value, self.value, *folds, flips, units)
        return {"examples": self.size, "flips": flips, "tolerance": None, "value": value} | change

    def _value(self, evaluator, whose):
        metrics = evaluator.result()
        require_finite(metrics, self.metric, whose)
        return metrics[self.metric]

    def _plain(self, judged):
        return {k: v for k, v in judged.items() if k in self._arch.outputs}

    def _ms(self, runner):
        """Median milliseconds of one example through the file."""
        prepared = {k: v[:1] for k, v in self._held[0][0].items()}
        feed = {k: np.asarray(v) for k, v in self._arch.at_graph_size(prepared).items()}
        seconds = []
        for _ in range(TIMED + 3):
            start = time.perf_counter()
            runner.infer(feed)
            seconds.append(time.perf_counter() - start)
        return 1000 * float(np.median(seconds[3:]))
