"""A reader's .tflite joined of two functions, one with a loop; test_reader_file.py has trained models, nightly."""

import json

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from kerasvision.edge import open_reader
from kerasvision.edge.main import main as edge
from kerasvision.export import reader_file

SIDE, STRIP = 64, (16, 48)
PREPROCESS = {
    "version": 1,
    "kind": "image",
    "resize": "letterbox",
    "resample": "bilinear",
    "antialias": "area",
    "letterbox": {"gray": 114},
    "exif_orientation": "ignored",
}


def detect(image):
    """Two quads at known places; how many is counted in a loop."""
    (count,) = tf.while_loop(lambda n: n < 2, lambda n: [n + 1], [tf.zeros([], tf.int32)])
    rows = [[[4, 6], [52, 6], [52, 22], [4, 22]], [[4, 36], [40, 36], [40, 52], [4, 52]]]
    there = tf.cast(tf.reduce_mean(tf.cast(image, tf.float32)) >= 0.0, tf.float32)
    return {"quads_xy": tf.constant([rows], tf.float32) * there, "scores": tf.fill([1, 2], there), "count": count[None]}


def recognize(image):
    """ "a" of a dark strip, "b" of a light one."""
    light = tf.cast(tf.reduce_mean(tf.cast(image[:, 4:12, 16:32], tf.float32)) > 128, tf.int32)
    return {
        "labels": tf.stack([light, -1])[None],
        "scores": tf.constant([[0.75, 0.0]]),
        "boxes_xyxy": tf.constant([[[20.0, 0, 28, 16], [0, 0, 0, 0]]]),
        "count": tf.ones([1], tf.int32),
        "path_score": tf.constant([0.5]),
    }


def converted(function, hw):
    spec = tf.TensorSpec([1, *hw, 3], tf.uint8, name="image")
    module = tf.Module()
    module.call = tf.function(lambda image: function(image), input_signature=[spec], autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.call.get_concrete_function()], module)
    return converter.convert()


def described(hw, rule, outputs, classes):
    keys = {key: key for key in outputs if key != "path_score"}  # which stays as it is
    row = {
        "takes": "prepared",
        "inputs": {"image": {"dtype": "uint8", "shape": [1, *hw, 3]}},
        "outputs": outputs,
        "restore": {"rule": rule, "format": "xyxy_pixels", "keys": keys},
    }
    return {"preprocess": PREPROCESS | {"size_hw": list(hw)}, "classes": classes, "artifacts": [row]}


@pytest.fixture(scope="module")
def parts():
    return {"detect": converted(detect, (SIDE, SIDE)), "recognize": converted(recognize, STRIP)}


@pytest.fixture(scope="module")
def reader(parts, tmp_path_factory):
    keys = {key: {"dtype": "float32", "shape": [1, 2, 4, 2]} for key in ("quads_xy", "scores", "count")}
    boxes = {key: {"dtype": "float32", "shape": [1, 2]} for key in ("boxes_xyxy", "scores", "labels", "count")}
    boxes["path_score"] = {"dtype": "float32", "shape": [1]}
    about = {
        "reader": {"@": "systems/page_reader", "orientation": "0", "batch": 3},
        "detect": described((SIDE, SIDE), "quads", keys, ["text"]),
        "recognize": described(STRIP, "boxes", boxes, ["a", "b"]),
    }
    path = tmp_path_factory.mktemp("reader") / "reader.tflite"
    path.write_bytes(reader_file.joined(parts, about))
    return path


@pytest.mark.parametrize("order", [("detect", "recognize"), ("recognize", "detect")])
def test_signatures_answer_to_the_bit_and_a_loop_runs_its_own_graph(parts, order):
    whole = Interpreter(model_content=reader_file.joined({name: parts[name] for name in order}, {}))
    for name, hw in (("detect", (SIDE, SIDE)), ("recognize", STRIP)):
        image = np.random.default_rng(0).integers(0, 256, (1, *hw, 3)).astype(np.uint8)
        own = Interpreter(model_content=parts[name]).get_signature_runner("serving_default")(image=image)
        found = whole.get_signature_runner(name)(image=image)
        assert set(found) == set(own) and all(np.array_equal(found[key], own[key]) for key in own)
    assert int(whole.get_signature_runner("detect")(image=np.zeros((1, SIDE, SIDE, 3), np.uint8))["count"][0]) == 2


def test_the_client_reads_a_page_twice_as_large_from_the_file_alone(reader, tmp_path, capsys):
    """The upper line is dark, the lower one light; quads are in pixels of the page."""
    page = np.full((2 * SIDE, 2 * SIDE, 3), 255, np.uint8)
    page[:SIDE] = 0
    Image.fromarray(page).save(tmp_path / "page.png")
    assert edge(["read", str(reader), str(tmp_path)]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    lines = [line for block in row["blocks"] for line in block["lines"]]
    assert [(line["text"], line["score"]) for line in lines] == [("a", 0.5), ("b", 0.5)]
    assert lines[0]["quad_xy"] == [[8.0, 12.0], [104.0, 12.0], [104.0, 44.0], [8.0, 44.0]]
    assert edge(["read", str(reader), str(tmp_path), "--text"]) == 0
    assert capsys.readouterr().out == open_reader(reader).read(page).text + "\n"


def test_bad_input_is_one_line(parts, reader, tmp_path, capsys):
    files = {name: tmp_path / f"{name}.tflite" for name in ("plain", "damaged", "unknown", "short")}
    files["plain"].write_bytes(parts["detect"])
    files["damaged"].write_bytes(reader.read_bytes()[:2_000] + b"KERASVISION_READER")
    files["unknown"].write_bytes(reader_file.joined(parts, {"reader": {"sails": 3}, "detect": {}, "recognize": {}}))
    files["short"].write_bytes(reader_file.joined(parts, {"reader": {}, "detect": {}, "recognize": {}}))
    empty, page = tmp_path / "empty.png", tmp_path / "page.png"
    empty.write_bytes(b"")
    Image.new("RGB", (60, 40), "white").save(page)
    for words, code, said in (
        (["read", str(tmp_path / "none.tflite"), str(page)], 2, "none.tflite: read takes a reader's .tflite"),
        (["read", str(files["plain"]), str(page)], 2, "is no page reader; write one: kerasvision read"),
        (["read", str(files["damaged"]), str(page)], 1, "is damaged"),
        (["read", str(files["unknown"]), str(page)], 1, "this client does not know; install a newer one"),
        (["read", str(files["short"]), str(page)], 1, "does not say enough to read with"),
        (["predict", str(reader), str(page)], 1, "but detect, recognize; a page reader is asked by read"),
    ):
        assert edge(words) == code, words
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1, error
    assert edge(["read", str(reader), str(empty), str(page)]) == 1
    first, second = (json.loads(row) for row in capsys.readouterr().out.splitlines())
    assert "is empty (0 bytes)" in first["error"] and second["page"] == 1
