"""A page reader as one SavedModel: its signatures, what it reads, and the embedded server that answers with it."""

import base64
import http.client
import io
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasvision import api
from kerasvision.cli.main import main
from kerasvision.core.errors import KerasVisionError
from kerasvision.edge.pages.page import page_of
from kerasvision.export.reader import saved
from kerasvision.serve.models import configs_below
from kerasvision.serve.server import Options, Server
from kerasvision.systems.base import Session
from kerasvision.systems.page_reader import PageReader
from tests.export import reading_toys
from tests.waiting import HANG

pytestmark = (
    pytest.mark.nightly
)  # SavedModels are dear to load; test_reader_graph.py has the same by day, without files
LINES = {"texts", "scores", "quads_xy", "count", "unread", "refused"}


@pytest.fixture(scope="module")
def files():
    """{model: folder of its SavedModel}."""
    with reading_toys.registered():
        yield reading_toys.files("saved_model")


@pytest.fixture(scope="module")
def reader(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "reader" / "1"
    assert main(["read", *map(str, files.values()), "--save", str(path), "--set", "margin=0.1"]) == 0
    return path


def as_file(pixels, form):
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, form)
    return held.getvalue()


def pages():
    """The scenes, of two sizes, and noise that is larger."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 130, 3)).astype(np.uint8)
    return [*reading_toys.scenes(), noise]


def lines_of(answer, row):
    count = int(answer["count"][row])
    return [(answer["texts"][row][i], answer["quads_xy"][row][i], answer["scores"][row][i]) for i in range(count)]


def test_it_reads_as_the_two_models_do_and_files_of_any_size_in_one_batch(files, reader):
    model = tf.saved_model.load(str(reader))
    assert set(model.signatures) == {"serving_default", "serving_bytes", "detect", "recognize"}
    session = Session(PageReader(orientation="0", margin=0.1), {name: api.load(path) for name, path in files.items()})
    encoded = tf.constant([as_file(pixels, "PNG") for pixels in pages()])
    answers = {key: value.numpy() for key, value in model.signatures["serving_bytes"](image_bytes=encoded).items()}
    assert set(answers) == LINES and answers["texts"].shape == (len(pages()), 8)
    said = 0
    for number, pixels in enumerate(pages()):
        page = page_of(session.step({"image": pixels}))
        mine = lines_of(answers, number)
        said += len(mine)
        words = sorted(word.text for line in page.lines for word in line.words)
        assert sorted(word for text, _, _ in mine for word in text.decode().split(" ")) == words
        assert int(answers["unread"][number]) >= page.unread, "of several quads of a line some may say nothing"
        alone = model.signatures["serving_default"](image=tf.constant(pixels[None]))
        for key, value in alone.items():
            np.testing.assert_array_equal(value[0], answers[key][number], err_msg=key)
    assert said > 2, "models that say nothing would prove nothing"


def test_lines_are_in_the_detectors_order(files, reader):
    model, detector = tf.saved_model.load(str(reader)), api.load(files["detector"])
    kept = 0
    for pixels in pages():
        there = detector({"image": pixels[None]})
        centers = there["quads_xy"][0][: int(there["count"][0])].mean(1)
        found = lines_of({k: v.numpy() for k, v in model.signatures["serving_default"](image=pixels[None]).items()}, 0)
        places = [int(np.abs(centers - quad.mean(0)).max(1).argmin()) for _, quad, _ in found]
        assert places == sorted(places)
        kept += len(places)
    assert kept > 2


def test_the_command_line_reads_from_it(files, reader, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number, pixels in enumerate(pages()):
        Image.fromarray(pixels).save(f"{number}.png")
    rows = []
    for words in ([*map(str, files.values()), "--set", "margin=0.1"], [str(reader)], [str(reader.parent)]):
        assert main(["read", *words[: 2 - len(words) % 2], ".", "--json", *words[2:]]) == 0
        rows.append([json.loads(row) for row in capsys.readouterr().out.splitlines()])
    assert rows[0] == rows[1] == rows[2] and any(row["blocks"] for row in rows[0])


def ask(server, files):
    """(status, JSON) of a request over files of pictures."""
    instances = [{"image_bytes": {"b64": base64.b64encode(file).decode()}} for file in files]
    body = json.dumps({"signature_name": "serving_bytes", "instances": instances})
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=HANG)
    connection.request("POST", "/v1/models/reader:predict", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_the_embedded_server_answers_with_it(reader):
    """As TensorFlow Serving's REST API: files in base64, texts as strings."""
    pixels = pages()[:3]
    server = Server(configs_below(reader.parents[1]), Options(rest_port=0, grpc_port=0)).start()
    try:
        status, answer = ask(server, [as_file(p, "PNG") for p in pixels])
        assert status == 200, answer
        status, broken = ask(server, [b"no picture"])
        assert status == 400 and "\n" not in broken["error"]
    finally:
        server.stop()
    own = tf.saved_model.load(str(reader)).signatures["serving_bytes"]
    own = own(image_bytes=tf.constant([as_file(p, "PNG") for p in pixels]))
    for number, row in enumerate(answer["predictions"]):
        assert row["texts"] == [text.decode() for text in own["texts"][number].numpy()]
        np.testing.assert_allclose(row["quads_xy"], own["quads_xy"][number], rtol=1e-6)


