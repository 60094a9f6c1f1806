"""Tensors in JSON, as TensorFlow Serving's REST API has them: rows ("instances") or columns ("inputs").

https://www.tensorflow.org/tfx/serving/api_rest. Error messages are that server's where it has one.
"""

import base64
import binascii
import json
import math

import numpy as np
import orjson
import tensorflow as tf

from kerasvision.serve.status import Code, ServingError, invalid

DEEPEST = 32  # of nested lists: no tensor has more axes, and a stack has an end
_INTEGERS = (tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64)
_TAKEN = (tf.string, tf.bool, tf.float16, tf.float32, tf.float64, *_INTEGERS)
_SPACE, _PADDING = b" \t\n\v\f\r", b"=."  # "." too, as the library there has it


_TOO_BIG = "JSON Parse error: Number too big to be stored in double. at offset: 0"


class _WithConstants(dict):
    """A document in which NaN and Infinity may have been written; in any other an infinity is a number too large."""


def parse(body):
    """The JSON object of a request's body, bytes; NaN and Infinity are numbers here. Raises ServingError."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = _parse_lenient(body)
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {shown(document)} Is not object")
    return document


def _parse_lenient(body):
    try:
        document = json.loads(body.decode("utf-8"), parse_float=_finite)
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no text
        return _WithConstants(document) if isinstance(document, dict) else document
    except UnicodeEncodeError as error:
        raise invalid(f"JSON Parse error: The surrogate pair in string is invalid. at offset: {error.start}") from None
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from None
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid value. at offset: {error.pos}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits
        raise invalid(_TOO_BIG) from None


def _finite(text):
    if math.isinf(value := float(text)):
        raise ValueError(text)
    return value


def signature_of(document):
    """The name of the signature in a request's JSON object, "" where it names none. Raises ServingError (`invalid`)."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def read_inputs(document, infos):
    """A predict request's JSON object -> (input name -> numpy array, whether it has "instances", rows).

    infos: input name -> TensorInfo of the signature. Raises ServingError (`invalid`).
    """
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
            "keys to exist "
        )
    dtypes = {name: tf.as_dtype(info.dtype) for name, info in infos.items()}
    if "instances" in document:
        rows = document["instances"]
        if not isinstance(rows, list):
            raise invalid(f"JSON Value: {shown(document)} Excepting 'instances' to be an list/array")
        if not rows:
            raise invalid(f"JSON Value: {shown(document)} No values in 'instances' array")
        return _finite_unless_written(_from_rows(rows, dtypes), document), True
    if "inputs" in document:
        return _finite_unless_written(_from_columns(document["inputs"], dtypes), document), False
    raise invalid("Missing 'inputs' or 'instances' key")


def _finite_unless_written(arrays, document):
    is_written = isinstance(document, _WithConstants)
    if not is_written and any(v.dtype.kind == "f" and np.isinf(v).any() for v in arrays.values()):
        raise invalid(_TOO_BIG)
    return arrays


def _from_rows(rows, dtypes):
    if not isinstance(rows[0], dict) and len(dtypes) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    if not _is_object(rows[0]):
        for number, row in enumerate(rows):
            if _is_object(row):
                raise invalid(f"Expecting value/list but got object at item {number} of input list")
        (name, dtype), *_ = dtypes.items()
        return {name: _stacked([(row, f"element: {n}") for n, row in enumerate(rows)], dtype)}
    for number, row in enumerate(rows):
        if not _is_object(row):
            raise invalid(f"Expecting object but got list at item {number} of input list")
        for key in row:
            if key not in dtypes:
                raise invalid(
                    f"Failed to process element: {number} key: {key} of 'instances' list. Error: INVALID_ARGUMENT: "
                    f"JSON object: does not have named input: {key}"
                )
        if set(row) != set(dtypes):
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {shown(row)} keys must be "
                f"equal to: {','.join(sorted(dtypes))}"
            )
    return {
        name: _stacked([(row[name], f"element: {n} key: {name}") for n, row in enumerate(rows)], dtype)
        for name, dtype in dtypes.items()
    }


def _stacked(rows, dtype):
    """One array of [(JSON value, what it is called)], which must have one shape."""
    arrays = []
    for value, what in rows:
        try:
            array = to_array(value, dtype)
            if arrays and array.shape != arrays[0].shape:
                expected, got = (f"[{','.join(map(str, a.shape))}]" for a in (arrays[0], array))
                raise invalid(f"Expecting shape {expected} but got: {got}")
        except ServingError as error:
            raise invalid(f"Failed to process {what} of 'instances' list. Error: INVALID_ARGUMENT: {error}") from None
        arrays.append(array)
    return np.stack(arrays)


