"""The recipe for microcontrollers: what of its file follows from the network alone, whatever is learned."""

import dataclasses

import numpy as np

from kerasvision.cli.recipes import load_recipe
from kerasvision.export.inspection import inspect
from kerasvision.export.micro import OPERATORS
from kerasvision.export.targets.tflite import convert
from kerasvision.inference.served import Served
from tests.pipelines.drawn import FOLDER

MOST_MACS, MOST_BYTES = 7_500_000, 250_000


def test_its_file_is_small_enough_and_of_operators_that_microcontrollers_have(tmp_path):
    recipe = load_recipe(f"{FOLDER / 'tiny_present.py'}:recipe")
    (exporter,) = [e for e in recipe.exports if e.quantize == "int8"]
    arch = dataclasses.replace(recipe.model, num_classes=2)
    served = Served(arch, arch.build(), ("no animal", "animal"))
    pictures = [{"image": np.random.default_rng(n).integers(0, 256, (1, 96, 96, 3), np.uint8)} for n in range(2)]
    path = tmp_path / "model_int8_uint8.tflite"
    path.write_bytes(convert(served, "int8", exporter.io, pictures))
    found = inspect(path)
    stated = (FOLDER / "tiny_present.py").read_text()
    told = f"{found['macs']:,} multiplications, {found['weights']['count']:,} weights and biases"
    assert found["macs"] < MOST_MACS and found["file"]["bytes"] < MOST_BYTES
    assert told in stated and f"{found['arena_bytes']:,} bytes of activations" in stated
    assert set(found["operators"]) <= OPERATORS
    for row in (*found["inputs"].values(), *found["outputs"].values()):
        assert row["dtype"] == "uint8" and "quantization" in row
