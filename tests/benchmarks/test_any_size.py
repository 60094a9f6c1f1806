"""What bringing a picture to the graph's size inside of a .tflite costs: processor time of one picture, one thread.

`pytest -m benchmark -n 0 -s tests/benchmarks/test_any_size.py`
"""

import time

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kerasvision.ops import any_size

SIDES = ((480, 640), (1080, 1920), (3000, 4000))
RUNS = 5


@pytest.mark.benchmark
@pytest.mark.parametrize("antialias", ["none", "area"])
def test_time_of_one_picture(antialias):
    rules = {"size_hw": [96, 112], "resize": "letterbox", "resample": "bilinear", "antialias": antialias}
    rules["letterbox"] = {"gray": 114}
    spec = tf.TensorSpec([1, None, None, 3], tf.uint8, "image")
    prepared = tf.function(lambda image: any_size.fit(image, rules)[0], input_signature=[spec], autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([prepared.get_concrete_function()], tf.Module())
    run = Interpreter(model_content=converter.convert(), num_threads=1).get_signature_runner()
    for sides in SIDES:
        picture = np.random.default_rng(0).integers(0, 256, (1, *sides, 3), np.uint8)
        run(image=picture)
        start = time.process_time()
        for _ in range(RUNS):
            run(image=picture)
        took = 1000 * (time.process_time() - start) / RUNS
        print(f"antialias {antialias}, {sides[1]} x {sides[0]} to 112 x 96: {took:.1f} ms")
        assert took > 0
