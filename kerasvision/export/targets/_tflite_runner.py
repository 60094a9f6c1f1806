"""How a .tflite answers."""

import numpy as np

from kerasvision.export.base import Runner
from kerasvision.export.targets._tflite_operators import interpreter
from kerasvision.inference.batches import batches_of_one, joined

DEFAULT = "serving_default"  # the signature that predicts


class TFLiteRunner(Runner):
    """A .tflite in the LiteRT interpreter, one example at a time. signature: the one that predicts. takes_prepared: see
    `Runner`.
    """

    def __init__(self, path, arch, threads=None, signature=DEFAULT, takes_prepared=True):
        super().__init__(arch)
        self.takes_prepared = takes_prepared
        self.delegate = "xnnpack"
        try:
            self._interpreter = interpreter(model_path=str(path), threads=threads)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError):
            # XNNPACK refuses a file in which a calibrated activation was always zero; the plain kernels take it
            self.delegate = "none"
            self._interpreter = interpreter(model_path=str(path), threads=threads, delegates=False)
            self._interpreter.allocate_tensors()
        self._run = self._interpreter.get_signature_runner(signature)
        self._functions = {}
        self._inputs = self._run.get_input_details()
        self._outputs = self._run.get_output_details()

    def infer(self, inputs):
        count = len(next(iter(inputs.values())))
        if count == 1:
            return self._one(inputs)
        return joined([self._one(one) for one in batches_of_one(inputs)])

    def call(self, name, inputs):
        if name not in self._interpreter.get_signature_list():
            return super().call(name, inputs)
        if name not in self._functions:
            self._functions[name] = self._interpreter.get_signature_runner(name)
        run = self._functions[name]
        details, given = run.get_input_details(), run.get_output_details()
        feed = {k: np.asarray(v).astype(details[k]["dtype"], copy=False) for k, v in inputs.items()}
        return {k: _real(v, given[k]) for k, v in run(**feed).items()}

    def raw(self, inputs):
        """One example as the file takes it -> what the file gives, integers where it gives integers."""
        return self._run(**inputs)

    def _one(self, inputs):
        feed = {k: v.astype(self._inputs[k]["dtype"], copy=False) for k, v in inputs.items()}
        return {k: _real(v, self._outputs[k]) for k, v in self._run(**feed).items()}


def _real(value, details):
    """Quantized scores of an `io="uint8"` file as the numbers they stand for."""
    scale, zero = details["quantization"]
    return (value.astype(np.float32) - zero) * scale if scale else value
