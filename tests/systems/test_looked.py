"""An embedding model beside a tracker: what it is shown, and identities through a wall in a drawn film."""

import os
import signal
import types

import numpy as np
import pytest

from kerasvision import api
from kerasvision.api import Model, ServedRunner
from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.data import motchallenge
from kerasvision.data.video import VideoWriter
from kerasvision.inference.served import Served
from kerasvision.systems.base import Session
from kerasvision.systems.looked import Looked, crop_of, fingerprint
from kerasvision.systems.multi_object import Detected, MultiObject
from tests.contract.cases import CASES

TRACKER = MultiObject(appearance=1.0)
COLORS = {"red": (200, 40, 40), "blue": (40, 40, 200)}
WALL = (140, 180)  # columns of a picture of 320


class MeanColor:
    """An embedder of three numbers: which of the channels is above the others."""

    arch = types.SimpleNamespace(
        outputs=("embedding",), registered_name="embedding/mean_color", serving_inputs=lambda: {"image": None}
    )
    classes = ()

    def __call__(self, inputs):
        color = inputs["image"].mean((1, 2))
        return {"embedding": color - color.mean(-1, keepdims=True) + [1.0, 0.0, 0.0]}


class OtherColor(MeanColor):
    """One that sees nothing."""

    def __call__(self, inputs):
        return {"embedding": np.ones((1, 3))}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """(folder) with video.mp4 and boxes.txt: two squares go behind a wall from both sides, and both turn around."""
    folder, lines = tmp_path_factory.mktemp("wall"), []
    with VideoWriter(folder / "video.mp4", 20.0) as writer:
        for n in range(60):
            away = 4 * abs(30 - n)
            pixels = np.full((96, 320, 3), 90, np.uint8)
            for x, color in zip((160 - away - 12, 160 + away - 12), COLORS.values(), strict=True):
                pixels[30:54, x : x + 24] = color
                if x + 24 <= WALL[0] or x >= WALL[1]:
                    lines.append(f"{n + 1},-1,{x},30,24,24,0.9,-1,-1,-1\n")
            pixels[:, WALL[0] : WALL[1]] = 60
            writer.add(pixels, n / 20)
    (folder / "boxes.txt").write_text("".join(lines))
    return folder


def track(*words):
    return main(["track", *map(str, words)])


def left_and_right(path, number):
    held = motchallenge.read_boxes(path)[number]
    return held["ids"][np.argsort(held["boxes_xyxy"][:, 0])].tolist()


