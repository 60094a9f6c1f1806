"""Anything at all as a request: it is answered, or refused in one line; nothing breaks and nothing grows."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from kerasvision.serve import examples, outputs, tensors
from kerasvision.serve.models import configs_below
from kerasvision.serve.protos import array_of
from kerasvision.serve.server import Server
from kerasvision.serve.status import ServingError
from tests.serve.conftest import QUIET, Client, save_affine, save_half_plus_two, save_mixed

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

NAMES = ("signal", "tag", "count")
INFOS = {
    name: meta_graph_pb2.TensorInfo(dtype=dtype.as_datatype_enum)
    for name, dtype in zip(NAMES, (tf.float32, tf.string, tf.int64), strict=True)
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.just({"b64": "AAAA"})
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
ROWS = st.lists(VALUES | st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)), max_size=4)
DOCUMENTS = st.one_of(
    VALUES,
    st.fixed_dictionaries({"instances": ROWS | VALUES}, optional={"signature_name": VALUES, "inputs": VALUES}),
    st.fixed_dictionaries({"inputs": VALUES | st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES))}),
    st.fixed_dictionaries({"examples": st.lists(st.dictionaries(st.text(max_size=3), VALUES)) | VALUES}),
)
many = hypothesis.settings(max_examples=400, deadline=None, derandomize=True)


def read(body):
    """name -> array, or None where the request is refused."""
    try:
        document = tensors.parse(body)
        tensors.signature_of(document)
        return tensors.read_inputs(document, INFOS)[0]
    except ServingError as error:
        assert error.code.http == 400 and str(error)
        return None


@many
@hypothesis.given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(body):
    """Bytes at random have no field of this signature: what is not refused would have been misread."""
    assert read(body) is None


@many
@hypothesis.given(DOCUMENTS)
def test_any_json_becomes_arrays_of_the_signature_s_types_or_is_refused(document):
    arrays = read(json.dumps(document).encode())
    if arrays is not None:
        assert set(arrays) == set(INFOS)
        for name, value in arrays.items():
            wanted = tf.as_dtype(INFOS[name].dtype).as_numpy_dtype
            assert value.dtype == wanted or (
                name == "tag" and all(isinstance(v, bytes | str) for v in value.reshape(-1))
            )


@many
@hypothesis.given(DOCUMENTS)
def test_any_json_becomes_examples_or_is_refused(document):
    try:
        held = tensors.parse(json.dumps(document).encode())
        for serialized in examples.read_examples(held):
            tf.train.Example.FromString(serialized)
    except ServingError as error:
        assert error.code.http == 400 and str(error)


@many
@hypothesis.given(st.lists(st.floats(width=32), max_size=6))
def test_what_is_written_is_read_again(numbers):
    """Also NaN and the infinities, which JSON has not."""
    body = outputs.dump_outputs({"a": np.float32(numbers), "b": np.float32(numbers)}, False)
    held = json.loads(body)["outputs"]
    for name in ("a", "b"):
        np.testing.assert_array_equal(np.float32(held[name]), np.float32(numbers))


@many
@hypothesis.given(
    st.builds(
        lambda dtype, sizes, content, floats: tensor_pb2.TensorProto(
            dtype=dtype,
            tensor_shape={"dim": [{"size": size} for size in sizes]},
            tensor_content=content,
            float_val=floats,
        ),
        st.integers(0, 30),
        st.lists(st.integers(-2, 9) | st.integers(2**12, 2**40), max_size=4),
        st.binary(max_size=16),
        st.lists(st.floats(width=32), max_size=3),
    )
)
def test_any_tensor_of_grpc_is_read_or_refused(proto):
    try:
        assert array_of(proto, 2**20).nbytes <= 2**20
    except ServingError as error:
        assert error.code.http == 400 and str(error)


def resident():
    """Bytes of this process in memory."""
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096


CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.slow
def test_schemathesis_finds_no_server_error_and_no_growth(tmp_path):
    """Its generator against the OpenAPI document of a server, twice; the second pass may take no more memory."""
    pytest.importorskip("schemathesis")
    save_affine(tmp_path / "affine" / "1", 0.5, 2.0)
    save_mixed(tmp_path / "mixed" / "1")
    save_half_plus_two(tmp_path / "half_plus_two" / "1")
    server, held = Server(configs_below(tmp_path), QUIET, tmp_path).start(), []
    address = f"http://127.0.0.1:{server.rest_port}/openapi.json"
    command = [sys.executable, "-m", "schemathesis.cli", "run", address, "--checks", CHECKS, "--no-color"]
    try:
        for seed in (1, 2, 3):
            done = subprocess.run(
                [*command, "--max-examples", "60", "--seed", str(seed)], cwd=tmp_path, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
            held.append(resident())
        assert Client(server.rest_port).ask("GET", "/readyz") == (200, "ready\n")
    finally:
        server.stop()
    assert held[2] - held[1] < 32 * 2**20, held
