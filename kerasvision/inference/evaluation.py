"""Predictions over a split, and the metrics that the task's evaluator computes of them.

served: an `inference.served.Served`. data: batches of `data.pipeline.evaluation_data`, (prepared, geometry, ground
truth). split: a `Split` of an opened source.
"""

import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.pipeline import evaluation_data, raw_examples


def predictions(served, data):
    """Yields (prediction, ground_truth), dicts of numpy arrays [B, ...]; labels of unequal length, such as boxes, are
    an object array of B arrays.
    """
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
    """The task's `metrics.base.Evaluator`, updated with every example of `data`."""
    evaluator = served.arch.evaluator(served.classes)
    for prediction, ground_truth in predictions(served, data):
        evaluator.update(prediction, ground_truth)
    return evaluator


def evaluate_served(served, data):
    """Metric name -> float, over every example of `data`."""
    return evaluated(served, data).result()


def draw_evaluation(evaluator, folder, split, arch):
    """Write the evaluator's pictures of the split that it was updated with into an existing folder; returns paths."""
    return evaluator.draw(folder, lambda numbers: _images(split, arch, numbers))


def picture_folder(folder, evaluator, name):
    """Make the folder for an evaluator's pictures, before the evaluation, and return its path. name: of the
    architecture.

    Raises UsageError of an evaluator that draws none, KerasVisionError where nothing can be written.
    """
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
    """Number of an example in the split -> its serving inputs, numpy [1, ...]; only those examples are read."""
    wanted = sorted(int(n) for n in numbers)
    if not wanted:
        return {}
    listed = tf.constant(wanted, tf.int64)
    records = split.records.enumerate().filter(lambda i, _: tf.reduce_any(i == listed)).map(lambda _, record: record)
    rows = raw_examples(dataclasses.replace(split, records=records, size=len(wanted)), arch, batch_size=1)
    return dict(zip(wanted, (inputs for inputs, _, _ in rows), strict=True))


def _images(split, arch, numbers):
    """Number of an example -> its picture or volume, numpy without batch axis."""
    return {n: next(iter(inputs.values()))[0] for n, inputs in examples_at(split, arch, numbers).items()}


def stacked(batches):
    """Batches of `predictions` -> (one dict of predictions, one of ground truths), joined along the batch axis. Needs
    one batch or more.
    """
    held = list(batches)
    return tuple({k: np.concatenate([pair[i][k] for pair in held]) for k in held[0][i]} for i in (0, 1))


def evaluate_split(served, split, batch_size=64):
    """Metric name -> float, over every example of a `Split`."""
    return evaluate_served(served, evaluation_data(split, served.arch, batch_size=batch_size))
