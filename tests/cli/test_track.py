"""`kerasvision track`: boxes and a video become lines, a drawn video and figures; stopped, resumed; bad input."""

import json
import os
import pathlib
import re
import signal

import av
import motmetrics
import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.data import motchallenge
from kerasvision.data.video import VideoWriter
from kerasvision.systems.simulated import frames_of
from tests.metrics.test_tracking import by_motmetrics

FRAMES, SCALE = 60, 0.2
TUD = pathlib.Path(motmetrics.__file__).parent / "data" / "TUD-Campus"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """(folder) with det.txt, gt.txt, det.jsonl and video.mp4 of one simulated scene of 192 x 108 pixels."""
    folder = tmp_path_factory.mktemp("scene")
    found, true, rows = [], [], []
    with VideoWriter(folder / "video.mp4", 30.0) as writer:
        for number, (frame, (ids, boxes)) in enumerate(frames_of("open", seed=5, frames=FRAMES)):
            pixels = np.full((108, 192, 3), 90, np.uint8)
            for x1, y1, x2, y2 in (boxes * SCALE).clip(0).astype(int):
                pixels[y1:y2, x1:x2] = 200
            writer.add(pixels, number / 30)
            held = frame["boxes_xyxy"] * SCALE
            for box, score in zip(held, frame["scores"], strict=True):
                found.append(line(number, -1, box, score))
            true += [line(number, i + 1, box * SCALE, 1) for i, box in zip(ids, boxes, strict=True)]
            objects = [
                {"box_xyxy": b.tolist(), "score": s} for b, s in zip(held, frame["scores"].tolist(), strict=True)
            ]
            rows.append(json.dumps({"frame": number, "objects": objects}) + "\n")
    (folder / "det.txt").write_text("".join(found))
    (folder / "gt.txt").write_text("".join(true))
    (folder / "det.jsonl").write_text("".join(rows))
    return folder


def line(number, name, box, score):
    x1, y1, x2, y2 = box
    return f"{number + 1},{name},{x1:.4f},{y1:.4f},{x2 - x1:.4f},{y2 - y1:.4f},{score:.4f},-1,-1,-1\n"


def track(*words):
    return main(["track", *map(str, words)])