def test_a_film_s_identities_are_kept_by_looks_and_lost_without(film, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(api, "load", lambda *_: MeanColor())
    words = (film / "boxes.txt", film / "video.mp4", "--tracker", "kerasvision", "--set", "camera=False", "--mot")
    assert track(*words, tmp_path / "plain.txt") == 0
    assert track(*words, tmp_path / "looks.txt", "--appearance", "any") == 0
    assert left_and_right(tmp_path / "looks.txt", 5) == left_and_right(tmp_path / "looks.txt", 55) == [1, 2]
    assert left_and_right(tmp_path / "plain.txt", 5) == [1, 2] != left_and_right(tmp_path / "plain.txt", 55)
    assert "60 frames, 2 objects" in capsys.readouterr().err


def test_a_model_of_this_library_sees_what_is_in_the_boxes():
    """Of a score that may be matched first; the same vectors by `predict` of the cut pixels."""
    arch = CASES["embedding/pairs"].make()
    model = Model(arch, ("a",) * 4, ServedRunner(Served(arch, arch.build(), ("a",) * 4)))
    rng, session, by_hand = (
        np.random.default_rng(0),
        Session(Looked(TRACKER), {"embedder": model}),
        Session(TRACKER, {}),
    )
    for n in range(4):
        image = rng.integers(0, 256, (60, 80, 3)).astype(np.uint8)
        boxes = np.array([[3.2, 4.0, 20.0, 30.5], [30, -5, 70, 20], [50, 40, 95, 70], [90, 5, 99, 9]])
        given = {"time": n / 10, "boxes_xyxy": boxes, "scores": np.array([0.9, 0.8, 0.3, 0.9])}
        held = [image[4:31, 3:20], image[0:20, 30:70]]
        vectors = [model.predict(part)["embedding"] for part in held] + [np.full(8, np.nan)] * 2
        expected = by_hand.step(given | {"embeddings": np.array(vectors)})
        answer = session.step(given | {"image": image})
        assert {k: v.tobytes() for k, v in answer.items()} == {k: v.tobytes() for k, v in expected.items()}
        assert session.state["looks"].tobytes() == by_hand.state["looks"].tobytes()
    assert session.state["worth"].max() > 0.7
    assert fingerprint(model) == fingerprint(model) != fingerprint(MeanColor())
    empty = {"time": 9.0, "image": image, "boxes_xyxy": np.zeros((0, 4)), "scores": np.zeros(0)}
    assert session.step(empty)["ids"].tolist() == []
    assert crop_of(image, np.array([80.0, 0, 90, 9])) is None


def test_a_detector_an_embedder_and_a_tracker_are_one_system():
    found = {"boxes_xyxy": np.array([[[5.0, 5, 25, 25]]]), "scores": np.array([[0.9]]), "labels": np.array([[2]])}
    system = Detected(Looked(TRACKER))
    assert system.models == ("detector", "embedder") and Detected().models == ("detector",)
    session = Session(system, {"detector": lambda inputs: found | {"count": np.array([1])}, "embedder": MeanColor()})
    for n in range(3):
        answer = session.step({"time": n / 10, "image": np.full((40, 40, 3), COLORS["red"], np.uint8)})
        assert answer["ids"].tolist() == [1] and answer["labels"].tolist() == [2]
    assert session.state["worth"][0, -3:].tolist() == [0.9] * 3


def test_wrong_use_is_one_line(film, tmp_path, monkeypatch, capsys):
    other = types.SimpleNamespace(outputs=("mask",), registered_name="semantic_segmentation/unet")
    words = (film / "boxes.txt", film / "video.mp4")
    assert track(*words, "--set", "appearance=1") == 2
    assert "name an embedding run (--appearance RUN)" in capsys.readouterr().err
    monkeypatch.setattr(api, "load", lambda *_: types.SimpleNamespace(arch=other))
    assert track(*words, "--appearance", "any") == 2
    assert "gives no embedding; --appearance takes embedding/*" in capsys.readouterr().err
    monkeypatch.setattr(api, "load", lambda *_: MeanColor())
    assert track(words[0], "--appearance", "any") == 2
    assert "--appearance looks at the pictures of a VIDEO; name one" in capsys.readouterr().err
    with pytest.raises(UsageError, match="appearance 0: nothing would be done"):
        Looked(MultiObject())
    with pytest.raises(UsageError, match="the model answers mask; how objects look takes a run of embedding"):
        Session(Looked(TRACKER), {"embedder": lambda _: {"mask": 0}}).step(
            {"time": 0.0, "image": np.zeros((9, 9, 3), np.uint8), "boxes_xyxy": [[0, 0, 5, 5]], "scores": [0.9]}
        )


def test_a_state_goes_on_with_the_same_looks_alone(film, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(api, "load", lambda *_: MeanColor())
    words = (film / "boxes.txt", film / "video.mp4", "--appearance", "any", "--mot")
    assert track(*words, tmp_path / "whole.txt") == 0
    plain = motchallenge.to_text

    def stopping(number, answer):
        if number == 28:  # both are behind the wall
            os.kill(os.getpid(), signal.SIGINT)
        return plain(number, answer)

    monkeypatch.setattr(motchallenge, "to_text", stopping)
    assert track(*words, tmp_path / "a.txt") == 130
    monkeypatch.setattr(motchallenge, "to_text", plain)
    monkeypatch.setattr(api, "load", lambda *_: OtherColor())
    assert track(*words, tmp_path / "a.txt", "--resume") == 2
    assert "is the state of another model; give the one that was stopped" in capsys.readouterr().err
    monkeypatch.setattr(api, "load", lambda *_: MeanColor())
    assert track(*words, tmp_path / "a.txt", "--resume") == 0
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "whole.txt").read_bytes()
