"""The signature `serving_strings` of a SavedModel whose answer is a text: strings, where the prediction has numbers."""

import numpy as np
import tensorflow as tf

from kerasvision.core.characters import BLANK, text_of
from kerasvision.export.reader.spelling import Alphabet, words_of

SIGNATURE = "serving_strings"
_SCORES = ("caption_score", "path_score")  # keys of the probability of a text


def saying(served, predict):
    """A tf.function: encoded pictures, as of `serving_bytes` -> {"text": string [B], UTF-8, as a person reads it,
    "score": float32 [B], its probability}. None of a model whose answer is no text. predict: its `serve_bytes`, or None
    where nothing of its inputs is encoded.
    """
    spell = _spelling(served)
    if spell is None or predict is None:
        return None
    (score,) = [key for key in _SCORES if key in served.arch.outputs]

    def say(sent):
        prediction = predict(sent)
        return {"text": spell(prediction), "score": prediction[score]}

    return tf.function(say, input_signature=[served.encoded_specs()], autograph=False)


def _spelling(served):
    """A function: a prediction, batched -> string [B]; or None."""
    outputs = served.arch.outputs
    if "text_bytes" in outputs:
        return bytes_as_text
    if {"labels", "path_score"} <= set(outputs):
        return lambda prediction: characters_as_text(prediction["labels"], served.classes)
    return None


def bytes_as_text(prediction):
    """string [B] of `text_bytes` uint8 [B, L], padded with 0."""
    table = tf.constant([b"", *(bytes([value]) for value in range(1, 256))])
    return tf.strings.reduce_join(tf.gather(table, tf.cast(prediction["text_bytes"], tf.int32)), 1)


def characters_as_text(labels, classes):
    """string [B] of classes int32 [B, T] from left to right, -1 beyond the last, in the order in which they are read:
    as `edge.pages.line_direction.line_as_read`, which changes nothing of a line without letters from right to left.
    """
    names = [text_of([name]) for name in classes]
    alphabet, count = Alphabet(names), tf.shape(labels)[0]
    plain = tf.strings.reduce_join(tf.gather(tf.constant([*names, ""]), tf.where(labels < 0, len(names), labels)), 1)
    place = tf.cast(tf.where(labels >= 0), tf.int32)
    ids, line = tf.gather_nd(labels, place), place[:, 0]
    is_blank = tf.gather(tf.constant([name == BLANK for name in classes]), ids)
    words = words_of(ids, line, is_blank, tf.ones([count], tf.bool), tf.range(count), count)
    other = alphabet.texts(words, alphabet.votes(words) > 0)
    back = tf.gather(tf.constant(alphabet.is_back), ids)
    return tf.where(tf.math.unsorted_segment_sum(tf.cast(back, tf.int32), line, count) > 0, other, plain)


def check(signature, judge, sent):
    """Yields a line for each sample whose text is another than what the trained model's prediction is described by.
    sent: of each sample what `serving_bytes` takes, {key: numpy} without batch axis.
    """
    for number, row in enumerate(sent):
        said = signature(**{key: tf.constant(value[None]) for key, value in row.items()})["text"].numpy()[0]
        expected = {key: np.asarray(value)[0] for key, value in judge.expected(number).items()}
        wanted = judge.arch.describe(expected, judge.job.served.classes)["text"]
        if said.decode("utf-8", "replace") != wanted:
            yield f"{SIGNATURE} says {said!r} of example {number}, and the trained model {wanted!r}"
