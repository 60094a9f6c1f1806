"""Requests of tf.Example: Classify, Regress and MultiInference, refused in the words of TensorFlow Serving.

No signature of an image model takes them; models that were exported for them, such as TensorFlow Serving's own
examples, are served all the same.
"""

import abc

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

from kerasvision.serve.servable import DEFAULT
from kerasvision.serve.status import Code, ServingError, invalid
from kerasvision.serve.tensors import base64_content, shown

INPUTS = "inputs"  # of a signature for examples
_LARGEST = 2**63


class Method(abc.ABC):
    """What a signature for examples computes. Abstract. name: its method_name in a SignatureDef; kind: what messages
    call it.
    """

    name: str
    kind: str

    def check(self, servable, signature):
        """Raises ServingError where a servable has no such signature, or one that is not for this method."""
        key = signature or DEFAULT
        if key not in servable.signature_defs:
            raise invalid(f"No signature was found with the name: {key}")
        definition = servable.signature_defs[key]
        if definition.method_name != self.name:
            raise invalid(
                f"Expected {self.kind} signature method_name to be {self.name}. Was: {definition.method_name}"
            )
        if len(definition.inputs) != 1:
            raise invalid("Expected one input Tensor.")
        if INPUTS not in definition.inputs:
            raise ServingError(Code.FAILED_PRECONDITION, f"No {self.kind} inputs found in SignatureDef: {key}")
        self._check_outputs(set(definition.outputs), key)

    @abc.abstractmethod
    def _check_outputs(self, names, key): ...

    @abc.abstractmethod
    def result(self, outputs, count):
        """Outputs of `count` examples, name -> numpy array, as TensorFlow Serving's message. Raises ServingError where
        they do not fit.
        """

    @abc.abstractmethod
    def rows(self, result):
        """That message as JSON values, a row an example."""


class Classification(Method):
    """Final. [(label, score)] for each example, of outputs "classes" string [N, C], "scores" float [N, C], or both."""

    name, kind = tf.compat.v1.saved_model.signature_constants.CLASSIFY_METHOD_NAME, "classification"

    def _check_outputs(self, names, key):
        if len(names) not in (1, 2):
            raise invalid(f"Expected one or two output Tensors, found {len(names)}")
        if not names & {"classes", "scores"}:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                'Expected classification signature outputs to contain at least one of "classes" or "scores". '
                f"Signature was: {key}",
            )

    def result(self, outputs, count):
        held = {name: outputs[name] for name in ("classes", "scores") if name in outputs}
        for name, value in held.items():
            if value.ndim != 2:
                raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {list(value.shape)}")
            if value.shape[0] != count:
                raise invalid(f"Expected {name} output batch size of {count}. Got: {value.shape[0]}")
        if len({value.shape[1] for value in held.values()}) > 1:
            raise invalid("Tensors class and score should match in dim_size(1).")
        message = classification_pb2.ClassificationResult()
        for i in range(count):
            row = message.classifications.add()
            for j in range(next(iter(held.values())).shape[1]):
                label = held["classes"][i, j] if "classes" in held else b""
                row.classes.add(label=label, score=float(held["scores"][i, j]) if "scores" in held else 0.0)
        return message

    def rows(self, result):
        return [[[c.label, c.score] for c in row.classes] for row in result.classifications]


class Regression(Method):
    """Final. A number for each example, of the output "outputs" float [N] or [N, 1]."""

    name, kind = tf.compat.v1.saved_model.signature_constants.REGRESS_METHOD_NAME, "regression"

    def _check_outputs(self, names, key):
        if len(names) != 1:
            raise invalid("Expected one output Tensor.")
        if "outputs" not in names:
            raise ServingError(Code.FAILED_PRECONDITION, f"No regression outputs found in SignatureDef: {key}")

    def result(self, outputs, count):
        value = outputs["outputs"]
        if not (value.ndim == 1 or (value.ndim == 2 and value.shape[1] == 1)):
            raise invalid(
                f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {list(value.shape)}"
            )
        if value.shape[0] != count:
            raise invalid(f"Input batch size did not match output batch size: {count} vs. {value.shape[0]}")
        message = regression_pb2.RegressionResult()
        for number in value.reshape(-1):
            message.regressions.add(value=float(number))
        return message

    def rows(self, result):
        return [row.value for row in result.regressions]


CLASSIFY, REGRESS = Classification(), Regression()
METHODS = {method.name: method for method in (CLASSIFY, REGRESS)}


