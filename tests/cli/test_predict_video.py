"""`kerasvision predict MODEL VIDEO`: a line a frame for every task of pictures, drawn, in part, stopped, damaged."""

import json
import os
import signal
import weakref

import av
import numpy as np
import pytest
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.data import video
from kerasvision.data.video import VideoWriter, opened
from kerasvision.inference.served import Served
from tests import store
from tests.cli.test_predict_masks import learned, scene
from tests.contract.cases import CASES
from tests.data.test_video import written

FRAMES = 12
TASKS = (
    "classification/multi_label",
    "regression/regressor",
    "detection/ssd",
    "embedding/pairs",
    "text_detection/db",
    "generation/partial_unet",
)


@pytest.fixture(scope="module")
def run():
    """A small U-Net that has learned the square, the one of the masks' tests. Tests must not change it."""
    return store.made(learned, "tests/cli/test_predict_masks.py") / "run"


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """(path of 12 frames of squares at 10 frames a second, their masks)."""
    path, masks = tmp_path_factory.mktemp("film") / "film.mp4", []
    with VideoWriter(path, 10.0) as writer:
        for number in range(FRAMES):
            image, mask = scene(32 + number)
            writer.add(image, number / 10)
            masks.append(mask)
    return path, masks


def predict(*words):
    return main(["predict", *map(str, words)])


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def frames_in(path):
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def test_the_squares_of_a_film_are_found_drawn_and_written(run, film, tmp_path, capsys):
    path, masks = film
    words = ("--json", "--draw", tmp_path / "seen.mp4", "--out", tmp_path / "masks")
    assert predict(run, path, *words) == 0
    captured = capsys.readouterr()
    rows = rows_of(captured.out)
    assert [row["frame"] for row in rows] == list(range(FRAMES))
    assert [row["time"] for row in rows] == pytest.approx(np.arange(FRAMES) / 10, abs=1e-4)
    assert f"{FRAMES} frames; drawn: " in captured.err
    drawn, plain = frames_in(tmp_path / "seen.mp4"), frames_in(path)
    shares = []
    for number, (row, mask) in enumerate(zip(rows, masks, strict=True)):
        file = row["prediction"]["mask"]
        assert file == str(tmp_path / "masks" / f"film_{number:06d}.png")
        found = np.asarray(Image.open(file))
        shares.append(((found == 1) & (mask == 1)).sum() / ((found == 1) | (mask == 1)).sum())
        tinted = np.abs(drawn[number].astype(int) - plain[number]).max(-1)[12:]  # the title stands above
        assert tinted[mask[12:] == 1].mean() > tinted[mask[12:] == 0].mean() + 20
    assert np.mean(shares) > 0.9


def test_a_part_of_a_film_and_its_lines_for_people(run, film, capsys):
    assert predict(run, film[0], "--every", 3, "--start", 0.25, "--end", 0.95, "--json") == 0
    assert [row["frame"] for row in rows_of(capsys.readouterr().out)] == [3, 6, 9]
    assert predict(run, film[0], "--start", 1.0) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith("1.000 s  ") and "square" in lines[0]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_of_pictures_says_of_a_frame_what_it_says_of_a_picture(name, tmp_path, monkeypatch, capsys):
    arch, classes = CASES[name].make(), CASES[name].classes
    model = api.Model(arch, classes, api.ServedRunner(Served(arch, arch.build(), classes)))
    monkeypatch.setattr(api, "load", lambda *_: model)
    source = written(tmp_path / "a.mp4")
    assert predict("any", source, "--every", 9, "--json", "--draw", tmp_path / "b.mp4") == 0
    rows = rows_of(capsys.readouterr().out)
    with opened(source) as held:
        frames = list(held.read(every=9))
    assert [row["frame"] for row in rows] == [0, 9, 18]
    for row, frame in zip(rows, frames, strict=True):
        assert row["prediction"] == json.loads(json.dumps(model.predict(frame.pixels).to_json()))
    assert len(frames_in(tmp_path / "b.mp4")) == 3


def test_what_is_stopped_can_be_played(run, film, tmp_path, monkeypatch, capsys):
    plain, count = VideoWriter.add, []

    def stopping(self, pixels, time):
        count.append(time)
        if len(count) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        plain(self, pixels, time)

    monkeypatch.setattr(VideoWriter, "add", stopping)
    assert predict(run, film[0], "--json", "--draw", tmp_path / "a.mp4") == 130
    captured = capsys.readouterr()
    assert len(rows_of(captured.out)) == len(frames_in(tmp_path / "a.mp4")) == 5
    assert "stopped after 5 frames; drawn: " in captured.err


