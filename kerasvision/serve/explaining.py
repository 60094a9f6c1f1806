"""KServe's verb `:explain`: a prediction with the signature `explain` of its model.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol: the request is that of `:predict`,
the response has "explanations" beside "predictions".
"""

import numpy as np

from kerasvision.export.explained import LABEL, LIKELIEST, SIGNATURE
from kerasvision.serve import tensors
from kerasvision.serve.outputs import dump_explained
from kerasvision.serve.status import Code, ServingError


def explain(predictor, body):
    """Bytes of the response to the bytes of a request: "instances" or "inputs" as `:predict` takes them, and `label`
    with them where another class than the likeliest shall be explained.

    predictor: `answering.Predictor`. Raises ServingError: FAILED_PRECONDITION of a model that does not explain itself.
    """
    servable = predictor.servable
    if SIGNATURE not in servable.signature_defs:
        what = f"POST /v1/models/{servable.name}:explain"  # as TensorFlow Serving says it, which has no such verb
        text = f"Malformed request: {what}: it has no signature {SIGNATURE}; export its run to saved_model:explain"
        raise ServingError(Code.FAILED_PRECONDITION, text)
    document = tensors.parse(body)
    infos = dict(servable.inputs_of(SIGNATURE))
    if not _names_label(document):
        infos.pop(LABEL)
    inputs, in_rows = tensors.read_inputs(document, infos)
    count = next((len(value) for value in inputs.values() if value.ndim), 0)
    label = inputs.pop(LABEL, np.full(count, LIKELIEST, np.int32))
    outputs = predictor.predict(inputs)
    return dump_explained(outputs, predictor.explain(inputs | {LABEL: label}, SIGNATURE), in_rows)


def _names_label(document):
    rows = document.get("instances", [document.get("inputs")])
    return isinstance(rows, list) and any(isinstance(row, dict) and LABEL in row for row in rows)
