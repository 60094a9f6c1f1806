"""How well objects are followed, by its command: a row for each kind of films and each network."""

import dataclasses
import runpy
import sys

import pytest

from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.train.run import Trained, save_run
from tests.contract.tracking_cases import tiny
from tests.pipelines.drawn import FOLDER
from tests.pipelines.test_track_moving import draw_stamps

PATH = str(FOLDER / "measure_following.py")


@pytest.mark.nightly
def test_every_kind_of_films_is_followed_by_every_network(tmp_path, monkeypatch, capsys):
    draw_stamps(tmp_path)
    folders = (str(tmp_path / "backgrounds"), str(tmp_path / "scenery"))
    given = {"path": str(tmp_path / "cutouts.csv"), "backgrounds": folders, "image_size": (60, 80)}
    data, arch = create("sources/moving", give="pairs", **given), tiny("siamban")
    recipe = Recipe(name="follower", model=arch, data=data, optimizer=create("optimizers/adamw"), epochs=1)
    save_run(Trained(recipe, arch.build(), ("object",), {}, tmp_path / "run"))
    monkeypatch.setattr(sys, "argv", [PATH, str(tmp_path / "run"), "--films", "1", "--frames", "3", "--parts"])
    pipeline = runpy.run_path(PATH, run_name="__main__")
    rows = capsys.readouterr().out.splitlines()
    names = ("untrained", "trained", *pipeline["PARTS"])
    assert [row[:22].strip() for row in rows] == [kind for kind in pipeline["KINDS"] for _ in names]
    assert [row[23:43].strip() for row in rows] == [name for _ in pipeline["KINDS"] for name in names]
    assert all("success_auc 0." in row for row in rows)
    assert all(dataclasses.replace(arch, **settings) != arch for settings in pipeline["PARTS"].values())