def test_the_film_itself_is_not_drawn_over(run, film, tmp_path, monkeypatch, capsys):
    path = tmp_path / "film.mp4"
    path.write_bytes(film[0].read_bytes())
    (tmp_path / "link.mp4").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    for name in (path, "film.mp4", "link.mp4"):
        assert predict(run, path, "--draw", name) == 2
        said = f"kerasvision: --draw {name}: the same file is read, or written too; name another one\n"
        assert capsys.readouterr().err == said
    assert path.read_bytes() == film[0].read_bytes()


def test_an_error_in_the_middle_says_where_what_is_drawn_ends(run, film, tmp_path, monkeypatch, capsys):
    plain = video.Video.read

    def breaking(self, *how):
        for frame in plain(self, *how):
            if frame.number == 7:
                raise KerasVisionError("frame 7 is broken")
            yield frame

    monkeypatch.setattr(video.Video, "read", breaking)
    assert predict(run, film[0], "--draw", tmp_path / "a.mp4") == 1
    assert capsys.readouterr().err == f"kerasvision: frame 7 is broken; {tmp_path / 'a.mp4'} ends with frame 6\n"
    assert len(frames_in(tmp_path / "a.mp4")) == 7
    assert predict(run, film[0]) == 1 and capsys.readouterr().err == "kerasvision: frame 7 is broken\n"


def test_damaged_frames_are_counted(run, tmp_path, capsys):
    path = written(tmp_path / "a.mkv", "mjpeg", "yuvj420p")
    held = bytearray(path.read_bytes())
    starts = [n for n in range(len(held) - 2) if held[n : n + 3] == b"\xff\xd8\xff"]
    held[starts[5] : starts[6] - 40] = bytes(starts[6] - 40 - starts[5])
    path.write_bytes(held)
    assert predict(run, path, "--json") == 0
    captured = capsys.readouterr()
    assert len(rows_of(captured.out)) == 23
    assert "23 frames; 1 damaged frames left out, 0 with a time that did not go on" in captured.err


def test_one_frame_is_held_at_a_time(run, film, monkeypatch, capsys):
    """Frames that are done with are gone, as are what was said of them."""
    alive, most, plain = weakref.WeakSet(), [], video.Frame

    class Counted(plain):
        def __init__(self, *fields):
            super().__init__(*fields)
            alive.add(self)
            most.append(len(alive))

    monkeypatch.setattr(video, "Frame", Counted)
    assert predict(run, film[0]) == 0
    assert len(most) == FRAMES and max(most) <= 2


def test_wrong_use_is_one_line(run, film, tmp_path, monkeypatch, capsys):
    path, picture = film[0], tmp_path / "a.png"
    Image.fromarray(scene(0)[0]).save(picture)
    (tmp_path / "text.mp4").write_text("no video")
    for words, code, said in (
        ((path, path), 2, "is a video, and others are named beside it; predict takes one video at a time"),
        ((picture, path), 2, "predict takes one video at a time"),
        ((picture, "--every", 2), 2, "--every, --start and --end are of a video; name one (.mp4"),
        ((path, "--draw", "a.png"), 2, "--draw a.png: of a video write the name of a .mp4, .mkv, .mov file"),
        ((picture, "--draw", "a.mp4"), 2, "--draw a.mp4: write the name of a .png file"),
        (("none.mp4",), 2, "no video at none.mp4; name a file"),
        ((tmp_path / "text.mp4",), 1, "text.mp4 is no video that can be read"),
        ((path, "--every", 0), 2, "every 0, from 0 s to None s; allowed: 1 or more"),
        ((path, "--start", 9), 0, "0 frames"),
        (
            (path, "--decoder", "beam"),
            2,
            "--text, --windows, --outlines and what decodes lines go with texts, sounds and pictures",
        ),
        ((path, "--draw", tmp_path / "x" / "a.mp4"), 1, "cannot write"),
    ):
        assert predict(run, *words) == code, words
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    arch = CASES["volume_classification/cnn3d"].make()
    model = api.Model(arch, ("a", "b"), None)
    monkeypatch.setattr(api, "load", lambda *_: model)
    assert predict("any", path) == 2
    assert "a video is for a model that takes one picture" in capsys.readouterr().err
