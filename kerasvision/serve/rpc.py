"""TensorFlow Serving's gRPC API on its own stubs: PredictionService and ModelService."""

import functools
import pathlib

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from kerasvision.serve import messages
from kerasvision.serve.models import config_of
from kerasvision.serve.status import Code, ServingError, invalid

NO_EXAMPLES = "takes tf.Example, and no signature of an image model does; use Predict"


def refusing(method):
    """What a `ServingError` says becomes the status of the call."""

    @functools.wraps(method)
    def guarded(self, request, context):
        try:
            return method(self, request, context)
        except ServingError as error:
            context.abort(getattr(grpc.StatusCode, error.code.name), str(error))

    return guarded


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """engine: answers (servable, inputs, signature, names of outputs) -> outputs."""

    def __init__(self, models, engine, metrics):
        self._models, self._engine, self._metrics = models, engine, metrics

    @refusing
    def Predict(self, request, context):
        """Tensors in, tensors out."""
        with self._metrics.request("grpc") as seen, _servable(self._models, request.model_spec) as servable:
            seen.of = servable
            inputs = {key: _array(key, proto) for key, proto in request.inputs.items()}
            signature = request.model_spec.signature_name
            outputs = self._engine.predict(servable, inputs, signature, tuple(request.output_filter))
            if servable.watch:
                servable.watch.see(inputs, outputs)
            response = predict_pb2.PredictResponse()
            response.model_spec.name = servable.name
            response.model_spec.version.value = servable.version
            response.model_spec.signature_name = signature or "serving_default"
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response

    @refusing
    def GetModelMetadata(self, request, context):
        """The signatures of a model."""
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        with _servable(self._models, request.model_spec) as servable:
            return messages.metadata_of(servable)

    @refusing
    def Classify(self, request, context):
        """Not for images."""
        raise ServingError(Code.UNIMPLEMENTED, f"Classify {NO_EXAMPLES}")

    @refusing
    def Regress(self, request, context):
        """Not for images."""
        raise ServingError(Code.UNIMPLEMENTED, f"Regress {NO_EXAMPLES}")

    @refusing
    def MultiInference(self, request, context):
        """Not for images."""
        raise ServingError(Code.UNIMPLEMENTED, f"MultiInference {NO_EXAMPLES}")


class Management(model_service_pb2_grpc.ModelServiceServicer):
    """Status and configuration of the models."""

    def __init__(self, models, base):
        self._models, self._base = models, base

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


def _servable(models, spec):
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    version = spec.version.value if spec.HasField("version") else None
    return models.servable(spec.name, version, spec.version_label)


def _array(key, proto):
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid(f"tensor parsing error: {key}: {error}") from None
