"""A model of sounds over a recording longer than what it hears: windows with their times (`edge/hearing.py`)."""

import dataclasses
import typing

import numpy as np

from kerasvision.core.errors import UsageError, spoken
from kerasvision.edge import hearing
from kerasvision.inference.prediction import Prediction


@dataclasses.dataclass(frozen=True)
class _Listening:
    """What a `Prediction` asks of an architecture. one: the model's own, of a window."""

    one: typing.Any
    registered_name: str
    outputs: dict
    showing: typing.Any

    def describe(self, heard, classes):
        """JSON values of what `hearing.listened` gave, as `hearing.described` has them. classes: names."""
        return hearing.described(heard, lambda values: self.one.describe(values, classes))


class SoundWindows:
    """Final. A model of sounds (`api.Model`: a run, a SavedModel or a file) that hears the whole of a recording. It
    reads and predicts one example, as the model does. hop_s: from one window to the next, or None: half of a window.
    """

    def __init__(self, model, hop_s=None):
        arch = model.arch
        if "audio" not in arch.serving_inputs() or "probabilities" not in arch.outputs:
            takes = ", ".join(arch.serving_inputs())
            raise UsageError(f"windows slide over a sound; {arch.registered_name} takes {takes}")
        try:
            self._hop_s = hearing.hop_of(hop_s, arch.seconds)
        except ValueError as error:
            raise UsageError(str(error)) from None
        self._model, self.arch, self.read = model, arch, model.read
        self._listening = _Listening(arch, arch.registered_name, arch.outputs, arch.showing)

    def predict(self, given):
        """The `Prediction` of the path of a recording, or of (float32 [N], samples a second)."""
        inputs, read = self.read(given)
        return self.predict_one(inputs, read=read)

    def predict_one(self, inputs, tidy=None, name="", read=None):
        """The `Prediction` for {"audio": float32 [N], "rate"}: arrays [W, ...] of all windows, with their `from_s` and
        `to_s`. tidy: as `api.Model` has it, for masks, which sounds have none of.
        """

        def ask(windows, rate):
            return self._model({"audio": windows, "rate": np.full(len(windows), rate, np.int32)})

        with spoken():
            heard = hearing.listened(ask, inputs["audio"], int(inputs["rate"]), self._model.arch.seconds, self._hop_s)
        return Prediction(self._listening, self._model.classes, heard, name, read)
