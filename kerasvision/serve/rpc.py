"""TensorFlow Serving's gRPC API on its own stubs: PredictionService and ModelService, within `Boundary`."""

import contextlib
import pathlib

import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from kerasvision.core.errors import KerasVisionError
from kerasvision.serve import examples, messages, protos
from kerasvision.serve.configs import configs_of
from kerasvision.serve.log import HEADER, request_id
from kerasvision.serve.status import Code, ServingError, invalid


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """TensorFlow Serving's PredictionService. answering: `answering.Answering`. observer: `observing.Observer`. Its
    methods take and give that service's messages; a `ServingError` becomes the call's status.
    """

    def __init__(self, answering, observer):
        self._answering, self._models = answering, answering.models
        self._observer = observer

    @contextlib.contextmanager
    def _opened(self, spec, context):
        headers = {k: v for k, v in context.invocation_metadata() if isinstance(v, str)}
        headers[HEADER] = request_id(headers)
        context.set_trailing_metadata([(HEADER, headers[HEADER])])
        with (
            self._observer.request("grpc", headers) as seen,
            self._answering.predictor(seen, *_choice(spec)) as predictor,
        ):
            yield predictor

    def Predict(self, request, context):
        """A PredictRequest -> PredictResponse: tensors in, tensors out."""
        with self._opened(request.model_spec, context) as predictor:
            signature = request.model_spec.signature_name
            predictor.servable.check_names(request.inputs, signature)
            inputs = protos.arrays_of(request.inputs)
            outputs = predictor.predict(inputs, signature, tuple(request.output_filter), context.time_remaining())
            response = predict_pb2.PredictResponse()
            _sign(response.model_spec, predictor.servable, signature or "serving_default")
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response

    def Classify(self, request, context):
        """A ClassificationRequest -> ClassificationResponse: classes and scores of tf.Examples."""
        return self._evaluate(request, context, examples.CLASSIFY, classification_pb2.ClassificationResponse())

    def Regress(self, request, context):
        """A RegressionRequest -> RegressionResponse: a number for each tf.Example."""
        return self._evaluate(request, context, examples.REGRESS, regression_pb2.RegressionResponse())

    def _evaluate(self, request, context, method, response):
        signature = request.model_spec.signature_name
        with self._opened(request.model_spec, context) as predictor:
            serialized = examples.serialized_of(request.input)
            response.result.CopyFrom(examples.evaluate(predictor, method, serialized, signature))
            _sign(response.model_spec, predictor.servable, signature or "serving_default")
        return response

    def MultiInference(self, request, context):
        """A MultiInferenceRequest -> MultiInferenceResponse: several signatures of one model on the same examples."""
        return examples.multi_inference(request, lambda spec: self._opened(spec, context))

    def GetModelMetadata(self, request, context):
        """A GetModelMetadataRequest -> GetModelMetadataResponse with the model's signatures."""
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        with self._models.servable(*_choice(request.model_spec)) as servable:
            return messages.metadata_of(servable)


class Management(model_service_pb2_grpc.ModelServiceServicer):
    """TensorFlow Serving's ModelService: the status of models, and which there are."""

    def __init__(self, models, base):
        self._models, self._base = models, base

    def GetModelStatus(self, request, context):
        """A GetModelStatusRequest -> GetModelStatusResponse of one version, or of all."""
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        return messages.status_of(self._models.status(spec.name, version))

    def HandleReloadConfigRequest(self, request, context):
        """A ReloadConfigRequest -> ReloadConfigResponse: serve another list of models, whose folders all lie below the
        one that the server was started with; else PERMISSION_DENIED.
        """
        try:
            configs = configs_of(request.config, self._base)
            for config in configs:
                self._refuse_outside(config)
            self._models.tell(configs)
        except KerasVisionError as error:  # of the list, or of a folder that it names
            raise invalid(str(error)) from None
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
