"""Signatures for clients that have some of a model's senses: against the trained model with flags, and over REST."""

import base64
import io
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision.export import partial
from kerasvision.export.targets.saved_model import write_saved_model
from kerasvision.inference.served import Served
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from tests.contract import contracts
from tests.contract.cases import CASES
from tests.export.random_models import randomized
from tests.serve.conftest import QUIET, Client

SETS = ("image", "text", "numbers", "image_text", "image_numbers", "text_numbers", "image_text_numbers")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(architecture, its Served, folder of models) with random weights."""
    case = CASES["multi_modal/classifier"]
    arch = case.make()
    served = Served(arch, randomized(contracts.built(arch), 3), case.classes)
    folder = tmp_path_factory.mktemp("models")
    write_saved_model(served, folder / "shop" / "1")
    return arch, served, folder


@pytest.fixture(scope="module")
def signatures(made):
    model = tf.saved_model.load(str(made[2] / "shop" / "1"))
    signatures = dict(model.signatures)
    return signatures | {"held": model}


def examples():
    """Two examples with all senses, batched, by key; of the pictures a window that both have."""
    rows = [s for s in CASES["multi_modal/classifier"].samples() if s["senses"].all()][:2]
    h, w = np.min([row["image"].shape[:2] for row in rows], 0)
    rows = [row | {"image": row["image"][:h, :w]} for row in rows]
    return {key: np.stack([row[key] for row in rows]) for key in ("image", "text", "numbers")}


def with_flags(served, rows, keys):
    """What the trained model answers where flags say what is there, and the rest is whatever it may be."""
    rng, count = np.random.default_rng(0), len(rows["text"])
    whatever = {
        "image": rng.integers(0, 256, rows["image"].shape, np.uint8),
        "text": np.array([b"the rocket"] * count, object),
        "numbers": np.full(rows["numbers"].shape, 77.0, np.float32),
    }
    flags = np.repeat(np.uint8([[key in keys for key in whatever]]), count, 0)
    given = {key: rows[key] if key in keys else whatever[key] for key in whatever} | {"senses": flags}
    return {k: v.numpy() for k, v in served.serve({k: tf.constant(v) for k, v in given.items()}).items()}


@pytest.mark.parametrize("name", SETS)
def test_it_answers_as_the_model_does_with_flags(name, made, signatures):
    keys, rows = name.split("_"), examples()
    function = signatures[f"serving_{name}"]
    assert set(function.structured_input_signature[1]) == set(keys)
    found = function(**{key: tf.constant(rows[key]) for key in keys})
    wanted = with_flags(made[1], rows, keys)
    others = [with_flags(made[1], rows, other.split("_"))["probabilities"] for other in SETS if other != name]
    assert min(np.abs(wanted["probabilities"] - other).max() for other in others) > 1e-4, "the sets are not told apart"
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, atol=1e-5)


def png(image):
    held = io.BytesIO()
    Image.fromarray(image).save(held, "PNG")
    return held.getvalue()


def test_pictures_come_encoded_where_there_are_any(made, signatures):
    rows = examples()
    named = {name for name in signatures if name.startswith("serving_bytes_")}
    assert named == {f"serving_bytes_{name}" for name in SETS if "image" in name}
    files = tf.constant([png(image) for image in rows["image"]])
    found = signatures["serving_bytes_image_text"](image_bytes=files, text=tf.constant(rows["text"]))
    np.testing.assert_allclose(
        found["probabilities"], with_flags(made[1], rows, ("image", "text"))["probabilities"], atol=1e-5
    )


def test_a_signature_that_answers_otherwise_is_found(made, signatures):
    rows = examples()
    sample = {key: value[:1] for key, value in rows.items()} | {"senses": np.ones((1, 3), np.uint8)}
    judge = types.SimpleNamespace(arch=made[0], samples=(sample,))
    assert list(partial.check(signatures, judge)) == []
    swapped = signatures | {"serving_text": lambda text: signatures["serving_default"](**sample)}
    (line,) = partial.check(swapped, judge)
    assert line == "serving_text answers otherwise than serving_default with the flags of text"
    del swapped["serving_text"]
    assert list(partial.check(swapped, judge)) == []


def test_a_request_leaves_out_what_it_has_not(made, tmp_path):
    rows = examples()
    server = Server(configs_below(made[2]), QUIET, tmp_path).start()
    try:
        client = Client(server.rest_port)
        picture = {"b64": base64.b64encode(png(rows["image"][0])).decode()}
        one = {"image_bytes": picture, "text": rows["text"][0].decode()}
        status, answer = client.predict("shop", {"signature_name": "serving_bytes_image_text", "instances": [one]})
        assert status == 200
        wanted = with_flags(made[1], rows, ("image", "text"))["probabilities"][0]
        np.testing.assert_allclose(answer["predictions"][0], wanted, atol=1e-5)
        body = {"signature_name": "serving_text", "instances": [{"text": rows["text"][1].decode()}]}
        status, answer = client.predict("shop", body)
        wanted = with_flags(made[1], rows, ("text",))["probabilities"][1]
        np.testing.assert_allclose(answer["predictions"][0], wanted, atol=1e-5)
        status, answer = client.predict("shop", {"signature_name": "serving_text", "instances": [{"text": 3.5}]})
        assert status == 400 and "text" in answer["error"]
        status, answer = client.predict("shop", {"signature_name": "serving_text_numbers", "instances": [one]})
        assert status == 400 and "error" in answer
    finally:
        server.stop()
