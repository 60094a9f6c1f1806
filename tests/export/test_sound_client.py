"""`kerasvision-edge` and files of a model of sounds: the trained model's answers, and windows as `predict` has them."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.api import load
from kerasvision.cli.main import main as kerasvision
from kerasvision.core.registry import sources
from kerasvision.edge import open_client
from kerasvision.edge.main import main as edge
from kerasvision.edge.tensors import packed, unpacked
from kerasvision.edge.verifying import verify
from kerasvision.export.golden_json import encoded_of
from kerasvision.ops.sound import fitted
from tests import store
from tests.contract import contracts
from tests.contract.audio_cases import sounds
from tests.contract.cases import CASES, CaseSamples
from tests.data.drawn_sounds import burst, tone, write_wav

NAME, MODEL = "audio_classification/classifier", "audio_classification_classifier"


@pytest.fixture(scope="module")
def kept():
    """The folder of the .tflite files. Tests must not change it."""
    sources.register("contract_case")(CaseSamples)
    try:
        case = CASES[NAME]
        recipe = contracts.recipe_of(NAME, case.make(), epochs=case.epochs, copies=15)
        yield store.exported(recipe, case.exports, None)[2] / "tflite" / "models" / MODEL
    finally:
        sources._parts.pop("contract_case")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A tone of 0.5 s, then noise of 0.5 s, of another rate than the model's."""
    path = tmp_path_factory.mktemp("recording") / "a.wav"
    return write_wav(path, np.concatenate([tone(600, 11_025, 0.5), burst(0, 11_025, 0.5)]), 11_025)


def test_the_client_prepares_and_answers_as_the_trained_model(kept):
    """Another resampler of the same coefficients, in float64: 1e-4 of a score, which are up to 1."""
    for finding in verify(kept):
        assert finding.passes and finding.gray < 0.01 and finding.trained == 5, finding.line()
    client, golden = open_client(kept / "model.tflite"), json.loads((kept / "golden.json").read_text())
    assert client.hears and client.seconds == 0.25
    for example in golden["examples"]:
        given = unpacked(example["audio"]), int(unpacked(example["rate"]))
        trained = unpacked(example["trained"]["probabilities"])[0]
        np.testing.assert_allclose(client.predict(given)["probabilities"], trained, atol=1e-4)
    found = [client.predict((audio, rate))["probabilities"].argmax() for audio, rate, _ in sounds()]
    assert found == [label for _, _, label in sounds()]


@pytest.mark.parametrize("given", [8000, 11_025, 48_000])
def test_of_a_long_recording_no_more_is_kept_than_is_heard(given):
    """0.25 s of 3, and the filter's reach; what is prepared of either is the same, to the bit."""
    sample = {"audio": burst(2, given, 3.0)[None], "rate": np.int32([given])}
    held = encoded_of(sample, {"kind": "audio", "rate": 8000, "samples": 2000})
    audio, rate = unpacked(held["audio"]), int(unpacked(held["rate"]))
    assert rate == given and given / 4 <= len(audio) < given / 4 + 100 and audio.dtype == np.float32
    expected = fitted(tf.constant(sample["audio"][0]), tf.constant(given), 8000, 2000)
    np.testing.assert_array_equal(fitted(tf.constant(audio), tf.constant(given), 8000, 2000), expected)


@pytest.mark.parametrize(("off", "passes"), [(0.003, True), (0.005, False)])
def test_another_preparation_is_found(kept, tmp_path, off, passes):
    """A level, 1 / 255, is what pictures may be off, too."""
    folder = shutil.copytree(kept, tmp_path / "sounds")
    golden = json.loads((folder / "golden.json").read_text())
    golden["examples"][0]["audio"] = packed(unpacked(golden["examples"][0]["audio"]) + np.float32(off))
    golden["examples"][0]["rate"] = packed(np.int32(8000))
    prepared = unpacked(golden["examples"][0]["prepared"]["audio"])
    golden["examples"][0]["prepared"]["audio"] = packed(
        np.pad(unpacked(golden["examples"][0]["audio"]) - np.float32(off), [0, 4000])[None, : prepared.shape[1]]
    )
    (folder / "golden.json").write_text(json.dumps(golden))
    assert all((finding.gray <= 1) == passes for finding in verify(folder))


def rows_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_windows_are_the_same_in_both_commands(kept, recording, capsys):
    file = str(kept / "model.tflite")
    assert edge(["predict", file, str(recording), "--windows", "--hop", "0.1"]) == 0
    (ours,) = rows_of(capsys)
    assert kerasvision(["predict", file, str(recording), "--windows", "--hop", "0.1", "--json"]) == 0
    (theirs,) = rows_of(capsys)
    times = [(w["from_s"], w["to_s"]) for w in ours["prediction"]["windows"]]
    assert times == [(round(0.1 * n, 3), round(0.1 * n + 0.25, 3)) for n in range(8)] + [(0.75, 1.0)]
    assert times == [(w["from_s"], w["to_s"]) for w in theirs["prediction"]["windows"]]
    for mine, other in zip(
        (ours["prediction"], *ours["prediction"]["windows"]),
        (theirs["prediction"], *theirs["prediction"]["windows"]),
        strict=True,
    ):
        assert {r["label"]: pytest.approx(r["score"], abs=1e-4) for r in mine["top"]} == {
            r["label"]: r["score"] for r in other["top"]
        }
    labels = [w["top"][0]["label"] for w in ours["prediction"]["windows"]]
    assert labels[:3] == ["tone"] * 3 and labels[-3:] == ["noise"] * 3


def test_a_window_is_answered_as_its_own_recording(kept, recording):
    client = open_client(kept / "model.tflite")
    heard, model = client.listen(recording, 0.25), load(kept / "model.tflite")
    audio = np.concatenate([tone(600, 11_025, 0.5), burst(0, 11_025, 0.5)])
    part = audio[round(0.5 * 11_025) :][: round(0.25 * 11_025)]
    alone = model({"audio": part[None], "rate": np.int32([11_025])})["probabilities"][0]
    np.testing.assert_allclose(heard["probabilities"][2], alone, atol=1e-3)  # 16 bits of the file
    assert heard["probabilities"].shape == (4, 2) and len(client.describe(heard)["windows"]) == 4


def test_what_does_not_go_together_is_one_line(kept, recording, capsys, tmp_path):
    file = str(kept / "model.tflite")
    for words, line in (
        (["--hop", "0.1"], "--hop is of --windows"),
        (["--windows", "--hop", "0.3"], "a hop of 0.3 s; allowed: 0.01 to 0.25"),
        (["--draw", str(tmp_path)], "--draw is of pictures"),
    ):
        assert edge(["predict", file, str(recording), *words]) == 2
        assert line in capsys.readouterr().err
    assert edge(["predict", file, str(tmp_path)]) == 1
    assert "holds no sound; looked for .wav" in capsys.readouterr().err
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    assert edge(["predict", file, str(tmp_path), str(recording)]) == 1
    bad, good = rows_of(capsys)
    assert "is no .wav file" in bad["error"] and good["prediction"]["top"]
