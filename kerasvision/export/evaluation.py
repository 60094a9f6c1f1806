"""Predictions over a split, and what the task's evaluator makes of them."""

import numpy as np
import tensorflow as tf

from kerasvision.data.pipeline import evaluation_data


def predictions(served, data):
    """Yields (prediction, truth) as numpy batches. data: from `evaluation_data`."""
    for prepared, geometry, truth in data:
        answer = served.answer(prepared, geometry)
        yield {k: v.numpy() for k, v in answer.items()}, {k: _numpy(v) for k, v in truth.items()}


def _numpy(value):
    """A ragged batch becomes a row of arrays, also when its lengths happen to agree: all batches then stack alike."""
    if not isinstance(value, tf.RaggedTensor):
        return value.numpy()
    rows = np.empty(value.nrows(), object)
    for number, row in enumerate(value):
        rows[number] = row.numpy()
    return rows


def evaluate_served(served, data):
    """name -> float, of every example of `data`."""
    evaluator = served.arch.evaluator(served.classes)
    for prediction, truth in predictions(served, data):
        evaluator.update(prediction, truth)
    return evaluator.result()


def stacked(batches):
    """Batches of (prediction, truth) -> one dict of predictions and one of truths, along the batch axis."""
    held = list(batches)
    return tuple({k: np.concatenate([pair[i][k] for pair in held]) for k in held[0][i]} for i in (0, 1))


def evaluate_split(served, split, batch_size=64):
    """name -> float, on a `Split`."""
    return evaluate_served(served, evaluation_data(split, served.arch, batch_size=batch_size))
