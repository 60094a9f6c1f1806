"""The tracker in a detector's file: ids in a closed loop, in every kind of file and each client, against Python's."""

import dataclasses
import json
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.registry import create
from kerasvision.data import motchallenge
from kerasvision.edge import main as edge
from kerasvision.edge.client import open_client
from kerasvision.edge.errors import EdgeError
from kerasvision.edge.following import Following
from kerasvision.export import functions as further
from kerasvision.export.certificate import export
from kerasvision.export.loops import LoopJudge, followed, in_loop, likeness, shown
from kerasvision.systems.base import Session
from kerasvision.systems.slots import InGraph, state_of
from tests.contract import contracts
from tests.contract.cases import CaseSamples
from tests.export import squares
from tests.export.squares import CASE, NAME, film
from tests.export.test_cpp_client import asked, plain
from tests.undrawn import train

SPECS = ("tf_serving", "tflite", "onnx")


@pytest.fixture(scope="module", autouse=True)
def registered():
    with squares.registered():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory, registered):
    """(run, {spec: path}, contract); training leaves the weights as they are."""
    folder = tmp_path_factory.mktemp("squares")
    recipe = contracts.recipe_of(NAME, CASE.make())
    still = create("optimizers/sgd", learning_rate=1e-12)
    recipe = dataclasses.replace(recipe, data=CaseSamples(NAME, copies=2, validation=True), optimizer=still)
    run = train(recipe, folder / "run")
    _, contract = export(run, [create(f"exporters/{spec}") for spec in SPECS], folder, verbose=False)
    paths = {
        "tf_serving": folder / "saved_models" / "toys_squares" / "1",
        "tflite": folder / "tflite" / "models" / "toys_squares" / "model.tflite",
        "onnx": folder / "onnx" / "toys_squares" / "model.onnx",
    }
    return run, paths, contract


@pytest.fixture(scope="module")
def wanted(made):
    """(300 frames, {id: box} of each by the Python tracker)."""
    run, frames = made[0], film(0, 300)
    find = run.served().fixed(batch=1)
    found = [{k: v.numpy() for k, v in find({"image": tf.constant(f[None])}).items()} for f in frames]
    return frames, followed(run.arch.slots, found)


@pytest.mark.parametrize("spec", SPECS)
def test_ids_are_the_python_tracker_s_in_300_frames_by_the_file_s_own_state(made, wanted, spec):
    frames, expected = wanted
    assert len({i for frame in expected for i in frame}) > 9  # there is something to tell apart
    model = api.load(made[1][spec])
    specs = {k: tf.TensorSpec(v.shape, tf.float32) for k, v in state_of(made[0].arch.slots).items()}
    given = [shown(a) for a in in_loop(lambda of: model.call("step", of), specs, [f[None] for f in frames])]
    same, iou = likeness(expected, given)
    assert same == 1.0
    assert iou >= 0.99


def test_the_contract_says_what_was_compared_and_the_file_has_the_weights_once(made):
    run, paths, contract = made
    for row in contract["artifacts"]:
        held = row["functions"]["step"]
        assert {"image", "seconds", "mean", "counts"} <= set(held["inputs"])
        assert held["closed_loop"]["objects"] > 0 and held["closed_loop"]["frames"] > 0
        assert held["closed_loop"]["same_ids"] == 1.0 and held["closed_loop"]["least_iou"] >= 0.99
        assert not row["select_ops"]
    names = [n for row in contract["artifacts"] if row["kind"].startswith("tflite") for n in row["ops"]]
    assert not [n for n in names if n.startswith(("Flex", "Custom"))]


