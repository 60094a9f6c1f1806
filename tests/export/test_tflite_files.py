"""What a phone is given: files that answer in LiteRT alone, with their goldens and labels."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.export.base import from_spec
from kerasvision.export.targets.tflite import TFLite, convert

FILES = {
    "tflite:float32": "model.tflite",
    "tflite:float16": "model_float16.tflite",
    "tflite:int8": "model_int8.tflite",
    "tflite:int8:uint8": "model_int8_uint8.tflite",
}


@pytest.fixture(scope="module")
def folder(digits_exports):
    return digits_exports[2] / "tflite" / "models" / "digits"


def answers(content, images):
    """One image after the other through LiteRT, as a client without this package would."""
    run = Interpreter(model_content=content).get_signature_runner()
    return np.concatenate([run(image=image[None])["probabilities"] for image in images])


def test_goldens_replay_in_litert_alone(folder, digits_exports):
    golden = np.load(folder / "golden.npz")
    assert golden["input/image"].dtype == np.uint8 and golden["input/image"].shape == (8, 8, 8, 3)
    got = answers((folder / "model.tflite").read_bytes(), golden["input/image"])
    agreement = digits_exports[0]["tflite:float32"].agreement
    assert np.abs(got - golden["output/probabilities"]).max() <= agreement["tolerance"]
    assert np.ptp(got.argmax(1)) > 0, "goldens of one class prove little"


def test_labels_are_the_classes_in_order(folder):
    assert (folder / "labels.txt").read_text() == "".join(f"{c}\n" for c in "0123456789")


@pytest.mark.parametrize("spec", FILES)
def test_signatures_take_pixels_and_give_what_they_say(folder, spec):
    run = Interpreter(str(folder / FILES[spec])).get_signature_runner()
    (image,), (scores,) = run.get_input_details().values(), run.get_output_details().values()
    assert (image["dtype"], image["shape"].tolist()) == (np.uint8, [1, 8, 8, 3])
    whole = spec == "tflite:int8:uint8"
    assert scores["dtype"] == (np.uint8 if whole else np.float32) and scores["shape"].tolist() == [1, 10]
    assert image["quantization"] == ((1.0, 0) if whole else (0.0, 0))


def weights_below(path, dtype):
    details = Interpreter(str(path)).get_tensor_details()
    return sum(int(np.prod(t["shape"])) for t in details if t["dtype"] == dtype and t["name"])


def test_precisions_are_what_they_are_called(folder, digits_run):
    kernels = sum(int(np.prod(w.shape)) for w in digits_run.graph.trainable_weights if "kernel" in w.name)
    assert weights_below(folder / "model_float16.tflite", np.float16) >= kernels
    assert weights_below(folder / "model_int8.tflite", np.int8) >= kernels
    assert weights_below(folder / "model.tflite", np.int8) == 0
    sizes = {spec: (folder / name).stat().st_size for spec, name in FILES.items()}
    assert sizes["tflite:int8"] < sizes["tflite:float32"] > sizes["tflite:float16"]


def test_the_ends_of_an_int8_graph_stay_float(digits_exports):
    ops = digits_exports[0]["tflite:int8"].ops
    assert {"DEQUANTIZE", "QUANTIZE"} <= set(ops)
    run = Interpreter(str(digits_exports[0]["tflite:int8"].path))
    softmax = [t for t in run.get_tensor_details() if t["name"].startswith("StatefulPartitionedCall")]
    assert softmax and all(t["dtype"] == np.float32 for t in softmax)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")  # TensorFlow's converter warns of its own
def test_integer_input_takes_pixels_as_they_are_even_after_dark_calibration(digits_run):
    """Calibrated on images below 100, then asked about bright ones: scale 1, or every pixel would be misread."""
    rng = np.random.default_rng(0)
    dark = tuple({"image": rng.integers(0, 100, (1, 8, 8, 3)).astype(np.uint8)} for _ in range(10))
    before = [feed["image"].copy() for feed in dark]
    content = convert(digits_run.served(), "int8", "uint8", dark)
    (image,) = Interpreter(model_content=content).get_signature_runner().get_input_details().values()
    assert image["quantization"] == (1.0, 0)
    for feed, kept in zip(dark, before, strict=True):
        np.testing.assert_array_equal(feed["image"], kept)  # the caller's arrays are not touched


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_a_quantization_aware_graph_needs_no_calibration(digits_run):
    aware = from_qat(digits_run)
    images = real_digits(digits_run, 40)
    content = convert(aware, "int8", "mixed", calibration=())
    expected = aware.serve({"image": images})["probabilities"].numpy()
    assert np.abs(answers(content, images) - expected).max() < 0.05
    kernels = [t for t in Interpreter(model_content=content).get_tensor_details() if t["dtype"] == np.int8]
    assert len(kernels) > 5


def real_digits(trained, count):
    split = trained.recipe.data.open().splits["test"]
    return np.stack([s["image"] for s in split.records.map(split.read).take(count).as_numpy_iterator()])


def from_qat(trained):
    """The digits graph with fake quantization, its ranges observed on real images."""
    from kerasvision.core.registry import create
    from kerasvision.inference.served import Served

    graph = create("techniques/qat").graph(trained.arch, trained.graph)
    images = trained.arch.normalize({"image": tf.constant(real_digits(trained, 200))})
    for _ in range(20):
        graph(images, training=True)
    return Served(trained.arch, graph, trained.classes)


@pytest.mark.parametrize("spec", ["tflite", "tflite:float32", "tflite:int8", "tflite:int8:uint8", "tflite:int16x8"])
def test_specs_are_read_back(spec):
    exporter = from_spec(spec)
    assert from_spec(exporter.spec) == exporter
    assert exporter == dataclasses.replace(TFLite(), quantize=exporter.quantize, io=exporter.io)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("tflite:int4", "allowed: 'float32', 'float16', 'dynamic', 'int8', 'int16x8'"),
        ("tflite:float32:uint8", "integer input and output: tflite:int8:uint8"),
        ("tflite:int8:uint8:more", "write tflite"),
        ("onnx:int8", "onnx takes no options; seen: int8"),
        ("tensorrt", "no exporters named 'tensorrt'"),
    ],
)
def test_specs_that_do_not_exist_are_refused_in_one_line(spec, words):
    with pytest.raises((UsageError, KerasVisionError)) as caught:
        from_spec(spec)
    assert words in str(caught.value) and "\n" not in str(caught.value)
