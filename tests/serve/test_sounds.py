"""A model of sounds from its training to a server: every file answers as the run, and REST takes samples and rate."""

import json
import shutil

import numpy as np
import pytest

from kerasvision.api import load
from kerasvision.core.registry import sources
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from tests import store
from tests.contract import contracts
from tests.contract.audio_cases import sounds
from tests.contract.cases import CASES, CaseSamples
from tests.serve.conftest import QUIET, Client

NAME, MODEL = "audio_classification/classifier", "audio_classification_classifier"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """(a server of the export, the folder of all its files, what the SavedModel says of `sounds`)."""
    sources.register("contract_case")(CaseSamples)
    try:
        case, folder = CASES[NAME], tmp_path_factory.mktemp("sounds") / "saved_models"
        held = store.exported(
            contracts.recipe_of(NAME, case.make(), epochs=case.epochs, copies=15), case.exports, None
        )[2]
        shutil.copytree(held / "saved_models" / MODEL, folder / MODEL)
        server = Server(configs_below(folder), QUIET, folder).start()
        model = load(folder / MODEL / "1")
        yield server, held, np.concatenate([model(_inputs(a, rate))["probabilities"] for a, rate, _ in sounds()])
        server.stop()
    finally:
        sources._parts.pop("contract_case")


def _inputs(audio, rate):
    return {"audio": audio[None], "rate": np.int32([rate])}


@pytest.mark.nightly
def test_every_file_answers_alike(kept):
    _, held, expected = kept
    assert np.ptp(expected[:, 0]) > 0.05
    for path, most in (
        (f"tflite/models/{MODEL}/model.tflite", 1e-4),
        (f"tflite/models/{MODEL}/model_int8.tflite", 0.1),
        (f"onnx/{MODEL}/model.onnx", 1e-4),
    ):
        model = load(held / path)
        found = np.concatenate([model(_inputs(a, rate))["probabilities"] for a, rate, _ in sounds()])
        np.testing.assert_allclose(found, expected, atol=most, err_msg=path)


def test_no_file_has_an_operator_of_its_own_for_transforms(kept):
    contract = json.loads((kept[1] / "tflite" / "models" / MODEL / "contract.json").read_text())
    assert contract["preprocess"]["kind"] == "audio" and contract["preprocess"]["samples"] == 2000
    assert contract["inputs"]["audio"]["kind"] == "audio" and contract["inputs"]["rate"]["read_with"] == "audio"
    ops = {name for row in contract["artifacts"] for name in row.get("ops", {})}
    assert not {name for name in ops if "FFT" in name.upper() or "FLEX" in name.upper()}


def test_samples_and_their_rate_over_rest(kept):
    server, _, expected = kept
    client = Client(server.rest_port)
    for (audio, rate, _), wanted in zip(sounds()[:2], expected, strict=False):
        status, answer = client.predict(MODEL, {"instances": [{"audio": audio.tolist(), "rate": rate}]})
        assert status == 200
        np.testing.assert_allclose(answer["predictions"][0], wanted, atol=1e-5)
    for given, line in (
        ({"audio": [0.1, 0.2], "rate": 7}, "the rate of a sound is 1000 to 384000 samples a second"),
        ({"audio": [900.0], "rate": 8000}, "divide integers by their largest"),
        ({"audio": [0.1]}, "rate"),
    ):
        status, answer = client.predict(MODEL, {"instances": [given]})
        assert status == 400 and line in answer["error"]
    status, answer = client.ask("POST", f"/draw/{MODEL}", b"RIFF")
    assert status == 400 and "which no picture is" in answer["error"]
