"""A model of texts from its training to a server: every file answers as the run, over REST, gRPC and the page."""

import base64
import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from kerasvision.api import load
from kerasvision.core.registry import sources
from kerasvision.serve.client import Client as AnyClient
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from tests import store
from tests.contract import contracts
from tests.contract.cases import CASES, CaseSamples
from tests.ops import tokenizer
from tests.serve.conftest import QUIET, Client

NAME, MODEL = "text_classification/classifier", "text_classification_classifier"
TEXTS = ("Errors should never pass SILENTLY.", "Stille Wasser, sagt die Größe \U0001f600", "none of them")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """(a server of the export, the folder of all its files, what the SavedModel says of `TEXTS`)."""
    sources.register("contract_case")(CaseSamples)
    try:
        case, folder = CASES[NAME], tmp_path_factory.mktemp("texts") / "saved_models"
        held = store.exported(
            contracts.recipe_of(NAME, case.make(), epochs=case.epochs, copies=15), case.exports, None
        )[2]
        shutil.copytree(held / "saved_models" / MODEL, folder / MODEL)
        server = Server(configs_below(folder), QUIET, folder).start()
        texts = np.array([t.encode() for t in TEXTS], object)
        yield server, held, load(folder / MODEL / "1")({"text": texts})["probabilities"]
        server.stop()
    finally:
        sources._parts.pop("contract_case")


def test_every_file_answers_alike(kept):
    _, held, expected = kept
    assert np.ptp(expected[:, 0]) > 0.05
    texts = np.array([t.encode() for t in TEXTS], object)
    for path, most in (
        (f"tflite/models/{MODEL}/model.tflite", 1e-5),
        (f"tflite/models/{MODEL}/model_int8.tflite", 0.1),
        (f"onnx/{MODEL}/model.onnx", 1e-5),
    ):
        found = load(held / path)({"text": texts})["probabilities"]
        np.testing.assert_allclose(found, expected, atol=most, err_msg=path)


def test_the_contract_says_what_a_client_owes(kept):
    """By hand: the sum over the words of the asset, and the hash of each of them in a rising order."""
    contract = json.loads((kept[1] / "tflite" / "models" / MODEL / "contract.json").read_text())
    rules = contract["preprocess"]
    words = (kept[1] / "saved_models" / MODEL / "1" / "assets" / "vocabulary.txt").read_text(encoding="utf-8")
    assert rules["kind"] == "text" and rules["length_bytes"] == 40 and rules["tokens_inside_files"]
    assert rules["vocabulary"] == {"words": 14, "sha256": hashlib.sha256(words.encode()).hexdigest()}
    hashes = [tokenizer.hashed(word, rules["hash"]["multiplier"]) for word in words.split()]
    assert hashes == sorted(hashes) and len(hashes) == 14
    assert contract["prepared_inputs"]["text_bytes"] == {"dtype": "uint8", "shape": [None, 40], "unit": "byte of UTF-8"}


def test_rest_and_grpc_answer_and_refuse(kept):
    server, _, expected = kept
    client = Client(server.rest_port)
    status, answer = client.predict(MODEL, {"instances": list(TEXTS)})
    assert status == 200
    np.testing.assert_allclose(answer["predictions"], expected, atol=1e-6)
    with AnyClient(f"grpc://localhost:{server.grpc_port}") as grpc:
        found = grpc.predict(MODEL, {"text": np.array([t.encode() for t in TEXTS], object)})
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
    for wrong, line in (
        (["good", ""], "a text is empty; give at least one character"),
        ([{"b64": base64.b64encode(b"na\xefve").decode()}], "a text is no UTF-8; encode it so"),
    ):
        status, answer = client.predict(MODEL, {"instances": wrong})
        assert status == 400 and line in answer["error"]
    status, answer = client.predict(MODEL, {"instances": [1.5]})
    assert status == 400 and "error" in answer
    assert client.predict(MODEL, {"instances": list(TEXTS)})[0] == 200  # and goes on


def test_the_page_s_field_is_answered(kept):
    server, _, expected = kept
    client = Client(server.rest_port)
    status, answer = client.ask("POST", f"/draw/{MODEL}", TEXTS[0].encode())
    best = CASES[NAME].classes[int(expected[0].argmax())]
    assert status == 200 and answer["words"].startswith(best) and answer["answer"]["top"][0]["label"] == best
    status, answer = client.ask("POST", f"/draw/{MODEL}", b"")
    assert status == 400 and "the text is empty" in answer["error"]


def test_the_graph_in_the_saved_model_has_no_string_operator_behind_its_bytes(kept):
    """Ids are made by what phones have: beside the cut, no operator of strings or tables is called."""
    ops = {
        row["kind"]: row["ops"]
        for row in json.loads((kept[1] / "tflite" / "models" / MODEL / "contract.json").read_text())["artifacts"]
    }
    for kind, counts in ops.items():
        assert not any(name.startswith("Flex") or "String" in name or "Hashtable" in name for name in counts), kind
    assert tf.constant(TEXTS).dtype == tf.string
