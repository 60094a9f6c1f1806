"""What is held against an export beside its metric: the run's own record, and everything that travels with a file.

`measure` compares a file with the trained model as this process has it. Were that model, its preprocessing or its
decoding wrong, both would be wrong alike; so the model is held against what the run answered when it was evaluated
(`record`), and each signature and each accompanying file against what it is said to be.
"""

import pathlib

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.class_names import as_lines
from kerasvision.data.pipeline import raw_examples
from kerasvision.export.goldens import same_inputs
from kerasvision.inference import record as records
from kerasvision.inference.batches import batches_of_one

SHUFFLED = ((4, 2), (0, 3, 1, 4, 2), (1,), (3, 0))  # batches of 2, 5 and 1 of five examples, none of them in order


def check_record(record, trained, served, split, rounding):
    """Raises KerasVisionError where the model to be exported does not predict what its run did when it was evaluated.

    record: an `inference.record.Record`, or None. rounding: a `Rounding`. Returns lines about what could not be
    compared.
    """
    if record is None:
        return ("no record of an evaluation: compared with the model as it was given",)
    if record.weights != records.weights_sum(trained.graph):
        raise KerasVisionError(
            f"nothing was exported: the weights of {trained.folder} are not those that were evaluated when its "
            "training ended; restore model.weights.h5, or train again"
        )
    known = {digest: prediction for _, digest, prediction in record.predictions}
    for part in (records.recorded_examples(split), split):  # all of it where the data has become other data
        for inputs, _, names in raw_examples(part, served.arch) if known else ():
            for name, one in zip(names, batches_of_one(inputs), strict=True):
                if expected := known.pop(records.sum_of(one), None):
                    _require_recorded(expected, ("recorded", name), one, trained, served, rounding)
    if known:
        counted = f"{len(known)} of {len(record.predictions)} examples"
        return (f"{counted} that the run was recorded on are no longer in the data",)
    return ()


def _require_recorded(expected, key, inputs, trained, served, rounding):
    # what was recorded is told from what the module chose among, as rounding is drawn: a box that only just was found
    # is near a candidate, and may be far from all others that were found
    whole = {k: v.numpy() for ask in (served.judge, served.serve) for k, v in ask(inputs).items()}
    if line := _apart(served.arch, whole, expected, key, inputs, rounding):
        who = _blamed(trained, expected, key, inputs, rounding)
        raise KerasVisionError(f"nothing was exported: {who} (on {key[1]} it {line})")


def _blamed(trained, expected, key, inputs, rounding):
    """What differs from the record: the model itself, or the module that exports are made of."""
    prediction = records.predicted_by(trained.arch, trained.graph, inputs)
    if _apart(trained.arch, expected, prediction, key, inputs, rounding):
        return "preprocessing or decoding is not what it was when the run was evaluated; the model answers otherwise"
    return "the module that exports are made of does not answer as the trained model does"


def check_metric(record, reference, metric, limit):
    """Raises KerasVisionError where the metric of this export's evaluation is not the one that the run has recorded, as
    far as both are of the same split and all its examples. reference: `measurement.Reference`.
    """
    if record is None or limit or record.size != reference.size or record.split != reference.split:
        return
    before, now = record.metrics.get(metric), reference.metrics[metric]
    most = max(records.MOVED, records.MOVED_EXAMPLES / record.size) * max(1.0, abs(now))  # errors may be in any unit
    if before is not None and abs(before - now) > most:
        raise KerasVisionError(
            f"nothing was exported: the model has {metric} {now:.4f} on the {record.split} split and had {before:.4f} "
            f"when its run was evaluated, more than {most:.2g} apart; its data or its code has changed"
        )


def _apart(arch, expected, prediction, key, inputs, rounding):
    """A line about what rounding does not explain of two predictions for one example; None: it explains all.

    key: of the example, for `Rounding.of`.
    """
    error = float(arch.compare(expected, prediction)[0][0])
    if error <= rounding.tolerance("float32"):
        return None
    own = rounding.of({key: inputs}, "float32")[key]
    return None if error <= own else f"differs by {error:.2g}, and rounding explains {own:.2g}"  # NaN is below nothing


