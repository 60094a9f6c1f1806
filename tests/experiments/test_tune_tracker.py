"""Settings of a tracker by HOTA: the study, what it says and keeps, and that a trial is what `track` would give."""

import json
import re

import numpy as np
import pytest

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.component import from_json
from kerasvision.data.video import VideoWriter
from kerasvision.experiments.dimensions import Dimension, parse_dimension
from kerasvision.experiments.fields import search_fields
from kerasvision.systems.judging import Judge, Sequence, digest, judged
from kerasvision.systems.multi_object import MultiObject
from kerasvision.systems.simulated import frames_of
from kerasvision.systems.trackers import tracker_of
from tests.systems.test_looked import MeanColor

pytest.importorskip("optuna")
SECONDS_AWAY = 1.2


def lines(rows):
    return "".join(
        f"{n + 1},{i},{x1:.3f},{y1:.3f},{x2 - x1:.3f},{y2 - y1:.3f},{s:.3f}\n" for n, i, (x1, y1, x2, y2), s in rows
    )


def write(folder, seed):
    """A sequence in MOTChallenge's form: one object straight on, which is away from 1.0 to 2.2 s of 4, and noise."""
    rng, away = np.random.default_rng(seed), SECONDS_AWAY
    every = [(n, np.array([3.0 * n, 20, 3.0 * n + 30, 70])) for n in range(40)]
    found = [(n, -1, box + rng.normal(0, 0.5, 4), 0.9) for n, box in every if not 10 <= n < 10 + 10 * away]
    for name, rows in (("det", found), ("gt", [(n, 1, box, 1) for n, box in every])):
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}.txt").write_text(lines(rows))
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=a\nframeRate=10\n")


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequences")
    for seed, name in enumerate(("a", "b", "c")):
        write(folder / name, seed)
    return folder


def tune(*words, out, search=("keep_s=0.2,2",), trials=4):
    search = ["--search", *search] if search else []
    return main(["tune", *map(str, words), *search, "--trials", str(trials), "--out", str(out)])


BY_MOTION = ("--tracker", "kerasvision", "--set", "camera=False", "keep_s=0.2")


def test_what_keeps_the_identity_is_found_and_said(sequences, tmp_path, capsys):
    """An object that is away for 1.2 s keeps its number where tracks are kept for 2 s; so do those held out."""
    words = (sequences, *BY_MOTION, "--held-out", "c", "--json")
    assert tune(*words, out=tmp_path / "s") == 0
    told = capsys.readouterr()
    held = json.loads(told.out)
    values = {t["settings"]["keep_s"]: t["value"] for t in held["trials"]}
    assert set(values) == {"0.2", "2"} and values["0.2"] == held["start"] < values["2"] == held["best"]["value"]
    assert held["best"]["settings"] == {"keep_s": "2"}
    assert held["held_out"]["as it was"]["switches"] == 1 and held["held_out"]["best"]["switches"] == 0
    assert from_json(json.loads((tmp_path / "s" / "best.json").read_text())).keep_s == 2.0
    assert (tmp_path / "s" / "history.png").read_bytes()[:4] == b"\x89PNG"
    assert tune(*words, out=tmp_path / "s") == 0
    again = capsys.readouterr()
    assert json.loads(again.out) == held and "trial" not in again.err
    assert tune(*words[:-1], out=tmp_path / "s", trials=5) == 0
    more = capsys.readouterr()
    assert re.findall(r"^trial (\d+):", more.err, re.MULTILINE) == ["4"]
    assert "type: --tracker kerasvision --set camera=False keep_s=2" in more.out and "held out" in more.out


def test_a_trial_is_what_track_says(sequences, tmp_path, capsys):
    words = (sequences / "a" / "det" / "det.txt", "--ground-truth", sequences / "a" / "gt" / "gt.txt", "--rate", 10)
    assert tune(*words, *BY_MOTION, "--json", out=tmp_path / "s", trials=1) == 0
    best = json.loads(capsys.readouterr().out)
    assert main(["track", *map(str, words), *BY_MOTION]) == 0
    shown = capsys.readouterr().out
    assert float(shown.partition("HOTA")[2].split("│")[1]) == pytest.approx(best["start"], abs=5e-5)


def test_what_a_model_sees_is_looked_at_once(tmp_path, monkeypatch, capsys):
    """A film of two squares that turn around behind a wall; appearance tells them apart, motion does not."""
    rows, true = [], []
    with VideoWriter(tmp_path / "v.mp4", 20.0) as writer:
        for n in range(60):
            away = 4 * abs(30 - n)
            pixels = np.full((96, 320, 3), 90, np.uint8)
            for i, (x, color) in enumerate(((148 - away, (200, 40, 40)), (148 + away, (40, 40, 200)))):
                pixels[30:54, x : x + 24] = color
                box = np.array([x, 30, x + 24, 54])
                true.append((n, i + 1, box, 1))
                if x + 24 <= 140 or x >= 180:
                    rows.append((n, -1, box, 0.9))
            pixels[:, 140:180] = 60
            writer.add(pixels, n / 20)
    (tmp_path / "det.txt").write_text(lines(rows))
    (tmp_path / "gt.txt").write_text(lines(true))
    asked = []

    class Counted(MeanColor):
        def __call__(self, inputs):
            asked.append(1)
            return super().__call__(inputs)

    monkeypatch.setattr(api, "load", lambda *_: Counted())
    words = [tmp_path / "det.txt", "--ground-truth", tmp_path / "gt.txt", "--video", tmp_path / "v.mp4"]
    words += [
        "--appearance",
        "run",
        "--tracker",
        "kerasvision",
        "--set",
        "camera=False",
        "least_likeness=1.0",
        "unlike=-1",
    ]
    (tmp_path / "run").write_text("")
    monkeypatch.chdir(tmp_path)
    assert tune(*words, "--json", out="s", search=("appearance=0.001,5",), trials=3) == 0
    held = json.loads(capsys.readouterr().out)
    assert len(asked) == len(rows) and (tmp_path / "s" / "found" / "all.npz").exists()
    assert tune(*words, "--json", out="s", search=("appearance=0.001,5",), trials=3) == 0
    assert json.loads(capsys.readouterr().out) == held and len(asked) == len(rows)
    track = ["track", *map(str, [words[0], "v.mp4", *words[1:3], *words[5:]])]
    assert main([*track, "appearance=1"]) == 0
    assert float(capsys.readouterr().out.partition("HOTA")[2].split("│")[1]) == pytest.approx(held["start"], abs=5e-5)


