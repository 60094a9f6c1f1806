"""`kerasvision predict` of a model that takes a sound: files, folders, and what is none."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.api import load
from kerasvision.cli.main import main
from kerasvision.core.errors import said
from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create
from kerasvision.inference.served import Served
from kerasvision.systems.sound_windows import SoundWindows
from kerasvision.train.run import Trained, save_run
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.data.drawn_sounds import burst, tone, write_wav

NAME = "audio_classification/classifier"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run whose weights are as they began."""
    folder, arch = tmp_path_factory.mktemp("sounds") / "run", CASES[NAME].make()
    recipe = Recipe(name="sounds", model=arch, data=create("sources/sounds", path="sounds"))
    save_run(Trained(recipe, contracts.built(arch), CASES[NAME].classes, {}, folder))
    return str(folder)


def rows_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_files_and_folders_are_answered_one_by_one(run, capsys, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    write_wav(tmp_path / "a.wav", tone(500, 8000, 0.2), 8000)
    write_wav(tmp_path / "b.wav", tone(500, 8000, 0.2), 8000, channels=2)
    write_wav(tmp_path / "c.wav", burst(0, 44_100, 0.4), 44_100)
    soundfile.write(tmp_path / "d.flac", *soundfile.read(tmp_path / "a.wav")[:1], 8000)
    assert main(["predict", run, str(tmp_path), "--json"]) == 0
    found = rows_of(capsys)
    assert [row["input"] for row in found] == [str(tmp_path / n) for n in ("a.wav", "b.wav", "c.wav", "d.flac")]
    first, second, third, fourth = (row["prediction"] for row in found)
    assert first == second == fourth != third
    assert {row["label"] for row in first["top"]} == {"tone", "noise"}
    assert main(["predict", run, str(tmp_path / "a.wav")]) == 0
    assert "tone" in capsys.readouterr().out


def test_one_that_is_refused_leaves_the_others_and_a_long_one_is_told(run, capsys, tmp_path):
    seconds = CASES[NAME].make().seconds
    for name, rate, lasts in (("a", 8000, seconds), ("b", 500, 1.0), ("c", 8000, 2 * seconds)):
        write_wav(tmp_path / f"{name}.wav", tone(100, rate, lasts), rate)
    assert main(["predict", run, str(tmp_path), "--json"]) == 1
    seen = capsys.readouterr()
    rows = [json.loads(line) for line in seen.out.splitlines()]
    assert [("prediction" in row, row["input"][-5:]) for row in rows if "prediction" in row] == [
        (True, "a.wav"),
        (True, "c.wav"),
    ]
    assert "the rate of a sound is 1000 to 384000 samples a second" in seen.err + seen.out
    assert f"c.wav: the first {seconds:g} of {2 * seconds:.3g} s are heard" in seen.err
    assert "a.wav: the first" not in seen.err and "Traceback" not in seen.err


def test_the_same_in_python(run):
    model, audio = load(run), burst(1, 8000, 0.2)
    held = model.predict((audio, 8000)).values
    again = model({"audio": audio[None], "rate": np.int32([8000])})
    np.testing.assert_allclose(held["probabilities"], again["probabilities"][0], atol=1e-6)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no .wav file: it is empty"),
        (b"none of it" * 9, "is no .wav file: it has no head of one"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_sound_is_one_line(run, content, words, capsys, tmp_path):
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    assert main(["predict", run, str(tmp_path / "a.wav")]) == 1
    seen = capsys.readouterr()
    assert words in seen.err + seen.out and "Traceback" not in seen.err


def test_a_sound_beyond_what_the_graph_takes_is_told(run):
    model = load(run)
    for audio, rate, words in (
        (burst(0, 8000, 0.1), 999, "the rate of a sound is 1000 to 384000 samples a second"),
        (burst(0, 8000, 0.1) * 32767, 8000, "samples of a sound are float32 in -1..1, and finite"),
        (np.float32([0, np.nan]), 8000, "samples of a sound are float32"),
        (np.zeros(0, np.float32), 8000, "a sound has no samples"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError) as raised:
            model({"audio": audio[None], "rate": np.int32([rate])})
        assert said(raised.value).startswith(words)
    for rate in (1000, 384_000):
        assert np.isfinite(model({"audio": burst(0, 8000, 0.1)[None], "rate": np.int32([rate])})["probabilities"]).all()


def test_windows_say_what_is_heard_when(run, capsys, tmp_path):
    audio = np.concatenate([tone(500, 8000, 0.5), burst(0, 8000, 0.25)])
    write_wav(tmp_path / "a.wav", audio, 8000)
    assert main(["predict", run, str(tmp_path / "a.wav"), "--windows", "--json"]) == 0
    (row,) = rows_of(capsys)
    windows, model = row["prediction"]["windows"], load(run)
    assert [(w["from_s"], w["to_s"]) for w in windows] == [(0.125 * n, 0.125 * n + 0.25) for n in range(5)]
    held = np.round(audio * 32767) / 32768  # 16 bits
    every = [model({"audio": np.float32(held[None, 1000 * n :][:, :2000]), "rate": [8000]}) for n in range(5)]
    every = np.concatenate([one["probabilities"] for one in every])
    for found, expected in zip((*windows, row["prediction"]), (*every, every.mean(0)), strict=True):
        assert {r["index"]: pytest.approx(r["score"], abs=1e-5) for r in found["top"]} == dict(enumerate(expected))
    assert main(["predict", run, str(tmp_path / "a.wav"), "--windows", "--hop", "0.25"]) == 0
    seen = capsys.readouterr()
    assert "0.00 to " in seen.out and "0.75 s" in seen.out and "are heard" not in seen.err
    values = SoundWindows(model, 0.25).predict((audio, 8000)).values
    assert values["probabilities"].shape == (3, 2) and values["to_s"].tolist() == [0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--hop", "0.1"], "--hop is of --windows; add it"),
        (["--windows", "--hop", "0"], "a hop of 0 s; allowed: 0.01 to 0.25, what the model hears at once"),
        (["--windows", "--max-risk", "0.1"], "--windows does not go with --max-risk"),
    ],
)
def test_what_does_not_go_with_windows_is_one_line(run, words, line, capsys, tmp_path):
    write_wav(tmp_path / "a.wav", tone(500, 8000, 0.3), 8000)
    assert main(["predict", run, str(tmp_path / "a.wav"), *words]) == 2
    seen = capsys.readouterr()
    assert line in seen.err and "Traceback" not in seen.err


def test_a_sound_is_drawn_with_what_is_heard_when(run, capsys, tmp_path):
    for name, lasts in (("a", 0.4), ("b", 0.7)):
        write_wav(tmp_path / f"{name}.wav", tone(900, 8000, lasts), 8000)
    words = ["predict", run, str(tmp_path / "a.wav"), str(tmp_path / "b.wav"), "--draw", str(tmp_path / "drawn.png")]
    assert main([*words, "--windows"]) == 0
    seen = capsys.readouterr()
    assert f"drawn: {tmp_path / 'drawn.png'}\n" in seen.err
    with Image.open(tmp_path / "drawn.png") as picture:
        levels = np.asarray(picture.convert("L"))
    assert (levels > 200).mean() > 0.005 and (levels < 30).mean() > 0.1  # a bright line, and dark beside it


def test_labels_that_may_be_heard_at_once(capsys, tmp_path):
    """Weights are as they began, so the thresholds stand where one label is on in all windows, the other in some."""
    model = CASES["audio_classification/multi_label"]
    audio = np.concatenate([tone(500, 8000, 0.5), burst(0, 8000, 0.25)])
    write_wav(tmp_path / "a.wav", audio, 8000)
    arch = model.make()
    graph = contracts.built(arch)
    windows = [{"audio": audio[None, 1000 * n :][:, :2000], "rate": np.int32([8000])} for n in range(5)]
    served = Served(arch, graph, model.classes)
    held = np.concatenate([served.serve(one)["probabilities"] for one in windows])
    middle = float(np.sort(held[:, 1])[2:4].mean())
    arch = dataclasses.replace(arch, thresholds=(0.0, middle))
    recipe = Recipe(name="labels", model=arch, data=create("sources/sounds", path="sounds"))
    save_run(Trained(recipe, graph, model.classes, {}, tmp_path / "run"))
    words = ["predict", str(tmp_path / "run"), str(tmp_path / "a.wav"), "--windows"]
    assert main([*words, "--json"]) == 0
    (row,) = rows_of(capsys)
    found = [{r["index"] for r in w["labels"]} for w in row["prediction"]["windows"]]
    assert found == [{0, 1} if p > middle else {0} for p in held[:, 1]] and {0} in found and {0, 1} in found
    always, *sometimes = row["prediction"]["heard"]
    assert (always["label"], always["from_s"], always["to_s"]) == ("tone", 0.0, 0.75)
    assert sometimes and {r["label"] for r in sometimes} == {"noise"}
    assert main([*words, "--draw", str(tmp_path / "drawn.png")]) == 0
    seen = capsys.readouterr()
    assert "0.00 to 0.75 s" in seen.out and "tone" in seen.out and "noise" in seen.out
    assert (tmp_path / "drawn.png").stat().st_size > 1000
