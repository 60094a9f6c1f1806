"""Predictions over a split, and what the task's evaluator makes of them."""

import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.pipeline import evaluation_data, raw_examples


def predictions(served, data):
    """Yields (prediction, ground_truth) as numpy batches. data: from `evaluation_data`."""
    for prepared, geometry, ground_truth in data:
        prediction = served.predict(prepared, geometry)
        yield {k: v.numpy() for k, v in prediction.items()}, {k: _numpy(v) for k, v in ground_truth.items()}


def _numpy(value):
    """A ragged batch becomes a row of arrays, also when its lengths happen to agree: all batches then stack alike."""
    if not isinstance(value, tf.RaggedTensor):
        return value.numpy()
    rows = np.empty(value.nrows(), object)
    for number, row in enumerate(value):
        rows[number] = row.numpy()
    return rows


def evaluated(served, data):
    """The task's evaluator, after every example of `data`."""
    evaluator = served.arch.evaluator(served.classes)
    for prediction, ground_truth in predictions(served, data):
        evaluator.update(prediction, ground_truth)
    return evaluator


def evaluate_served(served, data):
    """name -> float, of every example of `data`."""
    return evaluated(served, data).result()


def draw_evaluation(evaluator, folder, split, arch):
    """What an evaluator draws of a split that it has seen, into an existing folder. Returns the pictures' paths."""
    return evaluator.draw(folder, lambda numbers: _images(split, arch, numbers))


def picture_folder(folder, evaluator, name):
    """The folder, made before an evaluation whose pictures would have nowhere to go. name: of the architecture."""
    if not evaluator.draws:
        raise UsageError(f"{name} has no pictures to draw of an evaluation")
    folder = pathlib.Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KerasVisionError(f"cannot write to {folder}: {error.strerror}; name a folder to draw into") from None
    if not os.access(folder, os.W_OK):
        raise KerasVisionError(f"cannot write to {folder}: permission denied; name a folder to draw into")
    return folder


def examples_at(split, arch, numbers):
    """number -> serving inputs of that example of a split, numpy with a batch axis of 1; only those are read."""
    wanted = sorted(int(n) for n in numbers)
    if not wanted:
        return {}
    listed = tf.constant(wanted, tf.int64)
    records = split.records.enumerate().filter(lambda i, _: tf.reduce_any(i == listed)).map(lambda _, record: record)
    rows = raw_examples(dataclasses.replace(split, records=records, size=len(wanted)), arch, batch_size=1)
    return dict(zip(wanted, (inputs for inputs, _, _ in rows), strict=True))


def _images(split, arch, numbers):
    """number -> the picture or the volume of some examples of a split, without batch axis."""
    return {n: next(iter(inputs.values()))[0] for n, inputs in examples_at(split, arch, numbers).items()}


def stacked(batches):
    """Batches of (prediction, ground_truth) -> one dict of predictions and one of ground truths, along the batch
    axis.
    """
    held = list(batches)
    return tuple({k: np.concatenate([pair[i][k] for pair in held]) for k in held[0][i]} for i in (0, 1))


def evaluate_split(served, split, batch_size=64):
    """name -> float, on a `Split`."""
    return evaluate_served(served, evaluation_data(split, served.arch, batch_size=batch_size))
