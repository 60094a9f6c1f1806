"""A server whose process, files or disk are taken away under load: nothing wrong, nothing lost in silence."""

import collections
import itertools
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from kerasvision.serve.client import Client
from kerasvision.serve.models import ModelConfig, configs_below
from kerasvision.serve.server import Options, Server
from kerasvision.serve.status import Code, ServingError
from tests.serve.conftest import QUIET, save_affine
from tests.waiting import HANG, until

pytestmark = pytest.mark.slow


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Load:
    """Threads that ask without a pause: y of x by version v is x + v, so an answer says which version gave it."""

    def __init__(self, client, threads=4, name="affine"):
        self._client, self._name = client, name
        self._numbers, self._stopped = itertools.count(), threading.Event()
        self.versions, self.wrong, self.errors = collections.Counter(), [], []
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        while not self._stopped.is_set():
            x = 1000 * (next(self._numbers) % 1000)
            try:
                (answer,) = self._client.predict(self._name, {"x": np.float32([x])}).values()
            except ServingError as error:
                self.errors.append(error)
                continue
            version = float(answer[0]) - x
            if not version.is_integer() or version < 1:
                self.wrong.append((x, answer))
            self.versions[int(version)] += 1

    @property
    def answered(self):
        return sum(self.versions.values())

    def wait_for(self, condition):
        until(condition, lambda: (self.answered, self.errors[-1:]))


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Folders of versions 1 to 8 of x + version."""
    folder = tmp_path_factory.mktemp("versions")
    for number in range(1, 9):
        save_affine(folder / str(number), 1.0, float(number))
    return folder


def put(versions, folder, number, name="affine"):
    """A version appears at once, as an export makes it appear."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copytree(versions / str(number), folder / name / f".{number}")
    (folder / name / f".{number}").rename(folder / name / str(number))


@pytest.fixture
def folder(versions, tmp_path):
    put(versions, tmp_path, 1)
    return tmp_path


def begin(folder, ports, stderr):
    words = [sys.executable, "-m", "kerasvision", "serve", str(folder), "--engine", "embedded", "--poll", "0.1"]
    return subprocess.Popen([*words, "--rest-api-port", str(ports[0]), "--port", str(ports[1])], stderr=stderr)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_killed_server_that_comes_back_costs_time_and_no_answer(folder, protocol):
    ports = free_port(), free_port()
    process = begin(folder, ports, subprocess.DEVNULL)
    client = Client(f"{protocol}://127.0.0.1:{ports[protocol == 'grpc']}", deadline=HANG, tries=1000, pause=0.01)
    try:
        with client, Load(client) as load:
            load.wait_for(lambda: load.answered > 200)
            process.kill()
            process.wait()
            before = load.answered
            process = begin(folder, ports, subprocess.DEVNULL)
            load.wait_for(lambda: load.answered > before + 200)
    finally:
        process.kill()
        process.wait()
    assert load.wrong == [] and load.errors == [] and set(load.versions) == {1}


def test_a_full_disk_stops_neither_the_server_nor_the_next_version(folder, versions):
    """Its log cannot be written, and the next version arrives cut off, as `cp` leaves it when the disk is full."""
    ports = free_port(), free_port()
    with pathlib.Path("/dev/full").open("w") as full:
        process = begin(folder, ports, full)
    client = Client(f"http://127.0.0.1:{ports[0]}", deadline=HANG, tries=1000, pause=0.01)
    try:
        with client, Load(client) as load:
            load.wait_for(lambda: load.answered > 100)
            put(versions, folder, 2)
            load.wait_for(lambda: load.versions[2] > 50)
            cut = folder / "affine" / "3"
            shutil.copytree(versions / "3", cut.with_name(".3"))
            graph = cut.with_name(".3") / "saved_model.pb"
            graph.write_bytes(graph.read_bytes()[:200])
            cut.with_name(".3").rename(cut)
            time.sleep(1)
            put(versions, folder, 4)
            load.wait_for(lambda: load.versions[4] > 50)
    finally:
        process.kill()
        process.wait()
    assert load.wrong == [] and load.errors == [] and set(load.versions) == {1, 2, 4}


def test_a_version_deleted_while_it_answers_is_gone_when_its_last_request_ends(folder, versions):
    put(versions, folder, 2)
    server = Server([ModelConfig("affine", str(folder / "affine"), "all")], QUIET, folder).start()
    client = Client(f"grpc://127.0.0.1:{server.grpc_port}")
    try:
        with client, Load(client) as load:
            load.wait_for(lambda: load.versions[2] > 100)
            shutil.rmtree(folder / "affine" / "2")
            load.wait_for(lambda: load.versions[1] > 100)
        with pytest.raises(ServingError) as caught:
            Client(f"http://127.0.0.1:{server.rest_port}").predict("affine", {"x": np.float32([1])}, version=2)
    finally:
        server.stop()
    assert load.wrong == [] and load.errors == [] and set(load.versions) == {1, 2}
    assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_ten_thousand_requests_while_versions_change_every_second(folder, versions, protocol):
    server = Server(configs_below(folder), Options(rest_port=0, grpc_port=0, poll=0.05), folder).start()
    port = server.rest_port if protocol == "http" else server.grpc_port
    client, newest = Client(f"{protocol}://127.0.0.1:{port}", tries=1), 1
    try:
        with client, Load(client, threads=8) as load:
            while load.answered + len(load.errors) < 10_000 or newest < 8:
                time.sleep(1)
                if newest < 8:
                    newest += 1
                    put(versions, folder, newest)
    finally:
        server.stop()
    assert load.wrong == [] and load.errors == []
    assert set(load.versions) == set(range(1, 9)) and load.answered >= 10_000
