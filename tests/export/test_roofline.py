"""The roofline: kernels that compute what they say, and a file's place by hand-made numbers."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kerasvision.export import roof
from kerasvision.export.roofline import least_seconds, placed

ROOF = {"macs_per_s": {"float32": 100.0, "int8": 400.0}, "bytes_per_s": [[64, 50.0], [1024, 10.0]]}


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_kernel_is_the_product_with_its_weights(dtype):
    side, channels = 3, 16
    runner = Interpreter(model_content=roof.kernel(dtype, side, channels))
    runner.allocate_tensors()
    pixels = np.random.default_rng(1).integers(-3, 4, (1, side, side, channels))
    runner.set_tensor(0, pixels.astype(dtype))
    runner.invoke()
    weights = np.random.default_rng(0).integers(-8, 8, (channels, 1, 1, channels))[:, 0, 0]
    product = pixels @ weights.T
    if dtype == "int8":  # (p / 8) * (w / 8) in steps of 1 / 8
        product = np.clip(product / 8, -128, 127)
    assert np.abs(runner.get_tensor(3) - product).max() <= (0.5 if dtype == "int8" else 1e-4)


@pytest.mark.parametrize(
    ("dtype", "count", "size", "wanted"),
    [
        ("float32", 1000, 400, 10.0),  # 400 bytes at 50 take 8 s, 1000 products at 100 take 10 s
        ("float32", 700, 400, 8.0),
        ("int8", 1000, 40, 2.5),  # fewer bytes than any working set move at the rate of the least
        ("int8", 0, 2048, 204.8),  # more than the largest: at its rate
    ],
)
def test_the_slower_of_both_counts(dtype, count, size, wanted):
    assert least_seconds(dtype, count, size, ROOF) == pytest.approx(wanted)


def test_what_is_measured_is_said(monkeypatch):
    monkeypatch.setattr(roof, "TURNS", 2)
    monkeypatch.setattr(roof, "SETS", (2**16, 2**20))
    found = roof.measured(2)
    rates = [*found["macs_per_s"].values(), *(rate for _, rate in found["bytes_per_s"])]
    assert all(np.isfinite(rate) and rate > 1e6 for rate in rates)
    assert roof.in_words(found).startswith("2 threads: ") and " within 64 kB, " in roof.in_words(found)


def test_many_threads_copy_less_each():
    """A gigabyte of all together: up to 16 threads the whole 64 MB each."""
    assert [roof.sets_of(threads)[-1] for threads in (1, 16, 17, 64)] == [2**26, 2**26, 2**30 // 17, 2**24]
    assert roof.sets_of(64)[:2] == roof.SETS[:2]


def test_what_is_not_counted_has_no_place(tmp_path):
    (tmp_path / "kernel.tflite").write_bytes(roof.kernel("int8", 2, 4))  # without a signature
    assert placed("model.onnx", 1.0, ROOF) == placed(tmp_path / "kernel.tflite", 1.0, ROOF) == {}


def test_a_file_with_a_loop_has_no_place(tmp_path):
    def doubled(x):
        return {"y": tf.while_loop(lambda n, _: n < 5, lambda n, v: (n + 1, v @ tf.ones([4, 4])), (0, x))[1]}

    for name, function in (("loop", doubled), ("plain", lambda x: {"y": x @ tf.ones([4, 4])})):
        module = tf.Module()
        module.f = tf.function(function, input_signature=[tf.TensorSpec([2, 4], tf.float32)], autograph=False)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([module.f.get_concrete_function()], module)
        (tmp_path / f"{name}.tflite").write_bytes(converter.convert())
    assert placed(tmp_path / "loop.tflite", 1.0, ROOF) == {}
    assert placed(tmp_path / "plain.tflite", 1.0, ROOF)["macs"] == 2 * 4 * 4
