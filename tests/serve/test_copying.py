"""Versions whose files arrive bit by bit: tried when they have stopped changing, and not again before they change."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.serve import models as of_models
from kerasvision.serve.models import ModelConfig, Models
from kerasvision.serve.servable import Servable

DATA = "variables/variables.data-00000-of-00001"


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Folders 1 and 2 of y = x + version, with 40 kB of variables."""
    folder = tmp_path_factory.mktemp("versions")
    for number in (1, 2):
        module = tf.Module()
        module.shift = tf.Variable(np.full(10_000, number, np.float32))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def add(x, module=module):
            return {"y": x + module.shift[9_999]}

        tf.saved_model.save(
            module, str(folder / str(number)), signatures={"serving_default": add.get_concrete_function()}
        )
    return folder


@pytest.fixture
def told():
    return []


@pytest.fixture
def opened(versions, tmp_path, told):
    """(`Models` that serve version 1, the folder); a look at the disk is `refresh(waits=True)`, as the watch's."""
    shutil.copytree(versions / "1", tmp_path / "m" / "1")
    return Models([ModelConfig("m", str(tmp_path / "m"))], told.append), tmp_path / "m"


def begin(versions, folder, number=2):
    """A copy of a version whose data has not come yet; (path of the data, what is to come)."""
    shutil.copytree(versions / str(number), folder / str(number))
    data = folder / str(number) / DATA
    content = data.read_bytes()
    data.write_bytes(b"")
    return data, content


def grow(data, content, share):
    """Appends, so that no folder's time changes."""
    with data.open("ab") as file:
        file.write(content[data.stat().st_size : int(share * len(content))])


def failures(told):
    return sum("version 2 cannot be served" in line for line in told)


def states(models):
    return {number: state for number, state, _ in models.status("m")}


def look(models, times=1):
    for _ in range(times):
        models.refresh(waits=True)


def answer(models):
    with models.servable("m") as servable:
        return float(servable.predict({"x": np.float32([0])})["y"][0])


def test_a_version_that_grows_is_served_when_it_is_whole(opened, versions, told):
    models, folder = opened
    data, content = begin(versions, folder)
    look(models)
    assert states(models) == {1: "AVAILABLE"} and failures(told) == 0  # seen for the first time
    for share in (0.2, 0.4, 0.6):
        grow(data, content, share)
        look(models)
        assert states(models) == {1: "AVAILABLE"} and failures(told) == 0  # it changes between two looks
    look(models)
    assert states(models) == {2: "END", 1: "AVAILABLE"} and failures(told) == 1  # the copy has paused
    grow(data, content, 0.8)
    look(models)
    assert failures(told) == 1
    look(models)
    assert states(models)[2] == "END" and failures(told) == 2 and answer(models) == 1.0
    grow(data, content, 1.0)
    look(models)
    assert states(models)[2] == "END"
    look(models)
    assert states(models)[2] == "AVAILABLE" and failures(told) == 2 and answer(models) == 2.0


def test_a_broken_version_that_does_not_change_is_tried_once(opened, versions, told):
    models, folder = opened
    data, content = begin(versions, folder)
    look(models, 12)
    assert states(models) == {2: "END", 1: "AVAILABLE"} and failures(told) == 1
    grow(data, content, 0.5)
    look(models, 12)
    assert failures(told) == 2


@pytest.mark.parametrize("change", ["a size", "a time", "a file more", "a file less"])
def test_every_change_below_the_folder_counts(opened, versions, told, change):
    models, folder = opened
    data, _ = begin(versions, folder)
    look(models, 2)
    assert failures(told) == 1
    folders = folder / "2", folder / "2" / "variables"
    kept = [place.stat().st_mtime_ns for place in folders]
    index = folder / "2" / "variables" / "variables.index"
    if change == "a size":
        data.write_bytes(b"a")
    elif change == "a time":
        os.utime(index, ns=(1, index.stat().st_mtime_ns + 1))
    elif change == "a file more":
        (folder / "2" / "assets").mkdir(exist_ok=True)
        (folder / "2" / "assets" / "more").touch()
    else:
        index.unlink()
    if change in ("a size", "a time"):
        assert kept == [place.stat().st_mtime_ns for place in folders]
    look(models)
    assert failures(told) == 1
    look(models, 5)
    assert failures(told) == 2


def test_what_is_there_at_the_start_is_tried_at_once_and_again_when_it_is_whole(versions, tmp_path, told):
    data, content = begin(versions, tmp_path / "m")
    models = Models([ModelConfig("m", str(tmp_path / "m"))], told.append)
    assert states(models) == {2: "END"} and failures(told) == 1 and not models.ready
    grow(data, content, 1.0)
    look(models, 2)
    assert states(models) == {2: "AVAILABLE"} and answer(models) == 2.0 and models.ready


def test_what_changes_while_it_is_read_is_not_served(opened, versions, told, monkeypatch):
    models, folder = opened

    class Meanwhile(Servable):
        def __init__(self, name, number, path):
            super().__init__(name, number, path)
            (path / "assets.extra").mkdir(exist_ok=True)
            (path / "assets.extra" / "late").touch()

    shutil.copytree(versions / "2", folder / "2")
    monkeypatch.setattr(of_models, "Servable", Meanwhile)
    look(models, 2)
    assert states(models) == {2: "END", 1: "AVAILABLE"} and "its files changed while they were read" in told[-1]
    monkeypatch.undo()
    look(models, 2)
    assert states(models)[2] == "AVAILABLE" and answer(models) == 2.0


def test_a_model_without_versions_is_said_once(tmp_path, told):
    models = Models([ModelConfig("m", str(tmp_path / "none"))], told.append)
    look(models, 3)
    assert len(told) == 1 and f"m has no version yet: nothing like {tmp_path}/none/1/saved_model.pb" in told[0]