def simulated(count=40):
    frames = list(frames_of("open", 0, frames=count))
    true = {n: {"ids": ids, "boxes_xyxy": boxes} for n, (_, (ids, boxes)) in enumerate(frames)}
    return Sequence("open", tuple((n, held) for n, (held, _) in enumerate(frames)), true)


def test_settings_that_cannot_be_together_are_a_failed_trial(tmp_path, capsys):
    search = [parse_dimension("high_score=0.3,0.7"), parse_dimension("birth_score=0.65,0.9")]
    held = [simulated()]
    found = search_fields(MultiObject(), search, lambda t: judged(t, held)["HOTA"], 8, tmp_path, digest(held))
    wrong = {(t.settings["high_score"], t.settings["birth_score"]) for t in found.trials if t.state == "failed"}
    assert wrong == {("0.7", "0.65")}
    assert "failed: --search high_score=0.7 birth_score=0.65: low_score 0.1, high_score 0.7" in capsys.readouterr().err
    best = max(t.value for t in found.trials if t.state == "complete")
    assert (found.best.value if found.best else found.start) == max(best, found.start)
    assert judged(found.best_part, held)["HOTA"] == max(best, found.start)


def test_where_nothing_is_better_the_part_stays_as_it_was(tmp_path):
    found = search_fields(MultiObject(), [Dimension("keep_s", 1.0, 2.0)], lambda t: -t.keep_s - 9, 2, tmp_path, "")
    assert found.best is not None  # 3.0 was worse than all that were tried
    found = search_fields(MultiObject(), [Dimension("keep_s", 1.0, 2.0)], lambda t: t.keep_s, 2, tmp_path / "b", "")
    assert found.best is None and found.best_part == MultiObject()


def test_wrong_use_is_one_line(sequences, tmp_path, capsys):
    boxes = sequences / "a" / "det" / "det.txt"
    given = ("--ground-truth", sequences / "a" / "gt" / "gt.txt")
    for words, search, said in (
        ((boxes,), ("keep_s=1,2",), "a tracker is judged by a ground truth; give --ground-truth GT.txt"),
        ((boxes, *given), ("keep=1,2",), "MultiObject has no field 'keep'"),
        ((boxes, *given), ("keep_s=-2..-1",), "allowed: 1 or more, 0 or more"),
        ((boxes, *given), (), "tune needs one --search KEY=LOW..HIGH or more"),
        ((boxes, *given, "--tracker", "botsort"), ("keep_s=1,2",), "give --set pictures=False"),
        ((boxes, *given, "--set", "appearance=1"), ("keep_s=1,2",), "name an embedding run"),
        ((boxes, *given, "--appearance", "run"), ("keep_s=1,2",), "--appearance looks at pictures, and all has none"),
        ((boxes, *given, "--data", "digits"), ("keep_s=1,2",), "a tracker has none"),
        (("runs/x", *given), ("keep_s=1,2",), "runs/x detects in pictures; give --video VIDEO"),
        ((sequences, "--held-out", "z"), ("keep_s=1,2",), "has a, b, c; name some of them"),
        (("classification/classifier", "--tracker", "sort"), ("epochs=1,2",), "--tracker goes with a search for a"),
    ):
        assert tune(*words, out=tmp_path / "s", search=search) == 2, words
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    assert not (tmp_path / "s").exists()
    assert tune(boxes, *given, out=tmp_path / "s", trials=1) == 0
    assert tune(boxes, *given, "--rate", 20, out=tmp_path / "s", trials=1) == 2
    assert "holds a study with other data; choose another --out" in capsys.readouterr().err


def test_what_does_not_count_is_not_judged():
    judge = Judge(
        tracker_of("sort").evaluator(),
        {0: {"ids": np.array([1, 2]), "boxes_xyxy": np.array([[0.0, 0, 9, 9]] * 2), "scores": np.array([1.0, 0])}},
    )
    judge(0, {"ids": np.array([5]), "boxes_xyxy": np.array([[0.0, 0, 9, 9]])})
    judge(1, {"ids": np.array([5]), "boxes_xyxy": np.array([[0.0, 0, 9, 9]])})
    figures = judge.result()
    assert figures["objects"] == 1 and figures["recall"] == 1 and figures["precision"] == 0.5
