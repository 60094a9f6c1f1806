"""Batches of numpy arrays taken apart and put together."""

import numpy as np


def batches_of_one(inputs):
    """One batch of numpy inputs -> its examples, each with a batch axis of 1."""
    count = len(next(iter(inputs.values())))
    return [{k: v[i : i + 1] for k, v in inputs.items()} for i in range(count)]


def joined(predictions):
    """Predictions of single examples -> one batch."""
    return {k: np.concatenate([p[k] for p in predictions]) for k in predictions[0]}
