"""The comparison of trackers by its command: its tables, what is not installed, and intervals on both sides of zero."""

import importlib.util
import re
import runpy
import sys

import numpy as np
import pytest
from PIL import Image

from kerasvision.core.registry import create
from kerasvision.metrics.tracking import Tracking
from kerasvision.systems.looked import Colors
from kerasvision.systems.simulated import seen_boxes
from tests.pipelines.drawn import FOLDER

PATH = str(FOLDER / "track_moving.py")
BOX = np.array([[0, 0, 10, 10.0]])


def test_tables_are_printed_and_missing_peers_said(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    words = ["--sequences", "2", "--frames", "4", "--resamples", "3", "--show", "table", "parts"]
    monkeypatch.setattr(sys, "argv", [PATH, *words])
    runpy.run_path(PATH, run_name="__main__")
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == ["not installed: trackers, supervision", "not installed: norfair"]
    assert printed[2].split() == ["HOTA,", "switches", "open", "crowded", "walls", "shaken"]
    names = {line[:22].strip() for line in printed}
    assert {"kerasvision", "nothing", "camera", "appearance", "second stage"} <= names


def draw_stamps(folder):
    """As `prepare_stamps.py` lays them: twenty squares of two classes, and plain photographs in two folders."""
    rng, rows = np.random.default_rng(0), []
    for name in ("cutouts", "backgrounds", "scenery"):
        (folder / name).mkdir()
    for n in range(40):
        color = rng.integers(0, 256, (1, 1, 3), dtype=np.uint8)
        inside = np.pad(np.full((20, 20), 255, np.uint8), 2)
        cutout = np.dstack([np.tile(color, (24, 24, 1)), inside])
        Image.fromarray(cutout).save(folder / "cutouts" / f"{n}.png")
        rows.append(f"cutouts/{n}.png,{'ab'[n % 2]},{n}\n")
        ground = np.tile(255 - color, (80, 80, 1))
        Image.fromarray(ground).save(folder / ("backgrounds", "scenery")[n % 2] / f"{n}.png")
    (folder / "cutouts.csv").write_text("".join(["file,label,group\n", *rows]))


@pytest.mark.nightly
def test_videos_are_rendered_and_followed_by_colors(tmp_path, monkeypatch, capsys):
    draw_stamps(tmp_path)
    words = ["--stamps", str(tmp_path), "--sequences", "1", "--frames", "3", "--show", "table"]
    monkeypatch.setattr(sys, "argv", [PATH, *words])
    runpy.run_path(PATH, run_name="__main__")
    printed = capsys.readouterr().out
    assert "rendered 1 videos: twins" in printed
    row = next(line for line in printed.splitlines() if line.startswith("kerasvision, by looks too"))
    hota = [float(cell) for cell in re.findall(r"0\.\d{3}|1\.000", row)]
    assert len(hota) == 5 and min(hota) > 0.3


def test_boxes_are_those_of_the_detector(tmp_path):
    """Of one that says the whole frame, and of the ground truth where there is none."""
    draw_stamps(tmp_path)
    folders = (str(tmp_path / "backgrounds"), str(tmp_path / "scenery"))
    given = {"path": str(tmp_path / "cutouts.csv"), "backgrounds": folders}
    source = create("sources/moving", **given, films=(1, 0, 1), frames=2, image_size=(60, 80), occluders=(0, 0))
    whole = {"boxes_xyxy": np.float32([[[0, 0, 80, 60]] * 2]), "scores": np.float32([[0.9, 0.1]])}
    whole |= {"labels": np.int32([[3, 3]]), "count": np.int32([1])}
    filmed = runpy.run_path(PATH)["filmed"]
    for found, (ids, boxes) in filmed(source, 0, 2, lambda inputs: whole, Colors()):
        np.testing.assert_array_equal(found["boxes_xyxy"], [[0, 0, 80, 60]])
        assert (found["scores"].tolist(), found["labels"].tolist()) == ([np.float32(0.9)], [0])
        assert len(found["embeddings"]) == 1 and len(ids) == len(boxes) > 0


def test_wrong_use_is_one_line(monkeypatch, capsys):
    for words, said in ((["--detector", "x"], "give --stamps data/stamps"), (["--frames", "1"], "--frames: 2 or more")):
        monkeypatch.setattr(sys, "argv", [PATH, *words])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(PATH, run_name="__main__")
        assert ended.value.code == 2 and said in capsys.readouterr().err


def judge_of(*found):
    """A `Tracking` of sequences of two frames; found: whether each one's object is found."""
    judge = Tracking()
    for sequence, is_found in enumerate(found):
        for _ in range(2):
            answer = {"ids": np.array([1] * is_found, int), "boxes_xyxy": BOX[: int(is_found)]}
            seen_boxes(judge, answer, (np.array([0]), BOX), sequence)
    return judge


def test_a_difference_of_two_trackers_and_its_interval():
    """One finds all, the other all but one of four sequences: drawn sequences lie between none and all of the gap."""
    difference = runpy.run_path(PATH)["difference"]
    change, low, high = difference(judge_of(True, True, True, False), judge_of(*[True] * 4), 200)
    assert low < change < 0 and low >= -1 and high == pytest.approx(0.0)
    assert difference(judge_of(True, False), judge_of(True, False), 20) == (0.0, 0.0, 0.0)
