"""Indexes that are asked in words over the network: answered as the command line answers, or refused by one line."""

import dataclasses
import json
import shutil
import types

import numpy as np
import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.core.registry import create, sources
from kerasvision.serve import embedding
from kerasvision.serve.client import Client as OurClient
from kerasvision.serve.embedding import vectors_of
from kerasvision.serve.indexes import Wanted
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Server
from kerasvision.serve.status import ServingError
from kerasvision.systems.index import encoded_texts
from tests import store
from tests.contract import contracts
from tests.contract.cases import CASES, CaseSamples
from tests.serve.conftest import QUIET, Client, png
from tests.serve.test_indexes import PICTURES, encoded, index_of, save_embedder
from tests.waiting import HANG

NAME, MODEL = "embedding/image_text", "embedding_image_text"
BOTH = {"image_bytes": None, "text": None}  # what embedding/image_text takes


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    save_embedder(folder / "models" / "colors" / "1")
    wanted = Wanted(index_of(folder / "shop.index"), "colors")
    options = dataclasses.replace(QUIET, indexes=(wanted,), writable=True)
    server = Server(configs_below(folder / "models"), options, folder / "models").start()
    yield Client(server.rest_port)
    server.stop()


@pytest.mark.parametrize(
    ("verb", "document", "words"),
    [
        ("search", {"texts": ["red"]}, "colors knows no words; train a model of both with embedding/image_text"),
        ("search", {"texts": ["red"], "instances": encoded(PICTURES[0])}, "'instances' and 'texts' are asked for one"),
        ("search", {"texts": ["red"], "numbers": [0]}, "'numbers' and 'texts' are asked for one by one; send two"),
        ("search", {"numbers": []}, "'numbers' must be a list of 1 to 1000 numbers of items"),
        ("search", {"numbers": [True]}, "'numbers' must be a list of 1 to 1000 numbers of items"),
        ("search", {"numbers": [0] * 1001}, "'numbers' must be a list of 1 to 1000 numbers of items"),
        ("search", {"texts": "red"}, "'texts' must be a list of texts"),
        ("search", {"texts": []}, "'texts' must be a list of texts"),
        ("search", {"texts": [3]}, "'texts' must be a list of texts"),
        ("search", {"text": "red"}, "Missing 'inputs' or 'instances' key, of pictures, or 'texts'"),
        ("add", {"texts": ["red"], "items": [{"path": "a"}]}, "an index holds pictures, and 'texts' only search it"),
    ],
)
def test_what_cannot_be_is_one_line(client, verb, document, words):
    status, answer = client.ask("POST", f"/v1/indexes/shop:{verb}", json.dumps(document))
    assert status == 400 and words in answer["error"] and "\n" not in answer["error"]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """(a server of a model of pictures and words and of an index by it, the index, paths of its pictures)."""
    sources.register("contract_case")(CaseSamples)
    try:
        case, folder = CASES[NAME], tmp_path_factory.mktemp("both")
        recipe = contracts.recipe_of(NAME, case.make(), epochs=case.epochs, copies=15)
        held = store.exported(recipe, case.exports, None)[2]
        shutil.copytree(held / "saved_models" / MODEL, folder / "models" / MODEL)
        paths = [folder / f"{number}.png" for number in range(4)]
        for path, pixels in zip(paths, PICTURES, strict=False):
            path.write_bytes(png(pixels))
        index, model = folder / "things.index", str(folder / "models" / MODEL / "1")
        assert main(["index", "build", *map(str, paths), "--model", model, "--out", str(index)]) == 0
        options = dataclasses.replace(QUIET, indexes=(Wanted(index, MODEL),))
        server = Server(configs_below(folder / "models"), options, folder / "models").start()
        yield server, index, paths
        server.stop()
    finally:
        sources._parts.pop("contract_case")


@pytest.mark.nightly  # a run and exports of its own
def test_words_and_pictures_are_answered_as_the_command_line_answers(both, capsys):
    server, index, paths = both
    asked = ["a large red box", "ein grüner Ring"]
    words = [word for text in asked for word in ("--text", text)]
    assert main(["index", "query", str(index), str(paths[2]), *words, "--top", "3", "--json"]) == 0
    expected = [json.loads(text)["nearest"] for text in capsys.readouterr().out.splitlines()]
    with OurClient(f"http://127.0.0.1:{server.rest_port}", deadline=HANG) as client:
        found = client.search("things", texts=asked, top=3) + client.search("things", [paths[2].read_bytes()], top=3)
        assert len(found) == len(expected) == 3
        for row, wanted in zip(found, expected, strict=True):
            assert [item["cosine"] for item in row] == pytest.approx([item["cosine"] for item in wanted], abs=1e-4)
            assert row[0]["path"] == wanted[0]["path"]
        assert found[0] != found[1] and found[2][0]["path"] == str(paths[2])
        with pytest.raises(ServingError, match="a text of 0 bytes; allowed: 1 to 1048576"):
            client.search("things", texts=["red", ""])


