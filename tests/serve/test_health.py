"""`grpc.health.v1` through its own stubs: Check, and Watch while a model comes."""

import dataclasses
import threading
import types

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kerasvision.serve.client import Client
from kerasvision.serve.health import _Servicer
from kerasvision.serve.models import ModelConfig, configs_below
from kerasvision.serve.servable import Servable
from kerasvision.serve.server import SERVICES, Server
from kerasvision.serve.status import Code, ServingError
from tests.serve.conftest import QUIET, save_affine

STATES = health_pb2.HealthCheckResponse


def stub(server):
    return health_pb2_grpc.HealthStub(grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}"))


def asked(name=""):
    return health_pb2.HealthCheckRequest(service=name)


def test_it_serves_when_every_model_answers_and_those_who_watch_are_told(tmp_path):
    """Also with a token, which a probe has not."""
    configs = [ModelConfig("affine", str(tmp_path / "affine"))]
    server = Server(configs, dataclasses.replace(QUIET, token="sesame"), tmp_path).start()
    try:
        health, seen = stub(server), []
        assert health.Check(asked(), timeout=30).status == STATES.NOT_SERVING
        watched = health.Watch(asked(), timeout=60)
        seen.append(next(watched).status)
        save_affine(tmp_path / ".1", 1.0, 1.0)
        (tmp_path / "affine").mkdir()
        (tmp_path / ".1").rename(tmp_path / "affine" / "1")
        seen.append(next(watched).status)
        assert seen == [STATES.NOT_SERVING, STATES.SERVING]
        for name in ("", *SERVICES):
            assert health.Check(asked(name), timeout=30).status == STATES.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            health.Check(asked("no.Service"), timeout=30)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert next(health.Watch(asked("no.Service"), timeout=30)).status == STATES.SERVICE_UNKNOWN
    finally:
        server.stop()
    assert [answer.status for answer in watched] == [STATES.NOT_SERVING]  # told, and let go: nobody waits for it


def test_a_stream_that_ends_while_it_is_told_holds_nobody_up():
    """gRPC completes what is sent, and says that a stream has ended, in one thread: if that waits, nothing is sent."""
    servicer, told, ends = _Servicer(), [], []
    context = types.SimpleNamespace(add_callback=lambda end: ends.append(end) or True)
    servicer.set("", STATES.NOT_SERVING)

    def send(response):
        told.append(response and response.status)
        events = threading.Thread(target=ends[0])  # the stream's end comes first, then that this is sent
        events.start()
        events.join(60)
        assert not events.is_alive(), "the thread of events waits for the one that sends, which waits for it"

    servicer.Watch(asked(), context, send)
    for status in (STATES.SERVING, STATES.NOT_SERVING):
        servicer.set("", status)
    servicer.end()
    assert told == [STATES.NOT_SERVING]  # the stream ended with the first


@pytest.mark.parametrize("turn", range(3))
def test_streams_that_end_while_states_change_hold_up_no_stop(tmp_path, turn):
    save_affine(tmp_path / "affine" / "1", 1.0, 1.0)
    server = Server(configs_below(tmp_path), QUIET, tmp_path).start()
    streams = [stub(server).Watch(asked(name)) for name in ("", "", "no.Service", *SERVICES)]
    for stream in streams:
        next(stream)
    enders = [threading.Thread(target=stream.cancel) for stream in streams]
    stopper = threading.Thread(target=server.stop)
    for thread in (*enders[:turn], stopper, *enders[turn:]):
        thread.start()
    stopper.join(120)
    assert not stopper.is_alive(), "the server does not stop"


def test_a_call_whose_client_has_given_up_is_not_computed(tmp_path, monkeypatch):
    """One call is being computed; a second one's own deadline passes while it waits; a third one is answered."""
    save_affine(tmp_path / "affine" / "1", 1.0, 1.0)
    limits = dataclasses.replace(QUIET.limits, workers=1)
    server = Server(configs_below(tmp_path), dataclasses.replace(QUIET, limits=limits), tmp_path).start()
    gate, begun, seen, run = threading.Event(), threading.Event(), [], Servable.run

    def gated(self, inputs, signature):
        begun.set()
        gate.wait(60)
        seen.append(inputs["x"].tolist())
        return run(self, inputs, signature)

    monkeypatch.setattr(Servable, "run", gated)
    address = f"grpc://127.0.0.1:{server.grpc_port}"
    try:
        first = threading.Thread(target=Client(address, deadline=60).predict, args=("affine", {"x": np.float32([1])}))
        first.start()
        assert begun.wait(60)
        with pytest.raises(ServingError) as caught:
            Client(address, deadline=0.5, tries=1).predict("affine", {"x": np.float32([2])})
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        gate.set()
        first.join()
        assert Client(address, deadline=60).predict("affine", {"x": np.float32([3])})["y"] == [4.0]
        assert seen == [[1.0], [3.0]]
    finally:
        gate.set()
        server.stop()
