"""The protocol buffers that both APIs send: gRPC as they are, REST as JSON."""

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2


def status_of(rows):
    """TensorFlow Serving's GetModelStatusResponse. rows: [(version number, state, `ServingError` or None)]."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state, error in rows:
        row = response.model_version_status.add(version=number, state=state)
        row.status.error_code = error.code.number if error else 0
        row.status.error_message = str(error) if error else ""
    return response


def metadata_of(servable):
    """TensorFlow Serving's GetModelMetadataResponse with the signatures of a `servable.Servable`."""
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = servable.name
    response.model_spec.version.value = servable.version
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in servable.signature_defs.items():
        signatures.signature_def[name].CopyFrom(definition)
    response.metadata["signature_def"].Pack(signatures)
    return response
