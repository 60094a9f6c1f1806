"""`kerasvision follow`: a box and a video become lines and a drawn video; stopped, resumed; bad input."""

import json
import os
import signal

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.data import motchallenge
from kerasvision.data.video import VideoWriter
from kerasvision.train.run import Trained, save_run
from tests.contract.tracking_cases import tiny

FRAMES = 24


def untrained(folder, logit, seed):
    """The folder of a run whose network is sure, or unsure, whatever it sees."""
    arch = tiny()
    graph = arch.build()
    rng = np.random.default_rng(seed)
    graph.set_weights([w + rng.normal(0, 0.05, w.shape).astype(w.dtype) ** 2 for w in graph.get_weights()])
    head = graph.get_layer("presence")
    head.set_weights([np.zeros_like(head.get_weights()[0]), np.float32([logit])])
    data = create("sources/moving", path="cutouts", backgrounds=("photographs",), give="pairs")
    recipe = Recipe(name="follower", model=arch, data=data, optimizer=create("optimizers/adamw"), epochs=1)
    save_run(Trained(recipe, graph, ("object",), {}, folder))
    return folder


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """(folder) of two runs and video.mp4 of 120 x 90 pixels."""
    folder = tmp_path_factory.mktemp("scene")
    rng = np.random.default_rng(0)
    ground = rng.integers(60, 140, (90, 120, 3)).astype(np.uint8)
    with VideoWriter(folder / "video.mp4", 30.0) as writer:
        for number in range(FRAMES):
            pixels = ground.copy()
            pixels[30:50, 20 + 2 * number : 40 + 2 * number] = 220
            writer.add(pixels, number / 30)
    untrained(folder / "sure", 4.0, 0)
    untrained(folder / "unsure", -4.0, 1)
    return folder


def follow(*words):
    return main(["follow", *map(str, words)])


def test_a_box_and_a_video_become_lines_and_a_video(scene, tmp_path, capsys):
    outputs = ("--mot", tmp_path / "out.txt", "--draw", tmp_path / "out.mp4", "--json")
    assert follow(scene / "sure", scene / "video.mp4", "--box", "20,30,40,50", *outputs) == 0
    captured = capsys.readouterr()
    rows = [json.loads(row) for row in captured.out.splitlines()]
    assert [row["frame"] for row in rows] == list(range(FRAMES))
    assert rows[0]["objects"][0]["box_xyxy"] == [20, 30, 40, 50]
    assert all(len(row["objects"]) == 1 for row in rows)
    assert "24 frames, at the end the object is there" in captured.err
    assert set(motchallenge.read_boxes(tmp_path / "out.txt")) == set(range(FRAMES))
    assert (tmp_path / "out.mp4").stat().st_size > 1000


def test_what_is_not_there_is_not_pointed_at(scene, capsys):
    assert follow(scene / "unsure", scene / "video.mp4", "--box", "20,30,40,50", "--json") == 0
    captured = capsys.readouterr()
    rows = [json.loads(row) for row in captured.out.splitlines()]
    assert [len(row["objects"]) for row in rows] == [1] + [0] * (FRAMES - 1)
    assert "at the end the object is lost" in captured.err


def test_stopped_and_resumed_gives_the_lines_of_the_whole(scene, tmp_path, monkeypatch, capsys):
    words, box = (scene / "sure", scene / "video.mp4"), ("--box", "20,30,40,50")
    assert follow(*words, *box, "--mot", tmp_path / "whole.txt") == 0
    plain = motchallenge.to_text

    def stopping(number, answer):
        if number == 9:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(number, answer)

    monkeypatch.setattr(motchallenge, "to_text", stopping)
    assert follow(*words, *box, "--mot", tmp_path / "out.txt") == 130
    monkeypatch.setattr(motchallenge, "to_text", plain)
    other = (scene / "unsure", scene / "video.mp4", "--mot", tmp_path / "out.txt", "--resume")
    assert follow(*other) == 2
    assert "is the state of another model; give the one that was stopped" in capsys.readouterr().err
    assert follow(*words, "--mot", tmp_path / "out.txt", "--resume") == 0
    assert (tmp_path / "out.txt").read_bytes() == (tmp_path / "whole.txt").read_bytes()


def test_bad_input_is_one_line(scene, capsys):
    words = (scene / "sure", scene / "video.mp4")
    for given, code, said in (
        (words, 2, "follow needs --box X0,Y0,X1,Y1, or --resume"),
        ((*words, "--box", "1,2,3"), 2, "--box '1,2,3': write X0,Y0,X1,Y1"),
        ((*words, "--box", "1,2,a,4"), 2, "write X0,Y0,X1,Y1"),
        ((*words, "--box", "40,30,20,50"), 1, "has no area"),
        ((*words, "--box", "400,30,420,50"), 1, "is outside of a frame of 120 x 90 pixels"),
        ((scene / "sure", "none.mp4", "--box", "1,2,3,4"), 2, "no video at none.mp4"),
        (("none", scene / "video.mp4", "--box", "1,2,3,4"), 2, "no model at none"),
        ((*words, "--resume"), 2, "--resume goes on writing --mot or --draw"),
    ):
        assert follow(*given) == code, given
        error = capsys.readouterr().err
        assert said in error, error
        assert error.count("\n") == 1, error