class Judge:
    """What the trained model predicts for a few real examples, with which an artifact's other parts are compared.

    job: the export's `Job`. graph: the trained Keras model. rounding: a `Rounding` that has seen float32.
    """

    def __init__(self, job, graph, rounding):
        self.job, self.arch, self.graph = job, job.served.arch, graph
        self.samples = job.samples[:5]
        self._rounding = rounding
        self._expected = {}

    def expected(self, number):
        """The judged prediction of sample `number`, of `keras.Model` itself."""
        if number not in self._expected:
            self._expected[number] = records.predicted_by(self.arch, self.graph, self.samples[number])
        return self._expected[number]

    def predictions(self, what, number, prediction):
        """Yields a line unless the prediction for sample `number` is the trained model's within rounding."""
        if line := self._apart(self.expected(number), prediction, number):
            yield f"{what} {line}"

    def batches(self, runner):
        """Yields a line unless a `Runner` predicts examples in a batch, in any order, as it does alone."""
        alike = self._alike()
        if len(alike) < 2:
            return
        alone = [runner(one) for one in alike]
        for order in SHUFFLED:
            numbers = [n for n in order if n < len(alike)] or [1, 0]
            together = runner({k: np.concatenate([alike[n][k] for n in numbers]) for k in alike[0]})
            for at, number in enumerate(numbers):
                prediction = {k: v[at : at + 1] for k, v in together.items()}
                key = ("alike", number)
                if line := _apart(self.arch, alone[number], prediction, key, alike[number], self._rounding):
                    yield f"answers an example in a batch of {len(numbers)} otherwise than alone: it {line}"
                    return

    def _alike(self):
        """The samples, cut to the same size so that they form a batch; of volumes those with equal spacing."""
        spacing = self.samples[0].get("spacing_mm")
        rows = [s for s in self.samples if spacing is None or np.array_equal(s["spacing_mm"], spacing)]
        least = {k: np.min([row[k].shape for row in rows], 0) for k in rows[0]}
        return [{k: v[tuple(slice(0, side) for side in least[k])] for k, v in row.items()} for row in rows]

    def names(self, path, text=None):
        """Yields a line unless a file of class names, one a line, has those of the trained model. text: of the file,
        where it stands inside of another.
        """
        text = pathlib.Path(path).read_text(encoding="utf-8") if text is None else text
        wanted = as_lines(self.job.served.classes, "labels.txt")
        if text != wanted:
            yield f"has other class names in {pathlib.Path(path).name} than the trained model"

    def goldens(self, path):
        """Yields a line unless golden.npz holds real examples and the trained model's answers to them."""
        with np.load(path) as held:
            keys = {part: [k for k in held.files if k.startswith(part)] for part in ("input/", "output/")}
            for number, sample in enumerate(self.samples):
                prepared, _ = self.arch.geometry({k: tf.constant(v) for k, v in sample.items()})
                prepared = {k: np.asarray(v) for k, v in self.arch.at_graph_size(prepared).items()}
                given = {k.removeprefix("input/"): held[k][number : number + 1] for k in keys["input/"]}
                if not same_inputs(given, prepared):
                    yield f"has other inputs in {path.name} than the examples that it was made of"
                    return
                wanted, judged = self._fixed(prepared)
                prediction = {k.removeprefix("output/"): held[k][number : number + 1] for k in keys["output/"]}
                if set(wanted) != set(prediction) or not self._same(wanted, judged, prediction, number):
                    yield f"has other answers in {path.name} than the trained model gives"
                    return

    def _apart(self, expected, prediction, number):
        key = ("sample", number)
        return _apart(self.arch, expected, prediction, key, self.samples[number], self._rounding)

    def _same(self, wanted, judged, prediction, number):
        if set(wanted) == set(self.arch.outputs):
            return self._apart(judged, prediction, number) is None
        most = self._rounding.tolerance("float32")
        scale = {k: max(1.0, float(np.abs(v).max(initial=0.0))) for k, v in wanted.items()}  # pictures are in 0..255
        away = {k: np.abs(v.astype(np.float64) - prediction[k]).max(initial=0.0) for k, v in wanted.items()}
        return all(away[k] <= 2 * most * scale[k] for k in wanted)

    def _fixed(self, prepared):
        """(prediction in graph pixels, of `keras.Model`, the same with what `Architecture.judged` adds)."""
        raw = self.graph(self.arch.normalize({k: tf.constant(v) for k, v in prepared.items()}), training=False)
        geometry = self.arch.no_geometry({k: tf.constant(v) for k, v in prepared.items()})
        raw = {k: tf.cast(v, tf.float32) for k, v in raw.items()}
        found = (self.arch.decode(raw, geometry), self.arch.judged(raw, geometry))
        return tuple({k: v.numpy() for k, v in prediction.items()} for prediction in found)

    def embedding(self, number):
        """That of sample `number`, numpy float32 [1, D], of `keras.Model`."""
        prepared, _ = self.arch.geometry({k: tf.constant(v) for k, v in self.samples[number].items()})
        inner = keras.Model(self.graph.input, self.arch.embedding(self.graph))
        return tf.cast(inner(self.arch.normalize(prepared), training=False), tf.float32).numpy()
