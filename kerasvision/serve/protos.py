"""Tensors in gRPC: a `TensorProto` as TensorFlow's own `Tensor::FromProto` reads it, without the values that it
invents.

Values stand in `tensor_content` or in the field of their type. Where the field holds fewer than the shape asks for, the
last one stands for the rest, and none at all for zeros. Refused, where TensorFlow would go on: numbers that the type
does not hold (it wraps them around), values in another type's field (it takes zeros), more values than elements, and
both kinds at once.
"""

import math

import numpy as np
import tensorflow as tf

from kerasvision.serve.status import ServingError, invalid
from kerasvision.serve.tensors import DEEPEST

LARGEST_REQUEST = 2**28  # bytes of its tensors in memory
_OBJECT = 64  # bytes of a string in memory, beside its own
_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    **dict.fromkeys((tf.int32, tf.int16, tf.int8, tf.uint8, tf.uint16), "int_val"),
    tf.int64: "int64_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
    tf.bool: "bool_val",
    tf.float16: "half_val",  # its bits
    tf.bfloat16: "half_val",
    tf.complex64: "scomplex_val",  # real, imaginary, real, ...
    tf.complex128: "dcomplex_val",
    tf.string: "string_val",
}


def arrays_of(protos):
    """Name -> `TensorProto` to name -> numpy array, of at most `LARGEST_REQUEST` bytes together. Raises ServingError
    (INVALID_ARGUMENT).
    """
    arrays, room = {}, LARGEST_REQUEST
    for key, proto in protos.items():
        try:
            arrays[key] = array_of(proto, room)
        except ServingError as error:
            raise invalid(f"tensor parsing error: {key}: {error}") from None
        room -= weight(arrays[key])
    return arrays


def weight(array):
    """How many bytes a numpy array takes in memory, its strings included."""
    return sum(_OBJECT + len(v) for v in array.reshape(-1)) if array.dtype.kind == "O" else array.nbytes


def array_of(proto, room=LARGEST_REQUEST):
    """A `TensorProto` as a numpy array. room: bytes that it may take, since a short message may stand for a huge tensor
    of one value. Raises ServingError (INVALID_ARGUMENT).
    """
    dtype = _dtype(proto.dtype)
    shape, count = _shape(proto.tensor_shape, _OBJECT if dtype == tf.string else dtype.size, room)
    field = _FIELDS[dtype]
    given = {name.name for name, _ in proto.ListFields() if name.name.endswith("_val")}
    if given - {field}:
        raise invalid(f"values of {dtype.name} stand in {field}, not in {', '.join(sorted(given - {field}))}")
    if given and proto.tensor_content:
        raise invalid(f"its values stand in tensor_content or in {field}, not in both")
    if dtype == tf.string:
        flat = _strings(proto, count, room)
    elif proto.tensor_content:
        flat = _from_content(proto.tensor_content, dtype, count)
    else:
        flat = _filled(_numbers(getattr(proto, field), dtype), count)
    return flat.reshape(shape)


def _dtype(number):
    try:
        dtype = tf.as_dtype(number)
    except TypeError:
        dtype = None
    if dtype not in _FIELDS:
        raise invalid(f"no tensor of the type {dtype.name if dtype else number} is taken")
    return dtype


def _shape(proto, size, room):
    """(sizes of the axes, elements)."""
    shape = [d.size for d in proto.dim]
    # an axis of 0 must not hide what the others would take
    if proto.unknown_rank or len(shape) > DEEPEST or min(shape, default=0) < 0:
        raise invalid(f"{'an unknown rank' if proto.unknown_rank else shape[: DEEPEST + 1]} is no shape of a tensor")
    if math.prod(max(1, d) for d in shape) * size > room:
        raise invalid(f"{shape} has more than {LARGEST_REQUEST} bytes, which the tensors of a request may have")
    return shape, math.prod(shape)


def _from_content(content, dtype, count):
    if len(content) != count * dtype.size:
        raise invalid(f"tensor_content has {len(content)} bytes; {count} of {dtype.name} have {count * dtype.size}")
    if dtype == tf.bool and content.strip(b"\0\1"):
        raise invalid("a bool in tensor_content is a byte of 0 or 1")
    return np.frombuffer(content, dtype.as_numpy_dtype)


def _numbers(values, dtype):
    """A field's values in the type; numbers that it does not hold are refused."""
    wanted = dtype.as_numpy_dtype
    if dtype.is_complex:
        pairs = np.array(values, np.float32 if dtype == tf.complex64 else np.float64)
        if len(pairs) % 2:
            raise invalid(f"{len(pairs)} numbers are no pairs of a real and an imaginary part")
        return pairs.view(wanted)
    if dtype in (tf.float16, tf.bfloat16):
        return _in_range(np.array(values, np.int64), 0, 2**16 - 1, "16 bits").astype(np.uint16).view(wanted)
    if dtype.is_integer and _FIELDS[dtype] == "int_val":
        return _in_range(np.array(values, np.int64), dtype.min, dtype.max, dtype.name).astype(wanted)
    return np.array(values, wanted)


def _in_range(values, least, most, name):
    wrong = values[(values < least) | (values > most)]
    if wrong.size:
        raise invalid(f"{wrong[0]} is not of the type {name}, which holds {least} to {most}")
    return values


def _filled(values, count):
    """The values and, where there are fewer than `count`, the last one for the rest; zeros where there is none."""
    _refuse_more(len(values), count)
    if len(values) == count:
        return values
    flat = np.full(count, values[-1] if len(values) else np.zeros((), values.dtype), values.dtype)
    flat[: len(values)] = values
    return flat


def _refuse_more(given, count):
    if given > count:
        raise invalid(f"{given} values are given for {count} elements")


def _strings(proto, count, room):
    values = _split(proto.tensor_content, count) if proto.tensor_content else list(proto.string_val)
    _refuse_more(len(values), count)
    rest = count - len(values)
    last = values[-1] if values else b""
    if sum(map(len, values)) + rest * len(last) + count * _OBJECT > room:
        raise invalid(f"its strings have more than {LARGEST_REQUEST} bytes, which the tensors of a request may have")
    flat = np.empty(count, object)
    flat[:] = values + [last] * rest
    return flat


def _split(content, count):
    """Strings out of tensor_content: their lengths as varints, then all their bytes (`port::DecodeStringList`)."""
    lengths, at = [], 0
    while len(lengths) < count:
        length, shift = 0, 0
        while True:
            if at == len(content) or shift > 28:
                raise invalid(f"tensor_content does not begin with the lengths of {count} strings")
            byte, at = content[at], at + 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        lengths.append(length)
    if at + sum(lengths) != len(content):
        raise invalid(
            f"tensor_content has {len(content) - at} bytes of strings, whose lengths add up to {sum(lengths)}"
        )
    strings = []
    for length in lengths:
        strings.append(content[at : at + length])
        at += length
    return strings
