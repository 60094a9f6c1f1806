"""One version of a model in memory: a SavedModel with its signatures."""

import pathlib

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import said
from kerasvision.data.kinds.base import ENCODED
from kerasvision.export.identity import check_saved_model
from kerasvision.export.suspected import SIGNATURE
from kerasvision.export.targets.saved_model import FEATURES
from kerasvision.export.targets.tf_serving import warmup_requests
from kerasvision.ops.internals import meta_graph
from kerasvision.serve.drift import watch_of
from kerasvision.serve.guard import check_images
from kerasvision.serve.status import Code, ServingError, invalid
from kerasvision.serve.suspicion import Suspicion

DEFAULT = "serving_default"


class Servable:
    """A SavedModel that is loaded and has run its warm-up requests. name, version: of the model. path: its folder.

    Raises whatever is wrong with the files when it is made, before it is served.
    """

    def __init__(self, name, version, path):
        self.name, self.version, self.path = name, version, pathlib.Path(path)
        check_saved_model(self.path)
        self._model = tf.saved_model.load(str(path))
        self.signature_defs = _signature_defs(self.path)
        self._functions = dict(self._model.signatures)
        if DEFAULT not in self._functions:
            raise ServingError(Code.FAILED_PRECONDITION, f"{path} has no signature {DEFAULT!r}")
        self.warmed = self._warm_up()
        suspects = self._functions.get(SIGNATURE)
        self.watch = watch_of(
            self.path, self._features if FEATURES in self._functions else None, suspects and Suspicion(suspects)
        )

    def inputs_of(self, signature):
        """Input name -> TensorInfo. signature: "" for the default one."""
        name = signature or DEFAULT
        if name not in self.signature_defs:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        return self.signature_defs[name].inputs

    def predict(self, inputs, signature=""):
        """Input name -> numpy array to output name -> numpy array: `checked`, then `run`. signature: "" for the default
        one.
        """
        return self.run(self.checked(inputs, signature), signature)

    def checked(self, inputs, signature, output_filter=()):
        """Input name -> numpy array of the dtype and shape that the signature takes. output_filter: names of outputs.

        Raises ServingError of a wrong name, dtype or shape, and of an output that the signature has not.
        """
        definition = self.check_names(inputs, signature)
        for key in output_filter:
            if key not in definition.outputs:
                expected = ",".join(sorted(definition.outputs))
                raise invalid(
                    f"output tensor alias not found in signature: {key} Outputs expected to be in the set "
                    f"{{{expected}}}."
                )
        arrays = {key: _checked(key, np.asarray(value), definition.inputs[key]) for key, value in inputs.items()}
        for key in arrays:
            if key.endswith(ENCODED) and arrays[key].dtype.kind in "OSU":
                arrays[key] = check_images(arrays[key])
        return arrays

    def check_names(self, names, signature):
        """The SignatureDef of a signature. Raises ServingError: FAILED_PRECONDITION where there is none of that name,
        INVALID_ARGUMENT unless it takes inputs of these names.
        """
        name = signature or DEFAULT
        if name not in self._functions:
            raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        definition = self.signature_defs[name]
        _check_names(set(names), set(definition.inputs))
        return definition

    def run(self, inputs, signature):
        """Inputs that are `checked` -> output name -> numpy array. Raises ServingError where the graph finds an
        argument wrong (INVALID_ARGUMENT) or memory is short (RESOURCE_EXHAUSTED); any other error of the graph as it
        is.
        """
        try:
            answer = self._functions[signature or DEFAULT](**{k: tf.constant(v) for k, v in inputs.items()})
        except (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError) as error:
            raise invalid(said(error) or _reason(error.message)) from None
        except tf.errors.ResourceExhaustedError:
            raise ServingError(Code.RESOURCE_EXHAUSTED, "there is not the memory for it; send less at once") from None
        return {key: value.numpy() for key, value in answer.items()}

    def _features(self, images):
        return self._functions[FEATURES](image=tf.constant(images))["features"].numpy()

    def _warm_up(self):
        """Runs the requests that the export has left, as TensorFlow Serving does; how many there were."""
        requests = list(warmup_requests(self.path))
        for inputs, signature in requests:
            self.predict(inputs, signature)
        return len(requests)


def _reason(message):
    """The line of TensorFlow's message that says what was wrong: it stands before the name of the node."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    before = next((i for i, line in enumerate(lines) if "[[{{node" in line), 1)
    return lines[max(0, before - 1)][:500] if lines else "the graph failed"


def _signature_defs(path):
    return dict(meta_graph(path).signature_def)


def _check_names(sent, wanted):
    if sent != wanted:
        extra, missing = (",".join(sorted(names)) for names in (sent - wanted, wanted - sent))
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{','.join(sorted(sent))}}}) != "
            f"len({{{','.join(sorted(wanted))}}}). Sent extra: {{{extra}}}. Missing but required: {{{missing}}}."
        )


def _checked(key, value, info):
    """The array, if it is of the dtype and of a shape that the signature takes."""
    dtype, shape = tf.as_dtype(info.dtype), tf.TensorShape(info.tensor_shape)
    given = tf.string if value.dtype.kind in "OSU" else tf.as_dtype(value.dtype)
    if given != dtype:
        raise invalid(f"Expects {key} to be {dtype.name} but {given.name} is provided")
    if not shape.is_compatible_with(value.shape):
        raise invalid(f"Expects {key} to have the shape {shape} but {tf.TensorShape(value.shape)} is provided")
    return value
