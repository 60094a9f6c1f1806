"""The page at / and what it fetches: the state of all models, and a prediction drawn as a picture."""

import base64
import functools
import importlib.resources
import io

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.decode import on_host
from kerasvision.data.kinds.base import groups, kind_of
from kerasvision.drawing.showing.base import picture_of
from kerasvision.serve.described import described
from kerasvision.serve.guard import check_images
from kerasvision.serve.status import invalid

# nothing is loaded from elsewhere, and nothing that stands in a photo's name or an answer can run
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'"
)


@functools.cache
def html():
    """The page, as a text of HTML."""
    return importlib.resources.files("kerasvision.serve").joinpath("page.html").read_text(encoding="utf-8")


def overview(models, metrics, waiting):
    """JSON values: each model with its versions, their state, labels, requests, latency and drift.

    models: `models.Models`. metrics: `metrics.Metrics`. waiting: examples in the queue.
    """
    drift = {(name, number): report for name, number, report in models.drift()}
    rows = []
    for name in models.names():
        labels, versions = models.labels(name), []
        for number, state, error in models.versions(name):
            row = {"version": number, "state": state, "error": str(error) if error else ""}
            row["labels"] = sorted(label for label, of in labels.items() if of == number)
            versions.append(row | metrics.recent(name, str(number)) | {"drift": drift.get((name, number), {})})
        rows.append({"name": name, "versions": versions})
    return {"models": rows, "waiting": waiting}


def draw(predictor, encoded):
    """JSON values of one encoded picture's, or one text's, prediction: {"words", "answer": as `predict --json`,
    "picture": a PNG in base64}.

    predictor: `answering.Predictor`. encoded: bytes of a picture, or a text in UTF-8. Raises ServingError of
    one that cannot be decoded, and of a model that takes none or has no contract.
    """
    arch, classes = described(predictor.servable.path, "be drawn by")
    inputs, image = _read(arch, encoded)
    outputs = predictor.predict({key: value[None] for key, value in inputs.items()})
    prediction = {key: value[0] for key, value in outputs.items()}
    description = arch.describe(prediction, classes)
    name = f"{predictor.servable.name}, version {predictor.servable.version}"
    picture = picture_of([arch.showing.view(image, name, prediction, description, classes)])
    held = io.BytesIO()
    picture.save(held, format="PNG")
    drawn = base64.b64encode(held.getvalue()).decode("ascii")
    return {"words": arch.showing.in_words(description), "answer": description, "picture": drawn}


def _read(arch, encoded):
    """(inputs of one example, uint8 [H, W, 3]) of a picture's bytes; of a text's (inputs, None)."""
    inputs = arch.serving_inputs()
    key, *others = groups(inputs)
    if not others and inputs[key].kind == "text":
        try:
            return kind_of(inputs[key]).read(encoded, inputs)
        except KerasVisionError as error:
            raise invalid(str(error)) from None
    if others or not kind_of(inputs[key]).is_encoded:
        raise invalid(f"this model takes {', '.join(sorted(inputs))}, which no picture is")
    encoded = tf.constant(check_images(np.array([encoded], object))[0])
    try:
        read = on_host(_reader(arch))(encoded)
    except tf.errors.InvalidArgumentError:
        raise invalid("this is no picture that can be decoded; send a JPEG, PNG, BMP, GIF or WebP") from None
    inputs = {key: value.numpy() for key, value in read.items()}
    return inputs, inputs[key]


@functools.lru_cache(maxsize=32)
def _reader(arch):
    """The function that decodes an architecture's picture: one, so that it is traced once."""
    (held,) = groups(arch.serving_inputs()).values()
    return functools.partial(kind_of(next(iter(held.values()))).decode, inputs=held)
