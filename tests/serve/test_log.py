"""Request ids, JSON lines and spans."""

import io
import json

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from kerasvision.serve.log import Log, request_id
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Options, Server
from tests.serve.conftest import save_affine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("logged")
    save_affine(made / "affine" / "1", 0.5, 2.0)
    return made


@pytest.fixture
def running(folder):
    server = Server(configs_below(folder), Options(rest_port=0, grpc_port=0, log="json"), folder).start()
    yield server
    server.stop()


def post(server, body, headers):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
    connection.request("POST", "/v1/models/affine:predict", body, headers)
    response = connection.getresponse()
    response.read()
    return response


def ask(server, metadata):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "affine"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0, 2.0, 3.0]))
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        _, call = stub.Predict.with_call(request, metadata=metadata, timeout=30)
        return dict(call.trailing_metadata())


def test_every_request_has_an_id_that_the_log_and_the_answer_share(running, capfd):
    own = post(running, '{"instances": [1.0]}', {"X-Request-Id": "order-17"})
    made = post(running, '{"instances": ["a"]}', {"X-Request-Id": 'a "quoted" line'})
    metadata = ask(running, [("x-request-id", "order-18")])
    assert own.headers["x-request-id"] == "order-17" and metadata["x-request-id"] == "order-18"
    assert len(made.headers["x-request-id"]) == 32
    rows = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    rows = {row["id"]: row for row in rows if row["event"] == "request"}
    wanted = {
        "order-17": ("rest", "affine", "1", "OK", 1),
        made.headers["x-request-id"]: ("rest", "affine", "1", "INVALID_ARGUMENT", 0),
        "order-18": ("grpc", "affine", "1", "OK", 3),
    }
    assert {k: tuple(r[f] for f in ("api", "model", "version", "code", "examples")) for k, r in rows.items()} == wanted
    assert all(row["ms"] > 0 and row["time"] > 1.7e9 for row in rows.values())


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'a"b', "a\nb"])
def test_what_could_not_stand_in_a_log_is_replaced(given):
    assert len(request_id({"x-request-id": given})) == 32


def test_what_models_are_called_is_not_obeyed_by_a_terminal():
    held = io.StringIO()
    Log("text", held).event("\x1b[31mred version 1 cannot be served: \x9b2J\r\nnext line")
    assert held.getvalue() == "\\x1b[31mred version 1 cannot be served: \\x9b2J\\r\nnext line\n"


def test_a_full_disk_ends_no_log():
    class Full(io.StringIO):
        tried = 0

        def write(self, text):
            self.tried += 1
            raise OSError(28, "No space left on device")

    full = Full()
    Log("json", full).event("a version is served")
    assert full.tried == 1
    closed = io.StringIO()
    closed.close()
    Log("text", closed).event("a version is served")


def test_spans_continue_the_client_s_trace(running):
    trace = pytest.importorskip("opentelemetry.trace")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    held = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, sdk.TracerProvider):
        provider = sdk.TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(held))
    of = "4bf92f3577b34da6a3ce929d0e0e4736"
    post(running, '{"instances": [1.0]}', {"traceparent": f"00-{of}-00f067aa0ba902b7-01"})
    ask(running, [("traceparent", f"00-{of}-00f067aa0ba902b7-01")])
    spans = held.get_finished_spans()
    assert [s.name for s in spans] == ["rest request", "grpc request"]
    assert all(f"{s.context.trace_id:032x}" == of and s.kind is trace.SpanKind.SERVER for s in spans)
    assert [s.attributes["kerasvision.examples"] for s in spans] == [1, 3]