def test_the_client_takes_pictures_or_words():
    for asked in ({}, {"pictures": [b"a"], "texts": ["b"]}):
        with pytest.raises(UsageError, match="search takes pictures or texts, one or more"):
            OurClient("http://127.0.0.1:1").search("shop", **asked)
    for asked in ({"pictures": b"a"}, {"texts": "a red apple"}):  # of which a list would have eleven texts
        with pytest.raises(UsageError, match="search takes lists"):
            OurClient("http://127.0.0.1:1").search("shop", **asked)


@pytest.mark.parametrize("signatures", [("serving_bytes",), ("serving_bytes", "embed_sound")])
def test_a_model_of_more_than_pictures_and_words_is_refused(signatures):
    servable = types.SimpleNamespace(name="both", signature_defs=dict.fromkeys(signatures), inputs_of=lambda name: BOTH)
    with pytest.raises(ServingError, match="both has no signature serving_bytes of pictures alone"):
        vectors_of(types.SimpleNamespace(servable=servable), None, {})


def test_words_want_a_contract(tmp_path):
    """A SavedModel of somebody else: nothing says how its texts are prepared."""
    servable = types.SimpleNamespace(
        name="both",
        path=tmp_path,
        signature_defs=dict.fromkeys(("serving_bytes", "embed_text")),
        inputs_of=lambda n: BOTH,
    )
    current = types.SimpleNamespace(require=lambda servable, embed: None)
    predictor = types.SimpleNamespace(servable=servable, explain=None)
    with pytest.raises(ServingError, match="has no contract of this version to prepare texts by"):
        vectors_of(predictor, current, {"texts": ["red"]})


def test_words_are_sent_to_the_function_of_words_as_the_contract_prepares_them(monkeypatch, tmp_path):
    """By hand: UTF-8, cut before a character, and zeros behind."""
    arch, asked = create(NAME, length=5, words=2), []
    monkeypatch.setattr(embedding, "described", lambda path, wants: (arch, ()))

    def unwatched(inputs, signature):
        asked.append(({key: value.tolist() for key, value in inputs.items()}, signature))
        return {"text_embedding": np.eye(2)}

    servable = types.SimpleNamespace(
        name="both",
        path=tmp_path,
        signature_defs=dict.fromkeys(("serving_bytes", "embed_text")),
        inputs_of=lambda name: BOTH,
    )
    predictor = types.SimpleNamespace(servable=servable, explain=None, unwatched=unwatched)
    current = types.SimpleNamespace(require=lambda servable, embed: None)
    found = vectors_of(predictor, current, {"texts": ["red", "grüße"]})
    assert found.dtype == np.float32 and found.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    rows = [[*b"red", 0, 0], [*"grü".encode(), 0]]  # the next letter has two bytes, and there is room for one
    assert asked == [({"text_bytes": rows}, "embed_text")]


def test_texts_on_both_sides_of_their_lengths():
    assert encoded_texts(["a", "ß", "a" * 2**20]) == [b"a", "ß".encode(), b"a" * 2**20]
    for wrong, words in (
        ("", "a text of 0 bytes"),
        ("a" * (2**20 + 1), "a text of 1048577 bytes"),
        ("\udcff", "no UTF-8"),
    ):
        with pytest.raises(UsageError, match=words):
            encoded_texts(["a", wrong])


def test_a_picture_of_a_model_of_both_comes_with_a_text_of_ours():
    asked = []

    def unwatched(inputs, signature):
        asked.append((sorted(inputs), inputs["text"].tolist(), signature))
        return {"embedding": np.ones([1, 2])}

    servable = types.SimpleNamespace(
        name="both",
        signature_defs=dict.fromkeys(("serving_bytes", "embed_text")),
        inputs_of=lambda name: {"image_bytes": types.SimpleNamespace(dtype=7), "text": None},
    )
    predictor = types.SimpleNamespace(servable=servable, explain=None, predict=None, unwatched=unwatched)
    current = types.SimpleNamespace(require=lambda servable, embed: None)
    assert vectors_of(predictor, current, {"instances": [{"b64": "YQ=="}]}).tolist() == [[1.0, 1.0]]
    assert asked == [(["image_bytes", "text"], ["-"], "serving_bytes")]
