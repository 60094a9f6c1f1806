"""Outputs in JSON, as TensorFlow Serving's REST API has them: rows ("predictions") or columns ("outputs")."""

import base64
import json

import numpy as np
import orjson

from kerasvision.serve.status import invalid

BYTES = "_bytes"  # ends the names of string outputs that are binary
_NAMES = {True: "predictions", False: "outputs"}  # of the outputs, by whether they are rows


def dump_outputs(outputs, in_rows):
    """Bytes of the response, JSON: {"predictions": rows} or {"outputs": columns}; the name of a single output is left
    out.

    outputs: name -> numpy array. in_rows: whether the request had "instances". Raises ServingError (INVALID_ARGUMENT)
    where rows have no batch axis in common.
    """
    return _dumped({_NAMES[in_rows]: _part(outputs, in_rows)})


def dump_explained(outputs, explanations, in_rows):
    """The same with "explanations" beside, in the same form."""
    return _dumped({_NAMES[in_rows]: _part(outputs, in_rows), "explanations": _part(explanations, in_rows)})


def _part(outputs, in_rows):
    plain = {name: _jsonable(name, value) for name, value in outputs.items()}
    if not in_rows:
        return plain if len(plain) > 1 else next(iter(plain.values()))
    sizes = {name: value.shape[0] if value.ndim else None for name, value in outputs.items()}
    if None in sizes.values():
        name = next(n for n, size in sizes.items() if size is None)
        raise invalid(f"Tensor name: {name} has no shape information ")
    first = next(iter(sizes.values()))
    for name, size in sizes.items():
        if size != first:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {size} expecting: {first}")
    if len(plain) == 1:
        return next(iter(plain.values()))
    return [{name: value[i] for name, value in plain.items()} for i in range(first)]


def _jsonable(name, value):
    """What orjson writes: arrays as they are, strings as text or base64."""
    if value.dtype.kind not in "OSU":
        return np.ascontiguousarray(value)
    as_text = _as_base64 if name.endswith(BYTES) else _as_text
    flat = [as_text(v) for v in value.reshape(-1)]
    return np.array(flat, object).reshape(value.shape).tolist()


def _as_text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _as_base64(value):
    return {"b64": base64.b64encode(value).decode("ascii")}


def _dumped(document):
    if all(np.isfinite(v).all() for v in _arrays(document)):
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps(document, default=lambda v: v.tolist()).encode(
        "utf-8"
    )  # NaN and Infinity, as that server has them


def _arrays(value):
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _arrays(item)