def test_a_file_with_other_ids_is_refused_and_one_with_the_same_is_not(made):
    run = made[0]
    samples = [{"image": sample["image"][None]} for sample in CASE.samples()]
    served = run.served()
    judge = LoopJudge(served, "step", samples)

    def call(of):
        return {k: v.numpy() for k, v in served.functions["step"]({k: tf.constant(v) for k, v in of.items()}).items()}

    assert judge.measured(call, "float32")[1] == ()

    def renumbered(of):
        answer = call(of)
        return answer | {"ids": np.where(answer["ids"] > 0, answer["ids"] + 1, 0)}

    assert "gives other ids than the tracker in " in judge.measured(renumbered, "float32")[1][0]
    moved = judge.measured(lambda of: call(of) | {"boxes_xyxy": call(of)["boxes_xyxy"] + 1.0}, "float32")[1]
    assert "gives boxes that overlap those of the tracker" in moved[0]
    assert judge.measured(renumbered, None)[1] == ()  # of integers no bound is known
    exporter = create("exporters/onnx")
    rows, wrong = further.FunctionJudge(served, samples).measured(exporter, made[1]["onnx"], api.load(made[1]["onnx"]))
    assert wrong == () and rows["step"]["closed_loop"]["left_out"] == 0


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A folder of 60 frames of 128 x 192 pixels, which a file takes at half of that."""
    folder = tmp_path_factory.mktemp("frames")
    for number, frame in enumerate(film(3, 60, (128, 192))):
        Image.fromarray(frame).save(folder / f"{number:04d}.png")
    return folder


def track(*words):
    return main(["track", *map(str, words)])


def test_a_video_is_followed_from_the_file_alone_and_the_lines_are_the_run_s(made, video, tmp_path, capsys):
    run, paths, _ = made
    texts = {}
    for name, what in {"run": run.folder, **paths}.items():
        assert track(what, video, "--rate", 25, "--mot", tmp_path / f"{name}.txt") == 0
        assert "objects by the model's own tracker" in capsys.readouterr().err
        texts[name] = (tmp_path / f"{name}.txt").read_text()
    for name in ("tflite", "onnx"):
        assert edge.main(["track", str(paths[name]), str(video), "--rate", "25"]) == 0
        texts[f"client {name}"] = capsys.readouterr().out
    reference = [line.split(",") for line in texts["run"].splitlines()]
    assert len(reference) > 100
    for name, text in texts.items():
        rows = [line.split(",") for line in text.splitlines()]
        assert [row[:2] for row in rows] == [row[:2] for row in reference], name
        apart = np.abs(np.float64([row[2:7] for row in rows]) - np.float64([row[2:7] for row in reference]))
        assert apart.max() <= 0.0021, name  # the third digit may be rounded to the other side
    assert track(run.folder, video, "--rate", 25, "--tracker", "slots", "--mot", tmp_path / "python.txt") == 0
    python = [line.split(",")[:2] for line in (tmp_path / "python.txt").read_text().splitlines()]
    assert python == [row[:2] for row in reference]
    assert track(run.folder, video, "--set", "keep_s=2") == 2
    assert "has a tracker of its own" in capsys.readouterr().err


@pytest.mark.nightly
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler")
def test_the_client_in_cpp_follows_from_the_file_alone_to_the_same_lines(made, tmp_path, capsys):
    program, path, frames = plain(tmp_path / "kerasvision-edge"), made[1]["tflite"], []
    for kind in ("png", "ppm"):  # a build without libpng reads the second alone, and the client in Python the first
        (tmp_path / kind).mkdir()
    for number, frame in enumerate(film(3, 60, (128, 192))):
        frames.append(str(tmp_path / "ppm" / f"{number:04d}.ppm"))
        Image.fromarray(frame).save(frames[-1])
        Image.fromarray(frame).save(tmp_path / "png" / f"{number:04d}.png")
    assert edge.main(["track", str(path), str(tmp_path / "png"), "--rate", "25"]) == 0
    reference = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    for words in (frames, [tmp_path / "ppm"]):
        code, lines, said = asked(program, "track", path, *words, "--rate", "25")
        assert code == 0 and not said
        rows = [line.split(",") for line in lines]
        assert len(rows) > 100 and [row[:2] for row in rows] == [row[:2] for row in reference]
        apart = np.abs(np.float64([row[2:7] for row in rows]) - np.float64([row[2:7] for row in reference]))
        assert apart.max() <= 0.0021  # the third digit may be rounded to the other side
    (tmp_path / "none.ppm").write_bytes(b"no picture")
    Image.fromarray(film(0, 1)[0]).save(tmp_path / "small.ppm")
    (tmp_path / "empty").mkdir()
    for name, line in (
        ("none.ppm", "none.ppm cannot be decoded"),
        ("small.ppm", "96 x 64 pixels after frames of 192 x 128; a video has one size"),
        ("empty", "holds no image; looked for .png, .jpg, .jpeg, .ppm"),
        ("gone.ppm", "gone.ppm"),
    ):
        code, _, said = asked(program, "track", path, frames[0], tmp_path / name)
        assert code == 1 and len(said) == 1 and line in said[0]
    assert asked(program, "track", path, frames[0], "--rate", "0")[0] == asked(program, "track", path)[0] == 2
    bare = shutil.copytree(path.parent, tmp_path / "bare")
    contract = json.loads((bare / "contract.json").read_text())
    for row in contract["artifacts"]:
        row.pop("functions")
    (bare / "contract.json").write_text(json.dumps(contract))
    assert (
        "has no tracker; export it with model.slots.count=32"
        in asked(program, "track", bare / path.name, *frames)[2][0]
    )


def test_what_is_stopped_goes_on_exactly_and_not_with_another_model(made, video, tmp_path, monkeypatch, capsys):
    words = (made[1]["tflite"], video, "--rate", 25, "--mot")
    assert track(*words, tmp_path / "whole.txt") == 0
    plain = motchallenge.to_text

    def stopping(number, answer):
        if number == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(number, answer)

    monkeypatch.setattr(motchallenge, "to_text", stopping)
    assert track(*words, tmp_path / "out.txt") == 130
    monkeypatch.setattr(motchallenge, "to_text", plain)
    capsys.readouterr()
    assert track(*words, tmp_path / "out.txt", "--resume", "--tracker", "slots") == 2
    assert "is the state of another system" in capsys.readouterr().err
    assert track(*words, tmp_path / "out.txt", "--resume") == 0
    assert (tmp_path / "out.txt").read_bytes() == (tmp_path / "whole.txt").read_bytes()


def test_states_and_frames_that_do_not_fit_are_one_line(made):
    frames = film(1, 3)
    session = Session(InGraph(), {"detector": api.load(made[1]["tflite"])})
    session.step({"image": frames[0], "time": 0.0})
    client = Following(open_client(made[1]["onnx"]))
    client.step(frames[0], 0.0)
    small = {k: v[..., :2] for k, v in client.state.items()}
    for wrong, said in (
        ({"image": frames[1][:32], "time": 1.0}, "a frame of 96 x 32 pixels after frames of 96 x 64"),
        ({"image": frames[1], "time": 0.0}, "time goes on from frame to frame"),
    ):
        with pytest.raises(KerasVisionError, match=said):
            session.step(wrong)
        with pytest.raises(EdgeError, match=said.partition(" of ")[0]):
            client.step(wrong["image"], wrong["time"])
    session.state = session.state | {"mean": session.state["mean"][:, :2]}
    with pytest.raises(UsageError, match=r"the state is of another model: mean is \(1, 2, 2, 4\)"):
        session.step({"image": frames[1], "time": 1.0})
    client.state = small
    with pytest.raises(EdgeError, match="the state is of another model: mean is"):
        client.step(frames[1], 1.0)
    session.restart()
    session.step({"image": frames[0], "time": 0.0})
    session.state = session.state | {"mean": np.full_like(session.state["mean"], np.nan)}
    session.state["held"] = np.ones_like(session.state["held"])
    with pytest.raises(KerasVisionError, match="is not finite"):
        session.step({"image": frames[1], "time": 1.0})


def test_what_a_client_cannot_follow_is_one_line(made, tmp_path, capsys):
    client = Following(open_client(made[1]["tflite"]))
    with pytest.raises(EdgeError, match="a frame of nan s after one of -inf s"):
        client.step(film(1, 1)[0], np.nan)
    (tmp_path / "0.png").write_bytes(b"no picture")
    assert edge.main(["track", str(made[1]["tflite"]), str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "0.png cannot be decoded: " in said and said.count("\n") == 1


@pytest.mark.parametrize("spec", SPECS)
def test_a_function_that_a_file_does_not_have_is_named(made, spec):
    with pytest.raises(KerasVisionError, match="no function leap|model.leap.onnx"):
        api.load(made[1][spec]).call("leap", {})


def test_where_slots_are_few_the_number_of_the_others_is_said(made, tmp_path, video, capsys):
    run = made[0]
    recipe = json.loads((run.folder / "recipe.json").read_text())
    recipe["model"]["slots"]["count"] = 1
    shutil.copytree(run.folder, tmp_path / "run")
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(recipe))
    assert track(tmp_path / "run", video, "--rate", 25, "--mot", tmp_path / "few.txt") == 0
    said = capsys.readouterr().err
    assert "times one had no slot, the surest have them" in said
    rows = motchallenge.read_boxes(tmp_path / "few.txt")
    assert max(len(frame["ids"]) for frame in rows.values()) == 1
