"""What is wrong with a video or with boxes is said when they have been followed, and errors say where files end."""

import os
import signal

import numpy as np
import pytest
from PIL import Image

from kerasvision.cli.main import main
from kerasvision.data import motchallenge
from kerasvision.data.video import VideoWriter
from tests.data.test_video import TIMES, written

FRAMES = 20


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """(folder) with film.mp4 of 20 frames of 64 x 48 pixels, and boxes.txt, a box of 20 x 20 in each."""
    folder = tmp_path_factory.mktemp("film")
    with VideoWriter(folder / "film.mp4", 10.0) as writer:
        for number in range(FRAMES):
            writer.add(np.full((48, 64, 3), 90, np.uint8), number / 10)
    (folder / "boxes.txt").write_text(boxes((2, 5, 20, 20)))
    return folder


def boxes(*every, frames=FRAMES):
    """Lines with the same boxes (left, top, width, height) in each frame."""
    rows = [(n, *box) for n in range(frames) for box in every]
    return "".join(f"{n + 1},-1,{x},{y},{w},{h},0.9,-1,-1,-1\n" for n, x, y, w, h in rows)


def track(*words):
    return main(["track", *map(str, words)])


def test_a_file_that_was_cut_off_is_said_to_be(film, tmp_path, capsys):
    path = written(tmp_path / "a.mkv", "mjpeg", "yuvj420p")
    assert track(film / "boxes.txt", path) == 0
    assert "lasts" not in capsys.readouterr().err
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert track(film / "boxes.txt", path) == 0
    said = capsys.readouterr().err
    count = int(said.partition(" frames")[0])
    missing = float(said.partition("lasts ")[2].partition(" s longer: it may have been cut off")[0])
    assert missing == pytest.approx(TIMES[-1] + 1 / 30 - TIMES[count - 1], abs=0.06)  # all but a frame's time


@pytest.mark.parametrize(
    ("box", "left_out"),
    [
        ((2, 5, 20, 20), 0),
        ((-19, 5, 20, 20), 0),
        ((-20, 5, 20, 20), 20),
        ((63, 5, 9, 9), 0),
        ((64, 5, 9, 9), 20),
        ((2, 48, 9, 9), 20),
        ((2, 5, 0, 9), 20),
        ((2, 5, 9, -1), 20),
    ],
)
def test_boxes_without_area_or_outside_are_left_out_and_counted(film, tmp_path, capsys, box, left_out):
    (tmp_path / "a.txt").write_text(boxes(box, (30, 20, 10, 10)))
    assert track(tmp_path / "a.txt", film / "film.mp4", "--mot", tmp_path / "out.txt") == 0
    said = capsys.readouterr().err
    assert f"20 frames, {1 if left_out else 2} objects" in said
    assert (f"; {left_out} boxes without area or outside of the picture left out" in said) == bool(left_out)
    assert len(motchallenge.read_boxes(tmp_path / "out.txt")[5]["ids"]) == (1 if left_out else 2)


def test_boxes_of_frames_that_the_video_does_not_have_are_counted(film, tmp_path, capsys):
    (tmp_path / "a.txt").write_text(boxes((2, 5, 20, 20), frames=23))
    for more, said in (((), "; boxes of 3 frames behind the last one were not taken"), (("--end", 1), "objects\n")):
        assert track(tmp_path / "a.txt", film / "film.mp4", *more) == 0
        assert capsys.readouterr().err.endswith(said if said.endswith("\n") else f"{said}\n")
    assert track(film / "boxes.txt", film / "film.mp4", "--every", 3) == 0
    assert "behind" not in capsys.readouterr().err


def test_an_error_in_the_middle_says_where_files_end(film, tmp_path, capsys):
    for number in range(4):
        Image.new("RGB", (64, 48) if number < 3 else (60, 48)).save(tmp_path / f"{number}.png")
    assert track(film / "boxes.txt", tmp_path, "--mot", tmp_path / "a.txt") == 1
    said = capsys.readouterr().err
    assert "frame 3 of " in said and said.endswith(f"one size; {tmp_path / 'a.txt'} ends with frame 2\n")
    assert max(motchallenge.read_boxes(tmp_path / "a.txt")) == 2
    assert track(film / "boxes.txt", tmp_path) == 1
    assert capsys.readouterr().err.endswith("one size\n")


def test_a_video_of_another_size_is_not_gone_on_with(film, tmp_path, monkeypatch, capsys):
    with VideoWriter(tmp_path / "wide.mp4", 10.0) as writer:
        for number in range(FRAMES):
            writer.add(np.full((48, 80, 3), 90, np.uint8), number / 10)
    plain, words = motchallenge.to_text, ("--mot", tmp_path / "a.txt")
    monkeypatch.setattr(
        motchallenge, "to_text", lambda n, a: (os.kill(os.getpid(), signal.SIGINT) if n == 9 else None) or plain(n, a)
    )
    assert track(film / "boxes.txt", film / "film.mp4", *words) == 130
    monkeypatch.setattr(motchallenge, "to_text", plain)
    capsys.readouterr()
    assert track(film / "boxes.txt", tmp_path / "wide.mp4", *words, "--resume") == 2
    said = "kerasvision: frames of 80 x 48 pixels, 64 x 48 when it was stopped; take that one\n"
    assert capsys.readouterr().err == said
    assert track(film / "boxes.txt", film / "film.mp4", *words, "--resume") == 0
    assert len(motchallenge.read_boxes(tmp_path / "a.txt")) == FRAMES


@pytest.mark.parametrize("rate", ["0", "-5", "nan", "inf"])
def test_a_rate_is_a_number_of_frames(film, tmp_path, capsys, rate):
    for words in ((film / "boxes.txt",), (film / "boxes.txt", film / "film.mp4")):
        assert track(*words, "--rate", rate) == 2
        assert capsys.readouterr().err.endswith("allowed: frames a second, above 0\n")


def test_an_empty_scene_ends_with_no_object(film, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("")
    assert track(tmp_path / "a.txt", film / "film.mp4", "--json") == 0
    captured = capsys.readouterr()
    assert captured.out.count('"objects": []') == FRAMES and "20 frames, 0 objects" in captured.err
