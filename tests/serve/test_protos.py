"""Tensors in gRPC: read as TensorFlow reads them, or refused in a line; never by an error of the server's own."""

import collections

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from kerasvision.serve import protos
from kerasvision.serve.protos import array_of, arrays_of
from kerasvision.serve.status import Code, ServingError

DTYPES = ["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]
DTYPES += ["float16", "bfloat16", "complex64", "complex128"]
VALUE_FIELDS = [f.name for f in tensor_pb2.TensorProto.DESCRIPTOR.fields if f.name.endswith("_val")]


def proto(dtype, shape, **fields):
    number = dtype if isinstance(dtype, int) else tf.as_dtype(dtype).as_datatype_enum
    sizes = [{"size": size} for size in shape]
    return tensor_pb2.TensorProto(dtype=number, tensor_shape={"dim": sizes}, **fields)


@pytest.mark.parametrize("name", DTYPES)
def test_content_and_values_of_every_type_are_as_tensorflow_reads_them(name):
    dtype = tf.as_dtype(name)
    array = np.random.default_rng(0).integers(0, 2, (2, 3)).astype(dtype.as_numpy_dtype)
    from_content = proto(name, (2, 3), tensor_content=array.tobytes())
    as_made, one_value = tf.make_tensor_proto(array), tf.make_tensor_proto(array[0, 0], dtype=dtype, shape=[4])
    for message in (from_content, as_made, one_value, proto(name, (2, 3)), proto(name, ()), proto(name, (0, 3))):
        found = array_of(message)
        expected = tf.io.parse_tensor(message.SerializeToString(), dtype).numpy()  # TensorFlow's own C++
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)


def test_strings_are_as_tensorflow_reads_them():
    for values in ([b"a", b"", b"\xff\0" * 300], [b""]):
        held = tf.constant(values)
        content = tf.io.serialize_tensor(held).numpy()
        packed = tensor_pb2.TensorProto.FromString(content)
        lengths = b"".join(
            bytes([len(v)]) if len(v) < 128 else bytes([len(v) & 127 | 128, len(v) >> 7]) for v in values
        )
        in_content = proto("string", (len(values),), tensor_content=lengths + b"".join(values))
        for message in (packed, in_content):
            assert array_of(message).tolist() == values
            assert tf.io.parse_tensor(message.SerializeToString(), tf.string).numpy().tolist() == values


def test_the_last_value_stands_for_the_rest():
    assert array_of(proto("int32", (5,), int_val=[1, 7])).tolist() == [1, 7, 7, 7, 7]
    assert array_of(proto("string", (3,), string_val=[b"x"])).tolist() == [b"x"] * 3


