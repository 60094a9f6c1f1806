"""Vectors of the pictures, or of the words, of a request to an index, by the served model that is its embedder."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from kerasvision.serve import tensors
from kerasvision.serve.described import described
from kerasvision.serve.status import Code, ServingError, invalid
from kerasvision.systems.index import encoded_texts, no_words

SIGNATURE, KEY = "serving_bytes", "image_bytes"
WORDS, TEXT = "embed_text", "text"  # of a model of pictures and words (`embedding/image_text`)
TEXTS = "texts"  # of a request
_ANY_TEXT = "-"  # beside a picture, whose vector it does not change
_BOTH = {KEY, TEXT}


def vectors_of(predictor, current, document):
    """float32 [N, D] of a request's pictures, or of its texts, once their model is known to be the index's embedder.
    current: `indexes.Current`. document: the request's JSON object. Raises ServingError, UsageError of a text.
    """
    servable = predictor.servable
    taken = set(servable.inputs_of(SIGNATURE)) if SIGNATURE in servable.signature_defs else set()
    if taken != {KEY} and not (taken == _BOTH and WORDS in servable.signature_defs):
        text = f"{servable.name} has no signature {SIGNATURE} of pictures alone; name a model of pictures"
        raise ServingError(Code.FAILED_PRECONDITION, text)
    asked = _encoded_in(document, servable) if TEXTS in document else None
    if asked is None:
        infos = {KEY: servable.inputs_of(SIGNATURE)[KEY]}
        pictures = tensors.read_inputs(document, infos)[0][KEY]
    # the pictures that embedders are known by are no requests, so that the drift watch does not see them
    current.require(servable, lambda drawn: _of_pictures(predictor, _encoded(drawn), predictor.explain))
    if asked is not None:
        return _of_texts(predictor, asked)
    return _of_pictures(predictor, pictures, predictor.predict if taken == {KEY} else predictor.unwatched)


def texts_in(document, key):
    """The list of one str or more that stands at a key of a request's JSON object. Raises ServingError of another."""
    held = document.get(key)
    if not isinstance(held, list) or not held or not all(isinstance(value, str) for value in held):
        raise invalid(f"'{key}' must be a list of texts")
    return held


def _encoded_in(document, servable):
    """The texts of a request, as bytes."""
    held = texts_in(document, TEXTS)
    if WORDS not in servable.signature_defs:
        raise no_words(servable.name)
    return encoded_texts(held)


def _of_pictures(predictor, encoded, ask):
    """Of encoded pictures, object [N]. A model of words too takes both, so it gets a text that is ours."""
    servable, inputs = predictor.servable, {KEY: encoded}
    if TEXT in servable.inputs_of(SIGNATURE):
        inputs[TEXT] = np.full(encoded.shape, _ANY_TEXT, object)
    return _finite(servable, ask(inputs, SIGNATURE).get("embedding"))


def _of_texts(predictor, texts):
    """Of a list of bytes, prepared as in training."""
    arch, _ = described(predictor.servable.path, "prepare texts by")
    prepared, _ = arch.alone(TEXT).geometry({TEXT: tf.constant(np.array(texts, object))})
    found = predictor.unwatched({key: value.numpy() for key, value in prepared.items()}, WORDS)
    return _finite(predictor.servable, next(iter(found.values())))


def _finite(servable, found):
    if found is None:
        text = f"{servable.name} gives no embedding; name an embedder for the index"
        raise ServingError(Code.FAILED_PRECONDITION, text)
    found = np.asarray(found, np.float32)
    if not np.isfinite(found).all():
        text = f"{servable.name} gives vectors with numbers that are not finite"
        raise ServingError(Code.FAILED_PRECONDITION, text)
    return found


def _encoded(pictures):
    """uint8 [P, H, W, 3] -> files, object [P]."""
    encoded = []
    for pixels in pictures:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        encoded.append(file.getvalue())
    return np.array(encoded, object)
