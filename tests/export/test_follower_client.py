"""One object followed by an exported file alone, by the clients in Python and in C++, against `systems/follow`."""

import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image

from kerasvision.api import Model, ServedRunner
from kerasvision.core.registry import create
from kerasvision.data import motchallenge
from kerasvision.edge import main as edge
from kerasvision.edge.client import open_client
from kerasvision.edge.errors import EdgeError
from kerasvision.edge.follower import Follower
from kerasvision.edge.independent.predicting import prepare
from kerasvision.edge.runtimes import open_runtime
from kerasvision.export.targets.tflite import convert
from kerasvision.inference.served import Served
from kerasvision.systems.base import Session
from kerasvision.systems.follow import Follow
from tests.contract.tracking_cases import tiny
from tests.export.test_cpp_client import asked, plain

FRAMES, BOX = 12, (20.5, 30, 41, 51)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(the model as `api.load` gives it, its .tflite beside contract.json, a folder of frames of 90 x 120 pixels)."""
    folder, rng = tmp_path_factory.mktemp("follower"), np.random.default_rng(0)
    keras.utils.set_random_seed(3)
    arch = tiny("siamban", distractor_weight=0.5)
    graph = arch.build()
    boxes = graph.get_layer("boxes")
    boxes.set_weights([np.zeros_like(w) for w in boxes.get_weights()])  # of 32 pixels of a window, about each position
    head = graph.get_layer("presence")
    head.set_weights([np.zeros_like(head.get_weights()[0]), np.float32([4.0])])  # sure, whatever it sees
    served = Served(arch, graph, ("object",))
    path = folder / "model.tflite"
    path.write_bytes(convert(served, "float32", "mixed", ()))
    runtime, functions = open_runtime(path), create("exporters/tflite").functions(path, ("remember", "follow"))
    row = {"path": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "functions": functions}
    row |= {"inputs": runtime.inputs, "outputs": runtime.outputs}
    contract = {"preprocess": arch.preprocessing(), "classes": ["object"], "artifacts": [row]}
    (folder / "contract.json").write_text(json.dumps(contract))
    ground = rng.integers(60, 140, (90, 120, 3)).astype(np.uint8)
    for kind in ("png", "ppm"):  # a build without libpng reads the second alone, and the client in Python the first
        (folder / kind).mkdir()
        for number in range(FRAMES):
            pixels = ground.copy()
            pixels[30:50, 20 + 2 * number : 40 + 2 * number] = 220
            Image.fromarray(pixels).save(folder / kind / f"{number:03d}.{kind}")
    return Model(arch, ("object",), ServedRunner(served)), path, folder


@pytest.fixture(scope="module")
def reference(made):
    """MOTChallenge's lines by `systems/follow` and the trained graph."""
    model, _, folder = made
    session, text = Session(Follow(), {"follower": model}), ""
    for number in range(FRAMES):
        pixels = np.array(Image.open(folder / "png" / f"{number:03d}.png"))
        found = session.step({"time": number / 30, "image": pixels} | ({} if number else {"box_xyxy": BOX}))
        assert found["present"]
        held = {"ids": [1], "boxes_xyxy": found["box_xyxy"][None], "scores": [found["score"]]}
        text += motchallenge.to_text(number, held)
    return text


def assert_alike(text, reference):
    rows, wanted = ([line.split(",") for line in held.splitlines()] for held in (text, reference))
    assert [row[:2] for row in rows] == [row[:2] for row in wanted]
    apart = np.abs(np.float64([row[2:7] for row in rows]) - np.float64([row[2:7] for row in wanted]))
    assert apart.max() <= 0.0021  # the third digit may be rounded to the other side


def test_frames_are_what_the_contract_says(made):
    """Wider, higher and larger than a frame by more than two, where pixels are averaged."""
    arch = made[0].arch
    for size in ((90, 120), (40, 200), (190, 250)):
        pixels = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
        box = np.float32([[3, 4, 20, 30]])
        given = {"exemplar": pixels[None], "search": pixels[None], "exemplar_box": box, "search_box": box}
        theirs, geometry = arch.geometry({k: tf.constant(v) for k, v in given.items()})
        mine, held = prepare(arch.preprocessing()["frames"], pixels=pixels)
        assert np.abs(mine["image"].astype(int) - theirs["search"][0].numpy()).max() <= 1
        for key in ("scale_xy", "offset_xy"):
            np.testing.assert_allclose(held[key], geometry[key][0], rtol=1e-6)


