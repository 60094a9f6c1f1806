"""A file without gradients, such as an .onnx, for whoever explains it by scores alone."""

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import UsageError

_LEAST = 1e-30  # probability: its logarithm is a logit
_ALONE = "ask by scores alone: --method occlusion, rise"


class AskedFile:
    """What a classifier's file answers, in place of its graph (as `twin.graph.TwinGraph`, without slopes): logits are
    logarithms of its probabilities, of independent labels of their odds.

    path, runner: of the file. graph: a Keras model of its structure. Raises UsageError of what is no classifier.
    """

    def __init__(self, path, runner, graph):
        self._path, self._runner, self._graph, self._arch = path, runner, graph, runner.arch
        if list(self._arch.class_logits) != ["logits"] or "probabilities" not in self._arch.outputs:
            raise UsageError(
                f"{path} has no gradients, and by scores alone classifiers are explained; {self._arch.registered_name} "
                "is none: name its run, a SavedModel or a .tflite"
            )

    def has(self, tensor):
        """No inner tensor is known: always an error."""
        raise UsageError(f"{self._path} does not show its inner tensors; {_ALONE}")

    def values(self, prepared, tensors):
        """Prepared inputs by key, [B, ...], and a nest of the graph's outputs -> their values, float32 [B, ...]."""
        if any(tensor is not self._graph.output["logits"] for tensor in tf.nest.flatten(tensors)):
            raise UsageError(f"{self._path} does not show its inner tensors; {_ALONE}")
        logits = self._logits(np.asarray(self.predicted(prepared)["probabilities"]))
        return tf.nest.map_structure(lambda _: tf.constant(logits), tensors)

    def predicted(self, prepared):
        """Prepared inputs by key, [B, ...], pixels of any number type -> what the file answers, by key."""
        given = {key: np.asarray(value) for key, value in prepared.items()}
        pixels = {key: np.rint(np.clip(value, 0, 255)).astype(np.uint8) for key, value in given.items()}
        return {key: tf.constant(value) for key, value in self._runner.infer(pixels).items()}

    def _logits(self, probabilities):
        logits = np.log(np.maximum(probabilities, _LEAST))
        if self._arch.class_logits["logits"] == "sigmoid":
            logits -= np.log(np.maximum(1 - probabilities, _LEAST))
        factors = getattr(self._arch, "class_factors", ())
        return (logits - np.log(factors) if factors else logits).astype(np.float32)