def evaluate(predictor, method, serialized, signature):
    """The message of a `Method` for examples. predictor: `answering.Predictor`. serialized: [bytes], a tf.Example each.
    signature: its name.
    """
    method.check(predictor.servable, signature)
    if not serialized:
        raise invalid("Input is empty.")
    return method.result(predictor.predict({INPUTS: np.array(serialized, object)}, signature), len(serialized))


def serialized_of(message):
    """[bytes], a tf.Example each, of TensorFlow Serving's Input message; the features of its context stand before each
    example's own.
    """
    if message.WhichOneof("kind") == "example_list_with_context":
        held = message.example_list_with_context
        common = held.context.SerializeToString()
        return [common + example.SerializeToString() for example in held.examples]
    return [example.SerializeToString() for example in message.example_list.examples]


def multi_inference(request, open_request):
    """TensorFlow Serving's MultiInferenceResponse for its MultiInferenceRequest: several signatures of one model on the
    same examples. open_request: a function ModelSpec -> context manager of `answering.Predictor`.
    """
    _check_tasks(request.tasks)
    serialized, response = serialized_of(request.input), inference_pb2.MultiInferenceResponse()
    with open_request(request.tasks[0].model_spec) as predictor:
        names = set()
        for task in request.tasks:
            signature = task.model_spec.signature_name
            if (signature or DEFAULT) not in predictor.servable.signature_defs:
                raise invalid(f"Requested signature not found in model graph: {signature or DEFAULT}")
            METHODS[task.method_name].check(predictor.servable, signature)
            names.add(predictor.servable.signature_defs[signature or DEFAULT].inputs[INPUTS].name)
        if len(names) > 1:
            raise invalid("Input tensor must be the same for all Signatures.")
        for task in request.tasks:
            spec, method = task.model_spec, METHODS[task.method_name]
            row, answer = response.results.add(), evaluate(predictor, method, serialized, spec.signature_name)
            getattr(row, f"{method.kind}_result").CopyFrom(answer)
            row.model_spec.name, row.model_spec.signature_name = predictor.servable.name, spec.signature_name
            row.model_spec.version.value = predictor.servable.version
    return response


def _check_tasks(tasks):
    if not tasks:
        raise invalid("Inference request contains no tasks.")
    seen = set()
    for task in tasks:
        if not task.model_spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        signature = task.model_spec.signature_name or DEFAULT
        if signature in seen:
            raise invalid(f"Duplicate evaluation of signature: {signature}")
        seen.add(signature)
        if task.method_name not in METHODS:
            raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")


def read_examples(document):
    """[bytes], a tf.Example each, of the JSON object of a REST request. Raises ServingError (INVALID_ARGUMENT)."""
    common = _example(document["context"]) if "context" in document else b""
    if "examples" not in document:
        raise invalid(
            f"JSON Value: {shown(document)} When method is classify, key 'examples' is expected and was not found"
        )
    rows = document["examples"]
    if not isinstance(rows, list):
        raise invalid(f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array")
    if not rows:
        raise invalid(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    return [common + _example(row) for row in rows]


def _example(held):
    if not isinstance(held, dict):
        raise invalid(f"Example must be JSON object but got JSON {_type_of(held)}")
    example = tf.train.Example()
    for name, content in held.items():
        feature = example.features.feature[name]
        for value in content if isinstance(content, list) else [content]:
            _add(feature, name, value)
    return example.SerializeToString()


def _add(feature, name, value):
    """A JSON value joins a feature, whose values are all of one type."""
    if isinstance(value, bool | int):
        kind = "int64"
    elif isinstance(value, float):
        kind = "float"
    elif isinstance(value, str) or (isinstance(value, dict) and set(value) == {"b64"}):
        kind = "bytes"
    else:
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {_type_of(value)}")
    held = feature.WhichOneof("kind")
    if held not in (None, f"{kind}_list"):
        expected = held.removesuffix("_list")
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {expected}")
    if kind == "int64" and not -_LARGEST <= value < _LARGEST:
        raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
    as_proto = {"int64": int, "float": float, "bytes": lambda held: _bytes(name, held)}[kind]  # true is 1
    getattr(feature, f"{kind}_list").value.append(as_proto(value))


def _bytes(name, value):
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    content = base64_content(value["b64"]) if isinstance(value["b64"], str) else None
    if content is None:
        raise invalid(f"Unable to base64 decode feature: {name}")
    return content


def _type_of(value):
    names = {dict: "Object", list: "Array", str: "String", bool: "Bool", int: "Number", float: "Number"}
    return names.get(type(value), "Null")
