"""The same version in another folder: it takes over when it has been loaded, and only then."""

import threading

import numpy as np
import pytest

from kerasvision.serve.configs import read_config
from kerasvision.serve.models import ModelConfig, Models
from tests.serve.conftest import save_affine
from tests.waiting import HANG, until


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folders a and b of version 1, y = x + 1 and y = x + 2; c, whose version 1 is no model."""
    folder = tmp_path_factory.mktemp("places")
    save_affine(folder / "a" / "1", 1.0, 1.0)
    save_affine(folder / "b" / "1", 1.0, 2.0)
    (folder / "c" / "1").mkdir(parents=True)
    (folder / "c" / "1" / "saved_model.pb").write_bytes(b"no model at all")
    return folder


@pytest.fixture
def said():
    return []


@pytest.fixture
def models(places, said):
    return Models([ModelConfig("m", str(places / "a"))], said.append)


def answer(models):
    with models.servable("m") as servable:
        return servable.predict({"x": np.zeros(1, np.float32)})["y"][0]


def test_another_base_path_of_the_same_version_is_loaded(models, places, said):
    for place, expected in (("b", 2.0), ("a", 1.0)):
        models.configure([ModelConfig("m", str(places / place))])
        assert answer(models) == expected
        assert models.status("m") == [(1, "AVAILABLE", None)]
    assert f"m version 1 is no longer served from {places / 'a' / '1'}" in said
    loaded = sum("is served" in line for line in said)
    models.refresh()
    assert sum("is served" in line for line in said) == loaded == 3  # and not again when nothing has changed


def test_a_request_under_way_keeps_the_version_that_it_began_with(models, places):
    with models.servable("m") as held:
        moving = threading.Thread(target=models.configure, args=([ModelConfig("m", str(places / "b"))],))
        moving.start()
        until(lambda: answer(models) == 2.0, lambda: "the other folder was not taken over")
        assert held.predict({"x": np.zeros(1, np.float32)})["y"][0] == 1.0 and moving.is_alive()
    moving.join(HANG)
    assert not moving.is_alive()


@pytest.mark.parametrize("place", ["c", "nowhere"])
def test_what_cannot_take_over_leaves_the_old_one_or_none(models, places, said, place):
    """A broken version leaves what answers; a folder without versions serves none, as it says."""
    models.configure([ModelConfig("m", str(places / place))])
    if place == "nowhere":
        assert models.status("m") == [(1, "END", None)] and not models.ready
        return
    assert answer(models) == 1.0 and models.status("m") == [(1, "AVAILABLE", None)]
    (line,) = [line for line in said if "cannot be served" in line]
    assert line.endswith(f"; that of {places / 'a' / '1'} goes on")
    models.refresh()
    assert sum("cannot be served" in line for line in said) == 1  # not tried again before its files change
    models.configure([ModelConfig("m", str(places / "b"))])
    assert answer(models) == 2.0


def test_a_config_file_is_followed_and_a_mistake_in_it_is_said_once(places, said):
    file = places / "models.config"

    def write(text):
        (places / "new").write_text(text)
        (places / "new").replace(file)  # in one piece

    text, looks = 'model_config_list {{ config {{ name: "m" base_path: "{}" }} }}', []

    def configs():
        looks.append(1)
        return read_config(file)

    write(text.format("a"))
    models = Models(configs(), said.append)
    models.watch(0.01, configs)
    try:
        write("nonsense {")
        until(lambda: any("is no models.config" in line for line in said))
        before = len(looks)
        until(lambda: len(looks) > before + 5)
        assert answer(models) == 1.0
        write(text.format("b"))
        until(lambda: answer(models) == 2.0)
    finally:
        models.stop()
    assert sum("is no models.config" in line for line in said) == 1
