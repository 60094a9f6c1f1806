"""Arrays in JSON: base64 of little-endian numbers, so that any language reads them without a library.

{"dtype": numpy's name, "shape": [...], "data": base64}. Large ones hold every n-th position alone, a position being all
but the last axis: then `every` is n, and `data` has ceil(positions / n) rows of the last axis.
"""

import base64

import numpy as np

from kerasvision.edge.errors import EdgeError


def packed(values, most=None):
    """An array as JSON. most: numbers; of a larger array every n-th position is held, n odd, so that columns vary."""
    values = np.asarray(values)
    row = {"dtype": values.dtype.name, "shape": list(values.shape)}
    if most and values.size > most and values.ndim > 1:
        row["every"] = -(-values.size // most) | 1
        values = thinned(values, row["every"])
    held = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return row | {"data": base64.b64encode(held.tobytes()).decode("ascii")}


def thinned(values, every):
    """Every n-th position of an array [..., K] -> [P, K]."""
    return values.reshape(-1, values.shape[-1])[::every]


def unpacked(row):
    """The array of a row: of its shape, or [P, K] where it holds every n-th position. Raises EdgeError."""
    try:
        dtype = np.dtype(row["dtype"])
        values = np.frombuffer(base64.b64decode(row["data"], validate=True), dtype.newbyteorder("<")).astype(dtype)
        return values.reshape((-1, row["shape"][-1]) if "every" in row else row["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise EdgeError(f"a tensor of golden.json is damaged: {error}; export the model again") from None
