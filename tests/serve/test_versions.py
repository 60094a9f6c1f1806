"""Versions that come, go, and are broken, while requests go on."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.export.package.versions import promote
from kerasvision.serve.configs import read_config
from kerasvision.serve.models import ModelConfig, configs_below
from kerasvision.serve.server import Server
from tests.serve.conftest import QUIET, Client, png, save_affine
from tests.waiting import HANG, until


@pytest.fixture
def running(tmp_path):
    """(server of one model with version 1, y = x + 1, its folder)."""
    save_affine(tmp_path / "affine" / "1", 1.0, 1.0)
    server = Server(configs_below(tmp_path), QUIET, tmp_path).start()
    yield server, tmp_path / "affine"
    server.stop()


def place(folder, number, shift):
    """A whole version appears at once, as an export's renaming makes it."""
    save_affine(folder.parent / f".{number}", 1.0, float(shift))
    (folder.parent / f".{number}").rename(folder / str(number))


def answered(client):
    status, answer = client.predict("affine", {"instances": [0.0]})
    return answer["predictions"][0] if status == 200 else status


def test_a_new_version_takes_over_and_the_old_one_goes(running):
    server, folder = running
    client = Client(server.rest_port)
    assert answered(client) == 1.0
    place(folder, 2, 2)
    until(lambda: answered(client) == 2.0)
    until(lambda: [s for _, s, _ in server.models.status("affine")] == ["AVAILABLE", "END"])
    shutil.rmtree(folder / "2")
    until(lambda: answered(client) == 1.0)  # what is there again is loaded again


def test_a_broken_version_changes_nothing(running, capfd):
    server, folder = running
    client = Client(server.rest_port)
    (folder / "3").mkdir()
    (folder / "3" / "saved_model.pb").write_bytes(b"no model at all")
    until(lambda: len(server.models.status("affine")) == 2)
    until(lambda: server.models.status("affine")[0][1] == "END")
    for _ in range(5):
        assert answered(client) == 1.0
    _, answer = client.ask("GET", "/v1/models/affine/versions/3")
    (row,) = answer["model_version_status"]
    assert row["state"] == "END" and row["status"]["error_code"] == "INTERNAL" and row["status"]["error_message"]
    assert client.ask("GET", "/readyz")[0] == 200
    assert "affine version 3 cannot be served" in capfd.readouterr().err


def test_no_request_is_lost_or_wrong_while_versions_change(running):
    """Eight clients ask all the while; each answer is that of some version, and none is refused."""
    server, folder = running
    ended, seen, wrong = threading.Event(), set(), []

    def ask():
        client = Client(server.rest_port)
        while not ended.is_set():
            found = answered(client)
            seen.add(found)
            if found not in {1.0, 2.0, 3.0, 4.0, 5.0}:
                wrong.append(found)

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for thread in clients:
        thread.start()
    for number in (2, 3, 4, 5):
        place(folder, number, number)
        until(lambda number=number: float(number) in seen)
    ended.set()
    for thread in clients:
        thread.join()
    assert not wrong and seen == {1.0, 2.0, 3.0, 4.0, 5.0}


def test_policies(tmp_path):
    for number in (1, 3, 10):
        (tmp_path / "m" / str(number)).mkdir(parents=True)
        (tmp_path / "m" / str(number) / "saved_model.pb").touch()
    (tmp_path / "m" / "12").mkdir()  # half copied: no saved_model.pb yet
    wanted = {"latest": [10], "all": [1, 3, 10], (3, 7): [3]}
    for versions, expected in wanted.items():
        assert list(ModelConfig("m", str(tmp_path / "m"), versions).wanted()) == expected
    assert list(ModelConfig("m", str(tmp_path / "m"), latest=2).wanted()) == [3, 10]


def test_the_models_config_that_export_writes_is_read(served_folder):
    (config,) = read_config(served_folder / "models.config")
    assert config.name == "digits" and config.base_path == "/models/digits"


def test_bad_starts_are_one_line(tmp_path, capsys):
    with pytest.raises(UsageError, match="no folder"):
        configs_below(tmp_path / "no")
    with pytest.raises(UsageError, match="holds no model"):
        configs_below(tmp_path)
    assert main(["serve", str(tmp_path / "no"), "--engine", "embedded"]) == 2
    assert main(["serve", str(tmp_path), "--engine", "tensorflow_serving"]) == 2
    assert "is not on PATH" in capsys.readouterr().err


