"""A file without gradients, such as an .onnx, for whoever explains it by scores alone."""

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError

_LEAST = 1e-30  # probability: its logarithm is a logit
_ALONE = "ask by scores alone: --method occlusion, rise, of objects d_rise"


class AskedFile:
    """What a file answers, in place of its graph (as `twin.graph.TwinGraph`, without slopes). Of a classifier or a
    segmenter logits are logarithms of its probabilities, of independent labels of their odds; of a detector, a
    regressor or an embedder raw outputs are what its targets make of the answer (`Targets.raw_of`).

    path, runner: of the file. graph: a Keras model of its structure. Raises UsageError of other families.
    """

    def __init__(self, path, runner, graph):
        self._path, self._runner, self._graph, self._arch = path, runner, graph, runner.arch
        self._targets, given = self._arch.targets(), self._arch.file_outputs()
        self._answered = self._targets.answered
        is_known = set(self._answered) <= set(given) if self._answered else "probabilities" in given
        if not is_known or (not self._answered and list(self._arch.class_logits) != ["logits"]):
            raise UsageError(
                f"{path} has no gradients, and by scores alone classifiers, segmenters, detectors, regressors and "
                f"embedders are explained; {self._arch.registered_name} is none: name its run, a SavedModel or a "
                ".tflite"
            )

    def has(self, tensor):
        """No inner tensor is known: always an error."""
        raise UsageError(f"{self._path} does not show its inner tensors; {_ALONE}")

    def values(self, prepared, tensors):
        """Prepared inputs by key, [B, ...], and a nest of the graph's outputs -> their values, float32 [B, ...]; where
        targets make raw outputs of the answer, all that they make, by key.
        """
        asked, outputs = tf.nest.flatten(tensors), tf.nest.flatten(self._graph.output)
        if any(all(tensor is not one for one in outputs) for tensor in asked):
            raise UsageError(f"{self._path} does not show its inner tensors; {_ALONE}")
        answer = self.predicted(prepared)
        if self._answered:
            return self._targets.raw_of(answer)
        logits = tf.constant(self._logits(np.asarray(answer["probabilities"])))
        return tf.nest.map_structure(lambda _: logits, tensors)

    def predicted(self, prepared):
        """Prepared inputs by key, [B, ...], values of any number type -> what the file answers, by key. Pixels are
        rounded, as the file takes them.
        """
        specs = self._arch.prepared_inputs()
        given = {key: _as_taken(np.asarray(value), specs[key].dtype.as_numpy_dtype) for key, value in prepared.items()}
        return {key: tf.constant(value) for key, value in self._runner.infer(given).items()}

    def _logits(self, probabilities):
        logits = np.log(np.maximum(probabilities, _LEAST))
        if self._arch.class_logits["logits"] == "sigmoid":
            logits -= np.log(np.maximum(1 - probabilities, _LEAST))
        factors = getattr(self._arch, "class_factors", ())
        return (logits - np.log(factors) if factors else logits).astype(np.float32)


def _as_taken(value, dtype):
    """With the type of number that a file takes."""
    return np.rint(np.clip(value, 0, 255)).astype(dtype) if dtype == np.uint8 else value.astype(dtype)
