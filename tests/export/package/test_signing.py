"""Signed versions: what openssl's keys sign, a server that trusts them loads, and nothing else."""

import functools
import json
import shutil
import subprocess

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.export.package.signing import sign, trusting
from kerasvision.serve.client import Client
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Options, Server
from tests.serve.conftest import save_affine
from tests.waiting import until


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """(private, public, another public) PEM files."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl on PATH")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("own", "other"):
        openssl("genpkey", "-algorithm", "ed25519", "-out", str(folder / f"{name}.pem"))
        openssl("pkey", "-in", str(folder / f"{name}.pem"), "-pubout", "-out", str(folder / f"{name}.pub"))
    openssl("genpkey", "-algorithm", "rsa", "-out", str(folder / "rsa.pem"))
    return folder


@pytest.fixture
def version(tmp_path):
    save_affine(tmp_path / "models" / "affine" / "1", 0.5, 2.0)
    return tmp_path / "models" / "affine" / "1"


def test_what_was_signed_is_trusted(keys, version):
    place = sign(version, keys / "own.pem")
    assert place.name == "1.signature.json" and "saved_model.pb" in json.loads(place.read_text())["files"]
    trusting(keys / "own.pub")(version)


CHANGES = {
    "a byte": (lambda v: (v / "saved_model.pb").write_bytes((v / "saved_model.pb").read_bytes()[:-1]), "not what was"),
    "a file more": (lambda v: (v / "assets" / "more.txt").write_text("x"), "is not what was signed: assets/more.txt"),
    "a file less": (lambda v: next(v.glob("variables/*.index")).unlink(), "is not what was signed: variables/"),
    "a link": (lambda v: (v / "assets" / "link").symlink_to("/etc/hostname"), "is a link"),
    "a link to the version": (lambda v: (v.rename(v.with_name("7")), v.symlink_to("7")), "is a link; a signed version"),
    "another number": (lambda v: v.with_name("1.signature.json").rename(v.with_name("2.signature.json")), "not signed"),
    "no signature": (lambda v: v.with_name("1.signature.json").write_text("{}"), "is no signature"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told(keys, version, change):
    sign(version, keys / "own.pem")
    act, message = CHANGES[change]
    (version / "assets").mkdir(exist_ok=True)
    act(version)
    with pytest.raises(KerasVisionError, match=message):
        trusting(keys / "own.pub")(version)


def test_neither_another_key_nor_another_version_will_do(keys, version):
    sign(version, keys / "own.pem")
    with pytest.raises(KerasVisionError, match="was not made by the owner of"):
        trusting(keys / "other.pub")(version)
    shutil.copytree(version, version.with_name("2"))
    shutil.copy(version.with_name("1.signature.json"), version.with_name("2.signature.json"))
    with pytest.raises(KerasVisionError, match="was not made by the owner of"):
        trusting(keys / "own.pub")(version.with_name("2"))


@pytest.mark.parametrize("name", ["rsa.pem", "own.pub", "no.pem"])
def test_a_wrong_key_is_one_line(keys, version, name):
    with pytest.raises(UsageError, match="is not a private ed25519 key|cannot be read"):
        sign(version, keys / name)


def test_a_server_loads_what_is_signed_and_keeps_it_beside_what_is_not(keys, version):
    folder = version.parents[1]
    sign(version, keys / "own.pem")
    options = Options(rest_port=0, grpc_port=0, poll=0.05, trust=str(keys / "own.pub"))
    server = Server(configs_below(folder), options, folder).start()
    try:
        save_affine(folder / "affine" / "2", 0.5, 30.0)
        client = Client(f"http://127.0.0.1:{server.rest_port}")
        until(lambda: len(server.models.status("affine")) == 2)
        (number, state, error), _ = server.models.status("affine")
        assert (number, state) == (2, "END") and "is not signed" in str(error)
        assert client.predict("affine", {"x": np.float32([2])})["outputs"] == [3.0]
        sign(folder / "affine" / "2", keys / "own.pem")
        status = functools.partial(server.models.status, "affine")
        until(lambda: client.predict("affine", {"x": np.float32([2])})["outputs"] == [31.0], status)
    finally:
        server.stop()


def test_the_command_signs_an_export(keys, digits_served, tmp_path, capsys):
    shutil.copytree(digits_served, tmp_path / "saved_models")
    words = ["models", "sign", "digits", "1", "--dir", str(tmp_path / "saved_models")]
    assert main([*words, "--key", str(keys / "own.pem")]) == 0
    trusting(keys / "own.pub")(tmp_path / "saved_models" / "digits" / "1")
    assert main([*words, "--key", str(keys / "own.pub")]) == 2
    assert "is not a private ed25519 key" in capsys.readouterr().err


def test_what_only_the_embedded_server_has_is_refused_of_the_other(keys, version, capsys):
    words = ["serve", str(version.parents[1]), "--engine", "tensorflow_serving", "--trust", str(keys / "own.pub")]
    assert main(words) == 2 and "are the embedded server's" in capsys.readouterr().err
