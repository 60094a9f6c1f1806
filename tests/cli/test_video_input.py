"""What is wrong with a video or with boxes is said when they have been followed, and errors say where files end."""

import os
import resource
import shutil
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


def stop_at(monkeypatch, number):
    """Ctrl-C in this frame, from here on."""
    plain = motchallenge.to_text
    monkeypatch.setattr(
        motchallenge,
        "to_text",
        lambda n, a: (os.kill(os.getpid(), signal.SIGINT) if n == number else None) or plain(n, a),
    )


def test_no_output_may_be_what_is_read(film, tmp_path, monkeypatch, capsys):
    """By its path, another spelling of it, a link of either kind, or twice."""
    for name in ("film.mp4", "boxes.txt"):
        shutil.copy(film / name, tmp_path / name)
    (tmp_path / "link.mp4").symlink_to(tmp_path / "film.mp4")
    (tmp_path / "hard.mp4").hardlink_to(tmp_path / "film.mp4")
    (tmp_path / "below").mkdir()
    before = {name: (tmp_path / name).read_bytes() for name in ("film.mp4", "boxes.txt")}
    own, film_s = (tmp_path / "boxes.txt", tmp_path / "film.mp4"), tmp_path / "film.mp4"
    line = ("--line", "gate=5,0,5,9")
    monkeypatch.chdir(tmp_path)
    for more in (
        *(("--draw", path) for path in (film_s, "film.mp4", "below/../film.mp4", "link.mp4", "hard.mp4")),
        ("--mot", "boxes.txt"),
        ("--mot", "film.mp4"),
        (*line, "--counts", "film.mp4"),
        (*line, "--counts", "a.txt", "--mot", "a.txt"),
        ("--mot", "gt.txt", "--ground-truth", "gt.txt"),
    ):
        assert track(*own, *more) == 2
        error = capsys.readouterr().err
        assert "the same file is read, or written too; name another one" in error and error.count("\n") == 1
    assert main(["follow", "none", "film.mp4", "--box", "1,2,3,4", "--draw", "film.mp4"]) == 2
    assert "the same file is read" in capsys.readouterr().err
    assert before == {name: (tmp_path / name).read_bytes() for name in before}
    assert track(*own, "--draw", "other.mp4", "--mot", "other.txt") == 0


def test_a_later_part_may_not_be_what_is_read_either(film, tmp_path, monkeypatch, capsys):
    shutil.copy(film / "film.mp4", tmp_path / "a.2.mp4")
    words, before = (film / "boxes.txt", tmp_path / "a.2.mp4", "--draw", tmp_path / "a.mp4"), film / "film.mp4"
    with monkeypatch.context() as patch:
        stop_at(patch, 9)
        assert track(*words, "--mot", tmp_path / "a.txt") == 130
    capsys.readouterr()
    assert track(*words, "--mot", tmp_path / "a.txt", "--resume") == 2
    assert "a.2.mp4: the same file is read" in capsys.readouterr().err
    assert (tmp_path / "a.2.mp4").read_bytes() == before.read_bytes()


def test_wrong_use_leaves_an_old_file_as_it_was(film, tmp_path, capsys):
    for name in ("a.txt", "a.mp4"):
        (tmp_path / name).write_text("old")
    words = (film / "boxes.txt", film / "film.mp4", "--mot", tmp_path / "a.txt", "--draw", tmp_path / "a.mp4")
    for more in (("--every", 0), ("--every", -2), ("--end", -1), ("--line", "a=0,900,50,900"), ("--blur", "cat")):
        assert track(*words, *more) == 2, more
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and ("--every" not in more or "; allowed: 1 or more" in error), error
        assert [(tmp_path / name).read_text() for name in ("a.txt", "a.mp4")] == ["old", "old"], more
    assert track(*words, "--start", 99) == 0 and (tmp_path / "a.txt").read_text() == ""  # what was found: nothing


def test_what_is_gone_on_with_takes_the_same_frames(film, tmp_path, monkeypatch, capsys):
    words = (film / "boxes.txt", film / "film.mp4", "--mot", tmp_path / "a.txt", "--start", 0.2)
    with monkeypatch.context() as patch:
        stop_at(patch, 9)
        assert track(*words) == 130
    held = (tmp_path / "a.txt").read_bytes()
    for more, said in (
        (("--every", 2), "--every 1, not 2"),
        (("--start", 0), "--start 0.2, not 0"),
        (("--end", 1.5), "--end left out, not 1.5"),
        (("--rate", 10), "--rate left out, not 10"),
    ):
        capsys.readouterr()
        assert track(*words, "--resume", *more) == 2
        assert capsys.readouterr().err.endswith(f"a.txt.state.npz was stopped with {said}; give the same\n")
        assert (tmp_path / "a.txt").read_bytes() == held
    assert track(*words, "--resume") == 0 and set(motchallenge.read_boxes(tmp_path / "a.txt")) == set(range(2, FRAMES))


def test_an_error_after_going_on_names_the_part_that_is_written(film, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(8):
        Image.new("RGB", (64, 48) if number < 6 else (60, 48)).save(folder / f"{number}.png")
    words = (film / "boxes.txt", folder, "--mot", tmp_path / "a.txt", "--draw", tmp_path / "a.mp4")
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        assert track(*words) == 130
    capsys.readouterr()
    assert track(*words, "--resume") == 1
    assert capsys.readouterr().err.endswith(f"; {tmp_path / 'a.txt'} and {tmp_path / 'a.2.mp4'} ends with frame 5\n")


def test_counts_go_to_a_file_and_where_they_cannot_the_state_stays(film, tmp_path, monkeypatch, capsys):
    words = (film / "boxes.txt", film / "film.mp4", "--line", "gate=5,0,5,9", "--mot", tmp_path / "a.txt")
    assert track(*words, "--counts", tmp_path) == 2
    assert capsys.readouterr().err == f"kerasvision: --counts {tmp_path}: that is a folder; name a file\n"
    assert not (tmp_path / "a.txt").exists()
    with monkeypatch.context() as patch:
        stop_at(patch, 9)
        assert track(*words, "--counts", tmp_path / "a.json") == 130
    with monkeypatch.context() as patch:

        def refused(*_):
            raise OSError(28, "No space left on device")

        patch.setattr("kerasvision.cli.track.write_text", refused)
        assert track(*words, "--counts", tmp_path / "a.json", "--resume") == 1
    assert "a.json: No space left on device" in capsys.readouterr().err
    assert track(*words, "--counts", tmp_path / "a.json", "--resume") == 0
    assert (tmp_path / "a.json").exists() and not (tmp_path / "a.txt.state.npz").exists()


def test_a_full_disk_is_one_line_and_what_was_written_stays(film, tmp_path, capsys):
    out, limit = tmp_path / "out.txt", resource.getrlimit(resource.RLIMIT_FSIZE)
    assert track(film / "boxes.txt", film / "film.mp4", "--mot", tmp_path / "whole.txt") == 0
    whole = (tmp_path / "whole.txt").read_bytes()
    capsys.readouterr()
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) // 2, limit[1]))  # a file may not be longer
    try:
        code = track(film / "boxes.txt", film / "film.mp4", "--mot", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    error = capsys.readouterr().err
    assert code == 1 and f"cannot write {out}: File too large" in error and "Traceback" not in error
    assert whole.startswith(out.read_bytes()) and len(out.read_bytes()) == len(whole) // 2
