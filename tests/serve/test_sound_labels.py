"""A model of sounds with several labels, from its training to a server, to files and to the client."""

import shutil

import numpy as np
import pytest

from kerasvision.api import load
from kerasvision.core.registry import sources
from kerasvision.edge import open_client
from kerasvision.edge.verifying import verify
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from tests import store
from tests.contract import contracts
from tests.contract.audio_cases import several
from tests.contract.cases import CASES, CaseSamples
from tests.serve.conftest import QUIET, Client

NAME, MODEL = "audio_classification/multi_label", "audio_classification_multi_label"


@pytest.mark.nightly
def test_the_whole_line(tmp_path):
    sources.register("contract_case")(CaseSamples)
    try:
        case = CASES[NAME]
        recipe = contracts.recipe_of(NAME, case.make(), epochs=case.epochs, copies=15)
        _, contract, held = store.exported(recipe, case.exports, None)
        assert contract["metrics"]["test/mean_average_precision"] > 0.8  # a guess has about 0.5
        shutil.copytree(held / "saved_models" / MODEL, tmp_path / MODEL)
        model, inputs = load(tmp_path / MODEL / "1"), []
        for audio, rate, _ in several():
            inputs.append({"audio": audio[None], "rate": np.int32([rate])})
        expected = [{k: v[0] for k, v in model(one).items()} for one in inputs]
        _check_files(held, inputs, expected)
        _check_client(held / "tflite" / "models" / MODEL, expected)
        server = Server(configs_below(tmp_path), QUIET, tmp_path).start()
        try:
            _check_rest(Client(server.rest_port), expected)
        finally:
            server.stop()
    finally:
        sources._parts.pop("contract_case")


def _check_files(held, inputs, expected):
    for path, most in (
        (f"tflite/models/{MODEL}/model.tflite", 1e-4),
        (f"tflite/models/{MODEL}/model_int8.tflite", 0.1),
        (f"onnx/{MODEL}/model.onnx", 1e-4),
    ):
        model = load(held / path)
        for one, wanted in zip(inputs, expected, strict=True):
            found = model(one)
            np.testing.assert_allclose(found["probabilities"][0], wanted["probabilities"], atol=most, err_msg=path)
            assert found["present"].shape == (1, 2) and found["present"].dtype == np.int32


def _check_client(folder, expected):
    assert all(finding.passes for finding in verify(folder))
    client = open_client(folder / "model.tflite")
    for (audio, rate, _), wanted in zip(several(), expected, strict=True):
        found = client.predict((audio, int(rate)))
        np.testing.assert_allclose(found["probabilities"], wanted["probabilities"], atol=1e-4)
        sure = np.abs(wanted["probabilities"] - 0.5) > 1e-3  # there is no validation split for others
        np.testing.assert_array_equal(found["present"][sure], wanted["present"][sure])
    audio = np.concatenate([audio for audio, rate, _ in several() if rate == 8000])
    told = client.describe(client.listen((audio, 8000)))
    assert {"labels", "heard", "windows"} == set(told) and told["windows"][0].keys() == {"from_s", "to_s", "labels"}


def _check_rest(client, expected):
    for (audio, rate, _), wanted in zip(several()[:4], expected, strict=False):
        status, answer = client.predict(MODEL, {"instances": [{"audio": audio.tolist(), "rate": int(rate)}]})
        assert status == 200
        (found,) = answer["predictions"]
        np.testing.assert_allclose(found["probabilities"], wanted["probabilities"], atol=1e-5)
        assert np.shape(found["present"]) == (2,)
