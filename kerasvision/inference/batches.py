"""Batches of numpy arrays taken apart and put together."""

import numpy as np


def batches_of_one(inputs):
    """A dict of numpy arrays [B, ...] -> list of B dicts of arrays [1, ...]."""
    count = len(next(iter(inputs.values())))
    return [{k: v[i : i + 1] for k, v in inputs.items()} for i in range(count)]


def joined(predictions):
    """Dicts of numpy arrays with equal keys and a batch axis -> one dict, joined along that axis."""
    return {k: np.concatenate([p[k] for p in predictions]) for k in predictions[0]}
