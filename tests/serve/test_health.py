"""`grpc.health.v1` through its own stubs: Check, and Watch while a model comes."""

import dataclasses
import threading

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kerasvision.serve.client import Client
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
