"""Two cameras by their command: what each sees, what is told, and what is wrong in one line."""

import runpy
import sys

import numpy as np
import pytest
from PIL import Image

from tests.pipelines.drawn import FOLDER
from tests.pipelines.test_track_moving import draw_stamps

PATH = str(FOLDER / "measure_cameras.py")


def test_a_camera_s_looks_are_of_its_photographs_in_its_light(tmp_path):
    """A red square of 40 pixels, 24 of them within its picture, over gray: twice as dark in half of the light."""
    held = np.zeros((40, 40, 4), np.uint8)
    held[8:32, 8:32] = (200, 40, 20, 255)
    Image.fromarray(held).save(tmp_path / "red.png")
    crops = runpy.run_path(PATH)["crops"]
    for light in (np.ones(3), np.full(3, 0.5)):
        ground = np.full((480, 640, 3), 90, np.uint8)
        found, ids = crops(np.random.default_rng(0), [tmp_path / "red.png"] * 2, [ground], light)
        assert ids.tolist() == [0, 0, 0, 1, 1, 1]
        for crop in found:
            assert 60 <= min(crop.shape[:2]) <= max(crop.shape[:2]) <= 150
            h, w = (side // 2 for side in crop.shape[:2])
            np.testing.assert_allclose(crop[h, w], np.array([200, 40, 20]) * light[0], atol=1)
            np.testing.assert_allclose(crop[0, 0], 90 * light[0], atol=1)


def test_colors_find_what_has_its_own_and_the_table_says_so(tmp_path, monkeypatch, capsys):
    """Without the pretrained backbone, whose weights are a package of their own."""
    draw_stamps(tmp_path)
    pipeline = runpy.run_path(PATH)
    main = pipeline["main"]
    monkeypatch.setitem(main.__globals__, "models", lambda others, runs: {"colors": pipeline["Colors"]})
    monkeypatch.setattr(sys, "argv", [PATH, "--stamps", str(tmp_path), "--identities", "4"])
    main()
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["rank-1", "mAP", "of", "4", "identities"]
    name, rank, mean, looks, _ = row.split()
    assert (name, looks) == ("colors", "12")
    assert 0 <= float(mean) <= 1 and 0 <= float(rank) <= 1


def test_wrong_use_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "stamps").mkdir()
    draw_stamps(tmp_path / "stamps")
    for words, said in (
        (["--stamps", str(tmp_path / "none")], "prepare_stamps.py --out"),
        (["--stamps", str(tmp_path / "stamps"), "--identities", "40"], "--identities 40; allowed: 2 to 39"),
        (["--stamps", str(tmp_path / "stamps"), "--identities", "1"], "--identities 1; allowed: 2 to 39"),
    ):
        monkeypatch.setattr(sys, "argv", [PATH, *words])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(PATH, run_name="__main__")
        assert ended.value.code == 2 and said in capsys.readouterr().err