def frames_in(path):
    with av.open(str(path)) as container:
        return [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def test_boxes_and_a_video_become_lines_a_video_and_figures(scene, tmp_path, capsys):
    outputs = ("--mot", tmp_path / "out.txt", "--draw", tmp_path / "out.mp4", "--json")
    assert track(scene / "det.txt", scene / "video.mp4", "--ground-truth", scene / "gt.txt", *outputs) == 0
    captured = capsys.readouterr()
    lines = [json.loads(row) for row in captured.out.splitlines() if row.startswith("{")]
    assert [row["frame"] for row in lines] == list(range(FRAMES)) and "60 frames, " in captured.err
    assert lines[3]["time"] == pytest.approx(0.1, abs=1e-4)
    held = motchallenge.read_boxes(tmp_path / "out.txt")
    for row in lines:
        assert [o["id"] for o in row["objects"]] == held.get(row["frame"], motchallenge.nothing())["ids"].tolist()
    assert float(captured.out.partition("HOTA")[2].split("│")[1]) > 0.8
    drawn = frames_in(tmp_path / "out.mp4")
    assert len(drawn) == FRAMES and drawn[0][1].shape == (108, 192, 3)
    x1, y1, x2, _ = np.array(lines[30]["objects"][0]["box_xyxy"]).round().astype(int).clip(0)
    edge = drawn[30][1][y1 : y1 + 2, x1:x2].reshape(-1, 3).astype(int)
    assert np.ptp(edge, axis=1).max() > 30  # a colored line where the picture is gray
    assert not list(tmp_path.glob("*.state.npz"))


def test_boxes_of_both_forms_with_and_without_their_video_are_one(scene, tmp_path):
    ways = {"a": ("det.txt",), "b": ("det.txt", "video.mp4"), "c": ("det.jsonl", "video.mp4")}
    for name, files in ways.items():
        assert track(*(scene / f for f in files), "--mot", tmp_path / name) == 0
    read = {name: motchallenge.read_boxes((tmp_path / name).rename(tmp_path / f"{name}.txt")) for name in ways}
    for other in ("b", "c"):
        assert read["a"].keys() == read[other].keys()
        for number, rows in read["a"].items():
            assert rows["ids"].tolist() == read[other][number]["ids"].tolist()
            np.testing.assert_allclose(rows["boxes_xyxy"], read[other][number]["boxes_xyxy"], atol=0.02)


def test_every_third_frame_of_a_part(scene, capsys):
    assert track(scene / "det.txt", scene / "video.mp4", "--every", 3, "--start", 0.5, "--end", 1, "--json") == 0
    assert [json.loads(row)["frame"] for row in capsys.readouterr().out.splitlines()] == [15, 18, 21, 24, 27]


@pytest.mark.parametrize("tracker", ["kerasvision", "ocsort"])
def test_what_is_stopped_can_be_played_and_goes_on_exactly(scene, tmp_path, monkeypatch, capsys, tracker):
    """Twice: the lines are those of a run that nobody stopped, to the byte."""
    words = (scene / "det.txt", scene / "video.mp4", "--tracker", tracker)
    assert track(*words, "--mot", tmp_path / "whole.txt") == 0
    own = (*words, "--mot", tmp_path / "out.txt", "--draw", tmp_path / "out.mp4")
    plain = motchallenge.to_text
    for more, at in (((), 19), (("--resume",), 40)):

        def stopping(number, answer, at=at):
            if number == at:
                os.kill(os.getpid(), signal.SIGINT)
            return plain(number, answer)

        monkeypatch.setattr(motchallenge, "to_text", stopping)
        assert track(*own, *more) == 130
        said = capsys.readouterr().err
        assert f"stopped after {at + 1} frames" in said and "go on with the same command and --resume" in said
    monkeypatch.setattr(motchallenge, "to_text", plain)
    assert track(*own, "--resume") == 0
    assert (tmp_path / "out.txt").read_bytes() == (tmp_path / "whole.txt").read_bytes()
    parts = [frames_in(tmp_path / f"out{part}.mp4") for part in ("", ".2", ".3")]
    assert [len(p) for p in parts] == [20, 21, 19]
    assert not (tmp_path / "out.txt.state.npz").exists()
    assert track(*own, "--resume") == 2 and "nothing to go on with" in capsys.readouterr().err


def test_a_state_of_other_settings_is_refused(scene, tmp_path, monkeypatch, capsys):
    words = (scene / "det.txt", "--mot", tmp_path / "out.txt")
    monkeypatch.setattr(motchallenge, "to_text", lambda *_: os.kill(os.getpid(), signal.SIGINT) or "line\n")
    assert track(*words) == 130
    (tmp_path / "out.txt").write_text("")
    assert track(*words, "--resume") == 1 and "is shorter than when it was stopped" in capsys.readouterr().err
    assert track(*words, "--resume", "--set", "keep_s=3") == 2
    assert "is the state of another tracker (they differ in keep_s); give the same settings" in capsys.readouterr().err


def test_a_known_sequence_is_judged_as_motmetrics_judges_it(tmp_path, capsys):
    """Its ground truth as boxes: the lines that come out are given to motmetrics."""
    words = ("--rate", 25, "--mot", tmp_path / "out.txt", "--ground-truth", TUD / "gt.txt")
    assert track(TUD / "gt.txt", *words) == 0
    shown = capsys.readouterr().out
    true, found = (motchallenge.read_boxes(p) for p in (TUD / "gt.txt", tmp_path / "out.txt"))
    sides = [[rows[n][key] for rows in (true, found) for key in ("ids", "boxes_xyxy")] for n in true]
    row = by_motmetrics(sides)
    for name, value in (("MOTA", row["mota"]), ("IDF1", row["idf1"]), ("switches", row["num_switches"])):
        assert float(shown.partition(name)[2].split("│")[1]) == pytest.approx(value, abs=5e-5), name


BAD = {
    "1,2,3\n": r"line 1: '1,2,3' is no line of boxes",
    "1,1,0,0,5,5,1\n2,1,0,nan,5,5,1\n": r"line 2: .* has a number that cannot be",
    "0,1,0,0,5,5,1\n": r"line 1: .* has a number that cannot be",
    "1.5,1,0,0,5,5,1\n": r"line 1: .* is no line of boxes",
}


@pytest.mark.parametrize("text", BAD)
def test_lines_that_cannot_be_read_are_named(text, tmp_path, capsys):
    (tmp_path / "a.txt").write_text(text)
    assert track(tmp_path / "a.txt") == 1
    error = capsys.readouterr().err
    assert error.startswith("kerasvision: ") and error.count("\n") == 1
    assert re.search(BAD[text], error)


def test_wrong_use_is_one_line(scene, tmp_path, capsys):
    for words, code, said in (
        (("none.txt",), 1, "cannot read none.txt: No such file"),
        (("none",), 2, "track needs a VIDEO, unless it is given boxes"),
        (("none", "v.mp4"), 2, "no model at none"),
        ((scene / "det.txt", "none.mp4"), 2, "no video at none.mp4"),
        ((scene / "det.txt", "--draw", tmp_path / "a.mp4"), 2, "--draw needs a VIDEO to draw on"),
        ((scene / "det.txt", "--resume"), 2, "--resume goes on writing --mot or --draw"),
        ((scene / "det.txt", "--tracker", "deepsort"), 2, "no tracker deepsort; did you mean"),
        ((scene / "det.txt", "--set", "keep=2"), 2, "MultiObject has no field 'keep'"),
        ((scene / "det.txt", scene / "video.mp4", "--every", "0"), 2, "every 0"),
        ((scene / "det.txt", "--mot", tmp_path / "x" / "a.txt"), 1, "cannot write"),
    ):
        assert track(*words) == code, words
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    twice = tmp_path / "twice.txt"
    twice.write_text("1,4,0,0,5,5,1\n1,4,9,9,5,5,1\n")
    assert track(scene / "det.txt", "--ground-truth", twice) == 1
    assert "id 4 stands twice in frame 0 of the ground truth" in capsys.readouterr().err