def test_the_client_in_python_gives_the_lines_of_the_system(made, reference, capsys):
    _, path, folder = made
    words = ["follow", str(path), str(folder / "png"), "--box", ",".join(map(str, BOX))]
    assert edge.main(words) == 0
    assert_alike(capsys.readouterr().out, reference)
    assert edge.main([*words[:-1], "1,2,3"]) == 2
    assert "--box '1,2,3': write X0,Y0,X1,Y1" in capsys.readouterr().err


def test_what_is_kept_goes_on_exactly_and_what_does_not_fit_is_one_line(made):
    _, path, folder = made
    frames = [folder / "png" / f"{number:03d}.png" for number in range(FRAMES)]
    whole, half = Follower(open_client(path)), Follower(open_client(path))
    with pytest.raises(EdgeError, match="nothing is remembered yet"):
        whole.step(frames[0])
    for box, said in (
        ((40, 30, 20, 50), "has no area"),
        ((400, 3, 420, 9), "is outside of a frame of 120 x 90 pixels"),
    ):
        with pytest.raises(EdgeError, match=said):
            whole.begin(frames[0], box)
    whole.begin(frames[0], BOX)
    half.begin(frames[0], BOX)
    whole.step(frames[1])
    half.step(frames[1])
    kept, half = half.state, Follower(open_client(path))
    half.state = kept
    for frame in frames[2:5]:
        one, other = whole.step(frame), half.step(frame)
        assert {k: np.asarray(v).tobytes() for k, v in one.items()} == {
            k: np.asarray(v).tobytes() for k, v in other.items()
        }
    with pytest.raises(EdgeError, match=r"a frame of \(60, 80\) pixels \(h, w\) after frames of \(90, 120\)"):
        whole.step(np.zeros((60, 80, 3), np.uint8))
    half.state = kept | {"memory": kept["memory"][..., :2]}
    with pytest.raises(EdgeError, match="the state is of another model: memory is"):
        half.step(frames[5])
    half.state = kept | {"memory": kept["memory"] * np.nan}
    with pytest.raises(EdgeError, match="what the model says is not finite"):
        half.step(frames[5])


def test_files_that_follow_nothing_are_one_line(made):
    client = open_client(made[1])
    row = {k: v for k, v in client.row.items() if k != "functions"}
    with pytest.raises(EdgeError, match="follows nothing; give a file of tracking"):
        Follower(dataclasses.replace(client, row=row))
    old = client.contract | {"preprocess": {"version": 1, "kind": "other"}}
    with pytest.raises(EdgeError, match="does not say what a frame is; export the model again"):
        Follower(dataclasses.replace(client, contract=old))


@pytest.mark.nightly
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler")
def test_the_client_in_cpp_gives_the_same_lines(made, reference, tmp_path):
    _, path, folder = made
    program, box = plain(tmp_path / "kerasvision-edge"), ("--box", ",".join(map(str, BOX)))
    code, lines, said = asked(program, "follow", path, folder / "ppm", *box)
    assert code == 0 and not said
    assert_alike("\n".join(lines), reference)
    for words, code, line in (
        ((folder / "ppm", "--box", "1,2,3"), 2, "usage: "),
        ((folder / "ppm", "--box", "40,30,20,50"), 1, "box 40,30,20,50 has no area"),
        ((folder / "ppm", "--box", "400,3,420,9"), 1, "is outside of a frame of 120 x 90 pixels"),
        ((tmp_path / "gone.ppm", *box), 1, "gone.ppm"),
    ):
        seen, _, said = asked(program, "follow", path, *words)
        assert seen == code and line in said[0]
    bare = shutil.copytree(folder, tmp_path / "bare")
    contract = json.loads((bare / "contract.json").read_text())
    for change, line in (("functions", "follows nothing"), ("frames", "does not say what a frame is")):
        held = json.loads(json.dumps(contract))
        held["artifacts"][0].pop("functions") if change == "functions" else held["preprocess"].pop("frames")
        (bare / "contract.json").write_text(json.dumps(held))
        assert line in asked(program, "follow", bare / path.name, folder / "ppm", *box)[2][0]