def test_what_is_saved_says_what_it_is_and_is_known_when_it_changes(reader, tmp_path):
    held = saved.saved_reader_in(reader)
    assert held["reader"]["margin"] == 0.1 and held["detect"]["task"] == "text_detection"
    assert saved.saved_reader_in(reader.parent)["sum"] == held["sum"] and saved.saved_reader_in(tmp_path) is None
    copy = tmp_path / "1"
    shutil.copytree(reader, copy)
    assert saved.saved_reader_in(copy)["sum"] == held["sum"]
    weights = next((copy / "variables").glob("*.data-*"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(KerasVisionError, match="was changed or damaged"):
        saved.saved_reader_in(copy)
    (copy / saved.PLACE).write_text("{")
    with pytest.raises(KerasVisionError, match="reader.json is damaged; save the reader again"):
        saved.saved_reader_in(copy)


def test_what_answers_otherwise_is_not_written(files, tmp_path, monkeypatch):
    right = saved.SavedModelRunner

    class Other(right):
        def infer(self, inputs):
            found = super().infer(inputs)
            return found | {"scores": found["scores"] + 0.01} if self.is_other else found

    def opened(path, arch, signature="serving_default"):
        runner = Other(path, arch, signature)
        runner.is_other = signature == "recognize"
        return runner

    monkeypatch.setattr(saved, "SavedModelRunner", opened)
    settings = {"orientation": "auto", "right_to_left": False, "margin": 0.0, "batch": 16}
    with pytest.raises(KerasVisionError, match="nothing was written: recognize answers otherwise than"):
        saved.write_saved_reader(tmp_path / "a" / "1", settings, files)
    assert not list((tmp_path / "a").iterdir())


def test_bad_input_is_one_line(files, reader, tmp_path, capsys):
    two = [str(path) for path in files.values()]
    lonely = tmp_path / "lonely" / "1"
    shutil.copytree(files["recognizer"], lonely)
    (lonely / "assets.extra" / "golden.npz").unlink()
    for words, code, said in (
        ([*two, "--save", str(reader)], 1, "a version is never overwritten, give the next number"),
        ([str(reader), "--save", str(tmp_path / "1")], 2, "is saved already; copy it"),
        ([str(reader), "--set", "detector.max_quads=3", "a.png"], 2, "have their settings inside"),
        ([two[0], str(lonely), "--save", str(tmp_path / "1")], 1, "is not the file of its contract.json"),
    ):
        assert main(["read", *words]) == code, words
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    assert not (tmp_path / "1").exists()