REFUSED = {
    "a pixel of 300": (proto("uint8", (1,), int_val=[300]), "300 is not of the type uint8, which holds 0 to 255"),
    "a pixel of -1": (proto("uint8", (2,), int_val=[0, -1]), "-1 is not of the type uint8"),
    "an int8 of 128": (proto("int8", (1,), int_val=[128]), "128 is not of the type int8, which holds -128 to 127"),
    "17 bits of a half": (proto("float16", (1,), half_val=[65536]), "65536 is not of the type 16 bits"),
    "another type's field": (
        proto("float32", (1,), int_val=[3]),
        "values of float32 stand in float_val, not in int_val",
    ),
    "two fields": (proto("uint8", (1,), int_val=[3], float_val=[3]), "not in float_val"),
    "both kinds": (proto("uint8", (1,), int_val=[3], tensor_content=b"\3"), "not in both"),
    "too many values": (proto("float32", (2,), float_val=[1, 2, 3]), "3 values are given for 2 elements"),
    "values for none": (proto("float32", (0,), float_val=[1]), "1 values are given for 0 elements"),
    "too many strings": (proto("string", (1,), string_val=[b"a", b"b"]), "2 values are given for 1 elements"),
    "short content": (proto("float32", (2,), tensor_content=b"1234"), "has 4 bytes; 2 of float32 have 8"),
    "long content": (proto("uint8", (2,), tensor_content=b"1234"), "has 4 bytes; 2 of uint8 have 2"),
    "content of no elements": (proto("uint8", (0,), tensor_content=b"1"), "has 1 bytes; 0 of uint8 have 0"),
    "a bool of 2": (proto("bool", (1,), tensor_content=b"\2"), "a byte of 0 or 1"),
    "half a complex": (proto("complex64", (1,), scomplex_val=[1]), "1 numbers are no pairs"),
    "a negative axis": (proto("uint8", (1, -1)), "is no shape of a tensor"),
    "two negative axes": (proto("uint8", (-4, -1), tensor_content=b"1234"), "is no shape of a tensor"),
    "more axes than lists may have": (proto("uint8", (1,) * 33, tensor_content=b"1"), "is no shape of a tensor"),
    "an unknown rank": (
        tensor_pb2.TensorProto(dtype=types_pb2.DT_UINT8, tensor_shape={"unknown_rank": True}),
        "an unknown rank is no shape",
    ),
    "a product beyond 2**64": (proto("uint8", (2**32, 2**32, 2)), "more than 268435456 bytes"),
    "a huge axis beside none": (proto("uint8", (0, 2**62)), "more than 268435456 bytes"),
    "a byte too many": (proto("uint8", (2**28 + 1,), int_val=[1]), "more than 268435456 bytes"),
    "many long strings": (proto("string", (2**20,), string_val=[b"a" * 1000]), "more than 268435456 bytes"),
    "strings without lengths": (proto("string", (3,), tensor_content=b"\1"), "the lengths of 3 strings"),
    "a length without an end": (proto("string", (1,), tensor_content=b"\xff" * 9), "the lengths of 1 strings"),
    "strings too short": (proto("string", (2,), tensor_content=b"\1\5ab"), "whose lengths add up to 6"),
    "no type": (proto(0, (1,)), "no tensor of the type"),
    "a type that is none": (proto(77, (1,)), "no tensor of the type 77"),
    "a quantized type": (proto("qint8", (1,), int_val=[1]), "no tensor of the type qint8"),
    "a resource": (proto("resource", ()), "no tensor of the type resource"),
    "a reference": (proto(101, (1,), float_val=[1]), "no tensor of the type"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_tensor_is_said(case):
    message, said = REFUSED[case]
    with pytest.raises(ServingError) as caught:
        arrays_of({"x": message})
    assert caught.value.code is Code.INVALID_ARGUMENT and "\n" not in str(caught.value)
    assert str(caught.value).startswith("tensor parsing error: x: ") and said in str(caught.value)


def test_tensors_of_one_request_share_its_bound(monkeypatch):
    monkeypatch.setattr(protos, "LARGEST_REQUEST", 100)
    rows = {name: proto("uint8", (size,)) for name, size in (("a", 60), ("b", 40))}
    assert {k: v.nbytes for k, v in arrays_of(rows).items()} == {"a": 60, "b": 40}
    with pytest.raises(ServingError, match="b: .* more than"):
        arrays_of(rows | {"b": proto("uint8", (41,))})


def add(message, name, numbers, rng):
    """Values of any field."""
    held = getattr(message, name)
    if isinstance(held, bytes):
        setattr(message, name, rng.bytes(len(numbers)))
        return
    for value in map(int, numbers):
        if name in ("resource_handle_val", "variant_val"):
            held.add()
        elif name == "string_val":
            held.append(rng.bytes(3))
        else:
            held.append(max(0, value) if name.startswith("uint") else bool(value) if "bool" in name else value)


def random_proto(rng):
    """One of any type, with any shape, content and values; half of them nearly right."""
    numbers = [*types_pb2.DataType.values(), 60, 99, -1]
    dtype = int(rng.choice(numbers)) if rng.random() < 0.4 else tf.as_dtype(rng.choice(DTYPES)).as_datatype_enum
    sizes = [0, 1, 1, 2, 3, -1, 2**31, 2**40, 2**62] if rng.random() < 0.4 else [0, 1, 2, 3]
    message = proto(dtype, [int(rng.choice(sizes)) for _ in range(rng.integers(0, 4))])
    message.tensor_shape.unknown_rank = bool(rng.random() < 0.05)
    if rng.random() < 0.4:
        message.tensor_content = rng.bytes(int(rng.integers(0, 25)))
    usual = "int_val" if dtype in range(3, 7) else "float_val" if dtype == types_pb2.DT_FLOAT else VALUE_FIELDS[0]
    names = [usual] if rng.random() < 0.5 else rng.choice(VALUE_FIELDS, int(rng.integers(0, 3)), replace=False)
    for name in names:
        add(message, name, rng.choice([0, 1, 2, 255, 300, -1, 2**31 - 1], int(rng.integers(0, 5))), rng)
    return message


def test_three_thousand_random_tensors_are_read_as_by_tensorflow_or_refused():
    """Beside each array stands TensorFlow's own reading of the same message."""
    rng, seen = np.random.default_rng(13), collections.Counter()
    for _ in range(3000):
        message = random_proto(rng)
        try:
            found = array_of(message, 2**16)
        except ServingError as error:
            assert error.code is Code.INVALID_ARGUMENT and str(error)
            seen["refused"] += 1
            continue
        assert found.nbytes <= 2**16
        expected = tf.io.parse_tensor(message.SerializeToString(), tf.as_dtype(message.dtype)).numpy()
        np.testing.assert_array_equal(found, expected)
        seen["read"] += 1
    assert seen["read"] > 300 and seen["refused"] > 1000, seen