def _from_columns(held, dtypes):
    if not _is_object(held):
        if len(dtypes) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        (name, dtype), *_ = dtypes.items()
        return {name: to_array(held, dtype)}
    for name in dtypes:
        if name not in held:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: to_array(held[name], dtype) for name, dtype in dtypes.items()}


def _is_object(value):
    """Whether a JSON value is an object of named tensors, not of base64."""
    return isinstance(value, dict) and not (set(value) == {"b64"} and isinstance(value["b64"], str))


def to_array(value, dtype):
    """A JSON value, nested lists, as a numpy array of a TensorFlow dtype. Raises ServingError (`invalid`)."""
    if dtype not in _TAKEN:
        raise ServingError(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shown(value)} to type: {dtype.name}")
    shape = _shape(value)
    wanted = dtype.as_numpy_dtype
    if dtype == tf.string:
        flat = []
        _fill(value, 0, shape, dtype, flat)
        return np.array(flat, object).reshape(shape)
    if 0 in shape:
        return np.zeros(shape, wanted)
    try:
        held = np.array(value, object)  # never of strings, which numpy would make as long as the longest
    except ValueError:  # lists of unequal length
        held = np.array(None)
    if held.shape != shape or not set(map(type, held.ravel().tolist())) <= _numbers(dtype):
        _fill(value, 0, shape, dtype, [])  # says what is wrong
    try:
        array = held.astype(np.float64 if dtype.is_floating else bool if dtype == tf.bool else np.int64)
    except OverflowError:
        if dtype.is_floating:
            raise invalid(_TOO_BIG) from None
        array = held
    return _fitting(array, dtype)


def _numbers(dtype):
    """Types of JSON's numbers that are as good as this one."""
    return {bool} if dtype == tf.bool else {int} if dtype.is_integer else {int, float}


def _fitting(array, dtype):
    """Refuses numbers that the type does not hold, where TensorFlow Serving would wrap around or overflow."""
    wanted = dtype.as_numpy_dtype
    if dtype.is_integer and array.size and not dtype.min <= int(array.min()) <= int(array.max()) <= dtype.max:
        worst = int(array.min()) if array.min() < dtype.min else int(array.max())
        raise invalid(f"JSON Value: {worst} Type: Number is not of expected type: {dtype.name}")
    if dtype.is_floating and array.size:
        finite = np.abs(array[np.isfinite(array)])
        if finite.size and finite.max() > np.finfo(wanted).max:
            raise invalid(f"Cannot convert JSON value: {finite.max():g} to {dtype.name} without loss of precision.")
    return array.astype(wanted)


def _shape(value):
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if len(shape) > DEEPEST:
            raise invalid(f"Encountered list at unexpected level: {DEEPEST} expected < {DEEPEST}")
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _fill(value, level, shape, dtype, flat):
    """Appends the leaves to `flat`; a list or a leaf that does not fit the shape or the type is an error."""
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at "
                f"level: {len(shape)}"
            )
        flat.append(_leaf(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _fill(item, level + 1, shape, dtype, flat)


def _leaf(value, dtype):
    if dtype == tf.string and isinstance(value, dict):
        return _from_base64(value)
    if dtype == tf.string and isinstance(value, str):
        return value.encode("utf-8")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        tf.bool: isinstance(value, bool),
        tf.string: False,
    }.get(dtype, is_number and (dtype.is_floating or isinstance(value, int)))
    if not fits:
        kind = {dict: "Object", str: "String", bool: str(value), type(None): "Null"}.get(type(value), "Number")
        raise invalid(f"JSON Value: {shown(value)} Type: {kind} is not of expected type: {dtype.name}")
    return value


def _from_base64(value):
    if set(value) != {"b64"} or not isinstance(value["b64"], str):
        raise invalid(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    content = base64_content(value["b64"])
    if content is None:
        raise invalid("Unable to base64 decode")
    return content


def base64_content(text):
    """The bytes of base64, or None. As `absl::Base64Unescape`: the standard alphabet, white space (such as line breaks)
    anywhere, padding in full or not at all, bits that are left over passed over.
    """
    try:
        packed = text.encode("ascii").translate(None, _SPACE)
    except UnicodeEncodeError:
        return None
    bare = packed.rstrip(_PADDING)
    missing = -len(bare) % 4
    if missing == 3 or len(packed) - len(bare) not in (0, missing):
        return None
    try:
        return base64.b64decode(bare + b"=" * missing, validate=True)
    except (binascii.Error, ValueError):
        return None


def shown(value):
    """A JSON value as a text for a message, cut to the length of a line."""
    try:
        text = json.dumps(value, default=str)
    except RecursionError:
        text = "(nested too deeply to be shown)"
    return text if len(text) <= 200 else f"{text[:200]}..."