ONE = 'model_config_list {{ config {{ name: "a" base_path: "a" {} }} }}'
CONFIGS = {
    "nonsense {": "is no models.config: 1:1 ",
    "": "is no models.config: it holds no model_config_list",
    "custom_model_config { }": "it holds no model_config_list",
    'model_config_list { config { base_path: "/m" } }': 'a config without a name: name: "..." belongs beside base_path',
    'model_config_list { config { name: "a" } }': "'a': base_path: got ''; allowed: a folder of this machine",
    'model_config_list { config { name: "a" base_path: "s3://a/b" } }': "'a': base_path: got 's3://a/b'; allowed: a f",
    ONE.format('model_platform: "onnx"'): "model_platform: got 'onnx'",
    ONE.format("model_version_policy { specific { } }"): "names no version",
    ONE.format("model_version_policy { oldest { } }"): "no field named",
    ONE.format('} config { name: "a" base_path: "b"'): "Duplicate model n",
}


@pytest.mark.parametrize("text", CONFIGS)
def test_a_list_that_is_wrong_is_one_line(tmp_path, capsys, text):
    (tmp_path / "models.config").write_text(text)
    words = ["--engine", "embedded", "--rest-api-port", "0", "--port", "0"]
    assert main(["serve", *words, "--model-config-file", str(tmp_path / "models.config")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and CONFIGS[text] in said


def test_a_list_that_cannot_be_read_is_one_line(tmp_path, capsys):
    (tmp_path / "latin.config").write_bytes(b"model_config_list { config { name: '\xe9' } }")
    words = ["serve", "--engine", "embedded", "--rest-api-port", "0", "--port", "0", "--model-config-file"]
    for name, said in (("none.config", "cannot be read"), (".", "cannot be read"), ("latin.config", "is not UTF-8")):
        assert main([*words, str(tmp_path / name)]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and said in told


def test_the_command_serves_until_it_is_told_to_end(served_folder):
    """A process of its own: ready, answers, also one that needs the contract, and after SIGTERM the exit code 0."""
    command = [sys.executable, "-m", "kerasvision", "serve", str(served_folder), "--engine", "embedded"]
    process = subprocess.Popen(
        [*command, "--rest-api-port", "0", "--port", "0"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        lines = iter(process.stderr.readline, "")
        port = next(int(m[1]) for line in lines if (m := re.search(r"REST at http://127.0.0.1:(\d+)/", line)))
        client = Client(port)
        assert client.ask("GET", "/readyz") == (200, "ready\n")
        assert client.predict("half_plus_three", {"instances": [2.0]})[1] == {"predictions": [31.0]}
        status, answer = client.ask("POST", "/draw/digits", png(np.zeros((8, 8, 3), np.uint8)))
        assert status == 200 and set(answer["answer"]) == {"top"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=HANG) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_taken_port_is_one_line(served_folder, server, capsys):
    words = ["serve", str(served_folder), "--engine", "embedded", "--port", "0", "--rest-api-port"]
    assert main([*words, str(server.rest_port)]) == 1
    assert f"port {server.rest_port} of 127.0.0.1 cannot be listened on" in capsys.readouterr().err


def test_tensorflow_serving_takes_the_place_where_it_is_installed(served_folder, tmp_path, monkeypatch):
    """A program of its name is started with the ports and with a configuration that follows labels; it listens on every
    address, so it takes the place only of a server that should. Here it runs beside this process, not in its place.
    """

    def beside(program, words):
        raise SystemExit(subprocess.run([program, *words[1:]]).returncode)

    monkeypatch.setattr(os, "execv", beside)
    binary = tmp_path / "tensorflow_model_server"
    binary.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {tmp_path}/words\n")
    binary.chmod(0o755)
    folder = tmp_path / "saved_models"
    shutil.copytree(served_folder / "digits", folder / "digits")
    command = [
        "serve",
        str(folder),
        "--rest-api-port",
        "8601",
        "--host",
        "0.0.0.0",
        "--cors",
        "*",
        "--batching-parameters-file",
        "batching.config",
    ]
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 0
    words = dict(line.removeprefix("--").split("=") for line in (tmp_path / "words").read_text().splitlines())
    assert words["rest_api_port"] == "8601" and words["port"] == "8500"
    assert words["rest_api_enable_cors_support"] == "true"
    assert words["enable_batching"] == "true" and words["batching_parameters_file"] == "batching.config"
    (config,) = read_config(words["model_config_file"])
    assert config.base_path == str(folder / "digits") and config.versions == "latest"
    promote(folder, "digits", 1)
    (config,) = read_config(words["model_config_file"])
    assert config.versions == (1,) and config.labels == {"stable": 1}
