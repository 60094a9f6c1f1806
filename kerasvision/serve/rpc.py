"""TensorFlow Serving's gRPC API on its own stubs: PredictionService and ModelService."""

import contextlib
import functools
import math
import pathlib
import traceback

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from kerasvision.serve import examples, messages, tensors
from kerasvision.serve.log import HEADER, request_id
from kerasvision.serve.models import config_of
from kerasvision.serve.status import Code, ServingError, invalid

LARGEST_REQUEST = 2**28  # bytes of its tensors


def refusing(method):
    """What a `ServingError` says becomes the status of the call. The method's object has a `log`."""

    @functools.wraps(method)
    def guarded(self, request, context):
        try:
            return method(self, request, context)
        except ServingError as error:
            context.abort(getattr(grpc.StatusCode, error.code.name), str(error))
        except Exception:  # a mistake of ours: the log says where, the client that it was not the client's
            self.log.event(f"{method.__name__}: {traceback.format_exc()}")
            context.abort(grpc.StatusCode.INTERNAL, "internal error")

    return guarded


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """answering: `Answering`. observer: `Observer`."""

    def __init__(self, answering, observer):
        self._answering, self._models = answering, answering.models
        self._observer, self.log = observer, observer.log

    @contextlib.contextmanager
    def _opened(self, spec, context):
        headers = {k: v for k, v in context.invocation_metadata() if isinstance(v, str)}
        headers[HEADER] = request_id(headers)
        context.set_trailing_metadata([(HEADER, headers[HEADER])])
        with self._observer.request("grpc", headers) as seen, self._answering.asked(seen, *_choice(spec)) as asked:
            yield asked

    @refusing
    def Predict(self, request, context):
        """Tensors in, tensors out."""
        with self._opened(request.model_spec, context) as asked:
            signature = request.model_spec.signature_name
            asked.servable.check_names(request.inputs, signature)
            inputs, room = {}, LARGEST_REQUEST
            for key, proto in request.inputs.items():
                inputs[key] = _array(key, proto, room)
                room -= _bytes_of(inputs[key].dtype) * inputs[key].size
            outputs = asked.predict(inputs, signature, tuple(request.output_filter))
            response = predict_pb2.PredictResponse()
            _sign(response.model_spec, asked.servable, signature or "serving_default")
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response

    @refusing
    def Classify(self, request, context):
        """Classes of examples."""
        return self._evaluate(request, context, examples.CLASSIFY, classification_pb2.ClassificationResponse())

    @refusing
    def Regress(self, request, context):
        """Numbers of examples."""
        return self._evaluate(request, context, examples.REGRESS, regression_pb2.RegressionResponse())

    def _evaluate(self, request, context, method, response):
        signature = request.model_spec.signature_name
        with self._opened(request.model_spec, context) as asked:
            serialized = examples.serialized_of(request.input)
            response.result.CopyFrom(examples.evaluate(asked, method, serialized, signature))
            _sign(response.model_spec, asked.servable, signature or "serving_default")
        return response

    @refusing
    def MultiInference(self, request, context):
        """Several signatures of one model on the same examples."""
        return examples.multi_inference(request, lambda spec: self._opened(spec, context))

    @refusing
    def GetModelMetadata(self, request, context):
        """The signatures of a model."""
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        with self._models.servable(*_choice(request.model_spec)) as servable:
            return messages.metadata_of(servable)


class Management(model_service_pb2_grpc.ModelServiceServicer):
    """Status and configuration of the models."""

    def __init__(self, models, base, log):
        self._models, self._base, self.log = models, base, log

    @refusing
    def GetModelStatus(self, request, context):
        """Of one version, or of all."""
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        return messages.status_of(self._models.status(spec.name, version))

    @refusing
    def HandleReloadConfigRequest(self, request, context):
        """Another list of models, all of them below the folder that the server was started with."""
        kind = request.config.WhichOneof("config")
        if kind != "model_config_list":
            raise invalid("ServerCore was initialized with a ModelConfigList, reload with one too")
        configs = [config_of(row, self._base) for row in request.config.model_config_list.config]
        for config in configs:
            self._refuse_outside(config)
        self._models.tell(configs)
        return model_management_pb2.ReloadConfigResponse()

    def _refuse_outside(self, config):
        inside = self._base.resolve()
        if not pathlib.Path(config.base_path).resolve().is_relative_to(inside):
            raise ServingError(
                Code.PERMISSION_DENIED, f"{config.name}: base_path is outside of {inside}, where this server looks"
            )


def _choice(spec):
    """(name, version or None, label) of a ModelSpec."""
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label


def _sign(spec, servable, signature):
    spec.name, spec.signature_name, spec.version.value = servable.name, signature, servable.version


def _bytes_of(dtype):
    """Of an element in memory; of a string what the object costs that holds it."""
    return 64 if dtype.kind == "O" else dtype.itemsize


def _array(key, proto, room):
    """A tensor as an array of at most `room` bytes. A short message may stand for a huge tensor of one value: its size
    is looked at first.
    """
    try:
        dtype, shape = tf.as_dtype(proto.dtype), [d.size for d in proto.tensor_shape.dim]
        size = _bytes_of(np.dtype(dtype.as_numpy_dtype))
    except (TypeError, KeyError) as error:
        raise invalid(f"tensor parsing error: {key}: no tensor of this type is taken ({error})") from None
    if min(shape, default=0) < 0 or math.prod(shape) * size > room or len(shape) > tensors.DEEPEST:
        raise invalid(
            f"tensor parsing error: {key}: {shape} is no shape, or tensors of a request have more than "
            f"{LARGEST_REQUEST} bytes"
        )
    if proto.tensor_content and len(proto.tensor_content) != math.prod(shape) * size:
        raise invalid(f"tensor parsing error: {key}: {len(proto.tensor_content)} bytes are no tensor of shape {shape}")
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise invalid(f"tensor parsing error: {key}: {error}") from None
